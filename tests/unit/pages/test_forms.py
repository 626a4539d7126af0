"""Fields of forms: what a person types is read, or named."""

from decimal import Decimal

import pytest

from hashrail.pages import forms
from hashrail.pages.forms import Field, FieldNotReadError

BTC = (Field("btc", "Amount", "amount"),)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "0e-999999999", "0" * 200, "NaN", "Infinity"])
def test_no_amount_is_longer_than_a_line(text: str) -> None:
    """Written with every digit it would take all memory."""
    with pytest.raises(FieldNotReadError):
        forms.read(BTC, {"btc": text})


@pytest.mark.parametrize("text", ["0", "0.000000000000000001", "99999999999999999999", "1e-18", "-12.50"])
def test_an_amount_is_exact(text: str) -> None:
    assert forms.read(BTC, {"btc": text}) == {"btc": Decimal(text)}
