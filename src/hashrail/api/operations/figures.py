"""Figures of the newest published day: what a TH earns, and what currencies are worth (#13, #14 and #28)."""

from msgspec import field

from hashrail import db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    BtcPerTh,
    Data,
    Efficiency,
    Listing,
    Query,
    SignedBody,
    Usd,
    UsdPerKwh,
    UsdPerTh,
)
from hashrail.db import Tx
from hashrail.errors import UnavailableError
from hashrail.money import ZERO
from hashrail.rewards import rates
from hashrail.rewards.formula import DayInputs, class_rates

INCOME_PER_TH = Noun("Income")
EXCHANGE_RATES = Noun("Rates")


class NoDayPublishedError(UnavailableError):
    """No mining day is published yet, so there are no figures."""

    code = "NO_DAY_PUBLISHED"
    advice = "Wait for the first published day; the operator enters it with: hashrail init"


class EmptySignedBody(SignedBody, kw_only=True):
    """#14: nothing but the signature."""


class IncomePerThOut(Answer, kw_only=True):
    """BTC per TH of the last closed day; rates USD; kWh USD; serviceCost USD per TH per day."""

    income_per_th: BtcPerTh
    btc_rate: Usd
    gomining_rate: Usd
    k_wh: UsdPerKwh = field(name="kWh")
    service_cost: UsdPerTh
    pool_reward_per_th: BtcPerTh
    net_income_per_th: BtcPerTh
    energy_efficiency: Efficiency


class ExchangeRateOut(Answer, kw_only=True):
    """#28: what one of a currency is worth."""

    symbol: str
    price: Usd


async def newest_day(tx: Tx) -> DayInputs:
    """The newest published day. Raises NoDayPublishedError."""
    day = await rates.latest_published(tx)
    if day is None:
        raise NoDayPublishedError("no mining day is published yet")
    return day


@INCOME_PER_TH.read(
    13,
    "c2s_income_per_th",
    "GET",
    "/c2s/income-statistic/get-income-per-th",
    Auth.KEY_OR_BEARER,
    refuses=(NoDayPublishedError,),
)
async def income_per_th_for_client(call: Call, _query: Query) -> Data[IncomePerThOut]:
    """#13: what a TH earned on the newest published day."""
    return await _income_per_th(call)


@INCOME_PER_TH.read(
    14,
    "s2s_income_per_th",
    "POST",
    "/s2s/income-statistic/get-income-per-th",
    Auth.SIGNED,
    refuses=(NoDayPublishedError,),
)
async def income_per_th(call: Call, _body: EmptySignedBody) -> Data[IncomePerThOut]:
    """#14: what a TH earned on the newest published day."""
    return await _income_per_th(call)


@EXCHANGE_RATES.read(
    28,
    "exchange_rates",
    "GET",
    "/c2s/exchanges/get-prices",
    Auth.ANY_KEY_OR_BEARER,
    also_at=("/s2s/exchanges/get-prices",),
    refuses=(NoDayPublishedError,),
)
async def exchange_rates(call: Call, _query: Query) -> Data[Listing[ExchangeRateOut]]:
    """#28: what BTC and GOMINING cost in USD on the newest published day."""
    async with db.snapshot(call.pool) as tx:
        day = await newest_day(tx)
    prices = {"BTC": day.btc_usd, "GOMINING": day.gomining_usd}
    return Data(Listing([ExchangeRateOut(symbol=symbol, price=number(price)) for symbol, price in prices.items()]))


async def _income_per_th(call: Call) -> Data[IncomePerThOut]:
    async with db.snapshot(call.pool) as tx:
        day = await newest_day(tx)
    settings = call.deployment.settings
    efficiency = settings.income_per_th_efficiency
    net = class_rates(day, efficiency, ZERO).net
    gross = settings.income_per_th == "gross"
    return Data(
        IncomePerThOut(
            income_per_th=number(day.pool_btc_per_th if gross else net),
            btc_rate=number(day.btc_usd),
            gomining_rate=number(day.gomining_usd),
            k_wh=number(day.kwh_usd),
            service_cost=number(day.service_usd_per_th),
            pool_reward_per_th=number(day.pool_btc_per_th),
            net_income_per_th=number(net),
            energy_efficiency=number(efficiency),
        )
    )
