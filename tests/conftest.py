"""Real PostgreSQL for every test: one server a run, one database a test, made from a migrated template."""

import gc
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import typer.testing
from argon2 import PasswordHasher
from hypothesis import settings

from hashrail import db
from hashrail.parties import operators, passwords
from hashrail.parties.operators import Operator
from tests.support import databases, folders
from tests.support.bitcoin_node import Node, running
from tests.support.statements import Statements, listened_to
from tests.support.world import World

# The same examples each time, so that a change is to blame when a test fails; HASHRAIL_EXAMPLES looks for new ones.
# No deadlines: a busy machine is no fault of the code.
settings.register_profile("hashrail", deadline=None, derandomize="HASHRAIL_EXAMPLES" not in os.environ)
settings.load_profile("hashrail")
# Where pytest makes the folders of single tests, some of which hold a database as well.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folders.quick())

# Tests leave little garbage, and to look for it at every 700 new objects is an eighth of what they take.
gc.set_threshold(50_000, 20, 20)

# A shell that runs tests in the background has them ignore Ctrl-C, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder gives the mark: what lies below tests/unit is marked `unit`."""
    for item in items:
        if item.path.is_relative_to(TESTS):
            item.add_marker(item.path.relative_to(TESTS).parts[0])


def pytest_collection_finish() -> None:
    """Nor is it looked for among the tests and what they import."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[PasswordHasher]:
    """A digest costs a twentieth of a second on purpose, and hundreds are made; answers what really makes them."""
    real = passwords.HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield real


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Clients read the file of all authorities before they call anybody: 15 ms each, and a thousand are made."""
    real = ssl.create_default_context
    of_file = cache(lambda file: real(cafile=file))

    def create(purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH, **sources: str | None) -> ssl.SSLContext:
        if purpose is ssl.Purpose.SERVER_AUTH and sources.keys() == {"cafile"}:
            return of_file(sources["cafile"])
        return real(purpose, **sources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def program_made_once() -> Iterator[None]:
    """Typer makes the tree of commands anew whenever one is called, which costs more than most commands do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def sent_statements() -> Iterator[Statements]:
    """What the program sends to the database in this process; kept in files where KEEP_STATEMENTS names a folder."""
    noted = Statements()
    with listened_to(noted):
        yield noted
    if folder := os.environ.get("KEEP_STATEMENTS"):
        noted.write(Path(folder), str(os.getpid()))


@pytest.fixture(autouse=True)
def partners_can_be_apart(sent_statements: Statements) -> Iterator[None]:
    """No test sends a statement that an engine refuses which keeps partners on several servers."""
    yield
    found = sent_statements.taken()
    assert not found, "\n".join(found)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """DSN of a server on which databases may be created."""
    with databases.open_server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A database with the whole schema, to copy from."""
    return databases.make_template(server)


@pytest.fixture(scope="session")
async def founded(server: str, template: str) -> AsyncIterator[str]:
    """The same with a small deployment in it: hundreds of tests begin with one."""
    with databases.database(server, template) as made:
        pool = await db.open_pool(made)
        await World.create(pool)
        await pool.close()
        yield urlsplit(made).path[1:]


@pytest.fixture
def dsn(server: str, template: str, founded: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test's own; the small deployment is in it if the test wants a world."""
    has_world = {"world", "pool"} <= {*request.fixturenames}
    with databases.database(server, founded if has_world else template) as made:
        yield made


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
    return await World.find(pool)


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
