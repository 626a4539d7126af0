"""The partner's miners; one on a page, with whose it was and how it was ordered; what it earned on a day, and why."""

from hashrail.audit import explain
from hashrail.audit.explain import RecordNotFoundError
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.pages import holdings, listing
from hashrail.pages.portal import filters
from hashrail.pages.portal.visit import Visit
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Shown
from hashrail.support import lists, miner_pages

STATES = lists.STATES["miner"]


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest that are like the filters."""
    facts = await filters.listed(tx, visit, "/miners", STATES, lists.miners)
    return Shown(facts, filters.subject("miners", facts))


async def one(tx: Tx, visit: Visit) -> Shown:
    """Everything about a miner, but what operators did. Raises MinerNotFoundError."""
    page = await miner_pages.of(tx, visit.partner_id, visit.numbers["miner"])
    closed = await fence.closed_through(tx, visit.partner_id)
    facts = {**await holdings.of_miner(tx, visit.partner_id, page), "closed": closed, "ways": WAYS}
    return Shown(facts, f"miner {page.miner.id}")


async def income(tx: Tx, visit: Visit) -> Shown:
    """What a miner earned on a day, of itself the newest closed one, with its whole calculation.

    Raises MinerNotFoundError, DayNotReadError, RecordNotFoundError.
    """
    page = await miner_pages.of(tx, visit.partner_id, visit.numbers["miner"])
    text, closed = visit.query.get("day", "").strip(), await fence.closed_through(tx, visit.partner_id)
    day = listing.day(text, "day") if text else closed
    if day is None:
        raise RecordNotFoundError("no day is closed yet", field="day")
    explained = await explain.income(tx, page.miner.id, day, with_reasons=False)
    return Shown({"one": explained, "ways": WAYS}, f"income of miner {page.miner.id} on {day}")
