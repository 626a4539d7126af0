"""Exact amounts: the two roundings, the trap, and what the ledger can hold."""

import asyncio
import contextvars
import decimal
import threading
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hashrail import money

WIDE = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18)
ANY_FINITE = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=130).map(tuple),
    st.integers(-140, 140),
)


def half_even(value: Fraction, places: int) -> Fraction:
    """The reference: Python rounds a Fraction's tie to the even neighbour."""
    return Fraction(round(value * 10**places), 10**places)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0.5", "0"),
        ("1.5", "2"),
        ("2.5", "2"),
        ("-0.5", "0"),
        ("-1.5", "-2"),
        ("-2.5", "-2"),
        ("2.51", "3"),
        ("-2.49", "-2"),
    ],
)
def test_a_tie_goes_to_the_even_neighbour(value: str, rounded: str) -> None:
    """On both sides of zero; anything beside the tie goes to the nearer neighbour."""
    assert money.round_half_even(Decimal(value), 0) == Decimal(rounded)


@given(WIDE, st.integers(0, 18))
def test_rounding_is_that_of_fractions(value: Decimal, places: int) -> None:
    """Every amount, every number of decimals."""
    rounded = money.round_half_even(value, places)
    assert Fraction(rounded) == half_even(Fraction(value), places)
    assert money.decimals(rounded) <= places


@given(st.integers(-(10**12), 10**12), st.integers(0, 14))
def test_every_tie_is_that_of_fractions(number: int, places: int) -> None:
    """Values that lie exactly between two neighbours."""
    tie = (Decimal(number) + Decimal("0.5")).scaleb(-places)
    rounded = money.round_half_even(tie, places)
    assert Fraction(rounded) == half_even(Fraction(tie), places)
    assert int(rounded.scaleb(places)) % 2 == 0


@given(WIDE, WIDE.filter(bool), st.integers(0, 18))
@example(Decimal(1), Decimal(8), 2)
@example(Decimal(3), Decimal(-8), 2)
@example(Decimal(-1), Decimal(-3), 18)
def test_division_is_that_of_fractions(dividend: Decimal, divisor: Decimal, places: int) -> None:
    """Rounded once from the exact quotient, whatever the signs."""
    quotient = money.divide_half_even(dividend, divisor, places)
    assert Fraction(quotient) == half_even(Fraction(dividend) / Fraction(divisor), places)


@pytest.mark.parametrize("dividend", ["1", "0"])
def test_division_by_zero_raises(dividend: str) -> None:
    """As documented."""
    with pytest.raises(decimal.InvalidOperation):
        money.divide_half_even(Decimal(dividend), Decimal(0), 2)


@given(WIDE.map(abs), st.integers(0, 18))
@example(Decimal("1.999999999999999999"), 8)
def test_floor_leaves_less_than_one_unit(value: Decimal, places: int) -> None:
    """What is paid is a whole number of units and what stays is less than one."""
    paid = money.floor_to(value, places)
    assert money.decimals(paid) <= places
    assert 0 <= value - paid < Decimal(1).scaleb(-places)


def test_a_debt_is_not_floored() -> None:
    """Flooring below zero would take more than is owed."""
    with pytest.raises(AssertionError, match="only what is owned"):
        money.floor_to(Decimal("-0.000000001"), 8)


def inexact() -> Decimal:
    """Needs more digits than exist."""
    return Decimal(1) / Decimal(3)


def test_a_rounding_that_nobody_named_raises_here() -> None:
    """In the main thread."""
    with pytest.raises(decimal.Inexact):
        inexact()


def test_a_rounding_that_nobody_named_raises_in_a_new_thread() -> None:
    """A thread begins with a context of its own."""
    caught: list[type[BaseException]] = []

    def work() -> None:
        try:
            inexact()
        except decimal.Inexact as error:
            caught.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == [decimal.Inexact]


async def test_a_rounding_that_nobody_named_raises_in_a_task() -> None:
    """Also in a task whose context is empty, and in a worker thread of the loop."""

    async def work() -> Decimal:
        return inexact()

    for context in (contextvars.copy_context(), contextvars.Context()):
        with pytest.raises(decimal.Inexact):
            await asyncio.get_running_loop().create_task(work(), context=context)
    with pytest.raises(decimal.Inexact):
        await asyncio.to_thread(inexact)


def test_what_fits_stays_exact() -> None:
    """The largest amounts times the finest rates need no rounding."""
    product = Decimal("99999999999999.9999") * Decimal("99999999999999999999.99999999999999")
    assert Fraction(product) == Fraction("99999999999999.9999") * Fraction("99999999999999999999.99999999999999")


@pytest.mark.parametrize("operation", ["1E+999999 * 1E+999999", "1E-999999 / 1E+999999", "0 / 0"])
def test_no_result_is_invented(operation: str) -> None:
    """Neither infinity, nor zero for something small, nor NaN."""
    left, sign, right = operation.split()
    with pytest.raises((decimal.Overflow, decimal.Inexact, decimal.InvalidOperation)):
        _ = Decimal(left) * Decimal(right) if sign == "*" else Decimal(left) / Decimal(right)


@pytest.mark.parametrize(
    ("value", "needed"),
    [
        ("1.00", 0),
        ("1E+3", 0),
        ("0.25", 2),
        ("0.2500", 2),
        ("0", 0),
        ("0.000", 0),
        ("0E+5", 0),
        ("-1E-18", 18),
        ("100.10", 1),
    ],
)
def test_decimals(value: str, needed: int) -> None:
    """Zeros at the end do not count."""
    assert money.decimals(Decimal(value)) == needed


def test_what_is_no_number_has_no_decimals() -> None:
    """Whoever asks has to know before; `is_amount` does."""
    with pytest.raises(AssertionError, match="no amounts"):
        money.decimals(Decimal("NaN"))


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "-0.00",
        "1E-18",
        "-1E-18",
        "99999999999999999999.999999999999999999",
        "-99999999999999999999",
        "1." + "0" * 200,
    ],
)
def test_the_ledger_can_hold(value: str) -> None:
    """18 decimals, 20 digits before them, either sign; zeros at the end do not matter."""
    assert money.is_amount(Decimal(value))


@pytest.mark.parametrize(
    "value",
    ["1E-19", "1E+20", "-1E+20", "NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "1E-9999999"],
)
def test_the_ledger_cannot_hold(value: str) -> None:
    """One decimal or one digit too many, and what is no number."""
    assert not money.is_amount(Decimal(value))


@given(ANY_FINITE)
@example(Decimal("0." + "1" * 100))
@example(Decimal("1" * 100))
def test_whether_the_ledger_can_hold_is_answered_for_any_number(value: Decimal) -> None:
    """More digits than the precision are an answer, not an exception: callers send what they like."""
    exact = Fraction(value)
    assert money.is_amount(value) == (abs(exact) < 10**20 and (exact * 10**18).denominator == 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2000.850", "2000.85"),
        ("0.00", "0"),
        ("-0.00", "0"),
        ("-0", "0"),
        ("0E+3", "0"),
        ("1E-8", "0.00000001"),
        ("1E+3", "1000"),
        ("-1.50", "-1.5"),
        ("10", "10"),
    ],
)
def test_plain(value: str, text: str) -> None:
    """No exponent, no zeros at the end, no minus zero."""
    assert money.plain(Decimal(value)) == text


@given(ANY_FINITE)
def test_plain_names_the_same_number(value: Decimal) -> None:
    """Printing loses nothing."""
    text = money.plain(value)
    assert Fraction(text) == Fraction(value)
    assert "E" not in text
    assert not ("." in text and text.endswith("0"))
