"""Closing: a day is closed once and in order; income and costs come out of the pool, to the last digit."""

import asyncio
from decimal import Decimal

import pytest

from hashrail import business_clock, db
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.db import Row
from hashrail.rewards import closing, rate_classes, rates, stints
from hashrail.selling import miners
from tests.support.books import booked
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.rewards import (
    FIRST,
    IDLE,
    NET,
    ONE_DAY,
    ROUND,
    advance,
    earned,
    give,
    improve,
    owed,
    publish,
    stint_rows,
)
from tests.support.world import World, inputs


async def test_closing_posts_income_and_costs_out_of_the_pool(world: World) -> None:
    """Three legs: what the users earn, electricity, service; together the pool's reward of all power."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.miner(alice.id, "4")
    await world.miner(bob.id, "0.5", "15")
    await world.mine(**ROUND)
    day = await world.mine(**ROUND)
    legs = await world.pool.fetch(
        "SELECT kind, object_id, leg, debit_account, credit_account, amount FROM transfer ORDER BY leg"
    )
    pool = Account.POOL_RECEIVABLE.value
    assert [tuple(row.values()) for row in legs] == [
        ("day", day.toordinal(), 1, pool, Account.INCOME_CONTROL.value, 4 * NET + Decimal("0.00000011")),
        ("day", day.toordinal(), 2, pool, Account.ELECTRICITY_REVENUE.value, Decimal("0.00000105")),
        ("day", day.toordinal(), 3, pool, Account.SERVICE_REVENUE.value, Decimal("0.00000045")),
    ]
    assert await booked(world, Account.POOL_RECEIVABLE) == -Decimal("4.5") * Decimal("0.0000005")
    assert await owed(world, alice.id) + await owed(world, bob.id) == await booked(world, Account.INCOME_CONTROL)


async def test_a_clamped_day_moves_nothing(world: World) -> None:
    """The miner is idle: no record has a figure, no transfer is written, the day is closed all the same."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    day = await world.mine(**IDLE)
    row = await world.pool.fetchrow("SELECT pool, c1, c2, net FROM class_day WHERE day = $1", day)
    assert row is not None
    assert tuple(row.values()) == (0, 0, 0, 0)
    assert await world.pool.fetchval("SELECT count(*) FROM transfer") == 0
    assert await world.settle(alice.id) == 0
    assert await world.pool.fetchval("SELECT settled_through FROM app_user") == day
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET


async def test_days_close_in_order_and_once(world: World) -> None:
    """Again is a no-op, and so is a day whose turn has not come."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    days = [await world.next_day(**ROUND) for _ in range(3)]
    assert await owed(world, alice.id) == 0
    assert not await world.close(days[1])
    assert await world.close(days[0])
    assert not await world.close(days[0])
    assert not await world.close(days[2])
    assert await world.close(days[1])
    assert await owed(world, alice.id) == await booked(world, Account.INCOME_CONTROL) == 4 * NET
    assert not await world.close(days[0])
    assert await owed(world, alice.id) == await booked(world, Account.INCOME_CONTROL) == 4 * NET
    assert await world.close(days[2])
    assert await booked(world, Account.INCOME_CONTROL) == 8 * NET
    with pytest.raises(AssertionError, match="only a published day"):
        await world.close(days[2] + ONE_DAY)


async def test_partners_close_apart(world: World) -> None:
    """Whoever is up to date is closed; ahead and behind are left alone; each has books of its own."""
    other = await world.another_partner("other")
    alice, bob = await world.user(), await other.user()
    await world.miner(alice.id, "4")
    await other.miner(bob.id, "2")
    first, second = [await world.next_day(**ROUND) for _ in range(2)]
    assert await other.close(first)
    async with db.transaction(world.pool) as tx:
        at = await business_clock.now(tx)
        both = [world.partner.id, other.partner.id]
        assert await closing.close_day(tx, both, second, at=at) == 1
        assert await closing.close_day(tx, both, first, at=at) == 1
    assert [await owed(world, alice.id), await owed(other, bob.id)] == [0, 2 * NET]
    async with db.transaction(world.pool) as tx:
        assert await closing.close_day(tx, both, second, at=at) == 1
    assert [await booked(world, Account.INCOME_CONTROL), await booked(other, Account.INCOME_CONTROL)] == [
        4 * NET,
        2 * NET,
    ]
    assert await earned(other, alice.id, second) == await earned(world, bob.id, second) == 0
    third = await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        assert await closing.close_day(tx, both, third, at=at) == 2
    assert [await owed(world, alice.id), await owed(other, bob.id)] == [8 * NET, 4 * NET]


async def test_class_power_follows_what_is_held(world: World) -> None:
    """A class that nobody holds any more has no row."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    await improve(world, alice.id, miner, energy_efficiency="15", power="3")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    rows = await world.pool.fetch(
        "SELECT c.energy_efficiency, p.power FROM class_power p JOIN rate_class c ON c.id = p.class_id"
    )
    assert [tuple(row.values()) for row in rows] == [(15, 3)]


async def test_bought_before_the_first_published_day_earns_from_it(world: World) -> None:
    """Days before it earn nobody anything; what was held and sold before it is forgotten."""
    alice, bob = await world.user("alice"), await world.user("bob")
    miner = await world.miner(alice.id, "4")
    await advance(world)
    await advance(world)
    await give(world, miner, alice.id, bob.id)
    for _ in range(3):
        await advance(world)
    first_published = FIRST + 4 * ONE_DAY
    await publish(world, first_published)
    assert await world.close(first_published)
    assert [await owed(world, alice.id), await owed(world, bob.id)] == [0, 4 * NET]
    assert await booked(world, Account.INCOME_CONTROL) == 4 * NET
    assert await earned(world, bob.id, first_published - ONE_DAY) == 0


async def test_a_partner_that_comes_late_begins_at_the_published_day(world: World) -> None:
    """It has nothing to close before it, and its users earn from their first day."""
    await world.mine(**ROUND)
    published = await world.mine(**ROUND)
    other = await world.another_partner("other")
    bob = await other.user()
    await other.miner(bob.id, "2")
    assert not await other.close(published)
    assert await other.settle(bob.id) == 0
    for _ in range(2):
        day = await world.next_day(**ROUND)
        assert await other.close(day)
    assert await owed(other, bob.id) == await booked(other, Account.INCOME_CONTROL) == 2 * NET


async def test_a_purchase_that_waits_for_a_close_counts_after_it(world: World) -> None:
    """It reads the clock when it gets the fence, not when it asked for it."""
    alice = await world.user()
    async with db.transaction(world.pool) as tx:
        await fence.hold(tx, [world.partner.id])
        purchase = asyncio.create_task(world.miner(alice.id, "4"))
        await until_blocked(world.pool, purchase)
        now = await business_clock.advance_by(tx, 2 * ONE_DAY)
        await rates.enter(tx, inputs(FIRST + ONE_DAY, **ROUND), at=now)
        await rate_classes.publish(tx, FIRST + ONE_DAY, now=now)
        assert await closing.close_day(tx, [world.partner.id], FIRST + ONE_DAY, at=now) == 1
    miner = await within(purchase)
    assert await stint_rows(world, miner) == [(alice.id, "4", FIRST + 3 * ONE_DAY, None)]
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Account.INCOME_CONTROL) == 0
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Account.INCOME_CONTROL) == 4 * NET


async def test_a_close_waits_for_a_purchase_that_is_being_written(world: World) -> None:
    """What the purchase adds to the day is in the day's total."""
    alice = await world.user()
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        miner = await miners.create(
            tx,
            world.partner.id,
            user_id=alice.id,
            name="miner",
            power=Decimal(4),
            energy_efficiency=Decimal(20),
            at=books.now,
        )
        await advance(world)
        await advance(world)
        await publish(world, FIRST + ONE_DAY)
        closes = asyncio.create_task(world.close(FIRST + ONE_DAY))
        await until_blocked(world.pool, closes)
        assert await stints.sync_stints(tx, books, [alice.id], miner_ids=[miner]) == 1
    assert await within(closes)
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Account.INCOME_CONTROL)


async def test_power_without_rates_stops_the_close(world: World) -> None:
    """A class with power and without a row for the day would make income vanish; the day stays open."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    day = await world.next_day(**ROUND)
    await world.pool.execute("DELETE FROM class_day WHERE day = $1", day)
    with pytest.raises(AssertionError, match="classes without rates"):
        await world.close(day)
    state: Row | None = await world.pool.fetchrow("SELECT closed_through FROM partner_day")
    assert state is not None
    assert state["closed_through"] == day - ONE_DAY
