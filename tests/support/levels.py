"""The level that a user with so many TH would have, as the statement finds it that gives one."""

from decimal import Decimal

from hashrail.db import Reader
from hashrail.rewards import discounts


async def level_of(tx: Reader, total_power_th: Decimal) -> Decimal:
    """The fraction that a user with that many TH gets."""
    level: Decimal = await tx.fetchval(
        f"SELECT {discounts.LEVEL} FROM (SELECT $1::numeric AS total) t",
        total_power_th,
    )
    return level
