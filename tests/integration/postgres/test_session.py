"""What a session is fixed to, whatever server, database, role and DATABASE_URL set; and which database is refused."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import asyncpg
import procrastinate
import psycopg
import pytest

from hashrail import database_url, db, db_session
from hashrail.db_session import OF_MIGRATIONS, OF_THE_QUEUE, PINS, DatabaseEncodingError, DatabaseSessionError
from hashrail.postgres import job_queue
from tests.support.databases import with_database

# For each pin another value, as an operator could have set it.
OTHERS = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "client_min_messages": "error",
    "client_encoding": "LATIN1",
    "search_path": "nowhere",
    "TimeZone": "Asia/Tokyo",
    "session_replication_role": "replica",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "exit_on_error": "on",
    "lock_timeout": "1ms",
    "statement_timeout": "1ms",
    "transaction_timeout": "300ms",
    "idle_in_transaction_session_timeout": "300ms",
    "idle_session_timeout": "300ms",
    "jit": "on",
}
SHOWN = {"lock_timeout": "20s", "statement_timeout": "50s", "idle_in_transaction_session_timeout": "1min"}
# What may stand in a URL beside it; the times would be over before anything is said.
HARMLESS = [name for name in OTHERS if not name.endswith("_timeout")]
READ = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)"


def expected(known: set[str], others: dict[str, str] | None = None) -> dict[str, str]:
    values = {pin.name: SHOWN.get(pin.name, pin.value) for pin in PINS} | (others or {})
    return {name: value for name, value in values.items() if name in known}


def name_of(dsn: str) -> str:
    return database_url.read(dsn).options["dbname"]


@pytest.fixture
def hostile(server: str, dsn: str) -> str:
    """The test's database, after an operator has set everything otherwise."""
    with psycopg.connect(server, autocommit=True) as connection:
        known = {row[0] for row in connection.execute("SELECT name FROM pg_settings").fetchall()}
        for name, value in OTHERS.items():
            if name in known:
                connection.execute(f"ALTER DATABASE {name_of(dsn)} SET {name} = '{value}'".encode())
    return dsn


async def settings_of(reader: db.Reader) -> dict[str, str]:
    rows = await reader.fetch(READ.replace("%s", "$1"), list(OTHERS))
    return {row["name"]: row["current_setting"] for row in rows}


def test_every_pin_is_tried() -> None:
    assert set(OTHERS) == {pin.name for pin in PINS}
    assert all(pin.why for pin in PINS)


async def test_the_pool_whatever_the_database_sets(hostile: str) -> None:
    pool = await db.open_pool(hostile)
    found = await settings_of(pool)
    assert found == expected(set(found))
    async with db.transaction(pool) as tx:
        assert await tx.fetchval("SHOW transaction_isolation") == "read committed"
        assert await tx.fetchval("SHOW transaction_read_only") == "off"
        await tx.execute("UPDATE publication SET id = id")
    async with db.snapshot(pool) as tx:
        assert await tx.fetchval("SHOW transaction_isolation") == "repeatable read"
    await pool.close()


async def test_whatever_the_role_and_the_url_set(server: str, dsn: str) -> None:
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} SUPERUSER LOGIN".encode())
        for name in HARMLESS:
            connection.execute(f"ALTER ROLE {role} SET {name} = '{OTHERS[name]}'".encode())
    words = " ".join(f"-c {name}={OTHERS[name].replace(' ', chr(92) + ' ')}" for name in HARMLESS)
    options = dict(database_url.read(dsn).options) | {"user": role, "options": words, "client_encoding": "LATIN1"}
    pool = await db.open_pool(f"postgresql://?{urlencode(options, quote_via=quote)}")
    found = await settings_of(pool)
    assert found == expected(set(found))
    await pool.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {role}".encode())


async def test_the_listener_and_the_queue(hostile: str) -> None:
    await asyncio.to_thread(job_queue.install, hostile)
    listener = await db.connect(hostile)
    found = await settings_of(listener)
    assert found == expected(set(found))
    await listener.close()
    queue = job_queue.queue(hostile)
    async with queue.open_async():
        rows = await queue.connector.execute_query_all_async(READ.replace("%s", "%(names)s"), names=list(OTHERS))
        assert {row["name"]: row["current_setting"] for row in rows} == expected(set(found), OF_THE_QUEUE)
        assert list(await queue.job_manager.list_jobs_async()) == []


async def test_the_queue_gives_up_a_line_that_is_dead(dsn: str) -> None:
    """A worker whose host was cut off connects anew; what DATABASE_URL says counts."""
    more = f"{dsn}{'&' if '?' in dsn else '?'}keepalives_idle=7"
    for url, said in ((dsn, {}), (more, {"keepalives_idle": "7"})):
        queue = job_queue.queue(url)
        assert isinstance(queue.connector, procrastinate.PsycopgConnector)
        async with queue.open_async(), queue.connector.pool.connection() as connection:
            found = connection.info.get_parameters()
            assert {name: found[name] for name in job_queue.LINE} == job_queue.LINE | said


def test_migrations(server: str, hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They find their tables, write, and wait as long as it takes."""
    seen: dict[str, str] = {}

    def look(connection: psycopg.Connection) -> None:
        pin(connection)
        seen.update(connection.execute(READ, (list(OTHERS),)).fetchall())

    pin = db_session.pin_migrations
    monkeypatch.setattr(db_session, "pin_migrations", look)
    assert db.migrate(hostile) == []
    assert seen == expected(set(seen), OF_MIGRATIONS)


def test_an_empty_database_whose_search_path_leads_nowhere(server: str) -> None:
    with a_database(server, "SET search_path = ''", "SET default_transaction_read_only = on") as dsn:
        names = db.migrate(dsn)
        assert names
        assert db.migrate(dsn) == []
        assert job_queue.install(dsn)
        assert job_queue.install(dsn) == []
        with psycopg.connect(dsn) as connection:
            found = connection.execute(
                "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relname IN ('partner', '_yoyo_migration', 'miner')"
            ).fetchall()
        assert found == [("public",)]


async def test_a_stronger_synchronous_commit_stays(server: str, dsn: str) -> None:
    for given, kept in (("remote_apply", "remote_apply"), ("remote_write", "on"), ("local", "on"), ("off", "on")):
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name_of(dsn)} SET synchronous_commit = {given}".encode())
        connected = await db.connect(dsn)
        assert await connected.fetchval("SHOW synchronous_commit") == kept
        await connected.close()


async def test_what_only_a_superuser_may_set_back(server: str, dsn: str) -> None:
    """A role that may not is told which setting, and nothing is done with triggers off."""
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute(f"ALTER ROLE {role} SET session_replication_role = replica".encode())
    options = dict(database_url.read(dsn).options) | {"user": role}
    with pytest.raises(DatabaseSessionError, match="session_replication_role"):
        await db.open_pool(f"postgresql://?{urlencode(options)}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {role}".encode())


@contextmanager
def a_database(server: str, *settings: str, options: str = "") -> Iterator[str]:
    name = f"other_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}".encode())
        for setting in settings:
            connection.execute(f"ALTER DATABASE {name} {setting}".encode())
        yield with_database(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
async def test_a_database_that_cannot_hold_every_name(server: str, encoding: str) -> None:
    """Refused before anything is made in it, by every connection."""
    with a_database(server, options=f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0") as dsn:
        for refused in (db.open_pool, db.connect, db.reach, db.migrate_in_thread):
            with pytest.raises(DatabaseEncodingError, match=f"encoded in {encoding}, not in UTF8"):
                await refused(dsn)
        with pytest.raises(DatabaseEncodingError):
            await asyncio.to_thread(job_queue.install, dsn)
        with psycopg.connect(dsn) as connection:
            made = connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
            assert made.fetchone() == (0,)


async def test_purchases_of_a_crowd_under_another_isolation(hostile: str) -> None:
    """They wait for each other and read what the other has written: nobody is refused."""
    pool = await db.open_pool(hostile, connections=8)
    await pool.execute("CREATE TABLE counted (n int)")
    await pool.execute("INSERT INTO counted VALUES (0)")

    async def buy() -> None:
        async with db.transaction(pool) as tx:
            n = await tx.fetchval("SELECT n FROM counted FOR UPDATE")
            await tx.execute("UPDATE counted SET n = $1", n + 1)

    await asyncio.gather(*(buy() for _ in range(40)))
    assert await pool.fetchval("SELECT n FROM counted") == 40
    await pool.close()


async def test_a_temporary_table_hides_none(dsn: str) -> None:
    connection = await db.connect(dsn)
    await connection.execute("CREATE TEMPORARY TABLE partner (id int)")
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("INSERT INTO partner (id) VALUES (1)")  # the real one wants more
    await connection.close()
