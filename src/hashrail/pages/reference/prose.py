"""Markdown as HTML. Comments vanish, and raw HTML is shown as the text that it is."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

COMMENT = re.compile(r"<!--.*?-->", re.S)
HEADING = re.compile(r"^(#{1,6}) (.+)$")
NO_SLUG = re.compile(r"[^\w\- ]")
TABLE = '<div class="scroll" tabindex="0" role="region" aria-label="Table">\n<table>\n'


def shown(text: str) -> Markup:
    """Paragraphs, lists and tables."""
    return Markup(_reader().render(text))  # noqa: S704  its renderer escapes


def inline(text: str) -> Markup:
    """A sentence."""
    return Markup(_reader().renderInline(text))  # noqa: S704  its renderer escapes


def page(text: str, linked: Callable[[str], str | None]) -> Markup:
    """A whole page: headings have anchors, and columns of figures a class in place of a style.

    `linked` tells where a link leads here, None where there is no such place: then its words stand alone.
    """
    reader = _reader()
    tokens = reader.parse(text)
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(tokens[number + 1].content))
        if token.attrs.pop("style", None) == "text-align:right":
            token.attrSet("class", "figure")
        if token.children is not None:
            token.children = _linked(token.children, linked)
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704  its renderer escapes


def headings(text: str) -> Iterator[tuple[int, str]]:
    """(level, words) of each heading, in order; those of a whole manual, in no time."""
    is_code = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        found = None if is_code else HEADING.match(line)
        if found is not None:
            yield len(found[1]), plain(found[2])


def plain(text: str) -> str:
    """A sentence without its marks."""
    return text.replace("`", "").replace("**", "")


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return NO_SLUG.sub("", heading.lower()).replace(" ", "-")


def _linked(children: Sequence[Token], linked: Callable[[str], str | None]) -> list[Token]:
    kept: list[Token] = []
    is_dropped = False
    for token in children:
        if token.type == "link_open":
            target = linked(str(token.attrGet("href")))
            is_dropped = target is None
            if target is not None:
                token.attrSet("href", target)
        if not (is_dropped and token.type in {"link_open", "link_close"}):
            kept.append(token)
    return kept


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.add_render_rule("html_block", _raw)
    reader.add_render_rule("html_inline", _raw)
    reader.add_render_rule("table_open", lambda *_: TABLE)
    reader.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    return reader


def _raw(renderer: Any, tokens: Sequence[Token], number: int, *_: Any) -> str:
    return escape(COMMENT.sub("", tokens[number].content))
