"""Cancelling and ending sessions while they are at something."""

from hashrail import db
from tests.support.patience import until

ACT = """
    SELECT {action}(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE $1 || '%' AND pid <> pg_backend_pid()"""


async def act_on_session(pool: db.Pool, action: str, statement: str = "SELECT pg_sleep") -> None:
    """Call a function of PostgreSQL's for the one session that runs a statement which begins like this."""
    await until(lambda: pool.fetchval(ACT.format(action=action), statement))


WAITING_COMMIT = """
    SELECT {action}(a.pid) FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.wait_event = 'SyncRep' AND EXISTS (
        SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.relation = $1::text::regclass)"""


async def act_on_waiting_commit(pool: db.Pool, action: str, table: str) -> None:
    """The same for the one session that has written to a table and waits for a standby: what it wrote stays."""
    await until(lambda: pool.fetchval(WAITING_COMMIT.format(action=action), table))
