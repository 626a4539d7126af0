"""Exact amounts.

Every amount is a `Decimal` with at most 18 decimals and less than 10^20 in magnitude, in every currency.
Precision is 80 digits and `Inexact` is trapped, so a rounding that nobody named raises instead of losing a
digit. The two roundings that exist are named here: `round_half_even` and `divide_half_even`.
"""

import decimal
from decimal import Decimal

ZERO, ONE = Decimal(0), Decimal(1)
AMOUNT_DECIMALS = 18
AMOUNT_LIMIT = Decimal(10) ** 20
USD_DECIMALS = 8
BTC_DECIMALS = 8

EXACT = decimal.Context(
    prec=80,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Clamped],
)


def trap_inexact() -> None:
    """Make every thread of this process, present caller included, compute exactly or raise."""
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.prec = EXACT.prec
        context.rounding = EXACT.rounding
        for signal in EXACT.traps:
            context.traps[signal] = EXACT.traps[signal]


trap_inexact()


def divide_half_even(dividend: Decimal, divisor: Decimal, places: int) -> Decimal:
    """`dividend / divisor` rounded once to `places` decimals; a tie goes to the even neighbour.

    A zero divisor raises decimal.InvalidOperation.
    """
    quotient, remainder = divmod(dividend.scaleb(places), divisor)
    excess = 2 * abs(remainder) - abs(divisor)
    if excess > 0 or (excess == 0 and quotient % 2):
        quotient += 1 if (dividend < 0) == (divisor < 0) else -1
    return quotient.scaleb(-places)


def round_half_even(value: Decimal, places: int) -> Decimal:
    """`value` with at most `places` decimals; a tie goes to the even neighbour."""
    return divide_half_even(value, ONE, places)


def floor_to(value: Decimal, places: int) -> Decimal:
    """The greatest multiple of 10^-places that is not above a `value` >= 0; the remainder stays with its owner."""
    assert value >= 0, "only what is owned is floored"
    return (value.scaleb(places) // ONE).scaleb(-places)


def decimals(value: Decimal) -> int:
    """How many decimals `value` needs: 0 for 1.00 and 1E+3, 2 for 0.25."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "NaN and infinity are no amounts"
    # The digits are counted, not normalised: a caller may send more of them than the precision holds.
    trailing_zeros = next((count for count, digit in enumerate(reversed(digits)) if digit), -exponent)
    return max(0, -exponent - trailing_zeros)


def is_amount(value: Decimal) -> bool:
    """Whether the ledger can hold `value` exactly: finite, at most 18 decimals, below 10^20."""
    return value.is_finite() and value.copy_abs() < AMOUNT_LIMIT and decimals(value) <= AMOUNT_DECIMALS


def plain(value: Decimal) -> str:
    """`value` without exponent or trailing zeros: "2000.85", "0", "0.00000001"."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
