"""Sample prices, levels and upgrade tariff of 2026-09-09: what a new deployment is seeded with."""

from decimal import Decimal

from hashrail.selling.upgrade_prices import Tariff
from hashrail.selling.upgrade_tariff import steps

# USD of 2026-09-09 (facts of the field): what a new deployment is seeded with.
SAMPLE = Tariff(
    power_price=Decimal("7.626"),
    band_discount=Decimal("0.004"),
    power_steps=steps("12-14:2.098 15-19:0.772 20-27:0.387 28-34:0.379 35-49:0.09"),
    efficiency_steps=steps("12-14:2.667 15-19:1.1 20-27:0.999 28-34:0.5 35-49:0.1"),
)

# USD by TH of 2026-09-09 (facts of the field): what a new deployment is seeded with.
SAMPLE_PRICES: dict[str, str] = {
    "15": (
        "1:14.99 2:27.99 4:55.99 8:109.99 16:216.99 32:429.99 48:637.99 64:841.99 96:1250.99 128:1650.99 192:2451.99 "
        "256:3235.99 384:4804.99 512:6342.99 768:9419.99 1024:12434.99 1536:18465.99 2560:30469.99 3584:42233.99 "
        "5000:58333.99"
    ),
    "12": (
        "0.75:12.99 1:18.99 2:37.79 4:75.19 8:149.99 16:297.99 32:592.99 48:884.99 64:1172.99 96:1750.99 128:2322.99 "
        "192:3465.99 256:4597.99 384:6861.99 512:9102.99 768:13584.99 1024:18020.99 1536:26894.99 2560:44597.99 "
        "3584:62121.99 5000:86228.99"
    ),
    "20": "1:20.99",
}
SAMPLE_LEVELS = (
    "0:0 5:.003 10:.006 25:.009 50:.012 100:.015 200:.018 500:.021 1000:.024 2500:.027 5000:.03 7000:.033 9000:.036 "
    "12000:.039 20000:.042 50000:.045 100000:.048 250000:.051 400000:.054 750000:.057 1000000:.06"
)


def pairs(text: str) -> dict[Decimal, Decimal]:
    """`"1:14.99 2:27.99"` as numbers."""
    return {Decimal(left): Decimal(right) for left, _, right in (item.partition(":") for item in text.split())}


def sample_collections() -> list[tuple[Decimal, Decimal, Decimal]]:
    """(power TH, W/TH, USD) of the sample catalogue."""
    return [
        (power, Decimal(efficiency), value)
        for efficiency, prices in SAMPLE_PRICES.items()
        for power, value in pairs(prices).items()
    ]
