"""Older copies of the books: what a deployment has that was restored from a backup, beside what has happened since."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from hashrail import db
from hashrail.custody.withdrawals import Withdrawal
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Operator
from tests.support import databases, paying
from tests.support.world import World


@dataclass
class Copies:
    """The books, a copy that was taken at some moment, and a deployment for each, on the same wallet."""

    now: World
    older: World
    deployment: Deployment
    restored: Deployment


@asynccontextmanager
async def copied(server: str, dsn: str, world: World, deployment: Deployment) -> AsyncIterator[Copies]:
    """Copy the books as they are, which nobody may be connected to; both are open from then on."""
    await world.pool.close()
    async with AsyncExitStack() as ends:
        copy = ends.enter_context(databases.copy_of(server, dsn))
        pools = [await db.open_pool(each, 4) for each in (dsn, copy)]
        for pool in pools:
            ends.push_async_callback(pool.close)
        now, older = (replace(world, pool=pool) for pool in pools)
        yield Copies(now, older, replace(deployment, pool=now.pool), replace(deployment, pool=older.pool))


async def record(
    copies: Copies,
    operator: Operator,
    txid: str,
    *made: Withdrawal,
    unpaid: Sequence[Withdrawal] = (),
) -> int:
    """An operator says in the older copy what the chain has paid, and what it has not; answers the batch."""
    paid, besides = ([(copies.older.partner.id, one.id) for one in part] for part in (made, unpaid))
    return (await paying.recorded(copies.restored, operator, txid, paid, unpaid=besides)).id
