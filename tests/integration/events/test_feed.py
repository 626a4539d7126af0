"""The feed: in the transaction of what happened, in order, and never late."""

import json

import pytest

from hashrail import business_clock, db
from hashrail.events import drafts, feed
from hashrail.events.feed import Told
from hashrail.events.types.users import UserCreated
from tests.support.books import offer, order
from tests.support.world import World


async def moved(world: World) -> list[Told]:
    """Everything that the partner is told by now."""
    async with db.transaction(world.pool) as tx:
        await feed.append_drafts(tx, world.partner.id)
    return await feed.read(world.pool, world.partner.id, after=0)


async def test_an_order_is_told_with_its_transaction(world: World) -> None:
    alice = await world.user("alice")
    collection = await offer(world)
    await order(world, alice.id, "one", collection)
    told = await moved(world)
    mine = [one for one in told if one.object_kind == "order"]
    assert [(one.type, one.object_id, one.sequence) for one in mine] == [("order.created", "one", 1)]
    assert json.loads(mine[0].data)["userId"] == alice.id
    assert [one.position for one in told] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_what_is_told_at_once_keeps_its_order(world: World, count: int) -> None:
    """One, two and more are statements of their own; all say the business time."""
    before = await moved(world)
    async with db.transaction(world.pool) as tx:
        since = await business_clock.now(tx)
        told = [UserCreated(user_id=number, partner_user_id=f"user {number}") for number in range(count)]
        await drafts.note(tx, world.partner.id, *told)
        until = await business_clock.now(tx)
    found = (await moved(world))[len(before) :]
    assert [(one.type, one.version, one.object_kind, one.object_id) for one in found] == [
        ("user.created", 1, "user", str(number)) for number in range(count)
    ]
    assert [json.loads(one.data)["partnerUserId"] for one in found] == [f"user {number}" for number in range(count)]
    assert len({one.name for one in found}) == count
    assert all(since <= one.occurred_at <= until for one in found)
