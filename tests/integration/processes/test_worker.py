"""The queue and what the worker does: jobs run from the same database, days are kept, broken books raise an alarm."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import procrastinate
import pytest
from structlog.typing import EventDict

from hashrail import clock, db
from hashrail.audit import invariants
from hashrail.books import chart
from hashrail.clock import ONE_DAY
from hashrail.deployment import facts
from hashrail.exports import export
from hashrail.processes import worker
from hashrail.rewards import day_waits
from hashrail.settings import Settings
from tests.support.books import advance, fall_behind, receivable
from tests.support.deployments import become, deployed
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)


async def test_a_job_is_worked_off_once(queue: procrastinate.App, pool: db.Pool) -> None:
    """What was deferred is run, with its arguments, and stands in the queue's own schema."""
    seen: list[int] = []

    @queue.task(name="note")
    async def note(number: int) -> None:
        seen.append(number)

    async with queue.open_async():
        for number in range(3):
            await note.defer_async(number=number)
        waiting = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'todo'"
        assert await pool.fetchval(waiting) == 3
        for _ in range(2):
            await queue.run_worker_async(wait=False, install_signal_handlers=False)
        assert await pool.fetchval(waiting) == 0
    assert seen == [0, 1, 2]


async def test_a_job_of_a_transaction_is_there_when_it_commits(queue: procrastinate.App, pool: db.Pool) -> None:
    """Deferred by the queue's function on the caller's own connection; a rollback takes it back."""
    seen: list[str] = []

    @queue.task(name="note")
    async def note(word: str) -> None:
        seen.append(word)

    defer = """SELECT procrastinate.procrastinate_defer_jobs_v1(ARRAY[ROW('default', 'note', 0, NULL, NULL,
               jsonb_build_object('word', $1::text), NULL)::procrastinate.procrastinate_job_to_defer_v1])"""
    async with pool.acquire() as connection:
        undo = connection.transaction()
        await undo.start()
        await connection.execute(defer, "undone")
        await undo.rollback()
    async with db.transaction(pool) as tx:
        await tx.execute(defer, "done")
    async with queue.open_async():
        await queue.run_worker_async(wait=False, install_signal_handlers=False)
    assert seen == ["done"]


async def test_keeping_the_days_of_a_sandbox(world: World, queue: procrastinate.App, said: list[EventDict]) -> None:
    """Rates are generated, days closed, orders expired; again there is nothing to do."""
    await fall_behind(world)
    worker.tasks(queue, deployed(world.pool, Settings(mode="sandbox")))
    for _ in range(2):
        await queue.tasks["keep_days"](timestamp=7)
    assert [(each["event"], each["closed"], each["orders"]) for each in said] == [
        ("days kept", 3, 1),
        ("days kept", 0, 0),
    ]
    assert await receivable(world) == (Decimal("55.99"), 0)
    assert await world.pool.fetchval("SELECT closed_through FROM partner_day") == FIRST + 3 * ONE_DAY


async def test_keeping_the_days_of_a_production(world: World, queue: procrastinate.App, said: list[EventDict]) -> None:
    """Nothing is generated: the day whose rates are missing is named."""
    await fall_behind(world)
    worker.tasks(queue, deployed(world.pool, Settings(mode="production")))
    await queue.tasks["keep_days"](timestamp=7)
    assert [(each["log_level"], each["event"]) for each in said] == [
        ("warning", "rates missing"),
        ("info", "days kept"),
    ]
    assert (said[0]["day"], said[0]["tick"]) == ("2026-03-02", 7)
    assert await world.pool.fetchval("SELECT closed_through FROM partner_day") == FIRST


async def test_the_audit_of_the_worker_raises_an_alarm(
    world: World, queue: procrastinate.App, said: list[EventDict]
) -> None:
    """One error for each broken invariant, with rows; the accounts that moved are summed up before."""
    await fall_behind(world)
    worker.tasks(queue, deployed(world.pool, Settings()))
    await queue.tasks["audit"](timestamp=7)
    await world.pool.execute("UPDATE partner_capacity SET committed_th = committed_th + 1")
    await queue.tasks["audit"](timestamp=8)
    alarms = [each for each in said if each["log_level"] == "error"]
    assert {each["invariant"] for each in alarms} == {"capacity-is-counted"}
    assert alarms[-1]["rows"][0]["partner_id"] == world.partner.id
    summaries = [each for each in said if each["event"] == "audited"]
    known = len(invariants.names())
    assert [(each["tick"], each["invariants"], each["broken"]) for each in summaries] == [(7, known, 0), (8, known, 1)]
    moved = await world.pool.fetch("SELECT unnest(ARRAY[debit_account, credit_account]) AS id FROM transfer")
    summed = await world.pool.fetch("SELECT account_id AS id FROM account_checkpoint")
    assert {each["id"] for each in summed} == {each["id"] for each in moved} & {*chart.Account} != set()


def test_what_is_done_when(queue: procrastinate.App, pool: db.Pool) -> None:
    """Each periodic job waits at most once; four of them have no lock that a killed worker could leave behind."""
    worker.tasks(queue, deployed(pool, Settings()))
    planned = {each.task.name: each.cron for each in queue.periodic_registry.periodic_tasks.values()}
    free = ("forget_stalled", "make_exports", "take_liabilities", "do_tasks", "do_member_tasks")
    minutely = dict.fromkeys(("keep_days", "write_journal", "pay", *free), "* * * * *")
    assert planned == minutely | {"audit": "17 * * * *"}
    for name in planned:
        lock = None if name in free else name
        assert (queue.tasks[name].lock, queue.tasks[name].queueing_lock) == (lock, name)


async def test_an_export_is_made_by_the_job_of_its_own_commit(world: World, queue: procrastinate.App) -> None:
    """On a queue of its own, which the other jobs do not wait for; without the commit there is no job."""
    worker.tasks(queue, deployed(world.pool, Settings(mode="sandbox")))
    today = await world.today()
    facts = {"kind": "income", "file_format": "csv", "first": today, "last": today, "kept_bytes": 1}

    async def asked(tx: db.Tx) -> export.Export:
        return await export.ask(tx, world.partner.id, now=clock.wall_now(), **facts)

    async with db.transaction(world.pool) as tx, db.undone(tx):
        await asked(tx)
    async with db.transaction(world.pool) as tx:
        one = await asked(tx)
    async with queue.open_async():
        jobs = [(job.queue, job.task_name) for job in await queue.job_manager.list_jobs_async()]
        assert jobs == [("exports", "make_exports")]
        await queue.run_worker_async(queues=["default"], wait=False, install_signal_handlers=False)
        assert (await export.find(world.pool, world.partner.id, one.id)).state == "waiting"
        await queue.run_worker_async(queues=["exports"], wait=False, install_signal_handlers=False)
    assert (await export.find(world.pool, world.partner.id, one.id)).state == "done"


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({}, True), ({"market_fetch": False}, False), ({"mode": "sandbox"}, False), ({"bitcoin_rpc_url": None}, False)],
)
async def test_rates_are_fetched_in_production_with_a_node(
    world: World, dsn: str, said: list[EventDict], changes: dict[str, Any], asked: bool
) -> None:
    """Where the node cannot be reached the day waits, and the reason is logged and kept."""
    await world.mine()
    await advance(world, ONE_DAY)
    node = {"bitcoin_rpc_url": "http://127.0.0.1:9", "bitcoin_rpc_user": "x", "bitcoin_rpc_password": "x"}
    wanted = {"bitcoin_network": "regtest", **node} | changes
    become(dsn, **wanted)
    await worker.keep_rates(replace(deployed(world.pool, Settings(**wanted)), facts=await facts.read(world.pool)))
    told = [(each["event"], each["day"], each["code"]) for each in said]
    assert told == ([("rates not fetched", "2026-03-02", "BITCOIN_NODE_UNREACHABLE")] if asked else [])
    assert len(await day_waits.waiting(world.pool)) == asked
