"""Lists that are filtered by what stands in the address: a state, days, moments, and a user."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TypeVar

from hashrail import clock
from hashrail.db import Tx
from hashrail.errors import BadRequestError
from hashrail.pages import forms
from hashrail.pages.forms import MAX_NUMBER
from hashrail.parties import users
from hashrail.parties.users import User, UserNotFoundError

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


def moment(text: str, field: str) -> datetime | None:
    """A moment from its text, None where there is none. Raises BadDateTimeError, DateTimeWithoutZoneError."""
    return clock.parse_iso(text, field) if text else None


async def user(tx: Tx, partner_id: int, text: str) -> User | None:
    """The user whom the partner calls so, or else the one with that number."""
    both = await users_called(tx, partner_id, text)
    return both[0] if both else None


async def users_called(tx: Tx, partner_id: int, text: str) -> list[User]:
    """Whom a text names: by the partner's own id, and by number."""
    found: list[User] = []
    # PostgreSQL keeps no such character in a text, so nobody is called so.
    if text and "\0" not in text:
        with suppress(UserNotFoundError):
            found.append(await users.find(tx, partner_id, text))
    number = forms.numeral(text)
    if number is not None and number <= MAX_NUMBER:
        with suppress(UserNotFoundError):
            found.append(await users.get(tx, partner_id, number))
    return list({one.id: one for one in found}.values())
