"""Figures that dashboards of others ask the vendor's public app for: prices, what is on sale, the platform in figures.

No credential, any site's page, and a body that means nothing. Prices and rates are those of the newest published day;
answers are kept for some seconds, the platform's totals for a minute, since counting reads every miner.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from hashrail import business_clock, clock, db
from hashrail.api.operations.figures import NoDayPublishedError, newest_day
from hashrail.api.operations.market import AnyBody
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import texts
from hashrail.api.wire.app_models import Rows
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number, quantity
from hashrail.api.wire.models import Answer, BtcPerTh, Data, Efficiency, Moment, Power, Query, Text, Usd, UsdPerKwh
from hashrail.errors import BadRequestError
from hashrail.money import ONE, ZERO
from hashrail.rewards.formula import DayInputs
from hashrail.selling import catalogue, platform_totals
from hashrail.selling.catalogue import Collection
from hashrail.selling.platform_totals import Totals

APP_FIGURES = Noun("Dashboards")
TOTALS_SECONDS = 60
CACHE_CONTROL = "public, max-age=60"
TH = Annotated[Decimal, Meta(description="TH/s")]
NONE_HERE = Meta(description="0: there is no such thing here")
Nothing = Annotated[int, NONE_HERE]


class SymbolUnknownError(BadRequestError):
    """A currency has no price here."""

    code = "SYMBOL_UNKNOWN"
    advice = "Ask for BTC, GMT or GOMINING."


class AppPriceQuery(Query, kw_only=True):
    """How much of which currency; one of it unless `value` says otherwise."""

    symbol: Text
    value: Annotated[str, Meta(max_length=40, pattern=texts.QUANTITY)] | UnsetType = UNSET


class AppTokenPriceOut(Answer, kw_only=True):
    """What one GOMINING is worth, under both names that programs read."""

    value: Usd
    price: Usd
    internal_gmt_rate_diff_percentage: Annotated[Decimal, Meta(description="percent; there is one price here: 0")] = (
        ZERO
    )


class AppPlatformDeltaOut(Answer, kw_only=True):
    """What came within 24 hours: users who are new, TH of new miners."""

    mining_users_count: int
    total_hashrate_th: TH
    simple_earn_enabled_count: Nothing = 0
    cards_created_count: Nothing = 0
    total_tokens_locked: Nothing = 0


class AppPlatformOut(Answer, kw_only=True):
    """The platform in figures: users who have a miner, TH, miners, users."""

    mining_users_count: int
    total_hashrate_th: TH
    miners_count: int
    users_count: int
    simple_earn_enabled_count: Nothing = 0
    cards_created_count: Nothing = 0
    total_tokens_locked: Nothing = 0
    delta: AppPlatformDeltaOut


class AppDayDifferenceOut(Answer, kw_only=True):
    """What came within 24 hours."""

    nfts: int
    upgrades_count: int
    users_registered: int


class AppMarketplaceOut(Answer, kw_only=True):
    """The platform in figures, as the vendor's marketplace has them: `nfts` miners, `power` TH of them all."""

    nfts: int
    holders: int
    power: TH
    users_registered: int
    miners_generated: int
    purchases: int
    upgrades_count: int
    secondary_market_purchases_count: Nothing = 0
    secondary_market_purchases_total_value: Nothing = 0
    total_tokens_locked: Nothing = 0
    one_day_difference: AppDayDifferenceOut


class AppDayStatisticOut(Answer, kw_only=True):
    """The newest published day: when it ended, BTC and GOMINING in USD, what a TH earned before costs."""

    calculated_at: Moment
    btc: Usd
    gmt: Usd
    btc_course_in_usd: Usd
    gmt_price: Usd
    income_per_th: BtcPerTh
    k_wh: UsdPerKwh = field(name="kWh")


class AppHomeOut(Answer, kw_only=True):
    """Prices, and the newest published day."""

    current_btc_price: Usd
    current_gmt_price: Usd
    income_statistic: AppDayStatisticOut


class AppCollectionKindOut(Answer, kw_only=True):
    """What sort of offer it is: all of them are plain ones."""

    type: str = "general"


class AppCollectionOut(Answer, kw_only=True):
    """An offer, `value` in USD. What sorts the vendor's collections is the same for every one here."""

    id: int
    name: str
    power: Power
    energy_efficiency: Efficiency
    value: Usd
    type: str = "generative"
    sale_nft_status: str = "sale"
    test: bool = False
    network: None = None
    meta_data: AppCollectionKindOut


@APP_FIGURES.read(
    None,
    "app_token_price",
    "GET",
    "/api/exchanges/getTokenPrice",
    Auth.NONE,
    refuses=(NoDayPublishedError,),
    for_every_site=True,
)
async def token_price(call: Call, _query: Query) -> Data[AppTokenPriceOut]:
    """What one GOMINING is worth in USD."""
    day = await _day(call)
    return Data(AppTokenPriceOut(value=number(day.gomining_usd), price=number(day.gomining_usd)))


@APP_FIGURES.read(
    None,
    "app_price",
    "GET",
    "/api/exchanges/getPrice",
    Auth.NONE,
    # Bounds: for what no amount can be, however it was written.
    refuses=(NoDayPublishedError, SymbolUnknownError, FieldBoundsError),
    for_every_site=True,
)
async def price(call: Call, query: AppPriceQuery) -> Data[Decimal]:
    """What so much of a currency is worth in USD."""
    value = ONE if query.value is UNSET else quantity(query.value, "value")
    day = await _day(call)
    prices = {"BTC": day.btc_usd, "GMT": day.gomining_usd, "GOMINING": day.gomining_usd}
    found = prices.get(query.symbol.upper())
    if found is None:
        raise SymbolUnknownError(f"{query.symbol[:20]!r} has no price here", field="symbol")
    return Data(number(found * value))


@APP_FIGURES.read(None, "app_platform", "GET", "/api/platform-statistics", Auth.NONE, for_every_site=True)
async def platform(call: Call, _query: Query) -> Data[AppPlatformOut]:
    """The platform in figures: users, miners and TH of all partners together."""
    now = await _totals(call)
    return Data(
        AppPlatformOut(
            mining_users_count=now.holders,
            total_hashrate_th=number(now.power_th),
            miners_count=now.miners,
            users_count=now.users,
            delta=AppPlatformDeltaOut(mining_users_count=now.new_users, total_hashrate_th=number(now.new_power_th)),
        )
    )


@APP_FIGURES.read(None, "app_marketplace", "POST", "/api/nft/marketplace-statistics", Auth.NONE, for_every_site=True)
async def marketplace(call: Call, _body: AnyBody) -> Data[AppMarketplaceOut]:
    """The platform in figures, under the names of the vendor's marketplace."""
    now = await _totals(call)
    return Data(
        AppMarketplaceOut(
            nfts=now.miners,
            holders=now.holders,
            power=number(now.power_th),
            users_registered=now.users,
            miners_generated=now.made,
            purchases=now.purchases,
            upgrades_count=now.upgrades,
            one_day_difference=AppDayDifferenceOut(
                nfts=now.new_miners, upgrades_count=now.new_upgrades, users_registered=now.new_users
            ),
        )
    )


@APP_FIGURES.read(
    None,
    "app_home",
    "POST",
    "/api/home-page/get-info-v2",
    Auth.NONE,
    refuses=(NoDayPublishedError,),
    for_every_site=True,
)
async def home(call: Call, _body: AnyBody) -> Data[AppHomeOut]:
    """Prices, and what a TH earned on the newest published day."""
    day = await _day(call)
    return Data(
        AppHomeOut(
            current_btc_price=number(day.btc_usd),
            current_gmt_price=number(day.gomining_usd),
            income_statistic=AppDayStatisticOut(
                calculated_at=clock.iso(clock.end_of(day.day)),
                btc=number(day.btc_usd),
                gmt=number(day.gomining_usd),
                btc_course_in_usd=number(day.btc_usd),
                gmt_price=number(day.gomining_usd),
                income_per_th=number(day.pool_btc_per_th),
                k_wh=number(day.kwh_usd),
            ),
        )
    )


@APP_FIGURES.read(None, "app_collections", "POST", "/api/nft-collection/index", Auth.NONE, for_every_site=True)
async def collections(call: Call, _body: AnyBody) -> Data[Rows[AppCollectionOut]]:
    """What is on sale, by id."""
    offers = await call.serving.answers.get("app_collections", lambda: _offers(call))
    call.headers["cache-control"] = CACHE_CONTROL
    return Data(Rows(array=[_collection(one) for one in offers], count=len(offers)))


async def _day(call: Call) -> DayInputs:
    """The newest published day, as it was some seconds ago."""

    async def read() -> DayInputs:
        async with db.snapshot(call.pool) as tx:
            return await newest_day(tx)

    call.headers["cache-control"] = CACHE_CONTROL
    return await call.serving.answers.get("app_day", read)


async def _totals(call: Call) -> Totals:
    """The platform's totals, as they were within the last minute."""

    async def read() -> Totals:
        async with db.snapshot(call.pool) as tx:
            yesterday = await business_clock.now(tx) - timedelta(days=1)
            return await platform_totals.totals(tx, yesterday)

    call.headers["cache-control"] = CACHE_CONTROL
    return await call.serving.answers.get("app_totals", read, TOTALS_SECONDS)


async def _offers(call: Call) -> Sequence[Collection]:
    async with db.snapshot(call.pool) as tx:
        return await catalogue.on_sale(tx)


def _collection(one: Collection) -> AppCollectionOut:
    return AppCollectionOut(
        id=one.id,
        name=f"{number(one.power):f} TH, {number(one.energy_efficiency):f} W/TH",
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        value=number(one.value_usd),
        meta_data=AppCollectionKindOut(),
    )
