"""Payouts: the turn that a worker makes every minute, and what an operator asks for by hand.

One turn looks at the node, reads the wallet's history, watches what was sent, posts what is final, raises the fees of
what is stuck, and pays what is due. It may be killed at any line, and two at once are harmless: whatever is sent was
stored in one commit before, under one lock.

What a turn has to tell are its **findings**, kept until the next one; `hashrail payouts status` shows them. Some stop
everything new: a node in doubt (its view of the chain is not believed either), the kill switch, a spend that nobody
knows. The others concern one batch or one withdrawal, and nobody else waits for it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import structlog

from hashrail import (
    business_clock,
    clock,
    db,
    deposits,
    foreign_spends,
    payout_batches,
    payout_policy,
    payout_queue,
    payout_settlement,
    payout_wallet,
    payout_watch,
)
from hashrail.db import Pool, Reader
from hashrail.errors import ConflictError
from hashrail.foreign_spends import ForeignSpendError
from hashrail.gateways import coins
from hashrail.gateways.bitcoin import to_sat
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.bitcoin_records import Coin
from hashrail.gateways.bitcoin_rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.gateways.chain import Chain, Payment
from hashrail.gateways.coins import PaymentTooLargeError, WalletShortError
from hashrail.gateways.signer import Signed, SigningRefusedError
from hashrail.money import round_half_even
from hashrail.payout_batches import RATE_DECIMALS, Due, Number, PayoutsPausedError, Plan, PlanOutdatedError, Version
from hashrail.payout_queue import Queue, Rhythm
from hashrail.settings import Settings
from hashrail.withdrawals import Speed

FEE_BLOCKS: dict[str, int] = {"fast": 3, "daily": 12, "external": 3}
BUMP_BLOCKS = 2
# A replacement pays a quarter more, and a satoshi for each of its own bytes.
LEAST_RAISE, LEAST_STEP = Decimal("1.25"), Decimal(1)
SPEEDS: tuple[Speed, ...] = ("fast", "daily")
# A plan that fits in no transaction is made smaller; so many withdrawals may fit in none before the turn goes on.
MOST_MISFITS = 20
# Plans in a row that something overtakes; a turn a minute later goes on.
MOST_PLANS = 10
LONGEST_TURN = timedelta(minutes=5)
log = structlog.get_logger()


class PaymentNotAcceptedError(ConflictError):
    """The node would not relay a payment that was signed, so it was dropped before it was stored."""

    code = "PAYMENT_NOT_ACCEPTED"
    advice = "Nothing was sent. details.reason is the node's own word."


class FeeNotRaisedError(ConflictError):
    """The fee of a batch cannot be raised: it is not waiting, it is too little more, or above the cap or the budget."""

    code = "FEE_NOT_RAISED"
    advice = (
        "Only a batch that waits can cost more: up to HASHRAIL_BITCOIN_FEE_CAP, within the budget that it began with."
    )


class ChainInDoubtError(ConflictError):
    """The node or its wallet is in doubt, so nothing rests on what it says; `details.codes` are the findings."""

    code = "CHAIN_IN_DOUBT"
    advice = "Nothing was done. What each finding means: docs/how-to/connect-a-bitcoin-node.md"


@dataclass(frozen=True, slots=True)
class Desk:
    """What payouts work with: the books, a chain, and what the settings ask."""

    pool: Pool
    chain: Chain
    settings: Settings


# What ends a turn early and is tried again with the next one.
PASSING = (NodeUnknownError, NodeUnreachableError, ChainInDoubtError, PayoutsPausedError, ForeignSpendError)
# What ends one batch.
OF_ONE_BATCH = (
    FeeNotRaisedError,
    NodeRefusedError,
    PaymentNotAcceptedError,
    PaymentTooLargeError,
    SigningRefusedError,
    WalletShortError,
)


@dataclass(slots=True)
class Turn:
    """What one turn did, and what it has to tell."""

    batches: list[int] = field(default_factory=list)
    bumped: list[int] = field(default_factory=list)
    settled: int = 0
    findings: list[Finding] = field(default_factory=list)

    def tell(self, *findings: Finding) -> None:
        """Add what was not told yet."""
        for finding in findings:
            if finding not in self.findings:
                log.warning("payouts", code=finding.code, why=finding.message)
                self.findings.append(finding)

    def tells(self, code: str) -> bool:
        """Whether something of that kind was told."""
        return any(finding.code == code for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Told:
    """What the last turn had to tell, and when it ended, by the business clock."""

    ended_at: datetime | None
    findings: list[Finding]


async def turn(desk: Desk) -> Turn:
    """One round of everything. What fails in passing (an unreachable node) ends it early, with a finding."""
    done = Turn()
    began_at = await business_clock.now(desk.pool)
    await desk.pool.execute("UPDATE payout_turn SET began_at = coalesce(began_at, $1) WHERE id = 1", began_at)
    try:
        done.tell(*await _doubts(desk))
        if not done.findings:
            done.tell(*await watch(desk))
            done.settled = await payout_settlement.settle_final(desk.pool)
            stops = await _stops(desk.pool)
            done.tell(*stops)
            if not stops:
                await _bump_stuck(desk, done)
                for speed in SPEEDS:
                    await _pay_all(desk, speed, done)
    except (*PASSING, NodeRefusedError) as error:
        done.tell(Finding(error.code, error.message))
    await _keep_told(desk.pool, done)
    return done


async def watch(desk: Desk) -> list[Finding]:
    """Read the wallet's history and bring every batch and deposit up to date; answers what an operator should know.

    What the chain does not have is sent again.
    """
    pool, chain, depth = desk.pool, desk.chain, desk.settings.bitcoin_final_depth
    keys = await chain.keys()
    history = await payout_watch.read_history(pool, chain, depth)
    await foreign_spends.look(pool, chain, history, final_depth=depth)
    async with db.transaction(pool) as tx:
        # A barrier: what an earlier process stored may not be sent before its commit has reached the standby, and this
        # one, which comes after it, waits for that.
        await payout_batches.wait_for_standby(tx)
        now = await business_clock.now(tx)
        found = await deposits.scan(tx, history)
        # While somebody's deposit belongs to nobody, its block is not passed.
        await payout_watch.move_cursor(tx, history, depth, now=now, again=bool(found))
        await payout_wallet.remember(tx, keys)
    for batch in await payout_batches.watched(pool):
        found += await payout_watch.observe(pool, chain, batch, final_depth=depth, now=now)
    credit_depth = desk.settings.bitcoin_deposit_confirmations
    return found + await deposits.watch(pool, chain, credit_depth=credit_depth, final_depth=depth)


async def watch_believed(desk: Desk) -> None:
    """Bring everything up to date before something leaves by another way. Raises ChainInDoubtError."""
    await _assert_believed(desk)
    await watch(desk)
    await _assert_believed(desk)


async def wait_for_time(tx: Reader) -> bool:
    """Whether anything is under way that goes on by itself as time passes."""
    waits: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM withdrawal WHERE state IN ('queued', 'signed'))
               OR EXISTS (SELECT FROM deposit WHERE state = 'pending')"""
    )
    return waits


async def findings(desk: Desk) -> list[Finding]:
    """Everything that stops a new batch now."""
    try:
        return [*await _doubts(desk), *await _stops(desk.pool)]
    except (*PASSING, NodeRefusedError) as error:
        return [Finding(error.code, error.message), *await _stops(desk.pool)]


async def told(tx: Reader) -> Told:
    """What the last turn had to tell; that none has come to its end for minutes is a finding as well."""
    row = await tx.fetchrow("SELECT began_at, ended_at, found FROM payout_turn WHERE id = 1")
    assert row is not None, "the schema comes with it"
    found = msgspec.json.decode(row["found"], type=list[Finding])
    if row["began_at"] is not None and await business_clock.now(tx) - row["began_at"] > LONGEST_TURN:
        found.append(
            Finding("TURN_NOT_ENDED", f"no turn has ended since {clock.iso(row['began_at'])}: see the worker's log")
        )
    return Told(row["ended_at"], found)


async def pay(desk: Desk, speed: Speed, found: Turn | None = None) -> int | None:
    """Pay what is due in one transaction; answers the batch, None where nothing is due or fits, or something stops it.

    `found` is told what waits and why. Raises SigningRefusedError, PaymentNotAcceptedError, PlanOutdatedError,
    PayoutsPausedError, ForeignSpendError, and what a node's call may raise.
    """
    plan = await _planned(desk, speed, Turn() if found is None else found)
    if plan is None:
        return None
    try:
        signed = await _signed(desk, plan.inputs, plan.outputs_btc, plan.sat_per_vb, plan.most_fee_btc)
    except (PaymentNotAcceptedError, NodeRefusedError) as error:
        if await payout_batches.latest(desk.pool) != plan.latest:
            raise PlanOutdatedError("another batch was sent meanwhile") from error
        raise
    stops = await _look_again(desk)
    if stops:
        if found is not None:
            found.tell(*stops)
        return None
    async with db.transaction(desk.pool) as tx:
        batch = await payout_batches.store(tx, plan, signed, now=await business_clock.now(tx))
    log.info("batch stored", batch=batch.id, speed=speed, txid=signed.txid, withdrawals=len(plan.due))
    await payout_watch.send(desk.pool, desk.chain, await payout_batches.versions(desk.pool, batch.id))
    return batch.id


async def bump(desk: Desk, batch_id: int, sat_per_vb: Decimal | None = None) -> Version:
    """Raise the fee of a batch that waits: to `sat_per_vb`, or to what the node thinks is needed and the budget allows.

    Answers the newest version. One that pays `sat_per_vb` already stays as it is, so the same may be asked twice.
    Raises BatchNotFoundError, FeeNotRaisedError, ChainInDoubtError, and what `pay` may raise.
    """
    batch = await payout_batches.get(desk.pool, batch_id)
    versions = await payout_batches.versions(desk.pool, batch_id)
    if batch.state not in ("signed", "broadcast") or batch.kind == "external":
        raise FeeNotRaisedError(f"batch {batch_id} is {batch.state}")
    if sat_per_vb is not None and sat_per_vb < versions[-1].sat_per_vb + LEAST_STEP:
        return versions[-1]
    await _assert_believed(desk)
    outputs_btc = payout_batches.merged(await payout_batches.members(desk.pool, batch_id))
    present = await payout_batches.inputs(desk.pool, batch_id, common=False)
    affordable = coins.affordable_rate(outputs_btc, present, batch.most_fee_btc)
    rate = await _raised_rate(desk, versions, sat_per_vb, affordable)
    chosen = coins.choose(
        await desk.chain.coins(),
        outputs_btc,
        sat_per_vb=rate,
        most_fee_btc=batch.most_fee_btc,
        reserved=await payout_batches.pinned(desk.pool),
        required=present,
    )
    signed = await _signed(desk, chosen, outputs_btc, rate, batch.most_fee_btc)
    async with db.transaction(desk.pool) as tx:
        now = await business_clock.now(tx)
        await payout_batches.add_version(tx, batch_id, versions[-1].version, signed, chosen[len(present) :], now=now)
    log.info("fee raised", batch=batch_id, txid=signed.txid, sat_per_vb=str(rate))
    await payout_watch.send(desk.pool, desk.chain, await payout_batches.versions(desk.pool, batch_id))
    return (await payout_batches.versions(desk.pool, batch_id))[-1]


async def _planned(desk: Desk, speed: Speed, found: Turn) -> Plan | None:
    """What a batch would pay, and with which coins: a pure read.

    What the node would not pay, and what fits in no transaction, takes no room from anybody: it is passed over, and the
    queue is looked at without it. The node is asked about those that come next, however long the queue is.
    """
    async with db.snapshot(desk.pool) as tx:
        policy, now = await payout_policy.get(tx), await business_clock.now(tx)
        waiting = await payout_queue.waiting(tx, policy, Rhythm.of(desk.settings), now=now)
        latest, pinned = await payout_batches.latest(tx), await payout_batches.pinned(tx)
    for one in waiting.too_large:
        found.tell(Finding("LIMIT_BELOW_AMOUNT", f"no day has room for withdrawal {one.partner_id}:{one.id}"))
    if not waiting.has(speed):
        return None
    rate = (await desk.chain.fee_rate(FEE_BLOCKS[speed])).sat_per_vb
    free = [coin for coin in await desk.chain.coins() if coin.outpoint not in pinned]
    have_btc, budget = sum((coin.amount_btc for coin in free), Decimal(0)), desk.settings.payout_fee_budget_btc
    refused: set[str] = set()
    misfits: set[Number] = set()
    while True:
        queue = waiting.queue(have_btc, passed=misfits, refused=refused)
        coming = payout_queue.cut(queue.of(speed), desk.settings.payout_most_outputs)
        more = await desk.chain.refused({one.address for one in coming})
        for address in sorted(more):
            found.tell(Finding("ADDRESS_REFUSED", f"the node cannot pay {address}: refuse its withdrawals"))
        refused |= more
        if more:
            continue
        if len(misfits) == MOST_MISFITS:
            # One more: the smallest.
            coming = sorted(coming, key=lambda one: one.amount_btc)[:1]
        fitted, chosen, misfit = _fitted(coming, free, rate, budget, found)
        if misfit is None or len(misfits) == MOST_MISFITS:
            break
        misfits.add(misfit.number)
    await _tell_short(desk, queue, have_btc, found)
    return Plan(speed, fitted, chosen, payout_batches.merged(fitted), rate, budget, latest) if fitted else None


async def _tell_short(desk: Desk, queue: Queue, have_btc: Decimal, found: Turn) -> None:
    if queue.uncovered and not found.tells(WalletShortError.code):
        coming_btc = await payout_batches.change_btc(desk.pool)
        message = f"{queue.due_btc:f} BTC are due, the wallet has {have_btc:f}, {coming_btc:f} more are on their way"
        found.tell(Finding(WalletShortError.code, message))


def _fitted(
    due: Sequence[Due], free: Sequence[Coin], rate: Decimal, most_fee_btc: Decimal, found: Turn
) -> tuple[Sequence[Due], list[Coin], Due | None]:
    """The oldest that one transaction can pay within its size and budget, and its coins; or the one that never fits."""
    part = due
    while part:
        try:
            outputs_btc = payout_batches.merged(part)
            return part, coins.choose(free, outputs_btc, sat_per_vb=rate, most_fee_btc=most_fee_btc), None
        except (WalletShortError, PaymentTooLargeError) as error:
            if len(part) == 1:
                found.tell(Finding(error.code, f"withdrawal {part[0].partner_id}:{part[0].id} waits: {error.message}"))
                return [], [], part[0]
            part = part[: len(part) // 2]
    return [], [], None


async def _signed(
    desk: Desk, inputs: Sequence[Coin], outputs_btc: dict[str, Decimal], rate: Decimal, most_fee_btc: Decimal
) -> Signed:
    """A transaction that the node would relay."""
    signed = await desk.chain.sign(Payment(inputs, outputs_btc, rate, most_fee_btc))
    acceptance = await desk.chain.acceptance(signed.raw)
    if not acceptance.allowed:
        raise PaymentNotAcceptedError(f"the node would not relay it: {acceptance.reason}", reason=acceptance.reason)
    return signed


async def _doubts(desk: Desk) -> list[Finding]:
    """Why the node's view of the chain is not believed."""
    return await desk.chain.findings() or await payout_wallet.look(desk.pool, desk.chain)


async def _assert_believed(desk: Desk) -> None:
    doubts = await _doubts(desk)
    if doubts:
        raise ChainInDoubtError(f"{doubts[0].code}: {doubts[0].message}", codes=[each.code for each in doubts])


async def _look_again(desk: Desk) -> list[Finding]:
    """What stops a payment that is signed: the wallet may have found old spends since the turn began."""
    stops = await _doubts(desk)
    if not stops:
        depth = desk.settings.bitcoin_final_depth
        history = await payout_watch.read_history(desk.pool, desk.chain, depth)
        await foreign_spends.look(desk.pool, desk.chain, history, final_depth=depth)
    return stops or await _stops(desk.pool)


async def _raised_rate(desk: Desk, versions: Sequence[Version], wanted: Decimal | None, affordable: Decimal) -> Decimal:
    """sat/vB of the next version: more than the last one, and than all that waits, pay. Raises FeeNotRaisedError."""
    newest = versions[-1]
    least = max(round_half_even(newest.sat_per_vb * LEAST_RAISE, RATE_DECIMALS), newest.sat_per_vb + LEAST_STEP)
    for version in versions:
        # The mempool may have an older one, with what spends from it.
        waiting_btc = await desk.chain.waiting_fees(version.txid)
        if waiting_btc is not None:
            # Rounded up: a satoshi less would not be taken.
            thousandths = -(-to_sat(waiting_btc) * 1000 // newest.vsize)
            least = max(least, Decimal(thousandths).scaleb(-RATE_DECIMALS) + LEAST_STEP)
    if wanted is None:
        # A little more, where the budget does not allow what the node thinks is needed.
        wanted = max(least, min((await desk.chain.fee_rate(BUMP_BLOCKS)).sat_per_vb, affordable))
    if wanted < least:
        raise FeeNotRaisedError(f"{wanted} sat/vB are too little: it takes {least}", leastSatPerVb=least)
    if wanted > desk.settings.bitcoin_fee_cap:
        raise FeeNotRaisedError(f"{wanted} sat/vB are above the cap of {desk.settings.bitcoin_fee_cap}")
    return wanted


async def _bump_stuck(desk: Desk, done: Turn) -> None:
    """Raise the fee of every batch whose newest version has waited too long."""
    now = await business_clock.now(desk.pool)
    rows = await desk.pool.fetch(
        """SELECT b.id FROM payout_batch b JOIN payout_transaction t ON t.batch_id = b.id
           WHERE b.state IN ('signed', 'broadcast') AND b.kind <> 'external'
           GROUP BY b.id HAVING max(t.created_at) <= $1 ORDER BY b.id""",
        now - timedelta(minutes=desk.settings.payout_bump_minutes),
    )
    for row in rows:
        try:
            await bump(desk, row["id"])
        except PlanOutdatedError as error:
            log.info("fee not raised", batch=row["id"], reason=error.message)
        except OF_ONE_BATCH as error:
            done.tell(Finding(FeeNotRaisedError.code, f"batch {row['id']}: {error.code}: {error.message}"))
        else:
            done.bumped.append(row["id"])


async def _pay_all(desk: Desk, speed: Speed, done: Turn) -> None:
    """Batches until nothing is due; a plan that something overtook is made anew, a few times."""
    outdated = 0
    while outdated < MOST_PLANS:
        try:
            batch_id = await pay(desk, speed, done)
        except PlanOutdatedError as error:
            log.info("planned anew", reason=error.message)
            outdated += 1
            continue
        except OF_ONE_BATCH as error:
            done.tell(Finding(error.code, error.message))
            return
        if batch_id is None:
            return
        outdated = 0
        done.batches.append(batch_id)
    done.tell(Finding(PlanOutdatedError.code, f"{speed} payments were planned {MOST_PLANS} times, and overtaken"))


async def _stops(tx: Reader) -> list[Finding]:
    """What the books know that stops everything new."""
    policy = await payout_policy.get(tx)
    found = []
    if policy.paused_reason is not None:
        found.append(Finding(PayoutsPausedError.code, f"payouts are paused: {policy.paused_reason}"))
    foreign = await foreign_spends.stopping(tx)
    return found + [
        Finding(ForeignSpendError.code, f"{txid} spends our coins, and no batch knows it") for txid in foreign
    ]


async def _keep_told(pool: Pool, done: Turn) -> None:
    async with db.transaction(pool) as tx:
        await tx.execute(
            "UPDATE payout_turn SET began_at = NULL, ended_at = $1, found = $2 WHERE id = 1",
            await business_clock.now(tx),
            msgspec.json.encode([asdict(finding) for finding in done.findings]).decode(),
        )
