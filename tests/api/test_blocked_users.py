"""A blocked user keeps what he has and may read it; nothing of his is written until he is unblocked."""

import asyncio
import datetime as dt
import json
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail import clock, db
from hashrail.books import fence
from hashrail.cli import main
from hashrail.parties import users
from hashrail.selling import catalogue, miners, orders
from hashrail.selling.orders import Order
from tests.support.api_client import Api, an_offer, answered, buy, check_books, check_refused, open_shared_api
from tests.support.locks import until_blocked
from tests.support.world import START, World

pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture
async def alice(api: Api) -> users.User:
    return await api.world.user("alice")


@pytest.fixture
async def offer(api: Api) -> catalogue.Collection:
    return await an_offer(api.world)


async def block(world: World, name: str = "alice") -> users.User:
    async with db.transaction(world.pool) as tx:
        return await users.block(tx, world.partner.id, name)


async def unblock(world: World, name: str = "alice") -> users.User:
    async with db.transaction(world.pool) as tx:
        return await users.unblock(tx, world.partner.id, name)


async def state(api: Api, external_id: str) -> str | None:
    """The state of an order; None when there is none."""
    response = await api.server.call("s2s_payment", externalId=external_id)
    if response.status_code == 404:
        return None
    shown: str = answered(response)["state"]
    return shown


# The verbs


async def test_blocking_keeps_the_time_of_the_first(api: Api, alice: users.User) -> None:
    """Again is a no-op, and so is unblocking somebody who is not blocked."""
    assert alice.blocked_at is None
    assert await unblock(api.world) == alice
    before = clock.wall_now()
    blocked = await block(api.world)
    assert blocked.blocked_at is not None
    assert before <= blocked.blocked_at <= clock.wall_now()
    assert await block(api.world) == blocked
    async with db.transaction(api.world.pool) as tx:
        assert await users.find(tx, api.world.partner.id, "alice") == blocked
        assert await users.get(tx, api.world.partner.id, alice.id) == blocked
        assert await users.lock(tx, api.world.partner.id, [alice.id]) == {alice.id: blocked}
    assert await unblock(api.world) == alice


async def test_another_partner_s_user_is_not_blocked(api: Api, alice: users.User) -> None:
    fresh = await api.another_partner()
    namesake = await fresh.world.user("alice")
    await block(api.world)
    async with db.transaction(api.world.pool) as tx:
        assert await users.find(tx, fresh.world.partner.id, "alice") == namesake
        for verb in (users.block, users.unblock):
            with pytest.raises(users.UserNotFoundError):
                await verb(tx, fresh.world.partner.id, "nobody")


def test_only_a_blocked_user_is_refused() -> None:
    user = users.User(1, 2, "alice", None, START, Decimal(0), None, None, payouts_go_on=False)
    users.assert_active(user)
    with pytest.raises(users.UserBlockedError) as caught:
        users.assert_active(replace(user, blocked_at=START))
    assert (caught.value.status, caught.value.code, caught.value.details) == (
        403,
        "USER_BLOCKED",
        {"field": "userId"},
    )


# Over HTTP


async def test_a_blocked_user_buys_nothing(api: Api, alice: users.User, offer: catalogue.Collection) -> None:
    """An order that was open stays open; it issues once the user is unblocked. Others go on buying."""
    fields: dict[str, Any] = {"userId": alice.id, "nftCollectionId": offer.id}
    answered(await api.server.call("s2s_payment_create", externalId="before", **fields))
    await block(api.world)
    response = await api.server.call("s2s_payment_create", externalId="after", **fields)
    check_refused(response, 403, "USER_BLOCKED", "userId")
    response = await api.server.call("s2s_payment_success", externalId="before", userId=alice.id)
    check_refused(response, 403, "USER_BLOCKED", "userId")
    assert [await state(api, name) for name in ("before", "after")] == ["created", None]
    bob = await api.world.user("bob")
    await buy(api.world, bob.id)
    await unblock(api.world)
    assert answered(await api.server.call("s2s_payment_success", externalId="before", userId=alice.id)) is True
    assert await state(api, "before") == "issued"
    await check_books(api.world)


async def test_what_was_done_before_is_answered_again(api: Api, alice: users.User, offer: catalogue.Collection) -> None:
    """A repetition writes nothing, so it is no matter that the user was blocked since."""
    fields: dict[str, Any] = {"userId": alice.id, "nftCollectionId": offer.id, "externalId": "one"}
    first = answered(await api.server.call("s2s_payment_create", **fields))
    answered(await api.server.call("s2s_payment_success", userId=alice.id, externalId="one"))
    await block(api.world)
    assert answered(await api.server.call("s2s_payment_create", **fields)) == first
    assert answered(await api.server.call("s2s_payment_success", userId=alice.id, externalId="one")) is True
    assert len(answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]) == 1


async def test_a_blocked_user_logs_in_and_reads(api: Api, alice: users.User) -> None:
    """What he had before goes on: his session, his income, his balance."""
    await buy(api.world, alice.id)
    session = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    await block(api.world)
    again = answered(await api.server.call("s2s_login", partnerUserId="alice", email="new@example.com"))
    renewed = answered(await api.server.call("s2s_refresh", refreshToken=session["refreshToken"]))
    assert session["userId"] == again["userId"] == renewed["userId"] == alice.id
    for token in (session["jwtToken"], again["jwtToken"], renewed["jwtToken"]):
        client = api.server.with_token(token)
        assert len(answered(await client.call("c2s_miners"))["array"]) == 1
        for operation in ("c2s_income", "c2s_income_total", "c2s_balances"):
            assert answered(await client.call(operation))["array"] is not None
    found = answered(await api.server.call("s2s_user_statistics", partnerUserId="alice"))
    assert (found["stats"]["nftsCount"], found["user"]["email"]) == (1, None)


async def test_the_field_that_names_the_user_is_told(api: Api, alice: users.User) -> None:
    """As the operation calls it; a user's own token is what names him."""
    client = await api.user("alice")
    await block(api.world)
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    named: dict[str, Any] = {"partnerUserId": "alice"}
    response = await api.server.call("s2s_wallet_bind", **named, address=address)
    check_refused(response, 403, "USER_BLOCKED", "partnerUserId")
    response = await api.server.call("s2s_withdraw", **named, walletAddress=address, amount=1)
    check_refused(response, 403, "USER_BLOCKED", "partnerUserId")
    check_refused(await client.call("c2s_wallet_bind", address=address), 403, "USER_BLOCKED", "authorization")


async def test_a_blocked_user_s_miners_go_on_earning(server: str, template: str) -> None:
    """His money is his: days are credited, settled and in the books as ever."""
    async with open_shared_api(server, template) as own:
        alice = await own.world.user("alice")
        await buy(own.world, alice.id)
        await block(own.world)
        await own.world.mine()
        await own.world.mine()
        assert await own.world.settle(alice.id) > 0
        await check_books(own.world)


# At once


async def test_a_block_waits_for_the_order_under_way(api: Api, alice: users.User, offer: catalogue.Collection) -> None:
    """Who holds the user's lock finishes; whoever comes after the block is refused."""
    world = api.world
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        ttl = dt.timedelta(hours=1)
        await orders.create(tx, books, user_id=alice.id, collection_id=offer.id, external_id="under way", ttl=ttl)
        blocking = asyncio.create_task(block(world))
        await until_blocked(world.pool, blocking)
    assert (await blocking).blocked_at is not None
    fields: dict[str, Any] = {"userId": alice.id, "nftCollectionId": offer.id}
    check_refused(await api.server.call("s2s_payment_create", externalId="late", **fields), 403, "USER_BLOCKED")
    assert [await state(api, name) for name in ("under way", "late")] == ["created", None]
    await check_books(world)


async def test_an_order_waits_for_the_block_under_way(api: Api, alice: users.User, offer: catalogue.Collection) -> None:
    """The order sees the user as he is once it has his lock: creating and paying alike."""
    world = api.world
    fields: dict[str, Any] = {"userId": alice.id, "nftCollectionId": offer.id}
    answered(await api.server.call("s2s_payment_create", externalId="open", **fields))
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
        waiting = [
            asyncio.create_task(call)
            for call in (
                api.server.call("s2s_payment_create", externalId="new", **fields),
                api.server.call("s2s_payment_success", userId=alice.id, externalId="open"),
            )
        ]
        await until_blocked(world.pool, *waiting, count=len(waiting))
    for response in await asyncio.gather(*waiting):
        check_refused(response, 403, "USER_BLOCKED")
    assert [await state(api, name) for name in ("open", "new")] == ["created", None]
    await check_books(world)


async def test_blocks_and_orders_at_once_leave_no_order_of_a_blocked_user(
    api: Api, alice: users.User, offer: catalogue.Collection
) -> None:
    """Whatever comes first: an order that was made was made before the block."""
    world = api.world

    async def buy_one() -> Order:
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            name, ttl = uuid.uuid4().hex, dt.timedelta(hours=1)
            await orders.create(tx, books, user_id=alice.id, collection_id=offer.id, external_id=name, ttl=ttl)
            return await orders.notify_paid(tx, books, external_id=name, user_id=alice.id)

    bought = [asyncio.create_task(buy_one()) for _ in range(8)]
    await asyncio.sleep(0.02)
    await block(world)
    with pytest.raises(users.UserBlockedError):
        await buy_one()
    done = await asyncio.gather(*bought, return_exceptions=True)
    made = [order for order in done if isinstance(order, Order)]
    assert {type(refused) for refused in done} <= {Order, users.UserBlockedError}
    async with db.snapshot(world.pool) as tx:
        assert len(await miners.of_user(tx, world.partner.id, alice.id, limit=99)) == len(made)
    await check_books(world)


# Commands


async def run(dsn: str, *words: str) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    environment = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
    return await asyncio.to_thread(CliRunner().invoke, main.app, ["user", *words], env=environment)


def logged(made: Result, event: str) -> dict[str, object]:
    """The one line of a command's log that tells this; it tells who acts as well."""
    (line,) = [line for line in map(json.loads, made.stderr.splitlines()) if line["event"] == event]
    found: dict[str, object] = line
    return found


async def test_the_operator_blocks_and_unblocks(world: World, dsn: str) -> None:
    alice, name = await world.user("alice"), world.partner.name
    made = await run(dsn, "block", "alice", "--partner", name, "--reason", "case 88")
    assert (made.exit_code, made.stdout) == (0, "alice is blocked.\n")
    line = logged(made, "user blocked")
    assert {key: line[key] for key in ("event", "partner_id", "user_id", "reason")} == {
        "event": "user blocked",
        "partner_id": world.partner.id,
        "user_id": alice.id,
        "reason": "case 88",
    }
    shown = json.loads((await run(dsn, "show", "alice", "--partner", name, "--json")).stdout)
    assert (shown["id"], shown["partnerUserId"], shown["email"]) == (alice.id, "alice", None)
    assert shown["createdAt"] == clock.iso(alice.created_at)
    assert shown["blockedAt"].endswith("Z")
    assert shown["blockedAt"][:10] in (await run(dsn, "show", "alice", "--partner", name)).stdout
    made = await run(dsn, "unblock", "alice", "--partner", name)
    assert (made.exit_code, made.stdout) == (0, "alice is not blocked.\n")
    assert logged(made, "user unblocked")["user_id"] == alice.id
    assert json.loads((await run(dsn, "show", "alice", "--partner", name, "--json")).stdout)["blockedAt"] is None


@pytest.mark.parametrize("verb", ["block", "unblock", "show"])
async def test_nobody_is_blocked_by_mistake(world: World, dsn: str, verb: str) -> None:
    made = await run(dsn, verb, "nobody", "--partner", world.partner.name)
    assert made.exit_code == 1
    assert made.stderr.startswith("USER_NOT_FOUND: ")
    made = await run(dsn, verb, "nobody", "--partner", "nobody")
    assert made.exit_code == 1
    assert made.stderr.startswith("PARTNER_NOT_FOUND: ")
