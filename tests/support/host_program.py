"""`hashrail` on the hosts of a test: the clock of each is kept in a file, and what takes a minute takes a second.

What is shortened is how often something is done and how long somebody who is silent keeps what they hold; how that is
found out is the same. As a program (`python -m tests.support.host_program`) it has imported everything, and forks a
`hashrail` for each line that it reads: four of them at once cost as much as one.
"""

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partialmethod
from importlib import import_module
from pathlib import Path

from procrastinate import App
from procrastinate.manager import JobManager

from hashrail import db_session
from hashrail.api.serving import state
from hashrail.cli.main import app
from hashrail.postgres import tether
from hashrail.processes import right_time, timetable
from tests.support import moved_time
from tests.support.folders import ROOT
from tests.support.hosts import Host
from tests.support.programs import clean_environment

# Seconds that a session may stand still in a transaction, and a worker be silent.
SILENT = 3
QUICK = 0.5
STANDING_STILL = "idle_in_transaction_session_timeout"
EVERY_SECOND = "* * * * * *"
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Start:
    """A `hashrail` that is asked for: where, with which words and settings, and where its clock and its log are."""

    keeper: int
    words: list[str]
    environment: dict[str, str]
    clock: str
    log: str


@contextmanager
def programs(of: Host) -> Iterator[Callable[..., None]]:
    """What starts a `hashrail` on a host of the same network; all of them end with the block."""
    command = [*of.switch.enters(), sys.executable, "-m", "tests.support.host_program"]
    paths = clean_environment(PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(command, cwd=ROOT, env=paths, stdin=subprocess.PIPE, text=True) as warm:
        assert warm.stdin is not None
        asks = warm.stdin

        def start(host: Host, clock: Path, log: Path, *words: str, **environment: str) -> None:
            asked = Start(host.space.keeper.pid, [*words], clean_environment(**environment), str(clock), str(log))
            print(json.dumps(asdict(asked)), file=asks, flush=True)

        try:
            yield start
        finally:
            warm.kill()


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


def serve() -> None:
    """Fork for each line, until there are no more."""
    moved_time.find_it(setattr)
    shorten(setattr)
    for name in ("hashrail.pages.app", "hashrail.processes.worker", "hashrail.cli.service"):
        import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    owner = os.getpid()
    for line in sys.stdin:
        if os.fork() == 0:
            become(Start(**json.loads(line)), owner)


def become(asked: Start, owner: int) -> None:
    """Be the program on its host."""
    tether.end_with(owner, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(f"/proc/{asked.keeper}/ns/net").open() as space:
        assert ctypes.CDLL(None).setns(space.fileno(), CLONE_NEWNET) == 0
    log = os.open(asked.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(asked.environment)
    moved_time.machine_reads(setattr, lambda: moved_time.read_from(Path(asked.clock)))
    sys.argv = ["hashrail", *asked.words]
    try:
        app()
    except BaseException:
        # The process ends before Python would tell.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    serve()
