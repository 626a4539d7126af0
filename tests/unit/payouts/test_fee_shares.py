"""How a network fee is shared among partners: to the satoshi, by how many withdrawals each has."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.payouts.settlement import fee_shares


@pytest.mark.parametrize(
    ("fee_sat", "payments", "shares_sat"),
    [
        (100, {1: 1}, {1: 100}),
        (100, {1: 1, 2: 1}, {1: 50, 2: 50}),
        (100, {7: 2, 3: 1}, {7: 66, 3: 34}),
        (5, {3: 1, 1: 1, 2: 1}, {1: 2, 2: 2, 3: 1}),
        (1, {1: 1, 2: 500}, {1: 1, 2: 0}),
        (0, {1: 1}, {1: 0}),
    ],
)
def test_shares(fee_sat: int, payments: dict[int, int], shares_sat: dict[int, int]) -> None:
    shares = fee_shares(Decimal(fee_sat).scaleb(-8), payments)
    assert {partner: share.scaleb(8) for partner, share in shares.items()} == shares_sat


@given(st.integers(0, 10_000_000), st.dictionaries(st.integers(1, 1000), st.integers(1, 2000), min_size=1, max_size=50))
def test_nothing_is_lost(fee_sat: int, payments: dict[int, int]) -> None:
    """The shares are the fee, and nobody's is a satoshi away from what is his by number."""
    shares = fee_shares(Decimal(fee_sat).scaleb(-8), payments)
    assert sum(shares.values(), Decimal(0)).scaleb(8) == fee_sat
    total = sum(payments.values())
    for partner, share in shares.items():
        assert abs(int(share.scaleb(8)) * total - fee_sat * payments[partner]) <= total
