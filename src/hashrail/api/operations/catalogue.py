"""The catalogue: what is on sale, and what it would return (#9 and #10)."""

from decimal import Decimal

from msgspec import field

from hashrail import db
from hashrail.api.operations.figures import NoDayPublishedError, newest_day
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    BtcPerDay,
    Data,
    Efficiency,
    Fraction,
    Listing,
    Percent,
    Power,
    Query,
    Usd,
    UsdPerDay,
)
from hashrail.money import ZERO
from hashrail.parties import users
from hashrail.rewards.formula import DayInputs, annual_roi, electricity_usd_per_th
from hashrail.selling import catalogue
from hashrail.selling.catalogue import Collection

CATALOGUE = Noun("Catalogue")


class CollectionOut(Answer, kw_only=True):
    """value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner."""

    id: int
    power: Power
    energy_efficiency: Efficiency
    value: Usd
    annual_roi: Percent = field(name="annualROI")
    pool_reward: BtcPerDay
    electricity_cost: UsdPerDay
    service_cost: UsdPerDay
    level_discount: Fraction


@CATALOGUE.read(
    9,
    "c2s_collections",
    "GET",
    "/c2s/nft-collection/find-all-generative",
    Auth.KEY_OR_BEARER,
    refuses=(NoDayPublishedError,),
)
async def collections_for_client(call: Call, _query: Query) -> Data[Listing[CollectionOut]]:
    """#9: what is on sale, at the user's level."""
    return await _collections(call, call.known.user_id)


@CATALOGUE.read(
    10,
    "s2s_collections",
    "GET",
    "/s2s/nft-collection/find-all-generative",
    Auth.SERVER_KEY,
    refuses=(NoDayPublishedError,),
)
async def collections(call: Call, _query: Query) -> Data[Listing[CollectionOut]]:
    """#10: what is on sale."""
    return await _collections(call, None)


async def _collections(call: Call, user_id: int | None) -> Data[Listing[CollectionOut]]:
    """The offers at the level of a user, if there is one."""
    async with db.snapshot(call.pool) as tx:
        day = await newest_day(tx)
        discount = ZERO
        if user_id is not None:
            discount = (await users.get(tx, call.partner_id, user_id)).level_discount
        offers = await catalogue.on_sale(tx)
    return Data(Listing([_collection(offer, day, discount) for offer in offers]))


def _collection(one: Collection, day: DayInputs, level_discount: Decimal) -> CollectionOut:
    """An offer at the figures of the newest published day."""
    pool = one.power * day.pool_btc_per_th
    electricity = one.power * electricity_usd_per_th(day.kwh_usd, one.energy_efficiency)
    service = one.power * day.service_usd_per_th
    roi = annual_roi(
        pool_usd=pool * day.btc_usd,
        electricity_usd=electricity,
        service_usd=service,
        discount=level_discount,
        value_usd=one.value_usd,
    )
    return CollectionOut(
        id=one.id,
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        value=number(one.value_usd),
        annual_roi=number(roi),
        pool_reward=number(pool),
        electricity_cost=number(electricity),
        service_cost=number(service),
        level_discount=number(level_discount),
    )
