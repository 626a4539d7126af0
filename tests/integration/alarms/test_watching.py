"""What a worker does beside its jobs: it lives, evaluates and tells, and calls whoever would miss it."""

import asyncio
from dataclasses import replace

import pytest
from procrastinate.tasks import Task
from pydantic import SecretStr

from hashrail import db
from hashrail.alarms import dead_man, observations, states, workers
from hashrail.alarms.rules import ESSENTIAL
from hashrail.custody import payout_policy
from hashrail.deployment.opened import Deployment
from hashrail.processes import watching
from tests.support import patience
from tests.support.receivers import Receiver
from tests.support.watched import Watched
from tests.support.world import World

pytestmark = pytest.mark.slow


def missed_by(deployment: Deployment, somebody: Receiver) -> Deployment:
    """The same, with somebody who misses its heartbeat."""
    url = SecretStr(f"http://127.0.0.1:{somebody.port}/beat")
    return replace(deployment, settings=deployment.settings.model_copy(update={"heartbeat_url": url}))


async def test_the_heartbeat_is_of_a_worker_that_works(
    watched: Watched, jobs: dict[str, Task], ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before every essential job has ended well, not once one fails, nor once one is late."""
    deployment = missed_by(watched.deployment, ops)
    assert not await dead_man.call(deployment)
    for name in ("keep_days", "write_journal", "pay"):
        assert not await dead_man.call(deployment)
        await jobs[name](timestamp=1)
    assert (await dead_man.call(deployment), ops.calls) == (True, 1)
    with monkeypatch.context() as patch:
        patch.setattr("hashrail.payouts.processor.run", None)
        with pytest.raises(TypeError):
            await jobs["pay"](timestamp=2)
    assert (await dead_man.call(deployment), ops.calls) == (False, 1)
    await jobs["pay"](timestamp=3)
    ops.status = 500
    assert (await dead_man.call(deployment), ops.calls) == (False, 2)
    ops.status = 200
    await watched.wait(minutes=11)
    assert (await dead_man.call(deployment), ops.calls) == (False, 2)
    assert not await dead_man.call(watched.deployment)  # nobody is named


async def test_nobody_there_to_miss_it(watched: Watched, ops: Receiver) -> None:
    """The worker goes on."""
    deployment = missed_by(watched.deployment, ops)
    for job in ESSENTIAL:
        async with db.transaction(deployment.pool) as tx:
            await observations.good(tx, observations.JOB + job)
    ops.port = 9
    assert not await dead_man.call(missed_by(watched.deployment, ops))


async def test_a_worker_watches_until_it_stops(
    world: World, watched: Watched, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rings is told within moments; a step that fails is tried again, and holds up no other."""
    monkeypatch.setattr(watching, "EVERY_SECONDS", 0)
    monkeypatch.setattr(watching, "TELLING_SECONDS", 0)
    tries = 0

    async def broken(_deployment: Deployment) -> bool:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    monkeypatch.setattr(dead_man, "call", broken)
    async with db.transaction(world.pool) as tx:
        await payout_policy.pause(tx, None, "a key may have leaked")
    watching_task = asyncio.create_task(watching.watch(watched.deployment))
    async with asyncio.timeout(patience.SECONDS):
        while "warning: PAYOUTS_PAUSED begins" not in ops.titles or tries < 2:
            await asyncio.sleep(0.01)
    watching_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching_task
    async with db.transaction(world.pool) as tx:
        (known,) = await workers.known(tx)
    assert known.name == workers.own_name()
    assert ops.titles.count("warning: PAYOUTS_PAUSED begins") == 1


async def test_a_worker_lives_before_it_evaluates(
    world: World, watched: Watched, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker after a break, and its beat takes its time: nobody is told that no worker is heard."""
    monkeypatch.setattr(watching, "TELLING_SECONDS", 0)
    happened, real_beat, real_evaluate = [], watching.beat, states.evaluate

    async def beat(deployment: Deployment) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await real_beat(deployment)
        happened.append("beat")

    async def evaluate(deployment: Deployment) -> int:
        happened.append("evaluation")
        return await real_evaluate(deployment)

    monkeypatch.setattr(watching, "beat", beat)
    monkeypatch.setattr(states, "evaluate", evaluate)
    async with db.transaction(world.pool) as tx:
        await payout_policy.pause(tx, None, "a key may have leaked")
    await until_told(watched, ops, "warning: PAYOUTS_PAUSED begins")
    assert happened == ["beat", "evaluation"]
    assert [title for title in ops.titles if "WORKER_SILENT" in title] == []


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_first_beat_that_fails_or_hangs_stops_no_alarm(
    watched: Watched, ops: Receiver, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    """What is to be told is told, and that no worker was heard is then true."""
    monkeypatch.setattr(watching, "TELLING_SECONDS", 0)
    monkeypatch.setattr(watching, "FIRST_BEAT_SECONDS", 0 if hangs else 3600)

    async def beat(_deployment: Deployment) -> None:
        if hangs:
            await asyncio.Event().wait()
        raise ZeroDivisionError

    monkeypatch.setattr(watching, "beat", beat)
    await until_told(watched, ops, "critical: WORKER_SILENT begins")
    async with db.transaction(watched.deployment.pool) as tx:
        assert await workers.known(tx) == []


async def until_told(watched: Watched, ops: Receiver, title: str) -> None:
    """Watch until somebody was told of it."""
    watching_task = asyncio.create_task(watching.watch(watched.deployment))
    async with asyncio.timeout(patience.SECONDS):
        while title not in ops.titles:
            await asyncio.sleep(0.01)
    watching_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching_task
