"""The partner's statement: what it owes the operator, line by line, in USD.

A line is what was posted to the partner's receivable: a miner that was issued, an upgrade, a payment, or what takes one
of them back. The balance after a line is what the partner owed then; it is negative when it has paid in advance.

The receivable's number stands in these queries as 1200, not as a parameter: `transfer_of_receivable` is an index of
that account's transfers alone, and PostgreSQL may only use it for a query that names the number itself.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

from hashrail.books.chart import Account
from hashrail.db import Reader, Row, Tx, record

# How many lines are made in one go.
PART = 500
LINES = """
    SELECT t.resolved_at, t.posted_seq, t.kind, t.object_id,
           coalesce(o.external_id, f.reference, t.object_id::text) AS reference,
           coalesce(o.miner_id, u.miner_id) AS miner_id,
           CASE WHEN t.debit_account = 1200 THEN t.amount ELSE -t.amount END AS amount
    FROM transfer t
    LEFT JOIN purchase o
           ON t.kind IN ('purchase', 'refund') AND o.partner_id = t.partner_id AND o.id = t.object_id
    LEFT JOIN post_payment u
           ON t.kind IN ('post_payment', 'upgrade_refund') AND u.partner_id = t.partner_id AND u.id = t.object_id
    LEFT JOIN partner_payment f
           ON t.kind IN ('partner_payment', 'payment_reversal') AND f.partner_id = t.partner_id AND f.id = t.object_id
    WHERE t.partner_id = $1 AND (t.debit_account = 1200 OR t.credit_account = 1200) AND t.state = 'posted'
      AND (t.resolved_at, t.posted_seq) > ($2, $3) AND t.resolved_at < $4
    ORDER BY t.resolved_at, t.posted_seq LIMIT $5"""


@dataclass(frozen=True, slots=True)
class Line:
    """One posting: `amount_usd` adds to what is owed, a payment is negative; `balance_usd` is owed after it.

    `kind` is purchase, post_payment or partner_payment, or their reversal: refund, upgrade_refund, payment_reversal.
    `reference` is the order's external id, the post-payment's id or the reference of the payment, `object_id` the
    number of each; `position` tells lines of one moment apart.
    """

    at: datetime
    position: int
    kind: str
    object_id: int
    reference: str
    miner_id: int | None
    amount_usd: Decimal
    balance_usd: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved the receivable in a range, USD: charged, less what took it back, and paid, likewise."""

    charged_usd: Decimal
    paid_usd: Decimal


async def lines(
    tx: Reader,
    partner_id: int,
    *,
    first: datetime,
    before: datetime,
    limit: int | None,
    after: tuple[datetime, int] | None = None,
) -> list[Line]:
    """Lines posted from `first` to just before `before`, oldest first; `after` is the last one of the page before.

    Read it in one snapshot. Cost: what was posted since the page began, once, for the balance that it begins with.
    """
    # Positions begin at 1. A position from another range is no reason for balances that leave something out.
    begin = (first, 0) if after is None else max(after, (first, 0))
    rows = await tx.fetch(LINES, partner_id, *begin, before, limit)
    return _lines(rows, await owed_before(tx, partner_id, *begin))


async def in_parts(tx: Tx, partner_id: int, *, first: datetime, before: datetime) -> AsyncIterator[list[Line]]:
    """The same lines, all of them, a part at a time: whoever makes a file of them keeps nobody waiting meanwhile."""
    owed = await owed_before(tx, partner_id, first)
    cursor = await tx.cursor(LINES, partner_id, first, 0, before, None)
    while rows := await cursor.fetch(PART):
        part = _lines(rows, owed)
        owed = part[-1].balance_usd
        yield part


async def owed_before(tx: Reader, partner_id: int, moment: datetime, position: int = 0) -> Decimal:
    """What the partner owed (USD) before `moment`, or right after the line at (`moment`, `position`).

    It is what is owed now less what was posted since, so the newer the moment the cheaper.
    """
    owed: Decimal = await tx.fetchval(
        """SELECT a.debits_posted - a.credits_posted - coalesce((
                   SELECT sum(CASE WHEN t.debit_account = a.id THEN t.amount ELSE -t.amount END) FROM transfer t
                   WHERE t.partner_id = $1 AND (t.debit_account = 1200 OR t.credit_account = 1200)
                     AND t.state = 'posted' AND (t.resolved_at, t.posted_seq) > ($2, $3)), 0)
           FROM account a WHERE a.partner_id = $1 AND a.id = 1200""",
        partner_id,
        moment,
        position,
    )
    return owed


async def moved(tx: Reader, partner_id: int, *, first: datetime, before: datetime) -> Moved:
    """The sums of the lines from `first` to just before `before`. What moves it against cash is a payment's."""
    row = await tx.fetchrow(
        """SELECT coalesce(sum(amount) FILTER (WHERE NOT is_payment), 0) AS charged_usd,
                  -coalesce(sum(amount) FILTER (WHERE is_payment), 0) AS paid_usd
           FROM (SELECT CASE WHEN debit_account = 1200 THEN amount ELSE -amount END AS amount,
                        $4 IN (debit_account, credit_account) AS is_payment
                 FROM transfer
                 WHERE partner_id = $1 AND (debit_account = 1200 OR credit_account = 1200) AND state = 'posted'
                   AND resolved_at >= $2 AND resolved_at < $3) AS moves""",
        partner_id,
        first,
        before,
        Account.CASH.value,
    )
    assert row is not None, "sums are there in any case"
    return record(Moved, row)


def _lines(rows: Sequence[Row], opening: Decimal) -> list[Line]:
    balances = _balances(opening, [row["amount"] for row in rows])
    return [
        Line(
            at=row["resolved_at"],
            position=row["posted_seq"],
            kind=row["kind"],
            object_id=row["object_id"],
            reference=row["reference"],
            miner_id=row["miner_id"],
            amount_usd=row["amount"],
            balance_usd=balance,
        )
        for row, balance in zip(rows, balances, strict=True)
    ]


def _balances(opening: Decimal, amounts: Sequence[Decimal]) -> list[Decimal]:
    """What is owed after each of the amounts."""
    return list(accumulate(amounts, initial=opening))[1:]
