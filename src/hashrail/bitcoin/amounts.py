"""Amounts on chain: BTC with 8 decimals, or whole satoshi."""

from decimal import Decimal

from hashrail.money import BTC_DECIMALS, decimals


def to_sat(amount_btc: Decimal) -> int:
    """A whole number of satoshi; more than 8 decimals are our bug."""
    assert decimals(amount_btc) <= BTC_DECIMALS, "bitcoin has 8 decimals"
    return int(amount_btc.scaleb(BTC_DECIMALS))


def to_btc(sat: int) -> Decimal:
    """So many satoshi in BTC."""
    return Decimal(sat).scaleb(-BTC_DECIMALS)
