"""What the partner's users withdraw: what each waits for, in words for whoever tells them, and what paid it."""

from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.pages.portal import filters
from hashrail.pages.portal.visit import Visit
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import Shown
from hashrail.support import lists, waiting
from hashrail.support.lists import Page

STATES = lists.STATES["withdrawal"]


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest that are like the filters."""
    facts = await filters.listed(tx, visit, "/withdrawals", STATES, _page)
    facts["waits_of"] = await waiting.of(tx, visit.deployment, visit.partner_id, facts["found"])
    return Shown(facts, filters.subject("withdrawals", facts))


async def one(tx: Tx, visit: Visit) -> Shown:
    """A withdrawal. Raises WithdrawalNotFoundError."""
    found = await withdrawals.get(tx, visit.partner_id, visit.numbers["withdrawal"])
    facts = {
        "one": found,
        "waits_for": (await waiting.of(tx, visit.deployment, visit.partner_id, [found]))[found.id],
        "simulated": visit.deployment.simulates_chain,
        "ways": WAYS,
    }
    return Shown(facts, f"withdrawal {found.id}")


async def _page(tx: Tx, partner_id: int, page: Page) -> list[Withdrawal]:
    return await withdrawals.of_partner(
        tx,
        partner_id,
        user_id=page.user_id,
        limit=page.limit,
        before=page.after,
        state=page.state,
        since=page.since,
        until=page.before,
    )
