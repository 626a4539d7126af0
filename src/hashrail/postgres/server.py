"""A PostgreSQL of our own: started from its binaries, stopped with its owner, found by every other process.

    with EmbeddedPostgres(Path(".hashrail")) as server:
        ...  # server.dsn: for asyncpg and psycopg

The process that enters first owns the server; one that enters later only connects, and leaving stops nothing. The
owner holds a lock on the folder, and a child that it forks lets go of it. When the owner dies, even by kill -9, the
kernel tells the server to stop, and whoever enters next waits for the rest of it to go. `fsync` is on: what was
acknowledged is there after any kill. A server that dies before its owner stays down until the owner enters again.

Files and permissions: `files.py`; versions: `binaries.py`; what dies when: `server_processes.py`.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import structlog

from hashrail import clock
from hashrail.postgres import binaries, files, server_processes
from hashrail.postgres.files import EmbeddedPostgresError, SystemUser

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "running_dsn"]

START_SECONDS = 120.0
POLL_SECONDS = 0.01
PATIENCE_SECONDS = 2
LOG_CHECK_SECONDS = 60.0

SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
# For what need not be on a disk.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
log = structlog.get_logger()
# The open locks of this process.
_locks: set[int] = set()


def _let_go() -> None:
    """In a child that was forked: a copy of the owner's lock would hold the folder after the owner has ended."""
    while _locks:
        os.close(_locks.pop())


os.register_at_fork(after_in_child=_let_go)


class EmbeddedPostgres:
    """The server of one data folder, as a context manager; `dsn` and `owner` hold while it is entered."""

    def __init__(self, data_dir: Path, *, least_major: int = binaries.OLDEST_MAJOR, forgetful: bool = False) -> None:
        """A new cluster is of `least_major` or newer. A `forgetful` one does not outlive the machine's power."""
        self.data_dir = data_dir.absolute()
        self._least_major, self._forgetful = least_major, forgetful
        self.dsn = ""
        self.owner = False
        self._lock = -1
        self._home = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Own the server, or connect to the one that another live process owns. Raises EmbeddedPostgresError."""
        assert not self.dsn, "it is entered once at a time"
        if sys.platform != "linux":
            raise EmbeddedPostgresError(
                "the embedded PostgreSQL needs Linux: set DATABASE_URL to a server that you run"
            )
        account = files.find_account(self.data_dir / "postgres" / "data")
        self._home = files.find_home(self.data_dir, account)
        if self._own_or_connect():
            with ExitStack() as undo:
                undo.callback(self.stop)
                self._start_server(account)
                undo.pop_all()

    def stop(self) -> None:
        """Stop the server if this process owns it, and let go of the folder. A second call does nothing."""
        if self.owner:
            server_processes.end_all(self._home)
            self._stopped.set()
            if self._process is not None:
                self._process.wait(server_processes.QUIT_SECONDS)
                self._process = None
            _locks.discard(self._lock)
            os.close(self._lock)
        self.dsn, self.owner = "", False

    def keep_running(self) -> bool:
        """Start the server again if it died under its owner; True when it had to be."""
        if self._process is None or self._process.poll() is None:
            return False
        self._stopped.set()
        self._start_server(files.find_account(self.data_dir / "postgres" / "data"))
        return True

    def _own_or_connect(self) -> bool:
        """Take the lock, or connect to the server of the process that has it; True for the lock. The wait is told."""
        began, told = clock.monotonic(), False
        while not self._take_lock():
            dsn = running_dsn(self.data_dir)
            if dsn is not None:
                self.dsn = dsn
                return False
            waited = clock.monotonic() - began
            if waited > START_SECONDS:
                raise EmbeddedPostgresError(
                    f"{self._holder()} holds {self._home / 'owner.lock'} and its server does not answer:"
                    f" end that process and start again. {files.log_tail(self._home)}"
                )
            if waited > PATIENCE_SECONDS and not told:
                log.warning(
                    f"waiting for the PostgreSQL of {self._holder()}, which holds {self._home / 'owner.lock'}",
                    most_seconds=round(START_SECONDS),
                )
                told = True
            time.sleep(POLL_SECONDS)
        return True

    def _holder(self) -> str:
        pids = server_processes.holders(self._home / "owner.lock")
        return f"process {', '.join(map(str, pids))}" if pids else "a process that cannot be seen from here"

    def _take_lock(self) -> bool:
        lock = os.open(self._home / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        _locks.add(lock)
        self._lock, self.owner = lock, True
        return True

    def _start_server(self, account: SystemUser | None) -> None:
        server_processes.end_all(self._home)
        data = self._home / "data"
        programs = binaries.reachable_folder(binaries.choose(data, self._least_major), account)
        if not data.exists():
            _create_cluster(self._home, programs, account, forgetful=self._forgetful)
        socket_folder = files.socket_folder(self._home, account)
        server_processes.forget_stale(self._home, socket_folder)
        command = _server_command(self._home, programs, socket_folder, FORGETFUL if self._forgetful else {})
        started: Future[subprocess.Popen[bytes]] = Future()
        self._stopped = threading.Event()
        keeper = (self._home, command, account, started, self._stopped)
        threading.Thread(target=_keep, args=keeper, name="embedded-postgres", daemon=True).start()
        self._process = started.result()
        self._await_ready(self._process)
        self.dsn = _dsn(socket_folder)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = clock.monotonic() + START_SECONDS
        while clock.monotonic() < give_up:
            state = server_processes.server_state(self._home)
            if state is not None and state.ready and state.pid == process.pid:
                return
            if process.poll() is not None:
                raise EmbeddedPostgresError(f"PostgreSQL ended while it started. {files.log_tail(self._home)}")
            time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(
            f"PostgreSQL did not accept connections within {START_SECONDS:.0f} s. {files.log_tail(self._home)}"
        )


def running_dsn(data_dir: Path) -> str | None:
    """How to connect to the server of `data_dir`, or None when none accepts connections."""
    home = data_dir.absolute() / "postgres"
    if not home.exists():
        return None
    files.refuse_other_user(home)
    state = server_processes.server_state(home.resolve())
    if state is None or not state.ready:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fsencode(state.socket_folder / files.SOCKET_NAME))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
    return _dsn(state.socket_folder)


def _keep(
    home: Path,
    command: list[str],
    account: SystemUser | None,
    started: "Future[subprocess.Popen[bytes]]",
    stopped: threading.Event,
) -> None:
    """Start the server in a thread that lives until it is stopped: the kernel ties it to a thread, not to a process."""
    try:
        files.bound_log(home)
        started.set_result(server_processes.start(command, home, account, signal.SIGINT))
    except OSError as error:
        started.set_exception(error)
        return
    while not stopped.wait(LOG_CHECK_SECONDS):
        files.bound_log(home)


def _create_cluster(home: Path, programs: Path, account: SystemUser | None, *, forgetful: bool) -> None:
    """Make data/ with an empty database `hashrail`. What an attempt that was cut off left behind is removed."""
    for rest in home.glob("data.new.*"):
        shutil.rmtree(rest, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="data.new.", dir=home))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    initdb = [str(programs / "initdb"), "-D", str(fresh), "--username=hashrail", "--encoding=UTF8", "--locale=C"]
    initdb += ["--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions"]
    initdb += ["--no-sync"] if forgetful else []
    server_processes.run(initdb, home, account)
    single = [str(programs / "postgres"), "--single", "-D", str(fresh), "-c", "exit_on_error=on"]
    single += [*(["-c", "fsync=off"] if forgetful else []), "template1"]
    with tempfile.TemporaryFile() as statement:
        statement.write(b"CREATE DATABASE hashrail\n")
        statement.seek(0)
        server_processes.run(single, home, account, statement.fileno())
    fresh.rename(home / "data")
    folder = os.open(home, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _server_command(home: Path, programs: Path, socket_folder: Path, further: Mapping[str, str]) -> list[str]:
    listed = str(socket_folder).replace('"', '""')
    settings = {
        **SETTINGS,
        **further,
        "unix_socket_directories": f'"{listed}"',
        "cluster_name": server_processes.cluster_name(home),
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(home / "data"), *words]


def _dsn(socket_folder: Path) -> str:
    return f"postgresql://hashrail@/hashrail?host={quote(str(socket_folder))}&port=5432"
