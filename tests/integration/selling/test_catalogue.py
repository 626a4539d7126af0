"""What is on sale, and the capacity that is promised."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest

from hashrail import db
from hashrail.selling import capacity, catalogue, orders, samples
from tests.support.books import HOUR, advance, cancel, newcomer, notify, offer, order
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World


@pytest.fixture(scope="module")
def world(shop: World) -> World:
    """The deployment itself, since catalogue and capacity are everybody's."""
    return shop


@pytest.fixture
async def room(world: World) -> AsyncIterator[World]:
    """A partner of its own, and exactly 10 TH that are not promised yet; without a cap again afterwards."""
    partner = await newcomer(world)
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 10)
    yield partner
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, None)


async def listed(world: World) -> dict[tuple[Decimal, Decimal], catalogue.Collection]:
    """What is on sale, by (TH, W/TH)."""
    async with db.transaction(world.pool) as tx:
        return {(each.power, each.energy_efficiency): each for each in await catalogue.on_sale(tx)}


async def free(world: World) -> Decimal:
    """TH that are not promised yet."""
    async with db.transaction(world.pool) as tx:
        cap: Decimal = await tx.fetchval("SELECT cap_th FROM capacity")
        return cap - await capacity.committed_th(tx)


def test_the_sample_catalogue_is_that_of_the_field() -> None:
    """42 offers; prices by TH and efficiency."""
    offers = samples.sample_collections()
    assert len(offers) == len({(power, efficiency) for power, efficiency, _ in offers}) == 42
    assert (Decimal("0.75"), Decimal(12), Decimal("12.99")) in offers
    assert (Decimal(5000), Decimal(15), Decimal("58333.99")) in offers
    assert (Decimal(1), Decimal(20), Decimal("20.99")) in offers
    assert sum(value for _, efficiency, value in offers if efficiency == 15) == Decimal("193432.80")
    assert sum(value for _, efficiency, value in offers if efficiency == 12) == Decimal("282796.79")
    levels = samples.pairs(samples.SAMPLE_LEVELS)
    assert len(levels) == 21
    assert (levels[Decimal(0)], levels[Decimal(5)], levels[Decimal(1_000_000)]) == (0, Decimal(".003"), Decimal(".06"))
    assert samples.pairs("") == {}


async def test_what_is_on_sale(world: World) -> None:
    """By id, all of the sample; one can be found by its id."""
    found = await listed(world)
    assert len(found) == 42
    assert [each.id for each in found.values()] == sorted(each.id for each in found.values())
    one = found[Decimal("0.75"), Decimal(12)]
    assert (one.name, one.value_usd, one.active) == ("Hashrail 0.75 TH 12 W/TH", Decimal("12.99"), True)
    async with db.transaction(world.pool) as tx:
        assert await catalogue.find(tx, one.id) == one


async def test_an_offer_is_changed_withdrawn_and_offered_again(world: World) -> None:
    """It keeps its id; while it is withdrawn it is not found."""
    key = (Decimal(3584), Decimal(15))
    before = (await listed(world))[key]
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(*key, Decimal("1.5"))])
        assert (await catalogue.find(tx, before.id)).value_usd == Decimal("1.5")
        for _ in range(2):
            await catalogue.withdraw(tx, before.id)
        assert [one.active for one in await catalogue.every(tx) if one.id == before.id] == [False]
        for verb in (catalogue.put_back, catalogue.put_back, catalogue.withdraw):
            await verb(tx, before.id)
        with pytest.raises(catalogue.CollectionNotFoundError, match="nothing on sale"):
            await catalogue.find(tx, before.id)
    assert key not in await listed(world)
    async with db.transaction(world.pool) as tx:
        await catalogue.put(tx, [(*key, before.value_usd), (Decimal(7), Decimal("13.5"), Decimal(90))])
    found = await listed(world)
    assert found[key] == before
    assert found[Decimal(7), Decimal("13.5")].name == "Hashrail 7 TH 13.5 W/TH"
    async with db.transaction(world.pool) as tx:
        await catalogue.withdraw(tx, found[Decimal(7), Decimal("13.5")].id)
        with pytest.raises(catalogue.CollectionNotFoundError, match="no collection 999999"):
            await catalogue.withdraw(tx, 999_999)
        with pytest.raises(catalogue.CollectionNotFoundError, match="no collection 999999"):
            await catalogue.put_back(tx, 999_999)


async def test_what_is_off_sale_keeps_the_promise_of_open_orders(world: World) -> None:
    """It is issued when it is paid; nothing new is sold of it, and what has expired is taken up once it is back."""
    shop = await newcomer(world)
    alice = await shop.user()
    one = await offer(shop, "1")
    for name in ("open", "expired"):
        await order(shop, alice.id, name, one, ttl=HOUR if name == "expired" else 9 * HOUR)
    async with db.transaction(world.pool) as tx:
        await catalogue.withdraw(tx, one)
    await advance(world, 2 * HOUR)
    with pytest.raises(catalogue.CollectionNotFoundError):
        await order(shop, alice.id, "new", one)
    assert (await notify(shop, alice.id, "open")).state == "issued"
    with pytest.raises(orders.OrderExpiredError):
        await notify(shop, alice.id, "expired")
    async with db.transaction(world.pool) as tx:
        await catalogue.put_back(tx, one)
    assert (await notify(shop, alice.id, "expired")).state == "issued"


@pytest.mark.parametrize("values", [("0", "15", "1"), ("1.00001", "15", "1"), ("1", "0", "1"), ("1", "15", "0")])
async def test_an_offer_has_power_efficiency_and_a_price(world: World, values: tuple[str, str, str]) -> None:
    """The table refuses what cannot be sold."""
    with pytest.raises(asyncpg.CheckViolationError):
        async with db.transaction(world.pool) as tx:
            await catalogue.put(tx, [tuple(Decimal(value) for value in values)])  # type: ignore[list-item]
    assert len(await listed(world)) == 42


# Capacity.


async def test_orders_and_miners_use_the_capacity(room: World) -> None:
    """The last terahash can be sold and no more; cancelling and expiry give it back, issuing keeps it."""
    alice, beside, late = await room.user(), await newcomer(room), await newcomer(room)
    await order(room, alice.id, "kept", await offer(room, "4"))
    # Each of a partner of its own, since unpaid orders of one may not hold it all.
    await order(beside, (await beside.user()).id, "cancelled", await offer(room, "4"))
    await order(late, (await late.user()).id, "expired", await offer(room, "2"))
    assert await free(room) == 0
    with pytest.raises(capacity.CapacityExceededError) as caught:
        await order(room, alice.id, "refused", await offer(room, "0.75", "12"))
    assert (caught.value.status, caught.value.code) == (409, "CAPACITY_EXCEEDED")
    await notify(room, alice.id, "kept")
    assert await free(room) == 0
    await cancel(beside, "cancelled")
    assert await free(room) == 4
    await advance(room, HOUR)
    async with db.transaction(room.pool) as tx:
        assert await orders.expire_due(tx, late.partner.id) == 1
    assert await free(room) == 6
    assert await room.pool.fetchval("SELECT count(*) FROM purchase WHERE external_id = 'refused'") == 0


async def test_partners_at_once_do_not_pass_the_cap(room: World) -> None:
    """Eight partners want 2 TH each of the 10 that are left."""
    partners = [room, *[await newcomer(room) for _ in range(7)]]
    members = [await partner.user() for partner in partners]
    collection = await offer(room, "2")
    tasks = [order(each, user.id, "o-1", collection) for each, user in zip(partners, members, strict=True)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(answer, orders.Order) for answer in answers) == 5
    assert sum(isinstance(answer, capacity.CapacityExceededError) for answer in answers) == 3
    assert await free(room) == 0


async def test_the_cap_is_not_set_below_what_is_promised(room: World) -> None:
    """Down to it, and no further; without a cap everything is sold."""
    alice = await room.user()
    await order(room, alice.id, "o-1", await offer(room, "4"))
    async with db.transaction(room.pool) as tx:
        promised = await capacity.committed_th(tx)
        with pytest.raises(capacity.CapacityExceededError, match="TH are promised already"):
            await capacity.set_capacity(tx, promised - Decimal("0.0001"))
        await capacity.set_capacity(tx, promised)
    with pytest.raises(capacity.CapacityExceededError):
        await order(room, alice.id, "o-2", await offer(room))
    async with db.transaction(room.pool) as tx:
        await capacity.set_capacity(tx, None)
    assert (await order(room, alice.id, "o-2", await offer(room, "64"))).state == "created"


async def test_a_cap_that_comes_while_orders_wait_counts_for_them(room: World) -> None:
    """Two orders that began without a cap and waited for it do not both take the last terahash."""
    async with db.transaction(room.pool) as tx:
        await capacity.set_capacity(tx, None)
    other = await newcomer(room)
    alice, bob = await room.user(), await other.user()
    collection = await offer(room, "4")
    async with db.transaction(room.pool) as tx:
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 4)
        tasks = [
            asyncio.create_task(order(room, alice.id, "o-1", collection)),
            asyncio.create_task(order(other, bob.id, "o-1", collection)),
        ]
        await until_blocked(room.pool, *tasks, count=2)
    answers = await within(asyncio.gather(*tasks, return_exceptions=True))
    assert sum(isinstance(answer, orders.Order) for answer in answers) == 1
    assert {type(answer) for answer in answers} <= {orders.Order, capacity.CapacityExceededError, db.BusyError}
    assert await free(room) == 0


async def test_setting_the_cap_waits_for_an_order_that_is_being_written(room: World) -> None:
    """What it promises counts."""
    async with db.transaction(room.pool) as tx:
        await capacity.set_capacity(tx, None)
        promised = await capacity.committed_th(tx)
    async with db.transaction(room.pool) as tx:
        await capacity.commit_capacity(tx, room.partner.id, Decimal(1))

        async def cap() -> None:
            async with db.transaction(room.pool) as other:
                await capacity.set_capacity(other, promised)

        capping = asyncio.create_task(cap())
        await until_blocked(room.pool, capping)
    with pytest.raises(capacity.CapacityExceededError):
        await within(capping)
    async with db.transaction(room.pool) as tx:
        await capacity.commit_capacity(tx, room.partner.id, Decimal(-1))
        assert await capacity.committed_th(tx) == promised


async def test_without_a_cap_partners_do_not_wait_for_each_other(room: World) -> None:
    """Each writes its own row only."""
    other = await newcomer(room)
    async with db.transaction(room.pool) as tx:
        await capacity.set_capacity(tx, None)
    async with db.transaction(room.pool) as one, db.transaction(room.pool) as two:
        await two.execute("SET LOCAL lock_timeout = '150ms'")
        await capacity.commit_capacity(one, room.partner.id, Decimal(1))
        await capacity.commit_capacity(two, other.partner.id, Decimal(1))
        for tx, partner in ((one, room), (two, other)):
            await capacity.commit_capacity(tx, partner.partner.id, Decimal(-1))
            assert (
                await tx.fetchval("SELECT committed_th FROM partner_capacity WHERE partner_id = $1", partner.partner.id)
                == 0
            )
