"""PostgreSQL: the pool, transactions and migrations.

The doors open a transaction and hand `tx` down; nobody below commits. Every SQL text in the project is a literal.
Rows come back as asyncpg records; NUMERIC comes back as an exact Decimal.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import as_file, files
from typing import TypeAlias
from urllib.parse import urlencode

import asyncpg
import yoyo
from asyncpg.pool import PoolConnectionProxy
from psycopg.conninfo import conninfo_to_dict

from hashrail.errors import UnavailableError

Row: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Tx: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
# A single query may also run on the pool itself: it needs no transaction to see one moment.
Reader: TypeAlias = "Tx | Pool"

SESSION = {
    "application_name": "hashrail",
    "timezone": "UTC",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
}


class BusyError(UnavailableError):
    """Another transaction held a row for too long."""

    code = "BUSY"
    advice = "Send the same request again: nothing was changed."


class DatabaseDownError(UnavailableError):
    """The database does not answer."""

    code = "DATABASE_DOWN"
    advice = "Send the same request again later: a repeated write is done once."


async def open_pool(dsn: str, connections: int = 10) -> Pool:
    """A pool of at most `connections`; they open as they are needed."""
    pool = await asyncpg.create_pool(
        dsn, min_size=1, max_size=connections, server_settings=SESSION, command_timeout=60, reset=_nothing_to_reset
    )
    assert pool is not None
    return pool


async def _nothing_to_reset(_connection: object) -> None:
    """No statement of ours changes a session, so a connection goes back as it is: one round trip less a request."""


def refusal(error: BaseException) -> UnavailableError | None:
    """What a failure of the database means for the caller; None for one that is our bug."""
    match error:
        case asyncpg.LockNotAvailableError() | asyncpg.DeadlockDetectedError() | TimeoutError():
            return BusyError("another request holds what this one needs")
        case (
            asyncpg.CannotConnectNowError()
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
            | asyncpg.TargetServerAttributeNotMatched()  # every server is a standby: one will be promoted
        ):
            return DatabaseDownError("the database is starting or stopping")
        case asyncpg.PostgresConnectionError() | asyncpg.TooManyConnectionsError() | OSError():
            return DatabaseDownError("the database does not answer")
        case asyncpg.InterfaceError() if "closed" in str(error):
            return DatabaseDownError("the database went away")
        case asyncpg.InternalClientError() if "operation (2) is in progress" in str(error):
            # The server has said goodbye on an idle connection, and the end of the line was not seen yet.
            return DatabaseDownError("the database went away")
    return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        refused = refusal(error)
        if refused is None:
            raise
        raise refused from error


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Tx]:
    """One READ COMMITTED transaction: committed when the block ends well, rolled back when it raises.

    A commit waits for a synchronous standby. When the wait is cancelled PostgreSQL answers that it is done, with a
    warning; a failover could still take it back. That, and an answer that takes too long, is DatabaseDownError.
    """
    warnings: list[asyncpg.PostgresLogMessage] = []
    committing = False

    def hear(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if isinstance(message, asyncpg.PostgresWarning):
            warnings.append(message)

    with _translated():
        async with pool.acquire() as connection:
            try:
                async with connection.transaction():
                    yield connection
                    connection.add_log_listener(hear)
                    committing = True
            except TimeoutError as error:
                if not committing:
                    raise
                raise DatabaseDownError("whether it is committed is not known") from error
            finally:
                with suppress(asyncpg.InterfaceError):  # a connection that died hears nothing
                    connection.remove_log_listener(hear)
    if warnings:
        raise DatabaseDownError("it is committed, but a standby that has to know of it does not")


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Tx]:
    """One read-only REPEATABLE READ transaction: everything read in it belongs to one moment."""
    with _translated():
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection


def migrate(dsn: str) -> list[str]:
    """Bring the schema up to date with the files in sql/, once and in order; answers the names applied now."""
    # The runner reads addresses of one server; as parameters, those of several reach libpq as they are.
    backend = yoyo.get_backend(f"postgresql+psycopg://?{urlencode(conninfo_to_dict(dsn))}")
    try:
        with as_file(files("hashrail") / "sql") as folder, backend.lock():
            waiting = backend.to_apply(yoyo.read_migrations(str(folder)))
            names = [migration.id for migration in waiting]
            backend.apply_migrations(waiting)
    finally:
        backend.connection.close()
    return names


async def migrate_in_thread(dsn: str) -> list[str]:
    """`migrate` from a coroutine: the runner blocks."""
    return await asyncio.to_thread(migrate, dsn)
