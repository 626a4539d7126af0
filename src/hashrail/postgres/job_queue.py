"""Jobs: Procrastinate's queue in the same database, in a schema of its own.

Its tables and functions come from the installed package and follow its versions: the newest migration that was
applied is written on the schema as a comment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hashrail import database_url, db, db_session

SCHEMA = "procrastinate"
# The queue's statements have no deadline, since it waits for jobs. A line that is dead without a word is given up after
# half a minute all the same, and a minute where nothing was on its way; DATABASE_URL may say otherwise.
LINE = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "30000"}


@dataclass(frozen=True, slots=True)
class Job:
    """A job in the queue; `at` is when it came into its state. `status` is todo, doing or how it ended."""

    id: int
    queue: str
    task: str
    status: str
    attempts: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a queue wait, run, and have failed."""

    queue: str
    todo: int
    doing: int
    failed: int


def install(dsn: str) -> list[str]:
    """Make or update the queue's schema, once and in order; answers the files applied now."""
    known = sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    with db.translated(), psycopg.connect(database_url.read(dsn).conninfo) as connection:
        db_session.pin_migrations(connection)
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('hashrail jobs'))")
        row = connection.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'procrastinate'"
        ).fetchone()
        if row is None:
            connection.execute("CREATE SCHEMA procrastinate")
        connection.execute("SET LOCAL search_path = procrastinate")
        waiting = known if row is None else [name for name in known if row[0] is None or name > row[0]]
        if row is None:
            connection.execute(SchemaManager.get_schema().encode())
        else:
            _apply(connection, waiting)
        if waiting:
            _pin_search_path(connection)
            connection.execute(sql.SQL("COMMENT ON SCHEMA procrastinate IS {}").format(sql.Literal(known[-1])))
        return waiting


def queue(dsn: str) -> procrastinate.App:
    """The queue of a deployment, to define tasks on and to work it off."""
    asked = database_url.read(dsn).conninfo
    said = conninfo_to_dict(asked)
    conninfo = make_conninfo(asked, **{name: value for name, value in LINE.items() if name not in said})
    connector = procrastinate.PsycopgConnector(
        conninfo=conninfo, configure=db_session.pin_queue, min_size=1, max_size=6
    )
    return procrastinate.App(connector=connector)


async def defer(tx: db.Tx, task: str, *, queue: str) -> None:
    """Have a periodic job run at once as well, if the caller's transaction is committed."""
    await tx.execute(
        """SELECT procrastinate.procrastinate_defer_jobs_v1(ARRAY[
               ($1, $2, 0, NULL, NULL, '{"timestamp": 0}', NULL)::procrastinate.procrastinate_job_to_defer_v1])""",
        queue,
        task,
    )


async def queues(reader: db.Reader) -> list[Waiting]:
    """What every queue has, by name; what went well is not kept."""
    rows = await reader.fetch(
        """SELECT queue_name AS queue, count(*) FILTER (WHERE status = 'todo') AS todo,
                  count(*) FILTER (WHERE status = 'doing') AS doing, count(*) FILTER (WHERE status = 'failed') AS failed
           FROM procrastinate.procrastinate_jobs GROUP BY queue_name ORDER BY queue_name"""
    )
    return [Waiting(**row) for row in rows]


async def newest(reader: db.Reader, *, limit: int) -> list[Job]:
    """The newest jobs that the queue has: those that wait or run, and those that did not go well."""
    rows = await reader.fetch(
        """SELECT j.id, j.queue_name AS queue, j.task_name AS task, j.status::text AS status, j.attempts, e.at
           FROM (SELECT id, queue_name, task_name, status, attempts FROM procrastinate.procrastinate_jobs
                 ORDER BY id DESC LIMIT $1) j
           LEFT JOIN LATERAL (
               SELECT max(at) AS at FROM procrastinate.procrastinate_events WHERE job_id = j.id) e ON true
           ORDER BY j.id DESC""",
        limit,
    )
    return [Job(**row) for row in rows]


def _apply(connection: psycopg.Connection, names: Sequence[str]) -> None:
    for name in names:
        connection.execute((Path(SchemaManager.get_migrations_path()) / name).read_bytes())


def _pin_search_path(connection: psycopg.Connection) -> None:
    """Let the queue's functions find its tables, whoever calls them from whichever schema."""
    rows = connection.execute(
        """SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname = 'procrastinate'"""
    ).fetchall()
    for (name,) in rows:
        connection.execute(f"ALTER FUNCTION {name} SET search_path = procrastinate, pg_temp".encode())
