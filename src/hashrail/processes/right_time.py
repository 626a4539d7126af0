"""A worker works while its machine's clock agrees with the database's, and stands still while they are apart.

By the machine's clock jobs become due, what is old is deleted and webhooks are signed: a worker whose clock is wrong
would take away kept answers too early, and use up the turns of hours that are still to come. Alarms go on meanwhile,
and tell of the clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hashrail import business_clock, db
from hashrail.business_clock import ClockDiffersError, Witness
from hashrail.errors import UnavailableError

LOOK_SECONDS = 10


class RightTime:
    """Whether this machine's clock agrees with the database's, looked at again and again."""

    def __init__(self, pool: db.Pool) -> None:
        self._pool = pool
        self._witness = Witness()
        self._agrees, self._differs = asyncio.Event(), asyncio.Event()

    async def watch(self) -> None:
        """Look until this is cancelled. While the database cannot be asked, it stays as it was."""
        while True:
            with suppress(UnavailableError, *db.DATABASE_ERRORS):
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Compare both now. Raises what a database that is away does."""
        self._witness.saw((await business_clock.read(self._pool)).database_now)
        try:
            self._witness.assert_agrees()
        except ClockDiffersError:
            self._agrees.clear()
            self._differs.set()
        else:
            self._differs.clear()
            self._agrees.set()

    async def keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work while both agree, until this is cancelled; what has begun may end in its own way.

        Raises what the work does.
        """
        while True:
            await self._agrees.wait()
            working = asyncio.ensure_future(work())
            leaving = asyncio.create_task(self._differs.wait())
            try:
                await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
            finally:
                leaving.cancel()
                working.cancel()
                await asyncio.wait({working})
