"""Databases for tests: a server of our own, a template with the whole schema, and copies of it.

Many hundreds are made and dropped, so one connection makes them all: a new one costs as much as a copy. On quiet
cores a database takes 25 ms of processor time instead of 50.
"""

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import psycopg
import yoyo

from hashrail import db
from hashrail.postgres import distributing, job_queue
from hashrail.postgres import server as postgres_server
from hashrail.postgres.server import EmbeddedPostgres
from tests.support import citus, folders

# What is lost with the power need not be on a disk.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
# A statement is planned once in a session, as in those that are older than a test, and not for each of its values.
PLANS = {"plan_cache_mode": "force_generic_plan"}
COPYING_FILES = 150_000
# What most tests rely on: a clock that they may move, addresses of the network that everybody knows, and no chain.
# Sessions of processes that listen: the last that they asked, when they begin and every ten seconds.
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT clock_timestamp()'"
CUT_LISTENERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT clock_timestamp()')
      AND pid <> pg_backend_pid()"""
A_DEPLOYMENT = """
    INSERT INTO deployment (id, mode, network, chain, epoch, created_at)
    VALUES (1, 'sandbox', 'bitcoin', 'none', md5(random()::text), now())"""


def with_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def migrate_before(dsn: str, first: str) -> list[str]:
    """Apply the migrations that come before one, as a program did that had no others."""
    read = yoyo.read_migrations
    with patch.object(yoyo, "read_migrations", lambda folder: read(folder).filter(lambda one: one.id < first)):
        return db.migrate(dsn)


@contextmanager
def open_server() -> Iterator[str]:
    """DSN of a server on which databases may be created: a coordinator of Citus that HASHRAIL_TEST_CITUS_URL names,
    HASHRAIL_TEST_DATABASE_URL, or one of our own.
    """
    with ExitStack() as ends:
        named = citus.coordinator() or os.environ.get("HASHRAIL_TEST_DATABASE_URL")
        dsn = named or ends.enter_context(_server_of_our_own())
        yield dsn
        admin(dsn).close()
        if citus.is_one(dsn):
            citus.close(dsn)


@contextmanager
def _server_of_our_own() -> Iterator[str]:
    place = folders.quick()
    with tempfile.TemporaryDirectory(prefix="hashrail-test-", dir=place, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        postgres = EmbeddedPostgres(Path(folder) / "data")
        # As it starts, and not for the servers that tests start beside it.
        with patch.dict(postgres_server.SETTINGS, FORGETFUL | PLANS):
            postgres.start()
        try:
            yield postgres.dsn
        finally:
            postgres.stop()


def can_connect(dsn: str) -> bool:
    """Whether a server or a pooler lets sessions in by now."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


@cache
def admin(server: str) -> psycopg.Connection[tuple[object, ...]]:
    """The connection that makes and drops databases."""
    return psycopg.connect(server, autocommit=True)


def make_template(server: str) -> str:
    """The name of a database with the whole schema, to copy from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    if citus.is_one(server):
        citus.create(server, name)
    else:
        admin(server).execute(f"CREATE DATABASE {name}")
    db.migrate(with_database(server, name))
    job_queue.install(with_database(server, name))
    if citus.is_one(server):
        asyncio.run(distributing.distribute(with_database(server, name), citus.SHARDS))
    with psycopg.connect(with_database(server, name)) as connection:
        connection.execute(A_DEPLOYMENT)
    return name


@contextmanager
def copy_of(server: str, dsn: str) -> Iterator[str]:
    """DSN of a copy of a test's database as it is, which nobody may be connected to meanwhile."""
    name, source = f"test_{uuid.uuid4().hex[:12]}", urlsplit(dsn).path[1:]
    if citus.is_one(server):
        citus.copy_kept(server, name, source)
    else:
        admin(server).execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())
    try:
        yield with_database(server, name)
    finally:
        _drop(server, name)


@contextmanager
def database(server: str, template: str | None) -> Iterator[str]:
    """DSN of a database that is there until the block ends: a copy of the template, or empty without one."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = admin(server)
    like = "" if template is None else f" TEMPLATE {template}"
    how = " STRATEGY FILE_COPY" if connection.info.server_version >= COPYING_FILES else ""
    if citus.is_one(server) and template is not None:
        citus.copy(server, name, template, how)
    else:
        connection.execute(f"CREATE DATABASE {name}{like}{how}")
    if template is not None:
        with psycopg.connect(with_database(server, name)) as own:
            # A deployment of its own, which the journal of no other one tells of.
            own.execute("UPDATE deployment SET epoch = %s", (uuid.uuid4().hex,))
    try:
        yield with_database(server, name)
    finally:
        _drop(server, name, is_spread=template is not None)


def _drop(server: str, name: str, *, is_spread: bool = True) -> None:
    if citus.is_one(server) and is_spread:
        citus.drop(server, name)
    else:
        admin(server).execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
