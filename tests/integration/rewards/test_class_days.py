"""What publishing writes in the database is what the formula says, to the last digit, for any figures."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from hashrail import business_clock, clock, db
from hashrail.rewards import rate_classes, rates
from hashrail.rewards.formula import DayInputs, class_rates, total_discount
from tests.support.world import World, inputs

CLASSES = 60
# With bitcoin at one dollar these end in half of the last decimal, and are rounded to the even one.
TIES = {"btc_usd": "1", "kwh_usd": "0.0000000000005", "pool_btc_per_th": "1"}
HALVES = ("1.25", "3.75", "6.25", "8.75")


def random_inputs(day: date, chance: random.Random) -> DayInputs:
    """Figures of any size that a day may have; of some days nobody earns by, and of some everybody."""
    decimals = chance.randint(0, 18)
    return replace(
        inputs(day),
        pool_btc_per_th=Decimal(chance.choice([0, 49, 10**7, chance.randint(0, 10**9)])).scaleb(-14),
        btc_usd=Decimal(chance.randint(1, 10**18)).scaleb(-chance.randint(0, 18)),
        kwh_usd=Decimal(chance.randint(0, 10**decimals)).scaleb(-decimals),
        service_usd_per_th=Decimal(chance.randint(0, 10**decimals)).scaleb(-decimals),
        discount_cap=Decimal(chance.randint(0, 10_000)).scaleb(-4),
    )


async def class_days(world: World, day: date) -> list[db.Row]:
    """The rows of a day with what they follow from, in the order of classes."""
    return await world.pool.fetch(
        """SELECT c.id, c.energy_efficiency, c.level_discount, c.programmes, d.discount, d.pool, d.c1, d.c2, d.net,
                  d.pool_sum, d.net_sum
           FROM class_day d JOIN rate_class c ON c.id = d.class_id WHERE d.day = $1 ORDER BY c.id""",
        day,
    )


async def publish(world: World, given: DayInputs) -> None:
    """Publish the open day with these figures, under their cap, and let it end."""
    async with db.transaction(world.pool) as tx:
        now = await business_clock.advance_by(tx, clock.ONE_DAY)
        await tx.execute("UPDATE publication SET discount_cap = $1", given.discount_cap)
        await rates.enter(tx, given, at=now)
        assert await rate_classes.publish(tx, given.day, now=now)


async def have_classes(world: World, efficiencies: Iterator[Decimal], chance: random.Random) -> None:
    """Classes with all sorts of discounts; two programmes give something, one nothing yet."""
    async with db.transaction(world.pool) as tx:
        for number, fraction in ((1, "0.0333"), (2, "0.25"), (3, None)):
            await tx.execute("INSERT INTO discount_programme VALUES ($1, $2, now())", number, f"programme {number}")
            if fraction is not None:
                await tx.execute(
                    "INSERT INTO programme_fraction VALUES ($1, '2026-01-01', $2)", number, Decimal(fraction)
                )
        for efficiency in efficiencies:
            await rate_classes.ensure(
                tx,
                energy_efficiency=efficiency,
                level_discount=Decimal(chance.randint(0, 10_000)).scaleb(-4),
                programmes=sorted(chance.sample([1, 2, 3], chance.randint(0, 3))),
                from_day=date(2026, 3, 1),
            )


@pytest.mark.parametrize("seed", range(3))
async def test_class_days_are_what_the_formula_gives(world: World, seed: int) -> None:
    """Day after day, with running sums that go on."""
    chance = random.Random(seed)
    await have_classes(world, (Decimal(chance.randint(1, 99_999)).scaleb(-2) for _ in range(CLASSES)), chance)
    gives = {1: Decimal("0.0333"), 2: Decimal("0.25")}
    sums: dict[int, Decimal] = {}
    for _ in range(12):
        given = random_inputs(await world.today(), chance)
        await publish(world, given)
        rows = await class_days(world, given.day)
        assert len(rows) >= CLASSES - 1
        for row in rows:
            fractions = sum((gives.get(each, Decimal(0)) for each in row["programmes"]), Decimal(0))
            discount = total_discount(given, row["level_discount"], fractions)
            paid = class_rates(given, row["energy_efficiency"], discount)
            assert row["discount"] == discount
            assert (row["pool"], row["c1"], row["c2"], row["net"]) == (paid.pool, paid.c1, paid.c2, paid.net)
            sums[row["id"]] = sums.get(row["id"], Decimal(0)) + paid.net
            assert row["net_sum"] == sums[row["id"]]


async def test_halves_go_to_the_even_one(world: World) -> None:
    """A half of the last decimal is rounded neither always up nor always down."""
    async with db.transaction(world.pool) as tx:
        for efficiency in HALVES:
            await rate_classes.ensure(
                tx,
                energy_efficiency=Decimal(efficiency),
                level_discount=Decimal(0),
                programmes=[],
                from_day=date(2026, 3, 1),
            )
    found = []
    for service in ("0.000000000000025", "0.000000000000035"):
        day = await world.today()
        await publish(world, inputs(day, service_usd_per_th=service, **TIES))
        rows = await class_days(world, day)
        found.append([int(row["c1"].scaleb(14)) for row in rows])
        assert {int(row["c2"].scaleb(14)) for row in rows} == {2 if service.endswith("25") else 4}
    assert found == [[2, 4, 8, 10]] * 2


async def test_what_was_written_just_now_is_joined_in_bulk(world: World) -> None:
    """Though statistics say that nothing is there: nothing is joined row by row, and afterwards plans are as ever."""
    async with db.transaction(world.pool) as tx:
        async with db.joined_in_bulk(tx):
            plan = await tx.fetch(
                "EXPLAIN SELECT 1 FROM class_power p LEFT JOIN class_day d ON d.class_id = p.class_id"
            )
            assert "Nested Loop" not in str(plan)
        assert await tx.fetchval("SHOW enable_nestloop") == "on"


async def test_what_is_joined_in_bulk_has_memory(world: World) -> None:
    """It is sorted and hashed without files; an operator's server that gives more keeps giving it."""
    async with db.transaction(world.pool) as tx:
        usual = await tx.fetchval("SHOW work_mem")
        async with db.joined_in_bulk(tx):
            assert await tx.fetchval("SHOW work_mem") == "64MB"
        assert await tx.fetchval("SHOW work_mem") == usual
        await tx.execute("SET LOCAL work_mem = '128MB'")
        async with db.joined_in_bulk(tx):
            assert await tx.fetchval("SHOW work_mem") == "128MB"
