"""Watching what was stored: send it until a block has it, read its confirmations, notice what went wrong.

Confirmations are read off the best chain each time, so a reorg takes them back. The same bytes are sent again while
neither chain nor mempool has them. A batch is given up only when the chain has spent a coin of its first version
otherwise, at final depth, and has no version of it: then none of them can ever be mined. What the node has never seen
(another wallet, another node) proves nothing, so it changes nothing, and is a finding.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from hashrail import business_clock, db, foreign_spends, payout_batches
from hashrail.db import Pool, Tx
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.bitcoin_records import Accepted, AlreadyKnown, Outpoint, Refused, TransactionState, WalletHistory
from hashrail.gateways.chain import Chain
from hashrail.payout_batches import WATCHED_DEPTH, Batch, Version

# After that long without a block, what another program paid may have been replaced by it.
LONG = timedelta(days=1)
log = structlog.get_logger()


async def read_history(pool: Pool, chain: Chain, depth: int) -> WalletHistory:
    """What the wallet has to tell since it was asked last; all of it where it has got what an older block had.

    A wallet that was made anew, or that looks through old blocks, tells of spends that lie before any cursor.
    """
    row = await pool.fetchrow("SELECT block_hash, wallet, size, told FROM payout_scan WHERE id = 1")
    assert row is not None, "the schema comes with it"
    if row["block_hash"] is None:
        return await chain.history(None, depth)
    history = await chain.history(row["block_hash"], depth)
    new = {entry.txid for entry in (*history.entries, *history.removed)} - {*row["told"]}
    if (history.wallet, history.size) == (row["wallet"], row["size"] + len(new)):
        return history
    log.info("the wallet's history is read anew", wallet=history.wallet, transactions=history.size)
    return await chain.history(None, depth)


async def move_cursor(tx: Tx, history: WalletHistory, depth: int, *, now: datetime, again: bool) -> None:
    """What the history told is written: go on from there the next time, or with `again` tell all of it once more."""
    told = [*history.entries, *history.removed]
    told_again = {entry.txid for entry in told if again or abs(entry.confirmations) < depth}
    await tx.execute(
        """UPDATE payout_scan SET block_hash = CASE WHEN $6 THEN block_hash ELSE $1 END, scanned_at = $2, wallet = $3,
                  size = $4, told = $5 WHERE id = 1""",
        history.last_block,
        now,
        history.wallet,
        history.size,
        sorted(told_again),
        again,
    )


async def observe(pool: Pool, chain: Chain, batch: Batch, *, final_depth: int, now: datetime) -> list[Finding]:
    """Bring one batch up to date with the chain; send it again where the chain does not have it."""
    versions = await payout_batches.versions(pool, batch.id)
    seen = await _seen(chain, versions)
    for each in versions:
        if seen[each.txid].state == "confirmed":
            if batch.state == "final" and each.txid != batch.txid:
                log.error("a final payment fell out of the chain", batch=batch.id, txid=batch.txid)
                return [Finding("FINAL_PAYMENT_LOST", f"the chain has {each.txid} in place of {batch.txid}")]
            await _confirmed(pool, batch, each, seen[each.txid], final_depth)
            return []
    if batch.txid is not None and seen[batch.txid].state == "unknown":
        return [Finding("PAYMENT_UNKNOWN", f"the node has never seen {batch.txid}, which pays batch {batch.id}")]
    found = []
    if batch.state == "final":
        log.error("a final payment fell out of the chain", batch=batch.id, txid=batch.txid)
        found.append(Finding("FINAL_PAYMENT_LOST", f"the chain does not have {batch.txid} any more"))
        # What was posted, and nothing in its place.
        versions = [each for each in versions if each.txid == batch.txid]
    elif batch.state == "confirmed":
        await _taken_back(pool, batch)
    elif await _is_dead(pool, chain, batch, versions, seen, final_depth):
        await _give_up(pool, chain, batch, final_depth)
        return [Finding("PAYMENT_GIVEN_UP", f"batch {batch.id} was double-spent: its withdrawals wait again")]
    if seen[versions[-1].txid].state == "mempool":
        await _sent(pool, versions[-1])
    else:
        await send(pool, chain, versions, seen)
    if batch.kind == "external" and batch.state == "broadcast" and now - batch.created_at > LONG:
        found.append(Finding("PAYMENT_UNCONFIRMED", f"{versions[-1].txid} waits since {batch.created_at:%Y-%m-%d}"))
    return found


async def send(
    pool: Pool, chain: Chain, versions: Sequence[Version], seen: dict[str, TransactionState] | None = None
) -> bool:
    """Send the newest version, and where the node will not have it an older one; False while nothing is out for sure.

    Nothing is sent while payouts are paused.
    """
    for each in reversed(versions):
        if seen is not None and seen[each.txid].state == "mempool":
            return True
        if each.raw is None:
            continue
        if await pool.fetchval("SELECT paused_reason FROM payout_policy WHERE id = 1") is not None:
            return False
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


async def _seen(chain: Chain, versions: Sequence[Version]) -> dict[str, TransactionState]:
    return {each.txid: await chain.transaction(each.txid) for each in versions}


async def _confirmed(pool: Pool, batch: Batch, version: Version, state: TransactionState, final_depth: int) -> None:
    """Which version won becomes certain at final depth, in one commit; what it pays is posted after that.

    Whoever looked before somebody else decided takes nothing back.
    """
    decided = batch.state == "final" or state.confirmations >= final_depth
    shown = "final" if decided else "confirmed"
    told = (batch.state, batch.txid, batch.confirmations, batch.block_hash)
    if (shown, version.txid, state.confirmations, state.block_hash) == told:
        return
    async with db.transaction(pool) as tx:
        await tx.execute(
            """UPDATE payout_batch SET state = $2, txid = $3, confirmations = $4, block_hash = $5, changed_at = $6
               WHERE id = $1 AND (state IN ('signed', 'broadcast', 'confirmed')
                                  OR (state = 'final' AND txid = $3 AND $2 = 'final'))""",
            batch.id,
            shown,
            version.txid,
            state.confirmations,
            state.block_hash,
            await business_clock.now(tx),
        )
        if state.confirmations >= WATCHED_DEPTH:
            # Its coins are spent for good; one that another version had added is free.
            await tx.execute("UPDATE payout_input SET released = true WHERE batch_id = $1", batch.id)


async def _taken_back(pool: Pool, batch: Batch) -> None:
    log.warning("a reorg took a payment back", batch=batch.id, txid=batch.txid)
    async with db.transaction(pool) as tx:
        await tx.execute(
            """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, block_hash = NULL,
                      changed_at = $2 WHERE id = $1 AND state = 'confirmed'""",
            batch.id,
            await business_clock.now(tx),
        )


async def _is_dead(
    pool: Pool,
    chain: Chain,
    batch: Batch,
    versions: Sequence[Version],
    seen: dict[str, TransactionState],
    final_depth: int,
) -> bool:
    """Whether the chain spends a coin that every version needs otherwise, at final depth, or never had it."""
    coins = await payout_batches.inputs(pool, batch.id, common=True)
    outpoints = [coin.outpoint for coin in coins]
    lives = any(state.state in ("mempool", "confirmed") for state in seen.values())
    if lives or (coins and all([await chain.is_unspent(each) for each in outpoints])):
        await pool.execute("UPDATE payout_batch SET doomed_height = NULL WHERE id = $1", batch.id)
        return False
    if seen[versions[0].txid].confirmations <= -final_depth:
        return True
    if await foreign_spends.deep(pool, [f"{each.txid}:{each.vout}" for each in outpoints], final_depth):
        return True
    parents = [await chain.transaction(txid) for txid in sorted({each.txid for each in outpoints})]
    if any(parent.confirmations <= -final_depth for parent in parents):
        return True
    return batch.kind == "external" and await _is_doomed(pool, chain, batch, outpoints, final_depth)


async def _is_doomed(pool: Pool, chain: Chain, batch: Batch, outpoints: Sequence[Outpoint], final_depth: int) -> bool:
    """Whether the chain has spent a coin of another wallet's payment otherwise for so many blocks.

    Our wallet cannot tell how deep: the height at which it was seen first is remembered. A coin whose own transaction
    is in no block may still come, so it proves nothing.
    """
    there = [each for each in outpoints if (await chain.transaction(each.txid)).state == "confirmed"]
    if all([await chain.is_unspent(each) for each in there]):
        await pool.execute("UPDATE payout_batch SET doomed_height = NULL WHERE id = $1", batch.id)
        return False
    height = (await chain.tip()).height
    since: int = await pool.fetchval(
        """UPDATE payout_batch SET doomed_height = least(doomed_height, $2) WHERE id = $1 RETURNING doomed_height""",
        batch.id,
        height,
    )
    return height - since + 1 >= final_depth


async def _give_up(pool: Pool, chain: Chain, batch: Batch, final_depth: int) -> None:
    """Nothing of the batch can be mined any more: its withdrawals are due again, its other coins free.

    The chain is asked once more under the lock, where nobody adds a version: it may have changed since.
    """
    async with db.transaction(pool) as tx:
        await payout_batches.lock(tx)
        versions = await payout_batches.versions(tx, batch.id)
        if not await _is_dead(pool, chain, batch, versions, await _seen(chain, versions), final_depth):
            return
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
               FROM partner p WHERE w.partner_id = p.id AND w.batch_id = $1 AND w.state = 'signed'""",
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
