"""From settings to a database that is ready: embedded or given, migrated."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from hashrail import db
from hashrail.embedded_postgres import EmbeddedPostgres
from hashrail.errors import UnavailableError
from hashrail.settings import Settings


class SchemaOutOfDateError(UnavailableError):
    """The database's schema is not this program's."""

    code = "SCHEMA_OUT_OF_DATE"
    advice = "Run: hashrail migrate"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN of the deployment's database: DATABASE_URL, or the embedded server of the data folder.

    An embedded server is started when nobody runs it, and stopped again by whoever started it.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data) as postgres:
        yield postgres.dsn


async def check_schema(pool: db.Pool) -> None:
    """Raises SchemaOutOfDateError unless every migration of this program is applied."""
    wanted = {
        file.name.removesuffix(".sql") for file in (files("hashrail") / "sql").iterdir() if file.name.endswith(".sql")
    }
    rows = await pool.fetch("SELECT migration_id FROM _yoyo_migration")
    missing = wanted - {row["migration_id"] for row in rows}
    if missing:
        raise SchemaOutOfDateError(f"the schema lacks {', '.join(sorted(missing))}")
