"""Withdrawals: what waits for two people, a partner's list, one with all of its reasons, and approving or refusing it.

They are the verbs of `hashrail payouts approve` and `refuse`. Before either is done a page names amount, address and
user, and asks.
"""

from collections.abc import Mapping
from typing import Any

from hashrail.books import fence
from hashrail.custody import approvals, withdrawals
from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.parties import partners
from hashrail.support import histories, lists, waiting

LISTED = 50
STATES = lists.STATES["withdrawal"]
OPEN = ("awaiting_approval", "queued")
HISTORY = 50


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What waits for approval, of all partners; and the withdrawals of one, newest first."""
    known = await partners.every(tx)
    asked = visit.number("partner")
    state = listing.state(visit.query, STATES)
    chosen = known[0] if asked is None and known else None if asked is None else await numbered(tx, asked)
    found, waits = [], {}
    if chosen is not None:
        found = await withdrawals.of_partner(tx, chosen.id, limit=LISTED + 1, before=visit.number("after"), state=state)
        waits = await waiting.of(tx, visit.deployment, chosen.id, found[:LISTED])
    return Shown(
        {
            "partners": known,
            "chosen": chosen,
            "ways": None if chosen is None else ConsoleWays(chosen.id),
            "state_asked": state,
            "states": STATES,
            "found": found[:LISTED],
            "waits_of": waits,
            "more": link("/withdrawals", partner=chosen.id, state=state, after=found[LISTED - 1].id)
            if chosen is not None and len(found) > LISTED
            else None,
            "waiting": await approvals.waiting(tx),
        },
        None if chosen is None else f"withdrawals of partner {chosen.id}",
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """A withdrawal, what it waits for, who has approved it, and what was done about it."""
    facts, subject = await _whole(tx, visit)
    return Shown(facts, subject)


async def ask_to_approve(tx: Tx, visit: Visit) -> Shown:
    """What approving comes to."""
    facts, subject = await _whole(tx, visit)
    return Shown(facts, subject)


async def ask_to_refuse(tx: Tx, visit: Visit) -> Shown:
    """What refusing comes to."""
    facts, subject = await _whole(tx, visit)
    return Shown(facts, subject)


async def approve(tx: Tx, visit: Visit) -> str:
    """Approve it; with the second person it goes into the queue."""
    books = await fence.share(tx, (await numbered(tx, visit.numbers["partner"])).id)
    await approvals.approve(tx, books, visit.operator, visit.numbers["withdrawal"])
    return _page_of(visit, "approved")


async def refuse(tx: Tx, visit: Visit) -> str:
    """End it before it is signed; again is a no-op."""
    books = await fence.share(tx, (await numbered(tx, visit.numbers["partner"])).id)
    await approvals.refuse(tx, books, visit.operator, visit.numbers["withdrawal"], visit.given("reason"))
    return _page_of(visit, "refused")


async def _whole(tx: Tx, visit: Visit) -> tuple[Mapping[str, Any], str]:
    partner = await numbered(tx, visit.numbers["partner"])
    found = await withdrawals.get(tx, partner.id, visit.numbers["withdrawal"])
    named = [f"withdrawal {partner.id}:{found.id}", f"{partner.id}:{found.id}"]
    approved = [
        one.approved_by for one in await approvals.waiting(tx) if (one.partner_id, one.id) == (partner.id, found.id)
    ]
    facts = {
        "one": found,
        "partner": partner,
        "ways": ConsoleWays(partner.id),
        "waits_for": (await waiting.of(tx, visit.deployment, partner.id, [found]))[found.id],
        "approved_by": approved[0] if approved else [],
        "is_open": found.state in OPEN,
        "awaits": found.state == "awaiting_approval",
        "history_of": await histories.about(tx, named, limit=HISTORY),
        "simulated": visit.deployment.simulates_chain,
    }
    return facts, f"withdrawal {partner.id}:{found.id}"


def _page_of(visit: Visit, done: str) -> str:
    return link(f"/withdrawals/{visit.numbers['partner']}/{visit.numbers['withdrawal']}", done=done)
