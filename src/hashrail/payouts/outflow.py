"""What is going to leave the wallet: what waits now, what leaves on a day, and what there is to pay it with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail.db import Reader, record
from hashrail.deployment.opened import Deployment
from hashrail.money import ZERO, divide_half_even
from hashrail.payouts import batches

DAYS = 7


@dataclass(frozen=True, slots=True)
class Backlog:
    """BTC of everything that is asked for and not signed, approved or not; and what of it waits for approval."""

    waiting_btc: Decimal
    approvals: int
    approval_since: datetime | None


async def backlog(tx: Reader) -> Backlog:
    """What waits. Cost: the withdrawals that wait."""
    row = await tx.fetchrow(
        """SELECT coalesce(q.btc, 0) + coalesce(a.btc, 0) AS waiting_btc, a.approvals, a.approval_since
           FROM (SELECT sum(amount_btc) AS btc FROM withdrawal WHERE state = 'queued') AS q
           CROSS JOIN (SELECT sum(amount_btc) AS btc, count(*) AS approvals, min(created_at) AS approval_since
                       FROM withdrawal WHERE state = 'awaiting_approval') AS a"""
    )
    assert row is not None, "sums are one row"
    return record(Backlog, row)


async def mean_per_day(tx: Reader, *, now: datetime) -> Decimal:
    """BTC that left a day within the last week, exports included. Cost: the withdrawals and batches of that week."""
    total = await tx.fetchval(
        """SELECT sum(amount_btc) FROM (
               SELECT w.amount_btc FROM payout_batch b CROSS JOIN partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = b.id AND w.export_id IS NULL
               WHERE b.created_at > $1
               UNION ALL
               SELECT w.amount_btc FROM payout_export e CROSS JOIN partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.export_id = e.id AND w.state <> 'cancelled'
               WHERE e.created_at > $1) AS week""",
        now - timedelta(days=DAYS),
    )
    return divide_half_even(total or ZERO, Decimal(DAYS), 8)


async def available(deployment: Deployment) -> Decimal:
    """BTC of confirmed coins that no batch has been promised. Raises what a node's call may raise."""
    pinned = await batches.pinned(deployment.pool)
    return sum((coin.amount_btc for coin in await deployment.chain.coins() if coin.outpoint not in pinned), ZERO)
