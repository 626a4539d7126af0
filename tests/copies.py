"""Older copies of the books: what a deployment has that was restored from a backup, beside what has happened since."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import asyncpg

from hashrail import db, payout_exports
from hashrail.operators import Operator
from hashrail.payouts import Desk
from hashrail.withdrawals import Withdrawal
from tests.conftest import with_database
from tests.world import World


@dataclass
class Copies:
    """The books, a copy that was taken at some moment, and a desk for each, on the same wallet."""

    now: World
    older: World
    desk: Desk
    restored: Desk


@asynccontextmanager
async def copied(server: str, dsn: str, world: World, desk: Desk) -> AsyncIterator[Copies]:
    """Copy the books as they are, which nobody may be connected to; both are open from then on."""
    await world.pool.close()
    name = f"test_{uuid.uuid4().hex[:12]}"
    async with AsyncExitStack() as ends:
        connection = await asyncpg.connect(server)
        ends.push_async_callback(connection.close)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {urlsplit(dsn).path[1:]}")
        ends.push_async_callback(connection.execute, f"DROP DATABASE {name} WITH (FORCE)")
        pools = [await db.open_pool(each, 4) for each in (dsn, with_database(server, name))]
        for pool in pools:
            ends.push_async_callback(pool.close)
        now, older = (replace(world, pool=pool) for pool in pools)
        yield Copies(now, older, replace(desk, pool=now.pool), replace(desk, pool=older.pool))


async def record(
    copies: Copies,
    operator: Operator,
    txid: str,
    *made: Withdrawal,
    final_depth: int,
    unpaid: Sequence[Withdrawal] = (),
) -> int:
    """An operator says in the older copy what the chain has paid, and what it has not; answers the batch."""
    paid, besides = ([(copies.older.partner.id, one.id) for one in part] for part in (made, unpaid))
    desk = copies.restored
    batch = await payout_exports.record(
        desk.pool, desk.chain, operator, txid, paid, final_depth=final_depth, unpaid=besides
    )
    return batch.id
