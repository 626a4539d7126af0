"""Invariants of payout batches: they pay in full, once, and their fees are in the books."""

from collections.abc import Iterable, Sequence

from hashrail.audit.checks.changes import Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Key, Since, key, lookup, of_kind, on, transfers_of_all
from hashrail.books.chart import Account
from hashrail.db import Row


async def _batch(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
    """The batches of withdrawals that have one; one that leaves its batch leaves it with the batch's end."""
    return [(row["batch_id"],) for row in rows if row["batch_id"] is not None]


INVARIANTS = (
    Invariant(
        "settled-batches-are-over",
        "no withdrawal of a settled batch is still on its way, and every final one was in a final batch",
        """
        SELECT w.partner_id, w.id AS withdrawal_id, w.state, b.state AS batch FROM {withdrawal} w
        JOIN payout_batch b ON b.id = w.batch_id
        WHERE (b.settled_at IS NOT NULL AND w.state <> 'final') OR (w.state = 'final' AND b.state <> 'final')""",
        scope=Since(
            ("partner_id", "id"),
            {
                "withdrawal": key("partner_id", "id"),
                "payout_batch": lookup(
                    """SELECT w.partner_id, w.id FROM unnest($1::bigint[]) AS k (id)
                       JOIN withdrawal w ON w.batch_id = k.id""",
                    "id",
                ),
            },
            {"withdrawal": on("withdrawal", partner_id="partner_id", id="id")},
        ),
    ),
    Invariant(
        "batches-pay-in-full",
        "what a batch spends is what its withdrawals are paid, its fee, and change",
        """
        SELECT b.id AS batch_id, i.btc AS inputs, coalesce(w.btc, 0) AS paid, t.fee_btc AS fee
        FROM {payout_batch} b
        JOIN payout_transaction t ON t.batch_id = b.id
        JOIN (SELECT batch_id, sum(amount_btc) AS btc FROM {payout_input} p GROUP BY batch_id) i ON i.batch_id = b.id
        LEFT JOIN (SELECT batch_id, sum(amount_btc) AS btc FROM {withdrawal} p GROUP BY batch_id) w ON w.batch_id = b.id
        WHERE b.kind <> 'external' AND b.state <> 'conflicted'
          AND (i.btc < coalesce(w.btc, 0) + t.fee_btc OR w.btc IS NULL
               -- What was recorded, an operator has allowed.
               OR (t.paid IS NULL AND t.fee_btc > b.most_fee_btc))""",
        scope=Since(
            ("id",),
            {
                "payout_batch": key("id"),
                "payout_transaction": key("batch_id"),
                "payout_input": key("batch_id"),
                "withdrawal": _batch,
            },
            {
                "payout_batch": on("payout_batch", id="id"),
                "payout_input": on("payout_input", batch_id="id"),
                "withdrawal": on("withdrawal", batch_id="id"),
            },
        ),
    ),
    Invariant(
        "network-fees-match-batches",
        "a settled batch's network fee is posted once, to the satoshi, shared among its partners",
        """
        WITH posted AS (
            SELECT object_id AS id, sum(amount) AS fee FROM {transfer} f
            WHERE kind = 'network_fee' AND state = 'posted' AND debit_account = $1 AND credit_account = $2
            GROUP BY object_id),
        paid AS (
            SELECT b.id, t.fee_btc AS fee, b.settled_at FROM {payout_batch} b
            JOIN payout_transaction t ON t.txid = b.txid WHERE b.state = 'final' AND t.fee_btc > 0)
        SELECT id AS batch_id, paid.fee AS fee, posted.fee AS posted FROM paid FULL JOIN posted USING (id)
        WHERE (paid.settled_at IS NOT NULL AND paid.fee IS DISTINCT FROM posted.fee)
           OR coalesce(posted.fee, 0) > coalesce(paid.fee, 0)""",
        (Account.NETWORK_FEES, Account.BITCOIN_WALLET),
        scope=Since(
            ("id",),
            {
                "payout_batch": key("id"),
                "payout_transaction": key("batch_id"),
                "transfer": of_kind("network_fee", columns=("object_id",)),
            },
            {"payout_batch": on("payout_batch", id="id"), "transfer": transfers_of_all("network_fee")},
        ),
    ),
)
