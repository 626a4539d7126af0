"""Partners that an operator has suspended, opened again or closed."""

from hashrail import db
from hashrail.parties import standings
from hashrail.parties.standings import Present
from hashrail.selling import partner_closing
from hashrail.selling.partner_closing import Closed
from tests.support.world import World


async def suspended(world: World) -> Present:
    async with db.transaction(world.pool) as tx:
        return await standings.suspend(tx, world.partner.id, reason="its key was stolen")


async def reopened(world: World) -> Present:
    async with db.transaction(world.pool) as tx:
        return await standings.reopen(tx, world.partner.id, reason="it has new keys")


async def closed(world: World) -> Closed:
    async with db.transaction(world.pool) as tx:
        return await partner_closing.close(tx, world.partner.id, reason="its contract has ended")
