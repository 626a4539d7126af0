"""Miners of a partner, and one on a page: whose it was on a line of time, how it was ordered, upgraded, handed over."""

from hashrail.db import Tx
from hashrail.pages import holdings, listing
from hashrail.pages.console.partners import whose
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.parties.users import get as user_of
from hashrail.support import lists, miner_pages
from hashrail.support.lists import Page

LISTED = 50
STATES = lists.STATES["miner"]


async def of_partner(tx: Tx, visit: Visit) -> Shown:
    """The miners of a partner or of one of its users, newest first. Raises StateUnknownError, UserNotFoundError."""
    partner = await whose(tx, visit)
    state = listing.state(visit.query, STATES)
    user = visit.number("user")
    page = Page(LISTED + 1, user_id=user, state=state, after=visit.number("after"))
    found = await lists.miners(tx, partner.id, page)
    more = None
    if len(found) > LISTED:
        more = link(f"/partners/{partner.id}/miners", user=user, state=state, after=found[LISTED - 1].id)
    facts = {
        "partner": partner,
        "user_asked": None if user is None else await user_of(tx, partner.id, user),
        "found": found[:LISTED],
        "more": more,
        "states": STATES,
        "state_asked": state,
        "ways": ConsoleWays(partner.id),
    }
    return Shown(facts, f"miners of partner {partner.id}")


async def one(tx: Tx, visit: Visit) -> Shown:
    """Everything about a miner. Raises MinerNotFoundError."""
    partner = await whose(tx, visit)
    page = await miner_pages.of(tx, partner.id, visit.numbers["miner"])
    facts = {**await holdings.of_miner(tx, partner.id, page), "partner": partner, "ways": ConsoleWays(partner.id)}
    return Shown(facts, f"miner {partner.id}:{page.miner.id}")
