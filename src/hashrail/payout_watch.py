"""Watching what was stored: send it until a block has it, read its confirmations, notice what we did not do.

Confirmations are read off the best chain each time, so a reorg takes them back. The same bytes are sent again while
neither chain nor mempool has them. A batch is given up only when the chain has spent a coin of its first version
otherwise, at final depth: then no version of it can ever be mined.

A spend of our coins that no batch knows is a **foreign spend**: another program, a stolen key, or a payment that the
database has forgotten, because an older copy was restored. While one counts, no new batch is made.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from hashrail import business_clock, db, payout_batches
from hashrail.db import Pool, Reader, Tx
from hashrail.gateways.bitcoin_records import (
    Accepted,
    AlreadyKnown,
    Refused,
    TransactionState,
    WalletHistory,
)
from hashrail.gateways.chain import Chain
from hashrail.payout_batches import WATCHED_DEPTH, Batch, Version

log = structlog.get_logger()


async def observe(pool: Pool, chain: Chain, batch: Batch, *, final_depth: int) -> None:
    """Bring one batch up to date with the chain; send it again where the chain does not have it."""
    versions = await payout_batches.versions(pool, batch.id)
    seen = {each.txid: await chain.transaction(each.txid) for each in versions}
    for each in versions:
        if seen[each.txid].state == "confirmed":
            await _confirmed(pool, batch, each, seen[each.txid], final_depth)
            return
    if batch.state == "final":
        log.error("a final payment fell out of the chain", batch=batch.id, txid=batch.txid)
    elif batch.state == "confirmed":
        await _taken_back(pool, batch)
    elif await _is_dead(pool, chain, batch, seen[versions[0].txid], final_depth):
        await _give_up(pool, batch, final_depth)
        return
    if seen[versions[-1].txid].state == "mempool":
        await _sent(pool, versions[-1])
    else:
        await send(pool, chain, versions, seen)


async def send(
    pool: Pool, chain: Chain, versions: Sequence[Version], seen: dict[str, TransactionState] | None = None
) -> bool:
    """Send the newest version, and where the node will not have it an older one; False while nothing is out for sure.

    Nothing is sent while payouts are paused.
    """
    if await pool.fetchval("SELECT paused_reason FROM payout_policy WHERE id = 1") is not None:
        return False
    for each in reversed(versions):
        if seen is not None and seen[each.txid].state == "mempool":
            return True
        if each.raw is None:
            continue
        match await chain.broadcast(each.raw):
            case Accepted() | AlreadyKnown():
                await _sent(pool, each)
                return True
            case Refused(rpc_code, reason):
                log.warning("payment refused", batch=each.batch_id, txid=each.txid, rpc_code=rpc_code, reason=reason)
                await pool.execute("UPDATE payout_transaction SET refusal = $2 WHERE txid = $1", each.txid, reason)
            case unknown:
                # Unknown is not failed: the same bytes are sent again with the next turn.
                log.warning("whether a payment went out is not known", txid=each.txid, cause=unknown.cause)
                return False
    return False


async def look_for_foreign_spends(pool: Pool, chain: Chain, history: WalletHistory, *, final_depth: int) -> None:
    """Write down spends of our coins that no batch knows, and how deep the chain has them."""
    found = sorted({entry.txid for entry in history.entries if entry.category == "send"})
    rows = await pool.fetch(
        """SELECT txid FROM unnest($1::text[]) AS found (txid)
           WHERE NOT EXISTS (SELECT FROM payout_transaction t WHERE t.txid = found.txid)
             AND NOT EXISTS (SELECT FROM payout_foreign_spend f WHERE f.txid = found.txid)""",
        found,
    )
    for row in rows:
        await _write_down(pool, chain, row["txid"])
    rows = await pool.fetch(
        "SELECT txid FROM payout_foreign_spend WHERE NOT dead AND confirmations < $1 ORDER BY txid", WATCHED_DEPTH
    )
    for row in rows:
        state = await chain.transaction(row["txid"])
        await pool.execute(
            "UPDATE payout_foreign_spend SET confirmations = $2, dead = $3 WHERE txid = $1",
            row["txid"],
            max(state.confirmations, 0),
            state.confirmations <= -final_depth,
        )


async def foreign_spends(tx: Reader) -> list[str]:
    """Txids of spends that stop every new batch: not acknowledged, not recorded, and able to count.

    Even one that the mempool has lost may be mined one day.
    """
    rows = await tx.fetch(
        """SELECT txid FROM payout_foreign_spend f WHERE acknowledged_at IS NULL AND NOT dead
           AND NOT EXISTS (SELECT FROM payout_transaction t WHERE t.txid = f.txid) ORDER BY txid"""
    )
    return [row["txid"] for row in rows]


async def move_cursor(tx: Tx, history: WalletHistory, *, now: datetime) -> None:
    """What the history told is written: go on from there the next time."""
    await tx.execute("UPDATE payout_scan SET block_hash = $1, scanned_at = $2 WHERE id = 1", history.last_block, now)


async def _confirmed(pool: Pool, batch: Batch, version: Version, state: TransactionState, final_depth: int) -> None:
    """Which version won becomes certain at final depth, in one commit; what it pays is posted after that."""
    decided = batch.state == "final" or state.confirmations >= final_depth
    shown = "final" if decided else "confirmed"
    if (shown, version.txid, state.confirmations) == (batch.state, batch.txid, batch.confirmations):
        return
    async with db.transaction(pool) as tx:
        await tx.execute(
            """UPDATE payout_batch SET state = $2, txid = $3, confirmations = $4, block_hash = $5, changed_at = $6
               WHERE id = $1 AND (state IN ('signed', 'broadcast', 'confirmed') OR (state = 'final' AND txid = $3))""",
            batch.id,
            shown,
            version.txid,
            state.confirmations,
            state.block_hash,
            await business_clock.now(tx),
        )


async def _taken_back(pool: Pool, batch: Batch) -> None:
    log.warning("a reorg took a payment back", batch=batch.id, txid=batch.txid)
    async with db.transaction(pool) as tx:
        await tx.execute(
            """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, block_hash = NULL,
                      changed_at = $2 WHERE id = $1 AND state = 'confirmed'""",
            batch.id,
            await business_clock.now(tx),
        )


async def _is_dead(pool: Pool, chain: Chain, batch: Batch, first: TransactionState, final_depth: int) -> bool:
    """Whether the chain spends a coin that every version needs otherwise, at final depth, or never had it."""
    if first.state == "mempool":
        return False
    if first.confirmations <= -final_depth:
        return True
    coins = await payout_batches.inputs(pool, batch.id, common=True)
    spent: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM payout_foreign_spend WHERE confirmations >= $1 AND inputs && $2::text[])",
        final_depth,
        [f"{coin.txid}:{coin.vout}" for coin in coins],
    )
    if spent:
        return True
    parents = {coin.txid: await chain.transaction(coin.txid) for coin in coins}
    return any(parent.confirmations <= -final_depth for parent in parents.values())


async def _give_up(pool: Pool, batch: Batch, final_depth: int) -> None:
    """Nothing of the batch can be mined any more: its withdrawals are due again, its other coins free."""
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        now = await business_clock.now(tx)
        given_up = await tx.fetchval(
            """UPDATE payout_batch SET state = 'conflicted', changed_at = $2, settled_at = $2
               WHERE id = $1 AND state IN ('signed', 'broadcast') RETURNING true""",
            batch.id,
            now,
        )
        if given_up is None:
            return
        await tx.execute("UPDATE payout_input SET released = true WHERE batch_id = $1", batch.id)
        await tx.execute(
            """UPDATE withdrawal w SET state = CASE WHEN w.export_id IS NULL THEN 'queued' ELSE 'exported' END,
                      batch_id = NULL, changed_at = $2
               FROM partner p WHERE w.partner_id = p.id AND w.batch_id = $1""",
            batch.id,
            now,
        )
    log.error("a payment was double-spent: due again", batch=batch.id, depth=final_depth)


async def _sent(pool: Pool, version: Version) -> None:
    if version.broadcast_at is not None:
        return
    async with db.transaction(pool) as tx:
        now = await business_clock.now(tx)
        await tx.execute(
            "UPDATE payout_transaction SET broadcast_at = $2, refusal = NULL WHERE txid = $1", version.txid, now
        )
        await tx.execute(
            "UPDATE payout_batch SET state = 'broadcast', changed_at = $2 WHERE id = $1 AND state = 'signed'",
            version.batch_id,
            now,
        )


async def _write_down(pool: Pool, chain: Chain, txid: str) -> None:
    raw = await chain.raw_transaction(txid)
    assert raw is not None, "the wallet has the bytes of what stands in its history"
    spent = [f"{each.txid}:{each.vout}" for each in (await chain.decode(raw)).inputs]
    log.error("our coins were spent by a transaction that no batch knows", txid=txid)
    async with db.transaction(pool) as tx:
        await tx.execute(
            """INSERT INTO payout_foreign_spend (txid, inputs, confirmations, seen_at, dead)
               VALUES ($1, $2, 0, $3, false) ON CONFLICT (txid) DO NOTHING""",
            txid,
            spent,
            await business_clock.now(tx),
        )
