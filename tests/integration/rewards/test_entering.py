"""Entering a day's rates: refused, entered or held; how long they wait, and how they are confirmed and taken back."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import bounds, business_clock, clock, db
from hashrail.clock import ONE_DAY
from hashrail.money import plain
from hashrail.rewards import closing, entering, preview, rate_classes, rates
from hashrail.rewards.entering import Judgement
from hashrail.rewards.rates import MiningDay
from tests.support.books import buy
from tests.support.deployments import become
from tests.support.rewards import adjust
from tests.support.world import World, inputs

FIRST = dt.date(2026, 3, 1)
HOUR = dt.timedelta(hours=1)


async def enter(world: World, day: dt.date, **changes: str) -> Judgement:
    """Enter a day as who fetches rates does."""
    async with db.transaction(world.pool) as tx:
        return await entering.enter(tx, inputs(day, **changes), at=await business_clock.now(tx))


async def found(world: World, day: dt.date) -> MiningDay:
    return await rates.find(world.pool, day)


def fields(judged: Judgement) -> list[tuple[str, bool]]:
    """What is doubted, and whether it takes two."""
    return [(each.field, each.two) for each in judged.doubts]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"btc_usd": "78.862"}, "btc_usd"),
        ({"difficulty": "95.67"}, "difficulty"),
        ({"difficulty": "65", "subsidy_btc": "95.67e12"}, "difficulty"),
        ({"subsidy_btc": "50"}, "subsidy_btc"),
        ({"fees_btc": "78862"}, "fees_btc"),
        ({"pool_btc_per_th": "0.049"}, "pool_btc_per_th"),
        ({"kwh_usd": "5"}, "kwh_usd"),
        ({"service_usd_per_th": "8.9"}, "service_usd_per_th"),
        ({"gomining_usd": "78862"}, "gomining_usd"),
    ],
)
async def test_what_cannot_be_is_refused(world: World, changes: dict[str, str], field: str) -> None:
    """Whoever enters it, and nothing is written."""
    with pytest.raises(bounds.ImplausibleFigureError) as caught:
        await enter(world, FIRST, **changes)
    assert caught.value.details["field"] == field
    assert await rates.newest(world.pool, 9) == []


async def test_what_is_like_the_day_before_is_published_by_itself(world: World) -> None:
    """Also where some figures have moved a little, and what was given before was not."""
    assert fields(await enter(world, FIRST)) == []
    moved = {"btc_usd": "90000", "pool_btc_per_th": "6.6e-7", "difficulty": "95.67e12", "subsidy_btc": "3.125"}
    assert fields(await enter(world, FIRST + ONE_DAY, **moved, fees_btc="0.04")) == []
    assert (await found(world, FIRST + ONE_DAY)).held == ()


async def test_what_is_far_from_the_day_before_is_held(world: World) -> None:
    """It says why, for whom it waits, and nothing after it is published."""
    await enter(world, FIRST)
    judged = await enter(world, FIRST + ONE_DAY, btc_usd="110000", kwh_usd="0.5")
    assert fields(judged) == [("btc_usd", False), ("kwh_usd", True)]
    await enter(world, FIRST + 2 * ONE_DAY, btc_usd="112000")
    waiting = await rates.held(world.pool)
    assert [(each.inputs.day, each.held_for_two) for each in waiting] == [
        (FIRST + ONE_DAY, True),
        (FIRST + 2 * ONE_DAY, False),
    ]
    assert waiting[0].held == (
        "btc_usd 110000 (78862.65350442 on 2026-03-01, 1.39 times)",
        "kwh_usd 0.5 (0.05 on 2026-03-01, 10 times)",
    )
    async with db.transaction(world.pool) as tx:
        await business_clock.advance_by(tx, 3 * ONE_DAY)
    progress = await closing.close_due(world.pool)
    assert progress.published_through == FIRST
    assert isinstance(progress.waiting, rates.DayHeldError)
    assert "2026-03-02 waits for an operator: btc_usd 110000" in progress.waiting.message
    # Nobody gets round it by publishing.
    async with db.transaction(world.pool) as tx:
        with pytest.raises(rates.DayHeldError):
            await rate_classes.publish(tx, FIRST + ONE_DAY, now=await business_clock.now(tx))


async def test_a_confirmed_day_lets_those_after_it_go(world: World) -> None:
    """What was doubtful only beside the day before it, that is; what is off by itself stays."""
    await enter(world, FIRST)
    for n, price in enumerate(("110000", "112000", "300000"), start=1):
        assert (await enter(world, FIRST + n * ONE_DAY, btc_usd=price)).doubts
    async with db.transaction(world.pool) as tx:
        await entering.confirm(tx, FIRST + ONE_DAY, today=FIRST)
        with pytest.raises(entering.NotHeldError, match="2026-03-02 is not held"):
            await entering.confirm(tx, FIRST + ONE_DAY, today=FIRST)
        with pytest.raises(rates.RatesMissingError):
            await entering.confirm(tx, FIRST + 9 * ONE_DAY, today=FIRST)
    assert [each.inputs.day for each in await rates.held(world.pool)] == [FIRST + 3 * ONE_DAY]


async def test_a_day_entered_again_is_looked_at_again(world: World) -> None:
    """A held one that is corrected waits no longer, a good one that is spoilt does."""
    await enter(world, FIRST)
    for price, held in (("110000", True), ("80000", False), ("30000", True)):
        await enter(world, FIRST + ONE_DAY, btc_usd=price)
        assert bool((await found(world, FIRST + ONE_DAY)).held) is held


@pytest.mark.parametrize("way", ["deleted", "entered again", "entered between"])
async def test_days_between_lead_no_figure_up(world: World, way: str) -> None:
    """Each step was small; once those in between are gone the last one is far off, and takes two."""
    await enter(world, FIRST)
    steps = [3] if way == "entered between" else [1, 2, 3, 4]
    for n in steps:
        price = "78900" if way == "entered between" else str(78862 + n * 19000)
        assert fields(await enter(world, FIRST + n * ONE_DAY, btc_usd=price)) == []
    for n in (1, 2, 3):
        if way == "deleted":
            async with db.transaction(world.pool) as tx:
                await entering.delete(tx, FIRST + n * ONE_DAY, today=FIRST)
        elif way == "entered again":
            await enter(world, FIRST + n * ONE_DAY, btc_usd="70000")
        elif n < 3:
            # Doubtful, and confirmed: what comes after it is far from it now.
            assert (await enter(world, FIRST + n * ONE_DAY, btc_usd="160000")).needs_two is (n == 1)
            if n == 1:
                async with db.transaction(world.pool) as tx:
                    await entering.confirm(tx, FIRST + n * ONE_DAY, today=FIRST)
    [last] = await rates.held(world.pool)
    assert (last.inputs.day, last.held_for_two) == (FIRST + steps[-1] * ONE_DAY, way != "deleted")


async def test_a_day_that_was_confirmed_is_looked_at_again(world: World) -> None:
    """It was confirmed beside other figures; those after it are as they were."""
    await enter(world, FIRST)
    await enter(world, FIRST + ONE_DAY)
    for n in (2, 3):
        await enter(world, FIRST + n * ONE_DAY, btc_usd="110000")
    async with db.transaction(world.pool) as tx:
        await entering.confirm(tx, FIRST + 2 * ONE_DAY, today=FIRST)
    assert await rates.held(world.pool) == []
    await enter(world, FIRST + ONE_DAY, btc_usd="70000")
    assert [each.inputs.day for each in await rates.held(world.pool)] == [FIRST + 2 * ONE_DAY, FIRST + 3 * ONE_DAY]
    await enter(world, FIRST + ONE_DAY, btc_usd="95000")
    assert await rates.held(world.pool) == []


async def test_a_day_is_held_against_an_adjusted_one(world: World) -> None:
    """Not against the figures that turned out to be wrong."""
    await world.mine(btc_usd="30000")
    await adjust(world, FIRST, btc_usd="80000")
    assert fields(await enter(world, FIRST + ONE_DAY, btc_usd="81000")) == []
    assert fields(await enter(world, FIRST + ONE_DAY, btc_usd="30000")) == [("btc_usd", True)]


async def test_the_first_day_of_all_is_within_a_week(world: World) -> None:
    """A wrong year is doubted; once there is a first day, later ones are far or not by themselves."""
    assert fields(await enter(world, FIRST - 8 * ONE_DAY)) == [("day", False)]
    assert fields(await enter(world, FIRST.replace(year=2016))) == [("day", False)]
    async with db.transaction(world.pool) as tx:
        for each in await rates.newest(tx, 9):
            await rates.delete(tx, each.inputs.day)
    assert fields(await enter(world, FIRST - 7 * ONE_DAY)) == []
    assert fields(await enter(world, FIRST + 40 * ONE_DAY)) == []
    assert fields(await enter(world, FIRST - 8 * ONE_DAY)) == [("day", False)]
    with pytest.raises(entering.DayFarError, match="more than a year ahead"):
        await enter(world, FIRST.replace(year=2028))


async def test_no_day_before_the_first_published_one_is_entered(world: World) -> None:
    await world.mine()
    with pytest.raises(entering.DayFarError, match="before 2026-03-01, the first day that was published"):
        await enter(world, FIRST - ONE_DAY)
    with pytest.raises(rates.DayPublishedError):
        await enter(world, FIRST, btc_usd="1")


async def test_an_entered_day_is_deleted_until_it_is_published(world: World) -> None:
    """Then it is fixed; a day that nobody entered is none."""
    await enter(world, FIRST, btc_usd="80000")
    async with db.transaction(world.pool) as tx:
        assert (await rates.delete(tx, FIRST)).inputs.btc_usd == 80000
        with pytest.raises(rates.RatesMissingError):
            await rates.delete(tx, FIRST)
    await world.mine()
    async with db.transaction(world.pool) as tx:
        with pytest.raises(rates.DayPublishedError):
            await rates.delete(tx, FIRST)


async def test_a_day_waits_after_it_was_entered(world: World) -> None:
    """As long as the policy says, counted anew when it is entered again; until then everybody sees when it is."""
    async with db.transaction(world.pool) as tx:
        await rates.set_delay(tx, 7200)
        await business_clock.advance_by(tx, ONE_DAY)
    await enter(world, FIRST)
    # Before anybody has a miner, nobody earns by the first day, and a deployment sells as soon as there is one.
    assert (await found(world, FIRST)).publishes_at == clock.credited_at(FIRST)
    await world.miner((await world.user()).id)
    entered = (await found(world, FIRST)).entered_at
    assert (await found(world, FIRST)).publishes_at == entered + 2 * HOUR
    for _ in range(2):
        progress = await closing.close_due(world.pool)
        assert (progress.published_through, progress.missing_rates) == (None, None)
        assert isinstance(progress.waiting, rates.DayDelayedError)
        async with db.transaction(world.pool) as tx:
            await business_clock.advance_by(tx, HOUR + dt.timedelta(minutes=30))
        await enter(world, FIRST)
    async with db.transaction(world.pool) as tx:
        await business_clock.advance_by(tx, 2 * HOUR)
    progress = await closing.close_due(world.pool)
    assert (progress.published_through, progress.waiting) == (FIRST, None)


async def test_a_day_entered_ahead_waits_for_its_end(world: World) -> None:
    """The delay is over by then."""
    async with db.transaction(world.pool) as tx:
        await rates.set_delay(tx, 7200)
    await enter(world, FIRST)
    assert (await found(world, FIRST)).publishes_at == clock.credited_at(FIRST)


@pytest.mark.parametrize(("mode", "seconds"), [("sandbox", 0), ("production", 3600)])
async def test_production_waits_an_hour_by_itself(world: World, dsn: str, mode: str, seconds: int) -> None:
    """And a sandbox, which moves its clock, does not; either may be changed, within two days."""
    become(dsn, mode=mode)
    assert await rates.delay(world.pool) == dt.timedelta(seconds=seconds)
    async with db.transaction(world.pool) as tx:
        await rates.set_delay(tx, 60)
        assert await rates.delay(tx) == dt.timedelta(seconds=60)
        for wrong in (-1, 172_801):
            with pytest.raises(rates.BadDelayError):
                await rates.set_delay(tx, wrong)


async def test_what_a_day_comes_to_is_told_before(world: World) -> None:
    """To whom, and what the same miners would get at the figures before; it is what closing then posts."""
    alice = await world.user()
    await buy(world, alice.id, "16")
    await world.mine()
    meant = inputs(FIRST + ONE_DAY, btc_usd="100000")
    effect = await preview.of_day(world.pool, meant, inputs(FIRST))
    assert (effect.crowd.partners, effect.crowd.miners, effect.crowd.power_th) == (1, 1, 16)
    assert effect.before_btc is not None
    assert effect.before_btc < effect.credits_btc < 16 * Decimal("4.9e-7")
    assert effect.words().startswith(f"2026-03-02 would credit {plain(effect.credits_btc)} BTC to 1 miners")
    await world.mine(btc_usd="100000")
    posted = await world.pool.fetchval(
        "SELECT sum(amount) FROM transfer WHERE kind = 'day' AND leg = 1 AND object_id = $1",
        (FIRST + ONE_DAY).toordinal(),
    )
    assert posted == effect.credits_btc
    # Also of a day that is closed already, from what has changed since.
    assert (await preview.of_day(world.pool, replace(meant, day=FIRST), None)).crowd.power_th == 0
