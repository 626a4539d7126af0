"""A journey of the business clock: it stops wherever something is due on the way, and does it there.

What the worker of a production deployment does in the course of time is done at each stop, by the same verbs, so that
events are the same, in the same order, and tell the time at which they would have happened:

- at the credit time of every day: its rates are there, it is published, closed and signed;
- at the full minute after an order's end: the order expires, if nobody told its payment;
- every hour, for two days at most, while a withdrawal or a deposit is under way on the simulated chain: payouts run.

Every leg from one stop to the next is a step that is kept. So a journey that was cut off goes on from its last stop
when the same request comes again, and the clock has moved once.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import TypeAlias

import msgspec

from hashrail import business_clock, clock, db
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.events import mover, planning
from hashrail.parties import partners
from hashrail.payouts import processor
from hashrail.proofs import day_documents, liabilities
from hashrail.rewards import closing, rate_classes
from hashrail.sandbox import rates
from hashrail.sandbox.scenarios import Scenario
from hashrail.selling import orders

HOP = timedelta(hours=1)
HOPS = timedelta(days=2)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)

# Does a step in a transaction of its own, once: where it was done before, what it answered then is answered again.
Once: TypeAlias = Callable[[Callable[[Tx], Awaitable[bytes]]], Awaitable[bytes]]
# How far the clock is to go, asked once.
Reach: TypeAlias = Callable[[Tx, datetime], Awaitable[timedelta]]


class Leg(msgspec.Struct, frozen=True):
    """How far the clock has gone by the end of a leg, and how far it still has to go."""

    gone_us: int
    left_us: int


# Hears in each leg's transaction how far the clock is, and what it reads then.
Passed: TypeAlias = Callable[[Tx, Leg, datetime], Awaitable[None]]


async def go(
    deployment: Deployment, once: Once, reach: Reach, scenario: Scenario | None = None, passed: Passed | None = None
) -> closing.Progress:
    """Move the clock as far as `reach` says, and let happen what is due on the way; answers how far the days are.

    The days on the way go by the scenario, without one by that of the days to come. Raises what `reach` does.
    """

    async def begin(tx: Tx) -> bytes:
        return msgspec.json.encode(Leg(0, await reach(tx, await business_clock.now(tx)) // MICROSECOND))

    leg = msgspec.json.decode(await once(begin), type=Leg)
    # What is due already, and what has arrived on the chain: so its time comes on the way.
    await _close(deployment, scenario)
    await _pay(deployment)
    while leg.left_us:
        leg = msgspec.json.decode(await once(_move(deployment, leg, scenario, passed)), type=Leg)
        await _arrive(deployment, scenario, is_last=not leg.left_us)
    progress = await _close(deployment, scenario)
    # Once a journey, over all users: on every day of it this would be most of the work.
    every_days = deployment.settings.liabilities_every_days
    await liabilities.take_due(deployment.pool, deployment.vault, every_days=every_days)
    await _tell(deployment.pool)
    return progress


def _move(
    deployment: Deployment, before: Leg, scenario: Scenario | None, passed: Passed | None
) -> Callable[[Tx], Awaitable[bytes]]:
    """The leg from one stop to the next, with the rates of the day that ends by it."""

    async def move(tx: Tx) -> bytes:
        now = await business_clock.now(tx)
        gone, left = before.gone_us * MICROSECOND, before.left_us * MICROSECOND
        published = await rate_classes.published_through(tx)
        step = min([left, *[stop - now for stop in await _stops(deployment, tx, now, published, gone)]])
        then = await business_clock.advance_by(tx, step)
        # In the same commit: a worker that comes by finds the day's rates, and does not enter others.
        day = clock.last_creditable_day(then)
        if published is not None and day > published:
            await rates.enter_day(tx, deployment.settings, day, scenario, at=then)
        leg = Leg((gone + step) // MICROSECOND, (left - step) // MICROSECOND)
        if passed is not None:
            await passed(tx, leg, then)
        return msgspec.json.encode(leg)

    return move


async def _stops(
    deployment: Deployment, tx: Tx, now: datetime, published: date | None, gone: timedelta
) -> list[datetime]:
    """The next moment of each kind at which something is due."""
    stops = []
    if published is not None:
        stops.append(clock.credited_at(clock.last_creditable_day(now) + clock.ONE_DAY))
    expiry = await orders.next_expiry(tx)
    if expiry is not None:
        stops.append(expiry.replace(second=0, microsecond=0) + MINUTE)
    if gone < HOPS and _simulates(deployment) and await processor.wait_for_time(tx):
        stops.append(now + HOP)
    return [stop for stop in stops if stop > now]


async def _arrive(deployment: Deployment, scenario: Scenario | None, *, is_last: bool) -> None:
    """Do what is due by now."""
    pool = deployment.pool
    if is_last or await processor.wait_for_time(pool):
        await _pay(deployment)
    await _expire(pool)
    if await closing.days_due(pool):
        await _close(deployment, scenario)


async def _close(deployment: Deployment, scenario: Scenario | None) -> closing.Progress:
    """Publish, close and sign every day that is over."""
    await rates.enter_generated(deployment.pool, deployment.settings, scenario)
    progress = await closing.close_due(deployment.pool)
    await day_documents.sign_due(deployment.pool, deployment.vault)
    return progress


async def _pay(deployment: Deployment) -> None:
    """One run of payouts. With a node it is the worker that pays."""
    if _simulates(deployment):
        await processor.run(deployment)


def _simulates(deployment: Deployment) -> bool:
    return isinstance(deployment.node, SandboxChain)


async def _expire(pool: db.Pool) -> None:
    """Let orders expire whose time is over, of all partners."""
    expiry = await orders.next_expiry(pool)
    if expiry is None or expiry > await business_clock.now(pool):
        return
    for partner_id in await partners.ids(pool):
        expired = True
        while expired:
            async with db.transaction(pool) as tx:
                expired = await orders.expire_due(tx, partner_id) > 0


async def _tell(pool: db.Pool) -> None:
    """Give what happened its places in the feeds, and plan it for the endpoints that want it; a worker sends it."""
    await mover.move_all(pool)
    planned = True
    while planned:
        planned = await planning.plan(pool) > 0
