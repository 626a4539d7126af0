"""The API behind nginx and Caddy with the files of deploy/: what is signed holds, and no bound is weaker than alone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Network

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.vault import Vault
from tests.support import patience
from tests.support.api_client import CONTRACT, MASTER_KEY, Caller, answered, check_refused
from tests.support.databases import database
from tests.support.proxies import HERE, Proxy, proxied
from tests.support.served import Served, serving
from tests.support.world import World

LOGIN, MINERS = CONTRACT["s2s_login"][2], CONTRACT["s2s_miners"][2]


@dataclass
class Behind:
    """An API process, the proxy before it, a partner who calls through it, and one whose key is for one address."""

    served: Served
    proxy: Proxy
    caller: Caller
    elsewhere: Caller


@pytest.fixture(scope="module")
async def served(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Served, Caller, Caller]]:
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        await world.user("alice")
        async with db.transaction(pool) as tx:
            one = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
            other = await api_keys.create_key(
                tx, world.vault, partner_id=world.partner.id, kind="full", allowed_ips=(IPv4Network("198.51.100.0/24"),)
            )
        settings = {"HASHRAIL_TRUSTED_PROXIES": '["127.0.0.1/32"]', "HASHRAIL_BODY_SECONDS": "1"}
        with serving(dsn, tmp_path_factory.mktemp("served"), "api", **settings) as made:
            async with httpx.AsyncClient(timeout=patience.SECONDS) as nobody:
                yield made, Caller(nobody, one.key, one.secret), Caller(nobody, other.key, other.secret)
        await pool.close()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
async def behind(
    request: pytest.FixtureRequest,
    served: tuple[Served, Caller, Caller],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Behind]:
    process, one, other = served
    with proxied(request.param, process.url, tmp_path_factory.mktemp("proxy") / request.param) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url, verify=proxy.trust(), timeout=patience.SECONDS) as http:
            yield Behind(process, proxy, Caller(http, one.key, one.secret), Caller(http, other.key, other.secret))


def by_hand(proxy: Proxy, request: bytes) -> bytes:
    """What comes back for bytes that no client library would send, until the other side hangs up."""
    with (
        socket.create_connection((HERE, proxy.port), timeout=patience.SECONDS) as line,
        proxy.trust().wrap_socket(line, server_hostname=HERE) as secret,
    ):
        secret.sendall(request)
        parts = []
        while part := secret.recv(65536):
            parts.append(part)
    return b"".join(parts)


async def test_a_signed_call_goes_through(behind: Behind) -> None:
    """In query, body and path everything that is signed comes as it was sent; and headers come back."""
    response = await behind.caller.call("s2s_miners", partnerUserId="alice")
    assert answered(response)["array"] == []
    assert len(response.headers["x-request-id"]) == 32
    assert abs(int(response.headers["x-server-time"]) - clock.wall_millis()) < 60_000
    assert answered(await behind.caller.call("s2s_login", partnerUserId="a b/%2f+&ü"))["userId"]
    check_refused(await behind.caller.call("s2s_miners", partnerUserId="a b/%2f+&ü \u2028"), 404, "USER_NOT_FOUND")


async def test_the_caller_is_known_and_cannot_choose_who_they_are(behind: Behind) -> None:
    """An allow-list sees the caller, whatever the caller writes into the header that proxies use."""
    check_refused(await behind.elsewhere.call("s2s_miners", partnerUserId="alice"), 403, "IP_NOT_ALLOWED")
    behind.elsewhere.http.headers["x-forwarded-for"] = "198.51.100.7"
    try:
        response = await behind.elsewhere.call("s2s_miners", partnerUserId="alice")
    finally:
        del behind.elsewhere.http.headers["x-forwarded-for"]
    check_refused(response, 403, "IP_NOT_ALLOWED")


async def test_a_body_that_is_too_long(behind: Behind) -> None:
    """The API says so with its code; what is far beyond is not even read: Caddy then says that the way is broken."""
    response = await behind.caller.http.post(LOGIN, content=b"x" * 65537)
    check_refused(response, 413, "BODY_TOO_LARGE")
    try:
        far = await behind.caller.http.post(LOGIN, content=b"x" * 1_000_000)
    except httpx.TransportError:
        return  # it hung up in the middle
    assert far.status_code in (413, 502)


async def test_a_body_that_does_not_come(behind: Behind) -> None:
    """The API's deadline for the whole of it holds: the proxy does not gather it first."""
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: {HERE}:{behind.proxy.port}\r\nContent-Length: 1000\r\n\r\n".encode()
    answer = await asyncio.to_thread(by_hand, behind.proxy, head + b"half")
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"BODY_TOO_SLOW" in answer


async def test_a_long_head_is_the_api_s_to_judge(behind: Behind) -> None:
    """A signed query may be long: the proxy lets through what the API reads."""
    response = await behind.caller.http.get(MINERS, params={"partnerUserId": "x" * 30_000})
    assert response.status_code in (400, 401)
    assert "error" in response.json()


async def test_readiness_is_not_for_the_world(behind: Behind) -> None:
    assert (await behind.caller.http.get("/readyz")).status_code == 404
    assert (await behind.caller.http.get("/healthz")).status_code == 200


async def test_nothing_is_answered_in_the_clear(behind: Behind) -> None:
    if behind.proxy.name == "nginx":
        response = await behind.caller.http.get(f"http://{HERE}:{behind.proxy.clear}{MINERS}")
        assert response.status_code == 403
    assert (await behind.caller.http.get(f"http://{HERE}:{behind.proxy.port}/healthz")).status_code == 400
