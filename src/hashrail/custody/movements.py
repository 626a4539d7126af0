"""What went in and out of a user's balance by word or chain: deposits, withdrawals, corrections by operators.

Income is not among them: it is credited by the day and told by the day. A withdrawal that was taken back or refused
moved nothing, and a deposit counts from when it was credited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from hashrail.custody import withdrawals
from hashrail.db import Tx, record

Source = Literal["deposit", "withdrawal", "correction"]
Way = Literal["deposit", "daily", "fast", "correction"]


@dataclass(frozen=True, slots=True)
class Movement:
    """`amount` above zero came, one below it left, a withdrawal with its commission. `number` is its source's own.

    `txid` is None where no transaction is known; `is_final` says that nothing of it can change any more.
    """

    source: Source
    way: Way
    number: int
    at: datetime
    currency: str
    amount: Decimal
    txid: str | None
    is_final: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which movements: in these ways and currencies, from `since` to `until`, both included; None asks for all."""

    ways: Sequence[Way] | None = None
    currencies: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


# Milliseconds are what lists of others go by, so a moment is cut to them.
_READ = "SELECT source, way, number, at, currency, amount, txid, is_final"
_COUNT = "SELECT count(*)"
_MOVED = """
    FROM (
        SELECT 'withdrawal' AS source, speed AS way, id AS number, date_trunc('milliseconds', created_at) AS at,
               'BTC' AS currency, -(amount_btc + commission_btc) AS amount, NULL AS txid, false AS is_final
        FROM withdrawal WHERE partner_id = $1 AND user_id = $2 AND state NOT IN ('cancelled', 'refused')
        UNION ALL
        SELECT 'deposit', 'deposit', id, date_trunc('milliseconds', credited_at), 'BTC', amount_btc, txid, true
        FROM deposit WHERE partner_id = $1 AND user_id = $2 AND state = 'credited'
        UNION ALL
        SELECT 'correction', 'correction', id, date_trunc('milliseconds', made_at), currency, amount, NULL, true
        FROM balance_correction WHERE partner_id = $1 AND user_id = $2) AS moved
    WHERE ($3::text[] IS NULL OR way = ANY ($3)) AND ($4::text[] IS NULL OR currency = ANY ($4))
      AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at <= $6)"""


async def page(
    tx: Tx, partner_id: int, user_id: int, wanted: Wanted, *, before: datetime | None, limit: int
) -> list[Movement]:
    """Movements before a moment, newest first.

    Whoever goes on from the last one's millisecond must miss none, so all of that millisecond are there, though they
    be more than `limit`.
    """
    rows = await tx.fetch(
        f"{_READ} {_MOVED} AND ($7::timestamptz IS NULL OR at < $7) ORDER BY at DESC FETCH FIRST $8 ROWS WITH TIES",
        *(partner_id, user_id, wanted.ways, wanted.currencies, wanted.since, wanted.until),
        *(before, limit),
    )
    found = sorted((record(Movement, row) for row in rows), key=lambda one: (one.at, one.source, one.number))
    return await _with_payments(tx, partner_id, found[::-1])


async def count(tx: Tx, partner_id: int, user_id: int, wanted: Wanted) -> int:
    """How many there are, on all pages."""
    found: int = await tx.fetchval(
        f"{_COUNT} {_MOVED}",
        *(partner_id, user_id, wanted.ways, wanted.currencies, wanted.since, wanted.until),
    )
    return found


async def _with_payments(tx: Tx, partner_id: int, found: list[Movement]) -> list[Movement]:
    """What the batches know of the withdrawals: the transaction that pays, and whether it is final."""
    asked = [one.number for one in found if one.source == "withdrawal"]
    known = {one.id: one for one in await withdrawals.some(tx, partner_id, asked)} if asked else {}
    return [_paid(one, known[one.number]) if one.source == "withdrawal" else one for one in found]


def _paid(one: Movement, known: withdrawals.Withdrawal) -> Movement:
    return Movement(
        one.source, one.way, one.number, one.at, one.currency, one.amount, known.txid, known.state == "final"
    )
