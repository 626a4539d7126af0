"""Processes that are killed and ports that are taken: whoever starts next is not held up by what was there before."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashrail import clock
from hashrail.postgres.server_processes import holders
from hashrail.processes import server
from tests.support.patience import wait_until
from tests.support.programs import SECONDS, Running, clean_environment, free_port, hashrail, processes_naming
from tests.support.served import answers, members_of, serving

HERE = "127.0.0.1"
LISTENING = "0A"
# Holds a lock until it is killed.
HOLDER = """import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print(flush=True)
input()"""


class Program:
    """A command that goes on, as the leader of a session of its own."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        with log.open("wb") as output, log.with_suffix(".out").open("wb") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hashrail.cli", *words],
                env=clean_environment(HASHRAIL_MODE="sandbox"),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=output,
                start_new_session=True,
            )

    def waits_for(self, done: Callable[[], object]) -> None:
        """Until something is so; the program has to live that long."""

        def is_done() -> object:
            assert self.process.poll() is None, self.log.read_text()
            return done()

        wait_until(is_done, self.log.read_text)

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(SECONDS) == 0, self.log.read_text()


@contextmanager
def program(log: Path, *words: str) -> Iterator[Program]:
    """It is killed at the end if it still lives."""
    started = Program(log, *words)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def is_ready(port: int) -> bool:
    return answers(port, "/readyz")


def check_gone(left: Callable[[], list[object]]) -> None:
    """Everything has ended by itself."""
    wait_until(lambda: left() == [], left)


def listeners(port: int) -> int:
    """How many sockets listen on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == LISTENING for row in rows)


# Kills


def test_a_killed_server_is_started_again_at_once(folder: Path) -> None:
    """Its workers end with it: the port and the folder are free for the next one, which answers."""
    data, port = folder / "data", free_port()
    words = ("serve", "--port", str(port), "--workers", "2", "--data", str(data))
    with program(folder / "first.log", *words) as first:
        first.waits_for(lambda: is_ready(port) and listeners(port) == 2)
        assert len(members_of(first.process.pid)) == 3
        lock = data / "postgres" / "owner.lock"
        assert holders(lock) == [first.process.pid], "the workers let go of it"
        first.process.kill()
        first.process.wait()
        began = clock.monotonic()
        with program(folder / "second.log", *words) as second:
            check_gone(lambda: list(members_of(first.process.pid)))
            second.waits_for(lambda: is_ready(port) and listeners(port) == 2)
            print(f"ready again {clock.monotonic() - began:.1f} s after kill -9")
            assert holders(lock) == [second.process.pid]
            second.stop()
    assert processes_naming(data) == []


def test_a_killed_worker_of_the_server_is_replaced(folder: Path) -> None:
    data, port = folder / "data", free_port()
    with program(folder / "log", "serve", "--port", str(port), "--data", str(data)) as served:
        served.waits_for(lambda: is_ready(port))
        (worker,) = set(members_of(served.process.pid)) - {served.process.pid}
        os.kill(worker, signal.SIGKILL)
        check_gone(lambda: [pid for pid in members_of(served.process.pid) if pid == worker])
        served.waits_for(lambda: is_ready(port))
        assert len(members_of(served.process.pid)) == 2
        served.process.kill()
    check_gone(lambda: list(processes_naming(data)))


def test_a_server_that_begins_can_be_stopped(folder: Path) -> None:
    """Its workers do not listen to SIGTERM as it does itself, so they need not be waited for and killed."""
    data = folder / "data"
    began = next(served for number in range(10) if not (served := stopped_early(data, number)).said("Started worker-1"))
    assert not began.said("Killing worker-1")
    assert processes_naming(data) == []


def stopped_early(data: Path, number: int) -> Program:
    """A server that was stopped as soon as its worker was seen to begin; a busy machine may look too late."""
    log = data.parent / f"{number}.log"
    with program(log, "serve", "--port", str(free_port()), "--data", str(data)) as served:
        served.waits_for(lambda: served.said("Spawning worker-1"))
        served.stop()
        return served


def test_a_killed_worker_is_started_again_at_once(folder: Path) -> None:
    data = folder / "data"
    for name in ("first.log", "second.log"):
        with program(folder / name, "worker", "--data", str(data)) as working:
            working.waits_for(lambda: working.said("worker started"))
            assert len(processes_naming(data)) > 1, "its PostgreSQL"
    check_gone(lambda: list(processes_naming(data)))


def test_a_killed_sandbox_is_started_again_at_once(folder: Path) -> None:
    """It keeps its server when that is killed, and leaves nothing when it is killed itself."""
    data, port = folder / "data", free_port()
    first = Running(data, port, folder / "first.log")
    try:
        first.summary()
        (served,) = (pid for pid in holders(data / "sandbox.log") if b"serve" in words_of(pid) and owned(pid, first))
        os.kill(served, signal.SIGKILL)
        said = (data / "sandbox.log").read_text
        wait_until(lambda: not Path(f"/proc/{served}").exists() and is_ready(port), said)
    finally:
        first.process.kill()
        first.process.wait()
    second = Running(data, port, folder / "second.log")
    try:
        assert f"A sandbox is running at http://{HERE}:{port}" in second.summary()
        second.stop(signal.SIGTERM)
    finally:
        second.process.kill()
        second.process.wait()
    check_gone(lambda: list(processes_naming(data)))


def words_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def owned(pid: int, owner: Running) -> bool:
    """Whether it is a child of the owner, not of one of its children."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == owner.process.pid


def test_who_holds_the_folder_is_told(folder: Path) -> None:
    """The wait is told with the number of the process; when that ends, it goes on."""
    data, port = folder / "data", free_port()
    lock = data / "postgres" / "owner.lock"
    lock.parent.mkdir(parents=True)
    for part in (data, lock.parent):
        part.chmod(0o711)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        with program(folder / "log", "serve", "--port", str(port), "--data", str(data)) as served:
            told = f"waiting for the PostgreSQL of process {holder.pid}, which holds {lock}"
            served.waits_for(lambda: served.said(told))
            assert not is_ready(port)
            holder.kill()
            served.waits_for(lambda: is_ready(port))
            served.stop()
    finally:
        holder.kill()
        holder.communicate()
    assert served.log.read_text().count("waiting for") == 1


# Ports


def test_two_servers_do_not_share_a_port(dsn: str, folder: Path) -> None:
    """The second is refused before it touches anything; the workers of the first share it as before."""
    with serving(dsn, folder, "first", "--workers", "2") as served:
        port = served.url.rpartition(":")[2]
        wait_until(lambda: listeners(int(port)) == 2)
        data = folder / "second"
        for words in (("serve",), ("serve", "--host", "0.0.0.0"), ("demo",)):  # noqa: S104  # everywhere
            refused = hashrail(*words, "--port", port, "--data", str(data))
            assert (refused.returncode, refused.stdout) == (1, "")
            code, advice = refused.stderr.splitlines()
            assert code.startswith("PORT_UNAVAILABLE: cannot listen on ")
            assert code.endswith(f", port {port}: Address already in use")
            assert "make run PORT=N" in advice
        assert not data.exists()
        assert listeners(int(port)) == 2
        assert is_ready(int(port))


def test_a_claim_is_for_the_workers_of_one_server() -> None:
    """Who asks to share may listen; another claim is refused until this one ends, also while nobody listens yet."""
    port = free_port()
    with server.claimed(HERE, port):
        with pytest.raises(server.PortUnavailableError, match=f"port {port}"), server.claimed(HERE, port):
            pass
        workers = [socket.create_server((HERE, port), reuse_port=True) for _ in range(2)]
        with socket.create_connection((HERE, port)) as line:
            answered = [worker for worker in workers if accepts(worker)]
            assert (len(answered), line.getpeername()) == (1, (HERE, port))
        for worker in workers:
            worker.close()
    with server.claimed(HERE, port):  # though the connection fades away there
        pass
    with pytest.raises(server.PortUnavailableError, match=r"cannot listen on 192\.0\.2\.1"):
        server.claimed("192.0.2.1", port).__enter__()
    with pytest.raises(server.PortUnavailableError, match="cannot listen on no-address"):
        server.claimed("no-address", port).__enter__()


def accepts(worker: socket.socket) -> bool:
    """Whether a connection waits on this socket."""
    worker.settimeout(0.2)
    try:
        worker.accept()[0].close()
    except TimeoutError:
        return False
    return True


# What is written


def test_the_log_of_a_server_is_of_one_kind(dsn: str, folder: Path) -> None:
    """Its own lines and those of Granian: JSON with a time and a level."""
    with serving(dsn, folder, "one") as served:
        assert answers(int(served.url.rpartition(":")[2]), "/healthz")
        assert served.stop() == 0
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    said = {line["event"] for line in lines}
    assert {f"Listening at: {served.url}", "Started worker-1", "Stopped worker-1"} <= said
