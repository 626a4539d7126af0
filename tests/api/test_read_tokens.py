"""Read tokens: what they open and what not, how they end, and that dashboards take them for what they know."""

import asyncio
import base64
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.access import access_tokens, api_keys, read_tokens, session_grants
from hashrail.api.operations import routes
from hashrail.api.serving.operation import Auth
from hashrail.deployment import facts
from tests.support.api_client import Api, Caller, answered, check_refused, exact
from tests.support.clocks import wall_reads
from tests.support.dashboards import Dashboard
from tests.support.earlier import earlier
from tests.support.good_fields import good

pytestmark = pytest.mark.usefixtures("published")
BEARER = {route.name: route for route in routes.OPERATIONS if route.auth is Auth.BEARER}


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """What is remembered is trusted for a minute, unless a change is announced."""
    return {"key_cache_seconds": 60}


@pytest.fixture
async def alice(api: Api) -> Caller:
    await api.world.user("alice")
    return await api.user("alice")


async def made(alice: Caller, name: str = "my dashboard", days: int = 30) -> dict[str, Any]:
    found: dict[str, Any] = answered(await alice.call("c2s_read_token_create", name=name, days=days))
    return found


async def reader(alice: Caller, name: str = "my dashboard") -> tuple[Caller, str]:
    """(a caller with a new read token, its id)."""
    new = await made(alice, name)
    return alice.with_token(new["token"]), new["id"]


async def works(caller: Caller) -> bool:
    response = await caller.call("app_user")
    if response.status_code == 200:
        return True
    check_refused(response, 401, "READ_TOKEN_ENDED")
    return False


async def until_it_ends(caller: Caller) -> None:
    """What was announced is heard by a connection of its own."""
    async with asyncio.timeout(60):
        while await works(caller):
            await asyncio.sleep(0.01)


def claims_of(token: str) -> dict[str, Any]:
    """As a page reads a token: three parts, of which the second is base64url of an object."""
    _, payload, _ = token.split(".")
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


async def test_a_dashboard_finds_what_it_looks_for_in_a_token(api: Api, alice: Caller) -> None:
    new = await made(alice, days=90)
    user = await api.world.user("alice")
    claims = claims_of(new["token"])
    assert claims["id"] == user.id
    assert clock.iso(clock.from_seconds(claims["exp"])) == new["expiresAt"]
    assert dt.timedelta(days=89) < clock.from_seconds(claims["exp"]) - clock.wall_now() <= dt.timedelta(days=90)
    dashboard = Dashboard(api.http, new["token"])
    assert (await dashboard.get("auth/isAuth"))["id"] == claims["id"]
    assert await dashboard.days() == []
    assert await dashboard.history(None) == []


@pytest.mark.parametrize("name", sorted(BEARER))
async def test_it_opens_reads_and_nothing_that_writes(api: Api, alice: Caller, name: str) -> None:
    caller, _ = await reader(alice)
    response = await caller.call(name, **good(name))
    if name == "c2s_proof_balance":
        # It is let in; whether something was taken of that day lies with the tests before.
        assert exact(response)["error"] in {"LIABILITIES_NOT_TAKEN", "NOTHING_OWED"}
    elif BEARER[name].scope == "read" and name != "c2s_deposit_address":
        assert answered(response) is not None
        assert not BEARER[name].writes
    elif name == "c2s_deposit_address":
        # To be given an address is no read.
        check_refused(response, 403, "SCOPE_MISSING")
    else:
        check_refused(response, 403, "READ_TOKEN_ONLY_READS")
    assert await api.world.pool.fetchval("SELECT count(*) FROM wallet WHERE partner_id = $1", api.world.partner.id) == 0


async def test_it_is_listed_and_revoked(api: Api, alice: Caller) -> None:
    caller, first = await reader(alice)
    other, second = await reader(alice, "another")
    assert await works(caller)
    listed = answered(await alice.call("c2s_read_tokens"))["array"]
    assert [(one["id"], one["name"]) for one in listed] == [(second, "another"), (first, "my dashboard")]
    assert [one["lastUsedOn"] for one in listed] == [None, clock.day_of(clock.wall_now()).isoformat()]
    assert answered(await api.server.call("s2s_read_tokens", partnerUserId="alice"))["array"] == listed
    for _ in range(2):
        assert answered(await alice.call("c2s_read_token_revoke", id=first)) is True
        await until_it_ends(caller)
    assert await works(other)
    assert answered(await api.server.call("s2s_read_token_revoke", partnerUserId="alice", id=second)) is True
    await until_it_ends(other)
    assert answered(await alice.call("c2s_read_tokens"))["array"] == []
    assert await works(alice)


async def test_revoking_reaches_every_process(api: Api, alice: Caller) -> None:
    """Though each remembers for a minute: the commit is announced."""
    caller, name = await reader(alice)
    assert await works(caller)
    user = await api.world.user("alice")
    async with db.transaction(api.world.pool) as tx:
        await read_tokens.revoke(tx, api.world.partner.id, user.id, name)
    await until_it_ends(caller)


async def test_the_same_again_answers_the_same_for_a_while(api: Api, alice: Caller) -> None:
    """An answer that was lost costs nothing; later, and with another life, the name is taken."""
    first = await made(alice)
    assert await made(alice) == first
    response = await alice.call("c2s_read_token_create", name="my dashboard", days=31)
    check_refused(response, 409, "READ_TOKEN_NAME_TAKEN", "name")
    await api.world.pool.execute(
        f"""UPDATE read_token SET {earlier("created_at", "11 minutes")}, {earlier("expires_at", "11 minutes")}
            WHERE partner_id = $1""",
        api.world.partner.id,
    )
    response = await alice.call("c2s_read_token_create", name="my dashboard", days=30)
    check_refused(response, 409, "READ_TOKEN_NAME_TAKEN", "name")
    answered(await alice.call("c2s_read_token_revoke", id=first["id"]))
    again = await made(alice)
    assert (again["name"], again["id"] == first["id"]) == ("my dashboard", False)


async def test_how_many_and_how_long(api: Api, alice: Caller) -> None:
    for number in range(read_tokens.MAX_OF_USER):
        await made(alice, f"token {number}", 365)
    response = await alice.call("c2s_read_token_create", name="one more", days=1)
    check_refused(response, 409, "TOO_MANY_READ_TOKENS")
    for days in (0, 366):
        response = await alice.call("c2s_read_token_create", name="x", days=days)
        check_refused(response, 400, "FIELD_OUT_OF_BOUNDS", "days")
    # What has ended by itself makes room.
    await api.world.pool.execute(
        f"""UPDATE read_token SET {earlier("created_at", "366 days")}, {earlier("expires_at", "366 days")}
            WHERE partner_id = $1 AND label = 'token 0'""",
        api.world.partner.id,
    )
    await made(alice, "token 0")


async def test_it_ends_with_all_sessions_of_the_user(api: Api, alice: Caller) -> None:
    caller, _ = await reader(alice)
    assert await works(caller)
    answered(await api.server.call("s2s_session_end", partnerUserId="alice"))
    await until_it_ends(caller)


async def test_a_session_that_ends_alone_leaves_it(api: Api, alice: Caller) -> None:
    """A user who logs out of a page goes on looking at the dashboard."""
    caller, _ = await reader(alice)
    (one,) = answered(await api.server.call("s2s_sessions", partnerUserId="alice"))["array"]
    answered(await api.server.call("s2s_session_end", partnerUserId="alice", id=one["id"]))
    assert await works(caller)


@pytest.mark.parametrize("how", ["revoked", "no login"])
async def test_it_ends_with_the_key_that_opened_the_session(api: Api, how: str) -> None:
    """Whoever has stolen a key makes no token that outlives it."""
    key = await api.key()
    server = Caller(api.http, key.key, key.secret)
    await api.world.user("alice")
    caller, _ = await reader(await api.user("alice", server))
    assert await works(caller)
    partner_id = api.world.partner.id
    async with db.transaction(api.world.pool) as tx:
        number = await api_keys.number_of(tx, partner_id, key.key)
        assert number is not None
        if how == "revoked":
            await api_keys.revoke_key(tx, partner_id=partner_id, key_id=number)
        else:
            await api_keys.keep_scopes(tx, partner_id=partner_id, key_id=number, scopes=["read"])
    await until_it_ends(caller)


async def test_it_reaches_no_more_than_its_key(api: Api) -> None:
    key = await api.key(scopes=["login"])
    await api.world.user("alice")
    caller, _ = await reader(await api.user("alice", Caller(api.http, key.key, key.secret)))
    check_refused(await caller.call("app_miners"), 403, "SCOPE_MISSING")


async def test_a_new_epoch_ends_it(api: Api, alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does after a restore, whether it was revoked or not."""
    caller, _ = await reader(alice)
    keys = api.serving.signing_keys
    monkeypatch.setattr(api.serving, "signing_keys", replace(keys, epoch="another"))
    check_refused(await caller.call("app_user"), 401, "TOKEN_EPOCH")
    assert facts.epoch_digest("another") != facts.epoch_digest(keys.epoch)


async def test_a_user_who_is_blocked_makes_none(api: Api, alice: Caller) -> None:
    """What they have goes on, as their sessions do: a block stops writes."""
    caller, _ = await reader(alice)
    await api.world.pool.execute("UPDATE app_user SET blocked_at = now() WHERE partner_id = $1", api.world.partner.id)
    check_refused(await alice.call("c2s_read_token_create", name="x", days=1), 403, "USER_BLOCKED", "userId")
    assert await works(caller)


async def test_its_time_is_its_own(api: Api, alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, _ = await reader(alice)
    now: Callable[[], dt.datetime] = clock.wall_now
    wall_reads(monkeypatch, lambda: now() + dt.timedelta(days=29))
    assert await works(caller)
    wall_reads(monkeypatch, lambda: now() + dt.timedelta(days=31))
    check_refused(await caller.call("app_user"), 401, "TOKEN_EXPIRED")


async def test_what_is_no_read_token(api: Api, alice: Caller) -> None:
    """A claim alone makes none, and what names no row opens nothing."""
    user, keys = await api.world.user("alice"), api.serving.signing_keys
    facts_of_it = {
        "epoch": keys.epoch,
        "issuer": api.deployment.settings.issuer,
        "partner_id": api.world.partner.id,
        "partner_public_id": api.world.partner.public_id,
        "user_id": user.id,
        "now": clock.wall_now(),
    }
    for name in (f"r999-{'a' * 32}", "r1", "1-x", "", "x" * 500):
        text = access_tokens.issue_read(
            keys.private, keys.kid, token=name, expires_at=clock.wall_now() + dt.timedelta(days=1), **facts_of_it
        )
        check_refused(await alice.with_token(text).call("app_user"), 401, "READ_TOKEN_ENDED")
    new = await made(alice)
    for other in (new["id"], "r0-x"):
        check_refused(await alice.with_token(other).call("app_user"), 401, "TOKEN_INVALID")
    check_refused(await alice.call("c2s_read_token_revoke", id=f"r999-{'a' * 32}"), 404, "READ_TOKEN_NOT_FOUND", "id")
    assert session_grants.Family.read(new["id"]) is None
