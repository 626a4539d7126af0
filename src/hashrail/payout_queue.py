"""Which withdrawals a batch may pay now, oldest first.

Fast ones are due a few minutes after they were asked for, so that a batch gathers several; those without commission at
the next daily hour. What passes a limit of the day waits for the next, and so does what goes to an address that is too
new; smaller ones behind it do not wait. Blocked users are passed over.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.db import Reader, Row
from hashrail.payout_batches import Due
from hashrail.payout_policy import PayoutPolicy
from hashrail.settings import Settings
from hashrail.withdrawals import Speed

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When which withdrawals are due, and how many addresses a batch pays; `everything` is due at once."""

    fast: timedelta
    daily_hour: int
    most_outputs: int
    everything: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Rhythm":
        """The rhythm that the settings name."""
        return cls(
            timedelta(minutes=settings.payout_fast_minutes), settings.payout_daily_hour, settings.payout_most_outputs
        )

    def asked_before(self, speed: Speed, now: datetime) -> datetime:
        """Whoever asked by this moment is due."""
        if self.everything:
            return now
        if speed == "fast":
            return now - self.fast
        today = clock.start_of(clock.day_of(now)) + timedelta(hours=self.daily_hour)
        return today if today <= now else today - timedelta(days=1)


async def due(tx: Reader, speed: Speed, policy: PayoutPolicy, rhythm: Rhythm, *, now: datetime) -> list[Due]:
    """What the next batch of that speed pays. Once one fast withdrawal is due, the younger ones come along."""
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.user_id, w.address, w.amount_btc, w.created_at, p.payouts_daily_btc
           FROM withdrawal w JOIN partner p ON p.id = w.partner_id
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
           WHERE w.state = 'queued' AND w.speed = $1 AND w.created_at <= $2 AND u.blocked_at IS NULL
             AND ($3 OR $4 >= least(
                 (SELECT min(x.created_at) FROM withdrawal x WHERE x.partner_id = w.partner_id
                  AND x.user_id = w.user_id AND x.address = w.address),
                 (SELECT b.created_at FROM wallet b WHERE b.partner_id = w.partner_id
                  AND b.user_id = w.user_id AND b.address = w.address)))
           ORDER BY w.id""",
        speed,
        now if speed == "fast" else rhythm.asked_before(speed, now),
        policy.cooldown_seconds == 0,
        now - timedelta(seconds=policy.cooldown_seconds),
    )
    taken = await _within_limits(tx, rows, policy, now)
    if speed == "fast" and not any(row["created_at"] <= rhythm.asked_before(speed, now) for row in taken):
        return []
    chosen: list[Due] = []
    addresses: set[str] = set()
    for row in taken:
        if row["address"] in addresses or len(addresses) < rhythm.most_outputs:
            addresses.add(row["address"])
            chosen.append(Due(row["partner_id"], row["id"], row["address"], row["amount_btc"]))
    return chosen


async def queued_btc(tx: Reader) -> Decimal:
    """Everything that waits for a batch."""
    total: Decimal = await tx.fetchval("SELECT coalesce(sum(amount_btc), 0) FROM withdrawal WHERE state = 'queued'")
    return total


async def _within_limits(tx: Reader, rows: list[Row], policy: PayoutPolicy, now: datetime) -> list[Row]:
    """Those that the day has room for, in order; what does not fit lets smaller ones pass."""
    users, partners, everybody = await _left_today(tx, now)
    taken = []
    for row in rows:
        user, partner, amount = (row["partner_id"], row["user_id"]), row["partner_id"], row["amount_btc"]
        limits = (
            (policy.user_daily_btc, users[user]),
            (row["payouts_daily_btc"] or policy.partner_daily_btc, partners[partner]),
            (policy.deployment_daily_btc, everybody),
        )
        if all(limit is None or already + amount <= limit for limit, already in limits):
            users[user] += amount
            partners[partner] += amount
            everybody += amount
            taken.append(row)
    return taken


async def _left_today(tx: Reader, now: datetime) -> tuple[dict[tuple[int, int], Decimal], dict[int, Decimal], Decimal]:
    """BTC that left on this UTC day, by user, by partner, and altogether."""
    rows = await tx.fetch(
        """SELECT partner_id, user_id, sum(amount_btc) AS left_btc FROM (
               SELECT w.* FROM payout_batch b CROSS JOIN partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = b.id AND w.export_id IS NULL
               WHERE b.created_at >= $1
               UNION ALL
               SELECT w.* FROM payout_export e CROSS JOIN partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.export_id = e.id AND w.state <> 'cancelled'
               WHERE e.created_at >= $1) AS today
           GROUP BY partner_id, user_id""",
        clock.start_of(clock.day_of(now)),
    )
    users: dict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    partners: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        users[row["partner_id"], row["user_id"]] += row["left_btc"]
        partners[row["partner_id"]] += row["left_btc"]
    return users, partners, sum(partners.values(), ZERO)
