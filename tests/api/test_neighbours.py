"""Neighbours: what one partner waits for, no other one waits for, whichever door is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey

from hashrail import db
from hashrail.access import ton_domains
from hashrail.books import fence
from tests.support import patience, ton
from tests.support.api_client import Api, Caller, an_offer, answered, open_api
from tests.support.world import World

CONNECTIONS = 6
DOMAIN = "app.example"
Ask = Callable[[Api, int], Awaitable[httpx.Response]]


@pytest.fixture
async def small(world: World, dsn: str) -> AsyncIterator[Api]:
    """A process with few connections; its partner has a domain."""
    async with open_api(world, dsn, database_connections=CONNECTIONS) as api:
        async with db.transaction(world.pool) as tx:
            await ton_domains.add_ton_domain(tx, world.partner.id, DOMAIN)
        yield api


async def order(api: Api, number: int) -> httpx.Response:
    user_id = await api.world.pool.fetchval(
        "SELECT id FROM app_user WHERE partner_id = $1 AND partner_user_id = 'alice'", api.world.partner.id
    )
    offered = await an_offer(api.world)
    return await api.server.call(
        "s2s_payment_create", userId=user_id, nftCollectionId=offered.id, externalId=f"{number}"
    )


async def login(api: Api, number: int) -> httpx.Response:
    return await api.server.call("s2s_login", partnerUserId=f"user {number}")


async def wallet_login(api: Api, number: int, payloads: list[str]) -> httpx.Response:
    body = ton.proof(payloads[number], domain=DOMAIN, key=SigningKey(number.to_bytes(32, "big")))
    return await Caller(api.http).call("c2s_check_proof", **body)


async def until_all_wait(api: Api, asked: list[asyncio.Task[Any]]) -> None:
    """Until nothing more of the partner goes on: some wait for the fence, the others for their turn."""
    behind = """SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"""
    before = -1
    while (now := await api.world.pool.fetchval(behind)) == 0 or now != before:
        assert not any(one.done() for one in asked), [one.result().text for one in asked if one.done()]
        before = now
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("door", ["orders", "logins", "wallets"])
async def test_whoever_waits_for_a_partner_s_fence_leaves_room_for_others(small: Api, door: str) -> None:
    """A slow transaction holds the fence; more requests of the partner come than the process has connections."""
    other = await small.another_partner()
    for api in (small, other):
        answered(await login(api, 0))
        answered(await api.server.call("s2s_login", partnerUserId="alice"))
    partner = small.world.partner
    payloads = [
        answered(await Caller(small.http).call("c2s_generate_payload", partnerId=partner.public_id))["payload"]
        for _ in range(3 * CONNECTIONS if door == "wallets" else 0)
    ]
    asks: dict[str, Callable[[int], Awaitable[httpx.Response]]] = {
        "orders": lambda number: order(small, number),
        "logins": lambda number: login(small, number + 1),
        "wallets": lambda number: wallet_login(small, number, payloads),
    }
    async with db.transaction(small.world.pool) as holder:
        await fence.hold(holder, [partner.id])
        asked = [asyncio.ensure_future(asks[door](number)) for number in range(3 * CONNECTIONS)]
        await until_all_wait(small, asked)
        async with asyncio.timeout(patience.SECONDS):
            assert answered(await other.server.call("s2s_miners", partnerUserId="alice")) == {"array": []}
            answered(await order(other, 1))
            answered(await login(other, 1))
            answered(await login(await small.another_partner(), 1))
        assert not any(one.done() for one in asked)
    assert [one.status_code for one in await asyncio.gather(*asked)] == [200] * len(asked)
