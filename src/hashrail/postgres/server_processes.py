"""The processes of the embedded PostgreSQL: started so that they end with their owner, found again, ended.

The owner may die without a word (kill -9). The kernel then tells the server to stop (`tether.py`), which takes a
moment, and whoever owns the folder next must wait for it or end it. Every process of a server carries its cluster
name in its command line, which anyone may read in /proc, root without privileges over other users' processes
included; so a process is never taken for ours because of its number alone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hashrail import clock
from hashrail.postgres import files, tether
from hashrail.postgres.files import EmbeddedPostgresError, SystemUser

RUN_SECONDS = 120.0
STOP_SECONDS = 30.0
QUIT_SECONDS = 10.0
POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server says of itself in its postmaster.pid."""

    pid: int
    socket_folder: Path
    ready: bool


def start(
    command: list[str],
    home: Path,
    account: SystemUser | None,
    death_signal: signal.Signals,
    standard_input: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program that gets `death_signal` when the calling thread ends; it writes to the log of `home`.

    It has a session of its own, so that Ctrl-C reaches the owner only, who stops it when it is no longer needed.
    """
    account = account or SystemUser(os.getuid(), os.getgid())
    facts = [str(os.getpid()), str(account.uid), str(account.gid), str(int(death_signal))]
    # Only for us to read: a failed statement stands in it with its values.
    log = os.open(home / "postgres.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603  # no shell, and every word is ours
            [sys.executable, "-I", "-S", tether.__file__, *facts, *command],
            cwd=home,
            env={"LC_ALL": "C", "TZ": "UTC"},  # neither PG* variables nor the secrets of the application
            stdin=standard_input,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def run(command: list[str], home: Path, account: SystemUser | None, standard_input: int = subprocess.DEVNULL) -> None:
    """Run a program to its end. Raises EmbeddedPostgresError when it fails or takes longer than RUN_SECONDS."""
    process = start(command, home, account, signal.SIGKILL, standard_input)
    try:
        status: int | None = process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        process.kill()
        process.wait()
    if status != 0:
        end = f"did not end within {RUN_SECONDS:.0f} s" if status is None else f"failed with status {status}"
        raise EmbeddedPostgresError(f"{command[0]} {end}. {files.log_tail(home)}")


def cluster_name(home: Path) -> str:
    """The name that the processes of the server of `home` carry."""
    return f"hashrail-{files.short_hash(home)}"


def server_state(home: Path) -> ServerState | None:
    """What postmaster.pid says, dead or alive; None while there is none or it is incomplete."""
    try:
        lines = os.fsdecode((home / "data" / "postmaster.pid").read_bytes()).split("\n")
    except FileNotFoundError:
        return None
    if len(lines) < 6:
        return None
    return ServerState(int(lines[0]), Path(lines[4]), ready=len(lines) >= 8 and lines[7].strip() == "ready")


def processes_of(home: Path) -> set[int]:
    """The live processes of the server of `home`."""
    name = os.fsencode(cluster_name(home))
    found = set()
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        command = _command_line(pid)
        if command.startswith(b"postgres: " + name + b": ") or b"cluster_name=" + name in command.split(b"\0"):
            found.add(pid)
    return found


def holders(path: Path) -> list[int]:
    """The processes that have a file open, as far as this user may see them."""
    wanted, found = path.stat(), []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        try:
            if any(os.path.samestat(wanted, opened) for opened in _open_files(pid)):
                found.append(pid)
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found)


def end_all(home: Path) -> None:
    """End whatever runs on the cluster of `home`: a fast shutdown, an immediate one, then by force; each bounded."""
    state = server_state(home)
    postmaster = {state.pid} if state is not None else set()
    # A fast shutdown is the postmaster's to do. What it leaves, or never had a living one, serves nobody.
    _end(home, processes_of(home) & postmaster, signal.SIGINT, STOP_SECONDS)
    for number in (signal.SIGQUIT, signal.SIGKILL):
        _end(home, processes_of(home), number, QUIT_SECONDS)
    left = processes_of(home)
    if left:
        raise EmbeddedPostgresError(f"processes {sorted(left)} use {home} and do not end: end them by hand")


def forget_stale(home: Path, socket_folder: Path) -> None:
    """Remove lock files that PostgreSQL would take for a live server's and that are not.

    Their number may belong to a process of another kind by now, or to a zombie that nobody waits for; or their writer
    died before it wrote one. If it is some PostgreSQL they stay: someone may have opened the cluster by hand, and two
    servers would destroy it.
    """
    for lock in (home / "data" / "postmaster.pid", socket_folder / f"{files.SOCKET_NAME}.lock"):
        try:
            number = lock.read_bytes().split(b"\n")[0]
        except FileNotFoundError:
            continue
        program = _command_line(abs(int(number or b"0"))).split(b"\0")[0].split(b":")[0]
        if Path(os.fsdecode(program)).name not in ("postgres", "postmaster"):
            lock.unlink()


def _end(home: Path, pids: set[int], number: signal.Signals, seconds: float) -> None:
    """Send a signal to some processes of the server, and wait until they are gone, at most `seconds`."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    give_up = clock.monotonic() + seconds
    while pids & processes_of(home) and clock.monotonic() < give_up:
        time.sleep(POLL_SECONDS)


def _open_files(pid: int) -> Iterator[os.stat_result]:
    """What the open files of a process are."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield link.stat()


def _command_line(pid: int) -> bytes:
    """The command line of a process; empty when it is gone, a zombie or a kernel thread."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
