"""Foreign spends: transactions that spend our coins and stand in no batch.

    found -> acknowledged      an admin looked: it pays nobody of ours, or somebody else than who waits
    found -> recorded          it pays withdrawals; a batch has it from then on
    found -> replaced          the chain has something else in its place, at final depth; it may come back

Another program uses the wallet, a key is stolen, or the books have forgotten a payment, because an older copy was
restored. While one counts nothing new is signed or exported, and whoever waits at an address that it pays is neither
released nor cancelled. Even one that the mempool has lost may be mined one day. Later on, a withdrawal to such an
address needs two operators, also where the rest of what it pays was recorded: it may be a lost one that is asked for
again.

A payment of a batch that was given up counts as foreign when the chain has it after all.
"""

from collections.abc import Sequence

import structlog

from hashrail import business_clock, db
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import WalletHistory
from hashrail.db import Pool, Reader, Tx
from hashrail.errors import ConflictError

# Deeper than that nothing is asked about any more.
WATCHED_DEPTH = 100
# Neither replaced nor in a batch; one that was given up has lost its transactions. And those nobody has acknowledged.
_UNRECORDED = """
    SELECT f.txid FROM payout_foreign_spend f
    WHERE NOT f.dead AND NOT EXISTS (SELECT 1 FROM payout_transaction t JOIN payout_batch b ON b.id = t.batch_id
                                     WHERE t.txid = f.txid AND b.state <> 'conflicted')"""
_COUNTING = f"{_UNRECORDED} AND f.acknowledged_at IS NULL"
log = structlog.get_logger()


class ForeignSpendError(ConflictError):
    """A transaction spends our coins and no batch knows it; `details.txids` name it."""

    code = "FOREIGN_SPEND"
    advice = "Record it for the withdrawals that it pays, or acknowledge it: docs/how-to/reconcile.md"


async def look(pool: Pool, chain: Chain, history: WalletHistory, *, final_depth: int) -> None:
    """Write down what the history has and no batch knows, and how deep the chain has what was found before."""
    spending = [entry for entry in history.entries if entry.category == "send"]
    rows = await pool.fetch(
        """SELECT DISTINCT e.txid, b.id IS NOT NULL AS given_up
           FROM unnest($1::text[], $2::int[]) AS e (txid, confirmations)
           LEFT JOIN payout_transaction t ON t.txid = e.txid LEFT JOIN payout_batch b ON b.id = t.batch_id
           WHERE NOT EXISTS (SELECT 1 FROM payout_foreign_spend f WHERE f.txid = e.txid)
             AND (b.id IS NULL OR (b.state = 'conflicted' AND e.confirmations >= 0))""",
        [entry.txid for entry in spending],
        [entry.confirmations for entry in spending],
    )
    for row in rows:
        # What was given up counts again once it waits or is mined.
        if not row["given_up"] or (await chain.transaction(row["txid"])).state in ("mempool", "confirmed"):
            await _write_down(pool, chain, row["txid"])
    rows = await pool.fetch(
        "SELECT txid, confirmations FROM payout_foreign_spend WHERE abs(confirmations) < $1 ORDER BY txid",
        WATCHED_DEPTH,
    )
    for row in rows:
        state = await chain.transaction(row["txid"])
        if state.state != "unknown" and state.confirmations != row["confirmations"]:
            await pool.execute(
                "UPDATE payout_foreign_spend SET confirmations = $2, dead = $3 WHERE txid = $1",
                row["txid"],
                state.confirmations,
                state.confirmations <= -final_depth,
            )


async def stopping(tx: Reader) -> list[str]:
    """Txids of those that count: neither acknowledged nor recorded nor replaced."""
    rows = await tx.fetch(f"{_COUNTING} ORDER BY f.txid")
    return [row["txid"] for row in rows]


async def assert_none(tx: Reader) -> None:
    """Raises ForeignSpendError while one counts."""
    txids = await stopping(tx)
    if txids:
        raise ForeignSpendError(f"{txids[0]} spends our coins, and no batch knows it", txids=txids)


async def stopping_pay(tx: Reader, address: str) -> bool:
    """Whether one that counts pays an address."""
    return await tx.fetchval(f"{_COUNTING} AND f.paid @> ARRAY[$1] LIMIT 1", address) is not None


async def may_have_paid(tx: Reader, address: str) -> bool:
    """Whether one neither recorded nor replaced pays an address, or a recorded one does for none of its withdrawals."""
    if await tx.fetchval(f"{_UNRECORDED} AND f.paid @> ARRAY[$1] LIMIT 1", address) is not None:
        return True
    paying = await tx.fetch(
        """SELECT DISTINCT b.id FROM payout_transaction t JOIN payout_batch b ON b.id = t.batch_id
           WHERE t.paid @> ARRAY[$1] AND b.state <> 'conflicted'""",
        address,
    )
    batches = {row["id"] for row in paying}
    if not batches:
        return False
    meant = await tx.fetch(
        """SELECT DISTINCT w.batch_id FROM partner p JOIN withdrawal w ON w.partner_id = p.id
           WHERE w.batch_id = ANY ($1::bigint[]) AND w.address = $2""",
        sorted(batches),
        address,
    )
    return batches != {row["batch_id"] for row in meant}


async def paid_by(tx: Reader, txid: str) -> list[str] | None:
    """The addresses that one pays; None where there is none of that txid."""
    paid: list[str] | None = await tx.fetchval("SELECT paid FROM payout_foreign_spend WHERE txid = $1", txid)
    return paid


async def acknowledge(tx: Tx, txid: str, *, by: str, reason: str) -> bool:
    """Let it stand in nobody's way any more; False where it was acknowledged before, which stays as it is."""
    new = await tx.fetchval(
        """UPDATE payout_foreign_spend SET acknowledged_at = $2, acknowledged_by = $3, reason = $4
           WHERE txid = $1 AND acknowledged_at IS NULL RETURNING true""",
        txid,
        await business_clock.now(tx),
        by,
        reason,
    )
    return new is not None


async def is_acknowledged(tx: Reader, txid: str) -> bool:
    """Whether an admin has let one stand beside what is paid."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM payout_foreign_spend WHERE txid = $1 AND acknowledged_at IS NOT NULL)", txid
    )
    return found


async def is_ours(tx: Reader, txid: str, outpoints: Sequence[str]) -> bool:
    """Whether the books know that a transaction spends our coins: by its txid, or by what it spends, txid:vout each."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM payout_transaction WHERE txid = $1)
               OR EXISTS (SELECT 1 FROM payout_foreign_spend WHERE txid = $1)
               OR EXISTS (SELECT 1 FROM unnest($2::text[]) AS s (outpoint)
                          JOIN payout_input i ON i.txid = split_part(s.outpoint, ':', 1)
                               AND i.vout = split_part(s.outpoint, ':', 2)::integer)
               OR EXISTS (SELECT 1 FROM unnest($2::text[]) AS s (outpoint) CROSS JOIN partner p
                          JOIN deposit d ON d.partner_id = p.id AND d.txid = split_part(s.outpoint, ':', 1)
                               AND d.vout = split_part(s.outpoint, ':', 2)::integer)""",
        txid,
        list(outpoints),
    )
    return found


async def deep(tx: Reader, outpoints: Sequence[str], depth: int) -> list[str]:
    """Txids of those that spend one of these outputs, txid:vout each, that deep in the chain."""
    rows = await tx.fetch(
        "SELECT txid FROM payout_foreign_spend WHERE confirmations >= $1 AND inputs && $2::text[] ORDER BY txid",
        depth,
        list(outpoints),
    )
    return [row["txid"] for row in rows]


async def _write_down(pool: Pool, chain: Chain, txid: str) -> None:
    raw = await chain.raw_transaction(txid)
    assert raw is not None, "the wallet has the bytes of what stands in its history"
    decoded = await chain.decode(raw)
    log.error("our coins were spent by a transaction that no batch knows", txid=txid)
    async with db.transaction(pool) as tx:
        await tx.execute(
            """INSERT INTO payout_foreign_spend (txid, inputs, paid, confirmations, seen_at, dead)
               VALUES ($1, $2, $3, 0, $4, false) ON CONFLICT (txid) DO NOTHING""",
            txid,
            [f"{each.txid}:{each.vout}" for each in decoded.inputs],
            [each.address for each in decoded.outputs if each.address is not None],
            await business_clock.now(tx),
        )
