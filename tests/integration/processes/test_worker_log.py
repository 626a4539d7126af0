"""What the worker tells of a run of payouts."""

import datetime as dt

import procrastinate
from structlog.typing import EventDict

from hashrail.bitcoin.opening import open_for
from hashrail.postgres import job_queue
from hashrail.processes import worker
from hashrail.settings import Settings
from tests.support.books import advance
from tests.support.deployments import become, deployed
from tests.support.payouts import ADDRESSES, asked, funded, policy
from tests.support.world import World


async def run(queue: procrastinate.App, said: list[EventDict]) -> list[EventDict]:
    """What one run of payouts tells an operator."""
    said.clear()
    await queue.tasks["pay"](timestamp=7)
    return [line for line in said if line["log_level"] != "debug"]


async def test_only_a_run_that_did_something_is_told(world: World, dsn: str, said: list[EventDict]) -> None:
    """By numbers: batches, raised fees, postings, findings."""
    job_queue.install(dsn)
    become(dsn, mode="sandbox")
    settings = Settings(mode="sandbox")
    queue = job_queue.queue(dsn)
    worker.tasks(queue, deployed(world.pool, settings, open_for(world.pool, settings, "simulated", signs=True)))
    alice = await world.user("alice")
    await funded(world, alice.id)
    await policy(world, 0)
    assert await run(queue, said) == []
    await asked(world, alice.id, "0.01", ADDRESSES[0], "fast")
    await advance(world, dt.timedelta(minutes=11))
    done = {"event": "payouts done", "log_level": "info", "raised": 0, "findings": 0}
    assert await run(queue, said) == [done | {"batches": 1, "posted": 0}]
    await advance(world, dt.timedelta(hours=3))
    assert await run(queue, said) == [done | {"batches": 0, "posted": 1}]
    assert await run(queue, said) == []


async def test_without_a_chain_an_idle_run_is_silent(world: World, dsn: str, said: list[EventDict]) -> None:
    job_queue.install(dsn)
    queue = job_queue.queue(dsn)
    become(dsn, "none")
    worker.tasks(queue, deployed(world.pool, Settings()))
    assert await run(queue, said) == []


async def test_nothing_is_paid_by_a_process_of_what_the_deployment_was(
    world: World, dsn: str, said: list[EventDict]
) -> None:
    """It says that it wants to be started again, and leaves everything to who is."""
    job_queue.install(dsn)
    become(dsn, mode="sandbox")
    settings = Settings(mode="sandbox")
    queue = job_queue.queue(dsn)
    worker.tasks(queue, deployed(world.pool, settings, open_for(world.pool, settings, "simulated", signs=True)))
    alice = await world.user("alice")
    await funded(world, alice.id)
    await policy(world, 0)
    await asked(world, alice.id, "0.01", ADDRESSES[0], "fast")
    await advance(world, dt.timedelta(minutes=11))
    become(dsn, "none", mode="sandbox")
    (line,) = await run(queue, said)
    assert (line["log_level"], "start it again" in line["event"]) == ("error", True)
    assert await world.pool.fetchval("SELECT count(*) FROM payout_batch") == 0
