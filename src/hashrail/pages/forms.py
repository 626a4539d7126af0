"""Forms: the fields that a person fills, and how each is read into what the books hold.

A field that cannot be read is named by its error, and the page shows the form again with all that was typed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

from hashrail import clock
from hashrail.errors import BadRequestError, NotFoundError
from hashrail.money import plain

Kind = Literal["text", "long", "password", "amount", "number", "day", "moment", "choice", "check", "lines"]
# What was read: for each field a text, Decimal, int, date, datetime, bool or list of texts, None where it was left out.
Values: TypeAlias = Mapping[str, Any]
MAX_NUMBER = 2**63 - 1
# Of a number that is greater than all that are held: more are not worth reading.
MAX_DIGITS = 20
MAX_LENGTH = 4000
# An amount with more digits than so, before or behind its point, would be written with all of them.
MOST_PLACES = 60


class FieldEmptyError(BadRequestError):
    """A field of the form or the address is empty; `details.field` names it."""

    code = "FIELD_EMPTY"
    advice = "Go back, and fill it in."


class FieldNotANumberError(BadRequestError):
    """A field is not a whole number that anything could have; `details.field` names it."""

    code = "FIELD_NOT_A_NUMBER"
    advice = "Look whether it was copied whole."


class NoSuchNumberError(NotFoundError):
    """A page is asked for by a number that is greater than any that something can have; `details.field` names it."""

    code = "NO_SUCH_NUMBER"
    advice = "Look whether it was copied whole, and only once."


class FieldNotReadError(BadRequestError):
    """A field of a form is not what it should be; `details.field` names it."""

    code = "FIELD_NOT_READ"
    advice = "Write amounts like 1234.56, days like 2026-09-09, moments like 2026-09-09T12:00:00Z, and choose of lists."


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    `value` is what stands in it at first, `unit` behind it, `help` below it; `choices` are values with their words. A
    `check` is a box; `lines` are texts, one a line. What is not `needed` may be left empty, and is None then.
    """

    name: str
    label: str
    kind: Kind = "text"
    value: object = None
    unit: str = ""
    help: str = ""
    needed: bool = True
    choices: Sequence[tuple[str, str]] = ()
    most: int = 255


def read(fields: Sequence[Field], form: Mapping[str, str]) -> Values:
    """What was filled in. Raises FieldEmptyError, FieldNotANumberError, FieldNotReadError."""
    return {each.name: _read(each, form.get(each.name, "")) for each in fields}


def number(name: str, text: str) -> int:
    """A whole number from 0 on. Raises FieldNotANumberError."""
    found = numeral(text)
    if found is None or found > MAX_NUMBER:
        raise FieldNotANumberError(f"{name} is no number", field=name)
    return found


def numbered(name: str, value: int) -> int:
    """A number by which something is asked for. Raises NoSuchNumberError where nothing can have one so great."""
    if value > MAX_NUMBER:
        raise NoSuchNumberError("nothing has so great a number", field=name)
    return value


def numeral(text: str) -> int | None:
    """A whole number from 0 on, however great, or None; of one with very many digits the first ones."""
    if not (text.isascii() and text.isdecimal()):
        return None
    return int(text.lstrip("0")[:MAX_DIGITS] or "0")


def typed(field: Field) -> str:
    """What stands in a field at first, as a person would type it."""
    value = field.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return str(value)


def _read(field: Field, text: str) -> object:
    if field.kind == "check":
        return text == "yes"
    given = text if field.kind == "password" else text.strip()
    if "\0" in given:
        raise FieldNotReadError(f"{field.label} has a character that no text has", field=field.name)
    if not given:
        if field.needed:
            raise FieldEmptyError(f"{field.label} is empty", field=field.name)
        return [] if field.kind == "lines" else None
    if field.kind == "number":
        return number(field.name, given)
    return READERS.get(field.kind, _text)(field, given)


def _text(field: Field, text: str) -> str:
    most = MAX_LENGTH if field.kind == "long" else field.most
    if len(text) > most:
        raise FieldNotReadError(f"{field.label} is longer than {most} characters", field=field.name)
    return text


def _amount(field: Field, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise FieldNotReadError(f"{field.label} is no number: {text}", field=field.name) from error
    # Zero has places as well: 0E-999999999.
    if not amount.is_finite() or len(text) > 2 * MOST_PLACES or not _is_short(amount):
        raise FieldNotReadError(f"{field.label} is no number: {text[: 2 * MOST_PLACES]}", field=field.name)
    return amount


def _is_short(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_PLACES and amount.adjusted() <= MOST_PLACES


def _day(field: Field, text: str) -> date:
    try:
        return clock.day_from(text)
    except ValueError as error:
        raise FieldNotReadError(f"{field.label} is no day: {text}", field=field.name) from error


def _moment(field: Field, text: str) -> datetime:
    return clock.parse_iso(text, field.name)


def _choice(field: Field, text: str) -> str:
    if text not in (value for value, _ in field.choices):
        raise FieldNotReadError(f"{field.label} has no choice {text}", field=field.name)
    return text


def _lines(field: Field, text: str) -> list[str]:
    return [line.strip() for line in _text(field, text).splitlines() if line.strip()]


READERS: Mapping[Kind, Callable[[Field, str], object]] = {
    "amount": _amount,
    "day": _day,
    "moment": _moment,
    "choice": _choice,
    "lines": _lines,
}
