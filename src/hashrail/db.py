"""PostgreSQL: the pool, transactions and migrations.

The doors open a transaction and hand `tx` down; nobody below commits. Every SQL text in the project is a literal.
Rows come back as asyncpg records and are read by the names of their columns, so that no two can change places;
NUMERIC comes back as an exact Decimal.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

import asyncpg
import psycopg
import yoyo
from asyncpg.pool import PoolAcquireContext, PoolConnectionProxy
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.exceptions import LockTimeout
from yoyo.migrations import default_migration_table

from hashrail import clock, database_url, db_session, logs, sqlstates
from hashrail.db_pooled import PooledSessions
from hashrail.db_session import STATEMENT_SECONDS, Connection, Sessions
from hashrail.errors import UnavailableError
from hashrail.sqlstates import (
    DATABASE_ERRORS,
    BadValueError,
    BusyError,
    DatabaseDownError,
    DatabaseFullError,
    DatabasePooledError,
    DatabaseReadOnlyError,
    DatabaseRightsError,
    UnknownOutcomeError,
    constraint_of,
    refusal,
)

__all__ = [
    "DATABASE_ERRORS",
    "BadValueError",
    "BusyError",
    "DatabaseDownError",
    "DatabaseFullError",
    "DatabasePooledError",
    "DatabaseReadOnlyError",
    "DatabaseRightsError",
    "MigrationBusyError",
    "Pool",
    "Reader",
    "Row",
    "Tx",
    "UnknownOutcomeError",
    "checked",
    "confirm",
    "connect",
    "constraint_of",
    "joined_in_bulk",
    "migrate",
    "migrate_in_thread",
    "open_pool",
    "open_pooled",
    "probe",
    "prove_pooler",
    "reach",
    "record",
    "refusal",
    "savepoint",
    "snapshot",
    "snapshots",
    "transaction",
    "translated",
    "tuples",
    "values_held",
]

Row: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Tx: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
# A single query may also run on the pool itself: it needs no transaction to see one moment.
Reader: TypeAlias = "Tx | Pool"
R = TypeVar("R")
T = TypeVar("T", bound=NamedTuple)

# Longer than anybody waits for a lock with a connection in hand.
ACQUIRE_SECONDS = 25
RELEASE_SECONDS = 2
# Memory for each sort and hash of what is joined in bulk: a hundred thousand rows fit.
BULK_KIB = 65_536
SNAPSHOT_IS_NOT_HERE = (
    asyncpg.ActiveSQLTransactionError,  # a pooler's transaction begins with a statement
    asyncpg.InvalidParameterValueError,
    asyncpg.UndefinedObjectError,
)
# Of the whole database, or nothing.
EXPORT_SNAPSHOT = """
    SELECT pg_export_snapshot() WHERE NOT (SELECT count(*) > 0 FROM pg_extension WHERE extname = 'citus')"""
PROBE = f"SELECT {clock.DATABASE_NOW}"
# How long a migration waits for a table, and for another process that migrates.
MIGRATION_PATIENCE, MIGRATING_PATIENCE = "5s", timedelta(seconds=60)
MIGRATING_TURN_SECONDS = 0.05
# Advisory locks have one number space, in which a partner's fence has the higher ones.
MIGRATING = 1


class MigrationBusyError(UnavailableError):
    """A migration did not get its lock in time: a long transaction holds the table, or another process migrates."""

    code = "MIGRATION_BUSY"
    advice = "Run hashrail migrate again, when less is under way: what is applied stays, and the rest was not begun."


class _Pool(asyncpg.Pool):
    """A pool that is not waited for without end, and that lets go of connections which are no good any more."""

    def acquire(self, *, timeout: float | None = None) -> "_Borrowed":
        """A connection, for the time of a block."""
        return _Borrowed(self, ACQUIRE_SECONDS if timeout is None else timeout)


class _Borrowed(PoolAcquireContext):
    async def __aenter__(self) -> "PoolConnectionProxy[asyncpg.Record]":
        limit, self.timeout = self.timeout, None
        try:
            async with asyncio.timeout(limit):
                return await super().__aenter__()
        except TimeoutError as error:
            raise BusyError("every connection to the database is in use") from error

    async def __aexit__(self, *failure: Any) -> None:
        error, connection = failure[1], self.connection
        if error is not None and connection is not None and sqlstates.is_doubtful(error):
            connection.terminate()
            if isinstance(refusal(error), DatabaseReadOnlyError):
                await self.pool.expire_connections()  # the others lead to the same server
        # What was given up is called off behind the back of whoever waits, however long that takes.
        with suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await super().__aexit__(*failure)


class _Checked(asyncpg.Pool):
    """A pool of which each connection is looked at before it is used, and again after that."""

    def __init__(self, pool: Pool, before: "Look | None", after: "Look | None", seconds: float) -> None:
        # It holds nothing: connections are the other's, and everything that is asked of a pool begins with one.
        self._lookers = pool, before, after, seconds

    def acquire(self, *, timeout: float | None = None) -> "_Looked":
        """A connection that has been looked at, for the time of a block."""
        pool, before, after, seconds = self._lookers
        return _Looked(pool, seconds if timeout is None else timeout, before, after)


class _Looked(_Borrowed):
    def __init__(self, pool: Pool, timeout: float, before: "Look | None", after: "Look | None") -> None:
        super().__init__(pool, timeout)
        self._lookers = before, after

    async def __aenter__(self) -> "PoolConnectionProxy[asyncpg.Record]":
        connection = await super().__aenter__()
        if self._lookers[0] is not None:
            await self._look(self._lookers[0], connection)
        return connection

    async def __aexit__(self, *failure: Any) -> None:
        after = self._lookers[1]
        if failure[1] is None and self.connection is not None and after is not None:
            await self._look(after, self.connection)
        await super().__aexit__(*failure)

    async def _look(self, look: "Look", connection: Tx) -> None:
        is_good = False
        try:
            await look(connection)
            is_good = True
        finally:
            if not is_good:
                await super().__aexit__(*sys.exc_info())


Look: TypeAlias = Callable[[Tx], Awaitable[None]]


def checked(pool: Pool, *, seconds: float, before: Look | None = None, after: Look | None = None) -> Pool:
    """The same connections, each looked at before something is read from it, and after that, where something looks.

    One is waited for as long as `seconds`. What a look raises is raised to whoever would read.
    """
    return _Checked(pool, before, after, seconds)


async def open_pool(dsn: str, connections: int = 10, *, statement_seconds: int = STATEMENT_SECONDS) -> Pool:
    """A pool of at most `connections`; they open as they are needed. Raises what `Sessions.open` does.

    After `statement_seconds` without an answer the server counts as gone.
    """
    return await _pool_of(Sessions(database_url.read(dsn), statement_seconds), connections)


async def open_pooled(url: str, connections: int = 10, *, statement_seconds: int = STATEMENT_SECONDS) -> Pool:
    """The same by way of a pooler that gives each transaction another connection.

    Raises what `PooledSessions.open` does.
    """
    return await _pool_of(PooledSessions(url, statement_seconds), connections)


async def _pool_of(sessions: Sessions | PooledSessions, connections: int) -> Pool:
    async def opened(*_: Any, **__: Any) -> Connection:
        return await sessions.open()

    return await _Pool(
        init_size=1,  # what is wrong shows at once
        min_size=0,
        max_size=connections,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        connect=opened,
        reset=_nothing_to_reset,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
    )


async def connect(dsn: str) -> Connection:
    """One connection beside every pool, for who listens. Raises what `Sessions.open` does."""
    return await Sessions(database_url.read(dsn)).open()


async def prove_pooler(url: str, dsn: str) -> None:
    """The pooler leads to the database of the DSN, and can be worked with. Raises what `PooledSessions.prove` does."""
    direct = await connect(dsn)
    try:
        await PooledSessions(url).prove(direct)
    finally:
        direct.terminate()


async def reach(dsn: str) -> None:
    """Connect once, as a process that writes. Raises what `Sessions.open` does, and DatabaseReadOnlyError."""
    connection = await connect(dsn)
    is_standby = await connection.fetchval("SELECT pg_is_in_recovery()")
    await connection.close(timeout=database_url.CONNECT_SECONDS)
    if is_standby:
        raise db_session.standby()


async def probe(connection: Connection, seconds: float) -> datetime:
    """Ask a server that has long said nothing whether it is there; answers its time.

    Raises TimeoutError or another DATABASE_ERRORS.
    """
    told: datetime = await connection.fetchval(PROBE, timeout=seconds)
    return told


async def _nothing_to_reset(_connection: object) -> None:
    """No statement of ours changes a session, so a connection goes back as it is: one round trip less a request."""


def record(kind: type[R], row: Row) -> R:
    """A row as a record: every column is a field of the record by the same name, and none is left over."""
    return kind(**row)


def tuples(kind: type[T], rows: Sequence[Row]) -> list[T]:
    """Rows as named tuples whose fields are the columns by name and order, which is looked at once for all of them.

    For lists that are read most: a fifth of the time of `record` for each.
    """
    assert all(tuple(row.keys()) == kind._fields for row in rows[:1]), f"the columns are not the fields of {kind}"
    return [kind._make(row) for row in rows]


@contextmanager
def translated() -> Iterator[None]:
    """What fails in the block and is the database's fault is raised as what it means for whoever asked."""
    try:
        yield
    except DATABASE_ERRORS as error:
        refused = refusal(error)
        # A value that does not fit is no matter of the database's: the doors look at it.
        if not isinstance(refused, UnavailableError):
            raise
        raise refused from error


@contextmanager
def values_held() -> Iterator[None]:
    """What a person typed and the books do not hold is refused, as a command refuses it. Raises BadValueError."""
    try:
        yield
    except asyncpg.CheckViolationError as error:
        # Without its detail, which shows the row.
        raise BadValueError(f"the books do not hold it: {constraint_of(error)}") from error
    except asyncpg.DataError as error:
        raise BadValueError(str(error.args[0])) from error


@asynccontextmanager
async def transaction(pool: Pool, *, one_moment: bool = False) -> AsyncIterator[Tx]:
    """One READ COMMITTED transaction: committed when the block ends well, rolled back when it raises.

    With `one_moment` it is REPEATABLE READ: what it reads belongs to the moment of its first query, and so it may add
    rows alone.

    A commit waits for a synchronous standby. When the wait is cancelled PostgreSQL answers that it is done, with a
    warning; a failover could still take it back. That, and a line that is lost while the commit is on its way, is
    UnknownOutcomeError.
    """
    warnings: list[asyncpg.PostgresLogMessage] = []
    committing = False

    def hear(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if isinstance(message, asyncpg.PostgresWarning):
            warnings.append(message)

    with translated():
        async with pool.acquire() as connection:
            try:
                async with connection.transaction(isolation="repeatable_read" if one_moment else None):
                    with _ending(connection):
                        yield connection
                    connection.add_log_listener(hear)
                    committing = True
            except DATABASE_ERRORS as error:
                if committing and sqlstates.is_open(error):
                    raise UnknownOutcomeError("whether it is committed is not known") from error
                raise
            finally:
                with suppress(asyncpg.InterfaceError):  # a connection that died hears nothing
                    connection.remove_log_listener(hear)
    if warnings:
        raise UnknownOutcomeError("it is committed, but a standby that has to know of it does not")


@asynccontextmanager
async def savepoint(tx: Tx) -> AsyncIterator[None]:
    """A part of a transaction that is undone alone when it raises; what was before stays."""
    async with tx.transaction():
        yield


@asynccontextmanager
async def undone(tx: Tx) -> AsyncIterator[None]:
    """A part of a transaction that is undone however it ends: whether it could be done is all that is asked.

    What is logged meanwhile says so by `undone`: an act that was only looked at was not done.
    """
    part = tx.transaction()
    await part.start()
    try:
        with logs.also(undone=True):
            yield
    finally:
        await part.rollback()


@asynccontextmanager
async def joined_in_bulk(tx: Tx) -> AsyncIterator[None]:
    """What is asked in the block joins whole sets: by hashes or in order, never row by row.

    For tables that have just grown by a day: no statistics know that, and what looks like one row is joined row by
    row, which takes a minute where it is a hundred thousand. Such a set is sorted and hashed in memory, not in files.
    """
    await tx.execute(
        """SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', greatest(
                      pg_size_bytes(current_setting('work_mem')) / 1024, $1)::text, true)""",
        BULK_KIB,
    )
    yield
    await tx.execute("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL work_mem TO DEFAULT")


@contextmanager
def _ending(connection: "PoolConnectionProxy[asyncpg.Record]") -> Iterator[None]:
    """A server that does not answer would not answer a ROLLBACK either: end the session, which rolls back."""
    try:
        yield
    except TimeoutError:
        connection.terminate()
        raise


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Tx]:
    """One read-only REPEATABLE READ transaction: everything read in it belongs to one moment."""
    with translated():
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            with _ending(connection):
                yield connection


@asynccontextmanager
async def snapshots(pool: Pool, most: int) -> AsyncIterator[Sequence[Tx]]:
    """As many such transactions as that which all read the same moment, for who asks several things side by side.

    There are fewer, and one at least, where the pool has no connection to spare, or gives one of a pooler or of another
    server. Where Citus is there is one: what a connection sees of other servers, no second one is given.
    """
    async with AsyncExitStack() as stack:
        taken: list[Tx] = [await stack.enter_async_context(snapshot(pool))]
        name = await taken[0].fetchval(EXPORT_SNAPSHOT) if most > 1 else None
        while name is not None and len(taken) < most and pool.get_size() - pool.get_idle_size() < pool.get_max_size():
            async with AsyncExitStack() as trial:
                another = await trial.enter_async_context(snapshot(pool))
                try:
                    await another.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
                except SNAPSHOT_IS_NOT_HERE:
                    break
                taken.append(another)
                await stack.enter_async_context(trial.pop_all())
        yield taken


async def confirm(tx: Tx) -> None:
    """Let the commit of a transaction that only read wait for the standbys that others' commits wait for.

    What it has seen is then known to them as well, even where whoever wrote it was cut off while they waited.
    """
    await tx.execute("SELECT pg_logical_emit_message(true, 'hashrail', '')")


class _Runner(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """The migrations' way to PostgreSQL, on one connection: whoever dies lets go of all that it held."""

    def init_connection(self, connection: psycopg.Connection) -> None:
        """Fix what migrations rely on, at the beginning and after each rollback."""
        with ExitStack() as undo:
            undo.callback(connection.close)
            db_session.pin_migrations(connection)
            undo.pop_all()

    def init_database(self) -> None:
        """Be the only one who migrates, and take away the runner's own lock where somebody was killed with it.

        The runner would try here whether migrations can be rolled back, and take any failure for a no.
        """
        for _ in range(int(MIGRATING_PATIENCE.total_seconds() / MIGRATING_TURN_SECONDS)):
            if self._has_turn():
                break
            time.sleep(MIGRATING_TURN_SECONDS)
        else:
            raise LockTimeout
        if self.execute("SELECT to_regclass('yoyo_lock')").fetchone() == (None,):
            self.execute(self.format_sql(self.create_lock_table_sql))
        self.break_lock()

    def wait_for_locks(self, patience: str, *, always: bool = False) -> None:
        """How long to wait for a lock, until the transaction ends, or always from now on."""
        self.execute(
            "SELECT set_config('lock_timeout', :patience, :this_one)", {"patience": patience, "this_one": not always}
        )

    def _has_turn(self) -> bool:
        """Whether nobody else migrates, from now on.

        It is asked again, and not waited for: an index that is built beside everybody's work waits for the end of
        every statement that began before, so that two who migrate would wait for each other.
        """
        with self.transaction():
            # It is the session's, so it stays when this transaction ends.
            row = self.execute("SELECT pg_try_advisory_lock(:number)", {"number": MIGRATING}).fetchone()
        return bool(row[0])


def migrate(dsn: str) -> list[str]:
    """Bring the schema up to date with the files in sql/, once and in order; answers the names applied now.

    Each file is applied in a transaction, together with the note that it is, so that it can be tried again whatever
    happens. It waits for a lock for a short time only, since everybody who comes after it waits behind it. One that
    builds indexes beside everybody's work runs outside, waits for longer, and can be begun again at any line.
    Raises MigrationBusyError, and what `db_session.pin_migrations` does.
    """
    # The runner reads addresses of one server; as parameters, those of several reach libpq as they are.
    options = conninfo_to_dict(database_url.read(dsn).conninfo)
    with translated():
        runner = _Runner(parse_uri(f"postgresql+psycopg://?{urlencode(options)}"), default_migration_table)
        try:
            runner.init_database()
            with as_file(files("hashrail") / "sql") as folder:
                return _apply(runner, str(folder))
        except (psycopg.errors.LockNotAvailable, LockTimeout) as error:
            raise MigrationBusyError("somebody else holds what the migration needs") from error
        finally:
            runner.connection.close()


def _apply(runner: _Runner, folder: str) -> list[str]:
    waiting = runner.to_apply(yoyo.read_migrations(folder))
    for migration in waiting:
        migration.load()
        if not migration.use_transactions:
            runner.wait_for_locks(f"{MIGRATING_PATIENCE // timedelta(milliseconds=1)}ms", always=True)
            runner.commit()
            migration.process_steps(runner, "apply")
        with runner.transaction():
            runner.wait_for_locks(MIGRATION_PATIENCE)
            if migration.use_transactions:
                migration.process_steps(runner, "apply")
            runner.mark_one(migration)
    return [migration.id for migration in waiting]


async def migrate_in_thread(dsn: str) -> list[str]:
    """`migrate` from a coroutine: the runner blocks."""
    return await asyncio.to_thread(migrate, dsn)
