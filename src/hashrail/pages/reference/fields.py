"""What requests take and answers give, a row a field, outside in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from hashrail.api.document.field_words import WORDS
from hashrail.api.wire.models import MAX_ID
from hashrail.pages.reference import prose

# What every signed call carries; the page says it in one line.
SIGNED_FIELDS = ("signature", "timestamp", "recvWindow")
DEEPEST = 6
REF = "#/components/schemas/"
# From and to, and how each is said where the other is not.
RANGES = (("minLength", "maxLength", " characters"), ("minimum", "maximum", ""))
BOUNDS = (
    ("exclusiveMinimum", "more than {}"),
    ("exclusiveMaximum", "less than {}"),
    ("const", "`{}`"),
    ("default", "default `{}`"),
)
# What only a validator reads.
SELDOM = (("pattern", "`{}`"), ("maximum", "at most {}"), ("exclusiveMaximum", "less than {}"), ("format", "{}"))
# Formats that the type of a field tells already.
TOLD = ("decimal",)


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `path` is `data.array[].power`, `name` its last part, `depth` how far inside it stands."""

    name: str
    path: str
    depth: int
    place: str
    kind: str
    is_optional: bool
    about: Markup
    bounds: Markup
    exactly: tuple[Markup, ...]


def resolved(document: Any, part: Any) -> Any:
    """What a reference points at."""
    while "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found | {key: value for key, value in part.items() if key != "$ref"}
    return part


def request(document: Any, operation: Any) -> list[Field]:
    """Parameters and the fields of the body, without those of the signature."""
    found = [
        _field(
            part["name"], part["name"], 0, part["in"], part["schema"] | _said(part), is_optional=not part["required"]
        )
        for part in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        found += of_schema(document, content["schema"], "body")
    return [field for field in found if field.path not in SIGNED_FIELDS]


def of_schema(document: Any, schema: Any, place: str = "") -> list[Field]:
    """The fields of a body or an answer. Of alternatives all, each path once."""
    return list({field.path: field for field in _below(document, schema, "", 0, place)}.values())


def _below(document: Any, schema: Any, path: str, depth: int, place: str) -> Iterator[Field]:
    """The fields of an object, of the objects of an array, and of each alternative."""
    schema = resolved(document, schema)
    if depth > DEEPEST:
        return
    for part in schema.get("anyOf", []):
        yield from _below(document, part, path, depth, place)
    if "items" in schema:
        yield from _below(document, schema["items"], f"{path}[]", depth, place)
    for name, part in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        facts = _without_null(document, resolved(document, part))
        yield _field(name, inner, depth, place, facts, is_optional=name not in schema.get("required", []))
        yield from _below(document, facts, inner, depth + 1, place)


def _without_null(document: Any, schema: Any) -> Any:
    """`A or null` as A that may be null."""
    choices = [resolved(document, part) for part in schema.get("anyOf", [])]
    shown = [part for part in choices if part.get("type") != "null"]
    if len(shown) == len(choices) or len(shown) != 1:
        return schema
    return shown[0] | {key: value for key, value in schema.items() if key != "anyOf"} | {"or null": True}


def _field(name: str, path: str, depth: int, place: str, schema: Any, *, is_optional: bool) -> Field:
    return Field(
        name=name,
        path=path,
        depth=depth,
        place=place,
        kind=_kind(schema),
        is_optional=is_optional,
        about=prose.inline(schema.get("description", WORDS.get(name, ""))),
        bounds=prose.inline(_bounds(schema)),
        exactly=tuple(
            prose.inline(words.format(schema[key]))
            for key, words in SELDOM
            if key in schema and schema[key] not in TOLD and (key in ("pattern", "format") or _is_seldom(schema[key]))
        ),
    )


def _said(part: Any) -> dict[str, str]:
    return {"description": part["description"]} if "description" in part else {}


def _kind(schema: Any) -> str:
    kinds = {part["type"] for part in schema.get("anyOf", []) if "type" in part}
    kind = schema.get("type", " or ".join(sorted(kinds)) or "object")
    known = [*(kind if isinstance(kind, list) else [kind]), *(["null"] if "or null" in schema else [])]
    return " or ".join(dict.fromkeys(known))


def _bounds(schema: Any) -> str:
    found = [words for least, most, unit in RANGES for words in _range(schema.get(least), schema.get(most), unit)]
    found += [words.format(_spelled(schema[key])) for key, words in BOUNDS if _is_told(schema.get(key))]
    if "enum" in schema:
        found.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"] if value is not None))
    return ", ".join(found)


def _range(least: object, most: object, unit: str) -> Iterator[str]:
    if most is None or _is_seldom(most):
        if least is not None:
            yield f"at least {least}{unit}"
    elif least is None:
        yield f"at most {most}{unit}"
    else:
        yield f"{least}{unit}" if least == most else f"{least} to {most}{unit}"


def _is_told(bound: object) -> bool:
    """Whether there is something to say: not of a default that is empty."""
    return bound not in (None, "", [], ()) and not _is_seldom(bound)


def _spelled(value: object) -> str:
    """As JSON has it, texts without their quotes."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _is_seldom(bound: object) -> bool:
    """Whether no request of this world comes near it."""
    return isinstance(bound, int) and not isinstance(bound, bool) and bound >= MAX_ID
