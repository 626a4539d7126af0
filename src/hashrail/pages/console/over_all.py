"""Lists over all partners: their filters as they stand in the address, pages, counts by state, and files of them.

What is filtered is the address, so a list is kept as a bookmark and sent as a link.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hashrail import clock, sheets
from hashrail.acts.payouts import number
from hashrail.db import Tx
from hashrail.pages import forms, listing
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Sheet, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.pages.forms import Field
from hashrail.pages.visiting import CSV
from hashrail.parties import partners
from hashrail.support import over_all
from hashrail.support.over_all import COUNTED, Filter, Noun, Number, Place

LISTED = 50
# So many lines of a file are read at once.
IN_PART = 1_000
SPEEDS = ("fast", "daily")
AMOUNTS = (Field("least", "From, BTC", "amount", needed=False), Field("most", "To, BTC", "amount", needed=False))
FIELDS = ("partner", "user", "state", "speed", "address", "least", "most", "from", "to")


class Numbered(Protocol):
    """Something that a list has."""

    @property
    def id(self) -> int:
        """Its number."""


T = TypeVar("T", bound=Numbered)
Some = Callable[[Tx, int, Sequence[int]], Awaitable[Sequence[T]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is listed: withdrawals or deposits, under which path, and the states that one can be in."""

    noun: Noun
    path: str
    states: Sequence[str]


@dataclass(frozen=True, slots=True)
class Names:
    """The partners, by number, and where what is theirs has its pages."""

    partners: Mapping[int, str]

    def ways(self, partner_id: int) -> ConsoleWays:
        """Where things of a partner have their pages."""
        return ConsoleWays(partner_id)


async def listed(tx: Tx, visit: Visit, kind: Kind, some: Some[T]) -> dict[str, Any]:
    """The newest that are like the filters of the address, (partner, one) each; and how many are in each state.

    Raises what `wanted` does, and WithdrawalNotNamedError for `after`.
    """
    given, filtered = _given(visit), await wanted(tx, visit, kind)
    text = visit.query.get("after", "").strip()
    after = number(text, "after") if text else None
    known = await partners.every(tx)
    ids = [each.id for each in known]
    found = await over_all.newest(tx, kind.noun, filtered, ids, limit=LISTED + 1, after=after)
    asked, page = {name: value for name, value in given.items() if value}, found[:LISTED]
    counts = await over_all.counts(tx, kind.noun, filtered, ids)
    stated = {name: value for name, value in asked.items() if name != "state"}
    last = f"{page[-1].partner_id}:{page[-1].id}" if len(found) > LISTED else None
    return {
        "found": await read(tx, page, some),
        "more": None if last is None else link(kind.path, **asked, after=last),
        "counts": [
            (each, counts[each], link(kind.path, **stated, state=each)) for each in kind.states if each in counts
        ],
        "counted": COUNTED,
        "given": given,
        "is_asked": bool(asked),
        "is_of_nobody": filtered.owners == [],
        "states": kind.states,
        "speeds": SPEEDS if kind.noun == "withdrawal" else (),
        "partners": known,
        "names": Names({each.id: each.name for each in known}),
        "path": link(kind.path),
        "here": link(kind.path, **asked),
        "sheet": link(f"{kind.path}.csv", **asked),
    }


async def wanted(tx: Tx, visit: Visit, kind: Kind) -> Filter:
    """What is asked for.

    Raises PartnerNotFoundError, StateUnknownError, DayNotReadError, FieldNotReadError, NoSuchNumberError.
    """
    given, asked = _given(visit), visit.number("partner")
    partner_id = None if asked is None else (await numbered(tx, asked)).id
    amounts = forms.read(AMOUNTS, given)
    first, last = (listing.day(given[name], name) if given[name] else None for name in ("from", "to"))
    return Filter(
        partner_id=partner_id,
        owners=await over_all.owners(tx, given["user"], partner_id) if given["user"] else None,
        state=listing.state(given, kind.states),
        speed=listing.state({"state": given["speed"]}, SPEEDS) if kind.noun == "withdrawal" else None,
        address=given["address"] or None,
        least_btc=amounts["least"],
        most_btc=amounts["most"],
        since=None if first is None else clock.start_of(first),
        until=None if last is None else clock.start_of(last + clock.ONE_DAY),
    )


async def read(tx: Tx, page: Sequence[Place], some: Some[T]) -> list[tuple[int, T]]:
    """What stands at these places, with their partners, in the same order."""
    by_partner: dict[int, list[int]] = defaultdict(list)
    for each in page:
        by_partner[each.partner_id].append(each.id)
    found = {
        (partner_id, one.id): one
        for partner_id, numbers in by_partner.items()
        for one in await some(tx, partner_id, numbers)
    }
    return [(each.partner_id, found[each.partner_id, each.id]) for each in page]


async def sheet(
    tx: Tx, visit: Visit, kind: Kind, some: Some[T], columns: Sequence[str], row: Callable[[T], Sequence[object]]
) -> Sheet:
    """All that are like the filters, partner by partner, as a file that is read as it is sent. Raises `wanted`'s."""
    filtered = await wanted(tx, visit, kind)

    async def parts(reading: Tx) -> AsyncIterator[str]:
        yield sheets.lines([("partnerId", "partner", *columns)])
        for each in await partners.every(reading):
            after: Number | None = None
            while page := await over_all.newest(reading, kind.noun, filtered, [each.id], limit=IN_PART, after=after):
                found = await read(reading, page, some)
                yield sheets.lines((each.id, each.name, *row(one)) for _, one in found)
                after = page[-1].partner_id, page[-1].id

    return Sheet(f"{kind.noun}s.csv", CSV, parts, subject(visit, kind))


def subject(visit: Visit, kind: Kind) -> str:
    """Whom a list shows, as the log of views calls them."""
    given = _given(visit)
    whose = [f"{name} {given[name]}" for name in ("partner", "user", "address") if given[name]]
    return f"{kind.noun}s of {', '.join(whose) or 'all partners'}"


def _given(visit: Visit) -> dict[str, str]:
    return {name: visit.query.get(name, "").strip() for name in FIELDS}
