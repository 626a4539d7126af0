"""Addresses that came to be bound together are answered and written exactly as each by itself.

`HASHRAIL_EXAMPLES=50 pytest tests/integration/custody/test_gathered_wallets.py` compares more of them.
"""

import datetime as dt
import os
import random
from collections import Counter
from collections.abc import Sequence

from hashrail import db
from hashrail.books import fence
from hashrail.custody import bound_wallets, gathered_wallets
from hashrail.custody.gathered_wallets import Wish
from hashrail.errors import HashrailError
from hashrail.parties import users
from tests.support.books import advance, newcomer
from tests.support.patience import within
from tests.support.payouts import ADDRESSES, BINDING, MAIN_ADDRESS
from tests.support.world import World

EXAMPLES = int(os.environ.get("HASHRAIL_EXAMPLES") or 4)
USERS = ("ann", "bob", "cid", "dan")


async def a_partner(world: World) -> World:
    """A further partner with the same users."""
    here = await newcomer(world)
    for name in USERS:
        await here.user(name)
    return here


async def alone(world: World, wish: Wish) -> object:
    """What one is answered by itself: whether it was new, or the code of a refusal."""
    try:
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            user = await users.lock_named(tx, world.partner.id, wish.partner_user_id)
            return await bound_wallets.bind(tx, books, BINDING, user_id=user.id, address=wish.address, locked=user)
    except HashrailError as refusal:
        return refusal.code


async def together(world: World, wishes: Sequence[Wish]) -> list[bool | None]:
    """What several are answered."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await gathered_wallets.bind(tx, books, BINDING, wishes)


async def change(world: World, chance: random.Random) -> None:
    """What happens between requests: somebody is blocked or not any more, or takes an address off."""
    name, address = chance.choice(USERS), chance.choice(ADDRESSES)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        match chance.randrange(3):
            case 0:
                await users.block(tx, world.partner.id, name)
            case 1:
                await users.unblock(tx, world.partner.id, name)
            case _:
                await bound_wallets.take_off(tx, books, await users.find(tx, world.partner.id, name), address)


async def rows(world: World) -> list[str]:
    """Everything that was written for the partner, by names."""
    queries = (
        """SELECT 'bound', u.partner_user_id, w.address, w.usable_at - w.created_at FROM wallet w
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id WHERE w.partner_id = $1""",
        """SELECT 'unbound', u.partner_user_id, w.address, w.usable_at - w.bound_at FROM wallet_unbound w
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id WHERE w.partner_id = $1""",
        """SELECT 'noted', j.kind, j.what::jsonb - 'partner' - 'partnerPublicId',
                  j.what::jsonb ->> 'partnerPublicId' = (SELECT public_id FROM partner WHERE id = $1)
           FROM journal_entry j WHERE (j.what::jsonb ->> 'partner')::bigint = $1""",
        """SELECT 'told', d.type, d.version, d.data::jsonb - 'userId' - 'usableAt',
                  d.data::jsonb ->> 'usableAt' IS NULL, d.object_id = d.data::jsonb ->> 'userId'
           FROM event_draft d WHERE d.partner_id = $1""",
    )
    found = []
    for query in queries:
        found += [str(tuple(row.values())) for row in await world.pool.fetch(query, world.partner.id)]
    return sorted(found)


def some_wishes(chance: random.Random) -> list[Wish]:
    """Up to a dozen, many of the same users and addresses, some of nobody or of what is none."""
    names = [*USERS * 4, "nobody"]
    addresses = [*ADDRESSES * 4, ADDRESSES[0].upper(), MAIN_ADDRESS, "nonsense"]
    return [Wish(chance.choice(names), chance.choice(addresses)) for _ in range(chance.randint(1, 12))]


async def test_gathered_addresses_are_as_single_ones(shop: World) -> None:
    """The same requests and changes of two partners, one of whose go each by itself: answers and rows agree."""
    seen: Counter[object] = Counter()
    for seed in range(EXAMPLES):
        chance = random.Random(seed)
        one, other = [await a_partner(shop) for _ in range(2)]
        for _ in range(8):
            wishes = some_wishes(chance)
            made = await together(other, wishes)
            # What is left alone goes afterwards, so the single ones go in that order too.
            order = sorted(range(len(wishes)), key=lambda number: made[number] is None)
            for number in order:
                left = made[number] is None
                outcome = await alone(other, wishes[number]) if left else made[number]
                assert outcome == await alone(one, wishes[number]), (seed, wishes[number])
                seen[outcome, left] += 1
            state = chance.getstate()
            await change(one, chance)
            chance.setstate(state)
            await change(other, chance)
            await advance(shop, dt.timedelta(minutes=chance.choice((0, 20, 25 * 60))))
        assert await rows(one) == await rows(other), seed
    assert seen[True, False], "some are bound together"
    assert seen[False, False], "some were bound before"


async def test_who_is_held_by_somebody_else_is_left_alone(shop: World) -> None:
    """Nobody waits for one user among others."""
    here = await a_partner(shop)
    async with db.transaction(shop.pool) as holding:
        await users.lock_named(holding, here.partner.id, "ann")
        found = await within(together(here, [Wish("ann", ADDRESSES[0]), Wish("bob", ADDRESSES[0])]))
    assert found == [None, True]


async def test_several_addresses_of_a_user_follow_one_another(shop: World) -> None:
    """The second one waits, one that was just bound is bound, and there are no more than a user may have."""
    here = await a_partner(shop)
    wishes = [Wish("ann", address) for address in (*ADDRESSES[:3], ADDRESSES[0], ADDRESSES[3])]
    assert await together(here, wishes) == [True, True, True, False, None]
    user = await users.find(shop.pool, here.partner.id, "ann")
    bound = await bound_wallets.of_user(shop.pool, here.partner.id, user.id, limit=10)
    assert [one.address for one in bound] == [*ADDRESSES[:3]]
    waits = [one.usable_at and one.usable_at - one.created_at for one in bound]
    assert waits == [None, BINDING.cooldown, BINDING.cooldown]
