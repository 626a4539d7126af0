"""The guides of docs/, as pages beside the reference.

In a checkout, `docs` of this folder is a link to those that are edited; a wheel has a copy of them there.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from markupsafe import Markup

from hashrail.pages.reference import prose

PATH = "/api/docs/guides"
# What stands where, in the order of reading: pages of docs/ itself by name, or all of a folder.
SHELVES = (
    ("Start", ("tutorial",)),
    ("How to", "how-to"),
    ("Why", "why"),
    (
        "Operate",
        ("runbook", "README", "decisions", "dependencies", "benchmarks", "benchmarks-vendor", "endurance", "routing"),
    ),
    ("Reference", "reference"),
)


@dataclass(frozen=True, slots=True)
class Guide:
    """A page of docs/: its name is its path without `.md`, its shelf where it stands in the contents."""

    name: str
    shelf: str
    title: str
    text: str

    @property
    def url(self) -> str:
        """Where it is read."""
        return f"{PATH}/{self.name}"


@cache
def shelves() -> list[tuple[str, list[Guide]]]:
    """All guides, by the shelf that they stand on."""
    texts = dict(_texts(files("hashrail.pages.reference") / "docs", ""))
    found = []
    for shelf, kept in SHELVES:
        names = kept if isinstance(kept, tuple) else sorted(name for name in texts if name.startswith(f"{kept}/"))
        found.append((shelf, [Guide(name, shelf, _title(texts[name]), texts[name]) for name in names]))
    return found


@cache
def by_name() -> dict[str, Guide]:
    """All guides by their names."""
    return {guide.name: guide for _, guides in shelves() for guide in guides}


@cache
def shown(name: str) -> Markup:
    """A guide as HTML. Raises KeyError where there is none of that name."""
    guide = by_name()[name]
    return prose.page(guide.text, lambda target: linked(guide, target))


def linked(guide: Guide, target: str) -> str | None:
    """Where a link of a guide leads: to another guide, to the world, or nowhere where it names a file of the source."""
    if target.startswith(("https://", "http://", "#")):
        return target
    path, _, anchor = target.partition("#")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(guide.name), path)).removesuffix(".md")
    if name not in by_name():
        return None
    return by_name()[name].url + (f"#{anchor}" if anchor else "")


def _texts(place: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    """(name, text) of every page below a folder."""
    for entry in place.iterdir():
        if entry.is_dir():
            yield from _texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".md"):
            yield prefix + entry.name.removesuffix(".md"), entry.read_text(encoding="utf-8")


def _title(text: str) -> str:
    return next(words for level, words in prose.headings(text) if level == 1)
