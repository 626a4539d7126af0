"""The feed: in the transaction of what happened, in order, and never late."""

import json

from hashrail import db
from hashrail.events import feed
from hashrail.events.feed import Told
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
