"""Databases on a real Citus: HASHRAIL_TEST_CITUS_URL names its coordinator, by a database that knows the nodes.

Every test then has a database whose schema is spread. One is made by its parts: on each server a database with the
extension, the nodes named, the schema migrated and spread. Others are copies of it, made on every server by the same
name: what Citus knows stands in tables, which are copied too.
"""

import os
import re
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg

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


@cache
def _admins(server: str) -> tuple[psycopg.Connection[tuple[object, ...]], ...]:
    """The connections that make and drop databases: the coordinator's first."""
    return tuple(psycopg.connect(dsn, autocommit=True) for dsn in (server, *workers(server)))


def create(server: str, name: str) -> None:
    """A database whose servers know each other."""
    for admin, dsn in zip(_admins(server), (server, *workers(server)), strict=True):
        admin.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(_named(dsn, name), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION citus")
    with psycopg.connect(_named(server, name), autocommit=True) as connection:
        connection.execute("SELECT citus_set_coordinator_host(%s, %s)", _address(server))
        for dsn in workers(server):
            connection.execute("SELECT citus_add_node(%s, %s)", _address(dsn))


def copy(server: str, name: str, source: str) -> None:
    """A copy of a database; nobody can connect to its source any more."""
    for admin in _admins(server):
        admin.execute(f"ALTER DATABASE {source} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (source,))
    for admin in _admins(server):
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())


def drop(server: str, name: str) -> None:
    """Away with it, everywhere."""
    for admin in _admins(server):
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def close(server: str) -> None:
    """Give the connections back."""
    for admin in _admins(server):
        admin.close()


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def _at(dsn: str, host: str, port: int) -> str:
    parts = urlsplit(dsn)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}{host}:{port}"))


def _address(dsn: str) -> tuple[str | None, int | None]:
    parts = urlsplit(dsn)
    return parts.hostname, parts.port
