"""The partner's miners, and one on a page: whose it was, how it was ordered, upgraded and handed over."""

from hashrail.db import Tx
from hashrail.pages import holdings
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
    facts = {**await holdings.of_miner(tx, visit.partner_id, page), "ways": WAYS}
    return Shown(facts, f"miner {page.miner.id}")
