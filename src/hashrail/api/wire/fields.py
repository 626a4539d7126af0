"""Reading requests into models: every refusal names its field and has a code of its own."""

import functools
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hashrail import clock
from hashrail.api.wire import faults, leniences, texts
from hashrail.api.wire.faults import FieldBoundsError, FieldTextError, FieldTypeError, FieldUnknownError
from hashrail.errors import BadRequestError
from hashrail.money import ONE, is_amount
from hashrail_client.wire import SentBody

S = TypeVar("S", bound=Struct)
G = TypeVar("G")
MAX_DAYS = 366
# What PostgreSQL's bigint holds, and what no id reaches.
ID_LIMIT = 10**16
# What PostgreSQL cannot store in a text, and how JSON writes it.
NUL, NUL_OF_JSON = "\x00", b"\\u0000"


class RangeTooLongError(BadRequestError):
    """A range of days covers at most a leap year."""

    code = "RANGE_TOO_LONG"
    advice = "Ask for at most 366 days at a time."


class RangeBackwardsError(BadRequestError):
    """A range of days ends before it begins."""

    code = "RANGE_BACKWARDS"
    advice = "Let the range end on the day on which it begins, or after it: endDate on or after startDate."


class BodyMalformedError(BadRequestError):
    """The body is not one JSON document in UTF-8."""

    code = "BODY_MALFORMED"
    advice = "Send one JSON object, encoded as UTF-8."


# What `day_range` refuses.
DAY_RANGE = (clock.DateTimeWithoutZoneError, clock.BadDateTimeError, RangeBackwardsError, RangeTooLongError)


def read_json(raw: bytes, model: type[S], sent: SentBody) -> S:
    """A body as its model; numbers keep every digit. `sent` is the body as it was read for the signature."""
    try:
        raw = leniences.plainly(raw or b"{}", model, sent)
        decoded: S = _decoder(model).decode(raw)
    except msgspec.ValidationError as error:
        faults.check(model, json.loads(raw, parse_float=Decimal))
        raise BodyMalformedError("the body is not as documented") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyMalformedError(f"the body cannot be read: {error}") from error
    except RecursionError as error:
        raise BodyMalformedError("the body is nested too deeply") from error
    _check_numbers(decoded, sent.members)
    return _without_nul(decoded) if NUL_OF_JSON in raw else decoded


def read_query(sent: Mapping[str, str], model: type[S]) -> S:
    """Query parameters as their model; parameters that it does not list are left alone.

    One that differs from a listed one by its case alone is refused: it was meant, and ignoring it answers more.
    """
    if not sent.keys() <= _names_as_written(model):
        _check_case(sent, model)
    try:
        decoded = msgspec.convert(sent, model)
    except msgspec.ValidationError as error:
        faults.check(model, sent)
        raise FieldBoundsError("the query is not as documented") from error
    return _without_nul(decoded) if NUL in "".join(sent.values()) else decoded


def day_range(start: str, end: str) -> tuple[date, date]:
    """The UTC days of startDate and endDate, both included. Raises RangeBackwardsError, RangeTooLongError."""
    first = clock.day_of(clock.parse_iso(start, "startDate"))
    last = clock.day_of(clock.parse_iso(end, "endDate"))
    check_days(first, last, field="endDate")
    return first, last


def check_days(first: date, last: date, *, field: str) -> None:
    """Raises RangeBackwardsError, RangeTooLongError, with the field of the last day."""
    if last < first:
        raise RangeBackwardsError("the range ends before it begins", field=field)
    if (last - first).days >= MAX_DAYS:
        raise RangeTooLongError(f"the range covers more than {MAX_DAYS} days", field=field)


def one_day(text: str, name: str) -> date:
    """A UTC day written YYYY-MM-DD. Raises BadDateTimeError."""
    try:
        return clock.day_from(text)
    except ValueError as error:
        raise clock.BadDateTimeError(f"{name} must be a day, written YYYY-MM-DD", field=name) from error


def given(value: G | UnsetType) -> G | None:
    """An optional field; None when it was not sent."""
    return None if value is UNSET else value


def whole(text: str, name: str) -> int:
    """The number of a thing in a query, where 1.0 and 1e3 are whole numbers too. Raises FieldBoundsError."""
    value = Decimal(text)
    if value != value.to_integral_value() or value >= ID_LIMIT:
        raise FieldBoundsError(f"{name} must be {texts.WORDS[texts.ID]}", field=name)
    return int(value)


def quantity(text: str, name: str) -> Decimal:
    """An amount in a query. Raises FieldBoundsError for one that no amount can be."""
    value = Decimal(text)
    if not is_amount(value):
        raise FieldBoundsError(f"{name} must be below 10^20, with at most 18 decimals", field=name)
    return number(value)


def number(value: Decimal) -> Decimal:
    """The same number without trailing zeros: what an answer shows."""
    plain = value.normalize()
    return plain.quantize(ONE) if "E+" in str(plain) else plain


@functools.cache
def _names(model: type[S]) -> dict[str, str]:
    """The names of a model's fields, by the same in lower case."""
    return {name.lower(): name for name in model.__struct_encode_fields__}


@functools.cache
def _names_as_written(model: type[S]) -> frozenset[str]:
    return frozenset(model.__struct_encode_fields__)


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
                # Who wants the amount refuses 0 by a code of their own.
                raise FieldBoundsError(
                    f"{above}{wire_name} must be more than 0, below 10^20, with at most 18 decimals",
                    field=above + wire_name,
                )


def _without_nul(decoded: S) -> S:
    """The same, if no text of it, however deep it stands, has what PostgreSQL cannot store."""
    for path, text in _texts(decoded):
        if NUL in text:
            raise FieldTextError(f"{path} contains a NUL character", field=path)
    return decoded


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every text in what was read; the name of a member counts as a text of its object."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Struct):
        for name, wire_name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from _texts(getattr(value, name), f"{path}.{wire_name}" if path else wire_name)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield path, str(name)
            yield from _texts(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for place, member in enumerate(value):
            yield from _texts(member, f"{path}[{place}]")
