"""Databases on a real Citus: HASHRAIL_TEST_CITUS_URL names its coordinator, by a database that knows the nodes.

Every test then has a database whose schema is spread. One is made by its parts: on each server a database with the
extension, the nodes named, the schema migrated and spread. Others are copies of it, made on every server by the same
name: what Citus knows stands in tables, which are copied too.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
import pytest

from hashrail import db

NAME = "HASHRAIL_TEST_CITUS_URL"
# Few enough that statements on all of them are quick, and more than servers.
SHARDS = 4


def coordinator() -> str | None:
    """The DSN of the coordinator, if there is one."""
    return os.environ.get(NAME)


def is_one(server: str) -> bool:
    """Whether databases of this server are spread."""
    return server == coordinator()


def only_without(why: str) -> pytest.MarkDecorator:
    """The mark of a test of what is not there, or cannot be made, where partners are spread."""
    return pytest.mark.skipif(coordinator() is not None, reason=f"not where partners are spread: {why}")


def constraint_of(error: asyncpg.IntegrityConstraintViolationError) -> str:
    """The name of what a row breaks, as the schema has it: a shard's constraint bears its number as well."""
    return re.sub(r"_\d{6}$", "", db.constraint_of(error) or "")


@cache
def workers(server: str) -> tuple[str, ...]:
    """DSNs of the other servers."""
    with psycopg.connect(server) as connection:
        nodes = connection.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 AND noderole = 'primary' ORDER BY groupid"
        ).fetchall()
    return tuple(_at(server, host, port) for host, port in nodes)


def told_ready() -> dict[str, int]:
    """What readiness says of the servers, all of which answer; nothing where there is one."""
    server = coordinator()
    if server is None:
        return {}
    count = 1 + len(workers(server))
    return {"nodes": count, "shards": SHARDS, "answering": count}


class Servers:
    """The coordinator first, then the others; each with a connection of its own for what all do at the same time.

    What is dropped is dropped behind the back of the next test, by further connections.
    """

    def __init__(self, server: str) -> None:
        self.dsns = (server, *workers(server))
        self._makers = tuple(psycopg.connect(dsn, autocommit=True) for dsn in self.dsns)
        self._droppers = tuple(psycopg.connect(dsn, autocommit=True) for dsn in self.dsns)
        self._threads = ThreadPoolExecutor(len(self.dsns))
        self._dropping = ThreadPoolExecutor(1)
        self.lasting: list[str] = []

    def execute(self, *statements: str) -> None:
        """On every server, all of them."""

        def do(connection: psycopg.Connection[tuple[object, ...]]) -> None:
            for statement in statements:
                connection.execute(statement.encode())

        for _ in self._threads.map(do, self._makers):
            pass

    def drop(self, name: str) -> None:
        """Soon, one database after another."""

        def do() -> None:
            for connection in self._droppers:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

        self._dropping.submit(do)

    def close(self) -> None:
        """When all is dropped, also what was made to be copied."""
        for name in self.lasting:
            self.drop(name)
        self._dropping.shutdown()
        self._threads.shutdown()
        for connection in (*self._makers, *self._droppers):
            connection.close()


@cache
def servers(server: str) -> Servers:
    """The servers of a coordinator."""
    return Servers(server)


def create(server: str, name: str) -> None:
    """A database whose servers know each other, until they are closed."""
    servers(server).lasting.append(name)
    servers(server).execute(f"CREATE DATABASE {name}")
    for dsn in servers(server).dsns:
        with psycopg.connect(_named(dsn, name), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION citus")
    # A node that is added is told of roles, which are the whole server's: others who do so wait.
    with psycopg.connect(server) as turn, psycopg.connect(_named(server, name), autocommit=True) as connection:
        turn.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("SELECT citus_set_coordinator_host(%s, %s)", _address(server))
        for dsn in workers(server):
            connection.execute("SELECT citus_add_node(%s, %s)", _address(dsn))


def copy(server: str, name: str, source: str, how: str) -> None:
    """A copy of a database; nobody can connect to its source any more."""
    servers(server).execute(
        f"ALTER DATABASE {source} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'",
        f"CREATE DATABASE {name} TEMPLATE {source}{how}",
    )


def copy_kept(server: str, name: str, source: str) -> None:
    """The same of a database that is used from then on, too; sessions that are still there end."""
    copy(server, name, source, "")
    servers(server).execute(f"ALTER DATABASE {source} ALLOW_CONNECTIONS true")


def drop(server: str, name: str) -> None:
    """Away with it, everywhere, while the next test begins."""
    servers(server).drop(name)


def close(server: str) -> None:
    """Give the connections back."""
    servers(server).close()


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def _at(dsn: str, host: str, port: int) -> str:
    parts = urlsplit(dsn)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}{host}:{port}"))


def _address(dsn: str) -> tuple[str | None, int | None]:
    parts = urlsplit(dsn)
    return parts.hostname, parts.port
