"""Doing tasks: what an operator asked the worker for, step by step, with how far it is.

Whoever asked is let in again at every step, so that one who was disabled meanwhile does nothing more. What a task is
refused is told with the task, and so is an error that nobody expected.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from hashrail import clock, db
from hashrail.acts import days, rates
from hashrail.acts.acting import Acting
from hashrail.alarms import noting, observations
from hashrail.audit import invariants
from hashrail.bitcoin import node_report
from hashrail.bitcoin.node import open_node
from hashrail.db import Tx
from hashrail.deployment import opened
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError, HashrailError
from hashrail.money import plain
from hashrail.parties import operators, tasks
from hashrail.parties.operators import Operator, OperatorRoleError, Role
from hashrail.parties.permissions import ACTS
from hashrail.parties.tasks import Kind, Task
from hashrail.payouts import exports, fee_bumps, processor, watch
from hashrail.recovery import lost
from hashrail.rewards import closing, fetching
from hashrail.rewards import rates as day_rates

# How often an attempt says how far it is.
BEAT_SECONDS = 1.0
# Of tasks that change nothing, the least role that may ask for them.
LOOKS: Mapping[Kind, Role] = {"audit": "operator", "payouts node": "operator", "payouts reconcile": "operator"}


class TaskOfAnotherDeploymentError(ConflictError):
    """What the deployment is was changed since the worker was started, so it pays nothing."""

    code = "TASK_OF_ANOTHER_DEPLOYMENT"
    advice = "Start the worker again, with the environment that the deployment has now; then ask once more."


@dataclass
class Counter:
    """How far a task is: `done` of `total`, and at what."""

    done: int = 0
    total: int | None = None
    at: str = ""

    def step(self, at: object) -> None:
        """One more is done."""
        self.done, self.at = self.done + 1, str(at)


Work: TypeAlias = Callable[[Acting, Mapping[str, Any], Counter], Awaitable[str]]


def least(kind: Kind) -> Role:
    """The least role that may ask for a task."""
    return LOOKS[kind] if kind in LOOKS else ACTS[kind].least


async def do_waiting(deployment: Deployment) -> int:
    """Do the tasks that wait, one after the other; answers how many ended."""
    count = 0
    while True:
        async with db.transaction(deployment.pool) as tx:
            task = await tasks.begin_next(tx)
        if task is None:
            return count
        await _do(deployment, task)
        count += 1


async def _do(deployment: Deployment, task: Task) -> None:
    """One attempt at a task, until it ends one way or the other."""
    counter, code = Counter(), None

    async def admit(tx: Tx) -> Operator:
        return await _asker(tx, task)

    async with _telling(deployment.pool, task, counter):
        try:
            async with db.transaction(deployment.pool) as tx:
                act = Acting(task.kind, deployment, await admit(tx), admit)
            told = await WORK[task.kind](act, task.meant, counter)
        except HashrailError as error:
            code, told = error.code, f"{error.message}. {error.advice}"
        finally:
            # One that was called off is begun again by another worker; of what nobody expected the log tells more.
            bug = sys.exception()
            if bug is not None and not isinstance(bug, asyncio.CancelledError):
                told = "It ended by an error, which the worker's log tells."
                await _end(deployment.pool, task, counter, told=told, code=observations.code_of(bug))
    await _end(deployment.pool, task, counter, told=told, code=code)


async def _end(pool: db.Pool, task: Task, counter: Counter, *, told: str, code: str | None) -> None:
    """An attempt has ended, having got so far."""
    async with db.transaction(pool) as tx:
        await tasks.tell(tx, task, done=counter.done, total=counter.total, at=counter.at)
        await tasks.end(tx, task, told=told, code=code)


@asynccontextmanager
async def _telling(pool: db.Pool, task: Task, counter: Counter) -> AsyncIterator[None]:
    """Say every now and then how far it is."""

    async def tell() -> None:
        while True:
            with suppress(HashrailError, *db.DATABASE_ERRORS):
                async with db.transaction(pool) as tx:
                    await tasks.tell(tx, task, done=counter.done, total=counter.total, at=counter.at)
            await asyncio.sleep(BEAT_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _asker(tx: Tx, task: Task) -> Operator:
    """Who asked for it, if they still may. Raises OperatorRoleError."""
    await operators.hold(tx)
    found = await operators.by_id(tx, task.operator_id)
    if found.disabled_at is not None:
        raise OperatorRoleError(f"{found.name} is disabled", needed=least(task.kind))
    operators.assert_may(found, least(task.kind))
    return found


async def _close_days(act: Acting, meant: Mapping[str, Any], counter: Counter) -> str:
    through = _day(meant.get("through"))
    counter.total = await closing.days_due(act.deployment.pool, through=through)
    made = await days.close(act, through=through, done=counter.step)
    if made.missing_rates is not None:
        raise day_rates.RatesMissingError(f"{counter.done} days were closed; {made.missing_rates} has no rates")
    if made.waiting is not None:
        raise made.waiting
    return f"{counter.done} days were closed; published through {made.published_through}."


async def _fetch_rates(act: Acting, meant: Mapping[str, Any], counter: Counter) -> str:
    day = _day(meant.get("day"))
    counter.total = 1 if day is not None else len(await fetching.due(act.deployment.pool))
    made = await rates.fetch(act, day, done=counter.step)
    if made.stopped is not None:
        raise made.stopped
    held = [str(each.fetched.day) for each in made.tried if each.judged is not None and each.judged.doubts]
    told = f"{counter.done} days were entered." if made.tried else "No day is due."
    return told + (f" Held for an operator: {', '.join(held)}." if held else "")


async def _audit(act: Acting, _: Mapping[str, Any], counter: Counter) -> str:
    counter.total = len(invariants.every())
    made = await noting.audit(act.deployment.pool, by=act.named.name, done=counter.step)
    broken = [each.name for each in made.broken]
    return f"Broken: {', '.join(broken)}." if broken else f"All {len(made.findings)} invariants hold."


async def _reconcile(act: Acting, _: Mapping[str, Any], __: Counter) -> str:
    report = await noting.reconcile(act.deployment, by=act.named.name)
    return "Something is left that no line explains." if report.alarm else "Every satoshi is explained."


async def _run_payouts(act: Acting, _: Mapping[str, Any], __: Counter) -> str:
    await _assert_unchanged(act.deployment)
    made = await processor.run(act.deployment)
    told = f"{len(made.batches)} batches were made, {len(made.bumped)} fees raised, {made.settled} batches posted."
    return " ".join([told, *(f"{each.code}: {each.message}." for each in made.findings)])


async def _bump(act: Acting, meant: Mapping[str, Any], _: Counter) -> str:
    await _assert_unchanged(act.deployment)
    made = await fee_bumps.bump(act.deployment, meant["batch"], Decimal(meant["sat_per_vb"]))
    cost = f"{plain(made.sat_per_vb)} sat/vB, a fee of {plain(made.fee_btc)} BTC"
    return f"Batch {made.batch_id} waits with {cost}, as {made.txid}."


async def _export(act: Acting, _: Mapping[str, Any], __: Counter) -> str:
    await _assert_unchanged(act.deployment)
    if act.deployment.chain_if_any is not None:
        await watch.everything_believed(act.deployment)
    async with act.step() as tx:
        made = await exports.export(tx, act.named)
    return "Nothing is due." if made is None else f"Export {made} is made; the page of payouts leads to its files."


async def _look_at_node(act: Acting, _: Mapping[str, Any], __: Counter) -> str:
    settings = act.deployment.settings
    async with open_node(settings) as node:
        report = await node_report.report(node, settings)
    told = {"facts": operators.plainly(node_report.facts(report, settings))}
    findings = [{"code": each.code, "message": each.message} for each in report.findings]
    async with db.transaction(act.deployment.pool) as tx:
        await observations.good(tx, observations.NODE, told | {"findings": findings})
    against = ", ".join(each.code for each in report.findings if each.stops)
    return f"Against paying through it: {against}." if against else "Payments may go out through it."


async def _assert_unchanged(deployment: Deployment) -> None:
    """A worker that was started as another deployment pays nothing, nor one whose books have lost what was paid.

    Raises TaskOfAnotherDeploymentError, LostError.
    """
    if await opened.has_changed(deployment):
        raise TaskOfAnotherDeploymentError("the deployment was changed since the worker was started")
    await lost.assert_none(deployment.pool, deployment.settings.journal_file)


def _day(text: str | None) -> date | None:
    return None if text is None else clock.day_from(text)


WORK: dict[Kind, Work] = {
    "audit": _audit,
    "day close": _close_days,
    "payouts bump": _bump,
    "payouts export": _export,
    "payouts node": _look_at_node,
    "payouts reconcile": _reconcile,
    "payouts run": _run_payouts,
    "rates fetch": _fetch_rates,
}
