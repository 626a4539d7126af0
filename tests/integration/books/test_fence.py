"""The fence: shared by writers, held by the close, and fair to it."""

import asyncio
import datetime as dt

import asyncpg
import pytest

from hashrail import business_clock, clock, db
from hashrail.books import fence
from tests.support.world import World

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_sharing_tells_business_time_and_the_last_closed_day(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        before = await fence.share(tx, world.partner.id)
    assert before.closed_through is None
    assert before.next_day == await world.today() + clock.ONE_DAY
    ended = await world.mine()
    async with db.transaction(world.pool) as tx:
        after = await fence.share(tx, world.partner.id)
        drift = abs(after.now - await business_clock.now(tx))
    assert after.closed_through == ended
    assert drift < dt.timedelta(seconds=5)


async def test_writers_share_the_fence_at_the_same_time(world: World) -> None:
    async with db.transaction(world.pool) as one, db.transaction(world.pool) as two:
        await fence.share(one, world.partner.id)
        assert (await fence.share(two, world.partner.id)).partner_id == world.partner.id


async def test_a_waiting_close_is_not_overtaken_by_new_writers(world: World) -> None:
    """A row lock would let the second writer in, and a busy partner's days would never close."""
    holding = asyncio.Event()

    async def close() -> None:
        async with db.transaction(world.pool) as tx:
            waiting.set()
            await fence.hold(tx, [world.partner.id])
            holding.set()

    waiting = asyncio.Event()
    async with db.transaction(world.pool) as first:
        await fence.share(first, world.partner.id)
        closing = asyncio.create_task(close())
        await waiting.wait()
        while not await world.pool.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ):
            await asyncio.sleep(0.01)
        async with world.pool.acquire() as late, late.transaction():
            await late.execute("SET LOCAL lock_timeout = '200ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await fence.share(late, world.partner.id)
        assert not holding.is_set()
    await closing
    assert holding.is_set()


async def test_a_held_fence_stops_only_its_own_partner(world: World) -> None:
    other = await world.another_partner("other")
    async with db.transaction(world.pool) as closing, db.transaction(world.pool) as writing:
        held = await fence.hold(closing, [world.partner.id])
        assert held == {world.partner.id: None}
        assert (await fence.share(writing, other.partner.id)).partner_id == other.partner.id


async def test_a_day_that_is_closed_already_cannot_be_the_next(world: World) -> None:
    now = clock.start_of(dt.date(2026, 3, 1))
    with pytest.raises(AssertionError, match="already closed"):
        _ = fence.OpenBooks(world.partner.id, now, dt.date(2026, 3, 2)).next_day
