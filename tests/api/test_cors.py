"""Browsers: preflights, which pages may call for a partner's users, and what they may read of the answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from hashrail import clock, db
from hashrail.access import origins, ton_domains
from hashrail.api.operations import routes
from hashrail.cli import main
from tests.support import patience
from tests.support.api_client import (
    C2S,
    CONTRACT,
    KEY_HEADER,
    S2S,
    Api,
    Caller,
    answered,
    check_refused,
    open_shared_api,
    settings_of,
)
from tests.support.databases import CUT_LISTENERS
from tests.support.ton import proof
from tests.support.world import World

PAGE, OTHER = "https://app.example.com", "https://evil.example.com"
MINERS, BIND = f"{C2S}/nft/find-by-user", f"{C2S}/wallet/bind"
LISTED = (
    *("x-request-id", "x-server-time", "ratelimit", "ratelimit-policy", "retry-after", "x-withdrawal-id"),
    *("idempotency-replayed", "x-hashrail-position"),
)
FOR_PAGES = {operation: each for operation, each in CONTRACT.items() if each[2].startswith(C2S)}


pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """Keys are kept for a minute, unless a change is announced."""
    return {"key_cache_seconds": 60}


@pytest.fixture
async def api(api: Api) -> Api:
    """A partner that lists PAGE."""
    await change(api, origins.add, PAGE)
    return api


async def change(api: Api, verb: Callable[[db.Tx, int, str], Awaitable[bool]], origin: str) -> bool:
    async with db.transaction(api.world.pool) as tx:
        return await verb(tx, api.world.partner.id, origin)


async def preflight(api: Api, path: str, **changes: str | None) -> httpx.Response:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "GET"} | changes
    return await api.http.options(path, headers={name: value for name, value in headers.items() if value is not None})


def cors_of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


def check_readable(response: httpx.Response, origin: str) -> None:
    """The page of that origin may read the answer, and nobody's cookies are meant."""
    assert response.headers["vary"] == "Origin"
    assert cors_of(response) == {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": ", ".join(LISTED),
    }


# Preflights


@pytest.mark.parametrize("origin", [PAGE, OTHER, "http://localhost:3000", "null"])
async def test_a_preflight_needs_no_credential(api: Api, origin: str) -> None:
    """Whoever asks gets the same answer: the list is not told."""
    response = await preflight(api, MINERS, Origin=origin)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["vary"] == "Origin"
    assert cors_of(response) == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET",
        "access-control-allow-headers": (
            "authorization, x-partner-api-key, content-type, idempotency-key, x-request-id, x-hashrail-position"
        ),
        "access-control-max-age": "600",
    }
    assert "x-request-id" in response.headers


async def test_every_client_operation_answers_preflights(api: Api) -> None:
    """Those of the route table, at each of their paths, and no other."""
    seen = 0
    for path, route in routes.routes(settings_of("postgresql://nowhere")):
        response = await preflight(api, path)
        if path.startswith(C2S):
            assert response.status_code == 204
            assert route.method in response.headers["access-control-allow-methods"].split(", ")
            seen += 1
        elif path.startswith((S2S, "/api/sandbox")):
            check_refused(response, 405, "METHOD_NOT_ALLOWED")
            assert cors_of(response) == {}
    assert seen >= len(FOR_PAGES) > 5


@pytest.mark.parametrize(
    "changes",
    [{"Origin": None}, {"Access-Control-Request-Method": None}, {"Origin": "https://a b"}, {"Origin": "x" * 301}],
)
async def test_options_without_a_preflight(api: Api, changes: dict[str, str | None]) -> None:
    response = await preflight(api, MINERS, **changes)
    check_refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD"
    assert "access-control-allow-methods" not in response.headers


async def test_an_alias_of_a_client_operation_is_for_pages(server: str, template: str) -> None:
    """Wherever else it is served, except beside the server's operations."""
    aliases = {"c2s_miners": ["/v1/miners"], "s2s_miners": ["/v1/server/miners"]}
    async with open_shared_api(server, template, route_aliases=aliases) as other:
        assert (await preflight(other, "/v1/miners")).status_code == 204
        check_refused(await preflight(other, "/v1/server/miners"), 405, "METHOD_NOT_ALLOWED")
        alice = await other.user("alice")
        headers = {"Authorization": f"Bearer {alice.token}", "Origin": PAGE}
        check_refused(await other.http.get("/v1/miners", headers=headers), 403, "ORIGIN_NOT_ALLOWED")
        await change(other, origins.add, PAGE)
        await until_answered(lambda: other.http.get("/v1/miners", headers=headers), 200)
        check_readable(await other.http.get("/v1/miners", headers=headers), PAGE)


@pytest.mark.parametrize("path", [MINERS, f"{S2S}/nft/find-by-user", "/healthz", "/api/errors"])
async def test_a_wrong_method_names_the_right_one(api: Api, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        response = await api.http.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


# Requests


async def until_answered(send: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    """The first answer with that status: an announcement takes a moment."""
    deadline = clock.monotonic() + patience.SECONDS
    while (response := await send()).status_code != status and clock.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert response.status_code == status, response.text
    return response


async def test_a_listed_page_gets_its_user_s_data(api: Api) -> None:
    alice = await api.user("alice")
    response = await alice.call("c2s_miners", {"Origin": PAGE})
    assert answered(response) == {"array": []}
    check_readable(response, PAGE)
    response = await alice.call("c2s_miners", {"Origin": OTHER})
    assert check_refused(response, 403, "ORIGIN_NOT_ALLOWED") == {"origin": OTHER}
    check_readable(response, OTHER)


@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://APP.example.com", f"{PAGE}/", f"{PAGE}:443", f"{PAGE}.evil.com", "http://app.example.com"],
)
async def test_an_origin_matches_as_a_whole(api: Api, origin: str) -> None:
    alice = await api.user("alice")
    check_refused(await alice.call("c2s_miners", {"Origin": origin}), 403, "ORIGIN_NOT_ALLOWED")


async def test_two_origins_are_none(api: Api) -> None:
    alice = await api.user("alice")
    headers = [("Authorization", f"Bearer {alice.token}"), ("Origin", PAGE), ("Origin", PAGE)]
    response = await api.http.get(MINERS, headers=headers)
    check_refused(response, 401, "HEADER_REPEATED", "origin")
    assert cors_of(response) == {}


async def test_programs_without_an_origin_are_not_concerned(deployment: Api) -> None:
    """An empty list lets no browser in; apps and servers call as ever."""
    fresh = await deployment.another_partner()
    alice = await fresh.user("alice")
    response = await alice.call("c2s_miners")
    assert answered(response) == {"array": []}
    assert (response.headers["vary"], cors_of(response)) == ("Origin", {})
    check_refused(await alice.call("c2s_miners", {"Origin": PAGE}), 403, "ORIGIN_NOT_ALLOWED")


async def test_a_client_s_key_is_held_against_its_partner_s_list(api: Api) -> None:
    """With the key alone, and with a token beside it."""
    key = await api.caller(kind="publishable")
    response = await key.call("c2s_collections", {"Origin": PAGE})
    assert answered(response)["array"]
    check_readable(response, PAGE)
    check_refused(await key.call("c2s_collections", {"Origin": OTHER}), 403, "ORIGIN_NOT_ALLOWED")
    alice = await api.user("alice")
    beside = {KEY_HEADER: str(key.key), "Origin": OTHER}
    check_refused(await alice.call("c2s_miners", beside), 403, "ORIGIN_NOT_ALLOWED")


async def test_every_client_operation_holds_the_page_against_the_list(api: Api) -> None:
    """Whatever is asked of its caller; nothing is done for a page that is not listed."""
    alice = await api.user("alice")
    session = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    fields: dict[str, dict[str, Any]] = {
        "c2s_generate_payload": {"partnerId": api.world.partner.public_id},
        "c2s_refresh": {"refreshToken": session["refreshToken"]},
        "c2s_logout": {"refreshToken": session["refreshToken"]},
        "c2s_wallet_bind": {"address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"},
        "c2s_wallet_unbind": {"address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"},
    }
    for operation in sorted(FOR_PAGES.keys() - {"c2s_check_proof"}):
        sent = fields.get(operation, {})
        caller = Caller(api.http, api.server.key, token=None if "refreshToken" in sent else alice.token)
        response = await caller.call(operation, {"Origin": OTHER}, **sent)
        check_refused(response, 403, "ORIGIN_NOT_ALLOWED")
        check_readable(response, OTHER)
    # No operation shows payloads.
    payloads = "SELECT count(*) FROM ton_payload WHERE partner_id = $1"
    assert await api.world.pool.fetchval(payloads, api.world.partner.id) == 0
    response = await alice.call("c2s_refresh", {"Origin": PAGE}, **fields["c2s_refresh"])
    assert answered(response)["userId"] == session["userId"]
    check_readable(response, PAGE)
    response = await alice.call("c2s_generate_payload", {"Origin": PAGE}, **fields["c2s_generate_payload"])
    assert answered(response)["payload"]
    assert await api.world.pool.fetchval(payloads, api.world.partner.id) == 1


async def test_a_wallet_logs_in_on_a_listed_page(api: Api) -> None:
    """The payload says whose user it is; a page that is not listed does not use it up."""
    async with db.transaction(api.world.pool) as tx:
        await ton_domains.add_ton_domain(tx, api.world.partner.id, "app.example.com")
    caller = Caller(api.http)
    data = answered(await caller.call("c2s_generate_payload", partnerId=api.world.partner.public_id))
    wallet = proof(data["payload"], domain="app.example.com")
    response = await caller.call("c2s_check_proof", {"Origin": OTHER}, **wallet)
    check_refused(response, 403, "ORIGIN_NOT_ALLOWED")
    check_readable(response, OTHER)
    response = await caller.call("c2s_check_proof", {"Origin": PAGE}, **wallet)
    assert answered(response)["jwtToken"]
    check_readable(response, PAGE)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "code"),
    [
        ("GET", MINERS, {}, b"", 401, "TOKEN_MISSING"),
        ("GET", MINERS, {"Authorization": "Bearer x"}, b"", 401, "TOKEN_INVALID"),
        ("GET", f"{C2S}/nowhere", {}, b"", 404, "ROUTE_NOT_FOUND"),
        ("POST", MINERS, {}, b"", 405, "METHOD_NOT_ALLOWED"),
        ("POST", f"{C2S}/auth/refresh", {}, b"{", 400, "BODY_NOT_JSON"),
        ("POST", f"{C2S}/auth/refresh", {}, b"", 400, "FIELD_MISSING"),
    ],
)
async def test_a_page_may_read_why_it_is_refused(
    api: Api, method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    response = await api.http.request(method, path, content=body, headers=headers | {"Origin": OTHER})
    check_refused(response, status, code)
    check_readable(response, OTHER)


async def test_server_operations_know_no_origins(api: Api) -> None:
    """A server that sends one is not refused, and no page may read the answer."""
    response = await api.server.call("s2s_login", {"Origin": OTHER}, partnerUserId="alice")
    assert answered(response)["partnerUserId"] == "alice"
    assert cors_of(response) == {}
    response = await api.server.signing_with("wrong").call("s2s_login", {"Origin": PAGE}, partnerUserId="alice")
    check_refused(response, 401, "SIGNATURE_MISMATCH")
    assert cors_of(response) == {}


async def test_a_change_of_the_list_counts_at_once(api: Api) -> None:
    """The list is remembered for a minute; the announcement ends that."""
    alice = await api.user("alice")

    def call() -> Awaitable[httpx.Response]:
        return alice.call("c2s_miners", {"Origin": OTHER})

    check_refused(await call(), 403, "ORIGIN_NOT_ALLOWED")
    assert await change(api, origins.add, OTHER)
    await until_answered(call, 200)
    assert await change(api, origins.remove, OTHER)
    check_refused(await until_answered(call, 403), 403, "ORIGIN_NOT_ALLOWED")
    await api.world.pool.execute("UPDATE partner SET origins = '{}' WHERE id = $1", api.world.partner.id)
    assert (await alice.call("c2s_miners", {"Origin": PAGE})).status_code == 200, "nobody announced it"


async def test_after_a_cut_line_the_list_is_read_anew(api: Api) -> None:
    alice = await api.user("alice")
    assert (await alice.call("c2s_miners", {"Origin": PAGE})).status_code == 200
    await api.world.pool.execute("UPDATE partner SET origins = '{}' WHERE id = $1", api.world.partner.id)
    assert await api.world.pool.fetch(CUT_LISTENERS)
    response = await until_answered(lambda: alice.call("c2s_miners", {"Origin": PAGE}), 403)
    check_refused(response, 403, "ORIGIN_NOT_ALLOWED")


async def test_another_partner_s_list_lets_nobody_in(api: Api, deployment: Api) -> None:
    fresh = await deployment.another_partner()
    await change(fresh, origins.add, OTHER)
    alice, theirs = await api.user("alice"), await fresh.user("alice")
    check_refused(await alice.call("c2s_miners", {"Origin": OTHER}), 403, "ORIGIN_NOT_ALLOWED")
    assert (await theirs.call("c2s_miners", {"Origin": OTHER})).status_code == 200


# The list


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.COM:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://localhost:0443", "http://localhost:443"),
        ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(text: str, kept: str) -> None:
    assert origins.parse(text) == kept
    assert origins.parse(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "*", "https://*", "https://*.example.com", "https://", "app.example.com", "//app.example.com"),
        *("ftp://a", "file://", "chrome-extension://abc", "https://a/", "https://a/b", "https://a?b", "https://a#b"),
        *("https://user@a", "https://a:", "https://a:0", "https://a:65536", "https://a:x", "https://a:123456"),
        *(" https://a", "https://a ", "https://a\n", "https://a,https://b", "https://bücher.example", "https://-a"),
        *("https://a-", "https://[::1", "https://[]", "https://" + "a" * 254),
    ],
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(origins.BadOriginError) as caught:
        origins.parse(text)
    assert (caught.value.status, caught.value.code, caught.value.details) == (400, "BAD_ORIGIN", {"field": "origin"})


async def test_the_list_is_kept_in_one_form(api: Api) -> None:
    """Adding and removing again change nothing; another partner's list is its own."""
    partner_id = api.world.partner.id
    assert not await change(api, origins.add, "https://APP.example.com:443")
    assert await change(api, origins.add, "http://localhost:3000")
    async with db.transaction(api.world.pool) as tx:
        assert await origins.load(tx, partner_id) == {PAGE, "http://localhost:3000"}
        await tx.execute("UPDATE partner SET origins = '{}' WHERE id = $1", partner_id)
        assert await origins.load(tx, partner_id) == frozenset()
        assert await origins.load(tx, 10**12) == frozenset()
    assert await change(api, origins.add, PAGE)
    assert await change(api, origins.add, "http://localhost:3000")
    assert await change(api, origins.remove, "https://app.example.com:443")
    assert not await change(api, origins.remove, PAGE)
    async with db.transaction(api.world.pool) as tx:
        assert await origins.load(tx, partner_id) == {"http://localhost:3000"}
        with pytest.raises(origins.BadOriginError):
            await origins.add(tx, partner_id, "null")
        with pytest.raises(origins.BadOriginError):
            await origins.remove(tx, partner_id, "*")


async def run(dsn: str, *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    environment = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["partner", "origin", *words], env=environment)


async def test_the_operator_keeps_the_list(world: World, dsn: str) -> None:
    partner = ("--partner", world.partner.name)
    for words, said in (
        (("add", PAGE), f"Pages of {PAGE} may call.\n"),
        (("add", f"{PAGE}:443"), f"{PAGE}:443 was on the list before; nothing changed.\n"),
        (("add", "http://localhost:3000"), "Pages of http://localhost:3000 may call.\n"),
        (("remove", OTHER), f"{OTHER} was not on the list; nothing changed.\n"),
    ):
        made = await run(dsn, *words, *partner)
        assert (made.exit_code, made.stdout) == (0, said)
    assert json.loads((await run(dsn, "list", *partner, "--json")).stdout) == ["http://localhost:3000", PAGE]
    shown = (await run(dsn, "list", *partner)).stdout
    assert PAGE in shown
    made = await run(dsn, "remove", PAGE, *partner)
    assert (made.exit_code, made.stdout) == (0, f"Pages of {PAGE} may call no more.\n")
    assert json.loads((await run(dsn, "list", *partner, "--json")).stdout) == ["http://localhost:3000"]


@pytest.mark.parametrize("origin", ["*", "null", "app.example.com", f"{PAGE}/path"])
async def test_the_operator_is_told_what_an_origin_is(world: World, dsn: str, origin: str) -> None:
    for verb in ("add", "remove"):
        made = await run(dsn, verb, origin, "--partner", world.partner.name)
        assert made.exit_code == 1
        assert made.stderr.startswith("BAD_ORIGIN: ")
    made = await run(dsn, "add", PAGE, "--partner", "nobody")
    assert (made.exit_code, made.stderr.split(":")[0]) == (1, "PARTNER_NOT_FOUND")
    assert json.loads((await run(dsn, "list", "--partner", world.partner.name, "--json")).stdout) == []
