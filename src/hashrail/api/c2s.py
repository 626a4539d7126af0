"""Client-to-server operations: a user's token opens that user's data; a client's key opens the catalogue."""

from hashrail.api import cursors, reads
from hashrail.api.call import Auth, Call, Route
from hashrail.api.models import (
    CollectionOut,
    Data,
    DayOfRecordsOut,
    ExchangeRateOut,
    IncomePageQuery,
    IncomePerThOut,
    IncomeTotalOut,
    Listing,
    MinerOut,
    PageQuery,
    Query,
    RecordOut,
)
from hashrail.incomes import TooManyRecordsError


async def miners(call: Call, query: PageQuery) -> Data[Listing[MinerOut]]:
    """#6: the user's miners, by id."""
    return await reads.miners_of(call, call.user_id, query)


async def collections(call: Call, _query: Query) -> Data[Listing[CollectionOut]]:
    """#9: what is on sale, at the user's level."""
    return await reads.collections(call)


async def income_per_th(call: Call, _query: Query) -> Data[IncomePerThOut]:
    """#13: what a TH earned on the newest published day."""
    return await reads.income_per_th(call)


async def income_total(call: Call, _query: Query) -> Data[IncomeTotalOut]:
    """#15: the user's income over his whole life."""
    return await reads.income_total(call, call.user_id)


async def income(call: Call, query: IncomePageQuery) -> Data[Listing[RecordOut]] | Data[Listing[DayOfRecordsOut]]:
    """#16: the user's income, newest first."""
    if query.group_by_days == "true":
        return await reads.income_grouped(call, call.user_id, query)
    return await reads.income_records(call, call.user_id, query, most=reads.MOST_RECORDS)


async def exchange_rates(call: Call, _query: Query) -> Data[Listing[ExchangeRateOut]]:
    """#28: what BTC and GOMINING cost in USD on the newest published day."""
    return await reads.exchange_rates(call)


ROUTES = (
    Route(6, "c2s_miners", "GET", "/c2s/nft/find-by-user", Auth.BEARER, PageQuery, miners, refuses=cursors.REFUSALS),
    Route(
        9,
        "c2s_collections",
        "GET",
        "/c2s/nft-collection/find-all-generative",
        Auth.KEY_OR_BEARER,
        Query,
        collections,
        refuses=(reads.NoDayPublishedError,),
    ),
    Route(
        13,
        "c2s_income_per_th",
        "GET",
        "/c2s/income-statistic/get-income-per-th",
        Auth.KEY_OR_BEARER,
        Query,
        income_per_th,
        refuses=(reads.NoDayPublishedError,),
    ),
    Route(15, "c2s_income_total", "GET", "/c2s/nft-income/find-aggregated", Auth.BEARER, Query, income_total),
    Route(
        16,
        "c2s_income",
        "GET",
        "/c2s/nft-income/find-by-user",
        Auth.BEARER,
        IncomePageQuery,
        income,
        refuses=(*cursors.REFUSALS, TooManyRecordsError),
    ),
    Route(
        28,
        "exchange_rates",
        "GET",
        "/c2s/exchanges/get-prices",
        Auth.ANY_KEY_OR_BEARER,
        Query,
        exchange_rates,
        also_at=("/s2s/exchanges/get-prices",),
        refuses=(reads.NoDayPublishedError,),
    ),
)
