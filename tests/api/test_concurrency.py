"""What happens at once: one effect of many requests, limits that cannot be passed, books that hold in every race.

`HASHRAIL_EXAMPLES=50 pytest tests/api/test_concurrency.py` makes more rounds of the race.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account
from hashrail.parties import users
from hashrail.rewards import closing, discounts, settling, stints
from hashrail.selling import billing, capacity, miners, orders
from tests.support.api_client import (
    Api,
    an_offer,
    answered,
    buy,
    check_books,
    exact,
    gather_all,
    open_api,
)
from tests.support.earlier import A_MOMENT, moved
from tests.support.world import World

ROUNDS = int(os.environ.get("HASHRAIL_EXAMPLES") or 2)
FIFTY = range(50)


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """Unpaid orders may hold all of the capacity, so that nothing bounds them before the cap does."""
    return {"open_orders_share": Decimal(1)}


async def count(api: Api, table: str, where: str = "true") -> int:
    """Rows of the partner's, since the API shows the present: of what was written twice it shows the last."""
    query = f"SELECT count(*) FROM {table} WHERE partner_id = $1 AND {where}"
    number: int = await api.world.pool.fetchval(query, api.world.partner.id)
    return number


def outcomes(responses: list[httpx.Response]) -> Counter[str]:
    """How often each answer came: ok, or the code of a refusal."""
    return Counter("ok" if r.status_code == 200 else exact(r)["error"] for r in responses)


# One effect


async def test_fifty_creates_and_fifty_notices_of_one_order(api: Api) -> None:
    """Each signed by itself, so that the order alone keeps them apart."""
    user, offer, now = await api.world.user(), await an_offer(api.world), clock.wall_millis()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    creates = [api.server.call("s2s_payment_create", at=now - n, **facts) for n in FIFTY]
    answers = await gather_all(*creates)
    assert {response.content for response in answers} == {b'{"data":{"value":216.99,"externalId":"one"}}'}
    assert (await count(api, "purchase"), await count(api, "transfer", "state = 'pending'")) == (1, 1)
    paid = {"externalId": "one", "userId": user.id}
    answers = await gather_all(*(api.server.call("s2s_payment_success", at=now - n, **paid) for n in FIFTY))
    assert {response.content for response in answers} == {b'{"data":true}'}
    assert (await count(api, "miner"), await count(api, "stint")) == (1, 1)
    assert (await count(api, "transfer"), await count(api, "transfer", "state = 'posted'")) == (1, 1)
    async with db.transaction(api.world.pool) as tx:
        assert await billing.receivable(tx, api.world.partner.id) == billing.Receivable(
            Decimal("216.99"), Decimal(0), Decimal(100_000)
        )
    await check_books(api.world)


async def test_creates_and_notices_mixed(api: Api) -> None:
    """A notice that overtakes its order is told so; whatever comes after is issued once."""
    user, offer, now = await api.world.user(), await an_offer(api.world), clock.wall_millis()
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    calls = []
    for number in FIFTY:
        calls.append(api.server.call("s2s_payment_create", at=now - number, **facts))
        calls.append(api.server.call("s2s_payment_success", at=now - number, externalId="one", userId=user.id))
    found = outcomes(await gather_all(*calls))
    assert set(found) <= {"ok", "ORDER_NOT_FOUND"}
    assert answered(await api.server.call("s2s_payment_success", externalId="one", userId=user.id)) is True
    assert (await count(api, "purchase"), await count(api, "miner"), await count(api, "transfer")) == (1, 1, 1)
    await check_books(api.world)


async def test_fifty_registrations_of_one_user(api: Api) -> None:
    now = clock.wall_millis()
    calls = [api.server.call("s2s_login", at=now - number, partnerUserId="alice") for number in FIFTY]
    assert len({answered(response)["userId"] for response in await gather_all(*calls)}) == 1
    assert (await count(api, "app_user"), await count(api, "account", "user_id IS NOT NULL")) == (1, 2)


async def test_fifty_settlements_pay_once(world: World) -> None:
    user = await world.user()
    await buy(world, user.id)
    for _ in range(3):
        await world.mine()
    async with db.transaction(world.pool) as tx:
        income = await settling.unsettled(tx, world.partner.id, user.id)
    moved = await asyncio.gather(*(world.settle(user.id) for _ in FIFTY))
    assert income > 0
    assert sorted(moved) == [*[0] * 49, income]
    async with db.transaction(world.pool) as tx:
        btc, _ = await ledger.balances_of_user(tx, world.partner.id, user.id)
        assert (btc.spendable, btc.credits_posted) == (income, income)
        assert await ledger.balance(tx, world.partner.id, Account.INCOME_CONTROL) == 0
    await check_books(world)


# Limits


async def test_orders_at_once_cannot_pass_the_credit_limit(deployment: Api) -> None:
    api = await deployment.another_partner(credit_limit_usd=str(10 * Decimal("216.99") + 200))
    user, offer, now = await api.world.user(), await an_offer(api.world), clock.wall_millis()
    facts = {"userId": user.id, "nftCollectionId": offer.id}
    calls = [api.server.call("s2s_payment_create", at=now - n, externalId=f"{n}", **facts) for n in FIFTY]
    assert outcomes(await gather_all(*calls)) == {"ok": 10, "CREDIT_LIMIT_EXCEEDED": 40}
    async with db.transaction(api.world.pool) as tx:
        assert (await billing.receivable(tx, api.world.partner.id)).reserved == Decimal("2169.9")
    await check_books(api.world)


async def test_orders_at_once_cannot_pass_the_capacity(deployment: Api) -> None:
    """The cap is everybody's: two partners sell into it at the same time."""
    first, second = await deployment.another_partner(), await deployment.another_partner()
    async with db.transaction(deployment.world.pool) as tx:
        cap = await capacity.committed_th(tx) + 10 * 16 + 15
        await capacity.set_capacity(tx, cap)
    try:
        now, calls = clock.wall_millis(), []
        for api in (first, second):
            user, offer = await api.world.user(), await an_offer(api.world)
            facts = {"userId": user.id, "nftCollectionId": offer.id}
            calls += [api.server.call("s2s_payment_create", at=now - n, externalId=f"{n}", **facts) for n in range(25)]
        assert outcomes(await gather_all(*calls)) == {"ok": 10, "CAPACITY_EXCEEDED": 40}
        async with db.transaction(deployment.world.pool) as tx:
            assert await capacity.committed_th(tx) == cap - 15
    finally:
        async with db.transaction(deployment.world.pool) as tx:
            await capacity.set_capacity(tx, None)
    await check_books(deployment.world)


async def test_with_a_cap_promises_are_made_one_at_a_time(world: World) -> None:
    """Two partners' promises cannot see each other before they are committed: the second waits for the first."""
    other = await world.another_partner("other")
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, Decimal(20))
    async with db.transaction(world.pool) as first:
        await capacity.commit_capacity(first, world.partner.id, Decimal(16))
        with pytest.raises(db.BusyError):
            await promise_at_once(other)
    with pytest.raises(capacity.CapacityExceededError):
        await promise_at_once(other)


async def test_a_cap_is_set_between_promises(world: World) -> None:
    """Who sets it waits for those who saw none, and who promises meanwhile waits for it and sees it."""
    async with db.transaction(world.pool) as first:
        await capacity.commit_capacity(first, world.partner.id, Decimal(16))
        with pytest.raises(db.BusyError):
            await cap_at_once(world, Decimal(20))
    async with db.transaction(world.pool) as first:
        await capacity.set_capacity(first, Decimal(20))
        with pytest.raises(db.BusyError):
            await promise_at_once(world)
    with pytest.raises(capacity.CapacityExceededError):
        await promise_at_once(world)


async def cap_at_once(world: World, cap_th: Decimal) -> None:
    async with db.transaction(world.pool) as tx:
        await tx.execute("SET LOCAL lock_timeout = '50ms'")
        await capacity.set_capacity(tx, cap_th)


async def promise_at_once(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        await tx.execute("SET LOCAL lock_timeout = '50ms'")
        await capacity.commit_capacity(tx, world.partner.id, Decimal(16))


# Races with the days


class Race:
    """Several users of two partners who buy, give, settle and join programmes while days close and the clock jumps."""

    def __init__(self, apis: list[Api], user_ids: dict[int, list[int]], programme: int, seed: int) -> None:
        self.apis = apis
        self.user_ids = user_ids
        self.programme = programme
        self.draw = random.Random(seed)
        self.asked = self.bought = 0

    def users_of(self, api: Api) -> list[int]:
        return self.user_ids[api.world.partner.id]

    async def purchase(self, api: Api) -> None:
        """Through the API: create, notify, and each a second time."""
        user_id, self.asked = self.draw.choice(self.users_of(api)), self.asked + 1
        external_id = f"race {self.asked}"
        offer = await an_offer(api.world, self.draw.choice(("1", "2", "4")), self.draw.choice(("15", "12")))
        facts = {"userId": user_id, "nftCollectionId": offer.id, "externalId": external_id}
        now = clock.wall_millis()
        creates = [api.server.call("s2s_payment_create", at=now - n, **facts) for n in range(2)]
        assert outcomes(await gather_all(*creates)) == {"ok": 2}
        paid, now = {"userId": user_id, "externalId": external_id}, clock.wall_millis()
        notices = [api.server.call("s2s_payment_success", at=now - n, **paid) for n in range(2)]
        told = outcomes(await gather_all(*notices))
        # When the clock jumps for days between the two, the payment is told too late.
        assert told.keys() <= {"ok", "ORDER_EXPIRED"}
        self.bought += "ok" in told

    async def transfer(self, api: Api) -> None:
        """A miner goes to another user of the partner, if nobody else has given it away meanwhile."""
        seller, buyer = self.draw.sample(self.users_of(api), 2)
        async with db.transaction(api.world.pool) as tx:
            books = await fence.share(tx, api.world.partner.id)
            owned = await miners.of_user(tx, books.partner_id, seller, limit=20, offset=0)
            if owned:
                miner_id = self.draw.choice(owned).id
                try:
                    await miners.give(tx, books.partner_id, miner_id, from_user=seller, to_user=buyer)
                except miners.MinerNotFoundError:
                    return
                await stints.sync_stints(tx, books, [seller, buyer], miner_ids=[miner_id])

    async def settle(self, api: Api) -> None:
        await api.world.settle(self.draw.choice(self.users_of(api)))

    async def join(self, api: Api) -> None:
        """A user enters or leaves the programme."""
        user_id, member = self.draw.choice(self.users_of(api)), self.draw.random() < 0.5
        async with db.transaction(api.world.pool) as tx:
            books = await fence.share(tx, api.world.partner.id)
            if await discounts.set_membership(tx, books.partner_id, user_id, self.programme, member=member):
                await stints.sync_stints(tx, books, [user_id])

    async def fraction(self, api: Api) -> None:
        """The programme gives something else from the day after the newest published one."""
        async with db.transaction(api.world.pool) as tx:
            through = await tx.fetchval("SELECT published_through FROM publication FOR SHARE")
            fraction = Decimal(self.draw.randrange(0, 2000)).scaleb(-4)
            from_day = through + self.draw.randrange(1, 4) * clock.ONE_DAY
            await discounts.set_fraction(tx, self.programme, from_day=from_day, fraction=fraction)

    async def close(self, api: Api) -> None:
        await closing.close_due(api.world.pool)

    async def advance(self, api: Api, days: int) -> None:
        data = answered(await api.server.call("sandbox_advance", days=days))
        assert data["closedThrough"] is not None

    async def read(self, api: Api) -> None:
        """Every reader sees one moment: what is listed adds up to the total."""
        name = await api.world.pool.fetchval(
            "SELECT partner_user_id FROM app_user WHERE id = $1", self.draw.choice(self.users_of(api))
        )
        client = await api.user(name)
        total = answered(await client.call("c2s_income_total"))
        assert sum(row["totalValue"] for row in total["array"]) == total["totalIncome"]

    def actions(self) -> list[Awaitable[None]]:
        kinds = (self.purchase, self.transfer, self.settle, self.join, self.fraction, self.close, self.read)
        weights = (3, 4, 4, 3, 2, 2, 1)
        chosen = self.draw.choices(kinds, weights, k=24)
        return [kind(self.draw.choice(self.apis)) for kind in chosen]


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_races_with_closes_and_a_jump_of_ninety_days(world: World, dsn: str, seed: int) -> None:
    await world.mine()
    async with open_api(world, dsn) as api:
        other = await api.another_partner()
        user_ids = {}
        for one in (api, other):
            people = [await one.world.user(name) for name in ("alice", "bob", "carol")]
            user_ids[one.world.partner.id] = [user.id for user in people]
            for user in people:
                await buy(one.world, user.id, "4")
        async with db.transaction(world.pool) as tx:
            programme = await discounts.create_programme(tx, "mining mode")
        race = Race([api, other], user_ids, programme, seed)
        await asyncio.gather(*race.actions(), race.advance(api, 1))
        assert race.bought == race.asked, "a payment may be told a day late"
        await check_books(world)
        await asyncio.gather(*race.actions(), race.advance(api, 2), race.advance(other, 2))
        await check_books(world)
        jump = asyncio.create_task(race.advance(api, 90))
        while not jump.done():
            await asyncio.gather(*race.actions())
        await jump
        await check_books(world)
        closed = await world.pool.fetch("SELECT DISTINCT closed_through FROM partner_day")
        published = await world.pool.fetchval("SELECT published_through FROM publication")
        assert [row["closed_through"] for row in closed] == [published]
        assert published >= clock.day_of(world.partner.created_at) + 94 * clock.ONE_DAY
        assert await world.pool.fetchval("SELECT count(*) FROM miner") >= 6 + race.bought


async def test_expiry_races_late_notices(api: Api) -> None:
    """Orders expire in the worker while the partner says that they are paid: each is issued once."""
    user, offer = await api.world.user(), await an_offer(api.world, "1")
    facts = {"userId": user.id, "nftCollectionId": offer.id}
    for number in range(10):
        answered(await api.server.call("s2s_payment_create", **facts, externalId=f"{number}"))
    await api.world.pool.execute(
        f"UPDATE purchase SET {moved('expires_at', A_MOMENT, of='created_at')} WHERE partner_id = $1",
        api.world.partner.id,
    )

    async def expire() -> None:
        async with db.transaction(api.world.pool) as tx:
            await orders.expire_due(tx, api.world.partner.id, at_most=3)

    now = clock.wall_millis()
    notices = [
        api.server.call("s2s_payment_success", at=now - n, userId=user.id, externalId=f"{n % 10}") for n in range(20)
    ]
    answers = await asyncio.gather(*notices, *(expire() for _ in range(5)))
    assert {response.content for response in answers[:20] if response} == {b'{"data":true}'}
    assert await count(api, "miner") == await count(api, "purchase", "state = 'issued'") == 10
    async with db.transaction(api.world.pool) as tx:
        assert (await billing.receivable(tx, api.world.partner.id)).reserved == 0
    await check_books(api.world)


async def test_writing_a_user_s_rows_does_not_keep_others_from_locking_him(world: World) -> None:
    """Two orders of one user have each made a miner: a lock that waits for the other's foreign key would never come."""
    user = await world.user()
    facts = {"user_id": user.id, "name": "miner", "power": Decimal(1), "energy_efficiency": Decimal(20)}
    async with db.transaction(world.pool) as first, db.transaction(world.pool) as second:
        for tx in (first, second):
            await miners.create(tx, world.partner.id, at=clock.wall_now(), **facts)
            # Told to the server that has the partner's rows, where that is another one.
            await tx.execute("SET LOCAL citus.propagate_set_commands = 'local'; SET LOCAL lock_timeout = '500ms'")
        assert list(await users.lock(first, world.partner.id, [user.id])) == [user.id]
        with pytest.raises(asyncpg.LockNotAvailableError):
            await users.lock(second, world.partner.id, [user.id])
        await second.execute("ROLLBACK")
        await second.execute("BEGIN")


async def wait_for_the_fence(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        await tx.execute("SET LOCAL lock_timeout = '50ms'")
        await fence.share(tx, world.partner.id)


async def test_a_lock_that_is_not_given_is_no_fault(world: World) -> None:
    """Somebody holds the partner's fence for too long: whoever waits is told to come again."""
    async with db.transaction(world.pool) as holder:
        await fence.hold(holder, [world.partner.id])
        with pytest.raises(db.BusyError):
            await wait_for_the_fence(world)
    assert (db.BusyError.status, db.BusyError.code) == (503, "BUSY")
