"""Doing tasks of members: journeys of a sandbox's clock, step by step, with how far each is.

Each step is kept where it commits, like the steps of a request (`sandbox/journey.py`). So an attempt that is killed
leaves nothing to be done twice, and the next one goes on behind its last step.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from hashrail import business_clock, clock, db
from hashrail.access import idempotency
from hashrail.access.idempotency import Key
from hashrail.alarms import observations
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import HashrailError
from hashrail.parties import member_tasks, members, partners
from hashrail.parties.member_tasks import Kind, MemberTask
from hashrail.parties.members import MemberRoleError
from hashrail.processes import housekeeping
from hashrail.sandbox import customers, journey, moves
from hashrail.sandbox.journey import Leg
from hashrail.sandbox.scenarios import Scenario

LEAST: members.Role = "developer"
HOUR = timedelta(hours=1)


class Steps:
    """The steps of a task: each is done once, whichever attempt comes to it, and says how far the task is then."""

    def __init__(self, deployment: Deployment, task: MemberTask) -> None:
        self._deployment, self._task, self._made = deployment, task, 0

    async def once(self, work: Callable[[Tx], Awaitable[bytes]]) -> bytes:
        """Do the next step in a transaction of its own; where it was done before, answer what it answered then."""
        task, vault = self._task, self._deployment.vault
        key = Key(f"task:{task.id}#{self._made}", task.kind.encode(), task.kind, b"")
        self._made += 1
        async with db.transaction(self._deployment.pool) as tx:
            kept = await idempotency.recall(tx, vault, task.partner_id, [key])
            if kept is None:
                kept = await work(tx)
                await idempotency.keep(tx, vault, task.partner_id, [key], kept, retention=member_tasks.KEPT_FOR)
            return kept

    async def passed(self, tx: Tx, leg: Leg, at: datetime) -> None:
        """Say how far the clock is, in hours."""
        done, left = (microseconds * journey.MICROSECOND / HOUR for microseconds in (leg.gone_us, leg.left_us))
        await member_tasks.tell(
            tx, self._task, done=int(done), total=int(done + left), at=f"the clock is at {clock.iso(at)}"
        )


Work: TypeAlias = Callable[[Deployment, MemberTask, Steps, Mapping[str, Any]], Awaitable[str]]


async def do_waiting(deployment: Deployment) -> int:
    """Do what members have asked for, one after the other, of each partner in turn; answers how many ended.

    Only a sandbox has such tasks.
    """
    count = 0
    if not deployment.is_sandbox:
        return count
    for partner_id in await partners.ids(deployment.pool):
        while (number := await member_tasks.oldest_open(deployment.pool, partner_id)) is not None:
            async with db.transaction(deployment.pool) as held:
                if not await member_tasks.is_ours(held, number):
                    break
                count += await _do(deployment, partner_id, number)
    return count


async def _do(deployment: Deployment, partner_id: int, number: int) -> bool:
    """One attempt at a task, until it ends one way or the other."""
    async with db.transaction(deployment.pool) as tx:
        task = await member_tasks.begin(tx, partner_id, number)
    if task is None:
        return False
    code: str | None = None
    try:
        await _admit(deployment, task)
        told = await WORK[task.kind](deployment, task, Steps(deployment, task), task.meant)
    except HashrailError as error:
        now = clock.iso(await business_clock.now(deployment.pool))
        told, code = f"{error.message}. {error.advice} The clock is at {now}.", error.code
    finally:
        # One that was called off is begun again by another worker; of what nobody expected the log tells more.
        bug = sys.exception()
        if bug is not None and not isinstance(bug, asyncio.CancelledError):
            told = "It ended by an error, which the worker's log tells."
            await _end(deployment, task, told, observations.code_of(bug))
    await _end(deployment, task, told, code)
    return True


async def _end(deployment: Deployment, task: MemberTask, told: str, code: str | None) -> None:
    async with db.transaction(deployment.pool) as tx:
        await member_tasks.end(tx, task, told=told, code=code)


async def _admit(deployment: Deployment, task: MemberTask) -> None:
    """Who asked for it may still. Raises MemberRoleError."""
    found = await members.get(deployment.pool, task.partner_id, task.member_id)
    if found.disabled_at is not None:
        raise MemberRoleError(f"the account of {found.name} has ended", needed=LEAST)
    members.assert_may(found, LEAST)


async def _advance(deployment: Deployment, task: MemberTask, steps: Steps, meant: Mapping[str, Any]) -> str:
    async def reach(_: Tx, present: datetime) -> timedelta:
        return moves.step(present, days=meant.get("days"), seconds=meant.get("seconds"), until=meant.get("until"))

    named = meant.get("scenario")
    return await _travel(deployment, task, steps, reach, None if named is None else Scenario(named))


async def _late_notice(deployment: Deployment, task: MemberTask, steps: Steps, meant: Mapping[str, Any]) -> str:
    partner_id, external_id = task.partner_id, meant["order"]

    async def reach(tx: Tx, now: datetime) -> timedelta:
        return await customers.until_late(tx, partner_id, external_id, now, late_seconds=meant["late_seconds"])

    async def tell(tx: Tx) -> bytes:
        books = await fence.share(tx, partner_id)
        books.assert_not_closed()
        order = await customers.tell_late(tx, books, deployment.settings, external_id)
        return f"The order is {order.state}.".encode()

    told = await _travel(deployment, task, steps, reach, None)
    return f"{(await steps.once(tell)).decode()} {told}"


async def _travel(
    deployment: Deployment, task: MemberTask, steps: Steps, reach: journey.Reach, scenario: Scenario | None
) -> str:
    """Let the clock go, and what is due on the way happen."""

    async def begin(tx: Tx) -> bytes:
        return msgspec.json.encode(await fence.closed_through(tx, task.partner_id))

    before = msgspec.json.decode(await steps.once(begin), type=date | None)
    await journey.go(deployment, steps.once, reach, scenario, steps.passed)
    await housekeeping.housekeeping(deployment.pool)
    now = clock.iso(await business_clock.now(deployment.pool))
    closed = await fence.closed_through(deployment.pool, task.partner_id)
    days = 0 if before is None or closed is None else (closed - before).days
    return f"The clock is at {now}. Days closed on the way: {days}, through {closed}."


WORK: dict[Kind, Work] = {"sandbox advance": _advance, "sandbox late notice": _late_notice}
