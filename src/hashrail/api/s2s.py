"""Server-to-server operations: the partner's server speaks for the partner's users."""

from decimal import Decimal

from msgspec import UNSET

from hashrail import clock, day_fence, db, incomes, sessions, users
from hashrail import miners as miners_of_users
from hashrail.api import reads, render
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import given, page
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
    UserPageQuery,
    UserQuery,
)
from hashrail.db import Tx
from hashrail.errors import BadRequestError

MOST_DAYS = 366
ZERO = Decimal(0)


class RangeTooLongError(BadRequestError):
    """A range of days covers at most a leap year."""

    code = "RANGE_TOO_LONG"
    advice = "Ask for at most 366 days at a time."


class RangeBackwardsError(BadRequestError):
    """A range of days ends before it begins."""

    code = "RANGE_BACKWARDS"
    advice = "Send endDate on or after startDate."


async def login(call: Call, tx: Tx, body: LoginBody) -> Data[TokensOut]:
    """#4: register the partner's user, or log him in."""
    day = await day_fence.share(tx, call.partner_id)
    user = await users.register(tx, day, partner_user_id=body.partner_user_id, email=given(body.email))
    tokens = await sessions.log_in(tx, _issuer(call), user.id)
    return Data(_tokens(tokens, user))


async def refresh(call: Call, body: RefreshBody) -> Data[TokensOut]:
    """#5: a new pair for a refresh token. Ending a stolen family is committed before it is refused."""
    async with db.transaction(call.pool) as tx:
        renewal = await sessions.refresh(tx, _issuer(call), body.refresh_token)
        user = await users.get(tx, call.partner_id, renewal.user_id)
    if renewal.refusal is not None:
        raise renewal.refusal
    assert renewal.tokens is not None, "a renewal has tokens or a refusal"
    return Data(_tokens(renewal.tokens, user))


async def miners(call: Call, query: UserPageQuery) -> Data[Listing[MinerOut]]:
    """#7: the user's miners, by id. One query."""
    limit, offset = page(query.limit, query.offset)
    found = await miners_of_users.of_partner_user(
        call.pool, call.partner_id, query.partner_user_id, limit=limit, offset=offset
    )
    if found is None:
        raise users.UserNotFoundError("the partner has no such user", field="partnerUserId")
    return Data(Listing([render.miner(one) for one in found]))


async def collections(call: Call, _query: Query) -> Data[Listing[CollectionOut]]:
    """#10: what is on sale."""
    return await reads.collections(call)


async def income_per_th(call: Call, _body: EmptySignedBody) -> Data[IncomePerThOut]:
    """#14: what a TH earned on the newest published day."""
    return await reads.income_per_th(call)


async def income(call: Call, query: UserPageQuery) -> Data[Listing[RecordOut]]:
    """#17: the user's income, newest first."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await reads.income_records(call, user.id, query.limit, query.offset, most=999)


async def income_by_day(call: Call, query: IncomeByDayQuery) -> DataWithCount[list[IncomeDayOut]]:
    """#18: the user's days, newest first; without limit all of the range."""
    first = clock.day_of(clock.parse_iso(query.start_date, "startDate"))
    last = clock.day_of(clock.parse_iso(query.end_date, "endDate"))
    if last < first:
        raise RangeBackwardsError("endDate is before startDate", field="endDate")
    if (last - first).days >= MOST_DAYS:
        raise RangeTooLongError(f"the range covers more than {MOST_DAYS} days", field="endDate")
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
    held = call.deployment
    return sessions.Issuer(
        held.settings.issuer, held.vault, held.signing_keys, call.partner_id, call.known.partner_public_id
    )


def _tokens(tokens: sessions.Tokens, user: users.User) -> TokensOut:
    return TokensOut(
        jwt_token=tokens.jwt_token,
        refresh_token=tokens.refresh_token,
        user_id=user.id,
        partner_user_id=user.partner_user_id,
    )


ROUTES = (
    Route(4, "s2s_login", "POST", "/s2s/auth/login", Auth.SIGNED, LoginBody, login, writes=True),
    Route(5, "s2s_refresh", "POST", "/s2s/auth/refresh", Auth.SERVER_KEY, RefreshBody, refresh),
    Route(7, "s2s_miners", "GET", "/s2s/nft/find-by-user", Auth.SIGNED, UserPageQuery, miners),
    Route(10, "s2s_collections", "GET", "/s2s/nft-collection/find-all-generative", Auth.SERVER_KEY, Query, collections),
    Route(
        14,
        "s2s_income_per_th",
        "POST",
        "/s2s/income-statistic/get-income-per-th",
        Auth.SIGNED,
        EmptySignedBody,
        income_per_th,
    ),
    Route(17, "s2s_income", "GET", "/s2s/nft-income/find-by-user", Auth.SIGNED, UserPageQuery, income),
    Route(
        18,
        "s2s_income_by_day",
        "GET",
        "/s2s/nft-income/find-aggregated-by-date",
        Auth.SIGNED,
        IncomeByDayQuery,
        income_by_day,
    ),
    Route(29, "s2s_user_statistics", "GET", "/s2s/user/get-statistics", Auth.SIGNED, UserQuery, statistics),
)
