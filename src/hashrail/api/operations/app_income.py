"""A user's income by the day, as dashboards of others read it from the vendor's app.

A row is a day as it was credited; the range picks by that moment, as `createdAt` shows it, and `calculatedAt` is the
end of the day that was mined. Programs add the records of a day up. Costs are taken from the income here and never
paid in tokens, so `maintenanceForWithdrawInGmt` is null: a number, even 0, would say that they were.
"""

from decimal import Decimal
from typing import Literal

from msgspec import UNSET, UnsetType, field

from hashrail import clock, db
from hashrail.api.operations import app_moments
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.app_models import AppBody, Skip, UpTo20
from hashrail.api.wire.fields import RangeBackwardsError, number
from hashrail.api.wire.models import (
    Answer,
    Btc,
    Data,
    Day,
    Efficiency,
    Fraction,
    Moment,
    Power,
    SomeMoment,
    Usd,
)
from hashrail.clock import BadDateTimeError, DateTimeWithoutZoneError
from hashrail.rewards import detailed_days, income_records, settling
from hashrail.rewards.detailed_days import DetailedDay, DetailedRecord

APP_INCOME = Noun("Dashboards")
DAYS = 20


class AppIncomeBody(AppBody, kw_only=True):
    """The days that were credited from `startDate` to `endDate`, both included; however far apart they are."""

    start_date: SomeMoment
    end_date: SomeMoment
    limit: UpTo20 | UnsetType = UNSET
    skip: Skip | UnsetType = UNSET


class AppRecordFactsOut(Answer, kw_only=True):
    """BTC: what the pool paid for these TH, and what electricity and service took of it."""

    pool_reward: Btc
    maintenance_in_btc: Btc


class AppRecordOut(Answer, kw_only=True):
    """BTC of one miner and day: value net, c1Value electricity, c2Value service.

    Of a user with many miners it is all those of one efficiency and discount, and `nftId` is null. What an adjustment
    gave or took has no TH, so that nobody counts TH twice.
    """

    nft_id: int | None
    value: Btc
    c1_value: Btc
    c2_value: Btc
    power: Power
    energy_efficiency: Efficiency
    total_discount: Fraction
    meta_data: AppRecordFactsOut
    maintenance_by_gmt: bool = False
    maintenance_for_withdraw_in_gmt: None = None
    reinvestment: bool = False
    reinvestment_in_power_nft_id: None = None
    reinvestment_in_power_nft_status_executed: bool = False
    to_wallet_type: Literal["VIRTUAL_BTC"] = "VIRTUAL_BTC"
    adjustment_id: int | None


class AppDayPricesOut(Answer, kw_only=True):
    """The mined day: its end, and what BTC and GOMINING were worth in USD."""

    calculated_at: Moment
    btc_course_in_usd: Usd
    gmt_price: Usd


class AppDayOut(Answer, kw_only=True):
    """A credited day: BTC net, and its records, under both names that programs read."""

    created_at: Moment
    day: Day
    value: Btc
    value_v2: Btc = field(name="valueV2")
    reinvestment_status: None = None
    income_statistic: AppDayPricesOut
    income_list: list[AppRecordOut]
    income_list_v2: list[AppRecordOut] = field(name="incomeListV2")


class AppIncomeOut(Answer, kw_only=True):
    """Days newest first, how many are in the range, and all BTC that the user was ever credited."""

    array: list[AppDayOut]
    count: int
    total_income: Btc


@APP_INCOME.read(
    None,
    "app_income",
    "POST",
    "/api/nft-income/find-aggregated-by-date",
    Auth.BEARER,
    refuses=(BadDateTimeError, DateTimeWithoutZoneError, RangeBackwardsError),
    for_every_site=True,
    from_standbys=True,
)
async def own_income(call: Call, body: AppIncomeBody) -> Data[AppIncomeOut]:
    """The user's income by day, newest first, at most twenty days an answer."""
    since = clock.parse_iso(body.start_date, "startDate")
    asked = clock.parse_iso(body.end_date, "endDate")
    if asked < since:
        raise RangeBackwardsError("endDate is before startDate", field="endDate")
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        held = await income_records.holdings(tx, call.partner_id, call.user_id)
        call.cost.rows += len(held.stints) + len(held.corrections)
        found, count = await detailed_days.page(
            tx,
            held,
            since=since,
            until=await app_moments.until(tx, asked),
            limit=DAYS if body.limit is UNSET else body.limit,
            offset=0 if body.skip is UNSET else body.skip,
        )
        total = await settling.credited(tx, call.partner_id, call.user_id)
    return Data(AppIncomeOut(array=[_day(one) for one in found], count=count, total_income=number(total)))


def _day(one: DetailedDay) -> AppDayOut:
    records = [_record(each) for each in one.records]
    net: Decimal = number(one.net)
    return AppDayOut(
        created_at=clock.iso(one.credited_at),
        day=one.day.isoformat(),
        value=net,
        value_v2=net,
        income_statistic=AppDayPricesOut(
            calculated_at=clock.iso(clock.end_of(one.day)),
            btc_course_in_usd=number(one.btc_usd),
            gmt_price=number(one.gomining_usd),
        ),
        income_list=records,
        income_list_v2=records,
    )


def _record(one: DetailedRecord) -> AppRecordOut:
    return AppRecordOut(
        nft_id=one.miner_id,
        value=number(one.net),
        c1_value=number(one.c1),
        c2_value=number(one.c2),
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        total_discount=number(one.discount),
        meta_data=AppRecordFactsOut(pool_reward=number(one.pool), maintenance_in_btc=number(one.c1 + one.c2)),
        adjustment_id=one.adjustment_id,
    )
