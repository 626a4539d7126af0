"""Withdrawals: what waits for two people, a list over all partners, one with its reasons, approving and refusing it.

They are the verbs of `hashrail payouts approve` and `refuse`. Before either is done a page names amount, address and
user, and asks.
"""

from collections.abc import Mapping
from typing import Any

from hashrail.books import fence
from hashrail.custody import approvals, withdrawals
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.pages.console import over_all
from hashrail.pages.console.over_all import Kind
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Sheet, Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.support import histories, lists, waiting

KIND = Kind("withdrawal", "/withdrawals", lists.STATES["withdrawal"])
# Of those that wait for two people, the oldest.
WAITING = 20
COLUMNS = (
    *("id", "userId", "partnerUserId", "speed", "state", "amountBtc", "commissionBtc", "address", "txid"),
    *("confirmations", "batchId", "createdAt", "changedAt", "reason"),
)
OPEN = ("awaiting_approval", "queued")
HISTORY = 50


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What waits for approval, and the withdrawals of all partners that are like the filters, newest first."""
    facts = await over_all.listed(tx, visit, KIND, withdrawals.some)
    shown: dict[int, list[Withdrawal]] = {}
    for partner_id, each in facts["found"]:
        shown.setdefault(partner_id, []).append(each)
    waits = await approvals.waiting(tx, limit=WAITING + 1)
    facts |= {
        "waits_of": await waiting.of_all(tx, visit.deployment, shown),
        "waiting": waits[:WAITING],
        "more_wait": len(waits) > WAITING,
    }
    return Shown(facts, over_all.subject(visit, KIND))


async def sheet(tx: Tx, visit: Visit) -> Sheet:
    """The same as a file, all of them."""
    return await over_all.sheet(tx, visit, KIND, withdrawals.some, COLUMNS, _line)


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
    facts = {
        "one": found,
        "partner": partner,
        "ways": ConsoleWays(partner.id),
        "waits_for": (await waiting.of(tx, visit.deployment, partner.id, [found]))[found.id],
        "approved_by": await approvals.approved_by(tx, partner.id, found.id),
        "is_open": found.state in OPEN,
        "awaits": found.state == "awaiting_approval",
        "history_of": await histories.about(tx, named, limit=HISTORY),
        "simulated": visit.deployment.simulates_chain,
    }
    return facts, f"withdrawal {partner.id}:{found.id}"


def _page_of(visit: Visit, done: str) -> str:
    return link(f"/withdrawals/{visit.numbers['partner']}/{visit.numbers['withdrawal']}", done=done)


def _line(one: Withdrawal) -> tuple[object, ...]:
    """A line of the file."""
    return (
        *(one.id, one.user_id, one.partner_user_id, one.speed, one.state, one.amount_btc, one.commission_btc),
        *(one.address, one.txid, one.confirmations, one.batch_id, one.created_at, one.changed_at, one.reason),
    )
