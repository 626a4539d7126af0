"""A user's income: single records, days, and the whole of it (#15 to #18)."""

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import DAY_RANGE, day_range, number
from hashrail.api.wire.models import (
    Answer,
    Btc,
    Cursor,
    Data,
    DataWithCount,
    Day,
    Efficiency,
    Flag,
    Fraction,
    LimitOf100,
    Listing,
    Moment,
    PageQuery,
    Power,
    Query,
    SomeMoment,
    Usd,
    UserOffsetQuery,
    UserPageQuery,
)
from hashrail.api.wire.page import Order, Page, Paged, Slice
from hashrail.books import ledger
from hashrail.custody import destinations, withdrawals
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError
from hashrail.rewards import income_records, record_pages, settling
from hashrail.rewards.income_records import DayTotal, Holdings, Position, Record, TooManyRecordsError

INCOME = Noun("Income")


RANGE_OF_DAYS = (
    "the {} day of the range, included: it picks the days that were mined (`day`), in UTC, not those of their credit "
    "(`createdAt`, the day after). ISO 8601 with Z or an offset"
)
MinedFrom = Annotated[SomeMoment, Meta(description=RANGE_OF_DAYS.format("first"))]
MinedTo = Annotated[SomeMoment, Meta(description=RANGE_OF_DAYS.format("last"))]


class IncomePageQuery(PageQuery, kw_only=True):
    """#16: single records, or days with their records nested."""

    limit: LimitOf100 | UnsetType = UNSET
    group_by_days: Flag | UnsetType = UNSET


class IncomeByDayQuery(UserOffsetQuery, kw_only=True):
    """#18: days from startDate to endDate, both included, UTC: the days that were mined, as `day` of a row says.

    A row's `createdAt` is when that day was credited, which is the day after.
    """

    start_date: MinedFrom
    end_date: MinedTo
    include_incomes_by_nfts: Flag | UnsetType = field(name="includeIncomesByNfts", default=UNSET)


class RecordOut(Answer, kw_only=True):
    """BTC: value net, c1Value electricity, c2Value service; `day` is the day that was mined."""

    created_at: Moment
    value: Btc
    c1_value: Btc
    c2_value: Btc
    c3_value: Btc = Decimal(0)
    c4_value: Btc = Decimal(0)
    nft_id: int
    day: Day
    adjustment_id: int | None = None


class DayOfRecordsOut(Answer, kw_only=True):
    """#16 grouped: a day's sum in BTC and its records.

    Of a day that holds more records than one answer may, `incomes` are the first ones; `incomesCursor` is there then,
    and the others follow as a list behind it: #16 without groupByDays. The sum is always of the whole day.
    """

    created_at: Moment
    value: Btc
    incomes: Sequence[RecordOut]
    incomes_cursor: str | UnsetType = UNSET


class MinerTotalOut(Answer, kw_only=True):
    """BTC that one miner earned in this user's hands."""

    total_value: Btc
    nft_id: int


class LastIncomeOut(Answer, kw_only=True):
    """BTC of the newest day, all miners together."""

    created_at: Moment
    value: Btc
    c1_value: Btc
    c2_value: Btc
    c3_value: Btc = Decimal(0)
    c4_value: Btc = Decimal(0)
    day: Day


class IncomeTotalQuery(Query, kw_only=True):
    """#15: of whoever has more miners than one answer names, the next ones."""

    cursor: Cursor | UnsetType = UNSET


class IncomeTotalOut(Answer, kw_only=True):
    """#15, BTC. `nextCursor` is there when further miners follow; the sums are of all of them."""

    array: Sequence[MinerTotalOut]
    total_income: Btc
    last_income: LastIncomeOut | None
    withdrawn_amount: Btc
    on_balance_amount: Btc
    next_cursor: str | UnsetType = UNSET


class IncomeDayOut(Answer, kw_only=True):
    """#18: reward net and poolReward gross in BTC, totalPower TH, avgEnergyEfficiency W/TH, serviceFee USD.

    `day` is the day that was mined, `createdAt` when it was credited. `toAddress` is where this income went, or where
    it goes by the user's newest bound address; null where there is none.

    Of a day that holds more records than one answer may, `incomes` are the first ones; `incomesCursor` is there then,
    and the others follow behind it in #17. The figures are always of the whole day.
    """

    created_at: Moment
    reward: Btc
    pool_reward: Btc
    total_power: Power
    avg_energy_efficiency: Efficiency
    service_fee: Usd
    total_discount: Fraction
    to_address: str | None
    status: str
    incomes: Sequence[RecordOut] | None
    day: Day
    incomes_cursor: str | UnsetType = UNSET


@INCOME.read(
    15,
    "c2s_income_total",
    "GET",
    "/c2s/nft-income/find-aggregated",
    Auth.BEARER,
    refuses=(cursors.CursorInvalidError,),
    from_standbys=True,
)
async def own_total(call: Call, query: IncomeTotalQuery) -> Data[IncomeTotalOut]:
    """#15: the user's income over their whole life, in all and by miner."""
    behind = 0 if query.cursor is UNSET else TOTALS.read(query.cursor)
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        totals = await income_records.totals_by_miner(tx, call.partner_id, call.user_id)
        newest = await income_records.page_of_days(tx, call.partner_id, call.user_id, limit=1)
        call.cost.rows += newest.stints
        spendable = await _spendable(tx, call.partner_id, call.user_id)
        withdrawn = await withdrawals.withdrawn(tx, call.partner_id, call.user_id)
    total = sum((net for _, net in totals), ZERO)
    following = [one for one in totals if one[0] > behind]
    shown, next_cursor = cursors.cut(following, income_records.MAX_RECORDS, TOTALS.parts)
    return Data(
        IncomeTotalOut(
            array=[MinerTotalOut(total_value=number(net), nft_id=miner_id) for miner_id, net in shown],
            total_income=number(total),
            last_income=_last_income(newest.days[0][1]) if newest.days else None,
            withdrawn_amount=number(withdrawn),
            on_balance_amount=number(max(ZERO, min(total, spendable))),
            next_cursor=next_cursor,
        )
    )


@INCOME.read(
    16,
    "c2s_income",
    "GET",
    "/c2s/nft-income/find-by-user",
    Auth.BEARER,
    refuses=(*cursors.REFUSALS, TooManyRecordsError),
    from_standbys=True,
)
async def own_income(call: Call, query: IncomePageQuery) -> Data[Listing[RecordOut]] | Data[Listing[DayOfRecordsOut]]:
    """#16: the user's income, newest first."""
    if query.group_by_days == "true":
        return await _days(call, call.user_id, query)
    return await _records(call, call.user_id, query)


@INCOME.read(
    17,
    "s2s_income",
    "GET",
    "/s2s/nft-income/find-by-user",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def income_of_user(call: Call, query: UserPageQuery) -> Data[Listing[RecordOut]]:
    """#17: the user's income, newest first."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await _records(call, user.id, query)


@INCOME.read(
    18,
    "s2s_income_by_day",
    "GET",
    "/s2s/nft-income/find-aggregated-by-date",
    Auth.SIGNED,
    refuses=(UserNotFoundError, TooManyRecordsError, *DAY_RANGE),
    from_standbys=True,
)
async def income_by_day(call: Call, query: IncomeByDayQuery) -> DataWithCount[list[IncomeDayOut]]:
    """#18: the user's days, newest first; without limit all of the range. The range picks days that were mined."""
    first, last = day_range(query.start_date, query.end_date)
    part = Slice.of(query)
    with_records = query.include_incomes_by_nfts == "true"
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        user = await users.find(tx, call.partner_id, query.partner_user_id)
        held = await _held(call, tx, user.id, first=first, last=last)
        found, count = await income_records.day_totals(
            tx,
            held,
            first=first,
            last=last,
            limit=None if query.limit is UNSET else part.limit,
            offset=part.offset,
            with_records=with_records,
        )
        goes_to = await destinations.of_days(tx, call.partner_id, user.id, {one.day: one.net for one in found})
    shown = []
    for one in found:
        records, behind = await _of_a_day(one.records) if with_records else (None, UNSET)
        shown.append(_income_day(one, goes_to[one.day], records, behind))
    return DataWithCount(shown, count)


async def _records(call: Call, user_id: int, query: Paged) -> Data[Listing[RecordOut]]:
    page = Page.of(query, RECORDS)
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        found = await record_pages.read(
            tx, call.partner_id, user_id, limit=page.to_read, offset=page.offset, after=page.behind
        )
        call.cost.rows += found.stints
    shown, next_cursor = page.cut(found.records)
    return Data(Listing(await _in_parts(shown), next_cursor))


async def _days(call: Call, user_id: int, query: Paged) -> Data[Listing[DayOfRecordsOut]]:
    """Limit and offset count days, and a cursor names one. A page may hold fewer days than it could, and a cursor."""
    page = Page.of(query, DAYS)
    async with call.serving.heavy.turn(call.partner_id), db.snapshot(call.pool) as tx:
        found = await income_records.page_of_days(
            tx,
            call.partner_id,
            user_id,
            limit=page.limit,
            offset=page.offset,
            before=page.behind,
            # Whoever counts days by limit and offset would miss those that were left out.
            may_be_shorter=page.behind is not None or (query.limit is UNSET and query.offset is UNSET),
        )
        call.cost.rows += found.stints
    shown = [_day_of_records(records, *await _of_a_day(records)) for _, records in found.days]
    return Data(Listing(shown, page.following(found.days) if found.more else UNSET))


async def _of_a_day(records: Sequence[Record]) -> tuple[list[RecordOut], str | UnsetType]:
    """As many records of a day as one answer holds, and the cursor behind them where more follow."""
    shown, behind = cursors.cut(records, income_records.MAX_RECORDS, RECORDS.parts)
    return await _in_parts(shown), behind


async def _in_parts(records: Sequence[Record]) -> list[RecordOut]:
    """Records as they are shown; a thousand are made a part at a time, so that nobody waits for all of them."""
    shown: list[RecordOut] = []
    for begin in range(0, len(records), income_records.PART):
        shown += map(_record, records[begin : begin + income_records.PART])
        await asyncio.sleep(0)
    return shown


async def _held(call: Call, tx: Tx, user_id: int, *, first: date | None = None, last: date | None = None) -> Holdings:
    """What the user's income of these days follows from, all of which is read for the smallest page of them."""
    held = await income_records.holdings(tx, call.partner_id, user_id, first=first, last=last)
    call.cost.rows += len(held.stints) + len(held.corrections)
    return held


async def _spendable(tx: Tx, partner_id: int, user_id: int) -> Decimal:
    """The user's BTC: what is on the account, and what is credited and not settled.

    A standby may not have the user yet, nor their account.
    """
    accounts = await ledger.balances_of_user(tx, partner_id, user_id)
    balance = next((account.spendable for account in accounts if account.currency == "BTC"), ZERO)
    return max(ZERO, balance + await settling.unsettled(tx, partner_id, user_id))


def _parts(record: Record) -> tuple[cursors.Part, ...]:
    position = record.position
    return position.day.isoformat(), position.adjustment_id, position.miner_id


def _position(cursor: str) -> Position:
    day, adjustment_id, miner_id = cursors.decode(cursor, str, int, int)
    return Position(_day(day), adjustment_id, miner_id)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise cursors.invalid() from error


TOTALS: Order[tuple[int, Decimal], int] = Order(lambda one: (one[0],), lambda cursor: cursors.decode(cursor, int)[0])
# Both lists are newest first.
RECORDS = Order(_parts, _position)
DayOfRecords = tuple[date, tuple[Record, ...]]
DAYS: Order[DayOfRecords, date] = Order(
    lambda one: (one[0].isoformat(),), lambda cursor: _day(*cursors.decode(cursor, str))
)


def _record(one: Record) -> RecordOut:
    return RecordOut(
        created_at=clock.iso(one.credited_at),
        value=number(one.net),
        c1_value=number(one.c1),
        c2_value=number(one.c2),
        nft_id=one.miner_id,
        day=one.day.isoformat(),
        adjustment_id=one.adjustment_id,
    )


def _day_of_records(records: Sequence[Record], shown: Sequence[RecordOut], behind: str | UnsetType) -> DayOfRecordsOut:
    """The records credited with one day."""
    return DayOfRecordsOut(
        created_at=clock.iso(records[0].credited_at),
        value=number(sum((each.net for each in records), ZERO)),
        incomes=shown,
        incomes_cursor=behind,
    )


def _last_income(records: tuple[Record, ...]) -> LastIncomeOut:
    """The newest day, all miners together."""
    newest = records[0]
    return LastIncomeOut(
        created_at=clock.iso(newest.credited_at),
        value=number(sum((one.net for one in records), ZERO)),
        c1_value=number(sum((one.c1 for one in records), ZERO)),
        c2_value=number(sum((one.c2 for one in records), ZERO)),
        day=newest.day.isoformat(),
    )


def _income_day(
    one: DayTotal, to_address: str | None, records: Sequence[RecordOut] | None, behind: str | UnsetType
) -> IncomeDayOut:
    return IncomeDayOut(
        created_at=clock.iso(one.credited_at),
        reward=number(one.net),
        pool_reward=number(one.pool),
        total_power=number(one.power),
        avg_energy_efficiency=number(one.energy_efficiency),
        service_fee=number(one.fees_usd),
        total_discount=number(one.discount),
        to_address=to_address,
        status="calculated",
        incomes=records,
        day=one.day.isoformat(),
        incomes_cursor=behind,
    )
