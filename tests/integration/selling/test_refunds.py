"""Refunds: the miner goes with the day, the debt is corrected once, and income stays, or goes as far as it is there."""

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.clock import ONE_DAY
from hashrail.money import BTC_DECIMALS, floor_to
from hashrail.parties.operators import ReasonMissingError
from hashrail.rewards import income_records, settling
from hashrail.selling import capacity, miners, orders, refunds
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.orders import OrderNotFoundError, OrderRefundedError
from hashrail.selling.refunds import OrderNotIssuedError, Refund, Taking
from tests.support.books import (
    advance,
    booked,
    broken,
    buy,
    hand_over,
    newcomer,
    notify,
    offer,
    order,
    picture,
    receivable,
    upgrade,
)
from tests.support.locks import until_blocked
from tests.support.payouts import asked
from tests.support.world import World


@pytest.fixture
async def world(world: World) -> World:
    """A deployment of the test's own, since days are everybody's."""
    return world


async def refund(world: World, external_id: str = "bought", reason: str = "charged back") -> Refund:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await refunds.refund(tx, books, await refunds.lock(tx, books, external_id), reason=reason)


async def takes(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        await refunds.set_takes_income(tx, world.partner.id, takes=True)


async def spendable(world: World, user_id: int) -> Decimal:
    """What the user has, settled or not."""
    async with db.transaction(world.pool) as tx:
        balances = await ledger.balances_of_user(tx, world.partner.id, user_id)
        return balances[0].spendable + await settling.unsettled(tx, world.partner.id, user_id)


async def spend(world: World, user_id: int, amount_btc: Decimal) -> None:
    """Let a withdrawal reserve it."""
    async with db.transaction(world.pool) as tx:
        account = await ledger.user_account(tx, world.partner.id, user_id, "BTC")
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await settling.settle(tx, books, user_id)
        legs = (account, Account.PAYOUTS_IN_FLIGHT, amount_btc)
        await ledger.reserve(tx, books, ledger.Transfer(TransferKind.WITHDRAWAL, 999, 1, *legs))


async def totals(world: World, user_id: int) -> dict[int, Decimal]:
    """What each miner has earned in the user's hands."""
    async with db.transaction(world.pool) as tx:
        return dict(await income_records.totals_by_miner(tx, world.partner.id, user_id))


async def earned(world: World, user_id: int) -> Decimal:
    async with db.transaction(world.pool) as tx:
        return await settling.credited(tx, world.partner.id, user_id)


async def test_the_miner_leaves_with_the_day(world: World) -> None:
    """It earns its last day, is in no list, and its days stay; the debt is what it was before, and the TH are free."""
    alice = await world.user()
    kept = await buy(world, alice.id, "8", "kept")
    bought = await buy(world, alice.id, "4")
    await world.mine()
    await world.mine()
    made = await refund(world)
    assert (made.miner_id, made.value_usd, made.takings) == (bought.miner_id, Decimal("55.99"), [])
    assert (await receivable(world))[0] == Decimal("109.99")
    await world.mine()
    both = await totals(world, alice.id)
    await world.mine()
    after = await totals(world, alice.id)
    async with db.transaction(world.pool) as tx:
        assert [one.id for one in await miners.of_user(tx, world.partner.id, alice.id, limit=10)] == [kept.miner_id]
        assert (await miners.sum_of_user(tx, world.partner.id, alice.id)).power == 8
        assert await capacity.committed_th(tx) == 8
        for verb in (miners.get, miners.lock):
            with pytest.raises(MinerNotFoundError):
                await verb(tx, world.partner.id, made.miner_id)
    assert both.keys() == after.keys() == {kept.miner_id, made.miner_id}
    assert after[made.miner_id] == both[made.miner_id] > 0
    assert after[kept.miner_id or 0] > both[kept.miner_id or 0]
    assert await booked(world, Account.MINER_SALES) == Decimal("109.99")


async def test_it_is_refunded_once(world: World) -> None:
    """Twenty at once are one; it is told so afterwards, to whoever notifies again too."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    answers = await asyncio.gather(*[refund(world) for _ in range(20)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["OrderRefundedError"] * 19 + ["Refund"]
    assert await receivable(world) == (0, 0)
    for again in (refund(world), notify(world, alice.id, "bought")):
        with pytest.raises(OrderRefundedError) as caught:
            await again
        assert (caught.value.status, caught.value.code) == (409, "ORDER_REFUNDED")
        assert caught.value.details["field"] == "externalId"
    async with db.transaction(world.pool) as tx:
        with pytest.raises(orders.OrderIssuedError):
            await orders.cancel(tx, await fence.share(tx, world.partner.id), external_id="bought")
    assert (await buy(world, alice.id, "4", "another")).state == "issued"
    assert await broken(world.pool) == {}


async def test_bought_and_refunded_on_one_day(world: World) -> None:
    """It was never there: no stint is left, and nothing is earned."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await refund(world)
    assert await world.pool.fetchval("SELECT count(*) FROM stint") == 0
    await world.mine()
    await world.mine()
    assert await earned(world, alice.id) == 0
    assert await broken(world.pool) == {}


async def test_upgrades_go_with_the_miner(world: World) -> None:
    """The day's collapse too; the partner owes for neither."""
    alice = await world.user()
    bought = await buy(world, alice.id, "4")
    await world.mine()
    await upgrade(world, bought.miner_id, "power", "4", "5")
    await upgrade(world, bought.miner_id, "efficiency", "15", "14")
    owed = (await receivable(world))[0]
    assert (await refund(world)).value_usd == owed
    assert await receivable(world) == (0, 0)
    assert await world.pool.fetchval("SELECT level_discount FROM app_user") == 0
    with pytest.raises(MinerNotFoundError):
        await upgrade(world, bought.miner_id, "power", "5", "6")
    await world.mine()
    assert await broken(world.pool) == {}


async def test_income_stays_unless_the_partner_takes_it(world: World) -> None:
    alice = await world.user()
    await buy(world, alice.id, "4")
    await world.mine()
    await world.mine()
    before = await spendable(world, alice.id)
    await refund(world)
    assert await spendable(world, alice.id) == before > 0


async def test_what_is_taken_is_what_the_miner_earned(world: World) -> None:
    """Not what others earned, nor days that are to be closed yet."""
    await takes(world)
    alice = await world.user()
    await buy(world, alice.id, "8", "kept")
    bought = await buy(world, alice.id, "4")
    await world.mine()
    await world.mine()
    by_miner = (await totals(world, alice.id))[bought.miner_id or 0]
    before = await spendable(world, alice.id)
    made = await refund(world)
    assert made.takings == [Taking("alice", by_miner, by_miner)]
    assert await spendable(world, alice.id) == before - by_miner
    assert await booked(world, Account.INCOME_TAKEN_BACK) == by_miner
    await world.mine()
    assert (await totals(world, alice.id))[bought.miner_id or 0] == 2 * by_miner
    assert await broken(world.pool) == {}


async def test_what_is_not_there_is_named(world: World) -> None:
    """What a withdrawal holds is not taken, nor is anybody overdrawn."""
    await takes(world)
    alice = await world.user()
    await buy(world, alice.id, "4")
    await world.mine()
    await world.mine()
    has = await spendable(world, alice.id)
    left = Decimal("0.000000000000000001")
    await spend(world, alice.id, has - left)
    made = await refund(world)
    assert made.takings == [Taking("alice", has, left)]
    assert await spendable(world, alice.id) == 0


async def test_each_who_had_it_gives_what_they_earned(world: World) -> None:
    """The miner of an order may be another's by now; it leaves whoever has it."""
    await takes(world)
    alice, bob = await world.user("alice"), await world.user("bob")
    bought = await buy(world, alice.id, "4")
    await world.mine()
    await world.mine()
    await hand_over(world, bought.miner_id, "alice", "bob")
    await world.mine()
    await world.mine()
    had = [await spendable(world, one.id) for one in (alice, bob)]
    made = await refund(world)
    assert made.takings == [Taking("alice", had[0], had[0]), Taking("bob", had[1], had[1])]
    assert [await spendable(world, one.id) for one in (alice, bob)] == [0, 0]
    await world.mine()
    await world.mine()
    assert await spendable(world, alice.id) == 0 < await spendable(world, bob.id)
    with pytest.raises(MinerNotFoundError):
        await hand_over(world, bought.miner_id, "bob", "alice")
    assert await broken(world.pool) == {}


async def test_only_what_is_issued_is_refunded(world: World) -> None:
    """With a reason; otherwise nothing is written."""
    alice = await world.user()
    other = await newcomer(world)
    await order(world, alice.id, "open", await offer(world))
    await buy(world, alice.id, "4")
    before = await picture(world)
    with pytest.raises(OrderNotIssuedError) as caught:
        await refund(world, "open")
    assert (caught.value.status, caught.value.details["state"]) == (409, "created")
    for shop, name in ((world, "nothing"), (other, "bought")):
        with pytest.raises(OrderNotFoundError):
            await refund(shop, name)
    with pytest.raises(ReasonMissingError):
        await refund(world, reason=" ")
    assert await picture(world) == before
    assert await world.pool.fetchval("SELECT count(*) FROM order_refund") == 0


# At the same time


async def outcomes(world: World, *both: Awaitable[object]) -> list[str]:
    """How two end that begin together."""
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert await broken(world.pool) == {}
    return [type(one).__name__ for one in ended if isinstance(one, Exception)]


async def test_a_miner_that_is_given_away_meanwhile(world: World) -> None:
    """Whichever comes first: it is gone at the end, and the books add up."""
    alice, bob = await world.user("alice"), await world.user("bob")
    for number in range(6):
        bought = await buy(world, alice.id, "4", f"o-{number}")
        await world.mine()
        given, taken = hand_over(world, bought.miner_id, "alice", "bob"), refund(world, f"o-{number}")
        refused = await outcomes(world, *((given, taken) if number % 2 else (taken, given)))
        assert refused in ([], ["MinerNotFoundError"])
    async with db.transaction(world.pool) as tx:
        for one in (alice, bob):
            assert await miners.of_user(tx, world.partner.id, one.id, limit=10) == []


async def test_a_miner_that_is_upgraded_meanwhile(world: World) -> None:
    """The upgrade is refunded with it, or refused; nothing is owed."""
    alice = await world.user()
    for number in range(6):
        bought = await buy(world, alice.id, "4", f"o-{number}")
        better, taken = upgrade(world, bought.miner_id, "power", "4", "5"), refund(world, f"o-{number}")
        assert await outcomes(world, *((better, taken) if number % 2 else (taken, better))) in (
            [],
            ["MinerNotFoundError"],
        )
        assert await receivable(world) == (0, 0)


async def test_a_day_that_is_closed_meanwhile(world: World) -> None:
    """The refund waits for the close, and the close for it; no closed day is touched."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await takes(world)
    await world.mine()
    day = await world.next_day()
    async with db.transaction(world.pool) as tx:
        await fence.hold(tx, [world.partner.id])
        waiting = asyncio.create_task(refund(world))
        await until_blocked(world.pool)
    await world.close(day)
    made = await waiting
    assert made.miner_id
    await world.mine()
    assert await broken(world.pool) == {}


async def test_a_withdrawal_that_is_asked_for_meanwhile(world: World) -> None:
    """One of them gets the balance, and nobody is overdrawn."""
    await takes(world)
    alice = await world.user()
    await buy(world, alice.id, "4")
    await world.mine(pool_btc_per_th="0.00049")
    await world.mine(pool_btc_per_th="0.00049")
    has = floor_to(await spendable(world, alice.id), BTC_DECIMALS)
    refused = await outcomes(world, refund(world), asked(world, alice.id, has))
    assert refused in ([], ["InsufficientFundsError"])
    assert await spendable(world, alice.id) < Decimal("0.00000001")


async def test_an_old_order_of_one_who_is_blocked(world: World) -> None:
    """It is refunded all the same, long after."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await world.pool.execute("UPDATE app_user SET blocked_at = now()")
    await advance(world, 400 * ONE_DAY)
    assert (await refund(world)).value_usd == Decimal("55.99")
    assert await broken(world.pool) == {}
