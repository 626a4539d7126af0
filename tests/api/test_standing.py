"""A suspended partner's users earn and read everything; nothing that is new is written, at any door."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hashrail import db
from hashrail.api.operations import routes
from hashrail.api.serving.operation import Auth
from hashrail.books import fence
from hashrail.selling import orders
from tests.support.api_client import Api, answered, buy, check_books, check_refused
from tests.support.standings import closed, reopened, suspended
from tests.support.writes import BEARER, ROWS, Case, order, stocked

IN_BOOKS = sorted(route.name for route in routes.OPERATIONS if route.in_books)
# What was promised before, what only takes back, and what a user's own session asks for.
GOES_ON = {"s2s_payment_success", "s2s_withdrawal_cancel", "c2s_wallet_bind", "c2s_wallet_unbind"}
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"


@pytest.fixture(scope="module")
async def stock(server: str, template: str) -> AsyncIterator[list[Api]]:
    async with stocked(server, template, 2 * len(IN_BOOKS) + 4) as made:
        yield made.partners


def test_each_write_says_whether_it_goes_on() -> None:
    assert {route.name for route in routes.OPERATIONS if route.while_suspended} == GOES_ON
    assert set(IN_BOOKS) > GOES_ON
    # What writes outside the books gives nothing: it ends a session, or a read token, makes a file of what was, or
    # looks after webhooks.
    outside = {route.name for route in routes.OPERATIONS if route.writes and not route.in_books}
    ending = {"s2s_session_end", "c2s_read_token_revoke", "s2s_read_token_revoke", "s2s_export_create"}
    assert {name for name in outside if not name.startswith("s2s_webhook_")} == ending
    assert not [route.name for route in routes.OPERATIONS if route.while_suspended and route.auth is Auth.NONE]


@pytest.mark.parametrize("operation", IN_BOOKS)
async def test_a_suspended_partner_writes_nothing_new(stock: list[Api], operation: str) -> None:
    """Refused, nothing is written; open again, the same request is done."""
    case = await Case.of(operation, stock.pop())
    await suspended(case.api.world)
    if operation in GOES_ON:
        assert answered(await case.caller.http.send(case.request()))
        await case.check_one_effect()
        return
    before = await case.state()
    check_refused(await case.caller.http.send(case.request("a-key")), 403, "PARTNER_SUSPENDED")
    assert await case.state() == before
    await reopened(case.api.world)
    assert answered(await case.caller.http.send(case.request("a-key")))
    await case.check_one_effect()


async def test_what_was_answered_before_is_answered_again(stock: list[Api]) -> None:
    case = await Case.of("s2s_payment_create", stock.pop())
    first = await case.caller.http.send(case.request("a-key"))
    await suspended(case.api.world)
    again = await case.caller.http.send(case.request("a-key"))
    assert answered(again) == answered(first)


async def test_users_earn_read_and_renew_their_sessions(stock: list[Api]) -> None:
    api = stock.pop()
    session = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    await suspended(api.world)
    balance = answered(await api.server.call("s2s_balances", partnerUserId="alice"))
    await api.world.mine()
    later = answered(await api.server.call("s2s_balances", partnerUserId="alice"))
    assert later != balance
    renewed = answered(await api.server.call("s2s_refresh", refreshToken=session["refreshToken"]))
    client = api.server.with_token(renewed["jwtToken"])
    assert len(answered(await client.call("c2s_miners"))["array"]) == 1
    await check_books(api.world)


@pytest.mark.parametrize("operation", IN_BOOKS)
async def test_a_closed_partner_writes_nothing(stock: list[Api], operation: str) -> None:
    """Its keys and sessions have ended; nothing is written, also where a process has not heard of it yet."""
    case = await Case.of(operation, stock.pop())
    await closed(case.api.world)
    before = await case.state()
    response = await case.caller.http.send(case.request("a-key"))
    if response.status_code == 403:
        check_refused(response, 403, "PARTNER_CLOSED")
    else:
        check_refused(response, 401, "SESSION_ENDED" if operation in BEARER else "API_KEY_REVOKED")
    assert await case.state() == before


async def test_what_a_key_of_a_closed_partner_writes_is_refused(stock: list[Api]) -> None:
    """Whoever has one all the same: it was made later, or a process has not heard yet that it ended."""
    api = stock.pop()
    case = await Case.of("s2s_payment_success", api)
    await closed(api.world)
    later = await api.caller(api.world)
    check_refused(await later.call(case.operation, **case.good), 403, "PARTNER_CLOSED")
    check_refused(await later.call("s2s_login", partnerUserId="alice"), 403, "PARTNER_CLOSED")
    await check_books(api.world)


async def test_another_partner_goes_on(api: Api) -> None:
    other = await api.another_partner()
    await suspended(other.world)
    assert await buy(api.world, (await api.world.user()).id) > 0


# At once


async def test_a_suspension_waits_for_what_is_under_way(api: Api) -> None:
    """Who shares the fence finishes; whoever waits behind the suspension is refused."""
    fields, other = await order(api)
    pool, partner_id = api.world.pool, api.world.partner.id
    async with db.transaction(pool) as tx:
        books = await fence.share(tx, partner_id)
        suspending = asyncio.create_task(suspended(api.world))
        while not await pool.fetchval(WAITING):
            await asyncio.sleep(0.01)
        late = asyncio.create_task(api.server.call("s2s_payment_create", **other))
        while await pool.fetchval(WAITING) < 2:
            await asyncio.sleep(0.01)
        created = await orders.create(tx, books, **_as_verb(fields))
        assert not suspending.done()
    assert (await suspending).standing == "suspended"
    check_refused(await late, 403, "PARTNER_SUSPENDED")
    assert created.external_id == "one"
    # What was promised is kept.
    assert answered(await api.server.call("s2s_payment_success", userId=fields["userId"], externalId="one")) is True
    await check_books(api.world)


def _as_verb(fields: dict[str, Any]) -> dict[str, Any]:
    ids = {"user_id": fields["userId"], "collection_id": fields["nftCollectionId"]}
    return {**ids, "external_id": fields["externalId"], "ttl": orders.LATE_NOTICE}


def test_every_row_is_known() -> None:
    assert set(IN_BOOKS) <= set(ROWS)
