"""A published day can be closed: what cannot be is not published, and what was published so is taken back."""

import datetime as dt
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashrail import bounds, business_clock, db
from hashrail.clock import ONE_DAY
from hashrail.money import ZERO
from hashrail.rewards import closing, entering, rate_classes, rates, taking_back, tariffs, trial
from hashrail.rewards.formula import full_pay_per_share
from hashrail.rewards.tariffs import Tariff
from hashrail.rewards.trial import DayUnclosableError
from tests.support.books import broken, buy
from tests.support.rewards import adjust, owed
from tests.support.world import START, World, inputs

FIRST = dt.date(2026, 3, 1)
HUGE = {"pool_btc_per_th": "3e18"}


async def enter_raw(world: World, day: dt.date, **changes: str) -> None:
    """Enter a day as nobody looks at it, who is no operator."""
    async with db.transaction(world.pool) as tx:
        await rates.enter(tx, inputs(day, **changes), at=await business_clock.now(tx))


async def pass_days(world: World, days: int = 1) -> None:
    async with db.transaction(world.pool) as tx:
        await business_clock.advance_by(tx, days * ONE_DAY)


async def selling(world: World) -> int:
    """Alice has 16 TH, and the first day is closed; answers her number."""
    alice = await world.user()
    await buy(world, alice.id, "16")
    await world.mine()
    return alice.id


@pytest.mark.parametrize(
    ("changes", "figure"),
    [
        (HUGE, "net of partner 1 would be 4"),
        ({"pool_btc_per_th": "9e19"}, "pool is 9"),
        ({"pool_btc_per_th": "3.7e18", "kwh_usd": "1e19", "btc_usd": "1"}, "c1 of partner 1 would be"),
    ],
)
async def test_a_day_that_cannot_be_closed_is_not_published(world: World, changes: dict[str, str], figure: str) -> None:
    """It says which figure, stays entered, and is deleted or entered again; then days go on."""
    alice = await selling(world)
    await enter_raw(world, FIRST + ONE_DAY, **changes)
    await pass_days(world)
    progress = await closing.close_due(world.pool)
    assert (progress.published_through, progress.closed) == (FIRST, 0)
    assert isinstance(progress.waiting, DayUnclosableError)
    assert progress.waiting.message.startswith(f"2026-03-02 cannot be closed: {figure}")
    assert await broken(world.pool) == {}
    async with db.transaction(world.pool) as tx:
        await rates.delete(tx, FIRST + ONE_DAY)
    await enter_raw(world, FIRST + ONE_DAY)
    assert (await closing.close_due(world.pool)).published_through == FIRST + ONE_DAY
    assert await owed(world, alice) > 0
    assert await broken(world.pool) == {}


async def test_sums_over_days_are_tried_too(world: World) -> None:
    """Each day fits by itself, and the books do not hold all of them."""
    await selling(world)
    waiting: object = None
    for n in range(1, 5):
        await enter_raw(world, FIRST + n * ONE_DAY, pool_btc_per_th="3e17")
        await pass_days(world)
        waiting = (await closing.close_due(world.pool)).waiting
    assert isinstance(waiting, DayUnclosableError)
    assert "2026-03-04 cannot be closed: all that the pool owes of partner 1" in waiting.message
    assert await broken(world.pool) == {}


async def test_an_adjustment_that_cannot_be_credited_is_refused(world: World) -> None:
    """By itself, and by what it adds to others that are credited with the same day."""
    await selling(world)
    await world.mine()
    with pytest.raises(DayUnclosableError, match="2026-03-03 cannot be closed: net of partner 1"):
        await adjust(world, FIRST + ONE_DAY, **HUGE)
    await adjust(world, FIRST + ONE_DAY, pool_btc_per_th="3e17")
    with pytest.raises(DayUnclosableError, match="all that the pool owes of partner 1"):
        await adjust(world, FIRST + ONE_DAY, pool_btc_per_th="9e17")
    await enter_raw(world, FIRST + 2 * ONE_DAY)
    await pass_days(world)
    assert (await closing.close_due(world.pool)).published_through == FIRST + 2 * ONE_DAY
    assert await broken(world.pool) == {}


async def publish_untried(world: World, day: dt.date, **changes: str) -> None:
    """Publish a day as a program of before did, which tried nothing."""
    await enter_raw(world, day, **changes)
    await pass_days(world)

    async def nothing(*_: Any) -> None:
        """Try nothing."""

    with patch.object(trial, "assert_closable", nothing):
        async with db.transaction(world.pool) as tx:
            assert await rate_classes.publish(tx, day, now=await business_clock.now(tx))


@pytest.mark.parametrize("first", [True, False])
async def test_a_day_of_before_that_cannot_be_closed_is_taken_back(world: World, first: bool) -> None:
    """The first one too; adjustments go with it, it is held, and whoever is entered in its place is closed."""
    alice = await world.user()
    await buy(world, alice.id, "16")
    stuck = FIRST + ONE_DAY
    if first:
        await pass_days(world)
    else:
        await world.mine()
    await publish_untried(world, stuck, pool_btc_per_th="9e18")
    with pytest.raises(asyncpg.CheckViolationError, match="amount_check"):
        await closing.close_due(world.pool)
    await world.another_partner("newcomer")
    async with db.transaction(world.pool) as tx:
        with pytest.raises(taking_back.NotNewestError):
            await taking_back.take_back(tx, FIRST)
        await taking_back.take_back(tx, stuck)
    assert (await rates.find(world.pool, stuck)).held == ("it was taken back",)
    assert await rate_classes.published_through(world.pool) == (None if first else FIRST)
    assert await broken(world.pool) == {}
    await enter_raw(world, stuck)
    progress = await closing.close_due(world.pool)
    assert (progress.published_through, progress.waiting) == (stuck, None)
    assert await owed(world, alice.id) > 0
    assert await broken(world.pool) == {}


async def test_a_closed_day_is_not_taken_back(world: World) -> None:
    """What was earned by it is theirs, also where it was nothing."""
    await selling(world)
    await world.mine(pool_btc_per_th="0")
    async with db.transaction(world.pool) as tx:
        with pytest.raises(taking_back.DayClosedError, match="partner 1 has closed 2026-03-02"):
            await taking_back.take_back(tx, FIRST + ONE_DAY)


async def test_difficulty_fees_and_subsidy_are_adjusted_themselves(world: World) -> None:
    """Nobody makes quotients by hand; what is left out stays, and the pool reward given beside them is refused."""
    await world.mine()
    before = inputs(FIRST)
    with pytest.raises(rate_classes.BadAdjustmentError, match="entered without subsidy_btc"):
        rate_classes.corrected(before, {"difficulty": Decimal("95.67e12")}, pool_fee=ZERO)
    chain = {"difficulty": "95.67e12", "subsidy_btc": "3.125", "fees_btc": "0"}
    with pytest.raises(rate_classes.BadAdjustmentError, match="follows from difficulty"):
        await adjust(world, FIRST, **chain, pool_btc_per_th="5e-7")
    await adjust(world, FIRST, **chain)
    await adjust(world, FIRST, btc_usd="80000")
    await adjust(world, FIRST, fees_btc="0.04")
    async with db.transaction(world.pool) as tx:
        now = await rate_classes.in_force(tx, FIRST)
        assert (now.pool_btc_per_th, now.btc_usd, now.fees_btc) == (
            Decimal("0.00000066550576"),
            Decimal(80000),
            Decimal("0.04"),
        )
        with pytest.raises(rate_classes.NothingToAdjustError):
            rate_classes.corrected(now, {"difficulty": Decimal("95.67e12")}, pool_fee=ZERO)
    await adjust(world, FIRST, pool_btc_per_th="5e-7")
    async with db.transaction(world.pool) as tx:
        assert (await rate_classes.in_force(tx, FIRST)).difficulty is None


@pytest.mark.parametrize(("fee", "same"), [("0.02", True), ("0.02", False), ("0", True)])
async def test_an_adjusted_reward_is_less_the_fee_of_the_pool(world: World, fee: str, *, same: bool) -> None:
    """As the day was entered: nobody is paid the pool's fee since a difficulty was mended, nor by chance without it."""
    chain = {"difficulty": "95.67e12", "subsidy_btc": "3.125", "fees_btc": "0.02"}
    async with db.transaction(world.pool) as tx:
        if not same:
            # Entered before anybody named the fee.
            await rates.enter(tx, rates.parse({"day": str(FIRST), "btc_usd": "1", **chain}, PRICES, ZERO), at=START)
        await tariffs.put(tx, Tariff("pool_fee", FIRST, Decimal(fee)))
        if same:
            given = {**PRICES, "pool_fee": await tariffs.pool_fee(tx, FIRST)}
            await rates.enter(tx, rates.parse({"day": str(FIRST), "btc_usd": "1", **chain}, given, ZERO), at=START)
    await pass_days(world)
    await closing.close_due(world.pool)
    await adjust(world, FIRST, fees_btc="0.04")
    counted = Decimal(fee) if same else ZERO
    expected = full_pay_per_share(Decimal("95.67e12"), Decimal("3.125"), Decimal("0.04"), pool_fee=counted)
    async with db.transaction(world.pool) as tx:
        assert (await rate_classes.in_force(tx, FIRST)).pool_btc_per_th == expected


LIKELY = ("0", "1e-18", "95.67", "95.67e12", "78.862", "78862.65", "3.125", "0.04", "1e19", "0.05", "4.9e-7", "6e-6")
FIGURES = st.one_of(
    st.sampled_from(LIKELY), st.decimals("0", "1e20", places=6).map(str), st.integers(0, 10**14).map(str)
)
OTHERS = ("pool_btc_per_th", *rate_classes.CHAIN, "kwh_usd", "service_usd_per_th", "gomining_usd")
TYPED = st.fixed_dictionaries({"btc_usd": FIGURES}, optional=dict.fromkeys(OTHERS, FIGURES))
PRICES = {"kwh_usd": Decimal("0.05"), "service_usd_per_th": Decimal("0.0089"), "gomining_usd": Decimal("0.2989")}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=TYPED)
async def test_whatever_is_typed_days_go_on(world: World, typed: dict[str, str]) -> None:
    """It is refused, or the day is published and closed, once whoever is asked has confirmed it; books are in order."""
    today = await world.today()
    if today == FIRST:
        await selling(world)
        today += ONE_DAY
    try:
        async with db.transaction(world.pool) as tx:
            meant = rates.parse({"day": today.isoformat(), **typed}, PRICES, ZERO)
            await entering.enter(tx, meant, at=await business_clock.now(tx))
            if (await rates.find(tx, today)).held:
                await entering.confirm(tx, today, today=today)
    except (rates.BadRatesError, bounds.ImplausibleFigureError):
        return
    await pass_days(world)
    progress = await closing.close_due(world.pool)
    assert (progress.published_through, progress.waiting, progress.missing_rates) == (today, None, None)
    assert await broken(world.pool) == {}
