"""Another time for a whole deployment: the machine's clock and the database's move together, and no offset does.

The database has a function of its own that its sessions find before PostgreSQL's, and reads a row of the test's. As a
program (`python -m tests.support.moved_time FILE worker`) it is `hashrail` on a machine whose clock is kept in a file.
"""

import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from hashrail import clock, db_session
from hashrail.db_session import OF_THE_QUEUE, PINS

Put = Callable[[Any, str, Any], None]
PATH = "public, pg_catalog, pg_temp"
REAL_NOW = clock.wall_now


def install(dsn: str) -> None:
    """The database reads the test's clock from now on, in sessions that `find_it` has prepared."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE test_clock (stands_at timestamptz, ahead interval)")
        connection.execute("INSERT INTO test_clock DEFAULT VALUES")
        connection.execute(
            """CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
               'SELECT coalesce(stands_at, pg_catalog.clock_timestamp() + ahead) FROM public.test_clock'"""
        )


def find_it(put: Put) -> None:
    """Sessions of this process find the test's clock; `put` is setattr, or a monkeypatch's."""
    put(db_session, "PINS", tuple(replace(each, value=PATH) if each.name == "search_path" else each for each in PINS))
    put(db_session, "OF_THE_QUEUE", OF_THE_QUEUE | {"search_path": f"procrastinate, {PATH}"})


def machine_reads(put: Put, reading: Callable[[], dt.datetime]) -> None:
    """The machine's clock reads so."""
    put(clock, "wall_now", reading)
    put(clock, "wall_millis", lambda: int(reading().timestamp() * 1000))


def put_into(file: Path, time: dt.datetime | dt.timedelta) -> None:
    """Programs whose clock is kept in this file read this moment from now on, or so far ahead of the time outside."""
    text = f"+{time.total_seconds()}" if isinstance(time, dt.timedelta) else time.isoformat()
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)


def read_from(file: Path) -> dt.datetime:
    """What such a clock reads."""
    text = file.read_text()
    if text.startswith("+"):
        return REAL_NOW() + dt.timedelta(seconds=float(text[1:]))
    return dt.datetime.fromisoformat(text)


if __name__ == "__main__":
    kept = Path(sys.argv.pop(1))
    find_it(setattr)
    machine_reads(setattr, lambda: read_from(kept))
    from hashrail.cli.main import app

    app()
