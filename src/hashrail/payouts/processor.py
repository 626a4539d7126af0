"""Payouts: the run that a worker makes every minute.

One run says by which terms it goes (`run_terms`), looks at the node, reads the wallet's history, watches what was
sent, posts what is final, raises the fees of what is stuck, and pays what is due. It may be killed at any line, and two
at once are harmless: whatever is sent was stored in one commit before, under one lock.

A withdrawal comes here from its plan (`planning`): `pay` signs it, looks again, stores it and sends it. From there on
`watch` follows it, and `settlement` posts it.

What a run finds is kept until the next one (`run_report`). Some findings stop everything new (`stops`); the others
concern one batch or one withdrawal, and nobody else waits for it.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from hashrail import business_clock, db
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.custody.withdrawals import Speed
from hashrail.db import Reader
from hashrail.deployment.opened import Deployment
from hashrail.payouts import batches, fee_bumps, planning, run_report, run_terms, sending, settlement, stops, watch
from hashrail.payouts.batches import PlanOutdatedError
from hashrail.payouts.fee_bumps import FeeNotRaisedError
from hashrail.payouts.planning import Outlook
from hashrail.payouts.run_report import Run
from hashrail.payouts.sending import OF_ONE_PAYMENT, PaymentNotAcceptedError
from hashrail.payouts.stops import PASSING

SPEEDS: tuple[Speed, ...] = ("fast", "daily")
# Plans in a row that something overtakes; a run a minute later goes on.
MAX_PLANS = 10
log = structlog.get_logger()


async def run(deployment: Deployment) -> Run:
    """One round of everything. What fails in passing (an unreachable node) ends it early, with a finding."""
    pool, chain, done = deployment.pool, deployment.chain, Run()
    await run_report.begin(pool)
    try:
        done.add(*await run_terms.compare(pool, deployment.settings))
        done.add(*await stops.told_of_chain(pool, chain))
        if not any(each.stops for each in done.findings):
            done.add(*await watch.everything(deployment))
            done.settled = await settlement.settle_final(pool)
            found = await stops.of_books(pool)
            done.add(*found)
            if not found:
                await _raise_fees(deployment, done)
                await _pay_everything(deployment, done)
    except (*PASSING, NodeRefusedError) as error:
        done.add(Finding(error.code, error.message))
    await run_report.end(pool, done)
    return done


async def _raise_fees(deployment: Deployment, done: Run) -> None:
    """Raise the fee of every batch whose newest version has waited too long."""
    now = await business_clock.now(deployment.pool)
    waiting = timedelta(minutes=deployment.settings.payout_bump_minutes)
    for batch_id in await fee_bumps.stuck(deployment.pool, now, waiting):
        try:
            await fee_bumps.bump(deployment, batch_id)
        except PlanOutdatedError as error:
            log.info("fee not raised", batch=batch_id, reason=error.message)
        except (FeeNotRaisedError, *OF_ONE_PAYMENT) as error:
            name = f"batch {batch_id}"
            done.add(Finding(FeeNotRaisedError.code, f"{name}: {error.code}: {error.message}", about=name))
        else:
            done.bumped.append(batch_id)


async def _pay_everything(deployment: Deployment, done: Run) -> None:
    """Batches of either speed until nothing is due."""
    outlook = await planning.look(deployment.pool, deployment.settings)
    for speed in SPEEDS:
        outlook = await _pay_all(deployment, speed, outlook, done)


async def _pay_all(deployment: Deployment, speed: Speed, outlook: Outlook, done: Run) -> Outlook:
    """Batches of one speed; a plan that something overtook is made anew, a few times. Answers what holds by then."""
    overtaken = 0
    while overtaken < MAX_PLANS:
        try:
            paid = await _pay(deployment, speed, outlook, done)
        except PlanOutdatedError as error:
            log.info("planned anew", reason=error.message)
            overtaken += 1
        except OF_ONE_PAYMENT as error:
            done.add(Finding(error.code, error.message))
            return outlook
        else:
            if paid is None:
                return outlook
            overtaken = 0
            done.batches.append(paid.batch_id)
            if paid.outlook.is_fresh and paid.outlook.waiting.has(speed):
                outlook = paid.outlook
                continue
        # What is due, and which coins are promised, is read anew: for what came meanwhile, or after another's commit.
        outlook = await planning.look(deployment.pool, deployment.settings)
    done.add(Finding(PlanOutdatedError.code, f"{speed} payments were planned {MAX_PLANS} times, and overtaken"))
    return outlook


async def pay(
    deployment: Deployment, speed: Speed, outlook: Outlook | None = None, done: Run | None = None
) -> int | None:
    """Pay what is due in one transaction; answers the batch, None where nothing is due or fits, or something stops it.

    What waits and why is added to the run, where it is part of one. Raises SigningRefusedError,
    PaymentNotAcceptedError, PlanOutdatedError, PayoutsPausedError, ForeignSpendError, and what a node's call may raise.
    """
    outlook = outlook or await planning.look(deployment.pool, deployment.settings)
    paid = await _pay(deployment, speed, outlook, done or Run())
    return None if paid is None else paid.batch_id


@dataclass(frozen=True, slots=True)
class _Paid:
    """A batch that was stored, and what the books say since, as far as its plan knew."""

    batch_id: int
    outlook: Outlook


async def _pay(deployment: Deployment, speed: Speed, outlook: Outlook, done: Run) -> _Paid | None:
    pool, chain = deployment.pool, deployment.chain
    done.add(*outlook.findings)
    planned = await planning.plan(deployment, speed, outlook)
    done.add(*planned.findings)
    if planned.shortage is not None and not done.has(planned.shortage.code):
        done.add(planned.shortage)
    plan = planned.plan
    if plan is None:
        return None
    try:
        signed = await sending.signed(chain, plan.payment)
    except (PaymentNotAcceptedError, NodeRefusedError) as error:
        # Another batch may have been sent with its coins meanwhile: then the plan is to blame, and not the payment.
        if await batches.latest(pool) != plan.latest:
            raise PlanOutdatedError("another batch was sent meanwhile") from error
        raise
    found = await stops.once_signed(deployment)
    if found:
        done.add(*found)
        return None
    async with db.transaction(pool) as tx:
        stored = await batches.store(tx, plan, signed, now=await business_clock.now(tx))
    log.info("batch stored", batch=stored.batch.id, speed=speed, txid=signed.txid, withdrawals=len(plan.due))
    await sending.send(pool, chain, stored.versions)
    return _Paid(stored.batch.id, outlook.after(plan, stored.batch.id))


async def wait_for_time(tx: Reader) -> bool:
    """Whether anything is under way that goes on by itself as time passes."""
    waits: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM withdrawal WHERE state IN ('queued', 'signed'))
               OR EXISTS (SELECT 1 FROM deposit WHERE state = 'pending')"""
    )
    return waits
