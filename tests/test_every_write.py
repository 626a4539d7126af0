"""Every write of the route table, sent again in every way that a client or a network sends it: one effect.

`ROWS` says for each operation how a partner gets there, what a good request and another one are, and how its effect
is counted. A write of the route table without a row fails the test.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from hashrail import clock, db
from hashrail.api import routes, sandbox
from hashrail.api.call import Auth
from tests.api import (
    CONTRACT,
    UNLIMITED,
    Api,
    Caller,
    an_offer,
    answered,
    buy,
    check_books,
    check_refused,
    gather_all,
    open_api,
    open_database,
)
from tests.cut_line import line_to
from tests.payouts import ADDRESSES, asked, earn
from tests.test_api_process import processes_of, serving
from tests.world import World

FIFTY = range(50)
HEADER = "x-withdrawal-id"
REPLAYED = "idempotency-replayed"
Fields = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """How a fresh partner gets ready, answering a good body and another good one; what a request makes one more of."""

    prepare: Callable[[Api], Awaitable[tuple[Fields, Fields]]]
    effects: str


async def login(_: Api) -> tuple[Fields, Fields]:
    return {"partnerUserId": "alice"}, {"partnerUserId": "bob"}


async def transfer(api: Api) -> tuple[Fields, Fields]:
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    fields = {"partnerUserId": "alice", "nftId": miner["id"], "toPartnerUserId": "bob"}
    return fields, fields | {"toPartnerUserId": "carol"}


async def order(api: Api) -> tuple[Fields, Fields]:
    user, offer = await api.world.user("alice"), await an_offer(api.world)
    fields = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    return fields, fields | {"externalId": "two"}


async def notice(api: Api) -> tuple[Fields, Fields]:
    for fields in await order(api):
        answered(await api.server.call("s2s_payment_create", **fields))
    paid = {"userId": fields["userId"], "externalId": "one"}
    return paid, paid | {"externalId": "two"}


async def upgrade(api: Api) -> tuple[Fields, Fields]:
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    data = {"type": "nftPowerUpgrade", "nftId": miner["id"], "fromPower": 16, "toPower": 32}
    return {"data": data}, {"data": data | {"toPower": 64}}


async def address(_: Api) -> tuple[Fields, Fields]:
    return {"address": ADDRESSES[0]}, {"address": ADDRESSES[1]}


async def address_of_alice(_: Api) -> tuple[Fields, Fields]:
    fields = {"partnerUserId": "alice", "address": ADDRESSES[0]}
    return fields, fields | {"address": ADDRESSES[1]}


async def withdrawal(_: Api) -> tuple[Fields, Fields]:
    fields = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    return fields, fields | {"amount": Decimal("0.02")}


async def cancellation(api: Api) -> tuple[Fields, Fields]:
    user = await api.world.user("alice")
    first, second = [await asked(api.world, user.id, amount, speed="fast") for amount in ("0.01", "0.02")]
    return {"id": first.id}, {"id": second.id}


async def arrival(api: Api) -> tuple[Fields, Fields]:
    del api
    first, second = ({"address": ADDRESSES[0], "amount": Decimal(amount)} for amount in ("0.01", "0.02"))
    return {"deposit": first}, {"deposit": second}


MINERS_OF_BOB = (
    "miner m JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id AND partner_user_id = 'bob'"
)
WITHDRAWALS = "transfer t WHERE kind = 'withdrawal' AND leg = 1 AND state"

ROWS = {
    "s2s_login": Row(login, "SELECT count(*) FROM refresh_family WHERE partner_id = $1"),
    "s2s_transfer": Row(transfer, f"SELECT count(*) FROM {MINERS_OF_BOB} WHERE m.partner_id = $1"),
    "s2s_payment_create": Row(order, "SELECT count(*) FROM purchase WHERE partner_id = $1"),
    "s2s_payment_success": Row(notice, "SELECT count(*) FROM miner WHERE partner_id = $1"),
    "s2s_upgrade": Row(upgrade, "SELECT count(*) FROM post_payment WHERE partner_id = $1"),
    "c2s_wallet_bind": Row(address, "SELECT count(*) FROM wallet WHERE partner_id = $1"),
    "s2s_wallet_bind": Row(address_of_alice, "SELECT count(*) FROM wallet WHERE partner_id = $1"),
    "s2s_withdraw": Row(withdrawal, f"SELECT count(*) FROM {WITHDRAWALS} = 'pending' AND partner_id = $1"),
    "s2s_withdraw_fast": Row(withdrawal, f"SELECT count(*) FROM {WITHDRAWALS} = 'pending' AND partner_id = $1"),
    "s2s_withdrawal_cancel": Row(cancellation, f"SELECT count(*) FROM {WITHDRAWALS} = 'voided' AND partner_id = $1"),
    "sandbox_chain": Row(arrival, "SELECT count(*) FROM sandbox_output WHERE amount_btc < 0.1 AND $1::bigint > 0"),
}
# Operations that a user's client calls: there is no signature to recognise a repetition by.
BEARER = {"c2s_wallet_bind"}
# Whose bodies say the same, so that a signature over one of them also fits the other.
SAME_FIELDS = {("s2s_withdraw", "s2s_withdraw_fast"), ("s2s_withdraw_fast", "s2s_withdraw")}
WRITES = sorted(ROWS)
SIGNED = sorted(set(ROWS) - BEARER)
# Of every table of a partner: how many rows. Of its accounts: what they hold.
TABLES = """
    SELECT table_name FROM information_schema.columns JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE column_name = 'partner_id' AND table_schema = 'public' AND t.table_type = 'BASE TABLE'
      AND table_name <> 'answered_write' ORDER BY 1"""
ACCOUNTS = """
    SELECT id, debits_posted, credits_posted, debits_pending, credits_pending FROM account
    WHERE partner_id = $1 ORDER BY id"""


def test_every_write_has_a_row() -> None:
    writes = {route.operation: route for route in (*routes.OPERATIONS, *sandbox.ROUTES) if route.writes}
    assert set(writes) == set(ROWS)
    assert {name for name, route in writes.items() if route.auth is not Auth.SIGNED} == BEARER
    assert all(route.method == "POST" for route in writes.values())


@dataclass
class Stock:
    """One deployment, and partners whose alice owns 16 TH and 0.16 BTC."""

    api: Api
    dsn: str
    partners: list[Api]

    def partner(self) -> Api:
        """One that nobody has touched."""
        return self.partners.pop()


@pytest.fixture(scope="module")
async def stock(server: str, template: str) -> AsyncIterator[Stock]:
    async with open_database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=20)
        async with open_api(await World.create(pool), dsn) as api:
            made = []
            for _ in range(7 * len(WRITES) + 1):
                partner = await api.another_partner()
                users = [await partner.world.user(name) for name in ("alice", "bob", "carol")]
                await buy(partner.world, users[0].id)
                made.append(partner)
            await earn(api.world, "0")
            await earn(api.world)
            yield Stock(api, dsn, made)
        await pool.close()


@dataclass
class Case:
    """An operation that a partner is about to call: who calls, with what, and what it has made so far."""

    operation: str
    api: Api
    caller: Caller
    good: Fields
    other: Fields
    before: int

    @classmethod
    async def of(cls, operation: str, api: Api) -> "Case":
        caller = await api.user("alice") if operation in BEARER else api.server
        good, other = await ROWS[operation].prepare(api)
        case = cls(operation, api, caller, good, other, 0)
        case.before = await case.count()
        return case

    async def count(self) -> int:
        found: int = await self.api.world.pool.fetchval(ROWS[self.operation].effects, self.api.world.partner.id)
        return found

    async def state(self) -> list[Any]:
        """What the partner has, as far as a second effect would show in it."""
        pool, partner_id = self.api.world.pool, self.api.world.partner.id
        tables = [row["table_name"] for row in await pool.fetch(TABLES)]
        counts = [
            await pool.fetchval(f"SELECT count(*) FROM {each} WHERE partner_id = $1", partner_id) for each in tables
        ]
        assert len(tables) > 20
        return [*counts, *(tuple(row.values()) for row in await pool.fetch(ACCOUNTS, partner_id))]

    def request(self, key: str | None = None, at: int | None = None) -> httpx.Request:
        headers = {} if key is None else {"Idempotency-Key": key}
        # A slow machine restarts a server for longer than the shortest window.
        window = {"recvWindow": 60_000} if self.operation in SIGNED else {}
        return self.caller.request(self.operation, headers, at, **self.good, **window)

    async def check_one_effect(self) -> None:
        assert await self.count() == self.before + 1
        await check_books(self.api.world)


def check_repeated(first: httpx.Response, again: httpx.Response) -> None:
    """The same bytes and headers; only the repetition says that it is one."""
    assert answered(first)
    assert again.content == first.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert again.headers.get(HEADER) == first.headers.get(HEADER)


# Sent again


@pytest.mark.parametrize("operation", WRITES)
async def test_the_same_bytes_twice(stock: Stock, operation: str) -> None:
    """A user's client has no signature: to bind again changes nothing, and says the same."""
    case = await Case.of(operation, stock.partner())
    request = case.request()
    first = await case.api.http.send(request)
    state = await case.state()
    again = await case.caller.send_again(request)
    if operation in BEARER:
        assert (again.content, again.headers.get(REPLAYED)) == (first.content, None)
    else:
        check_repeated(first, again)
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_signed_anew_under_one_key(stock: Stock, operation: str) -> None:
    case = await Case.of(operation, stock.partner())
    now = clock.wall_millis()
    first = await case.api.http.send(case.request("key-1", now))
    state = await case.state()
    for later in (1, 2):
        check_repeated(first, await case.api.http.send(case.request("key-1", now - later)))
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", SIGNED)
async def test_a_key_that_comes_later(stock: Stock, operation: str) -> None:
    """The first time without a key, then the same bytes under one, then signed anew under it: one effect."""
    case = await Case.of(operation, stock.partner())
    now = clock.wall_millis()
    request = case.request(at=now)
    first = await case.api.http.send(request)
    state = await case.state()
    for key in ("key-1", "key-2"):
        request.headers["Idempotency-Key"] = key
        check_repeated(first, await case.caller.send_again(request))
    for later, key in enumerate(("key-1", "key-2"), start=1):
        check_repeated(first, await case.api.http.send(case.request(key, now - later)))
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_one_key_for_another_body(stock: Stock, operation: str) -> None:
    """The other body is good: under a key of its own it is done."""
    case = await Case.of(operation, stock.partner())
    key = {"Idempotency-Key": "key-1"}
    first = await case.api.http.send(case.request("key-1"))
    state = await case.state()
    refused = await case.caller.call(operation, key, **case.other)
    check_refused(refused, 422, "IDEMPOTENCY_KEY_REUSED")
    assert await case.state() == state
    await case.check_one_effect()
    if operation in ("s2s_transfer", "s2s_upgrade"):
        # The miner is not what it was.
        response = await case.caller.call(operation, **case.other)
        assert response.status_code in (404, 409), response.text
    else:
        response = await case.caller.call(operation, {"Idempotency-Key": "key-2"}, **case.other)
        assert answered(response), first.text
        assert REPLAYED not in response.headers
        assert await case.count() == case.before + 2


@pytest.mark.parametrize("operation", SIGNED)
async def test_a_signature_at_other_operations(stock: Stock, operation: str) -> None:
    """Where the fields fit, the signature was used; where they do not, the fields are told. Nothing is done."""
    case = await Case.of(operation, stock.partner())
    request = case.request()
    answered(await case.api.http.send(request))
    state = await case.state()
    fitting = set()
    for elsewhere in SIGNED:
        if elsewhere == operation:
            continue
        headers = {"X-PARTNER-API-KEY": str(case.caller.key)}
        response = await case.api.http.post(CONTRACT[elsewhere][2], content=request.content, headers=headers)
        if response.status_code == 400:
            assert check_refused(response, 400, response.json()["error"])["field"]
        else:
            check_refused(response, 401, "REPLAY")
            fitting.add((operation, elsewhere))
    assert fitting == {pair for pair in SAME_FIELDS if pair[0] == operation}
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_fifty_at_once(stock: Stock, operation: str) -> None:
    """Half of them the same bytes, half signed anew, all under one key: everybody hears of the one effect."""
    case = await Case.of(operation, stock.partner())
    now = clock.wall_millis()
    requests = [case.request("key-1", now - (number if number % 2 else 0)) for number in FIFTY]
    answers = await gather_all(*(case.caller.send_again(request) for request in requests))
    assert {response.status_code for response in answers} == {200}, {response.text for response in answers}
    assert len({(response.content, response.headers.get(HEADER)) for response in answers}) == 1
    assert [response.headers.get(REPLAYED) for response in answers].count(None) == 1
    await case.check_one_effect()


@pytest.mark.parametrize("operation", ["s2s_withdraw", "s2s_withdraw_fast"])
async def test_a_withdrawal_signed_anew_without_a_key(stock: Stock, operation: str) -> None:
    """Nothing says that it is a retry, and so the duplicate guard asks; it names the first."""
    case = await Case.of(operation, stock.partner())
    first = await case.api.http.send(case.request(at=clock.wall_millis() - 5))
    for key in (None, "key-1"):
        details = check_refused(await case.api.http.send(case.request(key)), 409, "DUPLICATE_WITHDRAWAL")
        assert details == {"withdrawalId": int(first.headers[HEADER])}
    await case.check_one_effect()


# Killed between commit and answer


async def test_killed_between_commit_and_answer(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write is committed, and the process dies before it hears of that. Sent again, it is answered only."""
    for name in UNLIMITED:
        monkeypatch.setenv(f"HASHRAIL_{name.upper()}", "0")
    monkeypatch.setenv("HASHRAIL_DATABASE_CONNECTIONS", "40")
    cases = [await Case.of(operation, stock.partner()) for operation in WRITES]
    keys = [None if operation in SIGNED else "key-1" for operation in WRITES]
    requests = [case.request(key) for case, key in zip(cases, keys, strict=True)]
    async with AsyncExitStack() as clients:
        with line_to(stock.dsn) as line, serving(line.dsn, tmp_path, "killed") as served:
            http = await clients.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=60))
            for case in cases:
                # A key that a process does not know yet is read in a transaction of its own.
                answered(await replace(case.api.server, http=http).call("s2s_user_statistics", partnerUserId="alice"))
            line.cut()
            waiting = asyncio.gather(*(send(http, request) for request in requests), return_exceptions=True)
            await until_committed(cases)
            assert line.commits_lost >= len(cases)
            assert not waiting.done()
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait(30)
            await until_gone(served.process.pid)
            assert {isinstance(outcome, httpx.TransportError) for outcome in await waiting} == {True}
        states = [await case.state() for case in cases]
        with serving(stock.dsn, tmp_path, "restarted") as served:
            http = await clients.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=60))
            for case, request, state in zip(cases, requests, states, strict=True):
                again, once_more = await send(http, request), await send(http, request)
                assert answered(again), again.text
                assert again.headers[REPLAYED] == once_more.headers[REPLAYED] == "true"
                assert again.content == once_more.content
                assert (HEADER in again.headers) == (case.operation in ("s2s_withdraw", "s2s_withdraw_fast"))
                assert await case.state() == state
                await case.check_one_effect()


async def send(http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    return await Caller(http).send_again(request)


async def until_gone(session: int) -> None:
    """Until the kernel has ended every process of the session: killing a worker takes it a moment."""
    deadline = clock.monotonic() + 30
    while processes_of(session):
        assert clock.monotonic() < deadline, processes_of(session)
        await asyncio.sleep(0.02)


async def until_committed(cases: list[Case]) -> None:
    """Until the effect of each is there for others to see."""
    deadline = clock.monotonic() + 30
    while [await case.count() for case in cases] != [case.before + 1 for case in cases]:
        assert clock.monotonic() < deadline, [(c.operation, await c.count() - c.before) for c in cases]
        await asyncio.sleep(0.02)
