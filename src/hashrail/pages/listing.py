"""Lists that are filtered by what stands in the address: a state, and days."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar

from hashrail import clock
from hashrail.errors import BadRequestError

S = TypeVar("S", bound=str)


class StateUnknownError(BadRequestError):
    """The filter names a state that nothing of the list is ever in."""

    code = "STATE_UNKNOWN"
    advice = "Choose one of the list."


class DayNotReadError(BadRequestError):
    """A day is written like 2026-09-09; `details.field` names it."""

    code = "DAY_NOT_READ"
    advice = "Give a UTC day like 2026-09-09."


def state(query: Mapping[str, str], states: Sequence[S]) -> S | None:
    """The state that is asked for; None for all. Raises StateUnknownError."""
    asked = query.get("state") or None
    if asked is None:
        return None
    for each in states:
        if each == asked:
            return each
    raise StateUnknownError(f"{asked!r} is no state", field="state")


def day(text: str, field: str) -> date:
    """A day from its text. Raises DayNotReadError."""
    try:
        found = clock.day_from(text)
    except ValueError as error:
        raise DayNotReadError("it is no day", field=field) from error
    if found == date.max:
        raise DayNotReadError("no day comes after it", field=field)
    return found
