"""Sessions by way of a pooler that gives each transaction another connection: pgbouncer in transaction mode.

Nothing that is fixed for a session would hold here. So each transaction begins with what others fix once
(`db_session.PINS`), for as long as it lasts, in the message that begins it; what is asked outside of one gets one of
its own. Statements stay prepared, if the pooler knows on which connection, which is tried at the beginning.

A lock or an announcement that belongs to a session does not come through. Who listens, migrates or works off jobs
connects to PostgreSQL itself.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.transaction import Transaction

from hashrail import database_url, db_session
from hashrail.db_session import PINS, STATEMENT_SECONDS, Connection, DatabaseSessionError, Pin
from hashrail.errors import UnavailableError
from hashrail.sqlstates import DatabasePooledError

# So often a statement is asked again on another connection than the one it was prepared on.
TRIALS = 20
# What BEGIN says itself, or matters between transactions only.
OF_A_SESSION = ("default_", "idle_session_timeout")
ENDS = ("COMMIT", "ROLLBACK")
SEEN = """
    SELECT pg_catalog.pg_backend_pid() AS process, pg_catalog.current_setting('server_encoding') AS encoding,
           (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS database,
           pg_catalog.pg_postmaster_start_time() AS started"""

DEFAULTS = """
    SELECT name, reset_val FROM pg_catalog.pg_settings
    WHERE name = ANY ($1) AND pg_catalog.has_parameter_privilege(name, 'SET')"""


class DatabasePoolerForgetsError(UnavailableError):
    """The pooler does not know which statements are prepared on the connection that it gives a transaction."""

    code = "DATABASE_POOLER_FORGETS"
    advice = "Use pgbouncer 1.21 or newer, with max_prepared_statements above 0: docs/how-to/own-postgresql.md."


class DatabasePoolerElsewhereError(UnavailableError):
    """The pooler leads to another database than DATABASE_URL, or to another server."""

    code = "DATABASE_POOLER_ELSEWHERE"
    advice = "Let HASHRAIL_DATABASE_POOLER_URL lead to the very database that DATABASE_URL names."


def _by_select() -> str:
    """The statement that fixes, until its transaction ends, what is not right already."""
    listed = ", ".join(f"('{pin.name}', '{pin.value}')" for pin in _pins())
    return f"""
        SELECT pg_catalog.set_config(name, value, true) FROM (VALUES {listed}) AS pin (name, value)
        WHERE pg_catalog.current_setting(name, true) <> value
          AND NOT (name = 'synchronous_commit' AND pg_catalog.current_setting(name) = 'remote_apply')"""  # noqa: S608


def _pins() -> list[Pin]:
    found = [pin for pin in PINS if not pin.name.startswith(OF_A_SESSION)]
    assert not any({"'", "\\"} & {*pin.name, *pin.value} for pin in found), "they are written into SQL as they are"
    return found


BY_SELECT = _by_select()


def _by_set(defaults: Mapping[str, str]) -> str:
    """The same without a query, which would be the moment of a transaction of one moment.

    `defaults` are what a connection begins with, of the settings that the server has and this role may change.
    """
    texts = []
    for pin in _pins():
        if pin.name in defaults:
            keeps = pin.name == "synchronous_commit" and defaults[pin.name] == "remote_apply"
            value = defaults[pin.name] if keeps else pin.value
            texts.append(f"SET LOCAL {pin.name} = {value if ', ' in value else repr(value)}")
    return "; ".join(texts)


class PooledConnection(asyncpg.Connection):
    """A session that may be another one in each transaction."""

    # How a transaction of one moment begins; of the server and the role, so the same in each session.
    by_set = ""

    def transaction(self, *, isolation: Any = None, readonly: bool = False, deferrable: bool = False) -> Transaction:
        """A transaction that says what it is, whatever the connection has as its default; or a savepoint in one."""
        if isolation is None and not self.is_in_transaction():
            isolation = "read_committed"
        return super().transaction(isolation=isolation, readonly=readonly, deferrable=deferrable)

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """As asyncpg's; what begins a transaction fixes everything for it in the same message.

        What ends one goes as it is, also where the server has none any more, which it says by a warning.
        """
        if query.startswith(ENDS):
            return await super().execute(query, *args, **options)
        if query.startswith("BEGIN ") and not self.is_in_transaction():
            writes = "" if "READ ONLY" in query else " READ WRITE"
            fixing = BY_SELECT if "READ COMMITTED" in query else self.by_set
            return await super().execute(f"{query.rstrip(';')}{writes} NOT DEFERRABLE; {fixing}", **options)
        async with self._inside():
            return await super().execute(query, *args, **options)

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        """As asyncpg's."""
        async with self._inside():
            await super().executemany(command, args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        async with self._inside():
            return await super().fetch(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        async with self._inside():
            return await super().fetchval(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        async with self._inside():
            return await super().fetchrow(query, *args, **options)

    @asynccontextmanager
    async def _inside(self) -> AsyncIterator[None]:
        """In the transaction that has begun, or in one of its own."""
        if self.is_in_transaction():
            yield
            return
        async with self.transaction():
            yield


class PooledSessions:
    """Opens sessions by way of the pooler that HASHRAIL_DATABASE_POOLER_URL names."""

    def __init__(self, url: str, statement_seconds: int = STATEMENT_SECONDS) -> None:
        self._target = database_url.read_pooler(url)
        self._statement_seconds = statement_seconds

    async def open(self) -> Connection:
        """A connection to the pooler. Raises BadSettingError, DatabasePooledError of a pooler in statement mode,
        DatabaseEncodingError, DatabaseSessionError; and whatever asyncpg raises where it cannot connect.
        """
        # A pooler may refuse to begin with settings that it does not know.
        connection = await db_session.dial(self._target, self._statement_seconds, {}, PooledConnection)
        assert isinstance(connection, PooledConnection)
        with ExitStack() as undo:
            undo.callback(connection.terminate)
            db_session.check_encoding((await self._seen(connection))["encoding"])
            rows = await connection.fetch(DEFAULTS, [pin.name for pin in PINS])
            connection.by_set = _by_set({row["name"]: row["reset_val"] for row in rows})
            undo.pop_all()
        return connection

    async def prove(self, direct: Connection) -> None:
        """The pooler leads where a direct connection leads, and keeps statements prepared.

        Raises DatabasePoolerElsewhereError, DatabasePoolerForgetsError, and what `open` does.
        """
        one = await self.open()
        try:
            here, there = await direct.fetchrow(SEEN), await self._seen(one)
            assert here is not None, "a SELECT without FROM has one row"
            if (here["database"], here["started"]) != (there["database"], there["started"]):
                raise DatabasePoolerElsewhereError("the pooler leads to another database than DATABASE_URL")
            other = await self.open()
            try:
                await self._prove_kept(one, other)
            finally:
                other.terminate()
        finally:
            one.terminate()

    async def _prove_kept(self, one: Connection, other: Connection) -> None:
        """A statement that was prepared on one connection is asked on another, if the pooler has a second one."""
        try:
            for _ in range(TRIALS):
                process = await one.fetchval(db_session.PROCESS)
                async with other.transaction():  # it gets the connection that was given back last, as a rule
                    await other.fetchval(db_session.PROCESS)
                    if await one.fetchval(db_session.PROCESS, timeout=self._target.connect_seconds) != process:
                        return
        except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError) as error:
            raise DatabasePoolerForgetsError("the pooler does not keep statements prepared") from error
        except TimeoutError:
            return  # there is no second connection

    async def _seen(self, connection: Connection) -> Any:
        try:
            return await connection.fetchrow(SEEN)
        except asyncpg.InsufficientPrivilegeError as error:
            raise DatabaseSessionError(str(error.args[0])) from error
        except asyncpg.PostgresConnectionError as error:
            await self._ask_without_transaction()  # raises if it was the line
            raise DatabasePooledError("a pooler gives each statement another connection") from error
        except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError) as error:
            raise DatabasePoolerForgetsError("the pooler does not keep statements prepared") from error

    async def _ask_without_transaction(self) -> None:
        connection = await db_session.dial(self._target, self._statement_seconds, {})
        try:
            await connection.execute("SELECT 1")
        finally:
            connection.terminate()
