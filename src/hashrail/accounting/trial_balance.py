"""The trial balance: what every account has seen on both sides, of one partner or of all, now or before a moment.

Every transfer has both sides, so the debits of a currency are its credits, to the last digit. As of now it is read from
what accounts carry and from checkpoints; before a past moment all transfers until then are summed up.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.accounting import words
from hashrail.accounting.periods import Period
from hashrail.accounting.words import Entry
from hashrail.db import Reader, Tx, record
from hashrail.money import ZERO

_NOW = """
    WITH carried AS (
        SELECT CASE WHEN id < 100000 THEN id END AS number, currency, sum(debits_posted) AS debits,
               sum(credits_posted) AS credits, sum(debits_pending) AS debits_pending,
               sum(credits_pending) AS credits_pending
        FROM account WHERE carries_balance AND ($1::bigint IS NULL OR partner_id = $1) GROUP BY 1, 2),
    summed AS (
        SELECT a.id AS number, a.currency,
               coalesce(c.debits, 0)
                   + (SELECT coalesce(sum(amount), 0) FROM transfer t WHERE t.partner_id = a.partner_id
                      AND t.debit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)) AS debits,
               coalesce(c.credits, 0)
                   + (SELECT coalesce(sum(amount), 0) FROM transfer t WHERE t.partner_id = a.partner_id
                      AND t.credit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)) AS credits,
               -- What has no place in the order of postings is pending or voided; the index has it at its end.
               (SELECT coalesce(sum(amount), 0) FROM transfer t WHERE t.partner_id = a.partner_id
                AND t.debit_account = a.id AND t.posted_seq IS NULL AND t.state = 'pending') AS debits_pending,
               (SELECT coalesce(sum(amount), 0) FROM transfer t WHERE t.partner_id = a.partner_id
                AND t.credit_account = a.id AND t.posted_seq IS NULL AND t.state = 'pending') AS credits_pending
        FROM account a LEFT JOIN account_checkpoint c ON c.partner_id = a.partner_id AND c.account_id = a.id
        WHERE NOT a.carries_balance AND ($1::bigint IS NULL OR a.partner_id = $1))
    SELECT number, currency, debits, credits, debits_pending, credits_pending FROM carried
    UNION ALL
    SELECT number, currency, sum(debits), sum(credits), sum(debits_pending), sum(credits_pending)
    FROM summed GROUP BY number, currency"""
# What was posted by then, and what was pending then, whatever has become of it since.
_SIDES = """
    SELECT partner_id, account,
           coalesce(sum(debit) FILTER (WHERE posted), 0) AS debits,
           coalesce(sum(credit) FILTER (WHERE posted), 0) AS credits,
           coalesce(sum(debit) FILTER (WHERE NOT posted), 0) AS debits_pending,
           coalesce(sum(credit) FILTER (WHERE NOT posted), 0) AS credits_pending
    FROM (SELECT t.partner_id, side.account, side.debit, side.credit,
                 t.state = 'posted' AND t.resolved_at < $2 AS posted
          FROM transfer t
          CROSS JOIN LATERAL (VALUES (t.debit_account, t.amount, 0), (t.credit_account, 0, t.amount))
                          AS side (account, debit, credit)
          WHERE ($1::bigint IS NULL OR t.partner_id = $1) AND t.created_at < $2
            AND (t.state = 'posted' OR t.resolved_at IS NULL OR t.resolved_at >= $2)) AS sides
    GROUP BY partner_id, account"""
_BEFORE = f"""
    SELECT CASE WHEN a.id < 100000 THEN a.id END AS number, a.currency,
           sum(s.debits) AS debits, sum(s.credits) AS credits,
           sum(s.debits_pending) AS debits_pending, sum(s.credits_pending) AS credits_pending
    FROM ({_SIDES}) AS s JOIN account a ON a.partner_id = s.partner_id AND a.id = s.account GROUP BY 1, 2"""  # noqa: S608
_EACH = f"""
    SELECT s.partner_id, s.account AS account_id, a.currency, s.debits - s.credits AS debit
    FROM ({_SIDES}) AS s JOIN account a ON a.partner_id = s.partner_id AND a.id = s.account
    WHERE s.debits <> s.credits ORDER BY s.partner_id, s.account"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Row:
    """An account of the chart, with what moved through it: posted, and pending on both sides."""

    entry: Entry
    debits: Decimal
    credits: Decimal
    debits_pending: Decimal
    credits_pending: Decimal

    @property
    def debit(self) -> Decimal:
        """Debits less credits where they are more, as a trial balance shows it; else 0."""
        return max(self.debits - self.credits, ZERO)

    @property
    def credit(self) -> Decimal:
        """Credits less debits where they are more; else 0."""
        return max(self.credits - self.debits, ZERO)

    @property
    def balance(self) -> Decimal:
        """What the account holds, on its normal side."""
        held = self.debits - self.credits
        return held if self.entry.debit_is_normal else -held


@dataclass(frozen=True, slots=True)
class Total:
    """A currency's sums over all accounts: of what moved, and of what is left on either side."""

    currency: str
    debits: Decimal
    credits: Decimal
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """What one account of one partner holds: debits less credits."""

    partner_id: int
    account_id: int
    currency: str
    debit: Decimal


async def read(tx: Reader, partner_id: int | None, *, before: datetime | None = None) -> list[Row]:
    """Every account of the chart, in its order; of one partner or of all. `before` a moment, or as of now."""
    found = await (tx.fetch(_NOW, partner_id) if before is None else tx.fetch(_BEFORE, partner_id, before))
    moved = {(row["number"], row["currency"]): row for row in found}
    rows = []
    for entry in words.chart():
        row = moved.pop((entry.number, entry.currency), None)
        amounts = (row[name] if row else ZERO for name in ("debits", "credits", "debits_pending", "credits_pending"))
        rows.append(Row(entry, *amounts))
    assert not moved, "an account is of the chart"
    return rows


def totals(rows: list[Row]) -> list[Total]:
    """The sums of each currency; the debits are the credits, or the books are broken."""
    found = []
    for currency in dict.fromkeys(row.entry.currency for row in rows):
        those = [row for row in rows if row.entry.currency == currency]
        sums = (sum((getattr(row, name) for row in those), ZERO) for name in ("debits", "credits", "debit", "credit"))
        total = Total(currency, *sums)
        assert (total.debits, total.debit) == (total.credits, total.credit), f"the {currency} books do not balance"
        found.append(total)
    return found


@dataclass(frozen=True, slots=True)
class Moved:
    """An account of the chart in a period: what it held before, what moved on both sides, and what it held then."""

    entry: Entry
    opening: Decimal
    debits: Decimal
    credits: Decimal
    closing: Decimal


async def of_period(tx: Reader, partner_id: int | None, period: Period) -> list[Moved]:
    """Every account of the chart in a period, balances on their normal side. Read it in one snapshot."""
    after = await read(tx, partner_id, before=period.before)
    before = [None] * len(after) if period.since is None else await read(tx, partner_id, before=period.since)
    return [
        Moved(
            row.entry,
            ZERO if was is None else was.balance,
            row.debits - (ZERO if was is None else was.debits),
            row.credits - (ZERO if was is None else was.credits),
            row.balance,
        )
        for was, row in zip(before, after, strict=True)
    ]


async def each(tx: Tx, partner_id: int | None, *, before: datetime) -> AsyncIterator[Held]:
    """Every single account, users' too, that held something before a moment; by partner and number."""
    async for row in tx.cursor(_EACH, partner_id, before, prefetch=1000):
        yield record(Held, row)
