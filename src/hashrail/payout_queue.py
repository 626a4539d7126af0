"""Which withdrawals a batch may pay now, oldest first.

Fast ones are due a few minutes after they were asked for, so that a batch gathers several; those without commission at
the next daily hour. What passes a limit of the day waits for the next, and so does what goes to an address that is too
new; smaller ones behind it do not wait. Blocked users are passed over.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
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
    """When which withdrawals are due; `everything` is due at once."""

    fast: timedelta
    daily_hour: int
    everything: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Rhythm":
        """The rhythm that the settings name."""
        return cls(timedelta(minutes=settings.payout_fast_minutes), settings.payout_daily_hour)

    def asked_before(self, speed: Speed, now: datetime) -> datetime:
        """Whoever asked by this moment is due."""
        if self.everything:
            return now
        if speed == "fast":
            return now - self.fast
        today = clock.start_of(clock.day_of(now)) + timedelta(hours=self.daily_hour)
        return today if today <= now else today - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What may leave now, by speed, oldest first; `too_large` is above a limit of its own, so that no day has room."""

    fast: list[Due]
    daily: list[Due]
    too_large: list[Due]

    def of(self, speed: Speed) -> list[Due]:
        """What is due at that speed."""
        return self.fast if speed == "fast" else self.daily

    @property
    def amount_btc(self) -> Decimal:
        """BTC that it takes, without fees."""
        return sum((one.amount_btc for one in (*self.fast, *self.daily)), ZERO)


async def due(
    tx: Reader, policy: PayoutPolicy, rhythm: Rhythm, *, now: datetime, refused: Collection[str] = ()
) -> Queue:
    """What the next batches pay; nothing goes to a refused address.

    The limits of the day count for both speeds together, so that neither overtakes what was asked for before it. Once
    one fast withdrawal is due, the younger ones come along.
    """
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.user_id, w.speed, w.address, w.amount_btc, w.created_at, p.payouts_daily_btc
           FROM withdrawal w JOIN partner p ON p.id = w.partner_id
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
           WHERE w.state = 'queued' AND (w.speed = 'fast' OR w.created_at <= $1) AND u.blocked_at IS NULL
             AND NOT w.address = ANY($4::text[])
             AND ($2 OR $3 >= least(
                 (SELECT min(x.created_at) FROM withdrawal x WHERE x.partner_id = w.partner_id
                  AND x.user_id = w.user_id AND x.address = w.address),
                 (SELECT b.created_at FROM wallet b WHERE b.partner_id = w.partner_id
                  AND b.user_id = w.user_id AND b.address = w.address)))
           ORDER BY w.id""",
        rhythm.asked_before("daily", now),
        policy.cooldown_seconds == 0,
        now - timedelta(seconds=policy.cooldown_seconds),
        sorted(refused),
    )
    taken = await _within_limits(tx, rows, policy, now)
    fast = [row for row in taken if row["speed"] == "fast"]
    if not any(row["created_at"] <= rhythm.asked_before("fast", now) for row in fast):
        fast = []
    daily = [row for row in taken if row["speed"] == "daily"]
    too_large = [row for row in rows if any(row["amount_btc"] > limit for limit in _limits(row, policy) if limit)]
    return Queue(_due(fast), _due(daily), _due(too_large))


def cut(due: Sequence[Due], most_outputs: int) -> list[Due]:
    """As many as a transaction pays: those of so many addresses, oldest first."""
    chosen: list[Due] = []
    addresses: set[str] = set()
    for one in due:
        if one.address in addresses or len(addresses) < most_outputs:
            addresses.add(one.address)
            chosen.append(one)
    return chosen


def _due(rows: Iterable[Row]) -> list[Due]:
    return [Due(row["partner_id"], row["id"], row["address"], row["amount_btc"]) for row in rows]


def _limits(row: Row, policy: PayoutPolicy) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """What a day has room for: the user's, the partner's, the deployment's."""
    return policy.user_daily_btc, row["payouts_daily_btc"] or policy.partner_daily_btc, policy.deployment_daily_btc


async def _within_limits(tx: Reader, rows: list[Row], policy: PayoutPolicy, now: datetime) -> list[Row]:
    """Those that the day has room for, in order; what does not fit lets smaller ones pass."""
    users, partners, everybody = await _left_today(tx, now)
    taken = []
    for row in rows:
        user, partner, amount = (row["partner_id"], row["user_id"]), row["partner_id"], row["amount_btc"]
        left_today = (users[user], partners[partner], everybody)
        limits = zip(_limits(row, policy), left_today, strict=True)
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
