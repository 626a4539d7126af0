"""Orders that came together are answered and written exactly as each by itself.

`HASHRAIL_EXAMPLES=50 pytest tests/integration/selling/test_gathered_orders.py` compares more of them.
"""

import asyncio
import datetime as dt
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.errors import HashrailError
from hashrail.parties import users
from hashrail.selling import capacity, gathered_orders, orders
from hashrail.selling.gathered_orders import Notice, Wish
from hashrail.selling.orders import Order
from tests.support.books import HOUR, advance, broken, buy, cancel, deployment, newcomer, notify, offer, order, pay
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.world import World

EXAMPLES = int(os.environ.get("HASHRAIL_EXAMPLES") or 2)
NOBODY = 10**9
Request: TypeAlias = Wish | Notice


@dataclass
class Shop:
    """A partner of a deployment, its users by name, and offers by TH."""

    world: World
    users: dict[str, int] = field(default_factory=dict)
    offers: list[int] = field(default_factory=list)

    @classmethod
    async def open(cls, world: World, credit_limit_usd: str) -> "Shop":
        """With four users, one of whom owns what brings a level near."""
        shop = cls(await newcomer(world, credit_limit_usd))
        for name in ("ann", "bob", "cid", "dan"):
            shop.users[name] = (await shop.world.user(name)).id
        shop.offers = [await offer(world, power) for power in ("1", "2", "4", "16")]
        await buy(shop.world, shop.users["ann"], "8", "had")
        return shop

    async def alone(self, request: Request) -> object:
        """What one request is answered by itself: its order, or the code of a refusal."""
        try:
            if isinstance(request, Wish):
                made = await order(self.world, request.user_id, request.external_id, request.collection_id)
            else:
                made = await notify(self.world, request.user_id, request.external_id)
        except HashrailError as refusal:
            return refusal.code
        return self.told(made)

    async def together(self, requests: Sequence[Wish] | Sequence[Notice]) -> list[object]:
        """What several are answered that came together; those that are left alone go by themselves afterwards."""
        made: Sequence[Order | None] = [None] * len(requests)
        try:
            async with db.transaction(self.world.pool) as tx:
                books = await fence.share(tx, self.world.partner.id)
                wishes = [one for one in requests if isinstance(one, Wish)]
                notices = [one for one in requests if isinstance(one, Notice)]
                if wishes:
                    made = await gathered_orders.create(tx, books, wishes, ttl=HOUR)
                else:
                    made = await gathered_orders.notify_paid(tx, books, notices)
        except HashrailError:
            """None of them is written."""
        return [
            await self.alone(request) if one is None else self.told(one)
            for request, one in zip(requests, made, strict=True)
        ]

    def told(self, one: Order) -> object:
        """What there is to know of an order, without numbers and times of its own."""
        named = {number: name for name, number in self.users.items()}
        place = self.offers.index(one.collection_id)
        lives = one.expires_at - one.created_at
        return (
            one.external_id,
            named[one.user_id],
            place,
            one.state,
            one.attempt,
            one.value_usd,
            lives,
            bool(one.paid_at),
        )

    async def rows(self) -> list[str]:
        """Everything that was written for the partner, by names."""
        queries = (
            """SELECT 'order', o.external_id, u.partner_user_id, o.state, o.attempt, o.value_usd, m.power, m.name
               FROM purchase o JOIN app_user u USING (partner_id)
               LEFT JOIN miner m ON m.partner_id = $1 AND m.id = o.miner_id AND m.user_id = o.user_id
               WHERE o.partner_id = $1 AND u.id = o.user_id""",
            """SELECT 'money', o.external_id, t.leg, t.state, t.amount, t.posted_seq IS NULL, t.resolved_at IS NULL
               FROM transfer t JOIN purchase o ON o.partner_id = $1 AND o.id = t.object_id
               WHERE t.partner_id = $1 AND t.kind = 'purchase'""",
            """SELECT 'stint', u.partner_user_id, s.power, s.from_day, s.to_day, c.energy_efficiency, c.level_discount
               FROM stint s JOIN rate_class c ON c.id = s.class_id JOIN app_user u USING (partner_id)
               WHERE s.partner_id = $1 AND u.id = s.user_id""",
            """SELECT 'class', d.day, d.power, c.energy_efficiency, c.level_discount
               FROM class_power_delta d JOIN rate_class c ON c.id = d.class_id
               WHERE d.partner_id = $1 AND d.power <> 0""",
            """SELECT 'account', a.id, a.debits_posted, a.debits_pending, a.credits_posted FROM account a
               WHERE a.partner_id = $1 AND a.user_id IS NULL""",
            "SELECT 'user', u.partner_user_id, u.level_discount FROM app_user u WHERE u.partner_id = $1",
            "SELECT 'capacity', c.committed_th FROM partner_capacity c WHERE c.partner_id = $1",
            # Of levels that change within a moment only the last one is told.
            """SELECT 'event', e.type, e.data::jsonb - 'nftId' - 'userId' - 'nftCollectionId' FROM event_draft e
               WHERE e.partner_id = $1 AND e.type <> 'user.changed'""",
        )
        found = []
        for query in queries:
            found += [str(tuple(row.values())) for row in await self.world.pool.fetch(query, self.world.partner.id)]
        return sorted(found)

    async def set_blocked(self, name: str, *, blocked: bool) -> None:
        """Block a user, or let them write again."""
        async with db.transaction(self.world.pool) as tx:
            if blocked:
                await users.block(tx, self.world.partner.id, name)
            else:
                await users.unblock(tx, self.world.partner.id, name)


def some_requests(chance: random.Random, shop: Shop) -> list[Wish] | list[Notice]:
    """Up to a dozen of one kind, many under the same few ids, some about nobody and nothing."""
    number = chance.randint(2, 12)
    names = [f"o-{chance.randint(1, 14)}" for _ in range(number)]
    whose = [chance.choice([*shop.users.values()] * 4 + [NOBODY]) for _ in range(number)]
    if chance.random() < 0.5:
        sold = [chance.choice(shop.offers * 4 + [NOBODY]) for _ in range(number)]
        return [Wish(*facts) for facts in zip(whose, sold, names, strict=True)]
    return [Notice(*facts) for facts in zip(names, whose, strict=True)]


def some_change(chance: random.Random) -> Callable[[Shop], Awaitable[object]]:
    """What happens between requests."""
    name, blocked = chance.choice(("ann", "bob")), chance.random() < 0.5
    external_id, step = f"o-{chance.randint(1, 14)}", dt.timedelta(minutes=chance.choice((0, 20, 70, 25 * 60)))

    async def take_back(shop: Shop) -> None:
        try:
            await cancel(shop.world, external_id)
        except HashrailError:
            """There is none, or it is issued."""

    async def pass_time(shop: Shop) -> None:
        await advance(shop.world, step)

    return chance.choice(
        (
            take_back,
            pass_time,
            lambda shop: shop.set_blocked(name, blocked=blocked),
            lambda shop: pay(shop.world, "60", external_id),
        )
    )


@pytest.mark.parametrize("cap_th", [None, 60])
async def test_gathered_orders_are_as_single_ones(server: str, template: str, cap_th: int | None) -> None:
    """The same requests and changes in two deployments, in one of them each by itself: answers and rows agree."""
    async with deployment(server, template) as one, deployment(server, template) as other:
        for seed in range(EXAMPLES):
            chance = random.Random(seed)
            shops = [await Shop.open(world, "350") for world in (one, other)]
            for shop in shops:
                async with db.transaction(shop.world.pool) as tx:
                    promised = await capacity.committed_th(tx)
                    await capacity.set_capacity(tx, None if cap_th is None else promised + cap_th)
            for _ in range(10):
                state = chance.getstate()
                singly = [await shops[0].alone(request) for request in some_requests(chance, shops[0])]
                chance.setstate(state)
                assert await shops[1].together(some_requests(chance, shops[1])) == singly
                change = some_change(chance)
                for shop in shops:
                    await change(shop)
            assert await shops[1].rows() == await shops[0].rows(), seed
        assert await broken(other.pool) == {}


async def test_who_is_held_by_somebody_else_is_left_alone(shop: World) -> None:
    """Nobody waits for one user among others, and theirs is done later."""
    here = await Shop.open(shop, "1000")
    ann, bob = here.users["ann"], here.users["bob"]
    small = here.offers[0]
    for name, user_id in (("a", ann), ("b", bob)):
        await order(here.world, user_id, name, small)
    async with db.transaction(shop.pool) as holding:
        await users.lock(holding, here.world.partner.id, [ann])
        async with db.transaction(shop.pool) as tx:
            books = await fence.share(tx, here.world.partner.id)
            wishes = [Wish(ann, small, "c"), Wish(bob, small, "d")]
            made = await within(gathered_orders.create(tx, books, wishes, ttl=HOUR))
            paid = await within(gathered_orders.notify_paid(tx, books, [Notice("a", ann), Notice("b", bob)]))
    assert [one is None for one in made + paid] == [True, False, True, False]


async def test_what_is_not_plain_is_left_alone(shop: World) -> None:
    """Late orders, blocked users, twins, and whoever comes behind one whose answer depends on another's."""
    here = await Shop.open(shop, "1000")
    ann, bob, cid, _ = here.users.values()
    small = here.offers[0]
    await order(here.world, cid, "late", small)
    await advance(shop, 2 * HOUR)
    for name, user_id in (("a", ann), ("b", bob)):
        await order(here.world, user_id, name, small)
    await here.set_blocked("ann", blocked=True)
    async with db.transaction(shop.pool) as tx:
        books = await fence.share(tx, here.world.partner.id)
        paid = await gathered_orders.notify_paid(tx, books, [Notice("late", cid), Notice("a", ann), Notice("b", bob)])
        twins = [Wish(bob, small, "x"), Wish(bob, small, "x"), Wish(cid, small, "y")]
        made = await gathered_orders.create(tx, books, twins, ttl=HOUR)
        doubtful = [Wish(ann, small, "z"), Wish(bob, small, "z"), Wish(cid, small, "w")]
        left = await gathered_orders.create(tx, books, doubtful, ttl=HOUR)
    assert [one is None for one in paid] == [True, True, False]
    assert [one is None for one in made] == [False, True, False]
    assert [one is None for one in left] == [True] * 3


async def test_two_who_write_the_same_orders_do_not_wait_for_one_another(shop: World) -> None:
    """Whatever the order in which they came: a third one, whom both wait for, brings each to where it could."""
    here = await Shop.open(shop, "100000")
    ann, bob, cid, _ = here.users.values()
    small = here.offers[0]

    async def write(wishes: Sequence[Wish]) -> list[Order | None]:
        async with db.transaction(shop.pool) as tx:
            return await gathered_orders.create(tx, await fence.share(tx, here.world.partner.id), wishes, ttl=HOUR)

    async with db.transaction(shop.pool) as tx:
        books = await fence.share(tx, here.world.partner.id)
        await gathered_orders.create(tx, books, [Wish(cid, small, "2")], ttl=HOUR)
        mine = asyncio.create_task(write([Wish(ann, small, name) for name in "123"]))
        await until_blocked(shop.pool, mine)
        yours = asyncio.create_task(write([Wish(bob, small, name) for name in "321"]))
        await until_blocked(shop.pool, yours, count=2)
    one, other = await within(asyncio.gather(mine, yours))
    assert [each is None for each in one] == [False, True, False]
    assert other == [None] * 3


async def test_several_orders_ask_no_more_than_one(shop: World) -> None:
    """Statements of three orders of three users, where level and class are there already: each is a round trip."""
    here = await Shop.open(shop, "100000")
    buyers = [here.users[name] for name in ("bob", "cid", "dan")]
    asked: list[str] = []
    async with db.transaction(shop.pool) as tx:
        books = await fence.share(tx, here.world.partner.id)
        # The first time the connection asks what types there are.
        for round_number in range(2):
            names = [f"{round_number} {user_id}" for user_id in buyers]
            wishes = [Wish(user_id, here.offers[0], name) for user_id, name in zip(buyers, names, strict=True)]
            asked.clear()
            with tx.query_logger(lambda record: asked.append(record.query)):
                await gathered_orders.create(tx, books, wishes, ttl=HOUR)
                await asyncio.sleep(0)  # the last one is told a moment later
                created = len(asked)
                notices = [Notice(name, user_id) for user_id, name in zip(buyers, names, strict=True)]
                await gathered_orders.notify_paid(tx, books, notices)
                await asyncio.sleep(0)
    assert (created, len(asked) - created) == (7, 10)


async def test_levels_follow_several_orders_of_one_user(shop: World) -> None:
    """All of their miners get the level, and it is told once."""
    here = await Shop.open(shop, "100000")
    ann, partner_id = here.users["ann"], here.world.partner.id
    for name in ("a", "b", "c"):
        await order(here.world, ann, name, here.offers[3])
    async with db.transaction(shop.pool) as tx:
        books = await fence.share(tx, partner_id)
        paid = await gathered_orders.notify_paid(tx, books, [Notice(name, ann) for name in ("a", "b", "c")])
    assert [one is not None and one.state for one in paid] == ["issued"] * 3
    levels = await shop.pool.fetch(
        """SELECT DISTINCT c.level_discount = u.level_discount AS same, u.level_discount > 0 AS some
           FROM stint s JOIN rate_class c ON c.id = s.class_id
           JOIN app_user u ON u.partner_id = $1 AND u.id = s.user_id WHERE s.partner_id = $1""",
        partner_id,
    )
    assert [(row["same"], row["some"]) for row in levels] == [(True, True)]
    told = "SELECT count(*) FROM event_draft WHERE partner_id = $1 AND type = 'user.changed'"
    before = await shop.pool.fetchval(told, partner_id)
    await buy(here.world, ann, "1", "last")
    assert await shop.pool.fetchval(told, partner_id) == before
    assert await orders.open_ones(shop.pool, partner_id) == []
