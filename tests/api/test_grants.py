"""Grants: a user's token reaches what the key that opened its session reaches, and ends with it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys, scopes, ton_domains
from hashrail.api.operations.routes import OPERATIONS
from hashrail.api.serving.operation import Auth
from tests.support import ton
from tests.support.api_client import CONTRACT, Api, Caller, answered, check_refused, open_api, refused_soon
from tests.support.clocks import wall_reads
from tests.support.earlier import earlier
from tests.support.payouts import ADDRESSES

DAY = 86_400
# Those that ask for login alone are open to every session: without it there is none.
OF_USERS = {one.name: one.scope for one in OPERATIONS if one.auth is Auth.BEARER and one.scope != "login"}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the wall clock read so many seconds more than it does; signatures keep the machine's time."""
    real = clock.wall_now

    def move(seconds: float) -> None:
        wall_reads(monkeypatch, lambda: real() + dt.timedelta(seconds=seconds))

    return move


async def log_in(server: Caller, name: str = "alice") -> dict[str, Any]:
    data: dict[str, Any] = answered(await server.call("s2s_login", partnerUserId=name))
    return data


async def own_refresh(api: Api, tokens: dict[str, Any]) -> httpx.Response:
    """#3: nobody's key is needed."""
    return await Caller(api.http).call("c2s_refresh", refreshToken=tokens["refreshToken"])


async def with_key(api: Api, *granted: str, **facts: Any) -> tuple[int, Caller]:
    """A secret key with so many scopes: its number, and its server."""
    made = await api.key(kind="secret", scopes=granted, **facts)
    return made.key_id, Caller(api.http, made.key, made.secret)


async def set_scopes(api: Api, key_id: int, *granted: str) -> None:
    async with db.transaction(api.world.pool) as tx:
        await api_keys.set_scopes(tx, partner_id=api.world.partner.id, key_id=key_id, scopes=granted)


async def revoke(api: Api, key_id: int) -> None:
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=key_id)


# What a key reaches


@pytest.mark.parametrize("scope", [scope for scope in scopes.SCOPES if scope != "login"])
async def test_without_login_nobody_is_registered_or_logged_in(api: Api, scope: str) -> None:
    tokens = await log_in(api.server, "old")
    _, server = await with_key(api, scope)
    response = await server.call("s2s_login", partnerUserId="new", email="new@example.com")
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "login"}
    response = await server.call("s2s_refresh", refreshToken=tokens["refreshToken"])
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "login"}
    check_refused(await api.server.call("s2s_miners", partnerUserId="new"), 404, "USER_NOT_FOUND")
    assert (await own_refresh(api, tokens)).status_code == 200, "nothing was spent"


@pytest.mark.parametrize(("operation", "scope"), sorted(OF_USERS.items()))
async def test_a_token_lacks_what_its_key_lacks(api: Api, operation: str, scope: str) -> None:
    """A key with every other scope mints tokens that reach every other operation."""
    _, server = await with_key(api, *(one for one in scopes.SCOPES if one != scope))
    client = server.with_token((await log_in(server))["jwtToken"])
    fields = {"address": ADDRESSES[0]} if CONTRACT[operation][1] == "POST" else {}
    assert check_refused(await client.call(operation, **fields), 403, "SCOPE_MISSING") == {"scope": scope}
    assert answered(await api.server.call("s2s_wallets", partnerUserId="alice")) == {"array": []}


async def test_a_key_that_reads_and_logs_in_moves_nothing(api: Api) -> None:
    _, server = await with_key(api, "read", "login")
    tokens = await log_in(server)
    client = server.with_token(tokens["jwtToken"])
    assert answered(await client.call("c2s_miners")) == {"array": []}
    response = await client.call("c2s_wallet_bind", address=ADDRESSES[0])
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "wallet"}
    response = await server.call("s2s_wallet_bind", partnerUserId="alice", address=ADDRESSES[0])
    assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "wallet"}
    # Nor does a pair that a stronger key renews: the session is still the weaker key's.
    renewed = answered(await api.server.call("s2s_refresh", refreshToken=tokens["refreshToken"]))
    response = await client.with_token(renewed["jwtToken"]).call("c2s_wallet_bind", address=ADDRESSES[0])
    check_refused(response, 403, "SCOPE_MISSING")
    assert answered(await client.call("c2s_wallets")) == {"array": []}


async def test_an_address_to_deposit_at_is_given_by_wallet_and_read_by_read(api: Api) -> None:
    """At either door: the first call writes, so it takes what binding one takes."""
    _, reader = await with_key(api, "read", "login")
    client = reader.with_token((await log_in(reader))["jwtToken"])
    asked = "SELECT count(*) FROM deposit_address"
    for _ in range(2):
        for response in (
            await reader.call("s2s_deposit_address", partnerUserId="alice"),
            await client.call("c2s_deposit_address"),
        ):
            assert check_refused(response, 403, "SCOPE_MISSING") == {"scope": "wallet"}
        assert await api.world.pool.fetchval(asked) == 0
    check_refused(await reader.call("s2s_deposit_address", partnerUserId="nobody"), 404, "USER_NOT_FOUND")
    _, giver = await with_key(api, "read", "login", "wallet")
    given = answered(await giver.call("s2s_deposit_address", partnerUserId="alice"))
    assert answered(await reader.call("s2s_deposit_address", partnerUserId="alice")) == given
    assert answered(await client.call("c2s_deposit_address")) == given
    bob = giver.with_token((await log_in(giver, "bob"))["jwtToken"])
    assert answered(await bob.call("c2s_deposit_address"))["address"] != given["address"]
    assert await api.world.pool.fetchval(asked) == 2


async def test_what_belongs_to_nobody_needs_no_scope(api: Api, published: None) -> None:
    _, server = await with_key(api, "login")
    client = server.with_token((await log_in(server))["jwtToken"])
    for operation in ("c2s_collections", "c2s_income_per_th", "exchange_rates"):
        assert answered(await client.call(operation))
    assert "array" in answered(await server.call("s2s_collections"))


def test_every_operation_of_a_user_or_a_signature_names_its_scope() -> None:
    asked = {one.name: one.scope for one in OPERATIONS if one.auth in (Auth.BEARER, Auth.SIGNED)}
    # Whoever signs may ask what their key is.
    assert asked.pop("s2s_key") is None
    assert set(asked.values()) == set(scopes.SCOPES)
    free = {one.name for one in OPERATIONS if one.scope is None}
    assert free == {name for name, (*_, auth) in CONTRACT.items() if auth in ("none", "key or bearer")} - {
        "sandbox_advance",
        "sandbox_chain",
    } | {"s2s_collections", "s2s_key"}


# When it ends


@pytest.mark.parametrize("how", ["revoked", "scope taken"])
async def test_a_session_ends_with_its_key_at_once(api: Api, how: str) -> None:
    """The access token too, though it would live for 15 minutes. What another key opened goes on."""
    key_id, server = await with_key(api, "read", "login")
    tokens, others = await log_in(server), await log_in(api.server)
    client = server.with_token(tokens["jwtToken"])
    assert (await client.call("c2s_miners")).status_code == 200
    await (revoke(api, key_id) if how == "revoked" else set_scopes(api, key_id, "read"))
    check_refused(await refused_soon(client), 401, "SESSION_ENDED", "authorization")
    for response in (
        await own_refresh(api, tokens),
        await api.server.call("s2s_refresh", refreshToken=tokens["refreshToken"]),
    ):
        check_refused(response, 401, "SESSION_KEY_ENDED", "refreshToken")
    assert (await own_refresh(api, others)).status_code == 200
    if how == "scope taken":
        await set_scopes(api, key_id, "read", "login")
        check_refused(await own_refresh(api, tokens), 401, "REFRESH_TOKEN_REVOKED", "refreshToken")


async def test_a_scope_that_a_key_loses_or_gets_counts_for_its_sessions(api: Api) -> None:
    key_id, server = await with_key(api, "read", "login", "wallet")
    client = server.with_token((await log_in(server))["jwtToken"])
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[0]))
    await set_scopes(api, key_id, "login", "wallet")
    assert check_refused(await refused_soon(client), 403, "SCOPE_MISSING") == {"scope": "read"}
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[1]))


async def test_a_session_ends_when_its_key_expires(api: Api, later: Callable[[float], None]) -> None:
    _, server = await with_key(api, "read", "login", expires_at=clock.wall_now() + dt.timedelta(seconds=300))
    tokens = await log_in(server)
    client = server.with_token(tokens["jwtToken"])
    later(299)
    assert (await client.call("c2s_miners")).status_code == 200
    later(301)
    check_refused(await client.call("c2s_miners"), 401, "SESSION_ENDED")
    check_refused(await own_refresh(api, tokens), 401, "SESSION_KEY_ENDED")


async def test_a_new_secret_ends_no_session(api: Api) -> None:
    key_id, server = await with_key(api, "read", "login")
    tokens = await log_in(server)
    async with db.transaction(api.world.pool) as tx:
        await api_keys.rotate_key(tx, api.deployment.vault, partner_id=api.world.partner.id, key_id=key_id)
        await api_keys.revoke_old_secret(tx, partner_id=api.world.partner.id, key_id=key_id)
    assert (await server.with_token(tokens["jwtToken"]).call("c2s_miners")).status_code == 200
    assert (await own_refresh(api, tokens)).status_code == 200


async def test_no_session_lives_longer_than_its_days(api: Api, later: Callable[[float], None]) -> None:
    """However often it is renewed; the setting counts for sessions that are open as well."""
    tokens = await log_in(api.server)
    for day in (29, 58, 87, 89):
        later(day * DAY)
        tokens = answered(await own_refresh(api, tokens))
    async with open_api(api.world, str(api.serving.deployment.settings.database_url), session_days=80) as short:
        check_refused(await own_refresh(short, tokens), 401, "SESSION_LIFE_ENDED", "refreshToken")
    tokens = answered(await own_refresh(api, tokens))
    later(90 * DAY - 10)
    client = api.server.with_token(answered(await own_refresh(api, tokens))["jwtToken"])
    assert (await client.call("c2s_miners")).status_code == 200
    later(90 * DAY + 10)
    check_refused(await own_refresh(api, tokens), 401, "SESSION_LIFE_ENDED", "refreshToken")
    check_refused(await client.call("c2s_miners"), 401, "SESSION_ENDED")


async def test_a_wallet_s_session_is_no_key_s(api: Api) -> None:
    """It reaches what a user may do, and outlives every key."""
    async with db.transaction(api.world.pool) as tx:
        await ton_domains.add_ton_domain(tx, api.world.partner.id, "partner.example")
    partner = {"partnerId": api.world.partner.public_id}
    payload = answered(await Caller(api.http).call("c2s_generate_payload", **partner))["payload"]
    tokens = answered(await Caller(api.http).call("c2s_check_proof", **ton.proof(payload, domain="partner.example")))
    key_id = (await api.key()).key_id
    await revoke(api, key_id)
    client = Caller(api.http, token=tokens["jwtToken"])
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[0]))
    assert (await own_refresh(api, tokens)).status_code == 200


async def test_a_session_from_before_is_the_partner_s(api: Api, later: Callable[[float], None]) -> None:
    """An older release wrote no grant: the session goes on, and its days are counted from the login."""
    tokens = await log_in(api.server)
    await api.world.pool.execute("DELETE FROM session_grant WHERE partner_id = $1", api.world.partner.id)
    client = api.server.with_token(tokens["jwtToken"])
    answered(await client.call("c2s_wallet_bind", address=ADDRESSES[0]))
    later(29 * DAY)
    tokens = answered(await own_refresh(api, tokens))
    kept = "SELECT user_id, key_id FROM session_grant WHERE partner_id = $1"
    assert [tuple(row) for row in await api.world.pool.fetch(kept, api.world.partner.id)] == [(tokens["userId"], None)]
    await api.world.pool.execute(
        f"UPDATE refresh_family SET {earlier('created_at', '90 days')} WHERE partner_id = $1",
        api.world.partner.id,
    )
    check_refused(await own_refresh(api, tokens), 401, "SESSION_LIFE_ENDED")


async def test_a_lost_announcement_costs_the_cache_s_seconds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: start)
    client = await api.user("alice")
    assert (await client.call("c2s_miners")).status_code == 200
    await api.world.pool.execute("UPDATE refresh_family SET revoked_at = created_at")
    seconds = api.deployment.settings.key_cache_seconds
    monkeypatch.setattr(clock, "monotonic", lambda: start + seconds - 0.1)
    assert (await client.call("c2s_miners")).status_code == 200
    monkeypatch.setattr(clock, "monotonic", lambda: start + seconds)
    check_refused(await client.call("c2s_miners"), 401, "SESSION_ENDED")
