"""Programmes: a fraction from its day on, for whoever is a member at midnight; and the table of levels."""

from decimal import Decimal

import pytest

from hashrail import db
from hashrail.rewards import discounts
from tests.support.levels import level_of
from tests.support.rewards import (
    FIRST,
    NET,
    ONE_DAY,
    ROUND,
    earned,
    join,
    programme,
)
from tests.support.world import World


async def test_without_levels_there_is_no_discount(world: World) -> None:
    """A user below the first entry of the table, or with an empty one, pays in full."""
    async with db.transaction(world.pool) as tx:
        assert await level_of(tx, Decimal("4.9999")) == 0
        assert await level_of(tx, Decimal(5)) == Decimal("0.003")
        await discounts.set_levels(tx, {Decimal(10): Decimal("0.01")})
        assert await level_of(tx, Decimal(9)) == 0
        await discounts.set_levels(tx, {})
        assert await level_of(tx, Decimal(1_000_000)) == 0


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
        assert await level_of(tx, Decimal(5)) == Decimal("0.003")


@pytest.mark.parametrize("power", ["-1", "0.00001", "NaN"])
async def test_a_level_begins_at_a_power(world: World, power: str) -> None:
    """As exact as miners have it; the whole table is refused."""
    async with db.transaction(world.pool) as tx:
        with pytest.raises(discounts.BadDiscountError, match="TH is out of range"):
            await discounts.set_levels(tx, {Decimal(0): Decimal(0), Decimal(power): Decimal("0.1")})
        await discounts.set_levels(tx, {Decimal(0): Decimal(0), Decimal("0.0001"): Decimal(1)})
        assert await level_of(tx, Decimal("0.0001")) == 1


async def test_the_whole_discount_of_a_user(world: World) -> None:
    """Level and programmes of the newest closed day, at most the cap: what was charged, or would have been."""
    alice, bob = await world.user("alice"), await world.user("bob")
    promotion, later = [
        await programme(world, name, fraction, day)
        for name, fraction, day in (("promotion", "0.2", FIRST), ("later", "0.1", FIRST + 3 * ONE_DAY))
    ]

    async def whole(user_id: int) -> Decimal:
        async with db.snapshot(world.pool) as tx:
            return await discounts.of_user(tx, world.partner.id, user_id, today=await world.today())

    assert await whole(alice.id) == await whole(bob.id) == 0
    await world.miner(alice.id, "10")
    for user in (alice, bob):
        await join(world, user.id, promotion)
        await join(world, user.id, later)
    # No day is closed: level and programmes as they are.
    assert (await whole(alice.id), await whole(bob.id)) == (Decimal("0.206"), Decimal("0.2"))
    for _ in range(2):
        await world.mine(**ROUND)
    assert (await whole(alice.id), await whole(bob.id)) == (Decimal("0.206"), Decimal("0.2"))
    # Leaving counts from tomorrow, and the newest closed day keeps what it charged.
    await join(world, alice.id, promotion, member=False)
    assert await whole(alice.id) == Decimal("0.206")
    await world.mine(**ROUND)
    await world.mine(**ROUND)
    assert (await whole(alice.id), await whole(bob.id)) == (Decimal("0.106"), Decimal("0.3"))
    async with db.transaction(world.pool) as tx:
        await discounts.set_cap(tx, Decimal("0.05"))
    assert (await whole(alice.id), await whole(bob.id)) == (Decimal("0.106"), Decimal("0.05"))
    await world.mine(**ROUND)
    assert await whole(alice.id) == Decimal("0.05")
