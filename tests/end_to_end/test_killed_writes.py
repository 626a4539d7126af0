"""A process that dies in the middle of a write: sent again to the next one, it has one effect."""

import asyncio
import datetime as dt
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from hashrail import business_clock, clock
from hashrail.custody import withdrawals
from tests.support import patience
from tests.support.api_client import (
    UNLIMITED,
    Api,
    Caller,
    an_offer,
    answered,
    check_books,
)
from tests.support.cut_line import line_to
from tests.support.payouts import asked
from tests.support.served import Served, members_of, serving
from tests.support.writes import BEARER, HEADER, MOVING, REPLAYED, SIGNED, WRITES, Case, Stocks, check_repeated, stocked

HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
async def stock(server: str, template: str) -> AsyncIterator[Stocks]:
    async with stocked(server, template, len(WRITES)) as still, stocked(server, template, 1) as moving:
        yield Stocks(still, moving)


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the servers that are started."""
    for name in UNLIMITED:
        monkeypatch.setenv(f"HASHRAIL_{name.upper()}", "0")
    monkeypatch.setenv("HASHRAIL_DATABASE_CONNECTIONS", "40")


@pytest.mark.usefixtures("unlimited")
async def test_killed_between_commit_and_answer(stock: Stocks, tmp_path: Path) -> None:
    """Every write is committed, and the process dies before it hears of that. Sent again, it is answered only.

    So is each of several orders of one partner, most of which shared a commit.
    """
    operations = [operation for operation in WRITES if operation not in MOVING]
    cases = [await Case.of(operation, stock.partner(operation)) for operation in operations]
    keys = [None if operation in SIGNED else "key-1" for operation in operations]
    requests = [case.request(key) for case, key in zip(cases, keys, strict=True)]
    crowd, orders = await a_crowd(cases[0].api)
    async with AsyncExitStack() as clients:
        with line_to(stock.still.dsn) as line, serving(line.dsn, tmp_path, "killed") as served:
            http = await clients.enter_async_context(served.http())
            for case in cases:
                # A key or a session that a process does not know yet is read in a transaction of its own.
                answered(await replace(case.api.server, http=http).call("s2s_user_statistics", partnerUserId="alice"))
                if case.operation in BEARER:
                    answered(await replace(case.caller, http=http).call("c2s_wallets"))
            answered(await replace(crowd.server, http=http).call("s2s_user_statistics", partnerUserId="alice"))
            line.cut()
            sent = [send(http, request) for request in (*requests, *orders)]
            waiting = asyncio.gather(*sent, return_exceptions=True)
            await until_committed(cases)
            await patience.until(lambda: has_orders(crowd, orders))
            assert line.commits_lost >= len(cases)
            assert not waiting.done()
            await kill(served)
            assert {isinstance(outcome, httpx.TransportError) for outcome in await waiting} == {True}
        states = [await case.state() for case in cases]
        with serving(stock.still.dsn, tmp_path, "restarted") as served:
            http = await clients.enter_async_context(served.http())
            for case, request, state in zip(cases, requests, states, strict=True):
                again, once_more = await send(http, request), await send(http, request)
                assert answered(again), again.text
                assert again.headers[REPLAYED] == once_more.headers[REPLAYED] == "true"
                assert again.content == once_more.content
                assert (HEADER in again.headers) == (case.operation in ("s2s_withdraw", "s2s_withdraw_fast"))
                assert await case.state() == state
                await case.check_one_effect()
            for request in orders:
                again = await send(http, request)
                assert (bool(answered(again)), again.headers[REPLAYED]) == (True, "true")
        assert await has_orders(crowd, orders)
        await check_books(crowd.world)


@pytest.mark.usefixtures("unlimited")
async def test_killed_between_two_steps(stock: Stocks, tmp_path: Path) -> None:
    """What commits on its way is killed on it. Sent again, it goes on from there, and then it is answered only."""
    api = stock.partner(MOVING[0])
    pool, user = api.world.pool, await api.world.user("alice")
    # While somebody waits for bitcoin the clock goes hour by hour.
    made = await asked(api.world, user.id, "0.01")
    begun = await business_clock.lead(pool)
    request = api.server.request(MOVING[0], days=2, recvWindow=60_000)
    async with AsyncExitStack() as clients:
        with serving(stock.moving.dsn, tmp_path, "killed") as served:
            http = await clients.enter_async_context(served.http())
            waiting = asyncio.create_task(send(http, request))
            while await business_clock.lead(pool) < begun + 3 * HOUR:
                assert not waiting.done()
                await asyncio.sleep(0.01)
            await kill(served)
            with pytest.raises(httpx.TransportError):
                await waiting
        assert begun + 3 * HOUR <= await business_clock.lead(pool) < begun + 48 * HOUR
        with serving(stock.moving.dsn, tmp_path, "restarted") as served:
            http = await clients.enter_async_context(served.http())
            check_repeated(await send(http, request), await send(http, request))
    assert await business_clock.lead(pool) == begun + 48 * HOUR
    assert (await withdrawals.get(pool, api.world.partner.id, made.id)).state == "final"
    await check_books(api.world)


async def a_crowd(api: Api) -> tuple[Api, list[httpx.Request]]:
    """A partner, and its requests to create orders."""
    crowd = await api.another_partner()
    offer, user = await an_offer(crowd.world), await crowd.world.user("alice")
    facts = {"userId": user.id, "nftCollectionId": offer.id, "recvWindow": 60_000}
    return crowd, [crowd.server.request("s2s_payment_create", externalId=f"crowd-{n}", **facts) for n in range(5)]


async def has_orders(api: Api, orders: list[httpx.Request]) -> bool:
    """Whether the partner has as many orders as were asked for."""
    query = "SELECT count(*) FROM purchase WHERE partner_id = $1"
    found: int = await api.world.pool.fetchval(query, api.world.partner.id)
    return found == len(orders)


async def kill(served: Served) -> None:
    """The server and its workers, at once; back when nothing of them is left."""
    os.killpg(served.process.pid, signal.SIGKILL)
    served.process.wait(patience.SECONDS)
    await until_gone(served.process.pid)


async def send(http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    return await Caller(http).send_again(request)


async def until_gone(session: int) -> None:
    """Until the kernel has ended every process of the session: killing a worker takes it a moment."""
    deadline = clock.monotonic() + patience.SECONDS
    while members_of(session):
        assert clock.monotonic() < deadline, members_of(session)
        await asyncio.sleep(0.02)


async def until_committed(cases: list[Case]) -> None:
    """Until the effect of each is there for others to see."""
    deadline = clock.monotonic() + patience.SECONDS
    while [await case.count() for case in cases] != [case.before + 1 for case in cases]:
        assert clock.monotonic() < deadline, [(c.operation, await c.count() - c.before) for c in cases]
        await asyncio.sleep(0.02)
