"""A user's statement, for their tax: what was credited and what moved, day by day, in bitcoin and at the day's price.

Income is credited at 00:05 UTC of the day after it was mined, settled or not, and that is when it stands here; its
price is that of the mined day, as it was published. A withdrawal stands where it became final, a deposit where it was
credited. Settling moves a user's income from one account to another, and is no line. So

    opening + the lines = closing

to the last digit, and both are what the balance was at the time. What was mined on a day that was later adjusted keeps
its line; the adjustment is a line of its own, on the day with which it was credited.

Accounts read: the user's BTC, and the income that is not settled.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.accounting.periods import Period
from hashrail.books import ledger
from hashrail.books.chart import TransferKind
from hashrail.db import Reader, Row, Tx
from hashrail.money import USD_DECIMALS, ZERO, round_half_even
from hashrail.rewards import settling

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """What added `btc` to what a user has, or took it: `btc` = pool - electricity - service for income.

    `price_usd` is a bitcoin's on `day`, None where none is published; `usd` are rounded to 8 decimals once each.
    """

    at: datetime
    day: date
    kind: TransferKind
    reference: str
    btc: Decimal
    pool_btc: Decimal
    electricity_btc: Decimal
    service_btc: Decimal
    price_usd: Decimal | None
    balance_btc: Decimal

    @property
    def usd(self) -> Decimal | None:
        """Its value at the day's price."""
        return None if self.price_usd is None else _usd(self.btc, self.price_usd)

    @property
    def electricity_usd(self) -> Decimal | None:
        """What electricity took of it, at the day's price."""
        return None if self.price_usd is None else _usd(self.electricity_btc, self.price_usd)

    @property
    def service_usd(self) -> Decimal | None:
        """What the service took of it, at the day's price."""
        return None if self.price_usd is None else _usd(self.service_btc, self.price_usd)


@dataclass(frozen=True, slots=True)
class _Part:
    """A line before it has a price and a balance; `order` tells those of one moment apart."""

    at: datetime
    order: int
    day: date
    kind: TransferKind
    reference: str
    btc: Decimal
    pool_btc: Decimal = ZERO
    electricity_btc: Decimal = ZERO
    service_btc: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Statement:
    """A user's bitcoin before the period, in it and after it."""

    opening_btc: Decimal
    lines: list[Line]
    closing_btc: Decimal


async def read(tx: Tx, partner_id: int, user_id: int, period: Period) -> Statement:
    """The statement of a period, whose first day is named. Read it in one snapshot."""
    since, before = period.since, period.before
    assert since is not None, "a statement begins with a day"
    opening = await settling.balance_at(tx, partner_id, user_id, since - TICK)
    closing = await settling.balance_at(tx, partner_id, user_id, before - TICK)
    parts = [
        *await _income(tx, partner_id, user_id, since, before),
        *await _adjustments(tx, partner_id, user_id, since, before),
        *await _moves(tx, partner_id, user_id, since, before),
    ]
    prices = await _prices(tx, clock.day_of(since) - clock.ONE_DAY, period.last)
    lines, balance = [], opening
    for part in sorted(parts, key=lambda each: (each.at, each.order)):
        balance += part.btc
        lines.append(_line(part, prices.get(part.day), balance))
    assert balance == closing, "the lines lead from one balance to the other"
    return Statement(opening, lines, closing)


async def _income(tx: Reader, partner_id: int, user_id: int, since: datetime, before: datetime) -> list[_Part]:
    """What closed days gave, a line each, by the moment at which they are credited."""
    rows = await tx.fetch(
        """SELECT d.day, sum(s.power * d.pool) AS pool, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2,
                  sum(s.power * d.net) AS net
           FROM stint s JOIN partner_day p ON p.partner_id = s.partner_id
           JOIN class_day d ON d.class_id = s.class_id AND d.day >= s.from_day
                           AND (s.to_day IS NULL OR d.day < s.to_day) AND d.day <= p.closed_through
           WHERE s.partner_id = $1 AND s.user_id = $2 AND d.day >= $3 AND d.day <= $4
           GROUP BY d.day ORDER BY d.day""",
        partner_id,
        user_id,
        *_credited_between(since, before),
    )
    return [_income_part(row, row["day"], row["day"], TransferKind.DAY, 0) for row in rows]


async def _adjustments(tx: Reader, partner_id: int, user_id: int, since: datetime, before: datetime) -> list[_Part]:
    """What corrections of earlier days gave or took, with the day that they were credited with."""
    rows = await tx.fetch(
        """SELECT a.id, a.day AS adjusted, a.effective_day AS day, sum(s.power * d.pool) AS pool,
                  sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2, sum(s.power * d.net) AS net
           FROM adjustment a
           JOIN partner_day p ON p.partner_id = $1 AND a.effective_day <= p.closed_through
           JOIN stint s ON s.partner_id = p.partner_id AND s.from_day <= a.day
                       AND (s.to_day IS NULL OR s.to_day > a.day)
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
           WHERE s.user_id = $2 AND a.effective_day >= $3 AND a.effective_day <= $4
           GROUP BY a.id, a.day, a.effective_day ORDER BY a.id""",
        partner_id,
        user_id,
        *_credited_between(since, before),
    )
    return [_income_part(row, row["day"], row["adjusted"], TransferKind.ADJUSTMENT, row["id"]) for row in rows]


async def _moves(tx: Tx, partner_id: int, user_id: int, since: datetime, before: datetime) -> list[_Part]:
    """What was posted to the user's account, but for income that was settled to it."""
    account = await ledger.user_account(tx, partner_id, user_id, "BTC")
    rows = await tx.fetch(
        """SELECT t.resolved_at, t.posted_seq, t.kind,
                  coalesce(d.txid || ':' || d.vout, t.object_id::text) AS reference,
                  CASE WHEN t.credit_account = $2 THEN t.amount ELSE -t.amount END AS amount
           FROM transfer t
           LEFT JOIN deposit d ON t.kind = 'deposit' AND d.partner_id = t.partner_id AND d.id = t.object_id
           WHERE t.partner_id = $1 AND (t.debit_account = $2 OR t.credit_account = $2) AND t.state = 'posted'
             AND t.kind <> 'settlement' AND t.resolved_at >= $3 AND t.resolved_at < $4""",
        partner_id,
        account,
        since,
        before,
    )
    return [
        _Part(
            at=row["resolved_at"],
            order=row["posted_seq"],
            day=clock.day_of(row["resolved_at"]),
            kind=TransferKind(row["kind"]),
            reference=row["reference"],
            btc=row["amount"],
        )
        for row in rows
    ]


async def _prices(tx: Reader, first: date, last: date) -> dict[date, Decimal]:
    """USD for a bitcoin on published days."""
    rows = await tx.fetch(
        "SELECT day, btc_usd FROM mining_day WHERE published_at IS NOT NULL AND day BETWEEN $1 AND $2", first, last
    )
    return {row["day"]: row["btc_usd"] for row in rows}


def _credited_between(since: datetime, before: datetime) -> tuple[date, date]:
    """The first and the last mined day whose income is credited in a period."""
    return clock.last_creditable_day(since - TICK) + clock.ONE_DAY, clock.last_creditable_day(before - TICK)


def _income_part(row: Row, credited_with: date, mined: date, kind: TransferKind, order: int) -> _Part:
    return _Part(
        at=clock.credited_at(credited_with),
        order=order,
        day=credited_with,
        kind=kind,
        reference=str(mined),
        btc=row["net"],
        pool_btc=row["pool"],
        electricity_btc=row["c1"],
        service_btc=row["c2"],
    )


def _line(part: _Part, price_usd: Decimal | None, balance_btc: Decimal) -> Line:
    return Line(
        at=part.at,
        day=part.day,
        kind=part.kind,
        reference=part.reference,
        btc=part.btc,
        pool_btc=part.pool_btc,
        electricity_btc=part.electricity_btc,
        service_btc=part.service_btc,
        price_usd=price_usd,
        balance_btc=balance_btc,
    )


def _usd(btc: Decimal, price_usd: Decimal) -> Decimal:
    return round_half_even(btc * price_usd, USD_DECIMALS)
