"""The feed in a crowd: fifty writers, some of which change their minds, hang or are killed at any line; several movers,
killed as well; and readers, who see everything that was committed once, in order, and nothing else.

`HASHRAIL_EXAMPLES=2000 pytest tests/simulation/test_feed.py` kills so many of them.
"""

import asyncio
import itertools
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from hashrail import db
from hashrail.db import Pool, Tx
from hashrail.events import drafts, feed, mover
from hashrail.events.event import Event
from hashrail.events.types.orders import OrderExpired
from tests.simulation import feed_crowd
from tests.simulation.feed_crowd import change, counted
from tests.support.api_client import Api, answered, open_api
from tests.support.world import World

KILLS = int(os.environ.get("HASHRAIL_EXAMPLES") or 40)
# What the crowd tells. The feeds have other events as well, of the keys that were made.
TOLD = OrderExpired.TYPE
# Nothing here takes nearly as long.
LIMIT_SECONDS = 60 + KILLS
Note: TypeAlias = Callable[[Tx, int, Event], Awaitable[None]]


@dataclass(frozen=True)
class Seen:
    """An event as a reader saw it; `number` is what its writer told: how often the thing had been changed."""

    position: int
    name: str
    thing: str
    sequence: int
    number: int


@dataclass
class Reader:
    """Reads on from where it was, and keeps what it saw."""

    seen: list[Seen] = field(default_factory=list)
    after: int = 0

    async def read(self, pool: Pool, partner_id: int) -> None:
        """What is there now, a part at a time."""
        while told := await feed.read(pool, partner_id, after=self.after, limit=7):
            self.after = told[-1].position
            self.seen += [
                Seen(one.position, one.name, one.object_id, one.sequence, json.loads(one.data)["userId"])
                for one in told
                if one.type == TOLD
            ]

    async def poll(self, api: Api) -> None:
        """What comes, or nothing for a second."""
        page = answered(await api.server.call("s2s_events", after=self.after, waitSeconds=1, limit=50))
        self.after = page["last"]
        self.seen += [
            Seen(one["position"], one["id"], one["object"]["id"], one["object"]["sequence"], int(one["data"]["userId"]))
            for one in page["events"]
            if one["type"] == TOLD
        ]


async def faults(pool: Pool, partner_id: int, reader: Reader) -> list[str]:
    """What the reader saw that is not so, and what it did not see. The feed has to have come to rest."""
    positions = [one.position for one in reader.seen]
    found = [f"{later} after {earlier}" for earlier, later in itertools.pairwise(positions) if later <= earlier]
    names = [one.name for one in reader.seen]
    there = await pool.fetchval(
        "SELECT array_agg(name) FROM event WHERE partner_id = $1 AND type = $2", partner_id, TOLD
    )
    found += [f"missed {name}" for name in set(there) - set(names)]
    found += [f"not there: {name}" for name in set(names) - set(there)]
    found += ["seen twice"] if len(set(names)) < len(names) else []
    things = await pool.fetch("SELECT name, changes FROM thing WHERE partner_id = $1", partner_id)
    for thing in things:
        of_it = [one for one in reader.seen if one.thing == thing["name"]]
        numbers = [*range(1, thing["changes"] + 1)]
        if [one.number for one in of_it] != numbers or [one.sequence for one in of_it] != numbers:
            found.append(f"{thing['name']} was changed {thing['changes']} time(s), and {of_it} was told")
    return found


@dataclass
class Crowded:
    """A deployment with partners of whose things is told."""

    api: Api
    dsn: str
    partners: list[Api]

    @property
    def pool(self) -> Pool:
        return self.api.world.pool


@pytest.fixture
async def crowded(world: World, dsn: str) -> AsyncIterator[Crowded]:
    await world.pool.execute(feed_crowd.TABLE)
    async with open_api(world, dsn) as api:
        partners = [await api.another_partner() for _ in range(3)]
        for each in partners:
            await world.pool.execute(feed_crowd.FILL, each.world.partner.id, feed_crowd.THINGS_OF_A_PARTNER - 1)
        yield Crowded(api, dsn, partners)


async def come_to_rest(crowded: Crowded) -> None:
    """Until nothing of the killed is under way, and all drafts have moved."""
    busy = """SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"""
    while await crowded.pool.fetchval(busy) or await feed.with_drafts(crowded.pool):
        await mover.move_all(crowded.pool)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(crowded: Crowded) -> AsyncIterator[dict[int, list[Reader]]]:
    """Readers of every partner, by its number; they go on until they have come to the end of what is at rest."""
    readers = {each.world.partner.id: [Reader(), Reader()] for each in crowded.partners}
    rest = asyncio.Event()

    async def read(partner_id: int, reader: Reader) -> None:
        while not (rest.is_set() and reader.after == await feed.last_position(crowded.pool, partner_id)):
            await reader.read(crowded.pool, partner_id)
            await asyncio.sleep(0.01)

    async def poll(api: Api, reader: Reader) -> None:
        while not (rest.is_set() and reader.after == await feed.last_position(crowded.pool, api.world.partner.id)):
            await reader.poll(api)

    async with asyncio.TaskGroup() as group:
        for each in crowded.partners:
            plain, polling = readers[each.world.partner.id]
            group.create_task(read(each.world.partner.id, plain))
            group.create_task(poll(each, polling))
        yield readers
        await come_to_rest(crowded)
        rest.set()


async def test_readers_of_a_crowd_see_everything_once_and_in_order(crowded: Crowded) -> None:
    ids = [each.world.partner.id for each in crowded.partners]
    arguments = (crowded.dsn, KILLS, random.SystemRandom().randrange(2**32), *ids)
    async with asyncio.timeout(LIMIT_SECONDS):
        async with reading(crowded) as readers:
            crowd = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.simulation.feed_crowd"), *map(str, arguments)
            )
            assert await crowd.wait() == 0
        for partner_id, both in readers.items():
            for reader in both:
                assert await faults(crowded.pool, partner_id, reader) == [], arguments
            assert len(both[0].seen) > feed_crowd.THINGS_OF_A_PARTNER


# The harness sees what is wrong


async def note_wrongly(tx: Tx, partner_id: int, told: Event) -> None:
    """A feed whose positions are taken by the writers: they come in the order of the writes, not of the commits."""
    position = await tx.fetchval("SELECT nextval('event_draft_id_seq')")
    await tx.execute(
        """INSERT INTO event (partner_id, position, name, type, version, object_kind, object_id, sequence, data,
                              occurred_at)
           VALUES ($1, $2::bigint, md5($2::text), $3, 1, $4, $5, $6, $7, now())""",
        partner_id,
        position,
        told.TYPE,
        told.KIND,
        told.object_id,
        getattr(told, "user_id"),  # noqa: B009  # the number of the change
        json.dumps({"userId": getattr(told, "user_id")}),  # noqa: B009
    )


@pytest.mark.parametrize(("note", "missed"), [(drafts.note, 0), (note_wrongly, 1)])
async def test_positions_that_writers_take_are_missed(crowded: Crowded, note: Note, missed: int) -> None:
    """The first to write is the last to commit, and somebody reads between the two."""
    partner_id, pool = crowded.partners[0].world.partner.id, crowded.pool
    reader = Reader()

    async def write(tx: Tx, name: str) -> None:
        await note(tx, partner_id, change(name, await counted(tx, partner_id, name)))

    async with db.transaction(pool) as slow:
        await write(slow, "thing 0")
        async with db.transaction(pool) as quick:
            await write(quick, "thing 1")
        await mover.move_all(pool)
        await reader.read(pool, partner_id)
        assert [one.thing for one in reader.seen] == ["thing 1"]
    await mover.move_all(pool)
    await reader.read(pool, partner_id)
    found = await faults(pool, partner_id, reader)
    assert len([each for each in found if each.startswith("missed")]) == missed
    assert bool(found) is bool(missed)
