"""The partner's statement: what it owes the operator, line by line, in USD.

A line is what was posted to the partner's receivable: a miner that was issued, an upgrade, a payment. The balance
after a line is what the partner owed then; it is negative when it has paid in advance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

from hashrail.db import Reader


@dataclass(frozen=True, slots=True)
class Line:
    """One posting: `amount_usd` adds to what is owed, a payment is negative; `balance_usd` is owed after it.

    `kind` is purchase, post_payment or partner_payment; `reference` the order's external id, the post-payment's id
    or the reference of the payment; `position` tells lines of one moment apart.
    """

    at: datetime
    position: int
    kind: str
    reference: str
    miner_id: int | None
    amount_usd: Decimal
    balance_usd: Decimal


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
    rows = await tx.fetch(
        """SELECT t.resolved_at, t.posted_seq, t.kind,
                  coalesce(o.external_id, f.reference, t.object_id::text) AS reference,
                  coalesce(o.miner_id, u.miner_id) AS miner_id,
                  CASE WHEN t.debit_account = 1200 THEN t.amount ELSE -t.amount END AS amount
           FROM transfer t
           LEFT JOIN purchase o ON t.kind = 'purchase' AND o.partner_id = t.partner_id AND o.id = t.object_id
           LEFT JOIN post_payment u ON t.kind = 'post_payment' AND u.partner_id = t.partner_id AND u.id = t.object_id
           LEFT JOIN partner_payment f
             ON t.kind = 'partner_payment' AND f.partner_id = t.partner_id AND f.id = t.object_id
           WHERE t.partner_id = $1 AND (t.debit_account = 1200 OR t.credit_account = 1200) AND t.state = 'posted'
             AND (t.resolved_at, t.posted_seq) > ($2, $3) AND t.resolved_at < $4
           ORDER BY t.resolved_at, t.posted_seq LIMIT $5""",
        partner_id,
        *begin,
        before,
        limit,
    )
    opening = await owed_before(tx, partner_id, *begin)
    balances = _balances(opening, [row["amount"] for row in rows])
    return [
        Line(
            row["resolved_at"],
            row["posted_seq"],
            row["kind"],
            row["reference"],
            row["miner_id"],
            row["amount"],
            balance,
        )
        for row, balance in zip(rows, balances, strict=True)
    ]


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


def _balances(opening: Decimal, amounts: Sequence[Decimal]) -> list[Decimal]:
    """What is owed after each of the amounts."""
    return list(accumulate(amounts, initial=opening))[1:]
