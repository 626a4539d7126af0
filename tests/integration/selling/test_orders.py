"""Orders: every way from created to its end, what is reserved on the way, and what a late notice may still do."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import CreditLimitError, Transfer
from hashrail.parties import users
from hashrail.rewards import stints
from hashrail.selling import capacity, catalogue, orders
from tests.support.books import (
    HOUR,
    advance,
    booked,
    buy,
    cancel,
    deployment,
    newcomer,
    notify,
    offer,
    order,
    receivable,
)
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World

PRICE = Decimal("14.99")  # of 1 TH at 15 W/TH in the sample catalogue


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own, with a credit limit of 100 USD."""
    return await newcomer(shop, "100")


async def expire(world: World, at_most: int = 500) -> int:
    """Release what is past its time."""
    async with db.transaction(world.pool) as tx:
        return await orders.expire_due(tx, world.partner.id, at_most=at_most)


async def promised(world: World) -> Decimal:
    """TH that the partner's miners have and its orders promise."""
    found: Decimal = await world.pool.fetchval(
        "SELECT committed_th FROM partner_capacity WHERE partner_id = $1", world.partner.id
    )
    return found


async def stored(world: World, external_id: str) -> tuple[str, int]:
    """(state, attempt) of an order."""
    row = await world.pool.fetchrow(
        "SELECT state, attempt FROM purchase WHERE partner_id = $1 AND external_id = $2", world.partner.id, external_id
    )
    assert row is not None
    return row["state"], row["attempt"]


async def money(world: World) -> list[tuple[int, str, Decimal]]:
    """(attempt, state, USD) of the partner's purchases, in order."""
    rows = await world.pool.fetch(
        """SELECT leg, state, amount FROM transfer WHERE partner_id = $1 AND kind = 'purchase'
           ORDER BY object_id, leg""",
        world.partner.id,
    )
    return [(row["leg"], row["state"], row["amount"]) for row in rows]


async def miners_of(world: World, user_id: int) -> list[tuple[int, Decimal, Decimal]]:
    """(id, TH, W/TH) of a user's miners."""
    rows = await world.pool.fetch(
        "SELECT id, power, energy_efficiency FROM miner WHERE partner_id = $1 AND user_id = $2 ORDER BY id",
        world.partner.id,
        user_id,
    )
    return [(row["id"], row["power"], row["energy_efficiency"]) for row in rows]


# Created.


async def test_creating_fixes_the_price_and_reserves_it(world: World) -> None:
    """Credit and capacity are held, nothing is owed, and no miner exists."""
    alice = await world.user()
    made = await order(world, alice.id, "o-1", await offer(world, "4"), ttl=2 * HOUR)
    assert (made.external_id, made.user_id, made.state, made.attempt) == ("o-1", alice.id, "created", 1)
    assert (made.power, made.energy_efficiency, made.value_usd) == (4, 15, Decimal("55.99"))
    assert made.expires_at - made.created_at == 2 * HOUR
    assert (made.paid_at, made.miner_id) == (None, None)
    assert await receivable(world) == (0, Decimal("55.99"))
    assert await promised(world) == 4
    assert await money(world) == [(1, "pending", Decimal("55.99"))]
    assert await miners_of(world, alice.id) == []


async def test_creating_again_is_the_same_order(world: World) -> None:
    """Same content, same answer, nothing reserved twice, whatever became of it."""
    alice = await world.user()
    collection = await offer(world)
    made = await order(world, alice.id, "o-1", collection)
    assert await order(world, alice.id, "o-1", collection, ttl=9 * HOUR) == made
    assert await receivable(world) == (0, PRICE)
    issued = await notify(world, alice.id, "o-1")
    assert await order(world, alice.id, "o-1", collection) == issued
    assert await receivable(world) == (PRICE, 0)


@pytest.mark.parametrize("other", ["user", "collection"])
async def test_an_external_id_belongs_to_one_content(world: World, other: str) -> None:
    """Another user or another offer under it is a conflict."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await order(world, alice.id, "o-1", await offer(world))
    user, power = (bob.id, "1") if other == "user" else (alice.id, "2")
    with pytest.raises(orders.OrderConflictError) as caught:
        await order(world, user, "o-1", await offer(world, power))
    assert (caught.value.status, caught.value.code) == (409, "ORDER_CONFLICT")
    assert await receivable(world) == (0, PRICE)


async def test_external_ids_are_the_partners_own(world: World) -> None:
    """Another partner may use the same, and neither sees the other's."""
    other = await newcomer(world)
    alice, bob = await world.user(), await other.user()
    first = await order(world, alice.id, "o-1", await offer(world))
    second = await order(other, bob.id, "o-1", await offer(world, "2"))
    assert first.id != second.id
    with pytest.raises(orders.OrderNotFoundError):
        await notify(world, bob.id, "o-1")
    with pytest.raises(users.UserNotFoundError):
        await order(world, bob.id, "o-2", await offer(world))


async def test_only_what_is_on_sale_can_be_ordered(world: World) -> None:
    """An offer that is unknown or withdrawn is not found; nothing is reserved."""
    alice = await world.user()
    with pytest.raises(catalogue.CollectionNotFoundError):
        await order(world, alice.id, "o-1", 999_999)
    assert await receivable(world) == (0, 0)


async def test_the_credit_limit_stops_orders_at_once(world: World) -> None:
    """Ten at 14.99 against 100 USD: six fit. What did not fit left no trace."""
    alice = await world.user()
    collection = await offer(world)
    tasks = [order(world, alice.id, f"o-{number}", collection) for number in range(10)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(answer, orders.Order) for answer in answers) == 6
    assert sum(isinstance(answer, CreditLimitError) for answer in answers) == 4
    assert await receivable(world) == (0, 6 * PRICE)
    assert await promised(world) == 6
    count = "SELECT count(*) FROM purchase WHERE partner_id = $1"
    assert await world.pool.fetchval(count, world.partner.id) == 6


async def test_fifty_that_create_and_notify_one_order_have_one_effect(world: World) -> None:
    """All get the same answer."""
    alice = await world.user()
    collection = await offer(world)
    made = await asyncio.gather(*[order(world, alice.id, "o-1", collection) for _ in range(50)])
    assert len(set(made)) == 1
    issued = await asyncio.gather(*[notify(world, alice.id, "o-1") for _ in range(50)])
    assert len(set(issued)) == 1
    assert len(await miners_of(world, alice.id)) == 1
    assert await money(world) == [(1, "posted", PRICE)]


# Issued.


async def test_notifying_issues_once(world: World) -> None:
    """The money is owed and earned, the miner exists as ordered, and earns from tomorrow."""
    alice = await world.user()
    made = await order(world, alice.id, "o-1", await offer(world, "2", "12"))
    issued = await notify(world, alice.id, "o-1")
    assert (issued.state, issued.attempt, issued.value_usd) == ("issued", 1, Decimal("37.79"))
    assert issued.paid_at is not None
    assert issued.paid_at >= made.created_at
    assert await miners_of(world, alice.id) == [(issued.miner_id, 2, 12)]
    assert await notify(world, alice.id, "o-1") == issued
    assert await miners_of(world, alice.id) == [(issued.miner_id, 2, 12)]
    assert await receivable(world) == (Decimal("37.79"), 0)
    assert await booked(world, Account.MINER_SALES) == Decimal("37.79")
    assert await promised(world) == 2
    stint = await world.pool.fetchrow(
        "SELECT from_day, to_day, power FROM stint WHERE partner_id = $1 AND miner_id = $2",
        world.partner.id,
        issued.miner_id,
    )
    assert stint is not None
    assert tuple(stint.values()) == (await world.today() + dt.timedelta(days=1), None, 2)


async def test_the_price_is_the_one_of_the_creation(world: World) -> None:
    """A new price, power or end of the offer does not change an order that stands."""
    alice = await world.user()
    collection = await offer(world, "0.75", "12")
    await order(world, alice.id, "o-1", collection)
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(Decimal("0.75"), Decimal(12), Decimal(50))])
        await catalogue.withdraw(tx, collection)
    assert (await notify(world, alice.id, "o-1")).value_usd == Decimal("12.99")
    assert await receivable(world) == (Decimal("12.99"), 0)
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(Decimal("0.75"), Decimal(12), Decimal("12.99"))])


async def test_a_notice_is_for_the_orders_own_user(world: World) -> None:
    """Another user's notice, or one for an unknown order, is not found."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await order(world, alice.id, "o-1", await offer(world))
    for user, external_id in ((bob.id, "o-1"), (alice.id, "o-2")):
        with pytest.raises(orders.OrderNotFoundError) as caught:
            await notify(world, user, external_id)
        assert (caught.value.status, caught.value.code) == (404, "ORDER_NOT_FOUND")
    assert await stored(world, "o-1") == ("created", 1)


# Expired.


async def test_an_order_expires_when_its_time_is_over(world: World) -> None:
    """Not before; credit and capacity are free again, and only what is due goes."""
    alice = await world.user()
    await order(world, alice.id, "short", await offer(world), ttl=HOUR)
    await order(world, alice.id, "long", await offer(world, "2"), ttl=9 * HOUR)
    await order(world, alice.id, "paid", await offer(world, "1", "12"), ttl=HOUR)
    await notify(world, alice.id, "paid")
    assert await expire(world) == 0
    await advance(world, HOUR)
    assert [await expire(world), await expire(world)] == [1, 0]
    assert [await stored(world, name) for name in ("short", "long", "paid")] == [
        ("expired", 1),
        ("created", 1),
        ("issued", 1),
    ]
    assert await receivable(world) == (Decimal("18.99"), Decimal("27.99"))
    assert await promised(world) == 3
    assert await money(world) == [
        (1, "voided", PRICE),
        (1, "pending", Decimal("27.99")),
        (1, "posted", Decimal("18.99")),
    ]


async def test_expiry_goes_in_portions_oldest_first_and_by_partner(world: World) -> None:
    """A long queue is worked off in several transactions; others' orders are left alone."""
    other = await newcomer(world)
    alice, bob = await world.user(), await other.user()
    for number, hours in enumerate((3, 1, 2)):
        await order(world, alice.id, f"o-{number}", await offer(world), ttl=hours * HOUR)
    await order(other, bob.id, "o-1", await offer(world), ttl=HOUR)
    await advance(world, 4 * HOUR)
    assert await expire(world, at_most=2) == 2
    assert [(await stored(world, f"o-{number}"))[0] for number in range(3)] == ["created", "expired", "expired"]
    assert await expire(world, at_most=2) == 1
    assert await stored(other, "o-1") == ("created", 1)
    assert await expire(other) == 1


async def test_expiry_leaves_what_is_being_paid(world: World) -> None:
    """A notice that is on its way keeps its order; expiry does not wait for it."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await orders.notify_paid(tx, books, external_id="o-1", user_id=alice.id)
        await advance(world, 2 * HOUR)
        assert await within(expire(world)) == 0
    assert await expire(world) == 0
    assert await stored(world, "o-1") == ("issued", 1)


@pytest.mark.parametrize("swept", [True, False])
async def test_a_late_notice_issues_at_the_fixed_price(world: World, swept: bool) -> None:
    """Whether or not somebody has expired it meanwhile: reserved anew, once, at the price that still is the offer's."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world, "4"))
    await advance(world, HOUR)
    assert await expire(world) == 1 if swept else True
    async with db.transaction(world.pool) as tx:
        await ledger.set_credit_limit(tx, world.partner.id, Decimal("55.99"))
    issued = await notify(world, alice.id, "o-1")
    assert (issued.state, issued.attempt, issued.value_usd) == ("issued", 2, Decimal("55.99"))
    assert await notify(world, alice.id, "o-1") == issued
    assert await money(world) == [(1, "voided", Decimal("55.99")), (2, "posted", Decimal("55.99"))]
    assert await receivable(world) == (Decimal("55.99"), 0)
    assert (await promised(world), len(await miners_of(world, alice.id))) == (4, 1)


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("price", ["500", "55.98"])
async def test_a_late_notice_is_refused_at_another_price(world: World, swept: bool, price: str) -> None:
    """Dearer or cheaper: the partner is told both prices. Notified in time, an order keeps its price."""
    alice = await world.user()
    for name in ("in time", "o-1"):
        await order(world, alice.id, name, await offer(world, "1" if name == "in time" else "4"))
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(Decimal(4), Decimal(15), Decimal(price)), (Decimal(1), Decimal(15), Decimal(99))])
    try:
        assert (await notify(world, alice.id, "in time")).value_usd == PRICE
        await advance(world, HOUR)
        assert await expire(world) == 1 if swept else True
        with pytest.raises(orders.OrderExpiredError, match="another price") as caught:
            await notify(world, alice.id, "o-1")
        assert caught.value.details["value"] == Decimal("55.99")
        assert caught.value.details["presentValue"] == Decimal(price)
        assert len(await miners_of(world, alice.id)) == 1
    finally:
        async with db.transaction(world.pool) as tx:
            await catalogue.put(tx, [(Decimal(4), Decimal(15), Decimal("55.99")), (Decimal(1), Decimal(15), PRICE)])


@pytest.mark.parametrize("swept", [True, False])
async def test_a_notice_can_be_late_for_a_day(world: World, swept: bool) -> None:
    """From then on the price is no promise any more, whatever the offer is; the last moment counts."""
    alice = await world.user()
    for number, after in enumerate((0, 1)):
        made = await order(world, alice.id, f"o-{number}", await offer(world))
        if swept:
            await advance(world, HOUR)
            assert await expire(world) == 1
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            now = made.expires_at + orders.LATE_NOTICE + after * dt.timedelta(microseconds=1)
            late = orders.notify_paid(tx, replace(books, now=now), external_id=made.external_id, user_id=alice.id)
            if after:
                with pytest.raises(orders.OrderExpiredError, match="could be told until") as caught:
                    await late
                assert caught.value.details["expiredAt"] == clock.iso(made.expires_at)
            else:
                assert (await late).state == "issued"


async def test_an_order_is_over_at_the_moment_it_names(world: World) -> None:
    """A notice that comes just then is late; a microsecond before it is not."""
    alice = await world.user()
    for number, early in enumerate((0, 1)):
        made = await order(world, alice.id, f"o-{number}", await offer(world))
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            books = replace(books, now=made.expires_at - early * dt.timedelta(microseconds=1))
            issued = await orders.notify_paid(tx, books, external_id=made.external_id, user_id=alice.id)
        assert issued.attempt == 2 - early


async def assert_refused_late(world: World, user_id: int, code: str) -> None:
    """A late notice is refused with a code, and neither money, capacity nor order has moved."""
    before = (await receivable(world), await promised(world), await money(world), await stored(world, "o-1"))
    with pytest.raises((orders.OrderExpiredError, CreditLimitError, capacity.CapacityExceededError)) as caught:
        await notify(world, user_id, "o-1")
    assert caught.value.code == code
    assert (await receivable(world), await promised(world), await money(world), await stored(world, "o-1")) == before
    assert await miners_of(world, user_id) == []


@pytest.mark.parametrize("swept", [True, False])
async def test_a_late_notice_is_refused_when_the_offer_is_over(world: World, swept: bool) -> None:
    """The partner gives its user the money back; once the offer is on sale again, it could be issued."""
    alice = await world.user()
    made = await order(world, alice.id, "o-1", await offer(world))
    await advance(world, HOUR)
    assert await expire(world) == 1 if swept else True
    async with db.transaction(world.pool) as tx:
        await catalogue.withdraw(tx, made.collection_id)
    await assert_refused_late(world, alice.id, "ORDER_EXPIRED")
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(Decimal(1), Decimal(15), PRICE)])
    assert (await notify(world, alice.id, "o-1")).attempt == 2


async def test_a_late_notice_is_refused_when_the_credit_is_gone(world: World) -> None:
    """What it held was given to others meanwhile."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world, "4"))
    await advance(world, HOUR)
    assert await expire(world) == 1
    bob = await world.user("bob")
    await order(world, bob.id, "o-2", await offer(world, "4"))
    await assert_refused_late(world, alice.id, "CREDIT_LIMIT_EXCEEDED")


async def test_a_late_notice_is_refused_when_the_capacity_is_gone(world: World) -> None:
    """Likewise with terahash."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world, "4"))
    await advance(world, HOUR)
    assert await expire(world) == 1
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 3)
    await assert_refused_late(world, alice.id, "CAPACITY_EXCEEDED")
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, None)
    assert (await notify(world, alice.id, "o-1")).state == "issued"


@pytest.mark.parametrize("swept", [True, False])
async def test_a_late_notice_locks_as_any_other_does(world: World, swept: bool) -> None:
    """Users come before accounts: whoever holds the user can still move the receivable, so nobody is in a ring."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    await advance(world, HOUR)
    assert await expire(world) == 1 if swept else True
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await users.lock(tx, world.partner.id, [alice.id])
        late = asyncio.create_task(notify(world, alice.id, "o-1"))
        await until_blocked(world.pool, late)
        hold = Transfer(TransferKind.PURCHASE, -1, 1, Account.PARTNER_RECEIVABLE, Account.MINER_SALES, Decimal(1))
        await ledger.reserve(tx, books, hold)
        await ledger.void(tx, books, TransferKind.PURCHASE, -1, 1)
    assert (await within(late)).state == "issued"


async def test_an_offer_that_is_put_on_sale_meanwhile_is_sold(world: World) -> None:
    """Whoever waits for the user asks once more for what was not on sale before."""
    alice, there = await world.user(), await offer(world)
    await world.pool.execute("UPDATE collection SET active = false WHERE id = $1", there)
    async with db.transaction(world.pool) as tx:
        await users.lock(tx, world.partner.id, [alice.id])
        made = asyncio.create_task(order(world, alice.id, "o-1", there))
        await until_blocked(world.pool, made)
        await world.pool.execute("UPDATE collection SET active = true WHERE id = $1", there)
    assert (await within(made)).collection_id == there


async def test_a_notice_that_races_expiry_issues_once(world: World) -> None:
    """Whoever comes first, the order ends issued and pays once."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    await advance(world, HOUR)
    sweeps = [expire(world) for _ in range(5)]
    issued = await asyncio.gather(*[notify(world, alice.id, "o-1") for _ in range(5)], *sweeps)
    assert {each.state for each in issued if isinstance(each, orders.Order)} == {"issued"}
    assert await receivable(world) == (PRICE, 0)
    assert len(await miners_of(world, alice.id)) == 1


# Cancelled.


async def test_cancelling_releases_what_was_reserved(world: World) -> None:
    """Again is a no-op; the order cannot be paid or created anew."""
    alice = await world.user()
    collection = await offer(world)
    made = await order(world, alice.id, "o-1", collection)
    for _ in range(2):
        await cancel(world, "o-1")
        assert await stored(world, "o-1") == ("cancelled", 1)
    assert await receivable(world) == (0, 0)
    assert await promised(world) == 0
    assert await money(world) == [(1, "voided", PRICE)]
    with pytest.raises(orders.OrderCancelledError) as caught:
        await notify(world, alice.id, "o-1")
    assert (caught.value.status, caught.value.code) == (409, "ORDER_CANCELLED")
    assert (await order(world, alice.id, "o-1", collection)).state == "cancelled"
    assert (await order(world, alice.id, "o-1", collection)).id == made.id
    await advance(world, HOUR)
    assert await expire(world) == 0


async def test_an_expired_order_can_be_cancelled(world: World) -> None:
    """It is then over for late notices too; nothing is released twice."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    await order(world, alice.id, "o-2", await offer(world))
    await advance(world, HOUR)
    assert await expire(world, at_most=1) == 1
    await cancel(world, "o-1")
    assert await receivable(world) == (0, PRICE)
    assert await promised(world) == 1
    with pytest.raises(orders.OrderCancelledError):
        await notify(world, alice.id, "o-1")


async def test_an_issued_order_cannot_be_cancelled(world: World) -> None:
    """Nor one that nobody made."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    await notify(world, alice.id, "o-1")
    with pytest.raises(orders.OrderIssuedError) as caught:
        await cancel(world, "o-1")
    assert (caught.value.status, caught.value.code) == (409, "ORDER_ISSUED")
    with pytest.raises(orders.OrderNotFoundError):
        await cancel(world, "o-2")
    assert await stored(world, "o-1") == ("issued", 1)
    assert await receivable(world) == (PRICE, 0)


async def test_a_purchase_lifts_the_level_of_all_of_a_users_miners(world: World) -> None:
    """Five TH are the first level."""
    alice = await world.user()
    for number in range(5):
        await order(world, alice.id, f"o-{number}", await offer(world))
        await notify(world, alice.id, f"o-{number}")
    async with db.transaction(world.pool) as tx:
        assert (await users.get(tx, world.partner.id, alice.id)).level_discount == Decimal("0.003")
        books = await fence.share(tx, world.partner.id)
        assert await stints.sync_stints(tx, books, [alice.id]) == 0
    levels = await world.pool.fetch(
        """SELECT DISTINCT c.level_discount FROM stint s JOIN rate_class c ON c.id = s.class_id
           WHERE s.partner_id = $1 AND s.to_day IS NULL""",
        world.partner.id,
    )
    assert [row["level_discount"] for row in levels] == [Decimal("0.003")]


# What unpaid orders hold of a capped capacity


@pytest.fixture
async def capped(world: World) -> AsyncIterator[World]:
    """16 TH are left to sell; others than this partner sell too."""
    async with db.transaction(world.pool) as tx:
        await ledger.set_credit_limit(tx, world.partner.id, Decimal(10_000))
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 16)
    yield world
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, None)


async def test_unpaid_orders_hold_half_of_what_is_left(capped: World) -> None:
    """Then they are paid or expire; another partner sells meanwhile, and what is paid does not count."""
    alice = await capped.user()
    four = await offer(capped, "4")
    for number in range(2):
        await order(capped, alice.id, f"o-{number}", four)
    with pytest.raises(capacity.CapacityPromisedError) as caught:
        await order(capped, alice.id, "o-2", four)
    assert (caught.value.code, caught.value.details["openTh"]) == ("CAPACITY_PROMISED", 12)
    assert caught.value.details["mostTh"] == 8
    assert await promised(capped) == 8
    other = await newcomer(capped)
    bob = await other.user("bob")
    assert (await order(other, bob.id, "o-1", four)).state == "created"
    await cancel(other, "o-1")
    await notify(capped, alice.id, "o-0")
    await notify(capped, alice.id, "o-1")
    assert (await order(capped, alice.id, "o-2", four)).state == "created"


async def test_the_share_is_the_deployment_s(capped: World) -> None:
    alice = await capped.user()
    four = await offer(capped, "4")

    async def ask(name: str, share: str) -> orders.Order:
        async with db.transaction(capped.pool) as tx:
            books = await fence.share(tx, capped.partner.id)
            facts = {"user_id": alice.id, "collection_id": four, "external_id": name, "ttl": HOUR}
            return await orders.create(tx, books, open_share=Decimal(share), **facts)

    assert (await ask("o-0", "0.1")).state == "created"
    with pytest.raises(capacity.CapacityPromisedError):
        await ask("o-1", "0.49")
    for number in range(1, 4):
        assert (await ask(f"o-{number}", "1")).state == "created"
    with pytest.raises(capacity.CapacityExceededError):
        await ask("o-4", "1")


async def test_a_partner_that_sells_alone_holds_as_much_as_there_is(server: str, template: str) -> None:
    """Nobody is kept from selling."""
    async with deployment(server, template) as alone:
        async with db.transaction(alone.pool) as tx:
            await capacity.set_capacity(tx, Decimal(8))
        alice, four = await alone.user(), await offer(alone, "4")
        assert [(await order(alone, alice.id, name, four)).state for name in ("o-1", "o-2")] == ["created"] * 2
        with pytest.raises(capacity.CapacityExceededError):
            await order(alone, alice.id, "o-3", four)


# What it costs


async def test_an_order_asks_no_more_than_it_needs(world: World) -> None:
    """Statements of the two verbs, where class and level are there already: each is a round trip."""
    user, collection = await world.user("u"), await offer(world)
    await buy(world, user.id, "1", "before")
    asked: list[str] = []
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        with tx.query_logger(lambda record: asked.append(record.query)):
            await orders.create(tx, books, user_id=user.id, collection_id=collection, external_id="one", ttl=HOUR)
            await asyncio.sleep(0)  # the last one is told a moment later
            created = len(asked)
            await orders.notify_paid(tx, books, external_id="one", user_id=user.id)
            await asyncio.sleep(0)
    assert (created, len(asked) - created) == (7, 9)
