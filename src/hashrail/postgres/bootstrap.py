"""From settings to a database that is ready: embedded or given, migrated."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from hashrail import db
from hashrail.errors import UnavailableError
from hashrail.postgres import binaries
from hashrail.postgres.server import EmbeddedPostgres
from hashrail.settings import Settings
from hashrail.version import VERSION

NEEDS = re.compile(r"_needs_(?P<release>\d+_\d+_\d+)$")


class SchemaOutOfDateError(UnavailableError):
    """The database's schema is not this program's."""

    code = "SCHEMA_OUT_OF_DATE"
    advice = "Run: hashrail migrate"


class SchemaTooNewError(UnavailableError):
    """A later release has taken something away from the schema that this program needs."""

    code = "SCHEMA_TOO_NEW"
    advice = "Run the program of the release that is named, or a newer one. The schema stays as it is."


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is, and the embedded server that runs it, if one does."""

    dsn: str
    postgres: EmbeddedPostgres | None

    def keep_running(self) -> bool:
        """Start an embedded server of ours again if it died; True when it had to be."""
        return self.postgres is not None and self.postgres.keep_running()


@contextmanager
def database(settings: Settings, *, least_major: int = binaries.OLDEST_MAJOR) -> Iterator[Database]:
    """The deployment's database: DATABASE_URL, or the embedded server of the data folder.

    An embedded server is started when nobody runs it, and stopped again by whoever started it; a new one is of
    `least_major` or newer.
    """
    if settings.database_url is not None:
        yield Database(settings.database_url, None)
        return
    with EmbeddedPostgres(settings.data, least_major=least_major) as postgres:
        yield Database(postgres.dsn, postgres)


async def check_schema(reader: db.Reader) -> None:
    """Raises SchemaOutOfDateError unless every migration of this program is applied, and SchemaTooNewError where one of
    a later release says in its name that it takes something away: `0310_purses_needs_0_3_0`.
    """
    wanted = {
        file.name.removesuffix(".sql") for file in (files("hashrail") / "sql").iterdir() if file.name.endswith(".sql")
    }
    try:
        rows = await reader.fetch("SELECT migration_id FROM _yoyo_migration")
    except asyncpg.UndefinedTableError:
        rows = []  # an empty database lacks them all
    present = {row["migration_id"] for row in rows}
    if missing := wanted - present:
        raise SchemaOutOfDateError(f"the schema lacks {', '.join(sorted(missing))}")
    needed = max((numbers for name in present - wanted if (numbers := least_release(name))), default=())
    if needed > tuple(map(int, VERSION.split("."))):
        least = ".".join(map(str, needed))
        raise SchemaTooNewError(f"the schema is for programs of {least} or newer, and this one is of {VERSION}")


def least_release(migration: str) -> tuple[int, ...]:
    """The first release, by its numbers, that can live with what a migration takes away; empty for one that adds."""
    found = NEEDS.search(migration)
    return () if found is None else tuple(map(int, found["release"].split("_")))
