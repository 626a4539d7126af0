"""Settling: income moves to its user once, a debt waits until they can bear it, and past balances stay."""

import asyncio
import datetime as dt
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.books import chart, fence, ledger
from hashrail.books.chart import Account
from hashrail.rewards import settling
from tests.support.books import booked
from tests.support.patience import within
from tests.support.rewards import (
    FIRST,
    IDLE,
    NET,
    ONE_DAY,
    ROUND,
    adjust,
    earned,
    give,
    held,
    owed,
)
from tests.support.world import World


async def test_settling_moves_income_once(world: World) -> None:
    """From the control account to the user's; again nothing moves until another day is closed."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    assert await world.settle(alice.id) == 0
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    assert await world.settle(alice.id) == 4 * NET
    assert await world.settle(alice.id) == 0
    assert [await held(world, alice.id), await owed(world, alice.id)] == [4 * NET, 0]
    assert await booked(world, Account.INCOME_CONTROL) == 0
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == 4 * NET
    assert await world.settle(alice.id) == 4 * NET
    assert await held(world, alice.id) == 8 * NET


async def test_settling_one_user_leaves_the_others(world: World) -> None:
    """What the one was paid is still owed to the other."""
    alice, bob = await world.user("alice"), await world.user("bob")
    for user in (alice, bob):
        await world.miner(user.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    assert await world.settle(alice.id) == 4 * NET
    assert [await owed(world, alice.id), await owed(world, bob.id)] == [0, 4 * NET]
    assert [await held(world, alice.id), await held(world, bob.id)] == [4 * NET, 0]
    assert await booked(world, Account.INCOME_CONTROL) == 4 * NET


async def test_fifty_settlements_at_once_pay_once(world: World) -> None:
    """The user's row is the lock."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    moved = await within(asyncio.gather(*(world.settle(alice.id) for _ in range(50))))
    assert sorted(moved) == [0] * 49 + [4 * NET]
    assert [await held(world, alice.id), await booked(world, Account.INCOME_CONTROL)] == [4 * NET, 0]
    assert await world.pool.fetchval("SELECT count(*) FROM transfer WHERE kind = 'settlement'") == 1


async def test_a_past_balance_is_what_was_credited_by_then(world: World) -> None:
    """A day counts from 00:05 of the next, settled or not; settling changes no past balance."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    first, second, third = [await world.mine(**ROUND) for _ in range(3)]
    moments = [
        clock.credited_at(first),
        clock.credited_at(second) - dt.timedelta(microseconds=1),
        clock.credited_at(second),
        clock.credited_at(third) - dt.timedelta(microseconds=1),
        clock.credited_at(third),
        clock.credited_at(third) + 5 * ONE_DAY,
    ]
    expected = [n * 4 * NET for n in (0, 0, 1, 1, 2, 2)]
    assert await past_balances(world, alice.id, moments) == expected
    await world.settle(alice.id)
    assert await past_balances(world, alice.id, moments) == expected
    fourth = await world.next_day(**ROUND)
    assert await past_balances(world, alice.id, [clock.credited_at(fourth)]) == [8 * NET]
    await world.close(fourth)
    after_that = [*moments[:5], clock.credited_at(fourth)]
    assert await past_balances(world, alice.id, after_that) == [*expected[:5], 12 * NET]
    assert await world.settle(alice.id) == 4 * NET
    assert await past_balances(world, alice.id, after_that) == [*expected[:5], 12 * NET]
    assert await past_balances(world, alice.id, [await now(world)]) == [12 * NET]


async def now(world: World) -> dt.datetime:
    """Business time."""
    async with db.transaction(world.pool) as tx:
        return await business_clock.now(tx)


async def past_balances(world: World, user_id: int, moments: list[dt.datetime]) -> list[Decimal]:
    """A user's BTC at each moment."""
    async with db.transaction(world.pool) as tx:
        return [await settling.balance_at(tx, world.partner.id, user_id, moment) for moment in moments]


async def test_before_any_day_is_closed_nobody_has_anything(world: World) -> None:
    """Neither owed nor in the past."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.next_day(**ROUND)
    day = await world.next_day(**ROUND)
    assert await owed(world, alice.id) == 0
    assert await past_balances(world, alice.id, [clock.credited_at(day)]) == [0]
    async with db.transaction(world.pool) as tx:
        assert await settling.unsettled(tx, world.partner.id, alice.id + 1) == 0


async def test_an_adjustment_is_credited_with_the_next_day_to_whoever_held(world: World) -> None:
    """The seller gets the correction of his day, on the day that is published next; the books follow."""
    alice, bob = await world.user("alice"), await world.user("bob")
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    day = await world.mine(**ROUND)
    await give(world, miner, alice.id, bob.id)
    await world.mine(**ROUND)
    number = await adjust(world, day, pool_btc_per_th="0.0000006", kwh_usd="0.06")
    more = Decimal("0.0000001") - Decimal("0.000000048")
    assert await owed(world, alice.id) == 8 * NET
    effective = await world.mine(**ROUND)
    assert await earned(world, alice.id, effective, after=effective - ONE_DAY) == 4 * more
    assert await earned(world, bob.id, effective) == 4 * NET
    legs = await world.pool.fetch(
        "SELECT leg, amount FROM transfer WHERE kind = 'adjustment' AND object_id = $1", number
    )
    assert {row["leg"]: row["amount"] for row in legs} == {1: 4 * more, 2: Decimal("0.000000192")}
    assert await owed(world, alice.id) + await owed(world, bob.id) == await booked(world, Account.INCOME_CONTROL)


async def test_a_debt_that_the_user_can_bear_is_taken(world: World) -> None:
    """To the last digit of what he has."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    day = await world.mine(**ROUND)
    assert await world.settle(alice.id) == 4 * NET
    await adjust(world, day, pool_btc_per_th="0")
    await world.mine(**IDLE)
    assert await owed(world, alice.id) == -4 * NET
    assert await world.settle(alice.id) == -4 * NET
    assert [await held(world, alice.id), await owed(world, alice.id)] == [0, 0]
    assert [await booked(world, Account.INCOME_CONTROL), await booked(world, Account.POOL_RECEIVABLE)] == [0, 0]


async def test_a_debt_waits_until_the_user_can_bear_it(world: World) -> None:
    """What is reserved cannot pay it. Nothing moves until he has earned enough, and then only the difference."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    days = [await world.mine(**ROUND) for _ in range(2)]
    assert await world.settle(alice.id) == 8 * NET
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        account = await ledger.user_account(tx, world.partner.id, alice.id, "BTC")
        spent = ledger.Transfer(chart.TransferKind.WITHDRAWAL, 1, 1, account, Account.POOL_RECEIVABLE, 5 * NET)
        assert await ledger.reserve(tx, books, spent)
    for day in days:
        await adjust(world, day, pool_btc_per_th="0")
    await world.mine(**IDLE)
    assert [await owed(world, alice.id), await world.settle(alice.id)] == [-8 * NET, 0]
    await world.mine(**ROUND)
    assert [await owed(world, alice.id), await world.settle(alice.id)] == [-4 * NET, 0]
    assert await world.pool.fetchval("SELECT settled_through FROM app_user") == days[1]
    last = await world.mine(**(ROUND | {"pool_btc_per_th": "0.00000055"}))
    assert await world.settle(alice.id) == 4 * Decimal("0.00000005")
    assert [await held(world, alice.id), await owed(world, alice.id)] == [8 * NET + Decimal("0.0000002"), 0]
    assert await world.pool.fetchval("SELECT settled_through FROM app_user") == last
    assert await booked(world, Account.INCOME_CONTROL) == 0


async def test_a_settlement_shares_the_fence_with_a_purchase(world: World) -> None:
    """Writers of one partner do not wait for each other's fence."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        assert books.closed_through == FIRST + ONE_DAY
        assert await within(world.settle(alice.id)) == 4 * NET
        assert await within(world.miner(bob.id, "1")) > 0
