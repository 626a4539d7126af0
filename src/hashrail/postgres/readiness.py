"""Whether the database does what a request needs of it: lets a process in, takes a write, and keeps it.

The proof is made on a connection of its own, within a time of its own: neither a pool that is busy nor a server that
stands still keeps whoever asks waiting. It locks a row for a moment, and leaves no row behind that would have to be
cleaned up. A commit is part of it, so a standby that every commit waits for has to answer too; and a little is written
to the disk that the tables are on, where a full one shows first.
"""

import asyncio
from contextlib import suppress

from hashrail import business_clock, db
from hashrail.errors import UnavailableError
from hashrail.postgres import bootstrap, distributing

READY_SECONDS = 1.5
# A commit that waits for a standby is called off in good order before that, or it would wait on without us.
STATEMENT_SECONDS = 1
# How long other servers have to answer where there are several; the proof does not wait for them.
NODES_SECONDS = 0.3
# So soon after a proof another one may begin, however many ask.
PAUSE_SECONDS = 0.1
# More than what is kept in memory at a work_mem of 64 kB: some hundred kilobytes.
ROWS = 10_000


class Readiness:
    """Proves again and again that a database can be written, and has the time that this machine has."""

    def __init__(self, dsn: str, *, pooler: str | None = None) -> None:
        """Who works by way of a pooler proves that way."""
        self._dsn = dsn
        self._pooler = pooler
        self._may_begin = asyncio.Event()
        self._may_begin.set()

    async def prove(self) -> dict[str, int]:
        """That it is ready: with how many servers, where it is spread over several.

        Raises UnavailableError that says what is wrong: a busy, closed, full, read-only, frozen or old database,
        or one with another time.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._may_begin.wait()
                self._may_begin.clear()
                asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._may_begin.set)
                return await self._write()
        except TimeoutError as error:
            raise db.DatabaseDownError(f"the database took no write within {READY_SECONDS} s") from error
        except db.DATABASE_ERRORS as error:
            refused = db.refusal(error)
            if not isinstance(refused, UnavailableError):
                raise
            raise refused from error

    async def _write(self) -> dict[str, int]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + READY_SECONDS
        own = await self._pool()
        # Whoever is told to stop would end the transaction in good order, and wait for a server that stands still.
        end = loop.call_at(give_up, own.terminate)
        try:
            async with db.transaction(own) as tx:
                await bootstrap.check_schema(tx)
                await tx.execute("SELECT 1 FROM _yoyo_migration LIMIT 1 FOR KEY SHARE")
                await tx.execute("SET LOCAL work_mem = '64kB'")
                await tx.execute("SET LOCAL temp_tablespaces = ''")
                await tx.fetchval("SELECT count(*) FROM generate_series(1, $1::int)", ROWS)
                await business_clock.now(tx)
                await db.confirm(tx)
            servers = await _servers(own)
            await own.close()
            return servers
        finally:
            end.cancel()
            own.terminate()

    async def _pool(self) -> db.Pool:
        if self._pooler is None:
            return await db.open_pool(self._dsn, connections=1, statement_seconds=STATEMENT_SECONDS)
        return await db.open_pooled(self._pooler, connections=1, statement_seconds=STATEMENT_SECONDS)


async def _servers(reader: db.Reader) -> dict[str, int]:
    """How many servers and shards there are, where a database is spread: one that does not answer is refused to its
    partners alone, so it is told here.
    """
    if not await distributing.is_distributed(reader):
        return {}
    counts = {"nodes": await distributing.count_nodes(reader), "shards": await distributing.count_shards(reader)}
    with suppress(TimeoutError):
        counts["answering"] = await distributing.count_answering(reader, NODES_SECONDS)
    return counts
