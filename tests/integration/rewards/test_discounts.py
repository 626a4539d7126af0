"""Levels and programmes: the tables of the operator, as they are read and written."""

import asyncio
import datetime as dt
from decimal import Decimal

import asyncpg
import pytest

from hashrail import db
from hashrail.clock import ONE_DAY
from hashrail.rewards import discounts, rate_classes
from hashrail.selling import samples
from tests.support.levels import level_of
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)


@pytest.fixture(scope="module")
def world(shop: World) -> World:
    """The deployment itself, since levels and programmes are everybody's."""
    return shop


async def fractions(world: World, programme: int) -> list[tuple[dt.date, Decimal]]:
    """(from day, fraction) of a programme, in order."""
    rows = await world.pool.fetch(
        "SELECT from_day, fraction FROM programme_fraction WHERE programme_id = $1 ORDER BY 1", programme
    )
    return [(row["from_day"], row["fraction"]) for row in rows]


@pytest.mark.parametrize(
    ("power", "discount"),
    [
        ("0", "0"),
        ("4.9999", "0"),
        ("5", ".003"),
        ("9.9999", ".003"),
        ("100", ".015"),
        ("749999.9999", ".054"),
        ("750000", ".057"),
        ("1000000", ".06"),
        ("99999999", ".06"),
    ],
)
async def test_the_level_of_a_users_power(world: World, power: str, discount: str) -> None:
    """The last entry that he reaches."""
    async with db.transaction(world.pool) as tx:
        assert await level_of(tx, Decimal(power)) == Decimal(discount)


async def test_levels_are_replaced_as_a_whole(world: World) -> None:
    """Nothing of the table before is left."""
    async with db.transaction(world.pool) as tx:
        await discounts.set_levels(tx, {Decimal(3): Decimal("0.5"), Decimal(1): Decimal("0.25")})
        powers = ("0.9999", "1", "2.9999", "3", "1000000")
        found = [await level_of(tx, Decimal(power)) for power in powers]
        assert found == [0, Decimal("0.25"), Decimal("0.25"), Decimal("0.5"), Decimal("0.5")]
        await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        assert await level_of(tx, Decimal(10)) == Decimal("0.006")


@pytest.mark.parametrize(
    ("power", "discount", "field"),
    [
        ("-1", "0.1", "min_power"),
        ("1.00001", "0.1", "min_power"),
        ("NaN", "0.1", "min_power"),
        ("1", "1.1", "discount"),
        ("1", "-0.1", "discount"),
        ("1", "0.00001", "discount"),
        ("1", "Infinity", "discount"),
    ],
)
async def test_levels_are_fractions_of_a_power(world: World, power: str, discount: str, field: str) -> None:
    """Others are refused, and the table before stays; the same holds for a programme's fraction."""
    async with db.transaction(world.pool) as tx:
        with pytest.raises(discounts.BadDiscountError) as caught:
            await discounts.set_levels(tx, {Decimal(0): Decimal(0), Decimal(power): Decimal(discount)})
        assert (caught.value.status, caught.value.details) == (400, {"field": field})
        assert await tx.fetchval("SELECT count(*) FROM discount_level") == 21
        if field == "discount":
            with pytest.raises(discounts.BadDiscountError):
                await discounts.set_fraction(tx, 1, from_day=dt.date(2030, 1, 1), fraction=Decimal(discount))


@pytest.mark.parametrize("values", ["-1, 0.1", "1.00001, 0.1", "1, 1.1", "1, -0.1", "1, 0.00001"])
async def test_the_table_of_levels_keeps_the_same_bounds(world: World, values: str) -> None:
    """Whoever writes it."""
    with pytest.raises(asyncpg.CheckViolationError):
        await world.pool.execute(f"INSERT INTO discount_level VALUES ({values})")
    assert await world.pool.fetchval("SELECT count(*) FROM discount_level") == 21


async def test_a_programme_has_a_name_of_its_own(world: World) -> None:
    """It gives nothing until a fraction is set."""
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, "loyalty")
        assert await discounts.find_programme(tx, "loyalty") == number
        with pytest.raises(discounts.ProgrammeNotFoundError) as missing:
            await discounts.find_programme(tx, "Loyalty")
    with pytest.raises(discounts.ProgrammeExistsError) as taken:
        async with db.transaction(world.pool) as tx:
            await discounts.create_programme(tx, "loyalty")
    assert (missing.value.status, missing.value.code) == (404, "PROGRAMME_NOT_FOUND")
    assert (taken.value.status, taken.value.code) == (409, "PROGRAMME_EXISTS")
    assert await fractions(world, number) == []


async def test_a_fraction_may_be_set_again_until_its_day_is_published(world: World) -> None:
    """Then it is fixed; the next day is still open."""
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, "weekly")
        for day, fraction in ((FIRST, "0.1"), (FIRST + ONE_DAY, "0.2"), (FIRST, "0.3")):
            await discounts.set_fraction(tx, number, from_day=day, fraction=Decimal(fraction))
    assert await fractions(world, number) == [(FIRST, Decimal("0.3")), (FIRST + ONE_DAY, Decimal("0.2"))]
    assert await world.mine() == FIRST
    async with db.transaction(world.pool) as tx:
        for day in (FIRST, FIRST - ONE_DAY):
            with pytest.raises(discounts.FractionFixedError, match="2026-03-01 is published already") as caught:
                await discounts.set_fraction(tx, number, from_day=day, fraction=Decimal("0.4"))
            assert (caught.value.status, caught.value.details) == (409, {"field": "from_day"})
        await discounts.set_fraction(tx, number, from_day=FIRST + ONE_DAY, fraction=Decimal("0.4"))
    assert await fractions(world, number) == [(FIRST, Decimal("0.3")), (FIRST + ONE_DAY, Decimal("0.4"))]
    published = await world.pool.fetchval("SELECT fraction FROM published_fraction WHERE programme_id = $1", number)
    assert published == Decimal("0.3")


async def test_a_fraction_waits_for_a_day_that_is_being_published(world: World) -> None:
    """And is refused if it came too late: what was published and what stands in the table agree."""
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, "late")
    day = await world.next_day()

    async def set_it() -> None:
        async with db.transaction(world.pool) as tx:
            await discounts.set_fraction(tx, number, from_day=day + ONE_DAY, fraction=Decimal("0.4"))

    async with db.transaction(world.pool) as tx:
        await tx.execute("SELECT 1 FROM publication WHERE id = 1 FOR UPDATE")
        setting = asyncio.create_task(set_it())
        await until_blocked(world.pool, setting)
        await tx.execute("UPDATE publication SET published_through = $1", day + ONE_DAY)
    with pytest.raises(discounts.FractionFixedError):
        await within(setting)
    async with db.transaction(world.pool) as tx:
        await tx.execute("UPDATE publication SET published_through = $1", day)
        assert not await rate_classes.publish(tx, day, now=dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    assert await fractions(world, number) == []


async def test_membership_answers_whether_it_changed(world: World) -> None:
    """One user, one programme, either way; others are not touched."""
    alice, bob = await world.user("alice"), await world.user("bob")
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, "club")
        for user in (alice, bob):
            assert await discounts.set_membership(tx, world.partner.id, user.id, number, member=True) is True
            assert await discounts.set_membership(tx, world.partner.id, user.id, number, member=True) is False
        assert await discounts.set_membership(tx, world.partner.id, alice.id, number, member=False) is True
        assert await discounts.set_membership(tx, world.partner.id, alice.id, number, member=False) is False
        rows = await tx.fetch("SELECT user_id FROM user_programme WHERE programme_id = $1", number)
    assert [row["user_id"] for row in rows] == [bob.id]


async def test_what_a_partner_has_for_everybody(world: World) -> None:
    """Who registers meanwhile takes part; the partner's own list can be said twice."""
    other = await world.another_partner("other")
    async with db.transaction(world.pool) as tx:
        number = await discounts.create_programme(tx, "welcome")
        for _ in range(2):
            await discounts.set_partner_programme(tx, other.partner.id, number, member=True)
    inside, outside = await other.user("carol"), await world.user("carol")
    async with db.transaction(world.pool) as tx:
        for _ in range(2):
            await discounts.set_partner_programme(tx, other.partner.id, number, member=False)
    late = await other.user("dave")
    rows = await world.pool.fetch("SELECT user_id FROM user_programme WHERE programme_id = $1", number)
    assert {row["user_id"] for row in rows} & {inside.id, outside.id, late.id} == {inside.id}
