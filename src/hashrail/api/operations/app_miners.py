"""A user's miners and their TH by the day, as dashboards of others read them from the vendor's app."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from hashrail import business_clock, clock, db
from hashrail.api.operations import app_moments
from hashrail.api.operations.market import YEAR_DAYS
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.app_models import AppBody, AppPart, Rows, Skip, UpTo1000
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Data, Day, Efficiency, Moment, Power, SomeMoment, Usd
from hashrail.clock import BadDateTimeError, DateTimeWithoutZoneError
from hashrail.money import AMOUNT_DECIMALS, divide_half_even
from hashrail.rewards import detailed_days, rates
from hashrail.rewards.formula import DayInputs
from hashrail.selling import miners, user_purchases
from hashrail.selling.miners import Miner
from hashrail.selling.upgrade_prices import BAND_STARTS
from hashrail.selling.user_purchases import Origin

APP_MINERS = Noun("Dashboards")
MAX_MINERS = 1000
MAX_CHART_DAYS = 400
UsdPerTh = Annotated[Decimal, Meta(description="USD per TH")]


class AppMinersPage(AppPart, kw_only=True):
    """A page of miners; without it the first thousand."""

    skip: Skip | UnsetType = UNSET
    limit: UpTo1000 | UnsetType = UNSET


class AppMinersBody(AppBody, kw_only=True):
    """Which miners."""

    pagination: AppMinersPage | UnsetType = UNSET


class AppChartBody(AppBody, kw_only=True):
    """The days from `start` to `end`, both included, UTC; of a longer range the last 400."""

    start: SomeMoment
    end: SomeMoment


class AppEarnsOut(Answer, kw_only=True):
    """What a TH earned, before costs: on the newest published day, and in 365 of them."""

    btc_course_in_usd: Usd
    total_income_per_th_today: UsdPerTh
    total_income_per_th: UsdPerTh


class AppMinerOut(Answer, kw_only=True):
    """A miner. `level` is the band of its TH among those that upgrades are priced by, from 1.

    `nftCollectionId` is the offer that it was bought as; null where it was not bought.
    """

    id: int
    name: str
    power: Power
    eligible_power: Power
    energy_efficiency: Efficiency
    level: int
    status: Literal["active"] = "active"
    created_at: Moment
    updated_at: Moment
    nft_collection_id: int | None
    nft_income_aggregation: AppEarnsOut | None


class AppPowerOut(Answer, kw_only=True):
    """The TH that earned on a day."""

    label: Day
    value: Power


@APP_MINERS.read(None, "app_miners", "POST", "/api/nft/get-my", Auth.BEARER, for_every_site=True, from_standbys=True)
async def own_miners(call: Call, body: AppMinersBody) -> Data[Rows[AppMinerOut]]:
    """The user's miners, by id."""
    page = AppMinersPage() if body.pagination is UNSET else body.pagination
    limit = MAX_MINERS if page.limit is UNSET else page.limit
    offset = 0 if page.skip is UNSET else page.skip
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        owned = await miners.of_user(tx, call.partner_id, call.user_id, limit=limit, offset=offset)
        everything = await miners.sum_of_user(tx, call.partner_id, call.user_id)
        origins = await user_purchases.origins(tx, call.partner_id, [one.id for one in owned])
        day = await rates.latest_published(tx)
        earns = None if day is None else await _earns(tx, day)
    call.cost.rows += len(owned)
    return Data(Rows(array=[_miner(one, origins, earns) for one in owned], count=everything.miners))


@APP_MINERS.read(
    None,
    "app_power_chart",
    "POST",
    "/api/nft/my-computing-power-chart",
    Auth.BEARER,
    refuses=(BadDateTimeError, DateTimeWithoutZoneError),
    for_every_site=True,
    from_standbys=True,
)
async def power_chart(call: Call, body: AppChartBody) -> Data[list[AppPowerOut]]:
    """The TH that earned on each day, oldest first, from the user's first one on."""
    asked = clock.parse_iso(body.end, "end")
    first = clock.day_of(clock.parse_iso(body.start, "start"))
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        today = clock.day_of(await business_clock.now(tx))
        last = min(clock.day_of(await app_moments.until(tx, asked)), today)
        first = max(first, _earliest(last))
        found = await detailed_days.power_by_day(tx, call.partner_id, call.user_id, first=first, last=last)
    call.cost.rows += len(found)
    return Data([AppPowerOut(label=day.isoformat(), value=number(power)) for day, power in found])


def _earliest(last: date) -> date:
    """The first of so many days as one answer has; the calendar's first day where it begins within them."""
    days = min((last - date.min).days, MAX_CHART_DAYS - 1)
    return last - timedelta(days=days)


async def _earns(tx: db.Tx, day: DayInputs) -> AppEarnsOut:
    year, counted = await rates.gross_usd_per_th(tx, through=day.day, days=YEAR_DAYS)
    return AppEarnsOut(
        btc_course_in_usd=number(day.btc_usd),
        total_income_per_th_today=number(day.pool_btc_per_th * day.btc_usd),
        total_income_per_th=number(divide_half_even(year * YEAR_DAYS, Decimal(counted), AMOUNT_DECIMALS)),
    )


def _miner(one: Miner, origins: Mapping[int, Origin], earns: AppEarnsOut | None) -> AppMinerOut:
    origin = origins[one.id]
    return AppMinerOut(
        id=one.id,
        name=one.name,
        power=number(one.power),
        eligible_power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        level=max(1, bisect_right(BAND_STARTS, one.power)),
        created_at=clock.iso(one.created_at),
        updated_at=clock.iso(origin.upgraded_at or one.created_at),
        nft_collection_id=origin.collection_id,
        nft_income_aggregation=earns,
    )
