"""The price of a day out of what several sources say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.market.quotes import Answer, Figure, figure, median


def judged(*prices: str | None, quorum: int = 3, deviation: str = "0.02") -> Figure:
    answers = [
        Answer(f"e{n}:BTC/USD", left_out="silent") if price is None else Answer(f"e{n}:BTC/USD", Decimal(price))
        for n, price in enumerate(prices)
    ]
    return figure(answers, quorum=quorum, deviation=Decimal(deviation))


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (("100", "101", "100.5"), "100.5"),
        (("100", "101", "100.5", "100.6"), "100.55"),
        (("0.00000001", "0.00000001", "0.00000002", "0.00000002"), None),
        (("1", "1", "1.00000001", "1.00000001"), "1"),  # a tie of the ninth decimal goes to the even neighbour
    ],
)
def test_it_is_the_one_in_the_middle_or_the_mean_of_two(prices: tuple[str, ...], expected: str | None) -> None:
    found = judged(*prices)
    assert found.price_usd == (None if expected is None else Decimal(expected))


def test_what_lies_too_far_off_is_left_out_and_named() -> None:
    """A slipped decimal, and one at exactly the bound, which is within."""
    found = judged("78.862", "78862", "78870", "78860", "80439.24")
    assert found.price_usd == Decimal("78866")
    assert [(each.source, each.left_out) for each in found.left_out] == [
        ("e0:BTC/USD", "78.862 is more than 0.02 off 78862")
    ]
    assert judged("78.862", "78862", "78870", "78860", "80439.25").price_usd == Decimal("78862")


def test_below_the_quorum_there_is_no_price() -> None:
    """Silent ones and outliers do not count, and what is left out stays told."""
    found = judged("100", "101", None)
    assert (found.price_usd, len(found.counted), found.left_out[0].left_out) == (None, 2, "silent")
    assert judged("100", "101", "150", None).price_usd is None
    assert judged(None, None, None).price_usd is None
    assert judged().price_usd is None
    assert judged("100", "101", "100", None).price_usd == 100


def test_two_camps_are_no_price() -> None:
    """Nobody is near the middle between them."""
    found = judged("100", "100", "100", "200", "200", "200")
    assert found.price_usd is None
    assert len(found.left_out) == 6


@given(st.lists(st.integers(9_900_000, 10_000_000), min_size=5, max_size=9), st.integers(1, 10**15))
def test_one_that_lies_moves_the_price_no_further_than_the_others_reach(honest: list[int], lie: int) -> None:
    prices = [str(Decimal(each).scaleb(-2)) for each in honest]
    found = judged(*prices, str(Decimal(lie).scaleb(-2)))
    assert found.price_usd is not None
    assert min(map(Decimal, prices)) <= found.price_usd <= max(map(Decimal, prices))


def test_the_median_is_rounded_once() -> None:
    assert median([Decimal("0.000000015"), Decimal("0.000000016")]) == Decimal("0.00000002")
