"""The rules of rewards, one example each; `test_rewards_property.py` has the histories that nobody thought of."""

import asyncio
import datetime as dt
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from hashrail import business_clock, clock, day_fence, db, discounts, ledger, miners, rate_classes, rates, rewards
from hashrail.db import Row
from hashrail.ledger import Chart
from tests.locks import until_blocked
from tests.world import World, inputs

T = TypeVar("T")

FIRST = dt.date(2026, 3, 1)  # the day on which every test begins
ONE_DAY = clock.ONE_DAY
# 20 W/TH costs 0.024 and 0.01 USD a TH: 2.4e-7 and 1e-7 BTC, so 1.6e-7 BTC are left.
ROUND = {"pool_btc_per_th": "0.0000005", "btc_usd": "100000", "kwh_usd": "0.05", "service_usd_per_th": "0.01"}
NET = Decimal("0.00000016")
IDLE = ROUND | {"pool_btc_per_th": "0.00000033999999"}


async def stints(world: World, miner_id: int | None = None) -> list[tuple[int, str, dt.date, dt.date | None]]:
    """(user, TH, from day, to day) of a miner, or of all, in order."""
    rows = await world.pool.fetch(
        """SELECT user_id, power, from_day, to_day FROM stint
           WHERE $1::bigint IS NULL OR miner_id = $1 ORDER BY from_day, id""",
        miner_id,
    )
    return [(row["user_id"], str(row["power"]), row["from_day"], row["to_day"]) for row in rows]


async def earned(world: World, user_id: int, through: dt.date, after: dt.date | None = None) -> Decimal:
    """A user's income credited up to a day."""
    async with db.transaction(world.pool) as tx:
        return await rewards.income_between(tx, world.partner.id, user_id, after=after, through=through)


async def owed(world: World, user_id: int) -> Decimal:
    """A user's unsettled income."""
    async with db.transaction(world.pool) as tx:
        return await rewards.unsettled(tx, world.partner.id, user_id)


async def booked(world: World, account: Chart) -> Decimal:
    """Credits minus debits of an account of the chart."""
    async with db.transaction(world.pool) as tx:
        return await ledger.balance(tx, world.partner.id, account)


async def held(world: World, user_id: int) -> Decimal:
    """What lies on a user's BTC account."""
    async with db.transaction(world.pool) as tx:
        return (await ledger.balances_of_user(tx, world.partner.id, user_id))[0].owned


async def improve(world: World, user_id: int, miner_id: int, **changes: str) -> int:
    """Change power or energy_efficiency; answers how many stints were written."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        values = {name: Decimal(value) for name, value in changes.items()}
        await miners.improve(tx, world.partner.id, miner_id, **values)
        return await rewards.sync_stints(tx, day, [user_id], miner_ids=[miner_id])


async def give(world: World, miner_id: int, seller: int, buyer: int) -> None:
    """Let a miner change hands."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, miner_id, from_user=seller, to_user=buyer)
        await rewards.sync_stints(tx, day, [seller, buyer], miner_ids=[miner_id])


async def join(world: World, user_id: int, programme: int, *, member: bool = True) -> int:
    """Let a user take part in a programme or leave it."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        assert await discounts.set_membership(tx, world.partner.id, user_id, programme, member=member)
        return await rewards.sync_stints(tx, day, [user_id])


async def programme(world: World, name: str, fraction: str, from_day: dt.date) -> int:
    """A programme that gives a fraction from a day on."""
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, name)
        await discounts.set_fraction(tx, number, from_day=from_day, fraction=Decimal(fraction))
        return number


async def adjust(world: World, day: dt.date, **changes: str) -> int:
    """Correct a published day."""
    async with db.transaction(world.pool) as tx:
        at = await business_clock.now(tx)
        values: dict[str, Any] = {name: Decimal(value) for name, value in changes.items()}
        return await rate_classes.adjust(tx, day, reason="entered wrongly", at=at, **values)


async def advance(world: World) -> None:
    """Let a day pass; nothing is published."""
    async with db.transaction(world.pool) as tx:
        await business_clock.advance_by(tx, ONE_DAY)


async def publish(world: World, day: dt.date) -> None:
    """Publish a day with the round rates."""
    async with db.transaction(world.pool) as tx:
        now = await business_clock.now(tx)
        await rates.enter(tx, inputs(day, **ROUND), at=now)
        assert await rate_classes.publish(tx, day, now=now)


async def within(seconds: int, what: Awaitable[T]) -> T:
    """The result of something that must not hang."""
    return await asyncio.wait_for(what, seconds)


# Stints.


async def test_a_miner_earns_from_the_day_after_it_was_bought(world: World) -> None:
    """Nothing on its own day, power x net on each day after it."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    assert await stints(world, miner) == [(alice.id, "4", FIRST + ONE_DAY, None)]
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 0
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 8 * NET


async def test_changes_of_one_day_are_one_stint(world: World) -> None:
    """Only what holds at midnight counts, and what was undone leaves no trace in the class power."""
    alice, bob = await world.user("alice"), await world.user("bob")
    promotion = await programme(world, "promotion", "0.1", FIRST)
    miner = await world.miner(alice.id, "4")
    await improve(world, alice.id, miner, power="30")
    await improve(world, alice.id, miner, energy_efficiency="15")
    await join(world, alice.id, promotion)
    await give(world, miner, alice.id, bob.id)
    assert await stints(world, miner) == [(bob.id, "30", FIRST + ONE_DAY, None)]
    deltas = await world.pool.fetch(
        """SELECT c.energy_efficiency, c.level_discount, c.programmes, d.day, d.power
           FROM class_power_delta d JOIN rate_class c ON c.id = d.class_id WHERE d.power <> 0"""
    )
    assert [tuple(row.values()) for row in deltas] == [(Decimal(15), Decimal("0.009"), [], FIRST + ONE_DAY, 30)]


async def test_a_change_ends_a_stint_and_begins_another_tomorrow(world: World) -> None:
    """The open day keeps what was; a second change of the same day replaces the stint that has not begun."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    assert await improve(world, alice.id, miner, power="3") == 1
    assert await improve(world, alice.id, miner, power="2") == 1
    assert await improve(world, alice.id, miner, power="2") == 0
    changed = FIRST + 2 * ONE_DAY
    assert await stints(world, miner) == [
        (alice.id, "4", FIRST + ONE_DAY, changed),
        (alice.id, "2", changed, None),
    ]
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 6 * NET
    assert await booked(world, Chart.INCOME_CONTROL) == 6 * NET


async def test_better_efficiency_counts_from_tomorrow(world: World) -> None:
    """15 W/TH costs 0.6e-7 BTC less than 20."""
    alice = await world.user()
    miner = await world.miner(alice.id, "1")
    await world.mine(**ROUND)
    await improve(world, alice.id, miner, energy_efficiency="15")
    assert await earned(world, alice.id, await world.mine(**ROUND)) == NET
    last = await world.mine(**ROUND)
    assert await earned(world, alice.id, last, after=last - ONE_DAY) == NET + Decimal("0.00000006")


async def test_a_new_level_counts_for_every_miner_of_the_user(world: World) -> None:
    """A thousand small miners and one more that lifts their owner to the next level, and the way back."""
    alice, bob = await world.user("alice"), await world.user("bob")
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        for _ in range(1000):
            await miners.create(
                tx,
                world.partner.id,
                user_id=alice.id,
                name="small",
                power=Decimal("0.004"),
                energy_efficiency=Decimal(20),
                at=day.now,
            )
        assert await rewards.sync_stints(tx, day, [alice.id]) == 1000
        assert await rewards.sync_stints(tx, day, [alice.id]) == 0
    await world.mine(**ROUND)
    last = await world.miner(alice.id, "1")
    assert len(await stints(world)) == 2001
    assert await levels(world) == {Decimal("0.003"): 1001}
    await give(world, last, alice.id, bob.id)
    assert await levels(world) == {Decimal(0): 1001}
    assert await earned(world, alice.id, await world.mine(**ROUND)) == 4 * NET
    assert await booked(world, Chart.INCOME_CONTROL) == 4 * NET


async def levels(world: World) -> dict[Decimal, int]:
    """How many open stints have which level."""
    rows = await world.pool.fetch(
        """SELECT c.level_discount, count(*) FROM stint s JOIN rate_class c ON c.id = s.class_id
           WHERE s.to_day IS NULL GROUP BY 1"""
    )
    return {row["level_discount"]: row["count"] for row in rows}


async def test_without_levels_there_is_no_discount(world: World) -> None:
    """A user below the first entry of the table, or with an empty one, pays in full."""
    async with db.transaction(world.pool) as tx:
        assert await discounts.level_of(tx, Decimal("4.9999")) == 0
        assert await discounts.level_of(tx, Decimal(5)) == Decimal("0.003")
        await discounts.set_levels(tx, {Decimal(10): Decimal("0.01")})
        assert await discounts.level_of(tx, Decimal(9)) == 0
        await discounts.set_levels(tx, {})
        assert await discounts.level_of(tx, Decimal(1_000_000)) == 0


async def test_the_open_day_of_a_miner_that_changes_hands_stays_with_the_seller(world: World) -> None:
    """The buyer earns from the next day; the days before stay the seller's."""
    alice, bob = await world.user("alice"), await world.user("bob")
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await give(world, miner, alice.id, bob.id)
    open_day = await world.mine(**ROUND)
    assert [await earned(world, alice.id, open_day), await earned(world, bob.id, open_day)] == [4 * NET, 0]
    following = await world.mine(**ROUND)
    assert [await earned(world, alice.id, following), await earned(world, bob.id, following)] == [4 * NET, 4 * NET]


async def test_who_read_the_clock_before_midnight_comes_after_who_read_it_later(world: World) -> None:
    """A change that waits across midnight follows a change of the new day: stints stay in order."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        await advance(world)
        await improve(world, alice.id, miner, power="3")
        await miners.improve(tx, world.partner.id, miner, power=Decimal(2))
        assert await rewards.sync_stints(tx, day, [alice.id], miner_ids=[miner]) == 1
    changed = FIRST + 3 * ONE_DAY
    assert await stints(world, miner) == [(alice.id, "4", FIRST + ONE_DAY, changed), (alice.id, "2", changed, None)]


# Programmes.


async def test_membership_counts_from_tomorrow_and_fractions_from_their_day(world: World) -> None:
    """The programme's fraction of a day is the one in its table, for whoever was a member at midnight."""
    alice = await world.user()
    promotion = await programme(world, "promotion", "0.5", FIRST)
    async with db.transaction(world.pool) as tx:
        await discounts.set_fraction(tx, promotion, from_day=FIRST + 2 * ONE_DAY, fraction=Decimal("0.1"))
        await discounts.set_fraction(tx, promotion, from_day=FIRST + 3 * ONE_DAY, fraction=Decimal("0.2"))
        await tx.execute("UPDATE publication SET discount_cap = 0.25")
    await world.miner(alice.id, "1")
    await world.mine(**ROUND)
    costs = Decimal("0.00000034")
    assert await join(world, alice.id, promotion) == 1
    await world.mine(**ROUND)
    assert await join(world, alice.id, promotion, member=False) == 1
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    each_day = [await earned(world, alice.id, FIRST + n * ONE_DAY, after=FIRST + (n - 1) * ONE_DAY) for n in range(4)]
    assert each_day == [0, NET, NET + costs * Decimal("0.1"), NET]


async def test_joining_twice_or_leaving_what_one_never_joined_changes_nothing(world: World) -> None:
    """The answer says so."""
    alice = await world.user()
    promotion = await programme(world, "promotion", "0.1", FIRST)
    async with db.transaction(world.pool) as tx:
        for member, changed in ((False, False), (True, True), (True, False), (False, True), (False, False)):
            answer = await discounts.set_membership(tx, world.partner.id, alice.id, promotion, member=member)
            assert answer is changed


async def test_new_users_take_part_in_what_the_partner_has_for_everybody(world: World) -> None:
    """From their registration on; those who were there before do not, nor those who come when it is over."""
    promotion = await programme(world, "promotion", "0.1", FIRST)
    before = await world.user("before")
    async with db.transaction(world.pool) as tx:
        for _ in range(2):
            await discounts.set_partner_programme(tx, world.partner.id, promotion, member=True)
    during = await world.user("during")
    async with db.transaction(world.pool) as tx:
        await discounts.set_partner_programme(tx, world.partner.id, promotion, member=False)
    after = await world.user("after")
    for user in (before, during, after):
        await world.miner(user.id, "1")
    await world.mine(**ROUND)
    day = await world.mine(**ROUND)
    discounted = NET + Decimal("0.000000034")
    assert [await earned(world, user.id, day) for user in (before, during, after)] == [NET, discounted, NET]


async def test_programmes_have_names(world: World) -> None:
    """A name is taken once, and an unknown one is refused."""
    number = await programme(world, "promotion", "0.1", FIRST)
    async with db.transaction(world.pool) as tx:
        assert await discounts.find_programme(tx, "promotion") == number
        with pytest.raises(discounts.ProgrammeNotFoundError, match="no programme 'promo'"):
            await discounts.find_programme(tx, "promo")
    with pytest.raises(discounts.ProgrammeExistsError, match="'promotion' exists"):
        await programme(world, "promotion", "0.2", FIRST)


async def test_the_fraction_of_a_published_day_is_fixed(world: World) -> None:
    """The first day that can still be set is the one after it."""
    promotion = await programme(world, "promotion", "0.1", FIRST)
    published = await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        with pytest.raises(discounts.FractionFixedError, match=f"{published} is published"):
            await discounts.set_fraction(tx, promotion, from_day=published, fraction=Decimal("0.2"))
        await discounts.set_fraction(tx, promotion, from_day=published + ONE_DAY, fraction=Decimal("0.2"))
    assert await world.pool.fetchval("SELECT fraction FROM published_fraction") == Decimal("0.1")


@pytest.mark.parametrize("discount", ["-0.0001", "1.0001", "0.00001", "NaN", "Infinity"])
async def test_what_is_no_fraction_is_refused(world: World, discount: str) -> None:
    """Neither as a level's nor as a programme's; what was there stays."""
    promotion = await programme(world, "promotion", "1", FIRST)
    async with db.transaction(world.pool) as tx:
        with pytest.raises(discounts.BadDiscountError, match="no fraction"):
            await discounts.set_levels(tx, {Decimal(0): Decimal(discount)})
        with pytest.raises(discounts.BadDiscountError, match="no fraction"):
            await discounts.set_fraction(tx, promotion, from_day=FIRST, fraction=Decimal(discount))
        assert await discounts.level_of(tx, Decimal(5)) == Decimal("0.003")


@pytest.mark.parametrize("power", ["-1", "0.00001", "NaN"])
async def test_a_level_begins_at_a_power(world: World, power: str) -> None:
    """As exact as miners have it; the whole table is refused."""
    async with db.transaction(world.pool) as tx:
        with pytest.raises(discounts.BadDiscountError, match="TH is out of range"):
            await discounts.set_levels(tx, {Decimal(0): Decimal(0), Decimal(power): Decimal("0.1")})
        await discounts.set_levels(tx, {Decimal(0): Decimal(0), Decimal("0.0001"): Decimal(1)})
        assert await discounts.level_of(tx, Decimal("0.0001")) == 1


# Closing.


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
    pool = Chart.POOL_RECEIVABLE.value
    assert [tuple(row.values()) for row in legs] == [
        ("day", day.toordinal(), 1, pool, Chart.INCOME_CONTROL.value, 4 * NET + Decimal("0.00000011")),
        ("day", day.toordinal(), 2, pool, Chart.ELECTRICITY_REVENUE.value, Decimal("0.00000105")),
        ("day", day.toordinal(), 3, pool, Chart.SERVICE_REVENUE.value, Decimal("0.00000045")),
    ]
    assert await booked(world, Chart.POOL_RECEIVABLE) == -Decimal("4.5") * Decimal("0.0000005")
    assert await owed(world, alice.id) + await owed(world, bob.id) == await booked(world, Chart.INCOME_CONTROL)


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
    assert await owed(world, alice.id) == await booked(world, Chart.INCOME_CONTROL) == 4 * NET
    assert not await world.close(days[0])
    assert await owed(world, alice.id) == await booked(world, Chart.INCOME_CONTROL) == 4 * NET
    assert await world.close(days[2])
    assert await booked(world, Chart.INCOME_CONTROL) == 8 * NET
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
        assert await rewards.close_day(tx, both, second, at=at) == 1
        assert await rewards.close_day(tx, both, first, at=at) == 1
    assert [await owed(world, alice.id), await owed(other, bob.id)] == [0, 2 * NET]
    async with db.transaction(world.pool) as tx:
        assert await rewards.close_day(tx, both, second, at=at) == 1
    assert [await booked(world, Chart.INCOME_CONTROL), await booked(other, Chart.INCOME_CONTROL)] == [4 * NET, 2 * NET]
    assert await earned(other, alice.id, second) == await earned(world, bob.id, second) == 0
    third = await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        assert await rewards.close_day(tx, both, third, at=at) == 2
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
    assert await booked(world, Chart.INCOME_CONTROL) == 4 * NET
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
    assert await owed(other, bob.id) == await booked(other, Chart.INCOME_CONTROL) == 2 * NET


# Settling.


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
    assert await booked(world, Chart.INCOME_CONTROL) == 0
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
    assert await booked(world, Chart.INCOME_CONTROL) == 4 * NET


async def test_fifty_settlements_at_once_pay_once(world: World) -> None:
    """The user's row is the lock."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    moved = await within(30, asyncio.gather(*(world.settle(alice.id) for _ in range(50))))
    assert sorted(moved) == [0] * 49 + [4 * NET]
    assert [await held(world, alice.id), await booked(world, Chart.INCOME_CONTROL)] == [4 * NET, 0]
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
        return [await rewards.balance_at(tx, world.partner.id, user_id, moment) for moment in moments]


async def test_before_any_day_is_closed_nobody_has_anything(world: World) -> None:
    """Neither owed nor in the past."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.next_day(**ROUND)
    day = await world.next_day(**ROUND)
    assert await owed(world, alice.id) == 0
    assert await past_balances(world, alice.id, [clock.credited_at(day)]) == [0]
    async with db.transaction(world.pool) as tx:
        assert await rewards.unsettled(tx, world.partner.id, alice.id + 1) == 0


# Adjustments.


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
    assert await owed(world, alice.id) + await owed(world, bob.id) == await booked(world, Chart.INCOME_CONTROL)


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
    assert [await booked(world, Chart.INCOME_CONTROL), await booked(world, Chart.POOL_RECEIVABLE)] == [0, 0]


async def test_a_debt_waits_until_the_user_can_bear_it(world: World) -> None:
    """What is reserved cannot pay it. Nothing moves until he has earned enough, and then only the difference."""
    alice = await world.user()
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    days = [await world.mine(**ROUND) for _ in range(2)]
    assert await world.settle(alice.id) == 8 * NET
    async with db.transaction(world.pool) as tx:
        fence = await day_fence.share(tx, world.partner.id)
        account = await ledger.user_account(tx, world.partner.id, alice.id, "BTC")
        spent = ledger.Transfer(ledger.Kind.PURCHASE, 1, 1, account, Chart.POOL_RECEIVABLE, 5 * NET)
        assert await ledger.reserve(tx, fence, spent)
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
    assert await booked(world, Chart.INCOME_CONTROL) == 0


# The fence.


async def test_a_purchase_that_waits_for_a_close_counts_after_it(world: World) -> None:
    """It reads the clock when it gets the fence, not when it asked for it."""
    alice = await world.user()
    async with db.transaction(world.pool) as tx:
        await day_fence.hold(tx, [world.partner.id])
        purchase = asyncio.create_task(world.miner(alice.id, "4"))
        await until_blocked(world.pool, purchase)
        now = await business_clock.advance_by(tx, 2 * ONE_DAY)
        await rates.enter(tx, inputs(FIRST + ONE_DAY, **ROUND), at=now)
        await rate_classes.publish(tx, FIRST + ONE_DAY, now=now)
        assert await rewards.close_day(tx, [world.partner.id], FIRST + ONE_DAY, at=now) == 1
    miner = await within(10, purchase)
    assert await stints(world, miner) == [(alice.id, "4", FIRST + 3 * ONE_DAY, None)]
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Chart.INCOME_CONTROL) == 0
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Chart.INCOME_CONTROL) == 4 * NET


async def test_a_close_waits_for_a_purchase_that_is_being_written(world: World) -> None:
    """What the purchase adds to the day is in the day's total."""
    alice = await world.user()
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        miner = await miners.create(
            tx,
            world.partner.id,
            user_id=alice.id,
            name="miner",
            power=Decimal(4),
            energy_efficiency=Decimal(20),
            at=day.now,
        )
        await advance(world)
        await advance(world)
        await publish(world, FIRST + ONE_DAY)
        closing = asyncio.create_task(world.close(FIRST + ONE_DAY))
        await until_blocked(world.pool, closing)
        assert await rewards.sync_stints(tx, day, [alice.id], miner_ids=[miner]) == 1
    assert await within(10, closing)
    await world.mine(**ROUND)
    assert await owed(world, alice.id) == await booked(world, Chart.INCOME_CONTROL)


async def test_a_settlement_shares_the_fence_with_a_purchase(world: World) -> None:
    """Writers of one partner do not wait for each other's fence."""
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.miner(alice.id, "4")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
        assert day.closed_through == FIRST + ONE_DAY
        assert await within(10, world.settle(alice.id)) == 4 * NET
        assert await within(10, world.miner(bob.id, "1")) > 0


async def test_tomorrow_is_never_a_closed_day(world: World) -> None:
    """A clock that stands before a closed day is our bug, not a stint in the past."""
    async with db.transaction(world.pool) as tx:
        day = await day_fence.share(tx, world.partner.id)
    assert day_fence.OpenDay(1, day.now, FIRST).next_day == FIRST + ONE_DAY
    with pytest.raises(AssertionError, match="already closed"):
        _ = day_fence.OpenDay(1, day.now, FIRST + ONE_DAY).next_day


async def test_a_stint_from_a_later_day_is_our_bug(world: World) -> None:
    """Stints that begin after tomorrow do not exist, so none is replaced silently."""
    alice = await world.user()
    miner = await world.miner(alice.id, "4")
    await world.pool.execute("UPDATE stint SET from_day = from_day + 1")
    with pytest.raises(AssertionError, match="later than tomorrow"):
        await improve(world, alice.id, miner, power="3")


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
