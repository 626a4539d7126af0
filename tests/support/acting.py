"""Cancelling and ending sessions while they are at something."""

import asyncio

from hashrail import db

ACT = """
    SELECT {action}(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE $1 || '%' AND pid <> pg_backend_pid()"""


async def act_on_session(pool: db.Pool, action: str, statement: str = "SELECT pg_sleep") -> None:
    """Call a function of PostgreSQL's for the one session that runs a statement which begins like this."""
    async with asyncio.timeout(10):
        while not await pool.fetchval(ACT.format(action=action), statement):
            await asyncio.sleep(0.01)
