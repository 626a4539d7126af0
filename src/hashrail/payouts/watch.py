"""Watching what was stored: send it until a block has it, read its confirmations, notice what went wrong.

A batch comes here once it is stored and sent (`processor.pay`); one that is deep enough is decided here, in one commit,
and then posted (`settlement`).

Confirmations are read off the best chain each time, so a reorg takes them back. The same bytes are sent again while
neither chain nor mempool has them. A batch is given up only when the chain has spent a coin of its first version
otherwise, at final depth, and has no version of it: then none of them can ever be mined. What the node has never seen
(another wallet, another node) proves nothing, so it changes nothing, and is a finding.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from hashrail import business_clock, db
from hashrail.bitcoin import public_descriptors
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.evidence import Claim, Evidence
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import Outpoint, TransactionState
from hashrail.custody import deposit_addresses, deposits, foreign_spends, hot_wallet, wallet_history, withdrawal_telling
from hashrail.custody.deposits import DepositTerms
from hashrail.db import Pool, Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.payouts import batches, sending, stops
from hashrail.payouts.batches import WATCHED_DEPTH, Batch, Version

# After that long without a block, what another program paid may have been replaced by it.
LONG = timedelta(days=1)
# Blocks before the one in which a coin was first seen to be spent: a worker that stood still saw it later.
LOOKED_BACK = 24
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the chain says of a batch that is in no block: `lost` when none of its versions can ever be mined.

    `unproven` is that the node says so, and does not show what the chain has in its place. `replaced_at` is the height
    at which a coin of another wallet's payment is seen to be spent otherwise, if one is.
    """

    lost: bool = False
    replaced_at: int | None = None
    unproven: bool = False


_MAY_BE_MINED = _Verdict()


async def everything(deployment: Deployment) -> list[Finding]:
    """Read the wallet's history and bring every batch and deposit up to date; answers what an operator should know.

    What the chain does not have is sent again.
    """
    pool, chain, depth = deployment.pool, deployment.chain, deployment.settings.bitcoin_final_depth
    keys, instance = await chain.keys(), await hot_wallet.mark(pool, chain)
    history = await wallet_history.read_history(pool, chain, depth)
    await foreign_spends.look(pool, chain, history, final_depth=depth)
    history, signer = await deposit_addresses.believed_labels(pool, chain, history), chain.signer()
    async with db.transaction(pool) as tx:
        # A barrier: what an earlier process stored may not be sent before its commit has reached the standby, and this
        # one, which comes after it, waits for that.
        await batches.wait_for_standby(tx)
        now = await business_clock.now(tx)
        found = await deposits.scan(tx, history, now=now)
        # While somebody's deposit belongs to nobody, its block is not passed.
        await wallet_history.move_cursor(tx, history, depth, now=now, again=bool(found))
        await hot_wallet.remember(tx, keys, instance)
        if signer is not None:
            await public_descriptors.keep(tx, *signer)
    for batch, versions in await batches.watched(pool):
        found += await observe(pool, chain, batch, versions, final_depth=depth, now=now)
    return found + await deposits.watch(pool, chain, DepositTerms.of(deployment.settings))


async def everything_believed(deployment: Deployment) -> None:
    """Bring everything up to date before something leaves by another way. Raises ChainInDoubtError."""
    await stops.assert_believed(deployment.pool, deployment.chain)
    await everything(deployment)
    await stops.assert_believed(deployment.pool, deployment.chain)


async def observe(
    pool: Pool, chain: Chain, batch: Batch, versions: Sequence[Version], *, final_depth: int, now: datetime
) -> list[Finding]:
    """Bring one batch up to date with the chain; send it again where the chain does not have it."""
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
    else:
        verdict = await _judge(pool, chain, batch, versions, seen, final_depth)
        found += _told(batch, verdict)
        if verdict.lost:
            await _give_up(pool, chain, batch, final_depth)
            return found
        await _note_verdict(pool, batch, verdict)
    if seen[versions[-1].txid].state == "mempool":
        await sending.note_sent(pool, versions[-1])
    else:
        await sending.send(pool, chain, versions, seen)
    if batch.kind == "external" and batch.state == "broadcast" and now - batch.created_at > LONG:
        found.append(Finding("PAYMENT_UNCONFIRMED", f"{versions[-1].txid} waits since {batch.created_at:%Y-%m-%d}"))
    return found


def _told(batch: Batch, verdict: _Verdict) -> list[Finding]:
    if verdict.lost:
        return [Finding("PAYMENT_GIVEN_UP", f"batch {batch.id} was double-spent: its withdrawals wait again")]
    if verdict.unproven:
        message = f"the node says that batch {batch.id} was double-spent, and does not show it"
        return [Finding("CONFLICT_UNPROVEN", message)]
    return []


async def _confirmed(pool: Pool, batch: Batch, version: Version, state: TransactionState, final_depth: int) -> None:
    """Which version won becomes certain at final depth, in one commit; what it pays is posted after that.

    Whoever looked before somebody else decided takes nothing back.
    """
    decided = batch.state == "final" or state.confirmations >= final_depth
    shown = "final" if decided else "confirmed"
    known = (batch.state, batch.txid, batch.confirmations, batch.block_hash)
    if (shown, version.txid, state.confirmations, state.block_hash) == known:
        return
    async with db.transaction(pool) as tx:
        # Another run may have come first.
        before = await tx.fetchrow("SELECT state, txid FROM payout_batch WHERE id = $1 FOR NO KEY UPDATE", batch.id)
        assert before is not None, "batches are never deleted"
        now = await business_clock.now(tx)
        await tx.execute(
            """UPDATE payout_batch SET state = $2, txid = $3, confirmations = $4, block_hash = $5, changed_at = $6,
                      doomed_height = NULL
               WHERE id = $1 AND (state IN ('signed', 'broadcast', 'confirmed')
                                  OR (state = 'final' AND txid = $3 AND $2 = 'final'))""",
            batch.id,
            shown,
            version.txid,
            state.confirmations,
            state.block_hash,
            now,
        )
        if before["state"] in ("signed", "broadcast", "confirmed") and before["txid"] != version.txid:
            await withdrawal_telling.tell_batch(tx, batch.id, now=now)
        if state.confirmations >= WATCHED_DEPTH:
            # Its coins are spent for good; one that another version had added is free.
            await tx.execute("UPDATE payout_input SET released = true WHERE batch_id = $1", batch.id)


async def _taken_back(pool: Pool, batch: Batch) -> None:
    log.warning("a reorg took a payment back", batch=batch.id, txid=batch.txid)
    async with db.transaction(pool) as tx:
        now = await business_clock.now(tx)
        taken = await tx.fetchval(
            """UPDATE payout_batch SET state = 'broadcast', txid = NULL, confirmations = 0, block_hash = NULL,
                      changed_at = $2 WHERE id = $1 AND state = 'confirmed' RETURNING true""",
            batch.id,
            now,
        )
        if taken is not None:
            await withdrawal_telling.tell_batch(tx, batch.id, now=now)


async def _give_up(pool: Pool, chain: Chain, batch: Batch, final_depth: int) -> None:
    """Nothing of the batch can be mined any more: its withdrawals are due again, its other coins free.

    The chain is asked once more under the lock, where nobody adds a version: it may have changed since.
    """
    async with db.transaction(pool) as tx:
        await batches.lock(tx)
        versions = await batches.versions(tx, batch.id)
        verdict = await _judge(tx, chain, batch, versions, await _seen(chain, versions), final_depth)
        if not verdict.lost:
            await _remember_height(tx, batch, verdict)
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
        due = await tx.fetch(
            """UPDATE withdrawal w SET state = CASE WHEN w.export_id IS NULL THEN 'queued' ELSE 'exported' END,
                      batch_id = NULL, changed_at = $2
               FROM partner p WHERE w.partner_id = p.id AND w.batch_id = $1 AND w.state = 'signed'
               RETURNING w.partner_id, w.id""",
            batch.id,
            now,
        )
        await withdrawal_telling.tell(tx, [(row["partner_id"], row["id"]) for row in due], now=now)
    log.error("a payment was double-spent: due again", batch=batch.id, depth=final_depth)


async def _note_verdict(pool: Pool, batch: Batch, verdict: _Verdict) -> None:
    """Of our own payments the wallet knows how deep they are replaced, so no height of them is ever kept."""
    if batch.kind == "external":
        async with db.transaction(pool) as tx:
            await _remember_height(tx, batch, verdict)


async def _remember_height(tx: Tx, batch: Batch, verdict: _Verdict) -> None:
    """Keep the lowest height at which it was seen replaced each time; once it is not, that is forgotten."""
    if verdict.replaced_at is None:
        await tx.execute(
            "UPDATE payout_batch SET doomed_height = NULL WHERE id = $1 AND doomed_height IS NOT NULL", batch.id
        )
    else:
        # What stands there now counts, not what was read before: another run may have forgotten it meanwhile.
        await tx.execute(
            "UPDATE payout_batch SET doomed_height = least(doomed_height, $2) WHERE id = $1",
            batch.id,
            verdict.replaced_at,
        )


async def _judge(
    tx: Reader,
    chain: Chain,
    batch: Batch,
    versions: Sequence[Version],
    seen: dict[str, TransactionState],
    final_depth: int,
) -> _Verdict:
    """Whether the chain spends a coin that every version needs otherwise, at final depth, or never had it."""
    if any(state.state in ("mempool", "confirmed") for state in seen.values()):
        return _MAY_BE_MINED
    outpoints = [coin.outpoint for coin in await batches.inputs(tx, batch.id, common=True)]
    if outpoints and all([await chain.is_unspent(each) for each in outpoints]):
        return _MAY_BE_MINED
    names = [f"{each.txid}:{each.vout}" for each in outpoints]
    rivals = await foreign_spends.deep(tx, names, final_depth)
    first = seen[versions[0].txid]
    doubted = first.confirmations <= -final_depth or bool(rivals)
    if doubted and await _is_proven(chain, [*first.conflicts, *rivals], {*outpoints}, final_depth):
        return _Verdict(lost=True)
    # What follows a payment that was taken back is in conflict with it: then it is the parent's rival that is shown.
    for txid in sorted({each.txid for each in outpoints}):
        parent = await chain.transaction(txid)
        if parent.confirmations <= -final_depth:
            if await _is_taken_back(chain, txid, parent, final_depth):
                return _Verdict(lost=True)
            doubted = True
    if doubted or batch.kind != "external":
        return _Verdict(unproven=doubted)
    return await _judge_by_height(tx, chain, batch, outpoints, final_depth)


async def _is_taken_back(chain: Chain, txid: str, state: TransactionState, final_depth: int) -> bool:
    """Whether the chain is shown to spend otherwise, so deep, what a transaction spends that paid us."""
    raw = await chain.raw_transaction(txid)
    spent = set() if raw is None else {*(await chain.decode(raw)).inputs}
    if await _is_proven(chain, state.conflicts, spent, final_depth):
        return True
    # Whoever took it back may have paid anybody: our wallet does not know that, its block does.
    return await _is_shown(chain, await chain.spenders(spent, -state.confirmations), spent, final_depth)


async def _is_proven(chain: Chain, rivals: Sequence[str], spent: Set[Outpoint], final_depth: int) -> bool:
    """Whether the chain is shown to have one of these transactions, so deep, which spends one of these outputs.

    Otherwise whoever has the node could have every payment made twice.
    """
    if chain.simulated:
        return True
    blocks = {}
    for txid in dict.fromkeys(rivals):
        state = await chain.transaction(txid)
        if state.state == "confirmed" and state.block_hash is not None:
            blocks[txid] = state.block_hash
    return await _is_shown(chain, blocks, spent, final_depth)


async def _judge_by_height(
    tx: Reader, chain: Chain, batch: Batch, outpoints: Sequence[Outpoint], final_depth: int
) -> _Verdict:
    """Whether the chain has spent a coin of another wallet's payment otherwise for so many blocks.

    Our wallet cannot tell how deep: the height at which it was seen first is remembered, and the block is looked for
    from there down. A coin whose own transaction is in no block may still come, so it proves nothing.
    """
    there = [each for each in outpoints if (await chain.transaction(each.txid)).state == "confirmed"]
    if all([await chain.is_unspent(each) for each in there]):
        return _MAY_BE_MINED
    height = (await chain.tip()).height
    since: int | None = await tx.fetchval("SELECT doomed_height FROM payout_batch WHERE id = $1", batch.id)
    depth = height - (height if since is None else min(since, height)) + 1
    if depth < final_depth:
        return _Verdict(replaced_at=height)
    lost = await _is_spent_otherwise(chain, {*there}, depth, final_depth)
    return _Verdict(lost=lost, unproven=not lost, replaced_at=height)


async def _is_spent_otherwise(chain: Chain, spent: Set[Outpoint], depth: int, final_depth: int) -> bool:
    """Whether a block is shown, about so deep and at least final, which spends one of these outputs."""
    if chain.simulated:
        return True
    for each in range(final_depth, depth + LOOKED_BACK):
        if await _is_shown(chain, await chain.spenders(spent, each), spent, final_depth):
            return True
    return False


async def _is_shown(chain: Chain, blocks: Mapping[str, str], spent: Set[Outpoint], final_depth: int) -> bool:
    """Whether one of these transactions is shown to be in its block, so deep, and to spend one of these outputs."""
    shown = await chain.evidence([Claim(txid, block_hash, final_depth) for txid, block_hash in blocks.items()])
    return any(isinstance(each, Evidence) and each.body.spends & spent for each in shown.values())


async def _seen(chain: Chain, versions: Sequence[Version]) -> dict[str, TransactionState]:
    return {each.txid: await chain.transaction(each.txid) for each in versions}
