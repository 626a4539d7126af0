"""The schema of a release, as its programs know it: they go on running while the next release migrates.

    python -m tools.release_schema

writes `tests/house/released_schema.json`: tables, columns, constraints, sequences and domains that this tree's
migrations make. Run it when a release is made, and commit it with the release: from then on a test holds every further
migration against it (`tests/house/test_released_schema.py`).
"""

import tempfile
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec
import psycopg
import typer
from psycopg.rows import dict_row

from hashrail import db
from hashrail.postgres.server import EmbeddedPostgres

ROOT = Path(__file__).parent.parent
RELEASED = ROOT / "tests/house/released_schema.json"
# Bookkeeping of the migration runner.
RUNNER = ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock")
COLUMNS = """
    SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
           NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relname <> ALL (%s)
    ORDER BY c.relname, a.attnum"""
# What refuses rows: constraints, and unique indexes that are none.
RULES = """
    SELECT c.relname AS table, r.conname AS name, pg_get_constraintdef(r.oid) AS definition
    FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%(runner)s)
      AND r.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid)
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%(runner)s) AND x.indisunique
      AND NOT EXISTS (SELECT FROM pg_constraint r WHERE r.conindid = x.indexrelid AND r.conrelid = c.oid)
    ORDER BY 1, 2"""
SEQUENCES = """
    SELECT relname AS name FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace ORDER BY 1"""
DOMAINS = """
    SELECT t.typname AS name, r.conname AS rule, pg_get_constraintdef(r.oid) AS definition
    FROM pg_type t JOIN pg_constraint r ON r.contypid = t.oid
    WHERE t.typnamespace = 'public'::regnamespace ORDER BY 1, 2"""


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column: its type as PostgreSQL writes it, whether it may be null, and its default."""

    type: str
    nullable: bool
    default: str | None = None


class Table(msgspec.Struct, frozen=True):
    """A table: its columns, and by name what refuses its rows."""

    columns: dict[str, Column]
    rules: dict[str, str]


class Schema(msgspec.Struct, frozen=True):
    """The schema that a release has, through its newest migration."""

    release: str
    migration: str
    tables: dict[str, Table]
    sequences: list[str]
    domains: dict[str, dict[str, str]]


def read(connection: psycopg.Connection) -> Schema:
    """The schema of a database as it is now, in the connection's transaction."""
    with connection.cursor(row_factory=dict_row) as cursor:
        tables: dict[str, Table] = {}
        for row in cursor.execute(COLUMNS, (list(RUNNER),)).fetchall():
            table = tables.setdefault(row["table"], Table({}, {}))
            table.columns[row["name"]] = Column(row["type"], row["nullable"], row["default"])
        for row in cursor.execute(RULES, {"runner": list(RUNNER)}).fetchall():
            tables[row["table"]].rules[row["name"]] = row["definition"]
        domains: dict[str, dict[str, str]] = {}
        for row in cursor.execute(DOMAINS).fetchall():
            domains.setdefault(row["name"], {})[row["rule"]] = row["definition"]
        sequences = [row["name"] for row in cursor.execute(SEQUENCES).fetchall()]
    return Schema(version(), migrations()[-1], tables, sequences, domains)


def version() -> str:
    """The version that this tree will be released as."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def migrations() -> list[str]:
    """The names of all migrations, in order."""
    return sorted(path.name.removesuffix(".sql") for path in (files("hashrail") / "sql").iterdir())


def released() -> Schema:
    """The schema of the last release."""
    return msgspec.json.decode(RELEASED.read_bytes(), type=Schema)


def release_schema() -> None:
    """Write down the schema that this tree's migrations make, for the migrations of later releases to keep."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as postgres:
        db.migrate(postgres.dsn)
        with psycopg.connect(postgres.dsn) as connection:
            schema = read(connection)
    RELEASED.write_bytes(msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n")
    typer.echo(f"{RELEASED.relative_to(ROOT)}: {schema.release} through {schema.migration}")


if __name__ == "__main__":
    typer.run(release_schema)
