"""The API reference as a page, written from the OpenAPI document. It needs nothing from elsewhere.

The page is complete without its script, which only searches. Nothing of it is inline, so that it is served under
`Content-Security-Policy: default-src 'self'`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import msgspec

from hashrail.api.document import openapi
from hashrail.api.serving.call import ENCODER
from hashrail.api.serving.operation import JSON
from hashrail.settings import Settings

DOCUMENT_PATH = "/api/openapi.json"
PAGE_PATH = "/api/docs"
STYLE_PATH = "/api/docs/page.css"
SCRIPT_PATH = "/api/docs/page.js"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
DEEPEST = 6

ERRORS_HEAD = "<table><thead><tr><th>status</th><th>code</th><th>cause</th><th>what to do</th></tr></thead><tbody>"
BOLD = re.compile(r"\*\*(.+?)\*\*")
CODE = re.compile(r"`(.+?)`")
ITEM = re.compile(r"^(?:- |[0-9]+\. )", re.M)


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that is served as it is, for as long as the process lives."""

    body: bytes
    media_type: str

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with it: a tag by which a client knows that it has this already, and what a page may load."""
        return {
            "etag": f'"{hashlib.sha256(self.body).hexdigest()[:32]}"',
            "cache-control": "no-cache",
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            # The document and the page are nobody's secret, and tools of other origins read them.
            "access-control-allow-origin": "*",
        }


def pages(settings: Settings) -> dict[str, Kept]:
    """The document, the page and its two files, by path."""
    document = openapi.document(settings)
    return {
        DOCUMENT_PATH: Kept(ENCODER.encode(document), JSON),
        PAGE_PATH: Kept(page(document).encode(), "text/html"),
        STYLE_PATH: Kept(_file("page.css"), "text/css"),
        SCRIPT_PATH: Kept(_file("page.js"), "text/javascript"),
    }


def page(document: Any) -> str:
    """The document as HTML."""
    info = document["info"]
    schemes = document["components"]["securitySchemes"]
    return Template(_file("page.html").decode()).substitute(
        title=escape(info["title"]),
        version=escape(info["version"]),
        story=prose(info["description"]),
        callers="".join(f"<h4>{escape(name)}</h4>{prose(facts['description'])}" for name, facts in schemes.items()),
        navigation="".join(_navigation(document)),
        operations="".join(_operations(document)),
        errors=ERRORS_HEAD
        + "".join(_error_row(code, facts, f' id="{code}"') for code, facts in document["x-hashrail-errors"].items())
        + "</tbody></table>",
    )


def prose(text: str) -> str:
    """Paragraphs, lists, **bold** and `code`, which is all that the document's texts use."""
    parts = []
    for block in text.split("\n\n"):
        if ITEM.match(block):
            items = "".join(f"<li>{_inline(item)}</li>" for item in ITEM.split(block)[1:])
            parts.append(f"<ol>{items}</ol>" if block[0].isdigit() else f"<ul>{items}</ul>")
        else:
            parts.append(f"<p>{_inline(block)}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", BOLD.sub(r"<strong>\1</strong>", escape(text.strip())))


def _by_tag(document: Any) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """(tag, [(path, method, operation)]), those of the contract first, by their numbers."""
    found = [
        (path, method.upper(), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    after_all = len(found)
    found.sort(key=lambda each: each[2].get("x-contract-number", after_all))
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in found):
        yield tag, [each for each in found if each[2]["tags"][0] == tag]


def _navigation(document: Any) -> Iterator[str]:
    for tag, operations in _by_tag(document):
        entries = "".join(
            f'<li data-operation="{name}"><a href="#{name}">{_number(operation)}{escape(operation["summary"])}</a></li>'
            for _, _, operation in operations
            for name in [escape(operation["operationId"])]
        )
        yield f'<div data-tag="{escape(tag)}"><h2>{escape(tag)}</h2><ul>{entries}</ul></div>'


def _number(operation: Any) -> str:
    number = operation.get("x-contract-number")
    return "" if number is None else f'<span class="number">#{number}</span> '


def _operations(document: Any) -> Iterator[str]:
    for tag, operations in _by_tag(document):
        sections = "".join(_section(document, *each) for each in operations)
        yield f'<div data-tag="{escape(tag)}"><h2>{escape(tag)}</h2>{sections}</div>'


def _section(document: Any, path: str, method: str, operation: Any) -> str:
    """One operation: what it is for, what it takes, an example, what it answers, how it refuses."""
    name = escape(operation["operationId"])
    extension = ' <span class="badge">extension</span>' if operation.get("x-hashrail-extension") else ""
    return (
        f'<section id="{name}"><h3>{_number(operation)}<a href="#{name}">{name}</a>{extension}</h3>'
        f'<p class="path"><span class="method {method}">{method}</span><code>{escape(path)}</code></p>'
        f"{prose(operation['description'])}"
        f"{_taken(document, operation)}"
        f"{_command(operation)}"
        f"{_answer(document, operation)}"
        f"{_refusals(document, operation)}</section>"
    )


def _taken(document: Any, operation: Any) -> str:
    """Parameters and body fields."""
    rows = [
        _row(part["name"], part["schema"], part.get("description"), part["in"], required=part["required"])
        for part in operation.get("parameters", [])
    ]
    body = operation.get("requestBody")
    if body is not None:
        rows += fields(document, body["content"][JSON]["schema"], "", "body")
    return _table("Request", rows)


def _answer(document: Any, operation: Any) -> str:
    ((media_type, content),) = operation["responses"]["200"]["content"].items()
    if media_type != JSON:
        return f"<h4>Answer</h4><p>{escape(media_type)}</p>{_sample(content)}"
    return _table("Answer", fields(document, content["schema"], "", "")) + _sample(content)


def _sample(content: Any) -> str:
    if "example" not in content:
        return ""
    example = content["example"]
    shown = example if isinstance(example, str) else _printed(example)
    return f"<pre><code>{escape(shown)}</code></pre>"


def _printed(example: Any) -> str:
    """JSON for people, every number as it was sent."""
    return msgspec.json.format(ENCODER.encode(example), indent=2).decode()


def _command(operation: Any) -> str:
    """The recorded request as a command line."""
    samples = "".join(f"<pre><code>{escape(sample['source'])}</code></pre>" for sample in operation["x-codeSamples"])
    return f"<h4>Example</h4>{samples}" if samples else ""


def _refusals(document: Any, operation: Any) -> str:
    """The codes that the operation may answer with: its own ones with their causes, and where to read of the others."""
    known, own = document["x-hashrail-errors"], operation["x-hashrail-refuses"]
    refused = [response for status, response in operation["responses"].items() if status >= "400"]
    others = [code for response in refused for code in _codes(document, response) if code not in own]
    rows = "".join(_error_row(code, known[code]) for code in own)
    links = ", ".join(f'<a href="#{code}"><code>{code}</code></a>' for code in others)
    table = f"{ERRORS_HEAD}{rows}</tbody></table>" if rows else ""
    return (
        f"<h4>Errors</h4>{table}<details><summary>{len(others)} of any such request</summary><p>{links}</p></details>"
    )


def _codes(document: Any, response: Any) -> list[str]:
    codes: list[str] = _resolved(document, response)["content"][JSON]["schema"]["properties"]["error"]["enum"]
    return codes


def _error_row(code: str, facts: Any, anchor: str = "") -> str:
    cells = (str(facts["status"]), f"<code>{escape(code)}</code>", _inline(facts["cause"]), _inline(facts["advice"]))
    return f"<tr{anchor}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(title: str, rows: list[str]) -> str:
    if not rows:
        return ""
    return f"<h4>{title}</h4><table><tbody>{''.join(rows)}</tbody></table>"


def _row(name: str, schema: Any, description: str | None, place: str, *, required: bool) -> str:
    facts = [part for part in (place, "" if required else "optional") if part]
    about = "; ".join(part for part in (_inline(description or ""), _inline(_bounds(schema))) if part)
    return f"<tr><td><code>{escape(name)}</code></td><td>{', '.join([_type(schema), *facts])}</td><td>{about}</td></tr>"


def fields(document: Any, schema: Any, name: str, place: str, *, required: bool = True, depth: int = 0) -> list[str]:
    """A row for each field of a schema, `data.array[].id`, outside in."""
    schema = _resolved(document, schema)
    choices = schema.get("anyOf", [])
    shown = [part for part in choices if part.get("type") != "null"]
    if shown and depth < DEEPEST:
        if len(shown) < len(choices):
            shown = [_resolved(document, part) | {"or null": True} for part in shown]
        deeper = [fields(document, part, name, place, required=required, depth=depth + 1) for part in shown]
        return list(dict.fromkeys(row for rows in deeper for row in rows))
    rows = [_row(name, schema, schema.get("description"), place, required=required)] if name else []
    for inner, facts in schema.get("properties", {}).items():
        path = f"{name}.{inner}" if name else inner
        rows += fields(document, facts, path, place, required=inner in schema.get("required", []), depth=depth + 1)
    if "items" in schema:
        inner_schema = _resolved(document, schema["items"])
        if "properties" in inner_schema or "items" in inner_schema:
            rows += fields(document, schema["items"], f"{name}[]", place, depth=depth + 1)[1:]
    return rows


def _type(schema: Any) -> str:
    kind = schema.get("type", "any")
    kinds = [*(kind if isinstance(kind, list) else [kind]), *(["null"] if "or null" in schema else [])]
    return escape(" or ".join(kinds))


def _bounds(schema: Any) -> str:
    """Bounds in words."""
    said = [
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
        ("minimum", "at least {}"),
        ("maximum", "at most {}"),
        ("exclusiveMinimum", "more than {}"),
        ("exclusiveMaximum", "less than {}"),
        ("pattern", "`{}`"),
        ("format", "{}"),
        ("const", "`{}`"),
        ("default", "default `{}`"),
    ]
    found = [words.format(schema[name]) for name, words in said if name in schema and schema[name] != "decimal"]
    if "enum" in schema:
        found.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"] if value is not None))
    return ", ".join(found)


def _resolved(document: Any, part: Any) -> Any:
    while "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _file(name: str) -> bytes:
    return (files("hashrail.api.document") / "page" / name).read_bytes()
