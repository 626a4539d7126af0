"""Generated rates for a sandbox: the inputs of any day, the same each time they are asked for.

The series are made up, not recorded: around the figures of September 2026 the bitcoin price, difficulty and block
fees move by smooth waves and a little noise that is drawn from the day itself. Four scenarios:
- `steady`: the waves alone.
- `growth`: from its first day on the price of bitcoin is a thousandth higher with every day, and the difficulty a
  hundredth with every fourteen.
- `halving`: the block subsidy is half of today's.
- `crash`: the price of bitcoin is a fifth, so that weak miners stand idle.

Growth is in equal steps, and not compound: ten years of it stay figures that a day may have.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from hashrail.money import divide_half_even, round_half_even
from hashrail.rewards.formula import DayInputs, full_pay_per_share

SUBSIDY_BTC = Decimal("3.125")
PRICE_USD = 78_862
DIFFICULTY = Decimal("125_000_000_000_000")
RETARGET_DAYS = 14
# What growth adds, as parts of the level that it began at: to the price a day, to the difficulty a retarget.
PRICE_GROWTH = Decimal("0.001")
DIFFICULTY_GROWTH = Decimal("0.01")
SOURCE = "generated: "


class Scenario(StrEnum):
    """How the generated days go on."""

    STEADY = "steady"
    GROWTH = "growth"
    HALVING = "halving"
    CRASH = "crash"


# In words for whoever chooses.
ABOUT = {
    Scenario.STEADY: "price, difficulty and fees move by smooth waves around the figures of September 2026",
    Scenario.GROWTH: "the price gains 0.1 % of its level a day, the difficulty 1 % every 14 days",
    Scenario.HALVING: "half the block subsidy",
    Scenario.CRASH: "a fifth of the price: weak miners stand idle",
}


def source_of(scenario: Scenario) -> str:
    """What a generated day says of where its figures are from."""
    return f"{SOURCE}{scenario}"


def day_inputs(
    day: date, scenario: Scenario, prices: Mapping[str, Decimal], *, growing_since: date | None = None
) -> DayInputs:
    """The inputs of `day`. `prices` gives kwh_usd, service_usd_per_th and gomining_usd.

    Growth counts from the day `growing_since`, without it from `day` itself. The discount cap is the operator's and is
    set when the day is published.
    """
    price = Decimal(PRICE_USD + 45 * _wave(day, 61) + 20 * _wave(day, 17) + _noise(day, "price", 900))
    if scenario is Scenario.CRASH:
        price = divide_half_even(price, Decimal(5), 2)
    subsidy = SUBSIDY_BTC
    if scenario is Scenario.HALVING:
        subsidy = divide_half_even(subsidy, Decimal(2), 8)
    epoch = date.fromordinal(day.toordinal() // RETARGET_DAYS * RETARGET_DAYS)
    difficulty = DIFFICULTY + Decimal(10**10) * (9 * _wave(epoch, 180) + _noise(epoch, "difficulty", 200))
    if scenario is Scenario.GROWTH:
        grown_days = (day - (growing_since or day)).days + 1
        price = round_half_even(price * (1 + PRICE_GROWTH * grown_days), 2)
        difficulty *= 1 + DIFFICULTY_GROWTH * (grown_days // RETARGET_DAYS)
    fees = Decimal(_noise(day, "fees", 4_000_000) + 4_500_000).scaleb(-8)
    return DayInputs(
        day=day,
        pool_btc_per_th=full_pay_per_share(difficulty, subsidy, fees),
        btc_usd=price + Decimal(_noise(day, "cents", 49) + 50).scaleb(-2),
        gomining_usd=prices["gomining_usd"],
        kwh_usd=prices["kwh_usd"],
        service_usd_per_th=prices["service_usd_per_th"],
        discount_cap=Decimal(0),
        difficulty=difficulty,
        subsidy_btc=subsidy,
        fees_btc=fees,
        source=source_of(scenario),
    )


def _wave(day: date, period: int) -> int:
    """A smooth wave between -100 and 100 with a period in days: two parabolas, in whole numbers."""
    phase = day.toordinal() % period * 400 // period
    half = phase % 200
    height = half * (200 - half) // 100
    return height if phase < 200 else -height


def _noise(day: date, name: str, reach: int) -> int:
    """A number from -reach to reach that the day and the name decide."""
    digest = hashlib.sha256(f"{name} {day.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2 * reach + 1) - reach
