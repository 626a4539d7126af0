"""`hashrail` on a host of a test: its machine's clock is kept in a file, and what takes a minute elsewhere a second.

`python -m tests.support.host_program FILE serve ...`. What is shortened is how often something is done and how long
somebody who is silent keeps what they hold; how that is found out is the same.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partialmethod
from pathlib import Path

from procrastinate import App
from procrastinate.manager import JobManager

from hashrail import db_session
from hashrail.api.serving import state
from hashrail.processes import right_time, timetable
from tests.support import moved_time

# Seconds that a session may stand still in a transaction, and a worker be silent.
SILENT = 3
QUICK = 0.5
STANDING_STILL = "idle_in_transaction_session_timeout"
EVERY_SECOND = "* * * * * *"


def shorten(put: Callable[[object, str, object], None]) -> None:
    """Everything that a test would wait for; `put` is setattr."""
    pins = [replace(each, value=f"{SILENT}s") if each.name == STANDING_STILL else each for each in db_session.PINS]
    put(db_session, "PINS", tuple(pins))
    db_session.EARLY[STANDING_STILL] = f"{SILENT}s"
    for module, name in ((state, "PROBE_SECONDS"), (state, "RECONNECT_SECONDS"), (right_time, "LOOK_SECONDS")):
        put(module, name, QUICK)
    timetable.CRON |= {"keep_days": EVERY_SECOND, "forget_stalled": EVERY_SECOND}
    lives = {"update_heartbeat_interval": 1.0, "stalled_worker_timeout": float(SILENT)}
    put(App, "run_worker_async", partialmethod(App.run_worker_async, **lives))
    put(JobManager, "get_stalled_jobs", partialmethod(JobManager.get_stalled_jobs, seconds_since_heartbeat=SILENT))


if __name__ == "__main__":
    kept = Path(sys.argv.pop(1))
    moved_time.find_it(setattr)
    shorten(setattr)
    moved_time.machine_reads(setattr, lambda: moved_time.read_from(kept))
    from hashrail.cli.main import app

    app()
