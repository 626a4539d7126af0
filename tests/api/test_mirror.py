"""Lists of users and balances, and mirrors of them that ask only for what changed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.books import fence
from hashrail.errors import HashrailError
from hashrail.events import feed
from hashrail.parties import users
from hashrail.rewards import closing, rate_classes
from hashrail.selling import refunds
from tests.support.api_client import Api, answered, check_refused
from tests.support.books import buy, hand_over
from tests.support.payouts import asked, cancelled, earn, funded
from tests.support.world import World

LISTS = {
    "s2s_users": lambda row: row["id"],
    "s2s_every_balance": lambda row: row["id"],
    "s2s_payments": lambda row: row["externalId"],
}
NAMES = [f"user-{number}" for number in range(5)]


async def read(api: Api, operation: str, **fields: object) -> tuple[list[dict[str, Any]], int]:
    """(all pages of a list, the position of the first one)."""
    found: list[dict[str, Any]] = []
    position: int | None = None
    cursor: dict[str, str] = {}
    while True:
        page = answered(await api.server.call(operation, **fields, **cursor))
        found += page["array"]
        position = page["position"] if position is None else position
        if "nextCursor" not in page:
            return found, position
        cursor = {"cursor": page["nextCursor"]}


async def register(world: World, name: str, email: str | None = None) -> users.User:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await users.register(tx, books, partner_user_id=name, email=email)


async def set_blocked(world: World, name: str, blocked: bool) -> None:
    async with db.transaction(world.pool) as tx:
        await (users.block if blocked else users.unblock)(tx, world.partner.id, name)


# What a list has


async def test_a_list_of_users(api: Api) -> None:
    alice = await register(api.world, "alice", "alice@example.com")
    bob = await register(api.world, "bob")
    await buy(api.world, bob.id, "64")
    await set_blocked(api.world, "alice", True)
    blocked = await users.find(api.world.pool, api.world.partner.id, "alice")
    bob = await users.find(api.world.pool, api.world.partner.id, "bob")
    assert blocked.blocked_at is not None
    rows = [
        {
            "id": bob.id,
            "partnerUserId": "bob",
            "createdAt": clock.iso(bob.created_at),
            "email": None,
            "state": "active",
            "blockedAt": None,
            "levelDiscount": bob.level_discount,
        },
        {
            "id": alice.id,
            "partnerUserId": "alice",
            "createdAt": clock.iso(alice.created_at),
            "email": "alice@example.com",
            "state": "blocked",
            "blockedAt": clock.iso(blocked.blocked_at),
            "levelDiscount": Decimal(0),
        },
    ]
    assert bob.level_discount > 0
    found, _ = await read(api, "s2s_users", limit=1)
    assert found == rows
    for state, expected in (("active", rows[:1]), ("blocked", rows[1:])):
        assert (await read(api, "s2s_users", state=state))[0] == expected
    check_refused(await api.server.call("s2s_users", state="lost"), 400, "FIELD_OUT_OF_BOUNDS", "state")


async def test_a_list_of_balances_says_what_each_user_is_told(api: Api) -> None:
    """Unsettled income is in it, what is reserved is not, and what adjustments took makes nothing negative."""
    world = api.world
    found = [await register(world, name) for name in ("alice", "bob", "carol")]
    await funded(world, found[0].id, found[1].id)
    await asked(world, found[0].id, "0.05")
    await earn(world)
    await world.settle(found[1].id)
    rows, _ = await read(api, "s2s_every_balance", limit=2)
    assert [row["partnerUserId"] for row in rows] == ["carol", "carol", "bob", "bob", "alice", "alice"]
    for name in ("alice", "bob", "carol"):
        told = answered(await api.server.call("s2s_balances", partnerUserId=name))["array"]
        mine = {row["currency"]: row for row in rows if row["partnerUserId"] == name}
        assert {one["currency"] for one in told} == mine.keys()
        for one in told:
            row = mine[one["currency"]]
            assert row["id"] == one["id"]
            assert row["available"] == Decimal(one["valueNumericAtSyncDate"])
            assert row["reserved"] == Decimal(one["freezedValueNumericAtSyncDate"])
        assert (await read(api, "s2s_every_balance", partnerUserId=name))[0] == [
            row for row in rows if row["partnerUserId"] == name
        ]
    (alice,) = [row for row in rows if (row["partnerUserId"], row["currency"]) == ("alice", "BTC")]
    assert alice["reserved"] > 0
    assert alice["available"] > 0
    only, _ = await read(api, "s2s_every_balance", currency="GOMINING")
    assert only == [row for row in rows if row["currency"] == "GOMINING"]
    refused = await api.server.call("s2s_every_balance", currency="USD")
    check_refused(refused, 400, "FIELD_OUT_OF_BOUNDS", "currency")


# What changed


async def test_a_day_changes_the_bitcoin_of_who_earned(api: Api) -> None:
    """And an adjustment that of whoever had power on its day; other balances only where an event tells of them."""
    world = api.world
    alice, bob = await register(world, "alice"), await register(world, "bob")
    await register(world, "carol")

    async def changed(since: int) -> tuple[list[tuple[str, str]], int]:
        rows, position = await read(api, "s2s_every_balance", changedSince=since)
        return [(row["partnerUserId"], row["currency"]) for row in rows], position

    both = ("GOMINING", "BTC")
    everybody = [(name, currency) for name in ("carol", "bob", "alice") for currency in both]
    found, position = await changed(0)
    assert found == everybody
    assert await changed(position) == ([], position)
    await buy(world, alice.id, "16", "o-alice")
    await earn(world, "0")
    day = await earn(world)
    found, position = await changed(position)
    assert found == [("alice", "BTC")]
    await buy(world, bob.id, "16", "o-bob")
    await earn(world, "0")
    _, position = await changed(position)
    async with db.transaction(world.pool) as tx:
        values = {"pool_btc_per_th": Decimal("0.02")}
        await rate_classes.adjust(tx, day, reason="typed", at=clock.wall_now(), **values)
    assert (await changed(position))[0] == []
    await earn(world)
    found, position = await changed(position)
    assert found == [("bob", "BTC"), ("alice", "BTC")]
    held = await asked(world, alice.id, "0.05")
    found, position = await changed(position)
    assert found == [("alice", "BTC")]
    await cancelled(world, held.id)
    assert (await changed(position))[0] == [("alice", "BTC")]


async def test_a_refunded_order_has_changed(api: Api) -> None:
    user = await register(api.world, "alice")
    await buy(api.world, user.id, "16", "o-1")
    _, position = await read(api, "s2s_payments")
    async with db.transaction(api.world.pool) as tx:
        books = await fence.share(tx, api.world.partner.id)
        await refunds.refund(tx, books, await refunds.lock(tx, books, "o-1"), reason="charged back")
    (one,) = (await read(api, "s2s_payments", changedSince=position))[0]
    assert (one["externalId"], one["state"]) == ("o-1", "refunded")


async def test_from_far_back_everything_is_listed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than what changed, and nothing less."""
    for name in ("alice", "bob"):
        await register(api.world, name)
    _, position = await read(api, "s2s_users")
    await register(api.world, "bob", "bob@example.com")
    for most, names in ((1, ["bob"]), (0, ["bob", "alice"])):
        monkeypatch.setattr(feed, "MOST_BEHIND", most)
        rows, _ = await read(api, "s2s_users", changedSince=position)
        assert [row["partnerUserId"] for row in rows] == names


# Mirrors beside writers


class Mirror:
    """What a partner knows of a list that it reads with the position of the time before."""

    def __init__(self, api: Api, operation: str, limit: int) -> None:
        self.rows: dict[Any, dict[str, Any]] = {}
        self._api = api
        self._operation = operation
        self._limit = limit
        self._position: int | None = None

    async def sync(self) -> None:
        since = {} if self._position is None else {"changedSince": self._position}
        found, self._position = await read(self._api, self._operation, limit=self._limit, **since)
        # Of a row that comes twice the later one is the newer.
        self.rows |= {LISTS[self._operation](row): row for row in found}


async def acts(world: World, chance: random.Random, writer: int, count: int) -> AsyncIterator[None]:
    """What one of several writers does, refusals included."""
    miners: list[tuple[int | None, str]] = []
    held: list[int] = []
    for number in range(count):
        name = chance.choice(NAMES)
        act = chance.choice(["email", "block", "buy", "give", "ask", "cancel", "refund", "settle"])
        with suppress(HashrailError):
            user = await register(world, name, f"{writer}-{number}@example.com" if act == "email" else None)
            if act == "block":
                await set_blocked(world, name, user.blocked_at is None)
            elif act == "buy":
                bought = await buy(world, user.id, chance.choice(["1", "16", "64"]), f"o-{writer}-{number}")
                miners.append((bought.miner_id, name))
            elif act == "give" and miners:
                await hand_over(world, miners[0][0], miners[0][1], name)
            elif act == "ask":
                held.append((await asked(world, user.id, "0.011")).id)
            elif act == "cancel" and held:
                await cancelled(world, held.pop())
            elif act == "refund":
                await refund(world, f"o-{writer}-{chance.randrange(count)}")
            elif act == "settle":
                await world.settle(user.id)
        yield


async def refund(world: World, external_id: str) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await refunds.refund(tx, books, await refunds.lock(tx, books, external_id), reason="charged back")


async def write(world: World, chance: random.Random, writer: int) -> None:
    async for _ in acts(world, chance, writer, 12):
        pass


async def mine(world: World, days: int) -> None:
    """Days pass, and some of them are corrected."""
    for number in range(days):
        day = await earn(world, "0.01")
        if number % 2:
            async with db.transaction(world.pool) as tx:
                values = {"pool_btc_per_th": Decimal("0.009")}
                await rate_classes.adjust(tx, day, reason="typed", at=clock.wall_now(), **values)
    await closing.close_due(world.pool)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_mirror_is_a_full_read(api: Api, seed: int) -> None:
    """Whatever is written while it reads: nothing is missed, in pages of any size."""
    chance = random.Random(seed)
    mirrors = [Mirror(api, operation, chance.choice([1, 3, 50])) for operation in LISTS]
    writing = [asyncio.create_task(write(api.world, random.Random(f"{seed}{n}"), n)) for n in range(3)]
    writing.append(asyncio.create_task(mine(api.world, 4)))
    while not all(task.done() for task in writing):
        for mirror in mirrors:
            await mirror.sync()
    await asyncio.gather(*writing)
    for operation, mirror in zip(LISTS, mirrors, strict=True):
        await mirror.sync()
        whole, _ = await read(api, operation, limit=50)
        assert whole
        assert mirror.rows == {LISTS[operation](row): row for row in whole}
