"""Whoever's clock is apart from the database's serves nothing and works nothing, and goes on once it is right again."""

import asyncio
import datetime as dt

import procrastinate
import pytest

from hashrail import clock, db
from hashrail.api.serving import state
from hashrail.business_clock import ClockDiffersError
from hashrail.processes import right_time, worker
from hashrail.processes.right_time import RightTime
from hashrail.settings import Settings
from tests.support.api_client import check_refused, open_api
from tests.support.deployments import deployed
from tests.support.patience import until
from tests.support.world import World

REAL = clock.wall_now


def set_ahead(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """This machine's clock, from now on."""
    monkeypatch.setattr(clock, "wall_now", lambda: REAL() + dt.timedelta(minutes=minutes))


async def test_an_api_answers_nothing_by_a_wrong_clock(world: World, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what it would read: a clock that is behind would let in tokens that have ended. It begins like that."""
    monkeypatch.setattr(state, "PROBE_SECONDS", 0.05)
    await world.user()
    set_ahead(monkeypatch, -2)
    async with open_api(world, dsn) as api:

        async def status() -> int:
            return (await api.server.call("s2s_miners", partnerUserId="alice")).status_code

        check_refused(await api.server.call("s2s_miners", partnerUserId="alice"), 503, "CLOCK_DIFFERS")
        check_refused(await api.http.get("/readyz"), 503, "CLOCK_DIFFERS")
        set_ahead(monkeypatch, 0)

        async def answers() -> bool:
            return await status() == 200

        await until(answers)
        set_ahead(monkeypatch, 2)

        async def refuses() -> bool:
            return await status() == 503

        await until(refuses)


async def test_a_worker_stands_still_by_a_wrong_clock(pool: db.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does is called off; it is begun anew when the clock is right. What fails is told to whoever waits."""
    monkeypatch.setattr(right_time, "LOOK_SECONDS", 0.01)
    time, began, ended, fails = RightTime(pool), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await fails.wait()
            raise RuntimeError("a bug")
        finally:
            ended.set()

    set_ahead(monkeypatch, 2)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(time.watch())
        keeping = asyncio.create_task(time.keep(work))
        for _ in range(3):
            await time.look()
        assert not began.is_set()
        for _ in range(2):
            began.clear()
            ended.clear()
            set_ahead(monkeypatch, 0)
            await began.wait()
            assert not ended.is_set()
            set_ahead(monkeypatch, 2)
            await ended.wait()
            began.clear()
            await time.look()
            assert not began.is_set()
        set_ahead(monkeypatch, 0)
        fails.set()
        with pytest.raises(RuntimeError, match="a bug"):
            await keeping
        watching.cancel()


async def test_a_job_that_has_begun_to_run_is_refused(
    world: World, queue: procrastinate.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock may have jumped since it was last looked at; nothing is done by it, whatever the job reads itself."""
    worker.tasks(queue, deployed(world.pool, Settings()))
    set_ahead(monkeypatch, 60 * 24 * 365)
    with pytest.raises(ClockDiffersError):
        await queue.tasks["write_journal"](timestamp=1)
    noted = await world.pool.fetchval("SELECT code FROM observation WHERE name = 'job write_journal'")
    assert noted == "CLOCK_DIFFERS"
