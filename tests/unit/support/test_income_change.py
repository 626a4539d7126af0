"""A change of income falls into parts that add up to the last digit, each for its own reason."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.money import ZERO
from hashrail.rewards.formula import DayInputs, class_rates, full_pay_per_share
from hashrail.support.income_change import PARTS, DayFacts, Held, split

DAY = dt.date(2026, 9, 8)
DIFFICULTY, SUBSIDY, FEES = Decimal("9.5e13"), Decimal("3.125"), Decimal("0.05")


def inputs(number: int = 0, pool_fee: Decimal = ZERO, **changes: Any) -> DayInputs:
    """A day whose reward follows from difficulty, subsidy and fees, unless one is named."""
    made = DayInputs(
        day=DAY + dt.timedelta(days=number),
        pool_btc_per_th=ZERO,
        btc_usd=Decimal(78862),
        gomining_usd=Decimal("0.3"),
        kwh_usd=Decimal("0.05"),
        service_usd_per_th=Decimal("0.0089"),
        discount_cap=Decimal("0.35"),
        difficulty=DIFFICULTY,
        subsidy_btc=SUBSIDY,
        fees_btc=FEES,
    )
    made = replace(made, **changes)
    if "pool_btc_per_th" not in changes and made.difficulty and made.subsidy_btc and made.fees_btc is not None:
        reward = full_pay_per_share(made.difficulty, made.subsidy_btc, made.fees_btc, pool_fee=pool_fee)
        made = replace(made, pool_btc_per_th=reward)
    return made


def held(power: str = "10", watts: str = "15", discount: str = "0.1") -> Held:
    return Held(Decimal(power), Decimal(watts), Decimal(discount))


def facts(number: int = 0, miners: dict[int, Held] | None = None, adjusted: str = "0", **changes: Any) -> DayFacts:
    fee = changes.get("pool_fee", ZERO)
    return DayFacts(inputs(number, **changes), {1: held()} if miners is None else miners, Decimal(adjusted), fee)


@pytest.mark.parametrize(
    ("part", "becomes"),
    [
        ("difficulty", facts(difficulty=Decimal("9.6e13"))),
        ("subsidy", facts(subsidy_btc=Decimal("1.5625"))),
        ("fees", facts(fees_btc=Decimal("0.07"))),
        ("pool fee", facts(pool_fee=Decimal("0.02"))),
        ("pool", facts(pool_btc_per_th=Decimal("0.0000005"))),
        ("pool", facts(pool_btc_per_th=Decimal("0.0000005"), pool_fee=Decimal("0.02"))),
        ("pool", facts(pool_btc_per_th=Decimal("0.0000005"), difficulty=None)),
        ("price", facts(btc_usd=Decimal(80000))),
        ("electricity", facts(kwh_usd=Decimal("0.06"))),
        ("service", facts(service_usd_per_th=Decimal(0))),
        ("discounts", facts(miners={1: held(discount="0.2")})),
        ("efficiency", facts(miners={1: held(watts="12")})),
        ("power", facts(miners={1: held(power="11.5")})),
        ("power", facts(miners={1: held(), 2: held("3", "20", "0")})),
        ("power", facts(miners={})),
        ("adjustments", facts(adjusted="-0.000000000000000001")),
    ],
)
def test_one_thing_changes_one_part(part: str, becomes: DayFacts) -> None:
    for was, is_ in ((facts(), becomes), (becomes, facts())):
        made = split([was], [is_])
        assert made.difference_btc != 0
        assert {name for name, changed in made.parts.items() if changed} == {part}
        assert made.parts[part] == made.difference_btc


def test_days_that_are_left_over_are_a_part() -> None:
    week, month = [facts(number) for number in range(7)], [facts(number) for number in range(30)]
    one = facts().mined_btc
    assert split(week, month).parts["days"] == 23 * one == split(week, month).difference_btc
    assert split(month, week).parts["days"] == -23 * one
    assert split([], week).parts["days"] == 7 * one


def test_what_two_things_do_together_counts_for_the_later_one() -> None:
    """In the order of the parts, which is written down."""
    made = split([facts()], [facts(btc_usd=Decimal(80000), miners={1: held(power="20")})])
    dearer = facts(btc_usd=Decimal(80000)).mined_btc
    assert made.parts["price"] == dearer - facts().mined_btc
    assert made.parts["power"] == dearer


def test_a_fee_that_stays_is_no_part_of_a_change() -> None:
    """It is taken of what difficulty changes; a reward from before the fee was entered has none."""
    fee = Decimal("0.02")
    made = split([facts(pool_fee=fee)], [facts(pool_fee=fee, difficulty=Decimal("9.6e13"))])
    assert {name for name, changed in made.parts.items() if changed} == {"difficulty"}
    without = replace(facts(), pool_fee=fee)
    made = split([without], [facts(pool_fee=fee)])
    assert {name for name, changed in made.parts.items() if changed} == {"pool fee"}


def test_a_miner_that_becomes_idle_loses_what_it_earned() -> None:
    """And not more: below zero nothing is reckoned."""
    made = split([facts()], [facts(btc_usd=Decimal(100))])
    assert made.after_btc == 0
    assert made.parts["price"] == -made.before_btc


numbers = st.decimals("0.01", "100", places=2)
miners = st.dictionaries(
    st.integers(1, 4),
    st.builds(
        Held,
        st.decimals("0.0001", "5000", places=4),
        st.decimals("5", "50", places=2),
        st.decimals("0", "0.35", places=4),
    ),
    max_size=3,
)
days = st.builds(
    lambda held_then, adjusted, told, **changes: DayFacts(inputs(0, **changes), held_then, adjusted, told),
    miners,
    st.decimals("-1", "1", places=18),
    st.sampled_from([ZERO, Decimal("0.02")]),
    pool_fee=st.sampled_from([ZERO, Decimal("0.02"), Decimal("0.025")]),
    btc_usd=st.decimals("1", "200000", places=8),
    kwh_usd=st.decimals("0", "1", places=4),
    service_usd_per_th=st.decimals("0", "0.1", places=4),
    difficulty=st.one_of(st.none(), st.decimals("1", "200000000000000", places=2)),
    subsidy_btc=st.sampled_from([Decimal("3.125"), Decimal("6.25")]),
    fees_btc=st.decimals("0", "1", places=8),
)


@given(st.lists(days, max_size=3), st.lists(days, max_size=3))
def test_the_parts_add_up_to_the_last_digit(before: list[DayFacts], after: list[DayFacts]) -> None:
    """Whatever changes at once; and there and back is nothing."""
    made = split(before, after)
    assert tuple(made.parts) == PARTS
    assert sum(made.parts.values()) == made.difference_btc
    assert split(after, before).difference_btc == -made.difference_btc
    assert not any(split(before, before).parts.values())
    for each in before:
        expected = sum(
            h.power * class_rates(each.inputs, h.energy_efficiency, h.discount).net for h in each.held.values()
        )
        assert each.mined_btc == expected
