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
    db,
    deposits,
    foreign_spends,
    payout_batches,
    payout_policy,
    payout_queue,
    payout_settlement,
    payout_watch,
)
from hashrail.db import Pool, Reader
from hashrail.errors import ConflictError
from hashrail.foreign_spends import ForeignSpendError
from hashrail.gateways import coins
from hashrail.gateways.bitcoin import to_sat
from hashrail.gateways.bitcoin_guards import Finding
from hashrail.gateways.bitcoin_records import Coin, Outpoint
from hashrail.gateways.bitcoin_rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.gateways.chain import Chain, Payment
from hashrail.gateways.coins import PaymentTooLargeError, WalletShortError
from hashrail.gateways.signer import Signed, SigningRefusedError
from hashrail.money import BTC_DECIMALS, divide_half_even, round_half_even
from hashrail.payout_batches import Due, PayoutsPausedError, Plan, PlanOutdatedError, Version
from hashrail.payout_queue import Queue, Rhythm
from hashrail.settings import Settings
from hashrail.withdrawals import Speed

FEE_BLOCKS: dict[str, int] = {"fast": 3, "daily": 12, "external": 3}
BUMP_BLOCKS = 2
LEAST_RAISE = Decimal("1.25")
RATE_DECIMALS = 3
SPEEDS: tuple[Speed, ...] = ("fast", "daily")
# A plan that fits in no transaction is made smaller; so many withdrawals are tried alone before the turn goes on.
MOST_MISFITS = 20
# Plans in a row that something overtakes; a turn a minute later goes on.
MOST_PLANS = 10
LONGEST_TURN = timedelta(minutes=5)
# What ends a turn early and is tried again with the next one.
PASSING = (NodeUnknownError, NodeUnreachableError, PayoutsPausedError, ForeignSpendError)
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
        done.tell(*await desk.chain.findings())
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
    for batch in await payout_batches.watched(pool):
        found += await payout_watch.observe(pool, chain, batch, final_depth=depth, now=now)
    credit_depth = desk.settings.bitcoin_deposit_confirmations
    return found + await deposits.watch(pool, chain, credit_depth=credit_depth, final_depth=depth)


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
        return [*await desk.chain.findings(), *await _stops(desk.pool)]
    except (*PASSING, NodeRefusedError) as error:
        return [Finding(error.code, error.message), *await _stops(desk.pool)]


async def told(tx: Reader) -> Told:
    """What the last turn had to tell; that none has come to its end for minutes is a finding as well."""
    row = await tx.fetchrow("SELECT began_at, ended_at, found FROM payout_turn WHERE id = 1")
    assert row is not None, "the schema comes with it"
    found = msgspec.json.decode(row["found"], type=list[Finding])
    if row["began_at"] is not None and await business_clock.now(tx) - row["began_at"] > LONGEST_TURN:
        found.append(Finding("TURN_NOT_ENDED", f"no turn has ended since {row['began_at']}: see the worker's log"))
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
    return signed


async def _planned(desk: Desk, speed: Speed, found: Turn) -> Plan | None:
    """What a batch would pay, and with which coins: a pure read."""
    queue, latest, pinned = await _queue(desk, speed, found)
    due = queue.of(speed)
    if not due:
        return None
    rate = (await desk.chain.fee_rate(FEE_BLOCKS[speed])).sat_per_vb
    free = [coin for coin in await desk.chain.coins() if coin.outpoint not in pinned]
    budget = desk.settings.payout_fee_budget_btc
    due = await _covered(desk, queue, due, free, found)
    fitted, chosen = _fitted(payout_queue.cut(due, desk.settings.payout_most_outputs), free, rate, budget, found)
    if not fitted:
        return None
    return Plan(speed, fitted, chosen, payout_batches.merged(fitted), rate, budget, latest)


async def _queue(desk: Desk, speed: Speed, found: Turn) -> tuple[Queue, tuple[int, int], set[Outpoint]]:
    """What is due, without what the node would not pay; the newest batch and export; the coins that are promised.

    The node is asked about those that come next, however long the queue is.
    """
    refused: set[str] = set()
    while True:
        async with db.snapshot(desk.pool) as tx:
            policy, now = await payout_policy.get(tx), await business_clock.now(tx)
            queue = await payout_queue.due(tx, policy, Rhythm.of(desk.settings), now=now, refused=refused)
            latest, pinned = await payout_batches.latest(tx), await payout_batches.pinned(tx)
        coming = payout_queue.cut(queue.of(speed), desk.settings.payout_most_outputs)
        more = await desk.chain.refused({one.address for one in coming})
        for address in sorted(more):
            found.tell(Finding("ADDRESS_REFUSED", f"the node cannot pay {address}: refuse its withdrawals"))
        if not more:
            for one in queue.too_large:
                found.tell(Finding("LIMIT_BELOW_AMOUNT", f"no day has room for withdrawal {one.partner_id}:{one.id}"))
            return queue, latest, pinned
        refused |= more


async def _covered(desk: Desk, queue: Queue, due: Sequence[Due], free: Sequence[Coin], found: Turn) -> list[Due]:
    """What the free coins cover, oldest first; what they do not lets smaller ones pass."""
    left_btc = have_btc = sum((coin.amount_btc for coin in free), Decimal(0))
    covered = []
    for one in due:
        if one.amount_btc <= left_btc:
            left_btc -= one.amount_btc
            covered.append(one)
    if have_btc < queue.amount_btc and not found.tells(WalletShortError.code):
        coming_btc = await payout_batches.change_btc(desk.pool)
        message = f"{queue.amount_btc:f} BTC are due, the wallet has {have_btc:f}, {coming_btc:f} more are on their way"
        found.tell(Finding(WalletShortError.code, message))
    return covered


def _fitted(
    due: Sequence[Due], free: Sequence[Coin], rate: Decimal, most_fee_btc: Decimal, found: Turn
) -> tuple[list[Due], list[Coin]]:
    """The oldest that one transaction can pay within its size and budget, and its coins."""
    trying, misfits = list(due), 0
    while trying:
        if misfits == MOST_MISFITS:
            # One more: the smallest.
            trying = [min(trying, key=lambda one: one.amount_btc)]
        part = trying
        while True:
            try:
                outputs_btc = payout_batches.merged(part)
                return part, coins.choose(free, outputs_btc, sat_per_vb=rate, most_fee_btc=most_fee_btc)
            except (WalletShortError, PaymentTooLargeError) as error:
                if len(part) == 1:
                    message = f"withdrawal {part[0].partner_id}:{part[0].id} waits: {error.message}"
                    found.tell(Finding(error.code, message))
                    break
                part = part[: len(part) // 2]
        trying, misfits = trying[1:], misfits + 1
    return [], []


async def _signed(
    desk: Desk, inputs: Sequence[Coin], outputs_btc: dict[str, Decimal], rate: Decimal, most_fee_btc: Decimal
) -> Signed:
    """A transaction that the node would relay."""
    signed = await desk.chain.sign(Payment(inputs, outputs_btc, rate, most_fee_btc))
    acceptance = await desk.chain.acceptance(signed.raw)
    if not acceptance.allowed:
        raise PaymentNotAcceptedError(f"the node would not relay it: {acceptance.reason}", reason=acceptance.reason)
    return signed


async def _look_again(desk: Desk) -> list[Finding]:
    """What stops a payment that is signed: the wallet may have found old spends since the turn began."""
    stops = await desk.chain.findings()
    if not stops:
        depth = desk.settings.bitcoin_final_depth
        history = await payout_watch.read_history(desk.pool, desk.chain, depth)
        await foreign_spends.look(desk.pool, desk.chain, history, final_depth=depth)
    return stops or await _stops(desk.pool)


async def _raised_rate(desk: Desk, version: Version, wanted: Decimal | None) -> Decimal:
    """sat/vB of the next version: more than the last and all that spends from it pay. Raises FeeNotRaisedError."""
    present = divide_half_even(version.fee_btc.scaleb(BTC_DECIMALS), Decimal(version.vsize), RATE_DECIMALS)
    rate = (await desk.chain.fee_rate(BUMP_BLOCKS)).sat_per_vb if wanted is None else wanted
    waiting_btc = await desk.chain.waiting_fees(version.txid)
    if waiting_btc is not None:
        # Rounded up: a satoshi less would not be taken.
        thousandths = -(-to_sat(waiting_btc) * 1000 // version.vsize)
        rate = max(rate, Decimal(thousandths).scaleb(-RATE_DECIMALS) + 1)
    rate = max(rate, round_half_even(present * LEAST_RAISE, RATE_DECIMALS), present + 1)
    if rate > desk.settings.bitcoin_fee_cap:
        raise FeeNotRaisedError(f"{rate} sat/vB are above the cap of {desk.settings.bitcoin_fee_cap}")
    return rate


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
