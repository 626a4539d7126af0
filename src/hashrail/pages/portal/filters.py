"""Lists of what the partner's users have: filtered by user, state and days, page by page."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.parties.users import User
from hashrail.support.lists import Page

LISTED = 50
FIELDS = ("user", "state", "from", "to")


class Numbered(Protocol):
    """Something that a list has."""

    @property
    def id(self) -> int:
        """Its number, by which the list is in order."""


T = TypeVar("T", bound=Numbered)


async def listed(
    tx: Tx,
    visit: Visit,
    path: str,
    states: Sequence[str],
    read: Callable[[Tx, int, Page], Awaitable[list[T]]],
) -> dict[str, Any]:
    """The newest that are like the filters of the address. Raises StateUnknownError, DayNotReadError."""
    given = {name: visit.query.get(name, "").strip() for name in FIELDS}
    user = await named(tx, visit, given["user"]) if given["user"] else None
    page = Page(
        LISTED + 1,
        user_id=None if user is None else user.id,
        state=listing.state(given, states),
        first=listing.day(given["from"], "from") if given["from"] else None,
        last=listing.day(given["to"], "to") if given["to"] else None,
        after=visit.number("after"),
    )
    is_of_nobody = bool(given["user"]) and user is None
    found = [] if is_of_nobody else await read(tx, visit.partner_id, page)
    asked = {name: value for name, value in given.items() if value}
    return {
        "found": found[:LISTED],
        "more": link(path, **asked, after=found[LISTED - 1].id) if len(found) > LISTED else None,
        "given": given,
        "is_asked": bool(asked),
        "user_asked": user,
        "is_of_nobody": is_of_nobody,
        "states": states,
        "path": link(path),
        "ways": WAYS,
    }


async def named(tx: Tx, visit: Visit, text: str) -> User | None:
    """The user whom the partner calls so, or else the one with that number."""
    return await listing.user(tx, visit.partner_id, text)


async def called(tx: Tx, visit: Visit, text: str) -> list[User]:
    """Whom a text names: by the partner's own id, and by number."""
    return await listing.users_called(tx, visit.partner_id, text)


def subject(noun: str, facts: dict[str, Any]) -> str | None:
    """Whom a list shows, as the log names them; None where it is empty."""
    if not facts["found"]:
        return None
    return noun if facts["user_asked"] is None else f"{noun} of user {facts['user_asked'].partner_user_id}"
