"""Server-to-server operations: the partner's server speaks for the partner's users."""

from decimal import Decimal

from msgspec import UNSET

from hashrail import day_fence, db, handovers, incomes, sessions, users
from hashrail import miners as miners_of_users
from hashrail.api import cursors, logins, reads, render
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import DAY_RANGE, day_range, given, page
from hashrail.api.models import (
    CollectionOut,
    Data,
    DataWithCount,
    EmptySignedBody,
    IncomeByDayQuery,
    IncomeDayOut,
    IncomePerThOut,
    Listing,
    LoginBody,
    MinerOut,
    Query,
    RecordOut,
    RefreshBody,
    StatisticsOut,
    TokensOut,
    TransferBody,
    UserPageQuery,
    UserQuery,
)
from hashrail.db import Tx

ZERO = Decimal(0)


async def login(call: Call, tx: Tx, body: LoginBody) -> Data[TokensOut]:
    """#4: register the partner's user, or log him in."""
    day = await day_fence.share(tx, call.partner_id)
    user = await users.register(tx, day, partner_user_id=body.partner_user_id, email=given(body.email))
    return logins.answer(await sessions.log_in(tx, _issuer(call), user.id), user)


async def refresh(call: Call, body: RefreshBody) -> Data[TokensOut]:
    """#5: a new pair for a refresh token, both tokens new."""
    return await logins.renew(call.pool, _issuer(call), body.refresh_token)


async def miners(call: Call, query: UserPageQuery) -> Data[Listing[MinerOut]]:
    """#7: the user's miners, by id."""
    # One query, user and miners together: this is the read that partners send most.
    limit, offset = page(query.limit, query.offset)
    after = reads.miners_after(query)
    found = await miners_of_users.of_partner_user(
        call.pool, call.partner_id, query.partner_user_id, limit=limit + 1, offset=offset, after=after
    )
    if found is None:
        raise users.UserNotFoundError("the partner has no such user", field="partnerUserId")
    return Data(reads.miner_listing(found, limit))


async def transfer(call: Call, tx: Tx, body: TransferBody) -> Data[bool]:
    """#8: the miner goes to another of the partner's users, who earns from tomorrow."""
    day = await day_fence.share(tx, call.partner_id)
    await handovers.hand_over(
        tx, day, miner_id=body.nft_id, from_user=body.partner_user_id, to_user=body.to_partner_user_id
    )
    return Data(data=True)


async def collections(call: Call, _query: Query) -> Data[Listing[CollectionOut]]:
    """#10: what is on sale."""
    return await reads.collections(call)


async def income_per_th(call: Call, _body: EmptySignedBody) -> Data[IncomePerThOut]:
    """#14: what a TH earned on the newest published day."""
    return await reads.income_per_th(call)


async def income(call: Call, query: UserPageQuery) -> Data[Listing[RecordOut]]:
    """#17: the user's income, newest first."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await reads.income_records(call, user.id, query, most=999)


async def income_by_day(call: Call, query: IncomeByDayQuery) -> DataWithCount[list[IncomeDayOut]]:
    """#18: the user's days, newest first; without limit all of the range."""
    first, last = day_range(query.start_date, query.end_date)
    limit, offset = page(query.limit, query.offset)
    with_records = query.include_incomes_by_nfts == "true"
    async with db.snapshot(call.pool) as tx:
        user = await users.find(tx, call.partner_id, query.partner_user_id)
        held = await incomes.holdings(tx, call.partner_id, user.id)
        found, count = await incomes.day_totals(
            tx,
            held,
            first=first,
            last=last,
            limit=None if query.limit is UNSET else limit,
            offset=offset,
            with_records=with_records,
        )
    return DataWithCount([render.income_day(one, with_records=with_records) for one in found], count)


async def statistics(call: Call, query: UserQuery) -> Data[StatisticsOut]:
    """#29: the user's figures at a glance."""
    return await reads.statistics(call, query.partner_user_id)


def _issuer(call: Call) -> sessions.Issuer:
    """The deployment, issuing tokens to the calling partner's users."""
    return logins.issuer(call.deployment, call.partner_id, call.known.partner_public_id)


ROUTES = (
    Route(4, "s2s_login", "POST", "/s2s/auth/login", Auth.SIGNED, LoginBody, login, writes=True),
    Route(
        5,
        "s2s_refresh",
        "POST",
        "/s2s/auth/refresh",
        Auth.SERVER_KEY,
        RefreshBody,
        refresh,
        refuses=logins.REFRESH_REFUSALS,
    ),
    Route(
        7,
        "s2s_miners",
        "GET",
        "/s2s/nft/find-by-user",
        Auth.SIGNED,
        UserPageQuery,
        miners,
        refuses=(users.UserNotFoundError, *cursors.REFUSALS),
    ),
    Route(
        8,
        "s2s_transfer",
        "POST",
        "/s2s/nft/transfer",
        Auth.SIGNED,
        TransferBody,
        transfer,
        writes=True,
        scope="transfer",
        refuses=(
            users.UserNotFoundError,
            users.UserBlockedError,
            handovers.HandoverToSelfError,
            miners_of_users.MinerNotFoundError,
        ),
    ),
    Route(
        10,
        "s2s_collections",
        "GET",
        "/s2s/nft-collection/find-all-generative",
        Auth.SERVER_KEY,
        Query,
        collections,
        refuses=(reads.NoDayPublishedError,),
    ),
    Route(
        14,
        "s2s_income_per_th",
        "POST",
        "/s2s/income-statistic/get-income-per-th",
        Auth.SIGNED,
        EmptySignedBody,
        income_per_th,
        refuses=(reads.NoDayPublishedError,),
    ),
    Route(
        17,
        "s2s_income",
        "GET",
        "/s2s/nft-income/find-by-user",
        Auth.SIGNED,
        UserPageQuery,
        income,
        refuses=(users.UserNotFoundError, *cursors.REFUSALS),
    ),
    Route(
        18,
        "s2s_income_by_day",
        "GET",
        "/s2s/nft-income/find-aggregated-by-date",
        Auth.SIGNED,
        IncomeByDayQuery,
        income_by_day,
        refuses=(users.UserNotFoundError, incomes.TooManyRecordsError, *DAY_RANGE),
    ),
    Route(
        29,
        "s2s_user_statistics",
        "GET",
        "/s2s/user/get-statistics",
        Auth.SIGNED,
        UserQuery,
        statistics,
        refuses=(users.UserNotFoundError,),
    ),
)
