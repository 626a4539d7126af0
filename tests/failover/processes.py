"""Every process of a folder: found by its command line and by its parents, stopped, killed.

As a program it reads a folder from its standard input, waits until its owner lets go of it, however that ends, and
then kills what is left of the folder and removes it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

KILL_SECONDS = 60
POLL_SECONDS = 0.02
ROOT = Path(__file__).parents[2]


def processes_of(folder: Path) -> set[int]:
    """Processes that name the folder, or a file in it, when they were started; with their children."""
    parents = dict(_parents())
    found = {pid for pid in parents if _names(pid, os.fsencode(folder))}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def send(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def kill_all(folder: Path) -> None:
    """kill -9 to every process of a folder, until there is none; those of a frozen one as well."""
    give_up = time.monotonic() + KILL_SECONDS
    while pids := processes_of(folder):
        assert time.monotonic() < give_up, f"{sorted(pids)} do not end"
        send(pids, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def guard(folder: Path) -> subprocess.Popen[str]:
    """A process that clears the folder when its standard input is closed, by us or by our end."""
    command = [sys.executable, "-m", "tests.failover.processes"]
    started = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True, start_new_session=True)
    assert started.stdin is not None
    started.stdin.write(f"{folder}\n")
    started.stdin.flush()
    return started


def command_line(pid: int) -> bytes:
    """The words of a process, each ended by a zero; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _parents() -> list[tuple[int, int]]:
    """Each live process and its parent."""
    found = []
    for pid in [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]:
        try:
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found.append((pid, int(parent)))
    return found


def _names(pid: int, folder: bytes) -> bool:
    return any(
        word.partition(b"=")[2] == folder or word == folder or folder + b"/" in word
        for word in command_line(pid).split(b"\0")
    )


def main() -> None:
    """Wait for the end of whoever started us."""
    folder = Path(sys.stdin.readline().strip())
    sys.stdin.read()
    kill_all(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
