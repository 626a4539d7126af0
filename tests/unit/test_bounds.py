"""Bounds of the field: what is refused with which likely meaning, what is looked at again, and how it is confirmed."""

from decimal import Decimal

import pytest

from hashrail import bounds
from hashrail.bounds import BOUNDS, Doubt


@pytest.mark.parametrize("field", BOUNDS)
def test_bounds_are_in_order(field: str) -> None:
    """What is usual lies within what can be, and two are asked later than one."""
    bound = BOUNDS[field]
    assert bound.least <= bound.usual[0] < bound.usual[1] <= bound.most
    assert 1 <= bound.alone < bound.two
    for figure in (bound.least, bound.most, *bound.usual):
        bounds.check(field, figure)


@pytest.mark.parametrize(
    ("field", "figure", "likely"),
    [
        ("difficulty", "95.67", "95.67 T is 95.67e12"),
        ("difficulty", "95670", "this looks like G"),
        ("difficulty", "95.67e15", "this is a slip"),
        ("difficulty", "65", "95.67 T is 95.67e12"),
        ("btc_usd", "78.862", "a point parts decimals, not thousands"),
        ("btc_usd", "7886265", ""),
        ("btc_usd", "78862650", "this is a slip"),
        ("subsidy_btc", "95.67e12", "this is a slip"),
        ("subsidy_btc", "3125", "this is a slip"),
        ("fees_btc", "4000000", "this looks like satoshi"),
        ("pool_btc_per_th", "66.55", "this looks like satoshi"),
        ("pool_btc_per_th", "665505", "this is a slip"),
        ("kwh_usd", "5", "this looks like cents"),
        ("kwh_usd", "-1", "this is a slip"),
        ("service_usd_per_th", "8.9", "this looks like cents"),
        ("gomining_usd", "0", "this is a slip"),
    ],
)
def test_a_slip_is_told_with_what_is_likely_meant(field: str, figure: str, likely: str) -> None:
    """And with the bounds; a figure within them passes."""
    if not likely:
        bounds.check(field, Decimal(figure))
        return
    with pytest.raises(bounds.ImplausibleFigureError) as caught:
        bounds.check(field, Decimal(figure))
    assert caught.value.message.endswith(likely)
    assert (caught.value.code, caught.value.details["field"]) == ("IMPLAUSIBLE_FIGURE", field)
    assert caught.value.details["most"] == BOUNDS[field].most


@pytest.mark.parametrize(
    ("figure", "before", "doubtful", "two"),
    [
        ("98000", "78862", False, False),
        ("99000", "78862", True, False),
        ("63000", "78862", True, False),
        ("39431", "78862", True, False),
        ("39430", "78862", True, True),
        ("788620", "78862", True, True),
        ("78862", None, False, False),
        ("9999", None, True, False),
        ("1000001", None, True, False),
        ("78862", "0", False, False),
        ("78862", "78.862", False, False),
        ("0", "78862", True, False),
    ],
)
def test_a_figure_is_held_against_what_stood_before(figure: str, before: str | None, doubtful: bool, two: bool) -> None:
    """By its factor up or down; where nothing stood before, against what is usual."""
    doubt = bounds.compare("btc_usd", Decimal(figure), None if before is None else Decimal(before), "on 2026-03-01")
    assert (doubt is not None, doubt is not None and doubt.two) == (doubtful, two)


def test_what_is_doubted_says_how_far_off_it_is() -> None:
    doubt = bounds.compare("btc_usd", Decimal("1.2e5"), Decimal(80000), "on 2026-03-01")
    assert doubt == Doubt("btc_usd", "120000", "80000 on 2026-03-01, 1.5 times", two=False)


@pytest.mark.parametrize("named", [[], ["12000"], ["1.2e5"], ["120000.0"], ["yes"], ["120000 "], ["80000"]])
def test_a_doubtful_figure_is_named_digit_by_digit(named: list[str]) -> None:
    """Nothing else confirms it, and every one is named."""
    doubts = [Doubt("btc_usd", "120000", "why", two=False), Doubt("kwh_usd", "0.5", "why", two=True)]
    with pytest.raises(bounds.ConfirmationNeededError) as caught:
        bounds.assert_confirmed(doubts, [*named, "0.5"], "It comes to much")
    assert caught.value.details == {"field": "btc_usd", "confirm": ["120000"]}
    assert caught.value.message == "not done: btc_usd 120000 (why): --confirm 120000. It comes to much"
    bounds.assert_confirmed(doubts, [*named, "0.5", "120000"])
