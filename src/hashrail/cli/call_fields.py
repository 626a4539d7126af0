"""The fields of an operation as options, and what is typed for them as the wire wants it.

`partnerUserId` is `--partner-user-id`; a field of a part has the part's name before it: `--data.nft-id`. A number goes
out with the digits that were typed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from msgspec import Struct
from msgspec import inspect as models

from hashrail_client.signing import SignatureFault
from hashrail_client.wire import read_body

# Made when the call is sent.
MADE = frozenset({"signature", "timestamp"})
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
UPPER = re.compile("[A-Z]")
TRUTH = {"true": True, "false": False}
WORDS: dict[type[models.Type], str] = {
    models.StrType: "text",
    models.IntType: "number",
    models.DecimalType: "number",
    models.BoolType: "true | false",
    models.ListType: "list",
}


class BadFieldError(Exception):
    """What was typed cannot be sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an operation: its place in what is sent, the option that sets it, and what is known of it."""

    place: tuple[str, ...]
    type: models.Type
    is_required: bool
    about: str

    @property
    def option(self) -> str:
        """As `--data.nft-id`."""
        return f"--{_as_option('.'.join(self.place))}"

    @property
    def kind(self) -> str:
        """What is typed for it, in a word."""
        return _kind(self.type)


def fields_of(model: type[Struct]) -> tuple[Field, ...]:
    """The fields of a model that an option sets. A field that has fields of its own is set by theirs."""
    described = models.type_info(model)
    assert isinstance(described, models.StructType), "an operation takes a struct"
    found: dict[str, Field] = {}
    for field in _fields(described, (), is_required=True):
        found.setdefault(field.option, field)
    return tuple(found.values())


def _fields(described: models.StructType, above: tuple[str, ...], *, is_required: bool) -> Iterator[Field]:
    for field in described.fields:
        if not above and field.encode_name in MADE:
            continue
        about, inner = _unwrapped(field.type)
        place, needed = (*above, field.encode_name), is_required and field.required
        parts = [each for each in _types(inner) if isinstance(each, models.StructType)]
        if not parts:
            yield Field(place, inner, needed, about)
        tags = [(each.tag_field, each.tag) for each in parts if each.tag_field is not None]
        if tags:
            yield Field((*place, str(tags[0][0])), models.LiteralType(tuple(tag for _, tag in tags)), needed, "")
        for part in parts:
            # Of several kinds of a part, none needs what is another one's.
            yield from _fields(part, place, is_required=needed and len(parts) == 1)


def _types(described: models.Type) -> tuple[models.Type, ...]:
    return described.types if isinstance(described, models.UnionType) else (described,)


def _as_option(name: str) -> str:
    return UPPER.sub(lambda letter: f"-{letter[0].lower()}", name).replace("_", "-")


def _unwrapped(described: models.Type) -> tuple[str, models.Type]:
    """(what is said of a type, the type itself)."""
    if not isinstance(described, models.Metadata):
        return "", described
    return (described.extra_json_schema or {}).get("description", ""), described.type


def _kind(described: models.Type) -> str:
    """A type in a word."""
    _, bare = _unwrapped(described)
    if isinstance(bare, models.LiteralType):
        return " | ".join(map(str, bare.values))
    if isinstance(bare, models.EnumType):
        return " | ".join(str(each.value) for each in bare.cls)
    if isinstance(bare, models.UnionType):
        return " | ".join(dict.fromkeys(map(_kind, _some(bare))))
    return WORDS.get(type(bare), "JSON")


def _some(described: models.UnionType) -> list[models.Type]:
    """The types of a union that are something."""
    return [each for each in described.types if not isinstance(each, models.NoneType)]


def parted(words: Sequence[str]) -> list[tuple[str, str]]:
    """Options and their values, as they were typed. Raises BadFieldError."""
    found: list[tuple[str, str]] = []
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("--") or word == "--":
            raise BadFieldError(f"{word!r} belongs to no field: write --field value.")
        option, given, value = word.partition("=")
        if not given:
            value = next(waiting, None)  # type: ignore[assignment]
            if value is None:
                raise BadFieldError(f"{option} has no value.")
        found.append((option, value))
    return found


def typed(model: type[Struct], words: Sequence[str], *, is_query: bool) -> dict[str, Any]:
    """What options say, as a query or a body has it. Raises BadFieldError, with the nearest options there are."""
    known = {field.option: field for field in fields_of(model)}
    said: dict[str, Any] = {}
    for option, text in parted(words):
        field = known.get(_as_option(option))
        if field is None:
            raise BadFieldError(f"there is no field {option}{meant(option, known)}")
        if is_query:
            said[field.place[0]] = text
        else:
            _put(said, field, _value(field.type, text, field.option))
    return said


def meant(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """The nearest words, as the end of a sentence that says that there is no such word."""
    near = get_close_matches(word, list(known), n=3)
    return f"; is {' or '.join(near)} meant?" if near else "."


def _put(said: dict[str, Any], field: Field, value: object) -> None:
    """Set a field within its parts; a list that is named again grows."""
    *above, last = field.place
    for name in above:
        said = said.setdefault(name, {})
        if not isinstance(said, dict):
            raise BadFieldError(f"{field.option} is within {name}, which has a value already.")
    before = said.get(last)
    said[last] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value


def _value(described: models.Type, text: str, option: str) -> object:
    """What was typed, by the type of the field. Raises BadFieldError."""
    _, bare = _unwrapped(described)
    match bare:
        case models.StrType() | models.LiteralType() | models.EnumType():
            return text
        case models.IntType() | models.DecimalType():
            if NUMBER.fullmatch(text) is None:
                raise BadFieldError(f"{option} is a number, and {text!r} is none.")
            return Decimal(text)
        case models.BoolType():
            if text not in TRUTH:
                raise BadFieldError(f"{option} is true or false.")
            return TRUTH[text]
        case models.ListType() if not text.startswith("["):
            return [_value(bare.item_type, each.strip(), option) for each in text.split(",") if each.strip()]
        case models.UnionType():
            return _one_of(bare, text, option)
    return json_of(f'{{"value":{text}}}', option)["value"]


def _one_of(described: models.UnionType, text: str, option: str) -> object:
    """A value of the first type that takes it; null means none where that may be."""
    if text == "null":
        return None
    parts = _some(described)
    for part in parts[:-1]:
        try:
            return _value(part, text, option)
        except BadFieldError:
            continue
    return _value(parts[-1], text, option)


def json_of(text: str, of: str) -> dict[str, Any]:
    """A JSON object with exact numbers. Raises BadFieldError."""
    try:
        return dict(read_body(text.encode("utf-8", "surrogatepass")).members)
    except SignatureFault as fault:
        raise BadFieldError(f"{of}: {fault.message}.") from fault
