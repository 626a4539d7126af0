"""What the pool owes for mined days, against what it has paid: whether an operator sells what they mine.

Promised is what closed days have credited to users and charged them, of all partners together: class power times pool
reward, with the adjustments of a day. Received are pool receipts, by the mined day that each is for. A receipt pays for
the oldest days that are open (`pool_receipts`), so what is open of a day is what no receipt has paid for yet.

Nothing here writes.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.accounting import periods
from hashrail.bitcoin.findings import Finding
from hashrail.books.chart import Account
from hashrail.db import Reader, record
from hashrail.money import ZERO, plain

# How many days a pool may take to pay before what is open is a shortfall.
PATIENCE_DAYS = 3
_PROMISED = """
    SELECT t.partner_id,
           CASE t.kind WHEN 'adjustment' THEN a.day ELSE '0001-01-01'::date + (t.object_id - 1)::integer END AS day,
           sum(CASE WHEN t.debit_account = $1 THEN t.amount ELSE -t.amount END) AS amount
    FROM transfer t LEFT JOIN adjustment a ON t.kind = 'adjustment' AND a.id = t.object_id
    WHERE t.kind IN ('day', 'adjustment') AND t.state = 'posted' AND (t.debit_account = $1 OR t.credit_account = $1)
    GROUP BY 1, 2"""
_PAID = """
    SELECT s.partner_id, s.day, sum(s.amount_btc) AS amount
    FROM pool_receipt_share s JOIN pool_receipt r ON r.id = s.receipt_id WHERE r.reversed_at IS NULL GROUP BY 1, 2"""
_OPEN = f"""
    SELECT p.partner_id, p.day, p.amount - coalesce(s.amount, 0) AS open_btc
    FROM ({_PROMISED}) p LEFT JOIN ({_PAID}) s ON s.partner_id = p.partner_id AND s.day = p.day
    WHERE p.amount > coalesce(s.amount, 0) ORDER BY p.day, p.partner_id"""  # noqa: S608
_DAYS = f"""
    SELECT day, coalesce(p.promised, 0) AS promised_btc, coalesce(r.received, 0) AS received_btc,
           coalesce(p.promised, 0) - coalesce(p.paid, 0) AS open_btc
    FROM (SELECT p.day, sum(p.amount) AS promised, sum(s.amount) AS paid
          FROM ({_PROMISED}) p LEFT JOIN ({_PAID}) s ON s.partner_id = p.partner_id AND s.day = p.day GROUP BY p.day) p
    FULL JOIN (SELECT day, sum(amount_btc) AS received FROM pool_receipt WHERE reversed_at IS NULL GROUP BY day) r
         USING (day)
    WHERE day >= $2 AND day < $3 ORDER BY day"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Open:
    """What no receipt has paid for yet of a partner's mined day, BTC."""

    partner_id: int
    day: date
    open_btc: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """A mined day, of all partners, BTC; `open_btc` of what was promised no receipt has paid for yet."""

    day: date
    promised_btc: Decimal
    received_btc: Decimal
    open_btc: Decimal

    @property
    def more_btc(self) -> Decimal:
        """What was received for the day beyond what was promised; negative where it was less."""
        return self.received_btc - self.promised_btc


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What the pool should have paid by now: for days from `since` through `through`, BTC."""

    since: date
    through: date
    open_btc: Decimal


async def open_days(tx: Reader) -> list[Open]:
    """What is open of each partner's days, oldest day first."""
    rows = await tx.fetch(_OPEN, Account.POOL_RECEIVABLE.value)
    return [record(Open, row) for row in rows]


async def of_month(tx: Reader, month: date) -> list[Day]:
    """The days of a month on which something was promised or for which something was received."""
    rows = await tx.fetch(_DAYS, Account.POOL_RECEIVABLE.value, month, periods.next_month(month))
    return [record(Day, row) for row in rows]


async def months(tx: Reader) -> list[Day]:
    """Each month, added up; `day` is its first."""
    rows = await tx.fetch(_DAYS, Account.POOL_RECEIVABLE.value, date.min, date.max)
    found: dict[date, Day] = {}
    for each in (record(Day, row) for row in rows):
        first = each.day.replace(day=1)
        sums = found.get(first, Day(first, ZERO, ZERO, ZERO))
        found[first] = Day(
            first,
            sums.promised_btc + each.promised_btc,
            sums.received_btc + each.received_btc,
            sums.open_btc + each.open_btc,
        )
    return list(found.values())


async def shortfall(tx: Reader, *, now: datetime, patience_days: int = PATIENCE_DAYS) -> Shortfall | None:
    """What is open of days that were over more than so many days ago; None where the pool has paid for all of them."""
    through = clock.day_of(now) - timedelta(days=patience_days + 1)
    late = [each for each in await open_days(tx) if each.day <= through]
    if not late:
        return None
    return Shortfall(late[0].day, late[-1].day, sum((each.open_btc for each in late), ZERO))


async def findings(tx: Reader, *, now: datetime) -> list[Finding]:
    """The shortfall as something that an operator is told all the time; it stops nothing.

    Nothing is told where no receipt was ever recorded: then the books cannot know what the pool has paid.
    """
    is_kept = await tx.fetchval("SELECT EXISTS (SELECT 1 FROM pool_receipt WHERE reversed_at IS NULL)")
    found = await shortfall(tx, now=now) if is_kept else None
    if found is None:
        return []
    days = f"{found.since} to {found.through}"
    message = f"the pool has not paid {plain(found.open_btc)} BTC that was credited for {days}: hashrail pool show"
    return [Finding("POOL_SHORTFALL", message, stops=False)]
