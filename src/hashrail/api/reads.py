"""What both doors of the API read: the same answers for a partner's server and for its user's token."""

from datetime import date
from decimal import Decimal

from msgspec import UnsetType

from hashrail import catalogue, db, incomes, ledger, miners, rates, rewards, users, wallets, withdrawals
from hashrail.api import cursors, render
from hashrail.api.call import Call
from hashrail.api.fields import number, page
from hashrail.api.models import (
    CollectionOut,
    Data,
    DayOfRecordsOut,
    ExchangeRateOut,
    IncomePerThOut,
    IncomeTotalOut,
    Listing,
    MinerOut,
    MinerTotalOut,
    PageQuery,
    RecordOut,
    StatisticsOut,
    StatsOut,
    UserPageQuery,
)
from hashrail.db import Tx
from hashrail.errors import UnavailableError
from hashrail.income import DayInputs, class_rates
from hashrail.incomes import Position, Record
from hashrail.ledger import Balance
from hashrail.miners import Miner
from hashrail.money import divide_half_even

ZERO = Decimal(0)
MOST_RECORDS = 100


class NoDayPublishedError(UnavailableError):
    """No mining day is published yet, so there are no figures."""

    code = "NO_DAY_PUBLISHED"
    advice = "Wait for the first published day; the operator runs: hashrail day close"


async def miners_of(call: Call, user_id: int, query: PageQuery) -> Data[Listing[MinerOut]]:
    """#6."""
    limit, offset = page(query.limit, query.offset)
    after = miners_after(query)
    found = await miners.of_user(call.pool, call.partner_id, user_id, limit=limit + 1, offset=offset, after=after)
    return Data(miner_listing(found, limit))


def miners_after(query: PageQuery | UserPageQuery) -> int:
    """The miner that a page of #6 or #7 begins behind; 0 for the first page."""
    return cursors.last_id(query.cursor, query.offset) or 0


def miner_listing(found: list[Miner], limit: int) -> Listing[MinerOut]:
    """A page of #6 or #7, of one miner more than it shows where there is one."""
    shown, next_cursor = cursors.cut(found, limit, lambda one: (one.id,))
    return Listing([render.miner(one) for one in shown], next_cursor)


async def collections(call: Call) -> Data[Listing[CollectionOut]]:
    """#9 and #10; a user's token shows his level."""
    user_id = call.known.user_id
    async with db.snapshot(call.pool) as tx:
        day = await newest_day(tx)
        discount = ZERO
        if user_id is not None:
            discount = (await users.get(tx, call.partner_id, call.user_id)).level_discount
        offers = await catalogue.on_sale(tx)
    return Data(Listing([render.collection(offer, day, discount) for offer in offers]))


async def income_per_th(call: Call) -> Data[IncomePerThOut]:
    """#13 and #14: the last published day."""
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


async def exchange_rates(call: Call) -> Data[Listing[ExchangeRateOut]]:
    """#28: prices of the newest published day."""
    async with db.snapshot(call.pool) as tx:
        day = await newest_day(tx)
    prices = {"BTC": day.btc_usd, "GOMINING": day.gomining_usd}
    return Data(Listing([ExchangeRateOut(symbol=symbol, price=number(price)) for symbol, price in prices.items()]))


async def income_total(call: Call, user_id: int) -> Data[IncomeTotalOut]:
    """#15: over the whole life."""
    async with db.snapshot(call.pool) as tx:
        totals = await incomes.totals_by_miner(tx, call.partner_id, user_id)
        held = await incomes.holdings(tx, call.partner_id, user_id)
        newest = await incomes.days(tx, held, limit=1, offset=0)
        balance, unsettled = await btc_balance(tx, call.partner_id, user_id)
        withdrawn = await withdrawals.withdrawn(tx, call.partner_id, user_id)
    total = sum((net for _, net in totals), ZERO)
    spendable = max(ZERO, balance.spendable + unsettled)
    return Data(
        IncomeTotalOut(
            array=[MinerTotalOut(total_value=number(net), nft_id=miner_id) for miner_id, net in totals],
            total_income=number(total),
            last_income=render.last_income(newest[0][1]) if newest else None,
            withdrawn_amount=number(withdrawn),
            on_balance_amount=number(max(ZERO, min(total, spendable))),
        )
    )


async def income_records(
    call: Call, user_id: int, query: PageQuery | UserPageQuery, *, most: int
) -> Data[Listing[RecordOut]]:
    """#16 ungrouped and #17."""
    limit, offset = page(query.limit, query.offset, most=most)
    cursor = cursors.sent(query.cursor, query.offset)
    after = None if cursor is None else _position(cursor)
    async with db.snapshot(call.pool) as tx:
        held = await incomes.holdings(tx, call.partner_id, user_id)
        found = await incomes.records(tx, held, limit=limit + 1, offset=offset, after=after)
    shown, next_cursor = cursors.cut(found, limit, _parts)
    return Data(Listing([render.record(one) for one in shown], next_cursor))


async def income_grouped(call: Call, user_id: int, query: PageQuery) -> Data[Listing[DayOfRecordsOut]]:
    """#16 grouped: limit and offset count days, and a cursor names one."""
    limit, offset = page(query.limit, query.offset, most=MOST_RECORDS)
    cursor = cursors.sent(query.cursor, query.offset)
    before = None if cursor is None else _day(*cursors.decode(cursor, str))
    async with db.snapshot(call.pool) as tx:
        held = await incomes.holdings(tx, call.partner_id, user_id)
        found = await incomes.days(tx, held, limit=limit + 1, offset=offset, before=before)
    shown, next_cursor = cursors.cut(found, limit, lambda one: (one[0].isoformat(),))
    return Data(Listing([render.day_of_records(records) for _, records in shown], next_cursor))


def _position(cursor: str) -> Position:
    """Where a page of income begins behind. Raises CursorInvalidError."""
    day, adjustment_id, miner_id = cursors.decode(cursor, str, int, int)
    return Position(_day(day), adjustment_id, miner_id)


def _parts(record: Record) -> tuple[cursors.Part, ...]:
    position = record.position
    return position.day.isoformat(), position.adjustment_id, position.miner_id


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise cursors.invalid() from error


async def balances(
    call: Call, user_id: int, limit: str | UnsetType, offset: str | UnsetType
) -> list[tuple[Balance, Decimal]]:
    """A page of the user's accounts, each with what he can spend: unsettled income is his BTC too."""
    how_many, skip = page(limit, offset)
    async with db.snapshot(call.pool) as tx:
        accounts = await ledger.balances_of_user(tx, call.partner_id, user_id)
        unsettled = await rewards.unsettled(tx, call.partner_id, user_id)
    return [
        (account, max(ZERO, account.spendable + (unsettled if account.currency == "BTC" else ZERO)))
        for account in accounts[skip : skip + how_many]
    ]


async def statistics(call: Call, partner_user_id: str) -> Data[StatisticsOut]:
    """#29."""
    async with db.snapshot(call.pool) as tx:
        user = await users.find(tx, call.partner_id, partner_user_id)
        row = await tx.fetchrow(
            """SELECT count(*) AS miners, coalesce(sum(power), 0) AS power,
                      coalesce(sum(power * energy_efficiency), 0) AS weighted
               FROM miner WHERE partner_id = $1 AND user_id = $2""",
            call.partner_id,
            user.id,
        )
        assert row is not None
        wallets_count = await wallets.count(tx, call.partner_id, user.id)
        closed = await tx.fetchval("SELECT closed_through FROM partner_day WHERE partner_id = $1", call.partner_id)
        total = (
            ZERO
            if closed is None
            else await rewards.income_between(tx, call.partner_id, user.id, after=None, through=closed)
        )
    average = divide_half_even(row["weighted"], row["power"], 4) if row["power"] else ZERO
    return Data(
        StatisticsOut(
            user=render.user(user),
            stats=StatsOut(
                wallets_count=wallets_count,
                nfts_count=row["miners"],
                total_power_th=number(row["power"]),
                avg_energy_efficiency=number(average),
                total_income=number(total),
                discount=number(user.level_discount),
            ),
        )
    )


async def newest_day(tx: Tx) -> DayInputs:
    """The newest published day. Raises NoDayPublishedError."""
    day = await rates.latest_published(tx)
    if day is None:
        raise NoDayPublishedError("no mining day is published yet")
    return day


async def btc_balance(tx: Tx, partner_id: int, user_id: int) -> tuple[Balance, Decimal]:
    """A user's BTC account and his income that is credited and not settled."""
    accounts = await ledger.balances_of_user(tx, partner_id, user_id)
    return (
        next(account for account in accounts if account.currency == "BTC"),
        await rewards.unsettled(tx, partner_id, user_id),
    )
