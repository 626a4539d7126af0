"""Migrations whatever happens to the process, the server and the other one that migrates."""

import asyncio
import uuid
from urllib.parse import urlencode

import psycopg
import pytest

from hashrail import database_url, db
from hashrail.access.scopes import EVERY_SCOPE
from hashrail.sqlstates import DatabaseRightsError
from tests.support.databases import database, migrate_before


async def test_several_at_once(server: str) -> None:
    """One applies them, the others wait for it and find nothing to do."""
    with database(server, None) as dsn:
        applied = await asyncio.gather(*(db.migrate_in_thread(dsn) for _ in range(3)))
        assert sorted(map(bool, applied)) == [False, False, True]
        assert await db.migrate_in_thread(dsn) == []


def test_after_one_that_was_killed(dsn: str) -> None:
    """The lock that it had is nobody's any more."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2026-01-01', 1)")
        assert db.migrate(dsn) == []
        assert connection.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)


def test_without_the_right_to_make_tables(server: str) -> None:
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        with database(server, None) as dsn:
            other = f"postgresql://?{urlencode({**database_url.read(dsn).options, 'user': role})}"
            with pytest.raises(DatabaseRightsError):
                db.migrate(other)
        connection.execute(f"DROP ROLE {role}".encode())


def test_a_migration_that_fails_is_rolled_back_whole(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the way before it: each is applied whole, or not at all."""
    with database(server, None) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            # In the way of a table in the middle of a file, after others of the same file.
            connection.execute("CREATE TABLE api_key (id int)")
        with pytest.raises(psycopg.errors.DuplicateTable):
            db.migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            left = connection.execute("SELECT to_regclass('partner'), to_regclass('api_key')").fetchone()
            assert left == (None, "api_key")
            connection.execute("DROP TABLE api_key")
        assert db.migrate(dsn)


@pytest.mark.parametrize(
    ("had", "has"),
    [
        (["read", "order", "transfer", "withdraw"], EVERY_SCOPE),
        (["withdraw"], {"withdraw", "wallet"}),
        (["read", "transfer", "withdraw"], {"read", "transfer", "withdraw", "wallet"}),
        (["read"], {"read"}),
        (["order", "transfer", "read"], {"read", "order", "transfer"}),
        ([], set()),
    ],
)
def test_keys_that_are_there_reach_what_they_did(server: str, had: list[str], has: set[str]) -> None:
    """Whoever had everything has everything; nobody gets what they did not have by right."""
    with database(server, None) as dsn:
        migrate_before(dsn, "0029")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("INSERT INTO partner (id, public_id, name, created_at) VALUES (1, 'p', 'p', now())")
            connection.execute(
                "INSERT INTO api_key (partner_id, key, kind, scopes, created_at) VALUES (1, 'k', 'full', %s, now())",
                (had,),
            )
            db.migrate(dsn)
            (scopes,) = connection.execute("SELECT scopes FROM api_key").fetchone() or ()
            assert (set(scopes), len(scopes)) == (has, len(has))
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute("UPDATE api_key SET scopes = '{everything}'")
