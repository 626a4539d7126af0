"""What the log and changes that wait keep of things: facts by name, as an act begins and ends with them."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from hashrail.access import api_keys
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.rewards import discounts
from hashrail.selling import catalogue
from hashrail.selling.partner_closing import Closed
from hashrail.selling.upgrade_prices import Tariff


async def offers(tx: Tx) -> dict[str, Decimal]:
    """USD of what is on sale."""
    return {offer(one.power, one.energy_efficiency): one.value_usd for one in await catalogue.on_sale(tx)}


def offer(power: Decimal, efficiency: Decimal) -> str:
    """How an offer is named."""
    return f"{plain(power)} TH, {plain(efficiency)} W/TH"


def tariff(found: Tariff | None) -> dict[str, object]:
    """What upgrades cost."""
    return {} if found is None else with_text_levels(asdict(found))


def with_text_levels(given: Mapping[str, Any]) -> dict[str, object]:
    """Parts of a tariff of upgrades, with levels as texts."""
    return {
        name: {str(level): price for level, price in value.items()} if isinstance(value, Mapping) else value
        for name, value in given.items()
    }


async def fractions(tx: Tx, name: str) -> dict[str, object]:
    """What a programme gives, by the first day."""
    found = [one for one in await discounts.programmes(tx) if one.name == name and one.from_day is not None]
    return {str(one.from_day): one.fraction for one in found}


def levels(given: Mapping[Decimal, Decimal]) -> dict[str, object]:
    """Fractions by the TH from which they are given."""
    return {"levels": {plain(from_th): fraction for from_th, fraction in given.items()}}


def ended(made: Closed) -> dict[str, object]:
    """What ended with a partner."""
    return {"standing": "closed", "miners": made.miners, "th": made.power_th, "orders": made.orders, "keys": made.keys}


async def rotation(tx: Tx, partner_id: int, key_id: int) -> dict[str, object]:
    """What a rotation begins with: the key, and which of its secrets sign."""
    live = await api_keys.secrets_of(tx, partner_id, key_id)
    return {"partner": partner_id, "key": key_id, "live_secrets": live}
