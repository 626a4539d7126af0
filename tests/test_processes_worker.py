"""What the worker tells of a turn of payouts."""

import datetime as dt

import procrastinate
from structlog.typing import EventDict

from hashrail import jobs, worker
from hashrail.gateways.chains import open_for
from hashrail.settings import Settings
from tests.books import advance
from tests.payouts import ADDRESSES, asked, funded, policy
from tests.world import World


async def turn(queue: procrastinate.App, said: list[EventDict]) -> list[EventDict]:
    """What one turn of payouts tells an operator."""
    said.clear()
    await queue.tasks["pay"](timestamp=7)
    return [line for line in said if line["log_level"] != "debug"]


async def test_only_a_turn_that_did_something_is_told(world: World, dsn: str, said: list[EventDict]) -> None:
    """By numbers: batches, raised fees, postings, findings."""
    jobs.install(dsn)
    settings = Settings(mode="sandbox")
    queue = jobs.queue(dsn)
    worker.tasks(queue, world.pool, settings, open_for(world.pool, settings, signs=True))
    alice = await world.user("alice")
    await funded(world, alice.id)
    await policy(world, 0)
    assert await turn(queue, said) == []
    await asked(world, alice.id, "0.01", ADDRESSES[0], "fast")
    await advance(world, dt.timedelta(minutes=11))
    done = {"event": "payouts done", "log_level": "info", "raised": 0, "findings": 0}
    assert await turn(queue, said) == [done | {"batches": 1, "posted": 0}]
    await advance(world, dt.timedelta(hours=3))
    assert await turn(queue, said) == [done | {"batches": 0, "posted": 1}]
    assert await turn(queue, said) == []


async def test_without_a_chain_an_idle_turn_is_silent(world: World, dsn: str, said: list[EventDict]) -> None:
    jobs.install(dsn)
    queue = jobs.queue(dsn)
    worker.tasks(queue, world.pool, Settings(), None)
    assert await turn(queue, said) == []
