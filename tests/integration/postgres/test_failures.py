"""Failures of PostgreSQL, each provoked: what whoever asked is told, what was changed, and that it works after."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from urllib.parse import urlencode

import asyncpg
import psycopg
import pytest

from hashrail import database_url, db, sqlstates
from hashrail.db_session import STATEMENT_SECONDS
from hashrail.sqlstates import (
    BusyError,
    DatabaseDownError,
    DatabaseFullError,
    DatabaseReadOnlyError,
    DatabaseRightsError,
    UnknownOutcomeError,
)
from tests.support.acting import act_on_session, act_on_waiting_commit
from tests.support.clusters import Cluster, cluster, small_disk, standby
from tests.support.cut_line import line_to

WRITE = "INSERT INTO noted (text) VALUES ($1)"


@pytest.fixture
async def noted(pool: db.Pool) -> db.Pool:
    """A table to write in."""
    await pool.execute("CREATE TABLE noted (text text PRIMARY KEY)")
    return pool


async def write(pool: db.Pool, text: str = "x") -> None:
    async with db.transaction(pool) as tx:
        await tx.execute(WRITE, text)


async def count(pool: db.Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM noted")
    return found


async def check_told(kind: type[Exception], work: Awaitable[object]) -> None:
    """Exactly this is raised."""
    with pytest.raises(kind) as raised:
        await work
    assert type(raised.value) is kind, raised.value


# Locks, deadlines, cancelled statements: nothing was changed, send it again


async def test_a_lock_that_is_not_given(noted: db.Pool) -> None:
    async def wait() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute(WRITE, "second")
            await tx.execute("SET LOCAL lock_timeout = '20ms'")
            await tx.execute("LOCK TABLE publication")

    async with db.transaction(noted) as holder:
        await holder.execute("LOCK TABLE publication")
        await check_told(BusyError, wait())
    assert await count(noted) == 0


async def test_a_statement_that_takes_too_long(noted: db.Pool) -> None:
    async def sleep() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute(WRITE, "x")
            await tx.execute("SET LOCAL statement_timeout = '20ms'")
            await tx.execute("SELECT pg_sleep(5)")

    await check_told(BusyError, sleep())
    assert await count(noted) == 0
    await write(noted)


async def test_a_statement_that_is_cancelled(noted: db.Pool) -> None:
    async def sleep() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute("SELECT pg_sleep(30)")

    sleeping = asyncio.create_task(sleep())
    await act_on_session(noted, "pg_cancel_backend")
    await check_told(BusyError, sleeping)
    await write(noted)


async def test_a_deadlock(noted: db.Pool) -> None:
    """PostgreSQL ends one of the two, and the other one goes on."""
    await noted.execute("INSERT INTO noted VALUES ('a'), ('b')")
    both = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with db.transaction(noted) as tx:
            await tx.execute("SET LOCAL deadlock_timeout = '20ms'")
            await tx.execute("UPDATE noted SET text = text WHERE text = $1", first)
            await both.wait()
            await tx.execute("UPDATE noted SET text = text WHERE text = $1", second)

    ends = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    assert {type(end) for end in ends} == {BusyError, type(None)}


async def test_a_serialization_failure(noted: db.Pool) -> None:
    await noted.execute("INSERT INTO noted VALUES ('a')")
    connection = await noted.acquire()
    own = connection.transaction(isolation="repeatable_read")
    await own.start()
    await connection.fetchval("SELECT count(*) FROM noted")
    await noted.execute("UPDATE noted SET text = 'b'")
    with pytest.raises(asyncpg.SerializationError) as raised:
        await connection.execute("UPDATE noted SET text = 'c'")
    assert type(sqlstates.refusal(raised.value)) is BusyError
    await own.rollback()
    await noted.release(connection)


async def test_a_transaction_that_stands_still(noted: db.Pool) -> None:
    async def stand() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute(WRITE, "x")
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
            await asyncio.sleep(0.2)
            await tx.execute(WRITE, "y")

    with pytest.raises((BusyError, DatabaseDownError)):
        await stand()
    assert await count(noted) == 0
    await write(noted)


async def test_a_pool_that_is_used_up(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "ACQUIRE_SECONDS", 0.05)
    single = await db.open_pool(dsn, connections=1)
    async with db.transaction(single):
        await check_told(BusyError, single.fetchval("SELECT 1"))
    assert await single.fetchval("SELECT 1") == 1
    await single.close()


async def test_a_schema_that_changes_meanwhile(noted: db.Pool, dsn: str) -> None:
    """What was prepared before a migration is prepared anew the next time."""
    single = await db.open_pool(dsn, connections=1)
    await single.fetch("SELECT * FROM noted")
    await noted.execute("ALTER TABLE noted ADD COLUMN more int")

    async def read() -> None:
        async with db.transaction(single) as tx:
            await tx.fetch("SELECT * FROM noted")

    await check_told(BusyError, read())
    await read()
    await single.close()


# Lines that are lost


async def test_a_session_that_is_ended_while_it_works(noted: db.Pool) -> None:
    async def sleep() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute(WRITE, "x")
            await tx.execute("SELECT pg_sleep(30)")

    sleeping = asyncio.create_task(sleep())
    await act_on_session(noted, "pg_terminate_backend")
    await check_told(DatabaseDownError, sleeping)
    assert await count(noted) == 0


async def test_a_session_that_is_ended_between_two_statements(noted: db.Pool) -> None:
    """Its commit is known not to have been sent."""

    async def pause() -> None:
        async with db.transaction(noted) as tx:
            await tx.execute(WRITE, "x")
            pid = await tx.fetchval("SELECT pg_backend_pid()")
            await noted.fetchval("SELECT pg_terminate_backend($1::integer, 5000)", pid)
            await asyncio.sleep(0.05)

    with pytest.raises(DatabaseDownError) as raised:
        await pause()
    assert type(raised.value) in (DatabaseDownError, UnknownOutcomeError)
    assert await count(noted) == 0


async def test_idle_sessions_that_are_ended(noted: db.Pool, dsn: str) -> None:
    """The first to use each may be told so; nobody else."""
    await asyncio.gather(*(noted.fetchval("SELECT pg_sleep(0.05)") for _ in range(10)))
    other = await asyncpg.connect(dsn)
    await other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.close()
    ends = await asyncio.gather(*(write(noted, str(n)) for n in range(10)), return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), DatabaseDownError}
    await asyncio.gather(*(write(noted, f"again {n}") for n in range(10)))


async def test_a_line_that_is_cut_while_committing(noted: db.Pool, dsn: str) -> None:
    """The commit arrives, and the word of it does not come back: nobody says that nothing was changed."""
    with line_to(dsn) as line:
        through = await db.open_pool(line.dsn, connections=1, statement_seconds=1)
        await write(through, "before")
        line.cut()
        await check_told(UnknownOutcomeError, write(through, "cut"))
        through.terminate()
    assert await count(noted) == 2


async def test_out_of_connections(server: str, dsn: str) -> None:
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1".encode())
    limited = f"postgresql://?{urlencode({**database_url.read(dsn).options, 'user': role})}"
    single = await db.open_pool(limited, connections=2)

    async def second() -> None:
        async with db.transaction(single):
            pass

    async with db.transaction(single):
        await check_told(DatabaseFullError, second())
    await second()
    await single.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {role}".encode())


async def test_a_right_that_is_missing(server: str, dsn: str) -> None:
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    stranger = await db.open_pool(f"postgresql://?{urlencode({**database_url.read(dsn).options, 'user': role})}")

    async def read() -> None:
        async with db.transaction(stranger) as tx:
            await tx.fetch("SELECT id FROM partner")

    await check_told(DatabaseRightsError, read())
    await stranger.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {role}".encode())


# Servers of the test's own: stopped, frozen, full, following


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as started:
        started.run("CREATE TABLE noted (text text PRIMARY KEY)")
        yield started


@pytest.fixture
async def books(own: Cluster) -> AsyncIterator[db.Pool]:
    own.run("TRUNCATE noted")
    opened = await db.open_pool(own.dsn, connections=4, statement_seconds=1)
    yield opened
    opened.terminate()


async def test_a_server_that_restarts(own: Cluster, books: db.Pool) -> None:
    """Between the two, whoever asks is told that it is down; after, the same pool works on."""
    await write(books, "before")
    own.stop()
    await check_told(DatabaseDownError, write(books, "between"))
    await check_told(DatabaseDownError, write(books, "still"))
    own.start()
    await write_again(books, "after")
    assert await count(books) == 2


async def write_again(pool: db.Pool, text: str) -> None:
    """Write once more where a connection of before was in the pool."""
    try:
        await write(pool, text)
    except DatabaseDownError:
        await write(pool, text)


async def test_a_server_that_stands_still(own: Cluster, books: db.Pool) -> None:
    """It is given up after the time of a statement, and its sessions are not used again."""
    await write(books, "before")
    loop = asyncio.get_running_loop()
    with own.frozen():
        began = loop.time()
        await check_told(DatabaseDownError, write(books, "frozen"))
        assert loop.time() - began < STATEMENT_SECONDS / 2
    await write_again(books, "after")
    assert await count(books) == 2


async def test_a_commit_that_no_standby_knows_of(own: Cluster, books: db.Pool) -> None:
    """It is there, and a failover could take it back: nobody says that it is done, nor that it is not."""
    own.wait_for_nobody()
    try:
        await check_told(UnknownOutcomeError, write(books, "waits"))  # the time of a statement is over
        for action in ("pg_cancel_backend", "pg_terminate_backend"):
            patient = await db.open_pool(own.dsn, connections=1)
            writing = asyncio.create_task(write(patient, action))
            await act_on_waiting_commit(books, action, "noted")
            await check_told(UnknownOutcomeError, writing)
            patient.terminate()
    finally:
        own.set("synchronous_standby_names", "''")
    assert await count(books) == 3


async def test_what_was_read_is_confirmed(own: Cluster, books: db.Pool) -> None:
    """A transaction that only read waits for the standbys as well, where it asks to."""
    own.wait_for_nobody()

    async def confirmed() -> None:
        async with db.transaction(books) as tx:
            await tx.fetchval("SELECT count(*) FROM noted")
            await db.confirm(tx)

    try:
        assert await count(books) == 0
        await check_told(UnknownOutcomeError, confirmed())
    finally:
        own.set("synchronous_standby_names", "''")
    await confirmed()


async def test_a_standby_that_is_promoted() -> None:
    """It is read, and not written; from the moment of its promotion the same pool writes."""
    with cluster() as primary:
        primary.run("CREATE TABLE noted (text text PRIMARY KEY)")
        primary.stop()
        with standby(primary.data_dir, primary.dsn) as following:
            await check_told(DatabaseReadOnlyError, db.reach(following.dsn))
            await check_told(DatabaseReadOnlyError, db.migrate_in_thread(following.dsn))
            pool = await db.open_pool(following.dsn, connections=4)
            assert await count(pool) == 0
            async with db.snapshot(pool) as tx:
                assert await tx.fetchval("SELECT count(*) FROM noted") == 0
            await asyncio.gather(*(check_told(DatabaseReadOnlyError, write(pool, str(n))) for n in range(8)))
            following.run("SELECT pg_promote()")
            await asyncio.gather(*(write(pool, str(n)) for n in range(8)))
            assert await count(pool) == 8
            await pool.close()
        primary.start()


async def test_hosts_of_which_one_writes(server: str) -> None:
    """`read-write` finds the primary among the hosts, behind a standby and a host that is not there."""
    with cluster() as first, cluster() as second:
        first.stop()
        with standby(first.data_dir, first.dsn) as following:
            hosts = [database_url.read(each.dsn).options["host"] for each in (following, second)]
            for wanted in ("read-write", "primary"):
                dsn = f"postgresql://hashrail@/hashrail?host=/nowhere,{','.join(hosts)}&target_session_attrs={wanted}"
                await db.reach(dsn)
                assert await db.migrate_in_thread(dsn) == []
            for wanted in ("standby", "prefer-standby"):
                dsn = f"postgresql://hashrail@/hashrail?host=/nowhere,{','.join(hosts)}&target_session_attrs={wanted}"
                await check_told(DatabaseReadOnlyError, db.reach(dsn))
            only = f"postgresql://hashrail@/hashrail?host={hosts[0]}&target_session_attrs=primary"
            with pytest.raises(asyncpg.TargetServerAttributeNotMatched) as raised:
                await db.reach(only)
            assert type(sqlstates.refusal(raised.value)) is DatabaseDownError
        first.start()


async def test_a_disk_that_is_full() -> None:
    with small_disk(200) as place:
        if place is None:
            pytest.skip("a small disk needs the right to mount: run as root")
        with cluster(place) as small:
            small.run("CREATE TABLE noted (text text PRIMARY KEY)", "CREATE TABLE bulk (text text)", "CHECKPOINT")
            pool = await db.open_pool(small.dsn, connections=2)
            filling = small.fill(leave_bytes=200_000)

            async def grow() -> None:
                async with db.transaction(pool) as tx:
                    await tx.execute("INSERT INTO bulk SELECT repeat('x', 1000) FROM generate_series(1, 2000)")

            await check_told(DatabaseFullError, grow())
            filling.unlink()
            await grow()
            await write(pool)
            await pool.close()
