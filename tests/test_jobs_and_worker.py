"""The queue and the worker: jobs run from the same database, and a process that keeps the days and stops when told."""

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import procrastinate
import pytest
from structlog.typing import EventDict

from hashrail import checks, clock, db, jobs, ledger, worker
from hashrail.clock import ONE_DAY
from hashrail.settings import Settings
from tests.books import HOUR, advance, buy, offer, order, receivable
from tests.world import World

FIRST = dt.date(2026, 3, 1)


@pytest.fixture
def queue(dsn: str) -> procrastinate.App:
    """A queue that is installed, without tasks."""
    jobs.install(dsn)
    return jobs.queue(dsn)


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


async def prepared(world: World) -> None:
    """A day is published, three more are over, and an order is past its time."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await order(world, alice.id, "o-1", await offer(world), ttl=HOUR)
    await world.mine()
    await advance(world, 3 * ONE_DAY)


async def test_keeping_the_days_of_a_sandbox(world: World, queue: procrastinate.App, said: list[EventDict]) -> None:
    """Rates are generated, days closed, orders expired; again there is nothing to do."""
    await prepared(world)
    worker.tasks(queue, world.pool, Settings(mode="sandbox"), None)
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
    await prepared(world)
    worker.tasks(queue, world.pool, Settings(mode="production"), None)
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
    """One error for each broken invariant, with rows; the accounts are summed up before."""
    await prepared(world)
    worker.tasks(queue, world.pool, Settings(), None)
    await queue.tasks["audit"](timestamp=7)
    await world.pool.execute("UPDATE partner_capacity SET committed_th = committed_th + 1")
    await queue.tasks["audit"](timestamp=8)
    alarms = [each for each in said if each["log_level"] == "error"]
    assert {each["invariant"] for each in alarms} == {"capacity-is-counted"}
    assert alarms[-1]["rows"][0]["partner_id"] == world.partner.id
    summaries = [each for each in said if each["event"] == "audited"]
    known = len(checks.names())
    assert [(each["tick"], each["invariants"], each["broken"]) for each in summaries] == [(7, known, 0), (8, known, 1)]
    assert await world.pool.fetchval("SELECT count(*) FROM account_checkpoint") == len(ledger.Chart)


def test_what_is_done_when(queue: procrastinate.App, pool: db.Pool) -> None:
    """Three periodic jobs, each waiting at most once; the one that ends stalled jobs has no lock to leave behind."""
    worker.tasks(queue, pool, Settings(), None)
    planned = {each.task.name: each.cron for each in queue.periodic_registry.periodic_tasks.values()}
    minutely = dict.fromkeys(("keep_days", "pay", "forget_stalled"), "* * * * *")
    assert planned == minutely | {"audit": "17 * * * *"}
    for name in planned:
        lock = None if name == "forget_stalled" else name
        assert (queue.tasks[name].lock, queue.tasks[name].queueing_lock) == (lock, name)


async def test_worker_processes_keep_the_days_and_stop(world: World, dsn: str, tmp_path: Path) -> None:
    """Two at once do everything once; SIGTERM and SIGINT end them in order."""
    await asyncio.to_thread(jobs.install, dsn)
    await prepared(world)
    environment = os.environ | {"DATABASE_URL": dsn, "HASHRAIL_MODE": "sandbox", "HASHRAIL_DATA": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "hashrail.cli", "worker"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        deadline = clock.monotonic() + 60
        done = """SELECT closed_through = $1 AND NOT EXISTS (SELECT 1 FROM purchase WHERE state = 'created')
                  FROM partner_day"""
        while not await world.pool.fetchval(done, FIRST + 3 * ONE_DAY):
            assert clock.monotonic() < deadline
            assert all(each.poll() is None for each in running)
            await asyncio.sleep(0.1)
        started = "SELECT count(*) FROM procrastinate.procrastinate_workers"
        while await world.pool.fetchval(started) < 2:
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.1)
        for process, number in zip(running, (signal.SIGTERM, signal.SIGINT), strict=True):
            process.send_signal(number)
        said = [(await asyncio.to_thread(process.communicate, timeout=30))[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0, 0], said
    assert all("worker started" in each and "worker stopped" in each for each in said)
    assert "".join(said).count("days kept") >= 1
    assert "Traceback" not in "".join(said)
