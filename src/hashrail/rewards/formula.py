"""What one terahash earns on one day: pure arithmetic, no database.

Per TH and day, in BTC: `net = max(0, pool - (c1 + c2))` with c1 electricity and c2 service after discount. Each of
pool, c1 and c2 is rounded once, half to even, to 14 decimals of BTC, so that power (4 decimals) x rate is exact
within 18. Where pool < c1 + c2 the miner is idle and all four are 0. Formulas: docs/why/rewards.md.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail.money import ONE, ZERO, divide_half_even, round_half_even

RATE_DECIMALS = 14
POWER_DECIMALS = 4
EFFICIENCY_DECIMALS = 2
DISCOUNT_DECIMALS = 4

SECONDS_PER_DAY = Decimal(86400)
HASHES_PER_TH = Decimal(10) ** 12
HASHES_PER_DIFFICULTY = Decimal(2) ** 32


@dataclass(frozen=True, slots=True)
class DayInputs:
    """Everything that fixes the rates of one mining day.

    `pool_btc_per_th` BTC per TH/s per day before costs; `btc_usd` and `gomining_usd` USD; `kwh_usd` USD per kWh;
    `service_usd_per_th` USD per TH per day; `discount_cap` the most that discounts may add up to, a fraction.
    `difficulty`, `subsidy_btc` and `fees_btc` say what the pool reward was computed from, where it was computed.
    """

    day: date
    pool_btc_per_th: Decimal
    btc_usd: Decimal
    gomining_usd: Decimal
    kwh_usd: Decimal
    service_usd_per_th: Decimal
    discount_cap: Decimal
    difficulty: Decimal | None = None
    subsidy_btc: Decimal | None = None
    fees_btc: Decimal | None = None
    source: str = "entered"


@dataclass(frozen=True, slots=True)
class ClassRates:
    """BTC per TH of one rate class on one day; `net = pool - c1 - c2` exactly."""

    pool: Decimal
    c1: Decimal
    c2: Decimal
    net: Decimal

    def __add__(self, other: "ClassRates") -> "ClassRates":
        return ClassRates(self.pool + other.pool, self.c1 + other.c1, self.c2 + other.c2, self.net + other.net)

    def __sub__(self, other: "ClassRates") -> "ClassRates":
        return ClassRates(self.pool - other.pool, self.c1 - other.c1, self.c2 - other.c2, self.net - other.net)


IDLE = ClassRates(ZERO, ZERO, ZERO, ZERO)


def full_pay_per_share(
    difficulty: Decimal, subsidy_btc: Decimal, fees_btc: Decimal, *, pool_fee: Decimal = ZERO
) -> Decimal:
    """BTC per TH/s per day that a pool pays: subsidy and mean fees per block in BTC, at a network difficulty.

    `pool_fee` is the fraction that the pool keeps.
    """
    reward = SECONDS_PER_DAY * HASHES_PER_TH * (subsidy_btc + fees_btc) * (ONE - pool_fee)
    return divide_half_even(reward, difficulty * HASHES_PER_DIFFICULTY, RATE_DECIMALS)


def pool_from_usd(pool_usd_per_th: Decimal, btc_usd: Decimal) -> Decimal:
    """BTC per TH per day of a pool reward that is known in USD."""
    return divide_half_even(pool_usd_per_th, btc_usd, RATE_DECIMALS)


def electricity_usd_per_th(kwh_usd: Decimal, energy_efficiency: Decimal) -> Decimal:
    """USD per TH per day for `energy_efficiency` W/TH before discount: exact."""
    return kwh_usd * 24 * energy_efficiency / 1000


def total_discount(inputs: DayInputs, level_discount: Decimal, fractions: Decimal) -> Decimal:
    """The day's discount of a class: level and programme fractions added up, at most the cap."""
    return min(inputs.discount_cap, level_discount + fractions)


def class_rates(inputs: DayInputs, energy_efficiency: Decimal, discount: Decimal) -> ClassRates:
    """The day's rates of `energy_efficiency` W/TH at a total `discount` (a fraction)."""
    charged = ONE - discount
    electricity = electricity_usd_per_th(inputs.kwh_usd, energy_efficiency) * charged
    c1 = divide_half_even(electricity, inputs.btc_usd, RATE_DECIMALS)
    c2 = divide_half_even(inputs.service_usd_per_th * charged, inputs.btc_usd, RATE_DECIMALS)
    if inputs.pool_btc_per_th < c1 + c2:
        return IDLE
    return ClassRates(inputs.pool_btc_per_th, c1, c2, inputs.pool_btc_per_th - c1 - c2)


def annual_roi(
    *, pool_usd: Decimal, electricity_usd: Decimal, service_usd: Decimal, discount: Decimal, value_usd: Decimal
) -> Decimal:
    """Percent of a miner's price that a year at today's USD figures returns, to 2 decimals."""
    net = pool_usd - (electricity_usd + service_usd) * (ONE - discount)
    return divide_half_even(net * 365 * 100, value_usd, 2)


def usd_of(amount_btc: Decimal, btc_usd: Decimal) -> Decimal:
    """USD worth of an amount of BTC, to 8 decimals."""
    return round_half_even(amount_btc * btc_usd, 8)
