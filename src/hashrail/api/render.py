"""From records of the platform to answers of the wire."""

from decimal import Decimal

from hashrail import clock
from hashrail.api.fields import number
from hashrail.api.models import (
    CollectionOut,
    DayOfRecordsOut,
    IncomeDayOut,
    LastIncomeOut,
    MinerOut,
    RecordOut,
    UserOut,
)
from hashrail.catalogue import Collection
from hashrail.income import DayInputs, annual_roi, electricity_usd_per_th
from hashrail.incomes import DayTotal, Record
from hashrail.miners import Miner
from hashrail.users import User

ZERO = Decimal(0)


def miner(one: Miner) -> MinerOut:
    """A miner as #6 and #7 show it."""
    return MinerOut(
        id=one.id,
        created_at=clock.iso(one.created_at),
        name=one.name,
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
    )


def collection(one: Collection, day: DayInputs, level_discount: Decimal) -> CollectionOut:
    """An offer as #9 and #10 show it, at the figures of the newest published day."""
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


def record(one: Record) -> RecordOut:
    """A single record as #16 and #17 show it."""
    return RecordOut(
        created_at=clock.iso(one.credited_at),
        value=number(one.net),
        c1_value=number(one.c1),
        c2_value=number(one.c2),
        nft_id=one.miner_id,
        day=one.day.isoformat(),
        adjustment_id=one.adjustment_id,
    )


def day_of_records(records: tuple[Record, ...]) -> DayOfRecordsOut:
    """The records credited with one day, as #16 groups them."""
    return DayOfRecordsOut(
        created_at=clock.iso(records[0].credited_at),
        value=number(sum((one.net for one in records), ZERO)),
        incomes=[record(one) for one in records],
    )


def last_income(records: tuple[Record, ...]) -> LastIncomeOut:
    """The newest day, all miners together, as #15 shows it."""
    newest = records[0]
    return LastIncomeOut(
        created_at=clock.iso(newest.credited_at),
        value=number(sum((one.net for one in records), ZERO)),
        c1_value=number(sum((one.c1 for one in records), ZERO)),
        c2_value=number(sum((one.c2 for one in records), ZERO)),
        day=newest.day.isoformat(),
    )


def income_day(one: DayTotal, *, with_records: bool) -> IncomeDayOut:
    """A day as #18 shows it."""
    return IncomeDayOut(
        created_at=clock.iso(one.credited_at),
        reward=number(one.net),
        pool_reward=number(one.pool),
        total_power=number(one.power),
        avg_energy_efficiency=number(one.energy_efficiency),
        service_fee=number(one.fees_usd),
        total_discount=number(one.discount),
        to_address=None,
        status="calculated",
        incomes=[record(each) for each in one.records] if with_records else None,
        day=one.day.isoformat(),
    )


def user(one: User) -> UserOut:
    """A user as #29 shows him."""
    return UserOut(
        id=one.id, partner_user_id=one.partner_user_id, created_at=clock.iso(one.created_at), email=one.email
    )
