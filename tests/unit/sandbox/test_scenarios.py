"""Generated rates: the same each time, plausible, exact, and as different as their scenarios say."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pytest

from hashrail import money
from hashrail.rewards import formula
from hashrail.sandbox import scenarios
from hashrail.sandbox.scenarios import Scenario, day_inputs

PRICES = {"kwh_usd": Decimal("0.05"), "service_usd_per_th": Decimal("0.0089"), "gomining_usd": Decimal("0.2989")}
DAYS = [dt.date(2026, 1, 1) + dt.timedelta(days=number) for number in range(400)]


def series(scenario: Scenario) -> list[formula.DayInputs]:
    """Four hundred days."""
    return [day_inputs(day, scenario, PRICES) for day in DAYS]


@pytest.mark.parametrize("scenario", list(Scenario))
def test_a_day_is_the_same_each_time(scenario: Scenario) -> None:
    """And says that it is generated, from what."""
    assert series(scenario) == series(scenario)
    for made in series(scenario):
        assert made.source == f"generated: {scenario.value}"
        assert (made.kwh_usd, made.service_usd_per_th, made.gomining_usd) == tuple(PRICES.values())
        assert made.difficulty is not None
        assert made.subsidy_btc is not None
        assert made.fees_btc is not None
        follows = formula.full_pay_per_share(made.difficulty, made.subsidy_btc, made.fees_btc)
        assert made.pool_btc_per_th == follows
        assert all(money.is_amount(value) for value in (made.btc_usd, made.difficulty, made.fees_btc))
        assert money.decimals(made.btc_usd) <= 2
        assert money.decimals(made.fees_btc) <= 8


def test_steady_days_stay_around_the_figures_of_the_field() -> None:
    """The price moves every day, the difficulty every fourteen; both go up and down."""
    made = series(Scenario.STEADY)
    prices = [each.btc_usd for each in made]
    assert Decimal(71_000) < min(prices) < Decimal(76_000)
    assert Decimal(81_000) < max(prices) < Decimal(87_000)
    assert len(set(prices)) > 390
    difficulties = [each.difficulty for each in made]
    assert all(Decimal("110e12") < each < Decimal("140e12") for each in difficulties if each is not None)
    changes = [index for index in range(1, 400) if difficulties[index] != difficulties[index - 1]]
    assert all((later - earlier) % scenarios.RETARGET_DAYS == 0 for earlier, later in pairwise(changes))
    assert 25 <= len(changes) <= 29
    assert {each.subsidy_btc for each in made} == {Decimal("3.125")}
    fees = [each.fees_btc for each in made if each.fees_btc is not None]
    assert Decimal("0.005") <= min(fees) < Decimal("0.02")
    assert Decimal("0.07") < max(fees) <= Decimal("0.085")


def test_one_day_to_the_last_digit() -> None:
    """A sandbox that is started anew shows the same past."""
    made = day_inputs(dt.date(2026, 9, 9), Scenario.STEADY, PRICES)
    assert str(made.btc_usd) == "77195.47"
    assert str(made.difficulty) == "135150000000000"
    assert str(made.fees_btc) == "0.02295025"
    assert money.plain(made.pool_btc_per_th) == "0.00000046856052"


def test_a_halving_halves_the_subsidy_alone() -> None:
    """Prices, difficulty and fees are those of a steady day."""
    for steady, halved in zip(series(Scenario.STEADY), series(Scenario.HALVING), strict=True):
        assert halved.subsidy_btc == Decimal("1.5625")
        assert (halved.btc_usd, halved.difficulty, halved.fees_btc) == (
            steady.btc_usd,
            steady.difficulty,
            steady.fees_btc,
        )
        assert halved.pool_btc_per_th < steady.pool_btc_per_th * Decimal("0.52")


def test_growth_adds_the_same_every_day() -> None:
    """A thousandth of a steady day's price a day, a hundredth of its difficulty every fourteen; the rest stays."""
    for number, steady in enumerate(series(Scenario.STEADY), start=1):
        grown = day_inputs(steady.day, Scenario.GROWTH, PRICES, growing_since=DAYS[0])
        assert abs(grown.btc_usd - steady.btc_usd * (1000 + number) / 1000) < 1
        assert steady.difficulty is not None
        assert grown.difficulty == steady.difficulty * (100 + number // 14) / 100
        assert (grown.subsidy_btc, grown.fees_btc) == (steady.subsidy_btc, steady.fees_btc)
    far = day_inputs(dt.date(2036, 9, 9), Scenario.GROWTH, PRICES, growing_since=dt.date(2026, 9, 9))
    assert Decimal("1e5") < far.btc_usd < Decimal("1e6")


def test_every_scenario_has_words() -> None:
    assert set(scenarios.ABOUT) == set(Scenario)


def test_a_crash_leaves_weak_miners_idle() -> None:
    """A fifth of the price: 20 W/TH costs more than it earns, on every day; the pool pays the same in bitcoin."""
    for steady, crashed in zip(series(Scenario.STEADY), series(Scenario.CRASH), strict=True):
        assert abs(crashed.btc_usd * 5 - steady.btc_usd) < 10
        assert crashed.pool_btc_per_th == steady.pool_btc_per_th
        assert formula.class_rates(crashed, Decimal(20), Decimal(0)) == formula.IDLE
        assert formula.class_rates(steady, Decimal(20), Decimal(0)).net > 0
