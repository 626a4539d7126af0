"""Bitcoin that arrived for the partner's users."""

from hashrail.db import Tx
from hashrail.pages.portal import filters
from hashrail.pages.portal.visit import Visit
from hashrail.pages.visiting import Shown
from hashrail.support import lists

STATES = lists.STATES["deposit"]


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest that are like the filters."""
    facts = await filters.listed(tx, visit, "/deposits", STATES, lists.deposits)
    return Shown(facts, filters.subject("deposits", facts))
