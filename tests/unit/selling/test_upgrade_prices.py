"""What upgrades cost: the field's figures, every edge of the bands, and a dull reckoning in fractions beside it."""

import decimal
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hashrail.selling import upgrade_prices
from hashrail.selling.samples import SAMPLE
from hashrail.selling.upgrade_prices import Tariff, efficiency_quote, power_quote
from hashrail.selling.upgrade_tariff import steps
from tests.support import folders

UPGRADES: dict[str, Any] = json.loads((folders.VECTORS / "income.json").read_text())["upgrades"]
# The vector says 7.35581583 for 128 to 129 TH; 7.626 x 0.996^9 is 7.355815823..., which no rounding brings there.
CORRECTED = {"7.35581583": "7.35581582"}
BANDS = (0, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2560, 3584, 5000)


def d(text: str) -> Decimal:
    return Decimal(text)


def by_level(ranges: dict[str, str]) -> dict[int, Decimal]:
    return steps(" ".join(f"{levels}:{price}" for levels, price in ranges.items()))


def power(from_th: str, to_th: str, watts: str = "20", tariff: Tariff = SAMPLE) -> Decimal:
    return power_quote(tariff, energy_efficiency=d(watts), from_th=d(from_th), to_th=d(to_th))


def efficiency(th: str, from_w: str, to_w: str, tariff: Tariff = SAMPLE) -> Decimal:
    return efficiency_quote(tariff, power=d(th), from_w=d(from_w), to_w=d(to_w))


# The dull reckoning: a price for each hundredth of a W/TH and each ten-thousandth of a TH, nothing shared with ours.


def dull_steps(prices: dict[int, Decimal], low: Fraction, high: Fraction) -> Fraction:
    """Hundredth by hundredth."""
    hundredths = range(int(low * 100), int(high * 100))
    return sum((Fraction(prices.get(each // 100, d("0"))) / 100 for each in hundredths), Fraction(0))


def dull_power(tariff: Tariff, watts: Fraction, from_th: Fraction, to_th: Fraction) -> Fraction:
    """Band by band, unrounded."""
    prices = dict(tariff.power_steps)
    surcharge = dull_steps(prices, watts, Fraction(20)) - dull_steps(prices, Fraction(20), watts)
    total = Fraction(0)
    for number in range(19):
        added = min(to_th, Fraction(BANDS[number + 1])) - max(from_th, Fraction(BANDS[number]))
        if added > 0:
            price = Fraction(tariff.power_price) * (1 - Fraction(tariff.band_discount)) ** number + surcharge
            total += added * max(price, Fraction(0))
    return total


def rounded(usd: Fraction) -> Decimal:
    """8 decimals; Python's `round` sends the tie of a Fraction to the even neighbour."""
    return Decimal(round(usd * 10**8)).scaleb(-8)


# The field's figures


def test_the_sample_tariff_is_the_field_s() -> None:
    assert (
        Tariff(
            d(UPGRADES["price"]),
            d(UPGRADES["discount"]),
            by_level(UPGRADES["power_by_to_level"]),
            by_level(UPGRADES["efficiency_by_to_level"]),
        )
        == SAMPLE
    )
    assert sorted(SAMPLE.power_steps) == sorted(SAMPLE.efficiency_steps) == list(range(12, 50))


@pytest.mark.parametrize("case", UPGRADES["cases"], ids=lambda case: f"{case['type']} {case['from']} to {case['to']}")
def test_every_vector(case: dict[str, str]) -> None:
    text = case["usd"].split()[0]
    expected = d(CORRECTED.get(text, text))
    if case["type"] == "power":
        assert power(case["from"], case["to"], case["w_per_th"]) == expected
    else:
        assert efficiency(case["power"], case["from"], case["to"]) == expected


@pytest.mark.parametrize(
    ("to", "usd"),
    [("19", "140.8"), ("18", "281.6"), ("17", "422.4"), ("16", "563.2"), ("15", "704"), ("14", "1045.376")],
)
def test_128_th_from_20_w(to: str, usd: str) -> None:
    assert efficiency("128", "20", to) == d(usd)


# Power


@pytest.mark.parametrize(
    ("from_th", "to_th", "watts", "usd"),
    [
        ("1", "2", "20", "7.626"),
        ("0.75", "1", "20", "1.9065"),  # below 1 TH is the first band
        ("0", "0.0001", "20", "0.0007626"),
        ("2", "3", "20", "7.595496"),
        ("1", "4", "20", "22.816992"),  # 1 x 7.626 + 2 x 7.595496
        ("1.5", "2.5", "20", "7.610748"),  # half of each band
        ("3", "5", "20", "15.16061002"),  # 7.595496 + 7.565114016
        ("4999", "5000", "20", "7.0952041"),
        ("1", "2", "15", "11.486"),  # 5 x 0.772 more
        ("1", "2", "12", "17.78"),  # and 3 x 2.098
        ("1", "2", "14.5", "12.535"),  # half a step
        ("1", "2", "19.99", "7.63372"),
        ("1", "2", "20.01", "7.62213"),
        ("1", "2", "28", "4.53"),  # 8 x 0.387 less
        ("1", "2", "49", "0.617"),
        ("1", "2", "50", "0.527"),  # the last step that has a price
        ("1", "2", "5000", "0.527"),
    ],
)
def test_power(from_th: str, to_th: str, watts: str, usd: str) -> None:
    assert power(from_th, to_th, watts) == d(usd)


@pytest.mark.parametrize("number", range(19))
def test_every_band_has_its_price(number: int) -> None:
    """The TH before an edge costs the band that ends there, the TH after it the next one, across it half of each."""
    edge = BANDS[number + 1]
    price, following = (Fraction("7.626") * Fraction("0.996") ** each for each in (number, number + 1))
    assert power(str(edge - 1), str(edge)) == rounded(price)
    if edge < 5000:
        assert power(str(edge - d("0.5")), str(edge + d("0.5"))) == rounded((price + following) / 2)


def test_a_price_never_falls_below_nothing() -> None:
    """Band by band: what an inefficient miner takes off does not make later bands pay for earlier ones."""
    tariff = Tariff(d("1"), d("0.5"), {20: d("0.3")}, {})
    # Bands 0 and 1 cost 0.7 and 0.2 a TH; from 4 TH on it would be less than nothing.
    assert [power("0", to, "21", tariff) for to in ("2", "4", "5000")] == [d("1.4"), d("1.8"), d("1.8")]
    assert power("4", "5000", "21", tariff) == 0
    assert power("0", "5000", "40", Tariff(d("0"), d("0"), {20: d("0.3")}, {})) == 0


@pytest.mark.parametrize(
    ("from_th", "to_th"), [("2", "2"), ("2", "1"), ("-1", "1"), ("1", "5000.0001")], ids=lambda text: f"{text}"
)
def test_power_only_grows_within_bounds(from_th: str, to_th: str) -> None:
    with pytest.raises(AssertionError, match="power only grows"):
        power(from_th, to_th)


def test_the_longest_figures_are_exact() -> None:
    """18 bands of a discount with four decimals, on the most TH: nothing is cut off, and one rounding is made."""
    tariff = Tariff(d("999999999.123456789012345678"), d("0.1234"), {15: d("123456789.987654321098765432")}, {})
    exact = dull_power(tariff, Fraction("15.99"), Fraction("0.0001"), Fraction(5000))
    assert power("0.0001", "5000", "15.99", tariff) == rounded(exact)
    assert exact.denominator > 10**80


@pytest.mark.parametrize(("price", "usd"), [("0.000000005", "0"), ("0.000000015", "0.00000002")])
def test_ties_go_to_the_even_neighbour(price: str, usd: str) -> None:
    assert power("1", "2", tariff=Tariff(d(price), d("0"), {}, {})) == d(usd)
    assert efficiency("1", "21", "20", Tariff(d("1"), d("0"), {}, {20: d(price)})) == d(usd)


# Efficiency


@pytest.mark.parametrize(
    ("th", "from_w", "to_w", "usd"),
    [
        ("1", "13", "12", "2.667"),
        ("1", "20", "12", "13.501"),  # 3 x 2.667 + 5 x 1.1
        ("1", "15.5", "14.5", "1.8835"),  # half of 1.1 and half of 2.667
        ("1", "19.99", "19.98", "0.011"),
        ("0.75", "28.25", "27.75", "0.2810625"),  # a quarter of 0.5 and a quarter of 0.999
        ("1", "50", "49", "0.1"),
        ("1", "51", "50", "0"),  # no such step has a price
        ("1", "100", "12", "26.493"),  # every step there is
        ("0.0001", "20", "19.99", "0.0000011"),
        ("0.0001", "12.01", "12", "0.00000267"),
    ],
)
def test_efficiency(th: str, from_w: str, to_w: str, usd: str) -> None:
    assert efficiency(th, from_w, to_w) == d(usd)


@pytest.mark.parametrize(("from_w", "to_w"), [("15", "15"), ("15", "16"), ("12", "11.99")])
def test_efficiency_only_improves_within_bounds(from_w: str, to_w: str) -> None:
    with pytest.raises(AssertionError, match="efficiency only improves"):
        efficiency("1", from_w, to_w)


# Any tariff

USD = st.decimals(min_value=0, max_value=50, places=6)
LEVELS = st.dictionaries(st.integers(10, 32), USD, max_size=8)
TARIFFS = st.builds(
    Tariff,
    power_price=USD,
    band_discount=st.decimals(min_value=0, max_value="0.9999", places=4),
    power_steps=LEVELS,
    efficiency_steps=LEVELS,
)
TH = st.decimals(min_value=0, max_value=5000, places=4)
WATTS = st.decimals(min_value=12, max_value=30, places=2)


@given(tariff=TARIFFS, watts=WATTS, powers=st.tuples(TH, TH))
def test_any_power_quote_is_the_dull_one(tariff: Tariff, watts: Decimal, powers: tuple[Decimal, Decimal]) -> None:
    low, high = sorted(powers)
    assume(low < high)
    exact = dull_power(tariff, Fraction(watts), Fraction(low), Fraction(high))
    assert power_quote(tariff, energy_efficiency=watts, from_th=low, to_th=high) == rounded(exact)


@given(tariff=TARIFFS, th=TH, levels=st.tuples(WATTS, WATTS))
def test_any_efficiency_quote_is_the_dull_one(tariff: Tariff, th: Decimal, levels: tuple[Decimal, Decimal]) -> None:
    low, high = sorted(levels)
    assume(low < high)
    exact = Fraction(th) * dull_steps(dict(tariff.efficiency_steps), Fraction(low), Fraction(high))
    assert efficiency_quote(tariff, power=th, from_w=high, to_w=low) == rounded(exact)


@given(tariff=TARIFFS, watts=WATTS, powers=st.tuples(TH, TH, TH))
def test_two_power_upgrades_cost_what_one_does(
    tariff: Tariff, watts: Decimal, powers: tuple[Decimal, Decimal, Decimal]
) -> None:
    """Up to the roundings: one on the way and one at its end against a single one."""
    first, middle, last = sorted(powers)
    assume(first < middle < last)

    def quote(low: Decimal, high: Decimal) -> Decimal:
        return power_quote(tariff, energy_efficiency=watts, from_th=low, to_th=high)

    def exact(low: Decimal, high: Decimal) -> Fraction:
        return dull_power(tariff, Fraction(watts), Fraction(low), Fraction(high))

    assert exact(first, middle) + exact(middle, last) == exact(first, last)
    assert quote(first, last) == rounded(exact(first, last))
    assert abs(quote(first, middle) + quote(middle, last) - quote(first, last)) <= d("0.000000015")


@given(tariff=TARIFFS, th=TH, levels=st.tuples(WATTS, WATTS, WATTS))
def test_two_efficiency_upgrades_cost_what_one_does(
    tariff: Tariff, th: Decimal, levels: tuple[Decimal, Decimal, Decimal]
) -> None:
    last, middle, first = sorted(levels)
    assume(last < middle < first)

    def quote(high: Decimal, low: Decimal) -> Decimal:
        return efficiency_quote(tariff, power=th, from_w=high, to_w=low)

    assert abs(quote(first, middle) + quote(middle, last) - quote(first, last)) <= d("0.000000015")


def test_a_quote_leaves_the_context_as_it_is() -> None:
    """Its wider precision is its own."""
    before = decimal.getcontext().prec
    power("1", "5000")
    assert decimal.getcontext().prec == before == 80
    assert upgrade_prices.WIDE.traps[decimal.Inexact]
