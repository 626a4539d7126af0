"""What an upgrade costs: pure arithmetic over the operator's tariff, in USD.

Power is sold in bands that begin at 1, 2, 4 ... 3584 TH; band i costs per added TH `price * (1 - discount)^i + S`, and
an upgrade that crosses bands pays each band's part. S makes efficient miners dearer: the sum of the power steps
between their efficiency and 20 W/TH. Efficiency costs per TH the sum of its steps. A step `to_level` leads from
to_level + 1 to to_level W/TH; a fraction of a step costs its part. A quote is rounded once, half to even, to 8
decimals. Figures of the field: docs/why/rewards.md and the tests.
"""

import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

from hashrail.money import EXACT, ONE, USD_DECIMALS, ZERO, round_half_even

BAND_STARTS = tuple(
    Decimal(start) for start in (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2560, 3584)
)
MAX_POWER = Decimal(5000)
BEST_EFFICIENCY = Decimal(12)
NEUTRAL_EFFICIENCY = Decimal(20)
# A band's price has as many decimals as its power of the discount: four for each of 18 bands.
WIDE = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_EVEN, traps=EXACT.traps)


@dataclass(frozen=True, slots=True)
class Tariff:
    """USD: `power_price` per TH in band 0, `band_discount` a fraction a band; steps by the level they lead to."""

    power_price: Decimal
    band_discount: Decimal
    power_steps: Mapping[int, Decimal]
    efficiency_steps: Mapping[int, Decimal]


def power_quote(tariff: Tariff, *, energy_efficiency: Decimal, from_th: Decimal, to_th: Decimal) -> Decimal:
    """USD for raising a miner from `from_th` to `to_th` TH."""
    assert ZERO <= from_th < to_th <= MAX_POWER, "power only grows, up to the most that a miner can have"
    edges = [ZERO, *BAND_STARTS[1:], MAX_POWER]
    with decimal.localcontext(WIDE):
        surcharge = _surcharge(tariff, energy_efficiency)
        total = ZERO
        for index, (low, high) in enumerate(pairwise(edges)):
            added = min(high, to_th) - max(low, from_th)
            if added > 0:
                per_th = tariff.power_price * (ONE - tariff.band_discount) ** index + surcharge
                total += added * max(ZERO, per_th)
        return round_half_even(total, USD_DECIMALS)


def efficiency_quote(tariff: Tariff, *, power: Decimal, from_w: Decimal, to_w: Decimal) -> Decimal:
    """USD for improving a miner of `power` TH from `from_w` to `to_w` W/TH."""
    assert BEST_EFFICIENCY <= to_w < from_w, "efficiency only improves, down to the best there is"
    return round_half_even(power * _sum_of_steps(tariff.efficiency_steps, to_w, from_w), USD_DECIMALS)


def _surcharge(tariff: Tariff, energy_efficiency: Decimal) -> Decimal:
    """S: what a TH costs more (below 20 W/TH) or less (above)."""
    if energy_efficiency <= NEUTRAL_EFFICIENCY:
        return _sum_of_steps(tariff.power_steps, energy_efficiency, NEUTRAL_EFFICIENCY)
    return -_sum_of_steps(tariff.power_steps, NEUTRAL_EFFICIENCY, energy_efficiency)


def _sum_of_steps(steps: Mapping[int, Decimal], low: Decimal, high: Decimal) -> Decimal:
    """The prices of the steps between two efficiencies, the first and the last by their part; unknown steps cost 0."""
    total = ZERO
    level = int(low.to_integral_value(rounding=ROUND_FLOOR))
    while level < high:
        part = min(high, Decimal(level + 1)) - max(low, Decimal(level))
        total += part * steps.get(level, ZERO)
        level += 1
    return total
