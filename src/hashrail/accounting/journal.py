"""The journal: every posted transfer in the order of time, of one partner or of all, read in parts.

What is pending or was voided is in no journal: it has moved nothing. Income that users have earned and not settled
stands on the control account, which the days are posted to.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.db import Tx, record

# How many entries are read in one go.
PART = 1_000
# What people know the object of a transfer by, and what that is read from.
REFERENCE = """
    coalesce(o.external_id, f.reference, d.txid || ':' || d.vout, u.partner_user_id,
             CASE WHEN t.kind = 'day' THEN ('0001-01-01'::date + (t.object_id - 1)::integer)::text END,
             t.object_id::text)"""
OBJECTS = """
    LEFT JOIN purchase o ON t.kind IN ('purchase', 'refund', 'income_taken')
           AND o.partner_id = t.partner_id AND o.id = t.object_id
    LEFT JOIN partner_payment f ON t.kind IN ('partner_payment', 'payment_reversal')
           AND f.partner_id = t.partner_id AND f.id = t.object_id
    LEFT JOIN deposit d ON t.kind = 'deposit' AND d.partner_id = t.partner_id AND d.id = t.object_id
    LEFT JOIN app_user u ON t.kind = 'settlement' AND u.partner_id = t.partner_id AND u.id = t.object_id"""
_ENTRIES = f"""
    SELECT t.resolved_at AS at, t.posted_seq AS number, t.partner_id, p.name AS partner_name,
           t.kind, t.object_id, t.leg, {REFERENCE} AS reference, t.debit_account, t.credit_account, a.currency, t.amount
    FROM transfer t
    JOIN partner p ON p.id = t.partner_id
    JOIN account a ON a.partner_id = t.partner_id AND a.id = t.debit_account {OBJECTS}
    WHERE ($1::bigint IS NULL OR t.partner_id = $1) AND t.state = 'posted'
      AND ($2::timestamptz IS NULL OR t.resolved_at >= $2) AND t.resolved_at < $3
    ORDER BY t.resolved_at, t.posted_seq"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """A posted transfer: `amount` of `currency` from the credit to the debit account, at business time.

    (kind, object, leg) is its id in the partner's books, `number` its place in the order of all postings. `reference`
    is what people know the object by: an order's external id, the bank's reference, a day, an output of the chain.
    """

    at: datetime
    number: int
    partner_id: int
    partner_name: str
    kind: str
    object_id: int
    leg: int
    reference: str
    debit_account: int
    credit_account: int
    currency: str
    amount: Decimal


async def in_parts(
    tx: Tx, partner_id: int | None, *, first: datetime | None, before: datetime
) -> AsyncIterator[list[Entry]]:
    """Entries from `first` on (None: all) to just before `before`, oldest first, a part at a time."""
    cursor = await tx.cursor(_ENTRIES, partner_id, first, before)
    while rows := await cursor.fetch(PART):
        yield [record(Entry, row) for row in rows]
