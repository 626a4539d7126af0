"""Today's program on the schema of a later release: every table has columns that it does not know.

What a later migration may do is a rule (`tests/house/test_released_schema.py`); here is what a program makes of it.
"""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from hashrail import db
from hashrail.postgres import bootstrap
from tests.support.books import broken, deployment
from tests.support.databases import database, with_database
from tests.support.eventful import live
from tests.support.world import World

TABLES = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ 'yoyo'"""


@pytest.fixture(scope="module")
def tomorrow(server: str, template: str) -> Iterator[str]:
    """A database to copy from, as `template`, after a migration of a later release."""
    with database(server, template) as dsn:
        with psycopg.connect(dsn) as later:
            for (table,) in later.execute(TABLES).fetchall():
                columns = "ADD COLUMN later text, ADD COLUMN laters integer NOT NULL DEFAULT 7"
                later.execute(f"ALTER TABLE {table} {columns}".encode())
            later.execute("CREATE TABLE later (id bigint PRIMARY KEY)")
            later.execute(
                """INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)
                   VALUES ('later', '9999_later', '2027-01-01')"""
            )
        yield urlsplit(dsn).path[1:]


@pytest.fixture
async def world(server: str, tomorrow: str) -> AsyncIterator[World]:
    """A deployment of a later release."""
    async with deployment(server, tomorrow) as found:
        yield found


async def test_everything_that_can_happen_in_the_books_happens(world: World) -> None:
    """Orders, transfers, payouts, deposits, days, as in the audit's own tests; afterwards every invariant holds."""
    await live(world)
    assert await broken(world.pool) == {}
    assert await world.pool.fetchval("SELECT count(*) FROM transfer WHERE laters = 7 AND later IS NULL") > 20


@pytest.mark.parametrize(("needs", "is_refused"), [("0_0_9", False), ("1_0_0", True), ("0_10_0", True)], ids=str)
async def test_a_program_is_not_for_a_schema_that_lacks_what_it_needs(
    world: World, needs: str, *, is_refused: bool
) -> None:
    """By the name of the migration that took it away; the newest one counts."""
    async with db.transaction(world.pool) as tx:
        await tx.execute(
            """INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)
               VALUES ('gone', '9998_gone_needs_0_0_1', '2027-01-01'), ('more', $1, '2027-01-02')""",
            f"9999_more_needs_{needs}",
        )
    if not is_refused:
        await bootstrap.check_schema(world.pool)
        return
    with pytest.raises(bootstrap.SchemaTooNewError, match=rf"{needs.replace('_', '[.]')} or newer"):
        await bootstrap.check_schema(world.pool)


async def test_a_program_starts_on_a_later_schema_and_migrates_nothing(world: World, server: str) -> None:
    await bootstrap.check_schema(world.pool)
    name = await world.pool.fetchval("SELECT current_database()")
    assert await db.migrate_in_thread(with_database(server, name)) == []
