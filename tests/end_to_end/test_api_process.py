"""The real processes: `hashrail serve` under Granian, two of them on one database, and how they stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.api.serving import growth
from hashrail.books import fence
from hashrail.vault import Vault
from hashrail.version import VERSION
from tests.support import citus, patience
from tests.support.api_client import (
    CONTRACT,
    KEY_HEADER,
    MASTER_KEY,
    Caller,
    answered,
    check_books,
    check_refused,
    exact,
    gather_all,
    internal_errors,
    open_api,
)
from tests.support.databases import database
from tests.support.locks import until_blocked
from tests.support.served import Served, members_of, serving
from tests.support.world import World

EVENTS_SECONDS = 25
LOGIN, MINERS = CONTRACT["s2s_login"][2], CONTRACT["s2s_miners"][2]


@dataclass
class Pair:
    """Two API processes on one database, and a partner that calls both."""

    world: World
    served: list[Served]
    callers: list[Caller]

    @property
    def first(self) -> Served:
        return self.served[0]


@pytest.fixture(scope="module")
async def pair(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("served")
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        await world.mine()
        async with db.transaction(pool) as tx:
            key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
        with serving(dsn, folder, "one") as one, serving(dsn, folder, "two") as two:
            async with one.http() as first, two.http() as second:
                callers = [Caller(http, key.key, key.secret) for http in (first, second)]
                yield Pair(world, [one, two], callers)
        await pool.close()


# One process


async def test_health_readiness_and_metrics(pair: Pair) -> None:
    http = pair.callers[0].http
    for path, said in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"} | citus.told_ready())):
        response = await http.get(path)
        assert (response.status_code, exact(response)) == (200, said)
        beside = await http.get(f"{pair.first.probes}{path}")
        assert (beside.status_code, exact(beside)) == (200, said)
        check_refused(await http.post(path), 405, "METHOD_NOT_ALLOWED")
    check_refused(await http.get("/metrics"), 404, "ROUTE_NOT_FOUND")
    await pair.callers[0].call("s2s_miners", partnerUserId="nobody")
    await http.get("/nothing/here")
    page = await http.get(f"{pair.first.probes}/metrics")
    assert page.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    lines = dict(line.rsplit(" ", 1) for line in page.text.splitlines() if not line.startswith("#"))
    assert int(float(lines['hashrail_requests_total{operation="s2s_miners",status="404"}'])) >= 1
    assert int(float(lines['hashrail_requests_total{operation="healthz",status="200"}'])) >= 1
    assert int(float(lines['hashrail_requests_total{operation="unknown",status="404"}'])) >= 1
    assert float(lines['hashrail_request_seconds_count{operation="s2s_miners"}']) >= 1
    assert float(lines["hashrail_internal_errors_total"]) == 0
    assert float(lines[f'hashrail_build_info{{version="{VERSION}"}}']) == 1
    assert "nothing" not in page.text


async def test_processes_of_one_server_count_together(dsn: str, tmp_path: Path) -> None:
    """Whoever answered, and whether it lives still: a scrape sees all of it."""
    with serving(dsn, tmp_path, "many", "--workers", "2") as served:
        for _ in range(20):
            assert (await asyncio.to_thread(httpx.get, f"{served.url}/healthz")).status_code == 200
        page = (await asyncio.to_thread(httpx.get, f"{served.probes}/metrics")).text
    assert 'hashrail_requests_total{operation="healthz",status="200"} 20.0' in page


async def end_of_feed(caller: Caller) -> int:
    """The position behind which a poll waits: what is there already would answer at once."""
    page = answered(await caller.call("s2s_events"))
    # Each look moves some of the drafts that wait, and tells no more than these.
    while page["events"]:
        page = answered(await caller.call("s2s_events", after=page["last"]))
    return int(page["last"])


async def is_full(caller: Caller, last: int) -> bool:
    """Whether one more is refused, who would wait a second; news since `last` are no answer to that."""
    return (await caller.call("s2s_events", after=last, waitSeconds=1)).status_code == 429


async def hang_on(pair: Pair) -> list[asyncio.StreamWriter]:
    """As many as may wait of a key do: asked anew where news answered them, or where a look took the place of one."""
    caller = pair.callers[0]
    while True:
        last = await end_of_feed(caller)
        asked = caller.request("s2s_events", after=last, waitSeconds=EVENTS_SECONDS)
        lines = []
        for _ in range(growth.WAITING_OF_A_KEY):
            _, writer = await asyncio.open_connection(*address_of(pair.first))
            writer.write(f"GET {asked.url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n".encode())
            writer.write(f"{KEY_HEADER}: {caller.key}\r\n\r\n".encode())
            lines.append(writer)
        for _ in range(3):
            if await is_full(caller, last):
                return lines
        for writer in lines:
            writer.close()


async def test_who_hangs_up_while_waiting_frees_the_place(pair: Pair) -> None:
    """As many as may wait of a key hang up; the next one is let in long before their time is over."""
    caller = pair.callers[0]
    took: list[float] = []
    while not took or (took[-1] > EVENTS_SECONDS / 2 and len(took) < 2):
        lines = await patience.within(hang_on(pair))
        hung_up = clock.monotonic()
        for writer in lines:
            writer.close()
        last = await end_of_feed(caller)

        async def is_free(last: int = last) -> bool:
            return not await is_full(caller, last)

        await patience.until(is_free)
        took.append(clock.monotonic() - hung_up)
    # Else they have waited on, twice.
    assert min(took) < EVENTS_SECONDS / 2


def address_of(served: Served) -> tuple[str, int]:
    host, _, port = served.url.removeprefix("http://").partition(":")
    return host, int(port)


async def test_request_ids_and_server_time(pair: Pair) -> None:
    http = pair.callers[0].http
    seen = set()
    for path in ("/healthz", "/nothing", MINERS):
        before = clock.wall_millis()
        response = await http.get(path)
        assert before <= int(response.headers["x-server-time"]) <= clock.wall_millis()
        assert len(response.headers["x-request-id"]) == 32
        seen.add(response.headers["x-request-id"])
    assert len(seen) == 3
    for given, kept in (("order-7:a.b_C", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)):
        response = await http.get("/nothing", headers={"X-Request-Id": given})
        assert (response.headers["x-request-id"] == given) is kept
        check_refused(response, 404, "ROUTE_NOT_FOUND")


async def test_the_log_names_the_request(pair: Pair) -> None:
    await pair.callers[0].http.get(MINERS, headers={"X-Request-Id": "look-for-me"})
    await pair.callers[0].call("s2s_login", {"X-Request-Id": "and-me"}, partnerUserId="alice")
    refused = await pair.first.line_of("look-for-me")
    assert {name: refused[name] for name in ("event", "level", "operation", "method", "path", "status", "error")} == {
        "event": "request",
        "level": "info",
        "operation": "s2s_miners",
        "method": "GET",
        "path": MINERS,
        "status": 401,
        "error": "API_KEY_MISSING",
    }
    assert str(refused["timestamp"]).endswith("Z")
    written = await pair.first.line_of("and-me")
    assert (written["operation"], written["status"]) == ("s2s_login", 200)
    text = pair.first.log.read_text()
    assert str(pair.callers[0].secret) not in text
    assert "eyJ" not in text


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /%ff HTTP/1.1", b"404"),
        (b"GET /api/partner% HTTP/1.1", b"4"),
        (b"GET /healthz?%ff HTTP/1.1", b"200"),
        (b"GET " + MINERS.encode() + b"?partnerUserId=%ff HTTP/1.1", b"400"),
        (b"GET " + MINERS.encode() + b"?a=\xff HTTP/1.1", b"4"),
        (b"BREW /healthz HTTP/1.1", b"4"),
        (b"GET \xff HTTP/1.1", b"4"),
        (b"nonsense", b"4"),
        (b"POST " + LOGIN.encode() + b" HTTP/1.1\r\nContent-Length: abc", b"4"),
        (b"POST " + LOGIN.encode() + b" HTTP/1.1\r\nContent-Length: 70000", b"4"),
        (b"POST " + LOGIN.encode() + b" HTTP/1.1\r\nTransfer-Encoding: chunked", b"4"),
        (b"POST " + LOGIN.encode() + b" HTTP/1.1\r\nTransfer-Encoding: gzip", b"4"),
    ],
)
async def test_raw_bytes_on_the_line(pair: Pair, request_line: bytes, status: bytes) -> None:
    request = request_line + b"\r\nHost: here\r\nConnection: close\r\n\r\n"
    answer = await asyncio.to_thread(pair.first.send_raw, request)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 " + status), answer
    assert (await pair.callers[0].http.get("/healthz")).status_code == 200


async def test_a_body_without_length_ends_at_64_kib(pair: Pair) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 16_384

    response = await pair.callers[0].http.post(LOGIN, content=endless())
    check_refused(response, 413, "BODY_TOO_LARGE")
    response = await pair.callers[0].http.post(LOGIN, content=b" " * 65_537)
    check_refused(response, 413, "BODY_TOO_LARGE")


# Two processes


async def test_two_processes_answer_the_same(pair: Pair) -> None:
    one, two = pair.callers
    for operation in ("s2s_collections", "s2s_income_per_th", "c2s_collections"):
        first, second = await gather_all(one.call(operation), two.call(operation))
        assert answered(first)
        assert first.content == second.content
    data = answered(await one.call("s2s_login", partnerUserId="alice"))
    assert answered(await two.with_token(data["jwtToken"]).call("c2s_miners")) == {"array": []}
    renewed = answered(await two.call("s2s_refresh", refreshToken=data["refreshToken"]))
    again = answered(await one.call("s2s_refresh", refreshToken=data["refreshToken"]))
    assert renewed["refreshToken"] == again["refreshToken"]


async def test_a_write_sent_to_both_is_done_once(pair: Pair) -> None:
    one, two = pair.callers
    request = one.request("s2s_login", partnerUserId="twice")
    answers = await gather_all(*(caller.send_again(request) for caller in (one, two) * 10))
    assert {response.status_code for response in answers} == {200}
    assert len({response.content for response in answers}) == 1
    user = answered(answers[0])["userId"]
    families = "SELECT count(*) FROM refresh_family WHERE user_id = $1"
    assert await pair.world.pool.fetchval(families, user) == 1
    offer = await pair.world.pool.fetchval("SELECT id FROM collection WHERE power = 16 AND energy_efficiency = 15")
    order = {"userId": user, "nftCollectionId": offer, "externalId": "both"}
    now = clock.wall_millis()
    calls = [c.call("s2s_payment_create", at=now - n, **order) for n in range(10) for c in (one, two)]
    assert len({response.content for response in await gather_all(*calls)}) == 1
    paid = {"userId": user, "externalId": "both"}
    calls = [c.call("s2s_payment_success", at=now - n, **paid) for n in range(10) for c in (one, two)]
    assert {answered(response) for response in await gather_all(*calls)} == {True}
    assert await pair.world.pool.fetchval("SELECT count(*) FROM miner WHERE user_id = $1", user) == 1
    await check_books(pair.world)


async def test_a_revocation_reaches_both(pair: Pair) -> None:
    partner_id = pair.world.partner.id
    async with db.transaction(pair.world.pool) as tx:
        made = await api_keys.create_key(tx, pair.world.vault, partner_id=partner_id, kind="full")
    callers = [Caller(one.http, made.key, made.secret) for one in pair.callers]
    for caller in callers:
        assert (await caller.call("s2s_collections")).status_code == 200
    async with db.transaction(pair.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=partner_id, key_id=made.key_id)
    deadline = clock.monotonic() + patience.SECONDS
    for caller in callers:
        while (response := await caller.call("s2s_collections")).status_code == 200 and clock.monotonic() < deadline:
            await asyncio.sleep(0.01)
        check_refused(response, 401, "API_KEY_REVOKED")


# Stopping


async def until_looked(pool: db.Pool) -> None:
    """Until somebody has looked how far a feed goes."""
    looked = """SELECT EXISTS (SELECT FROM pg_stat_activity
                               WHERE datname = current_database() AND pid <> pg_backend_pid()
                                 AND query LIKE '%FROM event_feed%')"""
    async with asyncio.timeout(60):
        while not await pool.fetchval(looked):
            await asyncio.sleep(0.01)


async def test_a_request_in_flight_is_answered(dsn: str, world: World, tmp_path: Path) -> None:
    """SIGTERM arrives while a write waits for a lock: it is answered, then everything is gone.

    Whoever waits for events is answered at once.
    """
    world.vault = Vault([MASTER_KEY])
    async with db.transaction(world.pool) as tx:
        key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
    with serving(dsn, tmp_path, "one") as served:
        session = served.process.pid
        assert len(members_of(session)) >= 2
        async with httpx.AsyncClient(base_url=served.url, timeout=patience.SECONDS) as http:
            caller = Caller(http, key.key, key.secret)
            began = clock.monotonic()
            last = await end_of_feed(caller)
            polling = asyncio.create_task(caller.call("s2s_events", after=last, waitSeconds=EVENTS_SECONDS))
            await until_looked(world.pool)
            async with db.transaction(world.pool) as holder:
                await fence.hold(holder, [world.partner.id])
                waiting = asyncio.create_task(caller.call("s2s_login", partnerUserId="alice"))
                await until_blocked(world.pool)
                served.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.5)
                assert served.process.poll() is None
                assert not waiting.done()
                assert answered(await polling)["events"] == []
                assert clock.monotonic() - began < EVENTS_SECONDS
            data = answered(await waiting)
        assert data["partnerUserId"] == "alice"
        assert await asyncio.to_thread(served.process.wait, patience.SECONDS) == 0
        assert members_of(session) == []
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{served.url}/healthz")
    assert await world.pool.fetchval("SELECT count(*) FROM refresh_family") == 1


# Readiness and a database that fails


async def test_readiness_asks_for_the_schema(world: World, dsn: str) -> None:
    async with open_api(world, dsn) as api:
        assert exact(await api.http.get("/readyz")) == {"status": "ready"} | citus.told_ready()
        await world.pool.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0004%'")
        response = await api.http.get("/readyz")
        check_refused(response, 503, "SCHEMA_OUT_OF_DATE")
        assert "0004_orders" in exact(response)["message"]
        assert (await api.http.get("/healthz")).status_code == 200


async def test_cut_connections_are_replaced(world: World, dsn: str) -> None:
    async with open_api(world, dsn) as api:
        await world.user()
        assert (await api.server.call("s2s_miners", partnerUserId="alice")).status_code == 200
        cut = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        await world.pool.fetch(cut)
        answers = [await api.server.call("s2s_miners", partnerUserId="alice") for _ in range(5)]
        for response in answers:
            if response.status_code != 200:
                check_refused(response, 503, "DATABASE_DOWN")
        assert answers[-1].status_code == 200


async def test_a_bug_is_a_500_that_says_nothing(world: World, dsn: str) -> None:
    """What no caller can cause: a table is gone. The caller gets the request id and no word of the database."""
    async with open_api(world, dsn) as api:
        before = await internal_errors(api)
        await world.pool.execute("ALTER TABLE miner RENAME TO lost_miner")
        response = await api.server.call("s2s_miners", partnerUserId="alice")
        assert check_refused(response, 500, "INTERNAL_ERROR") == {}
        assert "miner" not in exact(response)["message"]
        assert await internal_errors(api) == before + 1
