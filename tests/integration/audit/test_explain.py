"""One record explained: the steps lead from what was published to what was paid, digit by digit."""

import datetime as dt
import re
from decimal import Decimal

import pytest

from hashrail import business_clock, clock, db
from hashrail.audit import explain
from hashrail.audit.explain import Explanation, Line
from hashrail.books import fence
from hashrail.clock import ONE_DAY
from hashrail.money import divide_half_even
from hashrail.rewards import discounts, rate_classes, rates, stints
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)
DEFAULTS = {"kwh_usd": Decimal("0.05"), "service_usd_per_th": Decimal("0.0089"), "gomining_usd": Decimal("0.2989")}


@pytest.fixture(scope="module")
async def world(books: World) -> World:
    """Alice has 5 TH at 15 W/TH (miner 1001) and two programmes; a day from the chain, an idle one, an adjusted one."""
    alice, bob = await books.user("alice"), await books.user("bob")
    await books.miner(alice.id, "5", "15")
    await books.miner(bob.id, "1", "20")
    for name, fraction in (("spring", "0.02"), ("mode", "0.015")):
        await join(books, alice.id, name, fraction)
    await books.mine()
    await computed_day(books)
    await books.mine(btc_usd="1000")
    await adjust(books, FIRST + ONE_DAY)
    await books.mine()
    await books.next_day()  # published and not closed
    return books


async def join(world: World, user_id: int, name: str, fraction: str) -> None:
    """A programme that a user takes part in."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        number = await discounts.create_programme(tx, name)
        await discounts.set_fraction(tx, number, from_day=FIRST, fraction=Decimal(fraction))
        await discounts.set_membership(tx, world.partner.id, user_id, number, member=True)
        await stints.sync_stints(tx, books, [user_id])


async def computed_day(world: World) -> None:
    """A day whose pool reward follows from difficulty, subsidy and fees."""
    fields = {"day": "2026-03-02", "btc_usd": "78862.65350442", "difficulty": "95.67e12", "subsidy_btc": "3.125"}
    async with db.transaction(world.pool) as tx:
        now = await business_clock.advance_by(tx, ONE_DAY)
        made = rates.parse(fields | {"fees_btc": "0.04", "source": "exchange"}, DEFAULTS, Decimal(0))
        await rates.enter(tx, made, at=now)
        assert await rate_classes.publish(tx, FIRST + ONE_DAY, now=now)
    assert await world.close(FIRST + ONE_DAY)


async def adjust(world: World, day: dt.date) -> None:
    """Correct a published day."""
    async with db.transaction(world.pool) as tx:
        at = clock.start_of(FIRST)
        assert await rate_classes.adjust(tx, day, reason="fees left out", pool_btc_per_th=Decimal("6.7e-7"), at=at) == 1


async def explained(world: World, miner: int, day: dt.date) -> Explanation:
    """The record of a miner."""
    async with db.transaction(world.pool) as tx:
        return await explain.income(tx, miner, day)


def steps(found: Explanation) -> dict[str, Line]:
    """The steps by name."""
    assert len({line.name for line in found.lines}) == len(found.lines)
    return {line.name: line for line in found.lines}


def numbers(text: str) -> list[Decimal]:
    """Every number in a reckoning."""
    return [Decimal(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]


async def test_the_steps_lead_to_what_was_paid(world: World) -> None:
    """Each is reckoned again here from nothing but the figures that it shows."""
    found = await explained(world, 1001, FIRST + ONE_DAY)
    assert (found.miner_id, found.partner_user_id, found.day) == (1001, "alice", FIRST + ONE_DAY)
    shown = steps(found)
    _, _, _, subsidy, fees, difficulty, _, _, places = numbers(shown["pool reward"].reckoning)
    reward = 86400 * Decimal(10) ** 12 * (subsidy + fees)
    pool = divide_half_even(reward, difficulty * 2**32, int(places))
    assert shown["pool reward"].result == f"{pool.normalize():f}"
    assert shown["discount"].reckoning == "min(0.35, 0.003 + 0.02 (spring) + 0.015 (mode))"
    assert shown["discount"].result == "0.038"
    kwh, _, _, watts, usd, charged, price = numbers(shown["C1 electricity"].reckoning)
    assert usd == kwh * 24 / 1000 * watts
    assert (watts, charged) == (15, 1 - Decimal("0.038"))
    c1 = divide_half_even(usd * charged, price, 14)
    service, charged, price = numbers(shown["C2 service"].reckoning)
    c2 = divide_half_even(service * charged, price, 14)
    results = [Decimal(shown[name].result) for name in ("C1 electricity", "C2 service", "net per TH")]
    assert results == [c1, c2, pool - c1 - c2]
    for name, rate in (("gross", pool), ("c1Value", c1), ("c2Value", c2), ("value", pool - c1 - c2)):
        assert numbers(shown[name].reckoning) == [5, rate]
        assert Decimal(shown[name].result) == 5 * rate
    assert found.net == 5 * (pool - c1 - c2) == 5 * found.rates.net
    assert found.inputs.source == "exchange"


async def test_what_was_published_is_shown_with_its_unit(world: World) -> None:
    """A day that was entered says so."""
    shown = steps(await explained(world, 1002, FIRST + 3 * ONE_DAY))
    assert [(line.name, line.reckoning, line.result, line.unit) for line in shown.values()][:6] == [
        ("pool reward", "published (entered)", "0.00000049", "BTC/TH/day"),
        ("bitcoin price", "published", "78862.65350442", "USD"),
        ("electricity price", "published", "0.05", "USD/kWh"),
        ("service price", "published", "0.0089", "USD/TH/day"),
        ("efficiency", "of the miner", "20", "W/TH"),
        ("discount", "min(0.35, 0)", "0", ""),
    ]
    assert list(shown)[6:] == ["C1 electricity", "C2 service", "net per TH", "gross", "c1Value", "c2Value", "value"]
    assert {line.unit for line in list(shown.values())[9:]} == {"BTC"}


async def test_an_idle_day_says_why(world: World) -> None:
    """Bitcoin at 1,000 USD pays for nobody's electricity."""
    found = await explained(world, 1001, FIRST + 2 * ONE_DAY)
    shown = steps(found)
    assert found.net == 0
    assert shown["idle"] == Line("idle", "pool reward < C1 + C2: reward and fees are 0", "0", "BTC/TH")
    assert not {"C1 electricity", "C2 service", "net per TH"} & set(shown)
    assert {shown[name].result for name in ("gross", "c1Value", "c2Value", "value")} == {"0"}


async def test_an_adjustment_is_a_step_of_its_own(world: World) -> None:
    """With its reason and the day it was credited with; the record itself stays as it was published."""
    found = await explained(world, 1001, FIRST + ONE_DAY)
    shown = steps(found)
    difference = Decimal("6.7e-7") - Decimal(shown["pool reward"].result)
    line = shown["adjustment 1"]
    assert line.reckoning == f"5 TH x {difference:f}: fees left out, credited with 2026-03-04"
    assert Decimal(line.result) == 5 * difference
    assert shown["pool reward now"].result == "0.00000067"
    assert "adjustment 1" not in steps(await explained(world, 1001, FIRST + 3 * ONE_DAY))


@pytest.mark.parametrize(("miner", "day"), [(1001, 0), (1001, 4), (1001, -1), (9999, 1)])
async def test_what_was_not_earned_cannot_be_explained(world: World, miner: int, day: int) -> None:
    """The day of the purchase, a day to come, a day before all days, somebody else's number."""
    with pytest.raises(explain.RecordNotFoundError) as caught:
        await explained(world, miner, FIRST + day * ONE_DAY)
    assert (caught.value.status, caught.value.code) == (404, "RECORD_NOT_FOUND")


async def test_published_rates_that_do_not_follow_are_our_bug(world: World) -> None:
    """An explanation that does not lead to what was paid is not shown."""
    async with world.pool.acquire() as connection:
        undo = connection.transaction()
        await undo.start()
        await connection.execute("UPDATE mining_day SET kwh_usd = kwh_usd + 0.01 WHERE day = $1", FIRST + ONE_DAY)
        with pytest.raises(AssertionError, match="the published rates follow"):
            await explain.income(connection, 1001, FIRST + ONE_DAY)
        await connection.execute("UPDATE class_day SET discount = 0.01 WHERE day = $1", FIRST + ONE_DAY)
        with pytest.raises(AssertionError, match="the published discount follows"):
            await explain.income(connection, 1001, FIRST + ONE_DAY)
        await undo.rollback()
    assert (await explained(world, 1001, FIRST + ONE_DAY)).net > 0
