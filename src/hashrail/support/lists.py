"""Lists for support: a partner's miners, orders, deposits and addresses, newest first, page by page.

A page is read by index: of a user where one is named, of the partner otherwise, and of those in a state where it is not
the one that most are in. `after` is the last number of the page
before. Times are business time; `first` and `last` are days, both included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import get_args

from hashrail import clock
from hashrail.custody import withdrawals
from hashrail.db import Reader, Tx, record
from hashrail.rewards import income_records


@dataclass(frozen=True, slots=True)
class Page:
    """Which of them, and how many."""

    limit: int
    user_id: int | None = None
    state: str | None = None
    first: date | None = None
    last: date | None = None
    after: int | None = None

    def of(self, user_id: int | None) -> "Page":
        """The same of one user."""
        return replace(self, user_id=user_id)

    @property
    def since(self) -> datetime | None:
        """The moment with which the days begin."""
        return None if self.first is None else clock.start_of(self.first)

    @property
    def before(self) -> datetime | None:
        """The moment with which they are over."""
        return None if self.last is None else clock.start_of(self.last + clock.ONE_DAY)


@dataclass(frozen=True, slots=True)
class Miner:
    """`power` TH/s at `energy_efficiency` W/TH, and whose it is, or was last."""

    id: int
    user_id: int
    partner_user_id: str
    name: str
    power: Decimal
    energy_efficiency: Decimal
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Stint:
    """A miner in one owner's hands with constant power; `to_day` is the first day that it was not."""

    user_id: int
    partner_user_id: str
    power: Decimal
    energy_efficiency: Decimal
    level_discount: Decimal
    programmes: list[str]
    from_day: date
    to_day: date | None


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase, with the miner that it issued; one that was refunded stays issued."""

    id: int
    external_id: str
    user_id: int
    partner_user_id: str
    collection_id: int
    power: Decimal
    energy_efficiency: Decimal
    value_usd: Decimal
    state: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    refunded_at: datetime | None
    miner_id: int | None


@dataclass(frozen=True, slots=True)
class Deposit:
    """Bitcoin that arrived."""

    id: int
    user_id: int
    partner_user_id: str
    address: str
    txid: str
    vout: int
    amount_btc: Decimal
    state: str
    confirmations: int
    created_at: datetime
    credited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a user has bound, or taken off (then without a number)."""

    id: int | None
    partner_user_id: str
    address: str
    state: str
    bound_at: datetime
    usable_at: datetime | None
    unbound_at: datetime | None


@dataclass(frozen=True, slots=True)
class IncomeDay:
    """What a user earned with a day, BTC: gross, net, and how many TH."""

    day: date
    power: Decimal
    gross_btc: Decimal
    net_btc: Decimal


STATES: Mapping[str, tuple[str, ...]] = {
    "miner": ("running", "ended"),
    "order": ("created", "issued", "expired", "cancelled"),
    "deposit": ("pending", "credited", "lost", "gone"),
    "address": ("bound", "unbound"),
    "withdrawal": get_args(withdrawals.State),
}
_PAGE = """ AND ($2::bigint IS NULL OR x.user_id = $2) AND ($3::text IS NULL OR x.state = $3)
    AND ($4::timestamptz IS NULL OR x.created_at >= $4) AND ($5::timestamptz IS NULL OR x.created_at < $5)
    AND ($6::bigint IS NULL OR x.id < $6) ORDER BY x.id DESC LIMIT $7"""
_USER = "JOIN app_user u ON u.partner_id = x.partner_id AND u.id = x.user_id WHERE x.partner_id = $1"
_MINER = """
    SELECT x.id, x.user_id, u.partner_user_id, x.name, x.power, x.energy_efficiency, x.state, x.created_at
    FROM (SELECT m.partner_id, m.id, m.user_id, m.name, m.power, m.energy_efficiency, m.created_at, m.ended_at,
                 CASE WHEN m.ended_at IS NULL THEN 'running' ELSE 'ended' END AS state FROM miner m) AS x"""
_ORDER = """
    SELECT x.id, x.external_id, x.user_id, u.partner_user_id, x.collection_id, x.power, x.energy_efficiency,
           x.value_usd, x.state, x.created_at, x.expires_at, x.paid_at, x.miner_id,
           (SELECT f.refunded_at FROM order_refund f WHERE f.partner_id = $1 AND f.purchase_id = x.id)
           AS refunded_at FROM purchase x"""
_DEPOSIT = """
    SELECT x.id, x.user_id, u.partner_user_id, x.address, x.txid, x.vout, x.amount_btc, x.state, x.confirmations,
           x.created_at, x.credited_at FROM deposit x"""


async def miners(tx: Reader, partner_id: int, page: Page) -> list[Miner]:
    """The partner's miners; those that were refunded have ended."""
    # Said once more as the index has it.
    ended = "AND ($3::text IS DISTINCT FROM 'ended' OR x.ended_at IS NOT NULL)"
    rows = await tx.fetch(f"{_MINER} {_USER} {ended} {_PAGE}", *_asked(partner_id, page))
    return [record(Miner, row) for row in rows]


async def stints(tx: Reader, partner_id: int, miner_id: int) -> list[Stint]:
    """A miner's stints, oldest first."""
    rows = await tx.fetch(
        """SELECT s.user_id, u.partner_user_id, s.power, c.energy_efficiency, c.level_discount,
                  ARRAY(SELECT g.name FROM discount_programme g WHERE g.id = ANY(c.programmes) ORDER BY g.id)
                  AS programmes, s.from_day, s.to_day
           FROM stint s JOIN rate_class c ON c.id = s.class_id
           JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
           WHERE s.partner_id = $1 AND s.miner_id = $2 ORDER BY s.from_day""",
        partner_id,
        miner_id,
    )
    return [record(Stint, row) for row in rows]


async def owner(tx: Reader, partner_id: int, miner_id: int) -> int:
    """The number of the user who has a miner, or had it last."""
    found: int = await tx.fetchval("SELECT user_id FROM miner WHERE partner_id = $1 AND id = $2", partner_id, miner_id)
    return found


async def orders(tx: Reader, partner_id: int, page: Page) -> list[Order]:
    """The partner's orders."""
    return [record(Order, row) for row in await tx.fetch(f"{_ORDER} {_USER} {_PAGE}", *_asked(partner_id, page))]


async def order(tx: Reader, partner_id: int, external_id: str) -> Order | None:
    """One order by the partner's external id."""
    row = await tx.fetchrow(f"{_ORDER} {_USER} AND x.external_id = $2", partner_id, external_id)
    return None if row is None else record(Order, row)


async def deposits(tx: Reader, partner_id: int, page: Page) -> list[Deposit]:
    """What arrived for the partner's users."""
    return [record(Deposit, row) for row in await tx.fetch(f"{_DEPOSIT} {_USER} {_PAGE}", *_asked(partner_id, page))]


async def addresses(tx: Reader, partner_id: int, page: Page) -> list[Address]:
    """Addresses that users have bound, and behind them, on the first page, those lately taken off."""
    found: list[Address] = []
    if page.state in (None, "bound"):
        rows = await tx.fetch(
            """SELECT x.id, u.partner_user_id, x.address, 'bound' AS state, x.created_at AS bound_at, x.usable_at,
                      NULL::timestamptz AS unbound_at
               FROM wallet x JOIN app_user u ON u.partner_id = x.partner_id AND u.id = x.user_id
               WHERE x.partner_id = $1 AND ($2::bigint IS NULL OR x.user_id = $2)
                 AND ($3::timestamptz IS NULL OR x.created_at >= $3) AND ($4::timestamptz IS NULL OR x.created_at < $4)
                 AND ($5::bigint IS NULL OR x.id < $5) ORDER BY x.id DESC LIMIT $6""",
            *(partner_id, page.user_id, page.since, page.before, page.after, page.limit),
        )
        found += [record(Address, row) for row in rows]
    if page.state in (None, "unbound") and page.after is None and len(found) < page.limit:
        rows = await tx.fetch(
            """SELECT NULL::bigint AS id, u.partner_user_id, x.address, 'unbound' AS state, x.bound_at, x.usable_at,
                      x.unbound_at
               FROM wallet_unbound x JOIN app_user u ON u.partner_id = x.partner_id AND u.id = x.user_id
               WHERE x.partner_id = $1 AND ($2::bigint IS NULL OR x.user_id = $2)
                 AND ($3::timestamptz IS NULL OR x.bound_at >= $3) AND ($4::timestamptz IS NULL OR x.bound_at < $4)
               ORDER BY x.unbound_at DESC, x.user_id, x.address LIMIT $5""",
            *(partner_id, page.user_id, page.since, page.before, page.limit - len(found)),
        )
        found += [record(Address, row) for row in rows]
    return found


async def income(tx: Tx, partner_id: int, user_id: int, page: Page) -> list[IncomeDay]:
    """What a user earned day by day, newest first, adjustments with the day that they were credited with."""
    held = await income_records.holdings(tx, partner_id, user_id, first=page.first, last=page.last)
    first, last = page.first or date.min, page.last or date.max
    totals, _ = await income_records.day_totals(
        tx, held, first=first, last=last, limit=page.limit, offset=0, with_records=False
    )
    return [IncomeDay(one.day, one.power, one.pool, one.net) for one in totals]


def _asked(partner_id: int, page: Page) -> tuple[object, ...]:
    return (partner_id, page.user_id, page.state, page.since, page.before, page.after, page.limit)
