"""Reading requests into models: every refusal names its field and has a code of its own."""

import functools
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hashrail import clock
from hashrail.errors import BadRequestError
from hashrail.money import is_amount

S = TypeVar("S", bound=Struct)
ONE = Decimal(1)
MOST_DAYS = 366
PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
# What is no decimal was sent as a text, where a number is wanted.
OTHER_TYPE = re.compile(r"Expected `[^`]*`(, got `|$)|Invalid decimal string")
NAMED = re.compile(r"field `(?P<name>[^`]*)`")

# Texts of which only some are right. Python's $ also stands before a newline at the end, so each says that none may
# follow.
LIMIT = r"^(0{0,2}[1-9]|0?[1-9][0-9]|[1-9][0-9]{2})$(?!\n)"
LIMIT_OF_100 = r"^(0{0,2}[1-9]|0?[1-9][0-9]|100)$(?!\n)"
OFFSET = r"^[0-9]{1,5}$(?!\n)"
FLAG = r"^(true|false)$(?!\n)"
DIGITS = r"^[0-9]+$(?!\n)"
ID_DIGITS = r"^[0-9]{1,16}$(?!\n)"
WINDOW = r"^0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|60000)$(?!\n)"
QUANTITY = r"^[0-9]+(\.[0-9]+)?$(?!\n)"
RIGHT_TEXTS = {
    LIMIT: "1 to 999",
    LIMIT_OF_100: "1 to 100",
    OFFSET: "a whole number, 0 to 99999",
    FLAG: "true or false",
    DIGITS: "a whole number",
    ID_DIGITS: "a whole number of at most 16 digits",
    WINDOW: "a whole number of milliseconds, 1 to 60000",
    QUANTITY: "a number, in digits and at most one point",
}
# What the library's names of types are to whoever sends JSON.
TYPES = {
    "str": "a text",
    "int": "a whole number",
    "decimal": "a number",
    "float": "a number with a fraction or an exponent",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
# Each form of the library's messages, and what is told instead.
FORMS = (
    *(
        (re.escape(f"Expected `str` matching regex {pattern!r}"), f"must be {words}")
        for pattern, words in RIGHT_TEXTS.items()
    ),
    (r"Expected `\w+`, got `null`", "may not be null"),
    (r"Expected `(\w+)`, got `(\w+)`", "must be {0}, not {1}"),
    (r"Expected `(\w+)`", "must be {0}"),
    (r"Invalid decimal string", "must be a number, not a text"),
    (r"Number out of range", "is beyond every bound"),
    (r"Expected `int` >= (-?\d+)", "must be at least {0}"),
    (r"Expected `int` <= (-?\d+)", "must be at most {0}"),
    (r"Expected `str` of length >= 1", "may not be empty"),
    (r"Expected `str` of length <= (\d+)", "must have at most {0} characters"),
    (r"(?s:Invalid (?:enum )?value .*)", "is none of its documented values"),
)


class FieldMissingError(BadRequestError):
    """A required field is not there."""

    code = "FIELD_MISSING"
    advice = "Send the named field."


class FieldUnknownError(BadRequestError):
    """The body has a field that the operation does not know, or a name in the query differs from one by its case."""

    code = "FIELD_UNKNOWN"
    advice = "Leave the named field out, or correct its spelling."


class FieldTypeError(BadRequestError):
    """A field has another JSON type than documented."""

    code = "FIELD_TYPE"
    advice = "Send the named field with its documented type."


class FieldBoundsError(BadRequestError):
    """A field is outside its documented bounds."""

    code = "FIELD_OUT_OF_BOUNDS"
    advice = "Compare the named field with its length, range or pattern in the API reference."


class FieldTextError(BadRequestError):
    """A text holds a character that cannot be stored."""

    code = "FIELD_TEXT"
    advice = "Remove the NUL character from the named field."


class RangeTooLongError(BadRequestError):
    """A range of days covers at most a leap year."""

    code = "RANGE_TOO_LONG"
    advice = "Ask for at most 366 days at a time."


class RangeBackwardsError(BadRequestError):
    """A range of days ends before it begins."""

    code = "RANGE_BACKWARDS"
    advice = "Send endDate on or after startDate."


class BodyMalformedError(BadRequestError):
    """The body is not one JSON document in UTF-8."""

    code = "BODY_MALFORMED"
    advice = "Send one JSON object, encoded as UTF-8."


# What `day_range` refuses.
DAY_RANGE = (clock.DateTimeWithoutZoneError, clock.BadDateTimeError, RangeBackwardsError, RangeTooLongError)


def read_json(raw: bytes, model: type[S], members: Mapping[str, object]) -> S:
    """A body as its model; numbers keep every digit. `members` is the body as it was read for the signature."""
    try:
        decoded: S = _decoder(model).decode(raw or b"{}")
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyMalformedError(f"the body cannot be read: {error}") from error
    except RecursionError as error:
        raise BodyMalformedError("the body is nested too deeply") from error
    _check_numbers(decoded, members)
    return _without_nul(decoded)


def read_query(pairs: Iterable[tuple[str, str]], model: type[S]) -> S:
    """Query parameters as their model; parameters that it does not list are left alone.

    One that differs from a listed one by its case alone is refused: it was meant, and ignoring it answers more.
    """
    sent = dict(pairs)
    _check_case(sent, model)
    try:
        decoded = msgspec.convert(sent, model)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    return _without_nul(decoded)


def page(limit: str | UnsetType, offset: str | UnsetType, *, default: int = 20, most: int = 999) -> tuple[int, int]:
    """(limit, offset) of a page. Raises FieldBoundsError naming the one that is out of range."""
    how_many = default if limit is UNSET else int(limit)
    if not 1 <= how_many <= most:
        raise FieldBoundsError(f"limit must be 1 to {most}", field="limit")
    return how_many, 0 if offset is UNSET else int(offset)


def day_range(start: str, end: str) -> tuple[date, date]:
    """The UTC days of startDate and endDate, both included. Raises RangeBackwardsError, RangeTooLongError."""
    first = clock.day_of(clock.parse_iso(start, "startDate"))
    last = clock.day_of(clock.parse_iso(end, "endDate"))
    if last < first:
        raise RangeBackwardsError("endDate is before startDate", field="endDate")
    if (last - first).days >= MOST_DAYS:
        raise RangeTooLongError(f"the range covers more than {MOST_DAYS} days", field="endDate")
    return first, last


def given(value: str | UnsetType) -> str | None:
    """An optional text; None when it was not sent."""
    return None if value is UNSET else value


def number(value: Decimal) -> Decimal:
    """The same number without trailing zeros: what an answer shows."""
    plain = value.normalize()
    return plain.quantize(ONE) if "E+" in str(plain) else plain


@functools.cache
def _names(model: type[S]) -> dict[str, str]:
    """The names of a model's fields, by the same in lower case."""
    return {name.lower(): name for name in model.__struct_encode_fields__}


def _check_case(sent: Mapping[str, str], model: type[S]) -> None:
    known = _names(model)
    for name in sent:
        meant = known.get(name.lower(), name)
        if meant != name:
            raise FieldUnknownError(f"{name} is not a field of this operation, {meant} is", field=name)


@functools.cache
def _decoder(model: type[S]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(model)


def _check_numbers(decoded: Struct, members: Mapping[str, Any], above: str = "") -> None:
    """Every exact number was sent as a number, is not negative, and the books can hold it."""
    for name, wire_name in zip(decoded.__struct_fields__, decoded.__struct_encode_fields__, strict=True):
        value = getattr(decoded, name)
        if isinstance(value, Struct):
            _check_numbers(value, members[wire_name], f"{above}{wire_name}.")
        elif isinstance(value, Decimal):
            if isinstance(members[wire_name], str):
                raise FieldTypeError(f"{above}{wire_name} must be a number, not a text", field=above + wire_name)
            if value < 0 or not is_amount(value):
                # Who wants the amount refuses 0 by a code of his own.
                raise FieldBoundsError(
                    f"{above}{wire_name} must be more than 0, below 10^20, with at most 18 decimals",
                    field=above + wire_name,
                )


def _without_nul(decoded: S) -> S:
    for name in decoded.__struct_fields__:
        value = getattr(decoded, name)
        if isinstance(value, str) and "\x00" in value:
            wire_name = msgspec.structs.fields(decoded)[decoded.__struct_fields__.index(name)].encode_name
            raise FieldTextError(f"{wire_name} contains a NUL character", field=wire_name)
    return decoded


def _refusal(message: str) -> BadRequestError:
    """The error for what msgspec found, by the form of its message."""
    found = PATH.search(message)
    path = found["path"] if found else ""
    said = message[: found.start()] if found else message
    named = NAMED.search(said)
    if named is not None:
        name = f"{path}.{named['name']}" if path else named["name"]
        if said.startswith("Object missing"):
            return FieldMissingError(f"{name} is missing", field=name)
        return FieldUnknownError(f"{name} is not a field of this operation", field=name)
    kind = FieldTypeError if OTHER_TYPE.match(said) else FieldBoundsError
    return kind(f"{path or 'the body'} {_words(said)}", field=path or None)


def _words(said: str) -> str:
    """What is wrong with a field, in words that belong to no library."""
    for form, words in FORMS:
        found = re.fullmatch(form, said)
        if found is not None:
            return words.format(*(TYPES.get(part, part) for part in found.groups()))
    return "is not as documented"
