"""Payouts: the turn that a worker makes every minute, and what an operator asks for by hand.

One turn looks at the node, reads the wallet's history, watches what was sent, posts what is final, raises the fees of
what is stuck, and pays what is due. It may be killed at any line, and two at once are harmless: whatever is sent was
stored in one commit before, under one lock.

Nothing new is signed while anything speaks against it: these are the **findings**, which `hashrail payouts status`
shows. Where the node itself is in doubt, its view of the chain is not believed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import structlog

from hashrail import (
    business_clock,
    db,
    deposits,
    payout_batches,
    payout_policy,
    payout_queue,
    payout_settlement,
    payout_watch,
)
from hashrail.db import Pool, Reader
from hashrail.errors import ConflictError
from hashrail.gateways import coins
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.bitcoin_records import Coin
from hashrail.gateways.bitcoin_rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.gateways.chain import Chain, Payment
from hashrail.gateways.coins import WalletShortError
from hashrail.gateways.signer import Signed, SigningRefusedError
from hashrail.money import BTC_DECIMALS, divide_half_even, round_half_even
from hashrail.payout_batches import PayoutsPausedError, Plan, PlanOutdatedError, Version
from hashrail.payout_queue import Rhythm
from hashrail.settings import Settings
from hashrail.withdrawals import Speed

FEE_BLOCKS: dict[str, int] = {"fast": 3, "daily": 12, "external": 3}
BUMP_BLOCKS = 2
LEAST_RAISE = Decimal("1.25")
RATE_DECIMALS = 3
# What ends a turn early and is tried again with the next one.
PASSING = (NodeRefusedError, NodeUnknownError, NodeUnreachableError)
log = structlog.get_logger()


class PaymentNotAcceptedError(ConflictError):
    """The node would not relay a payment that was signed, so it was dropped before it was stored."""

    code = "PAYMENT_NOT_ACCEPTED"
    advice = "Nothing was sent. details.reason is the node's own word."


class FeeNotRaisedError(ConflictError):
    """The fee of a batch cannot be raised: it is not waiting, or the cap or the budget does not allow more."""

    code = "FEE_NOT_RAISED"
    advice = "Wait, or raise HASHRAIL_BITCOIN_FEE_CAP; the budget of a batch that is there stays."


@dataclass(frozen=True, slots=True)
class Desk:
    """What payouts work with: the books, a chain, and what the settings ask."""

    pool: Pool
    chain: Chain
    settings: Settings


@dataclass(slots=True)
class Turn:
    """What one turn did."""

    batches: list[int] = field(default_factory=list)
    bumped: list[int] = field(default_factory=list)
    settled: int = 0
    findings: list[Finding] = field(default_factory=list)


async def turn(desk: Desk) -> Turn:
    """One round of everything. What fails in passing (an unreachable node) ends it early, with a finding."""
    done = Turn()
    try:
        done.findings = await desk.chain.findings()
        if done.findings:
            return _told(done)
        await watch(desk)
        done.settled = await payout_settlement.settle_final(desk.pool)
        done.findings = await _policy_findings(desk)
        if not done.findings:
            done.bumped = await _bump_stuck(desk)
            for speed in ("fast", "daily"):
                done.batches += await _pay_all(desk, speed)
    except PASSING as error:
        done.findings.append(Finding(error.code, error.message))
    except (WalletShortError, SigningRefusedError, PaymentNotAcceptedError, PayoutsPausedError) as error:
        done.findings.append(Finding(error.code, error.message))
    return _told(done)


async def watch(desk: Desk) -> None:
    """Read the wallet's history and bring every batch up to date; sends again what the chain does not have."""
    pool, chain, depth = desk.pool, desk.chain, desk.settings.bitcoin_final_depth
    since = await pool.fetchval("SELECT block_hash FROM payout_scan WHERE id = 1")
    history = await chain.history(since, depth)
    await payout_watch.look_for_foreign_spends(pool, chain, history, final_depth=depth)
    async with db.transaction(pool) as tx:
        await deposits.scan(tx, history)
        await payout_watch.move_cursor(tx, history, now=await business_clock.now(tx))
    for batch in await payout_batches.watched(pool):
        await payout_watch.observe(pool, chain, batch, final_depth=depth)
    credit_depth = desk.settings.bitcoin_deposit_confirmations
    await deposits.watch(pool, chain, credit_depth=credit_depth, final_depth=depth)


async def wait_for_time(tx: Reader) -> bool:
    """Whether anything is under way that goes on by itself as time passes."""
    waits: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM withdrawal WHERE state IN ('queued', 'signed'))
               OR EXISTS (SELECT FROM deposit WHERE state = 'pending')"""
    )
    return waits


async def findings(desk: Desk) -> list[Finding]:
    """Everything that speaks against a new batch now."""
    try:
        return [*await desk.chain.findings(), *await _policy_findings(desk)]
    except PASSING as error:
        return [Finding(error.code, error.message), *await _policy_findings(desk)]


async def pay(desk: Desk, speed: Speed) -> int | None:
    """Pay what is due in one transaction; answers the batch, None where nothing is due.

    Raises WalletShortError, SigningRefusedError, PaymentNotAcceptedError, PlanOutdatedError, PayoutsPausedError, and
    what a node's call may raise.
    """
    plan = await _planned(desk, speed)
    if plan is None:
        return None
    signed = await _signed(desk, plan.inputs, plan.outputs_btc, plan.sat_per_vb, plan.most_fee_btc)
    async with db.transaction(desk.pool) as tx:
        batch = await payout_batches.store(tx, plan, signed, now=await business_clock.now(tx))
    log.info("batch stored", batch=batch.id, speed=speed, txid=signed.txid, withdrawals=len(plan.due))
    await payout_watch.send(desk.pool, desk.chain, await payout_batches.versions(desk.pool, batch.id))
    return batch.id


async def bump(desk: Desk, batch_id: int, sat_per_vb: Decimal | None = None) -> Signed:
    """Raise the fee of a batch that waits, to `sat_per_vb` or to what the node thinks is needed.

    Raises BatchNotFoundError, FeeNotRaisedError, and what `pay` may raise.
    """
    batch = await payout_batches.get(desk.pool, batch_id)
    versions = await payout_batches.versions(desk.pool, batch_id)
    if batch.state not in ("signed", "broadcast") or batch.kind == "external":
        raise FeeNotRaisedError(f"batch {batch_id} is {batch.state}")
    rate = await _raised_rate(desk, versions[-1], sat_per_vb)
    outputs_btc = payout_batches.merged(await payout_batches.members(desk.pool, batch_id))
    present = await payout_batches.inputs(desk.pool, batch_id, common=False)
    chosen = coins.choose(
        await desk.chain.coins(),
        outputs_btc,
        sat_per_vb=rate,
        reserved=await payout_batches.pinned(desk.pool),
        required=present,
    )
    signed = await _signed(desk, chosen, outputs_btc, rate, batch.most_fee_btc)
    async with db.transaction(desk.pool) as tx:
        now = await business_clock.now(tx)
        await payout_batches.add_version(tx, batch_id, versions[-1].version, signed, chosen[len(present) :], now=now)
    log.info("fee raised", batch=batch_id, txid=signed.txid, sat_per_vb=str(rate))
    await payout_watch.send(desk.pool, desk.chain, await payout_batches.versions(desk.pool, batch_id))
    return signed


async def _planned(desk: Desk, speed: Speed) -> Plan | None:
    """What a batch would pay, and with which coins: a pure read."""
    async with db.snapshot(desk.pool) as tx:
        latest = await payout_batches.latest(tx)
        policy = await payout_policy.get(tx)
        now = await business_clock.now(tx)
        due = await payout_queue.due(tx, speed, policy, Rhythm.of(desk.settings), now=now)
        pinned = await payout_batches.pinned(tx)
    refused = await desk.chain.refused({one.address for one in due})
    if refused:
        log.error("the node cannot pay these addresses", addresses=sorted(refused))
    due = [one for one in due if one.address not in refused]
    if not due:
        return None
    outputs_btc = payout_batches.merged(due)
    rate = (await desk.chain.fee_rate(FEE_BLOCKS[speed])).sat_per_vb
    held = await desk.chain.coins()
    await _assert_covered(desk, [coin for coin in held if coin.outpoint not in pinned])
    chosen = coins.choose(held, outputs_btc, sat_per_vb=rate, reserved=pinned)
    return Plan(speed, due, chosen, outputs_btc, rate, desk.settings.payout_fee_budget_btc, latest)


async def _assert_covered(desk: Desk, free: Sequence[Coin]) -> None:
    """What is free, with the change that is on its way, covers everything queued. Raises WalletShortError."""
    have_btc = sum((coin.amount_btc for coin in free), await payout_batches.change_btc(desk.pool))
    need_btc = await payout_queue.queued_btc(desk.pool)
    if have_btc < need_btc:
        message = f"the wallet has {have_btc:f} BTC, {need_btc:f} are queued"
        raise WalletShortError(message, haveBtc=have_btc, needBtc=need_btc)


async def _signed(
    desk: Desk, inputs: Sequence[Coin], outputs_btc: dict[str, Decimal], rate: Decimal, most_fee_btc: Decimal
) -> Signed:
    """A transaction that the node would relay."""
    signed = await desk.chain.sign(Payment(inputs, outputs_btc, rate, most_fee_btc))
    acceptance = await desk.chain.acceptance(signed.raw)
    if not acceptance.allowed:
        raise PaymentNotAcceptedError(f"the node would not relay it: {acceptance.reason}", reason=acceptance.reason)
    return signed


async def _raised_rate(desk: Desk, version: Version, wanted: Decimal | None) -> Decimal:
    """sat/vB of the next version. Raises FeeNotRaisedError."""
    present = divide_half_even(version.fee_btc.scaleb(BTC_DECIMALS), Decimal(version.vsize), RATE_DECIMALS)
    rate = (await desk.chain.fee_rate(BUMP_BLOCKS)).sat_per_vb if wanted is None else wanted
    rate = max(rate, round_half_even(present * LEAST_RAISE, RATE_DECIMALS), present + 1)
    if rate > desk.settings.bitcoin_fee_cap:
        raise FeeNotRaisedError(f"{rate} sat/vB are above the cap of {desk.settings.bitcoin_fee_cap}")
    return rate


async def _bump_stuck(desk: Desk) -> list[int]:
    """Raise the fee of every batch whose newest version has waited too long; answers which."""
    now = await business_clock.now(desk.pool)
    rows = await desk.pool.fetch(
        """SELECT b.id FROM payout_batch b JOIN payout_transaction t ON t.batch_id = b.id
           WHERE b.state IN ('signed', 'broadcast') AND b.kind <> 'external'
           GROUP BY b.id HAVING max(t.created_at) <= $1 ORDER BY b.id""",
        now - timedelta(minutes=desk.settings.payout_bump_minutes),
    )
    bumped = []
    for row in rows:
        try:
            await bump(desk, row["id"])
        except (FeeNotRaisedError, SigningRefusedError, PlanOutdatedError, PaymentNotAcceptedError) as error:
            log.warning("fee not raised", batch=row["id"], code=error.code, reason=error.message)
        else:
            bumped.append(row["id"])
    return bumped


async def _pay_all(desk: Desk, speed: Speed) -> list[int]:
    """Batches until nothing is due; a plan that something overtook is made anew."""
    made: list[int] = []
    while True:
        try:
            batch_id = await pay(desk, speed)
        except PlanOutdatedError as error:
            log.info("planned anew", reason=error.message)
            continue
        if batch_id is None:
            return made
        made.append(batch_id)


async def _policy_findings(desk: Desk) -> list[Finding]:
    policy = await payout_policy.get(desk.pool)
    found = []
    if policy.paused_reason is not None:
        found.append(Finding("PAYOUTS_PAUSED", f"payouts are paused: {policy.paused_reason}"))
    foreign = await payout_watch.foreign_spends(desk.pool)
    return found + [Finding("FOREIGN_SPEND", f"{txid} spends our coins, and no batch knows it") for txid in foreign]


def _told(done: Turn) -> Turn:
    for finding in done.findings:
        log.warning("payouts stand still", code=finding.code, why=finding.message)
    return done
