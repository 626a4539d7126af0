"""Waiting for locks: when somebody is held up by somebody else, and not before, the test goes on."""

import asyncio

from hashrail.db import Pool
from tests.support import citus, patience

LOCKED_OUT = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 || '%'"""

# Who waits for a partner's row waits on its server, and the coordinator only waits for an answer.
LOCKED_OUT_ANYWHERE = f"""
    SELECT greatest(({LOCKED_OUT}), (
        SELECT count(DISTINCT waiting_gpid) FROM citus_lock_waits WHERE blocked_statement LIKE $1 || '%'))"""


async def blocked(pool: Pool, statement: str = "") -> int:
    """How many connections of this database wait for a lock, with a statement that begins like this."""
    counted = LOCKED_OUT if citus.coordinator() is None else LOCKED_OUT_ANYWHERE
    found: int = await pool.fetchval(counted, statement)
    return found


async def until_blocked(pool: Pool, *tasks: "asyncio.Task[object]", statement: str = "", count: int = 1) -> None:
    """Return once so many are blocked, with a statement that begins like this.

    None of the tasks may have ended.
    """
    async with asyncio.timeout(patience.SECONDS):
        while await blocked(pool, statement) < count:
            assert not any(task.done() for task in tasks)
            await asyncio.sleep(patience.POLL_SECONDS)
    assert not any(task.done() for task in tasks)
