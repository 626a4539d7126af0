"""Whoever looks at the books from the listener of the probes: what the readings are, and what rings by them.

They are read with a connection of its own, so that they are told while the API is busy, and none of its connections
is taken for them; within a deadline; and a crowd waits for one reading.
"""

import asyncio

from hashrail import clock, db
from hashrail.alarms import readings, states
from hashrail.processes.gauges import Seen
from hashrail.settings import Settings

READ_SECONDS = 4
STATEMENT_SECONDS = 3


class Onlooker:
    """The books as they were last read; of one loop."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._reading: asyncio.Task[Seen] | None = None
        self._read_at_seconds = clock.monotonic()

    async def look(self, *, kept_seconds: int = 0) -> Seen:
        """What was read, no longer than so many seconds ago. Raises what a database that is away does."""
        if self._reading is None or (self._reading.done() and not self._is_fresh(self._reading, kept_seconds)):
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    def _is_fresh(self, done: asyncio.Task[Seen], kept_seconds: int) -> bool:
        """Whether a reading may be told again; one that failed may not."""
        is_good = not done.cancelled() and done.exception() is None
        return is_good and clock.monotonic() - self._read_at_seconds < kept_seconds

    async def _read(self) -> Seen:
        try:
            async with asyncio.timeout(READ_SECONDS):
                with db.translated():
                    seen = await self._seen()
        except TimeoutError as error:
            raise db.DatabaseDownError(f"the database did not answer within {READ_SECONDS} s") from error
        self._read_at_seconds = clock.monotonic()
        return seen

    async def _seen(self) -> Seen:
        settings = self._settings
        pool = await db.open_pool(self._dsn, connections=1, statement_seconds=STATEMENT_SECONDS)
        try:
            async with db.snapshot(pool) as tx:
                now = await readings.read(tx, settings, is_sandbox=settings.mode == "sandbox")
                return Seen(now, await states.ringing_by(tx, now, settings), settings)
        finally:
            pool.terminate()
