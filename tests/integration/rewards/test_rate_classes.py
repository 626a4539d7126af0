"""Publishing and adjusting days, and classes that appear when days are published already."""

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.db import Row
from hashrail.rewards import discounts, rate_classes, rates
from hashrail.rewards.formula import DayInputs
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.rewards import adjust, programme
from tests.support.world import World, inputs

FIRST = dt.date(2026, 3, 1)
ONE_DAY = clock.ONE_DAY
ROUND = {"pool_btc_per_th": "0.0000005", "btc_usd": "100000", "kwh_usd": "0.05", "service_usd_per_th": "0.01"}
CHEAP = ROUND | {"kwh_usd": "0.02"}


async def ensure(
    world: World, *programmes: int, watts: str = "20", level: str = "0", from_day: dt.date = FIRST + ONE_DAY
) -> int:
    """A class in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await rate_classes.ensure(
            tx,
            energy_efficiency=Decimal(watts),
            level_discount=Decimal(level),
            programmes=programmes,
            from_day=from_day,
        )


async def publish(world: World, day: dt.date, now: dt.datetime) -> bool:
    """Publish a day whose rates are entered, as if it were `now`."""
    async with db.transaction(world.pool) as tx:
        return await rate_classes.publish(tx, day, now=now)


async def enter(world: World, day: dt.date, **changes: str) -> None:
    """Enter a day's rates."""
    async with db.transaction(world.pool) as tx:
        await rates.enter(tx, inputs(day, **changes), at=clock.start_of(day))


async def days_of(world: World, class_id: int) -> list[tuple[Any, ...]]:
    """(day, discount, pool, c1, c2, net) of a class, in order."""
    rows = await world.pool.fetch(
        "SELECT day, discount, pool, c1, c2, net FROM class_day WHERE class_id = $1 ORDER BY day", class_id
    )
    return [tuple(row.values()) for row in rows]


async def sums_between(world: World, class_id: int, after: dt.date, through: dt.date) -> tuple[Any, ...]:
    """What the running sums of a class grew by."""
    row = await world.pool.fetchrow(
        """SELECT h.pool_sum - l.pool_sum, h.c1_sum - l.c1_sum, h.c2_sum - l.c2_sum, h.net_sum - l.net_sum
           FROM class_day h JOIN class_day l ON l.class_id = h.class_id
           WHERE h.class_id = $1 AND l.day = $2 AND h.day = $3""",
        class_id,
        after,
        through,
    )
    assert row is not None
    return tuple(row.values())


async def added_by(world: World, class_id: int) -> list[tuple[Any, ...]]:
    """(adjustment, pool, c1, c2, net) of a class, in order."""
    rows = await world.pool.fetch(
        """SELECT adjustment_id, pool, c1, c2, net FROM class_adjustment WHERE class_id = $1 ORDER BY adjustment_id""",
        class_id,
    )
    return [tuple(row.values()) for row in rows]


async def adjustment(world: World, number: int) -> Row:
    """An adjustment as written."""
    row = await world.pool.fetchrow("SELECT * FROM adjustment WHERE id = $1", number)
    assert row is not None
    return row


# Publishing.


async def test_a_published_day_has_one_row_a_class(world: World) -> None:
    """Rates at the class's efficiency and discount, each rounded once, and sums that go on."""
    promotion = await programme(world, "promotion", "0.1", FIRST)
    plain = await ensure(world)
    favoured = await ensure(world, promotion, watts="15", level="0.05")
    await world.next_day(**ROUND)
    await world.next_day(**(ROUND | {"btc_usd": "30000"}))
    assert await days_of(world, plain) == [
        figures(FIRST, "0", "0.0000005", "0.00000024", "0.0000001", "0.00000016"),
        figures(FIRST + ONE_DAY, "0", "0", "0", "0", "0"),
    ]
    assert await days_of(world, favoured) == [
        figures(FIRST, "0.15", "0.0000005", "0.000000153", "0.000000085", "0.000000262"),
        figures(FIRST + ONE_DAY, "0.15", "0", "0", "0", "0"),
    ]
    await world.next_day(**(ROUND | {"btc_usd": "70000"}))
    third = (await days_of(world, favoured))[-1]
    assert third == figures(
        FIRST + 2 * ONE_DAY, "0.15", "0.0000005", "0.00000021857143", "0.00000012142857", "0.00000016"
    )
    assert await sums_between(world, favoured, FIRST, FIRST + 2 * ONE_DAY) == third[2:]


def figures(day: dt.date, *texts: str) -> tuple[Any, ...]:
    """A row of a class: discount, pool, c1, c2 and net as numbers."""
    return (day, *map(Decimal, texts))


async def test_the_cap_of_a_day_is_the_one_it_was_published_with(world: World) -> None:
    """Level and programmes stop at it, also for a class that appears when another cap holds."""
    generous = await programme(world, "generous", "0.3", FIRST)
    await ensure(world, generous, level="0.06")
    await world.next_day(**ROUND)
    await world.pool.execute("UPDATE publication SET discount_cap = 0.2")
    await world.next_day(**ROUND)
    late = await ensure(world, generous, level="0.051", from_day=FIRST)
    for class_id in (late, await ensure(world, generous, level="0.06")):
        assert [day[:2] for day in await days_of(world, class_id)] == [
            (FIRST, Decimal("0.35")),
            (FIRST + ONE_DAY, Decimal("0.2")),
        ]
    async with db.transaction(world.pool) as tx:
        assert await rates.discount_cap(tx) == Decimal("0.2")
        assert (await rates.of_day(tx, FIRST)).discount_cap == Decimal("0.35")


async def test_a_day_is_published_from_five_past_midnight_on(world: World) -> None:
    """And not before it is over."""
    await enter(world, FIRST)
    early = clock.start_of(FIRST + ONE_DAY) + dt.timedelta(minutes=4, seconds=59)
    with pytest.raises(rate_classes.DayNotOverError, match="2026-03-01 is not over") as caught:
        await publish(world, FIRST, early)
    assert caught.value.details == {"field": "day", "creditedAt": "2026-03-02T00:05:00.000Z"}
    assert await publish(world, FIRST, clock.start_of(FIRST + ONE_DAY) + dt.timedelta(minutes=5))


async def test_days_are_published_in_order_and_once(world: World) -> None:
    """The first may be any; then each is the day after the one before, and again is a no-op."""
    now = clock.start_of(FIRST + 9 * ONE_DAY)
    for n in range(4):
        await enter(world, FIRST + n * ONE_DAY, **ROUND)
    class_id = await ensure(world)
    assert await publish(world, FIRST + ONE_DAY, now)
    with pytest.raises(rate_classes.DayOrderError, match="2026-03-04 comes later") as caught:
        await publish(world, FIRST + 3 * ONE_DAY, now)
    assert caught.value.details == {"field": "day", "next": "2026-03-03"}
    assert await publish(world, FIRST + 2 * ONE_DAY, now)
    before = await days_of(world, class_id)
    assert not await publish(world, FIRST + 2 * ONE_DAY, now)
    assert not await publish(world, FIRST, now)
    assert await days_of(world, class_id) == before
    assert [day[0] for day in before] == [FIRST + ONE_DAY, FIRST + 2 * ONE_DAY]
    row = await world.pool.fetchrow("SELECT first_day, published_through FROM publication")
    assert row is not None
    assert tuple(row.values()) == (FIRST + ONE_DAY, FIRST + 2 * ONE_DAY)


async def test_a_day_without_rates_is_not_published(world: World) -> None:
    """Somebody has to enter them."""
    with pytest.raises(rates.RatesMissingError, match="no rates for 2026-03-01"):
        await publish(world, FIRST, clock.start_of(FIRST + 2 * ONE_DAY))
    assert await world.pool.fetchval("SELECT published_through FROM publication") is None


async def test_the_inputs_of_a_published_day_are_fixed(world: World) -> None:
    """They may be entered again until then; what is in force is what was published."""
    await enter(world, FIRST, pool_btc_per_th="0.5")
    day = await world.next_day(**ROUND)
    with pytest.raises(rates.DayPublishedError, match="2026-03-01 is published"):
        await enter(world, day, **CHEAP)
    async with db.transaction(world.pool) as tx:
        published = await rates.latest_published(tx)
        assert published == await rate_classes.in_force(tx, day) == inputs(day, **ROUND)


# Adjusting.


async def test_an_adjustment_publishes_differences(world: World) -> None:
    """Of every class, from what was in force; what was published stays as it is."""
    plain, favoured = await ensure(world), await ensure(world, watts="15", level="0.06")
    day = await world.next_day(**ROUND)
    await world.next_day(**ROUND)
    before = await days_of(world, plain) + await days_of(world, favoured)
    first = await adjust(world, day, pool_btc_per_th="0.0000006", service_usd_per_th="0.02")
    assert await added_by(world, plain) == [(first, Decimal("1E-7"), 0, Decimal("1E-7"), 0)]
    assert await added_by(world, favoured) == [(first, Decimal("1E-7"), 0, Decimal("9.4E-8"), Decimal("6E-9"))]
    second = await adjust(world, day, kwh_usd="0.06", btc_usd="200000")
    assert (await added_by(world, plain))[1:] == [
        (second, 0, Decimal("-9.6E-8"), Decimal("-1E-7"), Decimal("1.96E-7")),
    ]
    third = await adjust(world, day, pool_btc_per_th="0")
    assert (await added_by(world, plain))[2:] == [
        (third, Decimal("-6E-7"), Decimal("-1.44E-7"), Decimal("-1E-7"), Decimal("-3.56E-7")),
    ]
    assert await days_of(world, plain) + await days_of(world, favoured) == before
    row = await adjustment(world, first)
    assert (row["day"], row["effective_day"], row["reason"]) == (day, day + 2 * ONE_DAY, "entered wrongly")
    assert row["entered_at"] > clock.start_of(day + 2 * ONE_DAY)


async def test_what_is_in_force_follows_the_adjustments(world: World) -> None:
    """Inputs that were left out stay; other days are not concerned."""
    day = await world.next_day(**ROUND)
    other = await world.next_day(**ROUND)
    changes = [{"kwh_usd": "0.06"}, {"btc_usd": "90000"}, {"service_usd_per_th": "0", "pool_btc_per_th": "0.0000007"}]
    expected: dict[str, str] = dict(ROUND)
    for change in changes:
        await adjust(world, day, **change)
        expected |= change
        assert await in_force(world, day) == inputs(day, **expected)
    assert await in_force(world, other) == inputs(other, **ROUND)


async def in_force(world: World, day: dt.date) -> DayInputs:
    """A day's inputs as they count now."""
    async with db.transaction(world.pool) as tx:
        return await rate_classes.in_force(tx, day)


async def test_only_a_published_day_can_be_adjusted(world: World) -> None:
    """The day after the last published one is still open, and before the first nothing is."""
    await enter(world, FIRST, **ROUND)
    with pytest.raises(rate_classes.NotPublishedError, match="2026-03-01 is not published"):
        await adjust(world, FIRST, kwh_usd="0.06")
    day = await world.next_day(**ROUND)
    await enter(world, day + ONE_DAY, **ROUND)
    with pytest.raises(rate_classes.NotPublishedError, match="2026-03-02 is not published"):
        await adjust(world, day + ONE_DAY, kwh_usd="0.06")
    assert await adjust(world, day, kwh_usd="0.06") > 0


async def test_an_adjustment_changes_something(world: World) -> None:
    """The values in force again, or none at all, are refused; the published ones after an adjustment are not."""
    day = await world.next_day(**ROUND)
    for nothing in ({}, {"kwh_usd": "0.050"}, ROUND):
        with pytest.raises(rate_classes.NothingToAdjustError):
            await adjust(world, day, **nothing)
    await adjust(world, day, kwh_usd="0.06")
    await adjust(world, day, kwh_usd="0.05")
    with pytest.raises(rate_classes.NothingToAdjustError):
        await adjust(world, day, kwh_usd="0.05")


# Classes that appear.


async def test_a_class_is_found_again(world: World) -> None:
    """However its numbers are written and its programmes are ordered; anything else is another class."""
    one, two = await programme(world, "one", "0.1", FIRST), await programme(world, "two", "0.1", FIRST)
    both = await ensure(world, one, two, watts="20.50", level="0.0030")
    assert await ensure(world, two, one, watts="20.5", level="0.003") == both
    others = [
        await ensure(world, one, watts="20.5", level="0.003"),
        await ensure(world, one, two, watts="20.51", level="0.003"),
        await ensure(world, one, two, watts="20.5", level="0.006"),
    ]
    assert len({both, *others}) == 4


async def test_a_class_that_appears_begins_with_the_next_day_to_be_published(world: World) -> None:
    """Its owners earn from a later day, so no published day has to be written again."""
    await world.next_day(**ROUND)
    day = await world.next_day(**ROUND)
    class_id = await ensure(world, from_day=day + 2 * ONE_DAY)
    assert await days_of(world, class_id) == []
    await world.next_day(**ROUND)
    assert [row[0] for row in await days_of(world, class_id)] == [day + ONE_DAY]


async def test_a_class_that_reaches_back_has_the_same_rows_as_one_that_was_there(world: World) -> None:
    """Published days, dated fractions, adjustments and sums: from the same inputs, in two steps, and on afterwards."""
    mode, nothing = await programme(world, "mode", "0.1", FIRST), await programme(world, "nothing", "0", FIRST)
    async with db.transaction(world.pool) as tx:
        for n, fraction in ((1, "0.2"), (3, "0.05"), (5, "0.3")):
            await discounts.set_fraction(tx, mode, from_day=FIRST + n * ONE_DAY, fraction=Decimal(fraction))
    early = await ensure(world, mode, watts="15", level="0.06")
    idle = ROUND | {"pool_btc_per_th": "0.0000001"}
    days = [await world.next_day(**values) for values in (ROUND, CHEAP, idle, ROUND)]
    await adjust(world, days[1], pool_btc_per_th="0.0000007")
    await adjust(world, days[2], pool_btc_per_th="0.0000004", btc_usd="150000")
    await adjust(world, days[1], kwh_usd="0.5")
    late = await ensure(world, mode, nothing, watts="15", level="0.06", from_day=days[3])
    assert [row[0] for row in await days_of(world, late)] == days[3:]
    assert await ensure(world, mode, nothing, watts="15", level="0.06", from_day=days[1]) == late
    assert await days_of(world, late) == (await days_of(world, early))[1:]
    assert await added_by(world, late) == await added_by(world, early)
    assert await ensure(world, mode, nothing, watts="15", level="0.06", from_day=FIRST - 9 * ONE_DAY) == late
    assert await ensure(world, mode, nothing, watts="15", level="0.06", from_day=days[2]) == late
    days.append(await world.next_day(**ROUND))
    await adjust(world, days[0], pool_btc_per_th="0.0000004")
    assert await days_of(world, late) == await days_of(world, early)
    assert [row[1] for row in await days_of(world, late)] == [
        Decimal(total) for total in ("0.16", "0.26", "0.26", "0.11", "0.11")
    ]
    assert await added_by(world, late) == await added_by(world, early)
    assert len(await added_by(world, late)) == 4
    for n in range(5):
        for m in range(n):
            grown = await sums_between(world, late, days[m], days[n])
            assert grown == await sums_between(world, early, days[m], days[n])


async def test_publishing_waits_for_a_class_that_appears(world: World) -> None:
    """So the class has a row for the day."""
    await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        class_id = await rate_classes.ensure(
            tx, energy_efficiency=Decimal(20), level_discount=Decimal(0), programmes=[], from_day=FIRST + 9 * ONE_DAY
        )
        publishing = asyncio.create_task(world.next_day(**ROUND))
        await until_blocked(world.pool, publishing)
    day = await within(publishing)
    assert [row[0] for row in await days_of(world, class_id)] == [day]


async def test_a_class_that_waits_for_a_publication_begins_after_it(world: World) -> None:
    """Unless it is asked to reach back, and then it does."""
    day = await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        now = await business_clock.advance_by(tx, ONE_DAY)
        await rates.enter(tx, inputs(day + ONE_DAY, **ROUND), at=now)
        assert await rate_classes.publish(tx, day + ONE_DAY, now=now)
        appearing = asyncio.create_task(ensure(world, from_day=day + ONE_DAY))
        await until_blocked(world.pool, appearing)
    assert [row[0] for row in await days_of(world, await within(appearing))] == [day + ONE_DAY]


async def test_a_class_that_appears_twice_at_once_is_one(world: World) -> None:
    """The second finds the first's, and neither writes a day twice."""
    day = await world.next_day(**ROUND)
    found = await within(asyncio.gather(*(ensure(world, from_day=day) for _ in range(10))))
    assert len(set(found)) == 1
    assert [row[0] for row in await days_of(world, found[0])] == [day]


async def test_adjusting_waits_for_a_class_that_reaches_back(world: World) -> None:
    """So the class has its difference."""
    day = await world.next_day(**ROUND)
    async with db.transaction(world.pool) as tx:
        class_id = await rate_classes.ensure(
            tx, energy_efficiency=Decimal(20), level_discount=Decimal(0), programmes=[], from_day=day
        )
        adjusting = asyncio.create_task(adjust(world, day, pool_btc_per_th="0.0000006"))
        await until_blocked(world.pool, adjusting)
    number = await within(adjusting)
    assert await added_by(world, class_id) == [(number, Decimal("1E-7"), 0, 0, Decimal("1E-7"))]
