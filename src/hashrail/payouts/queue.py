"""Which withdrawals a batch may pay now, oldest first.

They come here as they are asked for (`custody/withdrawals.py`), large ones once two operators have approved
(`custody/approvals.py`); what a batch takes of them is decided by `planning`.

Fast ones are due a few minutes after they were asked for, so that a batch gathers several; those without commission at
the next daily hour. What passes a limit of the day waits for the next, and so does what goes to an address that is too
new; smaller ones behind it do not wait. Blocked users are
passed over, unless their payouts are to go on.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.custody.withdrawals import Speed
from hashrail.db import Reader
from hashrail.money import ZERO
from hashrail.payouts.batches import Due, Number
from hashrail.settings import Settings


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
        today = self._daily_of(now)
        return today if today <= now else today - timedelta(days=1)

    def due_at(self, speed: Speed, created_at: datetime) -> datetime:
        """When a withdrawal that was asked for then is due."""
        if speed == "fast":
            return created_at + self.fast
        today = self._daily_of(created_at)
        return today if today >= created_at else today + timedelta(days=1)

    def _daily_of(self, moment: datetime) -> datetime:
        return clock.start_of(clock.day_of(moment)) + timedelta(hours=self.daily_hour)


@dataclass(frozen=True, slots=True)
class Queue:
    """What may leave now, by speed, oldest first; `uncovered` is due as well, but the wallet has not so much."""

    fast: list[Due]
    daily: list[Due]
    uncovered: list[Due]

    def of(self, speed: Speed) -> list[Due]:
        """What is due at that speed."""
        return self.fast if speed == "fast" else self.daily

    @property
    def due_btc(self) -> Decimal:
        """BTC that all of it takes, without fees."""
        return sum((one.amount_btc for one in (*self.fast, *self.daily, *self.uncovered)), ZERO)


@dataclass(frozen=True, slots=True)
class Asked:
    """A withdrawal that waits; `is_due` by itself, and not only beside others. The limits are those of its day."""

    due: Due
    user: tuple[int, int]
    speed: Speed
    is_due: bool
    due_at: datetime
    user_limit: Decimal | None
    partner_limit: Decimal | None
    deployment_limit: Decimal | None

    @property
    def is_too_large(self) -> bool:
        """Whether no day has room for it."""
        limits = (self.user_limit, self.partner_limit, self.deployment_limit)
        return any(limit is not None and self.due.amount_btc > limit for limit in limits)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Everything that waits and may be paid at this hour, oldest first, and what left today before it."""

    asked: Sequence[Asked]
    today: "Today"

    @property
    def too_large(self) -> list[Due]:
        """What is above a limit of its own."""
        return [one.due for one in self.asked if one.is_too_large]

    @property
    def due_since(self) -> datetime | None:
        """Since when the oldest is due; None where nothing is."""
        return min((one.due_at for one in self.asked if one.is_due), default=None)

    def has(self, speed: Speed) -> bool:
        """Whether anything is due at that speed, whatever the limits and the wallet have room for."""
        return any(one.is_due and one.speed == speed for one in self.asked)

    def after(self, paid: Sequence[Due]) -> "Waiting":
        """What waits once a batch pays these, which are among the oldest: they leave today."""
        gone = {one.number for one in paid}
        today = self.today.copy()
        kept: list[Asked] = []
        place = 0
        while gone:
            one = self.asked[place]
            place += 1
            if one.due.number in gone:
                gone.remove(one.due.number)
                today.take(one)
            else:
                kept.append(one)
        return Waiting([*kept, *self.asked[place:]], today.copy())

    def queue(
        self,
        have_btc: Decimal | None = None,
        *,
        passed: Collection[Number] = (),
        refused: Collection[str] = (),
        begins: "Beginning | None" = None,
    ) -> Queue:
        """What the next batches pay out of so much; nothing of the `passed` ones, nothing to a refused address.

        What a limit of the day or the wallet has no room for lets smaller ones pass, and takes no room from them. The
        limits count for both speeds together, so that neither overtakes what was asked for before it. Once one fast
        withdrawal is due, the younger ones come along. With `begins` only the beginning of the queue is answered.
        """
        taken: list[Asked] = []
        uncovered: list[Due] = []
        today = self.today.copy()
        for one in self.asked:
            if one.due.number in passed or one.due.address in refused or not today.has_room(one):
                continue
            if have_btc is None or today.taken_btc + one.due.amount_btc <= have_btc:
                today.take(one)
                taken.append(one)
                if begins is not None and begins.is_enough(one):
                    break
            elif one.is_due:
                uncovered.append(one.due)
        fast = [one for one in taken if one.speed == "fast"]
        if not any(one.is_due for one in fast):
            fast = []
        return Queue([one.due for one in fast], [one.due for one in taken if one.speed == "daily"], uncovered)


@dataclass(slots=True)
class Beginning:
    """How far a queue is looked at: until more addresses are paid at a speed than fit into a transaction."""

    speed: Speed
    most: int
    addresses: set[str] = field(default_factory=set)
    any_due: bool = False

    def is_enough(self, one: Asked) -> bool:
        """Whether it is with this one, too."""
        if one.speed == self.speed:
            self.addresses.add(one.due.address)
            self.any_due |= one.is_due
        return self.any_due and len(self.addresses) > self.most


@dataclass(slots=True)
class Today:
    """BTC that left on this UTC day, by user, by partner, and altogether; `taken_btc` of it only now."""

    users: dict[tuple[int, int], Decimal]
    partners: dict[int, Decimal]
    everybody: Decimal
    taken_btc: Decimal = ZERO

    def copy(self) -> "Today":
        """The same, to be counted on."""
        return Today(self.users.copy(), self.partners.copy(), self.everybody)

    def has_room(self, one: Asked) -> bool:
        """Whether every limit leaves room for a withdrawal."""
        amount_btc = one.due.amount_btc
        return (
            (one.user_limit is None or self.users[one.user] + amount_btc <= one.user_limit)
            and (one.partner_limit is None or self.partners[one.due.partner_id] + amount_btc <= one.partner_limit)
            and (one.deployment_limit is None or self.everybody + amount_btc <= one.deployment_limit)
        )

    def take(self, one: Asked) -> None:
        """It leaves today."""
        amount_btc = one.due.amount_btc
        self.users[one.user] += amount_btc
        self.partners[one.due.partner_id] += amount_btc
        self.everybody += amount_btc
        self.taken_btc += amount_btc


async def waiting(tx: Reader, policy: PayoutPolicy, rhythm: Rhythm, *, now: datetime) -> Waiting:
    """Read everything that waits: nothing of blocked users, nothing to addresses that are too new.

    Where a partner pays to bound addresses only, one that was bound beside another waits as well (`bound_wallets`).
    """
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, w.address, w.amount_btc, w.user_id, w.speed, w.created_at,
                  w.speed = 'daily' OR w.created_at <= $4 AS is_due, p.payouts_daily_btc
           FROM withdrawal w JOIN partner p ON p.id = w.partner_id
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
           WHERE w.state = 'queued' AND (w.speed = 'fast' OR w.created_at <= $1)
             AND (u.blocked_at IS NULL OR u.payouts_go_on)
             AND ($2 OR $3 >= least(
                 (SELECT min(x.created_at) FROM withdrawal x WHERE x.partner_id = w.partner_id
                  AND x.user_id = w.user_id AND x.address = w.address),
                 (SELECT b.created_at FROM wallet b WHERE b.partner_id = w.partner_id
                  AND b.user_id = w.user_id AND b.address = w.address)))
             AND (NOT p.bound_addresses_only OR $5 >= coalesce(
                 (SELECT b.usable_at FROM wallet b WHERE b.partner_id = w.partner_id
                  AND b.user_id = w.user_id AND b.address = w.address),
                 (SELECT o.usable_at FROM wallet_unbound o WHERE o.partner_id = w.partner_id
                  AND o.user_id = w.user_id AND o.address = w.address), '-infinity'))
           ORDER BY w.id""",
        rhythm.asked_before("daily", now),
        policy.cooldown_seconds == 0,
        now - timedelta(seconds=policy.cooldown_seconds),
        rhythm.asked_before("fast", now),
        now,
    )
    asked = [
        Asked(
            due=Due(row["partner_id"], row["id"], row["address"], row["amount_btc"]),
            user=(row["partner_id"], row["user_id"]),
            speed=row["speed"],
            is_due=row["is_due"],
            due_at=rhythm.due_at(row["speed"], row["created_at"]),
            user_limit=policy.user_daily_btc,
            partner_limit=row["payouts_daily_btc"] or policy.partner_daily_btc,
            deployment_limit=policy.deployment_daily_btc,
        )
        for row in rows
    ]
    return Waiting(asked, await left_today(tx, now))


def cut(due: Sequence[Due], max_outputs: int) -> list[Due]:
    """As many as a transaction pays: those of so many addresses, oldest first."""
    chosen: list[Due] = []
    addresses: set[str] = set()
    for one in due:
        if one.address in addresses or len(addresses) < max_outputs:
            addresses.add(one.address)
            chosen.append(one)
    return chosen


async def left_today(tx: Reader, now: datetime) -> Today:
    """What left on this UTC day, by batches and by exports.

    Of each partner one stretch of the index is read, from the day's first batch on: the API asks as well, for whoever
    waits. Numbers rise with time; the moment itself decides.
    """
    rows = await tx.fetch(
        """SELECT partner_id, user_id, sum(amount_btc) AS left_btc FROM (
               SELECT w.partner_id, w.user_id, w.amount_btc FROM partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.export_id IS NULL
                                AND w.batch_id >= (SELECT min(id) FROM payout_batch WHERE created_at >= $1)
               JOIN payout_batch b ON b.id = w.batch_id WHERE b.created_at >= $1
               UNION ALL
               SELECT w.partner_id, w.user_id, w.amount_btc FROM partner p
               JOIN withdrawal w ON w.partner_id = p.id AND w.state <> 'cancelled'
                                AND w.export_id >= (SELECT min(id) FROM payout_export WHERE created_at >= $1)
               JOIN payout_export e ON e.id = w.export_id WHERE e.created_at >= $1) AS today
           GROUP BY partner_id, user_id""",
        clock.start_of(clock.day_of(now)),
    )
    users: dict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    partners: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        users[row["partner_id"], row["user_id"]] += row["left_btc"]
        partners[row["partner_id"]] += row["left_btc"]
    return Today(users, partners, sum(partners.values(), ZERO))
