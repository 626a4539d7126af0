"""What commands and the API do with a DATABASE_URL as hosts give it out, and say of a database that will not do."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hashrail import database_url, db
from hashrail.access import api_keys
from hashrail.vault import Vault
from tests.support.api_client import MASTER_KEY, Caller, answered
from tests.support.clusters import cluster, standby
from tests.support.cut_line import line_to
from tests.support.databases import with_database
from tests.support.served import serving
from tests.support.world import World

HOSTS_ADD = (
    "sslmode=prefer&channel_binding=prefer",
    "connect_timeout=10&application_name=books",
    "keepalives=1&keepalives_idle=30&tcp_user_timeout=5000",
    "gssencmode=disable&target_session_attrs=read-write",
    "options=-c%20geqo%3Doff%20-c%20search_path%3Dnowhere&client_encoding=LATIN1",
)


def hashrail(*words: str, dsn: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hashrail.cli", *words],
        env=os.environ | {"DATABASE_URL": dsn, "HASHRAIL_DATA": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def lines_of(made: subprocess.CompletedProcess[str]) -> list[str]:
    assert (made.returncode, made.stdout) == (1, ""), made.stderr
    return made.stderr.splitlines()


@pytest.fixture
def line(dsn: str) -> Iterator[str]:
    """The test's database over TCP, with a host and a port as URLs have them."""
    with line_to(dsn) as opened:
        yield opened.dsn


@pytest.mark.parametrize("options", HOSTS_ADD)
def test_options_that_hosts_add(line: str, tmp_path: Path, options: str) -> None:
    made = hashrail("migrate", dsn=f"{line}?{options}", folder=tmp_path)
    assert made.returncode == 0, made.stderr


def test_an_option_that_cannot_be_kept(line: str, tmp_path: Path) -> None:
    for words in (("serve", "--port", "1"), ("partner", "list")):
        error, _ = lines_of(hashrail(*words, dsn=f"{line}?channel_binding=require", folder=tmp_path))
        assert error.startswith("BAD_SETTING: DATABASE_URL: channel_binding cannot be kept: ")
    error, _ = lines_of(hashrail("worker", dsn=f"{line}?pgbouncer=true", folder=tmp_path))
    assert error == "BAD_SETTING: DATABASE_URL: pgbouncer is no option of a PostgreSQL URL: leave it out"


async def test_the_api_with_options_that_hosts_add(world: World, line: str, tmp_path: Path) -> None:
    """The server, its listener and the pool all read the same URL."""
    await world.user()
    world.vault = Vault([MASTER_KEY])
    async with db.transaction(world.pool) as tx:
        key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
    with serving(f"{line}?{'&'.join(HOSTS_ADD[1:3])}", tmp_path, "one") as served:
        async with served.http() as http:
            caller = Caller(http, key.key, key.secret)
            assert answered(await caller.call("s2s_miners", partnerUserId="alice")) == {"array": []}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding(server: str, tmp_path: Path, encoding: str) -> None:
    name = f"other_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode())
        for words in (("migrate",), ("partner", "list")):
            error, advice = lines_of(hashrail(*words, dsn=with_database(server, name), folder=tmp_path))
            assert error == f"DATABASE_ENCODING: the database is encoded in {encoding}, not in UTF8"
            assert "createdb --encoding=UTF8" in advice
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_standby(tmp_path: Path) -> None:
    """What writes does not begin; what reads does, whatever the books have that its journal lacks."""
    with cluster() as primary:
        primary.run(
            f"""INSERT INTO journal_entry (name, kind, what, noted_at)
                VALUES ('{uuid.uuid4().hex}', 'operator action', '{{}}', now())"""
        )
        primary.stop()
        with standby(primary.data_dir, primary.dsn) as following:
            for words in (("migrate",), ("worker",)):
                error, advice = lines_of(hashrail(*words, dsn=following.dsn, folder=tmp_path))
                assert error.startswith("DATABASE_READ_ONLY: the server is a standby")
                assert advice.startswith("Name the server that writes")
            create = ("partner", "create", "--name", "x", "--credit-limit", "1")
            error, _ = lines_of(hashrail(*create, dsn=following.dsn, folder=tmp_path))
            assert error.startswith("DATABASE_READ_ONLY: ")
            assert hashrail("partner", "list", dsn=following.dsn, folder=tmp_path).returncode == 0
        primary.start()


def test_what_is_wrong_with_the_connection_is_told_whole(server: str, dsn: str, tmp_path: Path) -> None:
    options = database_url.read(dsn).options
    where = f"host={options['host']} port={options['port']} dbname={options['dbname']}"
    error, _ = lines_of(hashrail("partner", "list", dsn=f"{where} user=stranger", folder=tmp_path))
    assert error.startswith('DATABASE_DOWN: cannot connect to the database: role "stranger" does not exist')
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0".encode())
        error, advice = lines_of(hashrail("partner", "list", dsn=f"{where} user={role}", folder=tmp_path))
        assert error.startswith("DATABASE_FULL: cannot connect to the database: too many connections for role")
        assert "more memory or connections" in advice
        connection.execute(f"ALTER ROLE {role} CONNECTION LIMIT 5".encode())
        error, _ = lines_of(hashrail("partner", "list", dsn=f"{where} user={role}", folder=tmp_path))
        assert error.startswith("DATABASE_RIGHTS: ")
        connection.execute(f"DROP ROLE {role}".encode())


def test_a_text_that_is_none(dsn: str, tmp_path: Path) -> None:
    """Bytes of the command line that are not UTF-8 reach no table."""
    made = subprocess.run(
        [
            sys.executable.encode(),
            b"-m",
            b"hashrail.cli",
            b"partner",
            b"create",
            b"--name",
            b"\xff",
            b"--credit-limit",
            b"1",
        ],
        env=os.environ | {"DATABASE_URL": dsn, "HASHRAIL_DATA": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 2
    assert b"Traceback" not in made.stderr
    assert b"is no text in the locale of this terminal" in made.stderr, made.stderr
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM partner").fetchone() == (0,)
