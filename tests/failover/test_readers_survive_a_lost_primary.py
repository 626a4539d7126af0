"""Readers and writers go on while a standby that answers reads stands still, dies, and is promoted.

Nobody is shown less than their own writes, whether they name positions or not; while nothing can be known, they are
told 503. The old primary comes back as a standby, and answers reads in its turn.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hashrail import db
from hashrail.postgres.replicas import PROMOTED, Replicas
from tests.failover.cluster import Cluster, Member, connected, new_books, running
from tests.support.api_client import Api, open_api
from tests.support.patience import until
from tests.support.world import World

POSITION = "x-hashrail-position"
CALLERS = 2
PAUSE_SECONDS = 0.05
LAG_SECONDS = 1
# A signature outlives what a request waits while the primary is lost.
WINDOW_MS = 60_000


@dataclass
class Life:
    """A partner's server that registers a user and looks for the one before, again and again."""

    api: Api
    name: str
    names_positions: bool
    known: str | None = None
    position: str | None = None
    met: Counter[int] = field(default_factory=Counter)

    async def go_on(self) -> None:
        number = 0
        while True:
            number += 1
            await self._write(f"{self.name}-{number}")
            if self.known is not None:
                await self._read(self.known)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self, user: str) -> None:
        response = await self.api.server.call("s2s_login", partnerUserId=user, recvWindow=WINDOW_MS)
        assert response.status_code in (200, 503), response.text
        if response.status_code == 200:
            self.known = user
            self._note(response.headers.get(POSITION))
        else:
            self.position = None  # as the SDKs do: it may be done

    async def _read(self, user: str) -> None:
        sent = {} if self.position is None else {POSITION: self.position}
        response = await self.api.server.call("s2s_miners", sent, partnerUserId=user, recvWindow=WINDOW_MS)
        assert response.status_code in (200, 503), f"{user} is not there any more at {self.position}: {response.text}"
        self.met[response.status_code] += 1
        self._note(response.headers.get(POSITION))

    def _note(self, position: str | None) -> None:
        if self.names_positions:  # as the SDKs do: without one nobody knew how far the primary was
            self.position = None if position is None else max(position, self.position or "")


class Reading:
    """The process, its standbys by member, and who calls it."""

    def __init__(self, api: Api, cluster: Cluster) -> None:
        assert api.serving.replicas is not None
        self.replicas: Replicas = api.serving.replicas
        self.by_member = dict(zip((each.name for each in cluster.members), self.replicas.standbys, strict=True))
        self.lives = [Life(api, f"{kind}-{n}", kind == "at") for kind in ("at", "now") for n in range(CALLERS)]
        self.tasks = [asyncio.create_task(each.go_on()) for each in self.lives]

    async def until_read_from(self, member: Member | None) -> None:
        """Until this member alone answers reads, or none; and everybody has been answered since."""
        wanted = [] if member is None else [self.by_member[member.name]]

        async def is_so() -> bool:
            return self.replicas.serving() == wanted

        await until(is_so, lambda: [(each.name, each.aside) for each in self.replicas.standbys])
        before = [each.met[200] for each in self.lives]

        async def is_answered() -> bool:
            for task in self.tasks:
                if task.done():
                    task.result()
            return all(each.met[200] > met + 1 for each, met in zip(self.lives, before, strict=True))

        await until(is_answered, lambda: [each.met for each in self.lives])

    async def end(self) -> None:
        """Whatever they have seen that was wrong is raised."""
        for task in self.tasks:
            task.cancel()
        for ended in await asyncio.gather(*self.tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


async def test_readers_and_writers_go_on(tmp_path: Path) -> None:
    with running() as cluster:
        dsn = cluster.dsn(await asyncio.to_thread(new_books, cluster))
        database = dsn.rpartition("/")[2].partition("?")[0]
        each = [f"postgresql://postgres:{cluster.password}@127.0.0.1:{one.port}/{database}" for one in cluster.members]
        settings = {"DATABASE_READ_URLS": ",".join(each), "database_read_max_lag_seconds": LAG_SECONDS}
        async with connected(dsn) as pool:
            world = await World.create(pool)
            async with open_api(world, dsn, data=tmp_path, **settings) as api:
                first = await asyncio.to_thread(cluster.primary)
                second = cluster.other(first)
                reading = Reading(api, cluster)
                await reading.until_read_from(second)
                assert reading.by_member[first.name].aside == PROMOTED

                cluster.hold(second)
                await reading.until_read_from(None)
                cluster.go_on(second)
                await reading.until_read_from(second)

                await asyncio.to_thread(cluster.crash, second)
                await asyncio.to_thread(cluster.await_standby)
                await reading.until_read_from(second)

                await asyncio.to_thread(cluster.crash, first)
                await asyncio.to_thread(cluster.await_primary, first)
                await asyncio.to_thread(cluster.await_standby)
                await reading.until_read_from(first)
                assert reading.by_member[second.name].aside == PROMOTED
                await reading.end()
                assert await marks(pool) == 2


async def marks(pool: db.Pool) -> int:
    """How many histories the books have met."""
    found: int = await pool.fetchval("SELECT count(*) FROM wal_timeline")
    return found
