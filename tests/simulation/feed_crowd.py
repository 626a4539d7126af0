"""A crowd around the feeds: processes that write and move events, killed at any line and begun again.

    python -m tests.simulation.feed_crowd DSN KILLS SEED PARTNER...

Each transaction of a writer changes one thing, whose row it holds until it ends, and tells of it; some hang before
they end, some are rolled back. What was committed is in the row: how often the thing was changed. Movers take a few
drafts at a time, and some hang with the feed in hand.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hashrail import db
from hashrail.db import Pool, Tx
from hashrail.events import drafts, feed
from hashrail.events.types.orders import OrderExpired
from hashrail.postgres import tether

THINGS_OF_A_PARTNER = 20
WRITING_PROCESSES, WRITERS_OF_A_PROCESS = 5, 10
MOVING_PROCESSES = 3
# Seconds, at most.
HANGS, PAUSES, UNTIL_THE_NEXT_KILL = 0.2, 0.1, 0.15
TABLE = """CREATE TABLE thing (partner_id bigint NOT NULL, name text NOT NULL, changes int NOT NULL,
                               PRIMARY KEY (partner_id, name))"""
FILL = "INSERT INTO thing SELECT $1, 'thing ' || n, 0 FROM generate_series(0, $2) n"
Work = Callable[[str, list[int], random.Random], Coroutine[Any, Any, None]]


class TakenBackError(Exception):
    """A writer changes its mind."""


def change(name: str, number: int) -> OrderExpired:
    """What is told of the change of that number."""
    one = Decimal(1)
    facts = {"nft_collection_id": 1, "power": one, "energy_efficiency": one, "value": one}
    return OrderExpired(external_id=name, user_id=number, **facts)


async def counted(tx: Tx, partner_id: int, name: str) -> int:
    """Change a thing; answers how often it was by now. Its row is held until the transaction ends."""
    number: int = await tx.fetchval(
        "UPDATE thing SET changes = changes + 1 WHERE partner_id = $1 AND name = $2 RETURNING changes", partner_id, name
    )
    return number


async def write_on(dsn: str, partners: list[int], chance: random.Random) -> None:
    """Ten writers, for as long as they live."""
    pool = await db.open_pool(dsn, connections=WRITERS_OF_A_PROCESS)

    async def write() -> None:
        while True:
            with suppress(TakenBackError):
                await _write_once(pool, chance.choice(partners), chance)
            await asyncio.sleep(chance.uniform(0, PAUSES))

    await asyncio.gather(*(write() for _ in range(WRITERS_OF_A_PROCESS)))


async def _write_once(pool: Pool, partner_id: int, chance: random.Random) -> None:
    name = f"thing {chance.randrange(THINGS_OF_A_PARTNER)}"
    async with db.transaction(pool) as tx:
        for _ in range(chance.choice((1, 1, 2))):
            number = await counted(tx, partner_id, name)
            await drafts.note(tx, partner_id, change(name, number))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.uniform(0, HANGS))
        if chance.random() < 0.2:
            raise TakenBackError


async def move_on(dsn: str, _partners: list[int], chance: random.Random) -> None:
    """A mover, for as long as it lives."""
    pool = await db.open_pool(dsn, connections=1)
    while True:
        for partner_id in await feed.with_drafts(pool):
            async with db.transaction(pool) as tx:
                await feed.append_drafts(tx, partner_id, at_most=chance.randint(1, 20), waits=chance.random() < 0.5)
                if chance.random() < 0.1:
                    await asyncio.sleep(chance.uniform(0, HANGS))
        await asyncio.sleep(chance.uniform(0, PAUSES))


def _begin(work: Work, dsn: str, partners: list[int], seed: int) -> int:
    """A process that does the work until it is killed; answers its number."""
    owner, child = os.getpid(), os.fork()
    if child == 0:
        try:
            tether.end_with(owner, signal.SIGKILL)
            asyncio.run(work(dsn, partners, random.Random(seed)))
        finally:
            os._exit(1)
    return child


def main(dsn: str, kills: int, seed: int, partners: list[int]) -> None:
    """Kill so many of the crowd, one after another, and then all of them. Nobody ends otherwise."""
    chance = random.Random(seed)
    crowd: dict[int, Work] = {}

    def begin(work: Work) -> None:
        crowd[_begin(work, dsn, partners, chance.randrange(2**32))] = work

    def kill(child: int) -> Work:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "somebody ended by themselves"
        return crowd.pop(child)

    for work in (*[write_on] * WRITING_PROCESSES, *[move_on] * MOVING_PROCESSES):
        begin(work)
    for _ in range(kills):
        time.sleep(chance.uniform(0, UNTIL_THE_NEXT_KILL))
        begin(kill(chance.choice(sorted(crowd))))
    for child in list(crowd):
        kill(child)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(each) for each in sys.argv[4:]])
