"""Sessions that are open are listed and ended: by the user, by the partner's server; never more than asked for."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys, session_grants
from hashrail.parties import users
from tests.support.api_client import Api, Caller, answered, check_refused, gather_all, open_api, refused_soon


async def log_in(api: Api, name: str = "alice", server: Caller | None = None) -> dict[str, Any]:
    data: dict[str, Any] = answered(await (server or api.server).call("s2s_login", partnerUserId=name))
    return data


async def listed(api: Api, name: str = "alice") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answered(await api.server.call("s2s_sessions", partnerUserId=name))["array"]
    return found


async def log_out(api: Api, refresh_token: str) -> httpx.Response:
    return await Caller(api.http).call("c2s_logout", refreshToken=refresh_token)


async def refresh(api: Api, tokens: dict[str, Any]) -> httpx.Response:
    return await Caller(api.http).call("c2s_refresh", refreshToken=tokens["refreshToken"])


async def check_ended(api: Api, tokens: dict[str, Any]) -> None:
    """Its access token is refused as soon as what was announced is heard, and it is not renewed."""
    check_refused(await refresh(api, tokens), 401, "REFRESH_TOKEN_REVOKED", "refreshToken")
    client = Caller(api.http, token=tokens["jwtToken"])
    check_refused(await refused_soon(client), 401, "SESSION_ENDED", "authorization")


async def check_open(api: Api, tokens: dict[str, Any]) -> None:
    assert (await Caller(api.http, token=tokens["jwtToken"]).call("c2s_miners")).status_code == 200
    assert (await refresh(api, tokens)).status_code == 200


# Logging out


async def test_a_logout_ends_its_session_only(api: Api) -> None:
    tokens, other, bob = await log_in(api), await log_in(api), await log_in(api, "bob")
    assert (await Caller(api.http, token=tokens["jwtToken"]).call("c2s_miners")).status_code == 200
    assert answered(await log_out(api, tokens["refreshToken"])) is True
    await check_ended(api, tokens)
    await check_open(api, other)
    await check_open(api, bob)


async def test_a_logout_again_is_the_same(api: Api) -> None:
    tokens = await log_in(api)
    for _ in range(2):
        assert answered(await log_out(api, tokens["refreshToken"])) is True
    assert {answered(one) for one in await gather_all(*(log_out(api, tokens["refreshToken"]) for _ in range(20)))} == {
        True
    }
    await api.world.pool.execute("DELETE FROM refresh_family WHERE partner_id = $1", api.world.partner.id)
    assert answered(await log_out(api, tokens["refreshToken"])) is True


async def test_a_spent_token_logs_out_too(api: Api) -> None:
    first = await log_in(api)
    second = answered(await refresh(api, first))
    answered(await log_out(api, first["refreshToken"]))
    await check_ended(api, second)


async def test_only_a_genuine_token_logs_out(api: Api) -> None:
    tokens = await log_in(api)
    forged = tokens["refreshToken"][:-1] + ("A" if tokens["refreshToken"][-1] != "A" else "B")
    for text in (forged, tokens["jwtToken"], "hrr_999999999_1_0_x", "x"):
        check_refused(await log_out(api, text), 401, "REFRESH_TOKEN_INVALID", "refreshToken")
    check_refused(await Caller(api.http).call("c2s_logout"), 400, "FIELD_MISSING", "refreshToken")
    await check_open(api, tokens)


async def test_a_blocked_user_may_log_out(api: Api) -> None:
    tokens = await log_in(api)
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    answered(await log_out(api, tokens["refreshToken"]))
    await check_ended(api, tokens)


# The partner's server


async def test_open_sessions_are_listed_with_their_key_and_end(api: Api) -> None:
    """The last renewed first; what has ended, in whatever way, is not among them."""
    ends = clock.wall_now() + dt.timedelta(days=2)
    made = await api.key(kind="secret", scopes=("login",), expires_at=ends)
    first, second = await log_in(api), await log_in(api, server=Caller(api.http, made.key, made.secret))
    ended = await log_in(api)
    answered(await log_out(api, ended["refreshToken"]))
    newer, older = await listed(api)
    assert (newer["apiKey"], older["apiKey"]) == (made.key, api.server.key)
    assert newer["endsAt"] == clock.iso(ends)
    assert older["endsAt"] == clock.iso(clock.parse_iso(older["renewedAt"], "x") + dt.timedelta(days=30))
    assert older["createdAt"] == older["renewedAt"]
    answered(await refresh(api, first))
    assert [one["id"] for one in await listed(api)] == [older["id"], newer["id"]]
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=made.key_id)
    assert [one["id"] for one in await listed(api)] == [older["id"]]
    check_refused(await refresh(api, second), 401, "SESSION_KEY_ENDED")


async def test_one_session_or_all_of_a_user_s_are_ended(api: Api) -> None:
    first, second, third = [await log_in(api) for _ in range(3)]
    bob = await log_in(api, "bob")
    newest, *_ = await listed(api)
    end = {"partnerUserId": "alice"}
    assert answered(await api.server.call("s2s_session_end", id=newest["id"], **end)) == {"ended": 1}
    assert answered(await api.server.call("s2s_session_end", id=newest["id"], **end)) == {"ended": 0}
    await check_ended(api, third)
    assert answered(await api.server.call("s2s_session_end", **end)) == {"ended": 2}
    assert answered(await api.server.call("s2s_session_end", **end)) == {"ended": 0}
    assert await listed(api) == []
    await check_ended(api, first)
    await check_ended(api, second)
    await check_open(api, bob)


@pytest.mark.parametrize("name", ["0", "999999999999", "x", "-1", "1.0", "٣", "9" * 19])
async def test_a_session_of_nobody(api: Api, name: str) -> None:
    await log_in(api)
    response = await api.server.call("s2s_session_end", partnerUserId="alice", id=name)
    check_refused(response, 404, "SESSION_NOT_FOUND", "id")
    assert len(await listed(api)) == 1


async def test_another_user_s_session_is_not_found(api: Api) -> None:
    await log_in(api)
    tokens = await log_in(api, "bob")
    (bob,) = await listed(api, "bob")
    response = await api.server.call("s2s_session_end", partnerUserId="alice", id=bob["id"])
    check_refused(response, 404, "SESSION_NOT_FOUND", "id")
    await check_open(api, tokens)


async def test_who_may_end_sessions(api: Api) -> None:
    tokens = await log_in(api)
    server = await api.caller(kind="secret", scopes=("read", "wallet", "order", "transfer", "withdraw"))
    for operation in ("s2s_sessions", "s2s_session_end"):
        response = await server.call(operation, partnerUserId="alice")
        assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "login"}
        check_refused(await api.server.call(operation, partnerUserId="nobody"), 404, "USER_NOT_FOUND")
    await check_open(api, tokens)


async def test_a_session_of_an_older_release_is_ended_with_the_others(api: Api) -> None:
    """It has no grant before it is renewed, so it is not listed; it is ended all the same."""
    tokens = await log_in(api)
    await api.world.pool.execute("DELETE FROM session_grant WHERE partner_id = $1", api.world.partner.id)
    assert await listed(api) == []
    assert answered(await api.server.call("s2s_session_end", partnerUserId="alice")) == {"ended": 1}
    check_refused(await refresh(api, tokens), 401, "REFRESH_TOKEN_REVOKED")


async def test_all_sessions_of_a_partner_are_ended(api: Api) -> None:
    other = await api.another_partner()
    tokens, bob, others = await log_in(api), await log_in(api, "bob"), await log_in(other)
    async with db.transaction(api.world.pool) as tx:
        assert await session_grants.end(tx, api.world.partner.id) == 2
    await check_ended(api, tokens)
    await check_ended(api, bob)
    await check_open(other, others)


# How many


@pytest.fixture
async def small(api: Api) -> AsyncIterator[Api]:
    """The same partner, where a user has at most three sessions."""
    dsn = str(api.deployment.settings.database_url)
    async with open_api(api.world, dsn, sessions_per_user=3) as opened:
        yield opened


async def test_a_login_beyond_the_bound_ends_the_one_that_rested_longest(small: Api) -> None:
    first, second, third = [await log_in(small) for _ in range(3)]
    bob = await log_in(small, "bob")
    for tokens in (first, second, third):
        assert (await Caller(small.http, token=tokens["jwtToken"]).call("c2s_miners")).status_code == 200
    first = answered(await refresh(small, first))
    fourth = await log_in(small)
    assert len(await listed(small)) == 3
    check_refused(await refresh(small, second), 401, "REFRESH_TOKEN_INVALID", "refreshToken")
    for tokens in (first, third, fourth, bob):
        await check_open(small, tokens)


async def test_what_has_ended_goes_first(small: Api) -> None:
    first, second, third = [await log_in(small) for _ in range(3)]
    answered(await log_out(small, third["refreshToken"]))
    await log_in(small)
    for tokens in (first, second):
        await check_open(small, tokens)
    kept = "SELECT count(*) FROM refresh_family WHERE partner_id = $1"
    assert await small.world.pool.fetchval(kept, small.world.partner.id) == 3


async def test_fifty_logins_at_once_keep_the_bound(small: Api) -> None:
    """Each gets its pair; what is too much is forgotten, at the latest by the next login."""
    await log_in(small)
    await gather_all(*(log_in(small) for _ in range(50)))
    newest = await log_in(small)
    assert len(await listed(small)) == 3
    await check_open(small, newest)
