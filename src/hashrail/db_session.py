"""A session with PostgreSQL, as the code relies on it, whatever server, database, role and DATABASE_URL set.

Each connection of ours begins here: those of the pool, the listener's, the queue's and the migrations'. Settings are
fixed by a statement and not when a session begins, because a pooler between may refuse what it does not know.

A pooler is fine as long as a session stays on one connection. One that gives each transaction another connection (or
each statement) takes away what was fixed, prepared statements and announcements; it is found out and refused here, and
has a setting and sessions of its own (`db_pooled`). What gives a pooler away is the number of the server's process: the
one that was announced is the pooler's own invention.
"""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import asyncpg
import psycopg
from asyncpg.connect_utils import SessionAttribute

from hashrail import sqlstates
from hashrail.database_url import Target
from hashrail.errors import UnavailableError
from hashrail.settings import BadSettingError
from hashrail.sqlstates import DatabasePooledError, DatabaseReadOnlyError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
STATEMENT_SECONDS = 60
ENCODING = "UTF8"
# So often the same question is put to a pooler: it may have been busy with others.
POOLER_TRIALS = 3


class DatabaseEncodingError(UnavailableError):
    """The database is not encoded in UTF-8, so it cannot hold every name."""

    code = "DATABASE_ENCODING"
    advice = (
        "Make another database: createdb --encoding=UTF8 --template=template0 NAME, and move the data with pg_dump."
    )


class DatabaseSessionError(UnavailableError):
    """A setting of the database that the books rely on has another value, and this role may not change it."""

    code = "DATABASE_SESSION"
    advice = "As a superuser: ALTER DATABASE NAME RESET setting, or ALTER ROLE NAME RESET setting."


@dataclass(frozen=True, slots=True)
class Pin:
    """A setting of a session, what it is fixed to, and why."""

    name: str
    value: str
    why: str


PINS = (
    Pin(
        "default_transaction_isolation", "read committed", "locks are taken first, and what is read after is the newest"
    ),
    Pin("default_transaction_read_only", "off", "every process writes"),
    Pin("default_transaction_deferrable", "off", "a reading does not wait for its moment"),
    Pin("synchronous_commit", "on", "what was answered is not lost; `remote_apply`, which is more, stays"),
    Pin("client_min_messages", "notice", "a commit that no standby knows of is told by a warning"),
    Pin("client_encoding", ENCODING, "texts are UTF-8"),
    Pin("search_path", "public, pg_temp", "tables are found by their names, and temporary ones hide none"),
    Pin("TimeZone", "UTC", "days are UTC days"),
    Pin("session_replication_role", "origin", "triggers and foreign keys are kept"),
    Pin("standard_conforming_strings", "on", "a backslash in SQL is a backslash"),
    Pin("transform_null_equals", "off", "NULL is equal to nothing"),
    Pin("exit_on_error", "off", "a refusal ends a statement, not the session"),
    Pin("lock_timeout", "20s", "whoever waits for a lock is told BUSY"),
    Pin("statement_timeout", "50s", "a statement is given up before the program gives up the line"),
    Pin("transaction_timeout", "0", "closing a day may take long"),
    Pin("idle_in_transaction_session_timeout", "60s", "a program that stands still does not hold locks for ever"),
    Pin("idle_session_timeout", "0", "connections of the pool and the listener's are idle for hours"),
    Pin("jit", "off", "statements are short: to compile one takes longer than to run it"),
)
# What could end a session before its first statement has fixed the rest. A pooler may refuse to begin with it.
EARLY = {
    "statement_timeout": "50s",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    # Where Citus is, it hides parts of tables from whoever reads the catalogue, by a look at each: the types that a new
    # connection asks for took seconds.
    "citus.override_table_visibility": "off",
    # One connection to each server does all of a transaction, so that a day may be written after partners were read.
    "citus.multi_shard_modify_mode": "sequential",
}
# Migrations rewrite tables, which takes as long as it takes. Where Citus is, new tables stay ordinary ones until they
# are spread: it would let none that it has taken up itself refer to one that is spread.
OF_MIGRATIONS = {"statement_timeout": "0", "citus.enable_local_reference_table_foreign_keys": "off"}
OF_THE_QUEUE = {"search_path": "procrastinate, public, pg_temp"}

# What is right already is left alone, for some of these only a superuser may set; so is what an old server lacks. With
# a third argument nothing is set on the connection of another process than that.
PIN = """
    WITH pinned AS MATERIALIZED (
        SELECT pg_catalog.set_config(name, value, false)
        FROM unnest($1::text[], $2::text[]) AS pin (name, value)
        WHERE pg_catalog.current_setting(name, true) <> value
          AND NOT (name = 'synchronous_commit' AND pg_catalog.current_setting(name) = 'remote_apply')
          AND pg_catalog.pg_backend_pid() = coalesce($3::int, pg_catalog.pg_backend_pid()))
    SELECT pg_catalog.pg_backend_pid() AS process, pg_catalog.current_setting('server_encoding') AS encoding,
           pg_catalog.pg_is_in_recovery() AS standby, (SELECT count(*) FROM pinned) AS pinned"""
PROCESS = "SELECT pg_catalog.pg_backend_pid()"


class Sessions:
    """Opens the sessions of one target, and remembers which processes of the server they are with."""

    def __init__(self, target: Target, statement_seconds: int = STATEMENT_SECONDS) -> None:
        self.target = target
        self.statement_seconds = statement_seconds
        self._early = EARLY
        self._processes: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()

    async def open(self) -> Connection:
        """A connection with everything fixed. Raises BadSettingError, DatabaseEncodingError, DatabaseSessionError,
        DatabasePooledError; and whatever asyncpg raises where it cannot connect.
        """
        connection = await self._dial()
        with ExitStack() as undo:
            undo.callback(connection.terminate)
            self._processes[connection] = await self._fix(connection)
            undo.pop_all()
        return connection

    async def _fix(self, connection: Connection) -> int:
        """Fix the settings; the number of the server's process."""
        announced = connection.get_server_pid()
        try:
            process = await _pin(connection, announced)
            if process == announced:
                return process
            if not any(not other.is_closed() for other in self._processes):
                await self._refuse_exchange(connection)
            process = await _pin(connection, None)
        except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError) as error:
            raise DatabasePooledError("a pooler gives each transaction another connection") from error
        if any(process == known and not other.is_closed() for other, known in self._processes.items()):
            raise DatabasePooledError("a pooler gives two sessions one connection")
        return process

    async def _refuse_exchange(self, one: Connection) -> None:
        """Raise DatabasePooledError unless a session keeps its connection, by itself and while another one works."""
        other = await self._dial()
        try:
            for _ in range(POOLER_TRIALS):
                process = await one.fetchval(PROCESS)
                alone = await one.fetchval(PROCESS)
                beside = await self._begun(other, one)
                if beside == process or not alone == await one.fetchval(PROCESS) == process:
                    raise DatabasePooledError("a pooler gives each transaction another connection")
                await other.execute("ROLLBACK")
        except TimeoutError:
            return  # the pooler has no second connection, since the first one is kept for us
        finally:
            with suppress(*sqlstates.DATABASE_ERRORS):
                await other.close(timeout=self.target.connect_seconds)

    async def _dial(self) -> Connection:
        try:
            return await dial(self.target, self.statement_seconds, self._early)
        except asyncpg.ProtocolViolationError:
            if not self._early:
                raise
            self._early = {}
            return await self._dial()

    async def _begun(self, other: Connection, one: Connection) -> int:
        """The process of a session that has begun a transaction. Raises DatabasePooledError where it may begin none."""
        try:
            await other.execute("BEGIN", timeout=self.target.connect_seconds)
        except asyncpg.PostgresConnectionError as error:
            await one.fetchval(PROCESS)  # raises if it was the line
            raise DatabasePooledError("a pooler gives each statement another connection") from error
        process: int = await other.fetchval(PROCESS)
        return process


async def dial(
    target: Target, statement_seconds: int, early: Mapping[str, str], kind_of: type[Connection] = asyncpg.Connection
) -> Connection:
    """Connect to the first host that lets us in and is what is asked for; each host has its own time.

    Nothing but `early` is set. Raises BadSettingError, and what asyncpg raises where it cannot connect.
    """
    kinds = ("standby", "any") if target.wants == "prefer-standby" else (target.wants,)
    last: Exception | None = None
    for kind in kinds:
        for place in target.places():
            try:
                startup = {"server_settings": place["server_settings"] | early}
                ours = {"command_timeout": statement_seconds, "connection_class": kind_of}
                return await _dial_one(place | startup | ours, kind)
            except TimeoutError:
                last = asyncpg.ClientCannotConnectError(f"no answer within {target.connect_seconds} s")
            except OSError as error:
                last = asyncpg.ClientCannotConnectError(str(error))
            except (asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched) as error:
                last = error
    assert last is not None, "a target has at least one place"
    raise last


async def _dial_one(place: dict[str, Any], kind: str) -> Connection:
    try:
        connection: Connection = await asyncpg.connect(**place, target_session_attrs=SessionAttribute(kind))
    except asyncpg.ClientConfigurationError as error:
        raise BadSettingError(f"DATABASE_URL: {error}") from error
    return connection


async def _pin(connection: Connection, announced: int | None) -> int:
    try:
        row = await connection.fetchrow(PIN, *_values({}), announced)
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseSessionError(str(error.args[0])) from error
    assert row is not None, "a SELECT without FROM has one row"
    check_encoding(row["encoding"])
    process: int = row["process"]
    return process


async def pin_queue(connection: psycopg.AsyncConnection) -> None:
    """Fix what the queue relies on, in a session of psycopg's."""
    async with psycopg.AsyncRawCursor(connection) as cursor:
        await cursor.execute("SET statement_timeout = 0")
        row = await (await cursor.execute(PIN.encode(), (*_values(OF_THE_QUEUE), None))).fetchone()
    await connection.commit()
    assert row is not None, "a SELECT without FROM has one row"
    check_encoding(row[1])


def pin_migrations(connection: psycopg.Connection) -> None:
    """Fix what migrations rely on, in a session of psycopg's. Raises DatabaseEncodingError, DatabaseReadOnlyError."""
    try:
        with psycopg.RawCursor(connection) as cursor:
            cursor.execute("SET statement_timeout = 0")
            row = cursor.execute(PIN.encode(), (*_values(OF_MIGRATIONS), None)).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseSessionError(str(error)) from error
    connection.commit()
    assert row is not None, "a SELECT without FROM has one row"
    check_encoding(row[1])
    if row[2]:
        raise standby()


def standby() -> UnavailableError:
    """The refusal of a server that follows another one."""
    return DatabaseReadOnlyError("the server is a standby, which follows another one and takes no writes")


def _values(others: Mapping[str, str]) -> tuple[list[str], list[str]]:
    values = {pin.name: pin.value for pin in PINS} | dict(others)
    return [*values], [*values.values()]


def check_encoding(encoding: str) -> None:
    """Raises DatabaseEncodingError."""
    if encoding != ENCODING:
        raise DatabaseEncodingError(f"the database is encoded in {encoding}, not in {ENCODING}", encoding=encoding)
