"""What one terahash earns on one day, against the recorded figures of the field and against plain fractions."""

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.money import decimals, divide_half_even, round_half_even
from hashrail.rewards import formula
from hashrail.rewards.formula import IDLE, ClassRates, DayInputs
from tests.support import folders
from tests.support.dull_engine import Inputs, per_th

DAY = dt.date(2026, 9, 9)
SATOSHI = Decimal("0.00000001")
CASES: dict[str, Any] = {
    case["name"]: case for case in json.loads((folders.VECTORS / "income.json").read_text())["cases"]
}
SNAPSHOT = CASES["2026-09-09 snapshot, no discount"]
CATALOGUE = CASES["catalogue sample"]
SHARES = CASES["full pay per share"]


def inputs_of(**changes: Decimal) -> DayInputs:
    """The inputs of the recorded day, some of them changed."""
    btc_usd = Decimal(SNAPSHOT["btc_usd"])
    values = {
        "pool_btc_per_th": formula.pool_from_usd(Decimal(SNAPSHOT["pool_reward_usd_per_th"]), btc_usd),
        "btc_usd": btc_usd,
        "gomining_usd": Decimal("0.2989"),
        "kwh_usd": Decimal(SNAPSHOT["kwh_usd"]),
        "service_usd_per_th": Decimal(SNAPSHOT["service_usd_per_th"]),
        "discount_cap": Decimal("0.35"),
    } | changes
    return DayInputs(
        day=DAY,
        pool_btc_per_th=values["pool_btc_per_th"],
        btc_usd=values["btc_usd"],
        gomining_usd=values["gomining_usd"],
        kwh_usd=values["kwh_usd"],
        service_usd_per_th=values["service_usd_per_th"],
        discount_cap=values["discount_cap"],
    )


@pytest.mark.parametrize("expected", SNAPSHOT["expect"], ids=lambda expected: f"{expected['w_per_th']} W/TH")
def test_daily_income_of_the_recorded_day(expected: dict[str, str]) -> None:
    """Net satoshis, and USD where they are recorded."""
    inputs = inputs_of()
    paid = formula.class_rates(inputs, Decimal(expected["w_per_th"]), Decimal(SNAPSHOT["discount"]))
    net_sat = Decimal(expected["net_sat"])
    assert round_half_even(paid.net / SATOSHI, decimals(net_sat)) == net_sat
    if "net_usd" in expected:
        net_usd = Decimal(expected["net_usd"])
        assert round_half_even(formula.usd_of(paid.net, inputs.btc_usd), decimals(net_usd)) == net_usd


def test_an_idle_miner_has_no_figures_at_all() -> None:
    """Break-even of the recorded day lies at 25.0427 W/TH: beyond it reward and costs are 0 too."""
    assert formula.class_rates(inputs_of(), Decimal("25.05"), Decimal(0)) == IDLE
    earning = formula.class_rates(inputs_of(), Decimal("25.04"), Decimal(0))
    assert 0 < earning.net < SATOSHI
    assert earning.pool == inputs_of().pool_btc_per_th


def test_breaking_even_is_not_idle() -> None:
    """Where pool equals the costs nothing is left, and the costs are shown."""
    costs = formula.class_rates(inputs_of(), Decimal(20), Decimal(0))
    even = formula.class_rates(inputs_of(pool_btc_per_th=costs.c1 + costs.c2), Decimal(20), Decimal(0))
    assert even == ClassRates(costs.c1 + costs.c2, costs.c1, costs.c2, Decimal(0))
    below = costs.c1 + costs.c2 - Decimal("1E-14")
    assert formula.class_rates(inputs_of(pool_btc_per_th=below), Decimal(20), Decimal(0)) == IDLE


def test_the_catalogue_sample() -> None:
    """Electricity, service and the yearly return that the vendor's catalogue shows for 1 TH."""
    expected = CATALOGUE["expect"]
    electricity = formula.electricity_usd_per_th(Decimal(CATALOGUE["kwh_usd"]), Decimal(CATALOGUE["w_per_th"]))
    assert electricity == Decimal(expected["electricityCost"])
    service = Decimal(CATALOGUE["service_usd_per_th"])
    assert service == Decimal(expected["serviceCost"])
    roi = formula.annual_roi(
        pool_usd=Decimal(CATALOGUE["pool_reward_btc_per_th"]) * Decimal(CATALOGUE["btc_usd"]),
        electricity_usd=electricity,
        service_usd=service,
        discount=Decimal(0),
        value_usd=Decimal(CATALOGUE["value_usd"]),
    )
    assert round_half_even(roi, 1) == Decimal(expected["annualROI"].split()[0])
    assert roi == Decimal("24.60")


def test_a_discount_raises_the_yearly_return() -> None:
    """It is taken off both costs: (0.05 - 0.03 * 0.9) * 365 / 20 in percent."""
    roi = formula.annual_roi(
        pool_usd=Decimal("0.05"),
        electricity_usd=Decimal("0.02"),
        service_usd=Decimal("0.01"),
        discount=Decimal("0.1"),
        value_usd=Decimal(20),
    )
    assert roi == Decimal("41.98")  # 41.975, a tie, goes to the even neighbour


def test_full_pay_per_share() -> None:
    """The recorded difficulty, to the four digits that are recorded; 14 decimals are kept."""
    reward = formula.full_pay_per_share(
        Decimal(SHARES["difficulty"]), Decimal(SHARES["subsidy_btc"]), Decimal(SHARES["fees_btc"])
    )
    recorded = Decimal(SHARES["expect_btc_per_th"].split()[0])
    assert round_half_even(reward, decimals(recorded)) == recorded
    exact = Fraction(86400 * 10**12) * Fraction("3.125") / (95_670_000_000_000 * 2**32)
    assert Fraction(reward) == Fraction(round(exact * 10**14), 10**14)


def test_fees_pay_like_subsidy() -> None:
    """A block's fees are part of its reward."""
    difficulty = Decimal(SHARES["difficulty"])
    with_fees = formula.full_pay_per_share(difficulty, Decimal("3.125"), Decimal("0.25"))
    assert with_fees == formula.full_pay_per_share(difficulty, Decimal("3.375"), Decimal(0))
    assert with_fees > formula.full_pay_per_share(difficulty, Decimal("3.125"), Decimal(0))


@pytest.mark.parametrize(("watts", "usd_per_day"), [("28", "0.2688"), ("20", "0.192"), ("15", "0.144")])
def test_electricity_of_eight_terahash(watts: str, usd_per_day: str) -> None:
    """At 0.05 USD a kWh, as recorded."""
    assert formula.electricity_usd_per_th(Decimal("0.05"), Decimal(watts)) * 8 == Decimal(usd_per_day)


def test_maintenance_in_tokens() -> None:
    """15 W/TH, 10.262 TH, token at 0.2989 USD, as recorded to 16 digits."""
    maintenance = (formula.electricity_usd_per_th(Decimal("0.05"), Decimal(15)) + Decimal("0.0089")) * Decimal("10.262")
    assert divide_half_even(maintenance, Decimal("0.2989"), 16) == Decimal("0.9235456674473068")


def test_pool_reward_known_in_usd() -> None:
    """0.10 USD at 30000 USD: 3.3333...e-6 BTC, rounded at the 14th decimal."""
    assert formula.pool_from_usd(Decimal("0.1"), Decimal(30_000)) == Decimal("0.00000333333333")


def test_discounts_add_up_to_the_cap() -> None:
    """Below it they add; above it the cap holds."""
    inputs = inputs_of()
    assert formula.total_discount(inputs, Decimal("0.03"), Decimal("0.2")) == Decimal("0.23")
    assert formula.total_discount(inputs, Decimal("0.03"), Decimal("0.32")) == Decimal("0.35")
    assert formula.total_discount(inputs, Decimal("0.03"), Decimal("0.3201")) == Decimal("0.35")


def test_usd_of_an_amount() -> None:
    """Eight decimals, half to even."""
    assert formula.usd_of(Decimal("0.000000005"), Decimal("1")) == Decimal(0)
    assert formula.usd_of(Decimal("0.000000015"), Decimal("1")) == Decimal("0.00000002")
    assert formula.usd_of(Decimal("0.5"), Decimal("71283")) == Decimal("35641.5")


def test_differences_of_rates() -> None:
    """Figure by figure."""
    left = ClassRates(Decimal(10), Decimal(3), Decimal(2), Decimal(5))
    right = ClassRates(Decimal(9), Decimal(1), Decimal(7), Decimal(1))
    assert left - right == ClassRates(Decimal(1), Decimal(2), Decimal(-5), Decimal(4))


def scaled(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Numbers of `places` decimals."""
    return st.integers(low, high).map(lambda number: Decimal(number).scaleb(-places))


@given(
    reward=scaled(0, 10**9, 14),
    btc_usd=scaled(1, 10**14, 8),
    kwh=scaled(0, 10**18, 18),
    service=scaled(0, 10**17, 18),
    efficiency=scaled(1, 99_999, 2),
    discount=scaled(0, 10_000, 4),
    power=scaled(1, 50_000_000, 4),
)
def test_rates_are_those_of_the_formula(
    reward: Decimal,
    btc_usd: Decimal,
    kwh: Decimal,
    service: Decimal,
    efficiency: Decimal,
    discount: Decimal,
    power: Decimal,
) -> None:
    """Equal to plain fractions; they add up exactly, and any power times them is an amount of 18 decimals."""
    inputs = inputs_of(pool_btc_per_th=reward, btc_usd=btc_usd, kwh_usd=kwh, service_usd_per_th=service)
    paid = formula.class_rates(inputs, efficiency, discount)
    expected = per_th(
        Inputs(Fraction(reward), Fraction(btc_usd), Fraction(kwh), Fraction(service)),
        Fraction(efficiency),
        Fraction(discount),
    )
    assert [Fraction(figure) for figure in (paid.pool, paid.c1, paid.c2, paid.net)] == [
        expected.pool,
        expected.c1,
        expected.c2,
        expected.net,
    ]
    assert paid.pool == paid.c1 + paid.c2 + paid.net
    assert paid.net >= 0
    for figure in (paid.pool, paid.c1, paid.c2, paid.net):
        assert decimals(figure) <= 14
        assert decimals(power * figure) <= 18
