"""What a worker does beside its jobs, so that no job keeps it waiting: it lives, evaluates alarms, and tells them.

It also moves what happened into the partners' feeds. Each step has a task of its own. What fails is logged and tried
again at the next turn; a bug in it stops no payouts.
Nothing is evaluated before the worker has said that it lives, or has tried to: else the first one after a break would
tell of itself that none was heard.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from hashrail import db
from hashrail.alarms import counts, dead_man, delivery, states, workers
from hashrail.alarms.delivery import Receivers
from hashrail.deployment.opened import Deployment
from hashrail.events import mover

EVERY_SECONDS = 60
# How soon what is to be told leaves.
TELLING_SECONDS = 5
# How late an event may be told that nobody has asked for.
MOVING_SECONDS = 0.5
# What has failed is left alone for so long at least.
FAILED_SECONDS = 5
# So long at most the first beat keeps the rules waiting.
FIRST_BEAT_SECONDS = 60
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done again and again, with so many seconds between."""

    name: str
    seconds: float
    work: Callable[[Deployment], Awaitable[object]]


async def watch(deployment: Deployment) -> None:
    """Watch until this is cancelled."""
    receivers, has_beaten = Receivers(deployment.settings.alarm_urls), asyncio.Event()

    async def live(opened: Deployment) -> None:
        try:
            await beat(opened)
        finally:
            has_beaten.set()

    async def evaluate(opened: Deployment) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_BEAT_SECONDS):
                await has_beaten.wait()
        await states.evaluate(opened)

    async def tell(opened: Deployment) -> None:
        await delivery.deliver(opened, receivers)

    async def move_events(opened: Deployment) -> None:
        await mover.move_all(opened.pool)

    steps = (
        Step("beat", EVERY_SECONDS, live),
        Step("evaluate", EVERY_SECONDS, evaluate),
        Step("tell", TELLING_SECONDS, tell),
        Step("heartbeat", EVERY_SECONDS, dead_man.call),
        Step("move events", MOVING_SECONDS, move_events),
    )
    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(_again_and_again(step, deployment))


async def beat(deployment: Deployment) -> None:
    """This worker lives; and what was counted long ago is forgotten."""
    async with db.transaction(deployment.pool) as tx:
        await workers.beat(tx, workers.own_name())
        await counts.forget_past(tx)


async def _again_and_again(step: Step, deployment: Deployment) -> None:
    while True:
        pause = step.seconds
        try:
            await step.work(deployment)
        except Exception as error:
            pause = max(pause, FAILED_SECONDS)
            # Also one that nobody has foreseen: days and payouts of this worker go on, and the next time may go well.
            log.warning("watching failed", step=step.name, error=type(error).__name__, cause=str(error))
        await asyncio.sleep(pause)
