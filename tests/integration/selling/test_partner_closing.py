"""A closed partner: what it sold earns this day for the last time, and what its users hold stays owed to them."""

import asyncio
import datetime as dt

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.books.fence import PartnerClosedError
from hashrail.parties import standings
from hashrail.parties.operators import ReasonMissingError
from hashrail.selling import capacity, orders, partner_closing
from hashrail.support import balances
from tests.support.books import broken, buy, offer, order
from tests.support.standings import closed, suspended
from tests.support.world import World

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"


async def owed(world: World) -> list[balances.Owed]:
    async with db.snapshot(world.pool) as tx:
        return await balances.of_partner(tx, world.partner.id)


async def mined(world: World, other: World) -> None:
    """A day, closed in the books of both."""
    assert await other.close(await world.mine())


async def test_what_ends_and_what_stays(world: World) -> None:
    """Miners of several users; one of them begins only tomorrow. Another partner's go on."""
    alice, bob = (await world.user("alice")).id, (await world.user("bob")).id
    other = await world.another_partner("other")
    theirs = (await other.user()).id
    for user_id in (alice, bob):
        await buy(world, user_id, "16", f"o-{user_id}")
    await buy(other, theirs, "2", "o-1")
    await mined(world, other)
    await buy(world, alice, "1", "late")
    await order(world, bob, "open", await offer(world))
    await suspended(world)
    made = await closed(world)
    assert (made.miners, made.power_th, made.orders) == (3, 33, 1)
    assert await closed(world) == partner_closing.Closed(0, made.power_th * 0, 0, 0, 0)
    assert await broken(world.pool) == {}
    async with db.transaction(world.pool) as tx:
        assert await capacity.committed_th(tx) == 2
        assert (await orders.get(tx, world.partner.id, "open")).state == "cancelled"
    await mined(world, other)
    last = (await owed(world))[0]
    assert last.owed > 0
    await mined(world, other)
    assert (await owed(world))[0] == last
    assert await other.settle(theirs) > 0
    settled = await world.settle(alice) + await world.settle(bob)
    (btc, gomining) = await owed(world)
    assert (btc.owed, btc.settled, btc.unsettled, gomining.owed) == (last.owed, settled, 0, 0)
    assert await broken(world.pool) == {}


async def test_closing_is_final(world: World) -> None:
    await closed(world)
    for verb in (standings.suspend, standings.reopen):
        with pytest.raises(PartnerClosedError):
            async with db.transaction(world.pool) as tx:
                await verb(tx, world.partner.id, reason="a drill")
    with pytest.raises(ReasonMissingError):
        async with db.transaction(world.pool) as tx:
            await partner_closing.close(tx, world.partner.id, reason=" ")
    with pytest.raises(PartnerClosedError):
        await world.user("late")


async def test_a_closing_waits_for_the_notice_under_way(world: World) -> None:
    """The miner that it makes ends with the others; a notice behind the closing finds its order cancelled."""
    alice = (await world.user("alice")).id
    for name in ("one", "two"):
        await order(world, alice, name, await offer(world))
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        closing = asyncio.create_task(closed(world))
        while not await world.pool.fetchval(WAITING):
            await asyncio.sleep(0.01)
        await orders.notify_paid(tx, books, external_id="one", user_id=alice, late_notice=dt.timedelta(days=1))
        assert not closing.done()
    made = await closing
    assert (made.miners, made.orders) == (1, 1)
    assert await broken(world.pool) == {}
