"""Market endpoints: figures of the vendor's public app that calculators and dashboards of others already call.

No credential, any site's page, and a body that means nothing. The figures are those of the newest published day and
of the catalogue. The sum over a year is of 365 days, since calculators divide it by 365: with fewer published ones it
is their mean times 365, and `daysCounted` says how many they are. Corrections of published days are not in it.

A collection's `level` is its place by power among those of its efficiency, 1 for the least: a count of the catalogue,
not a figure of a miner.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from hashrail import clock, db
from hashrail.api.operations.figures import NoDayPublishedError, newest_day
from hashrail.api.serving.call import ENCODER, Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Data, Efficiency, Moment, Power, Query, Usd
from hashrail.money import AMOUNT_DECIMALS, ONE, ZERO, divide_half_even
from hashrail.rewards import rates
from hashrail.rewards.formula import electricity_usd_per_th
from hashrail.selling import catalogue, upgrade_tariff
from hashrail.selling.catalogue import Collection

MARKET = Noun("Market")
YEAR_DAYS = 365
CACHE_CONTROL = "public, max-age=60"
T = TypeVar("T", bound=msgspec.Struct)

UsdPerTh = Annotated[Decimal, Meta(description="USD per TH")]


class AnyBody(msgspec.Struct):
    """Whatever is sent: none of it means anything here."""


class MarketIncomeOut(Answer, kw_only=True):
    """What a TH earned and costs, before discounts: gross on the newest published day and over the last 365 of them."""

    created_at: Moment
    btc_course_in_usd: Usd
    total_income_per_th_today: UsdPerTh
    total_income_per_th: Annotated[
        Decimal, Meta(description="USD per TH in 365 days; with fewer published days, their mean times 365")
    ]
    c1_value_per_th_per_wt_today: Annotated[Decimal, Meta(description="USD per TH per W/TH a day")]
    c2_value_per_th_today: Annotated[Decimal, Meta(description="USD per TH a day")]
    c3_value_per_th_today: UsdPerTh = ZERO
    c4_value_per_th_today: UsdPerTh = ZERO
    days_counted: Annotated[int, Meta(description="published days that totalIncomePerTh is made of, at most 365")]


class MarketCollectionOut(Answer, kw_only=True):
    """An offer. `level` counts the offers of the same efficiency by power, from 1."""

    id: int
    power: Power
    energy_efficiency: Efficiency
    price_usdt: Usd
    level: int


class MarketListingOut(Answer, kw_only=True):
    """Everything on sale."""

    array: Sequence[MarketCollectionOut]
    count: int


class UpgradeStepOut(Answer, kw_only=True):
    """The step from toLevel + 1 to toLevel W/TH, for one TH."""

    to_level: int
    price_usd: UsdPerTh


class UpgradeRatesOut(Answer, kw_only=True):
    """What steps of efficiency cost: as surcharge on power, and as upgrade. `energyEfficiencyPriceConfig` is empty."""

    energy_efficiency_price_config: Annotated[Sequence[UpgradeStepOut], Meta(max_length=0)] = ()
    power_upgrade_price_config: Sequence[UpgradeStepOut]
    energy_efficiency_upgrade_price_config: Sequence[UpgradeStepOut]


@MARKET.read(
    None,
    "market_last_income",
    "POST",
    "/api/nft-income-aggregation/get-last",
    Auth.NONE,
    refuses=(NoDayPublishedError,),
    for_every_site=True,
)
async def last_income(call: Call, _body: AnyBody) -> Data[MarketIncomeOut]:
    """What a TH earned on the newest published day, and in a year."""
    return await _kept(call, _read_income)


@MARKET.read(
    None, "market_collections", "GET", "/api/nft-collection/find-all-generative", Auth.NONE, for_every_site=True
)
async def collections(call: Call, _query: Query) -> Data[MarketListingOut]:
    """What is on sale, by id."""
    return await _kept(call, _read_collections)


@MARKET.read(
    None,
    "market_upgrade_rates",
    "POST",
    "/api/nft/get-upgrade-rate",
    Auth.NONE,
    refuses=(upgrade_tariff.NoTariffError,),
    for_every_site=True,
)
async def upgrade_rates(call: Call, _body: AnyBody) -> Data[UpgradeRatesOut]:
    """What upgrades cost, by step."""
    return await _kept(call, _read_upgrade_rates)


async def _read_income(pool: db.Pool) -> Data[MarketIncomeOut]:
    async with db.snapshot(pool) as tx:
        day = await newest_day(tx)
        year, counted = await rates.gross_usd_per_th(tx, through=day.day, days=YEAR_DAYS)
    return Data(
        MarketIncomeOut(
            created_at=clock.iso(clock.credited_at(day.day)),
            btc_course_in_usd=number(day.btc_usd),
            total_income_per_th_today=number(day.pool_btc_per_th * day.btc_usd),
            total_income_per_th=number(_in_a_year(year, counted)),
            c1_value_per_th_per_wt_today=number(electricity_usd_per_th(day.kwh_usd, ONE)),
            c2_value_per_th_today=number(day.service_usd_per_th),
            days_counted=counted,
        )
    )


def _in_a_year(earned: Decimal, days: int) -> Decimal:
    """What so many days earned, for 365 days."""
    return earned if days == YEAR_DAYS else divide_half_even(earned * YEAR_DAYS, Decimal(days), AMOUNT_DECIMALS)


async def _read_collections(pool: db.Pool) -> Data[MarketListingOut]:
    async with db.snapshot(pool) as tx:
        offers = await catalogue.on_sale(tx)
    levels = _levels(offers)
    return Data(
        MarketListingOut(
            array=[
                MarketCollectionOut(
                    id=one.id,
                    power=number(one.power),
                    energy_efficiency=number(one.energy_efficiency),
                    price_usdt=number(one.value_usd),
                    level=levels[one.id],
                )
                for one in offers
            ],
            count=len(offers),
        )
    )


def _levels(offers: list[Collection]) -> dict[int, int]:
    """Each offer's place by power among those of its efficiency."""
    by_power = sorted(offers, key=lambda one: (one.energy_efficiency, one.power))
    return {
        one.id: level
        for _, alike in groupby(by_power, key=lambda one: one.energy_efficiency)
        for level, one in enumerate(alike, start=1)
    }


async def _read_upgrade_rates(pool: db.Pool) -> Data[UpgradeRatesOut]:
    async with db.snapshot(pool) as tx:
        tariff = await upgrade_tariff.load(tx)
    power, efficiency = (
        [UpgradeStepOut(to_level=level, price_usd=number(price)) for level, price in steps.items()]
        for steps in (tariff.power_steps, tariff.efficiency_steps)
    )
    return Data(UpgradeRatesOut(power_upgrade_price_config=power, energy_efficiency_upgrade_price_config=efficiency))


async def _kept(call: Call, read: Callable[[db.Pool], Awaitable[Data[T]]]) -> Data[T]:
    """The answer as it is kept, with the headers that let clients and proxies keep it too."""

    async def make() -> tuple[Data[T], str]:
        answer = await read(call.pool)
        return answer, f'"{hashlib.sha256(ENCODER.encode(answer)).hexdigest()[:32]}"'

    answer, tag = await call.serving.answers.get(call.operation, make)
    call.headers.update({"etag": tag, "cache-control": CACHE_CONTROL})
    return answer
