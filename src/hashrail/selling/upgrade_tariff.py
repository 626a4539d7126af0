"""The tariff of upgrades: what the operator asks for more TH and for fewer W/TH.

One tariff for every partner; a change counts from the next quote on. What an upgrade then costs is pure arithmetic
(`upgrade_prices.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hashrail import bounds
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, UnavailableError
from hashrail.money import decimals, is_amount
from hashrail.rewards.formula import DISCOUNT_DECIMALS
from hashrail.selling.upgrade_prices import Tariff


class BadTariffError(BadRequestError):
    """Not a tariff: prices are USD from 0 to below 10^9, a level is a whole W/TH, the discount a fraction below 1."""

    code = "BAD_TARIFF"
    advice = "Give prices in USD, steps as 12-14:2.098 15-19:0.772, and the discount as a fraction with 4 decimals."


class NoTariffError(UnavailableError):
    """The operator has not set what upgrades cost."""

    code = "NO_UPGRADE_TARIFF"
    advice = "Ask the operator to run: hashrail catalogue seed"


# As much as the pattern of a step allows. What an upgrade costs is then always an amount.
PRICE_LIMIT = Decimal(10) ** 9

# "12-14:2.098" is a price for each of three levels, "12:2.098" for one.
STEP = re.compile(r"(?P<first>[1-9][0-9]{0,2})(-(?P<last>[1-9][0-9]{0,2}))?:(?P<price>[0-9]{1,9}(\.[0-9]{1,18})?)")


def steps(text: str) -> dict[int, Decimal]:
    """`"12-14:2.098 15:0.772"` as prices in USD per TH by the level that a step leads to. Raises BadTariffError."""
    found: dict[int, Decimal] = {}
    for item in text.split():
        step = STEP.fullmatch(item)
        if step is None:
            raise BadTariffError(f"{item} is no step", field="steps")
        first, last = int(step["first"]), int(step["last"] or step["first"])
        if last < first:
            raise BadTariffError(f"{item} ends before it begins", field="steps")
        prices = dict.fromkeys(range(first, last + 1), Decimal(step["price"]))
        if found.keys() & prices.keys():
            raise BadTariffError(f"{item} gives a level a second price", field="steps")
        found |= prices
    return found


async def load(tx: Reader) -> Tariff:
    """What upgrades cost. Raises NoTariffError."""
    found = await find(tx)
    if found is None:
        raise NoTariffError("the operator has not set what upgrades cost")
    return found


async def find(tx: Reader) -> Tariff | None:
    """What upgrades cost, if the operator has set it."""
    # One statement, so that the parts belong together.
    rows = await tx.fetch(
        """SELECT t.power_price_usd, t.band_discount, s.kind, s.to_level, s.price_usd
           FROM upgrade_tariff t LEFT JOIN upgrade_step s ON true ORDER BY s.to_level"""
    )
    if not rows:
        return None
    return Tariff(
        power_price=rows[0]["power_price_usd"],
        band_discount=rows[0]["band_discount"],
        power_steps={row["to_level"]: row["price_usd"] for row in rows if row["kind"] == "power"},
        efficiency_steps={row["to_level"]: row["price_usd"] for row in rows if row["kind"] == "efficiency"},
    )


def doubt_price(was: Decimal | None, price: Decimal, *, since: str = "before") -> tuple[Doubt, ...]:
    """Why somebody should look at the price of a TH again. Raises ImplausibleFigureError."""
    if not is_amount(price) or price <= 0:
        return ()  # free, or no price, which is refused by name
    bounds.check("usd_per_th", price)
    found = bounds.compare("usd_per_th", price, was, since)
    return () if found is None else (found,)


def doubt_steps(
    was: Mapping[int, Decimal], steps: Mapping[int, Decimal], *, since: str = "before"
) -> tuple[Doubt, ...]:
    """Why somebody should look at the prices of steps again, each by its level. Raises ImplausibleFigureError."""
    found = []
    for level, price in steps.items():
        bounds.check("upgrade_step_usd", price)
        doubt = bounds.compare("upgrade_step_usd", price, was.get(level), since)
        if doubt is not None:
            found.append(replace(doubt, field=f"step to {level} W/TH"))
    return tuple(found)


async def change(
    tx: Tx,
    *,
    power_price: Decimal | None = None,
    band_discount: Decimal | None = None,
    power_steps: Mapping[int, Decimal] | None = None,
    efficiency_steps: Mapping[int, Decimal] | None = None,
) -> None:
    """Change the given parts of what upgrades cost; a first tariff needs all of them.

    Raises NoTariffError, BadTariffError.
    """
    # Whoever changes another part at the same time waits, or one of the two would be lost.
    await tx.execute("SELECT 1 FROM upgrade_tariff FOR UPDATE")
    if power_price is None or band_discount is None or power_steps is None or efficiency_steps is None:
        present = await load(tx)
        power_price = present.power_price if power_price is None else power_price
        band_discount = present.band_discount if band_discount is None else band_discount
        power_steps = present.power_steps if power_steps is None else power_steps
        efficiency_steps = present.efficiency_steps if efficiency_steps is None else efficiency_steps
    await put(tx, Tariff(power_price, band_discount, power_steps, efficiency_steps))


async def put(tx: Tx, tariff: Tariff) -> None:
    """Replace what upgrades cost from now on. Raises BadTariffError."""
    if not is_amount(tariff.power_price) or not 0 <= tariff.power_price < PRICE_LIMIT:
        raise BadTariffError(f"{tariff.power_price} is no price", field="power_price")
    if not 0 <= tariff.band_discount < 1 or decimals(tariff.band_discount) > DISCOUNT_DECIMALS:
        raise BadTariffError(f"{tariff.band_discount} is no such fraction", field="band_discount")
    await tx.execute(
        """INSERT INTO upgrade_tariff (id, power_price_usd, band_discount) VALUES (1, $1, $2)
           ON CONFLICT (id) DO UPDATE SET power_price_usd = excluded.power_price_usd,
                                          band_discount = excluded.band_discount""",
        tariff.power_price,
        tariff.band_discount,
    )
    await tx.execute("DELETE FROM upgrade_step")
    await tx.executemany(
        "INSERT INTO upgrade_step (kind, to_level, price_usd) VALUES ($1, $2, $3)",
        [
            *[("power", level, price) for level, price in tariff.power_steps.items()],
            *[("efficiency", level, price) for level, price in tariff.efficiency_steps.items()],
        ],
    )
