"""The catalogue over the wire: what is on sale, and what it would return (#9, #10)."""

from decimal import Decimal
from typing import Any

from hashrail import db
from hashrail.money import divide_half_even
from hashrail.selling import catalogue
from tests.support.api_client import MARCH, Caller, Past, answered, open_api
from tests.support.world import World


def offer_rows(past: Past, offers: list[catalogue.Collection], discount: str) -> list[dict[str, Any]]:
    """Offers as #9 and #10 show them at the figures of the newest day, by the contract's own formula."""
    day = past.inputs(MARCH[4])
    rows = []
    for offer in offers:
        electricity = day.kwh_usd * 24 / 1000 * offer.energy_efficiency * offer.power
        service = day.service_usd_per_th * offer.power
        pool = day.pool_btc_per_th * offer.power
        yearly = (pool * day.btc_usd - (electricity + service) * (1 - Decimal(discount))) * 365 * 100
        rows.append(
            {
                "id": offer.id,
                "power": offer.power,
                "energyEfficiency": offer.energy_efficiency,
                "value": offer.value_usd,
                "annualROI": divide_half_even(yearly, offer.value_usd, 2),
                "poolReward": pool,
                "electricityCost": electricity,
                "serviceCost": service,
                "levelDiscount": Decimal(discount),
            }
        )
    return rows


async def test_offers(past: Past, alice: Caller) -> None:
    async with db.transaction(past.api.world.pool) as tx:
        offers = await catalogue.on_sale(tx)
    assert len(offers) == 42
    at_no_level = {"array": offer_rows(past, offers, "0")}
    publishable = await past.api.caller(kind="publishable")
    assert answered(await past.api.server.call("s2s_collections")) == at_no_level
    assert answered(await publishable.call("c2s_collections")) == at_no_level
    assert answered(await (await past.api.user("carol")).call("c2s_collections")) == at_no_level
    assert answered(await alice.call("c2s_collections")) == {"array": offer_rows(past, offers, "0.009")}


async def test_what_is_withdrawn_is_not_offered(world: World, dsn: str) -> None:
    await world.mine()
    async with db.transaction(world.pool) as tx:
        gone, *rest = await catalogue.on_sale(tx)
        await catalogue.withdraw(tx, gone.id)
    async with open_api(world, dsn) as api:
        shown = answered(await api.server.call("s2s_collections"))["array"]
        assert [row["id"] for row in shown] == [offer.id for offer in rest]
