"""Real PostgreSQL for every test: one server a run, one database a test, made from a migrated template."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
import pytest
import structlog
from hypothesis import settings
from structlog.testing import LogCapture
from structlog.typing import EventDict

from hashrail import db, operators, worker
from hashrail.embedded_postgres import EmbeddedPostgres
from hashrail.operators import Operator
from tests import folders
from tests.bitcoin import Node, running
from tests.world import World

# The same examples each time, so that a change is to blame when a test fails; HASHRAIL_EXAMPLES looks for new ones.
# No deadlines: a busy machine is no fault of the code.
settings.register_profile("hashrail", deadline=None, derandomize="HASHRAIL_EXAMPLES" not in os.environ)
settings.load_profile("hashrail")
# Where pytest makes the folders of single tests, some of which hold a database as well.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folders.quick())


def with_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """DSN of a server on which databases may be created: HASHRAIL_TEST_DATABASE_URL, or one of our own."""
    given = os.environ.get("HASHRAIL_TEST_DATABASE_URL")
    if given:
        yield given
        return
    place = folders.quick()
    with tempfile.TemporaryDirectory(prefix="hashrail-test-", dir=place, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data") as postgres:
            yield postgres.dsn


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A database with the whole schema, to copy from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    db.migrate(with_database(server, name))
    return name


@pytest.fixture
def dsn(server: str, template: str) -> Iterator[str]:
    """A database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield with_database(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[db.Pool]:
    """Connections to this test's database."""
    opened = await db.open_pool(dsn, connections=20)
    yield opened
    try:
        await opened.close()
    except asyncpg.InterfaceError:
        opened.terminate()


@pytest.fixture
async def world(pool: db.Pool) -> World:
    """A small deployment: a partner, levels and the sample catalogue, its clock ten days ago."""
    return await World.create(pool)


@pytest.fixture
async def olga(world: World) -> Operator:
    """An admin."""
    async with db.transaction(world.pool) as tx:
        return await operators.add(tx, name="olga", role="admin", password="a long enough one")


@pytest.fixture(scope="session")
def bitcoin_node() -> Iterator[Node]:
    """A Bitcoin node on regtest for tests that leave each other's wallets alone."""
    with running() as node:
        # Without a block of today it thinks that it is still downloading.
        node.mine(1)
        yield node


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[EventDict]:
    """What the worker logs in this process."""
    capture = LogCapture()
    monkeypatch.setattr(worker, "log", structlog.wrap_logger(structlog.PrintLogger(), processors=[capture]))
    return capture.entries
