"""Two PostgreSQL servers under Patroni, with etcd: a primary and its standby, on this machine only.

The standby is synchronous, unless a test wants one that may lack what was committed.

    FOLDER/etcd/            what etcd keeps
    FOLDER/one/             a member: patroni.json, its log, its socket
    FOLDER/one/data/        its PostgreSQL
    FOLDER/two/             the other one

They run as a user without rights, for PostgreSQL refuses root. A guard ends all of them with whoever started them.
"""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from hashrail import db
from hashrail.postgres import binaries, files
from tests.failover.processes import KILL_SECONDS, ROOT, command_line, guard, kill_all, processes_of, send
from tests.support.databases import A_DEPLOYMENT
from tests.support.programs import free_port

ETCD = Path(os.environ.get("HASHRAIL_TEST_ETCD", ROOT / ".venv" / "etcd" / "bin" / "etcd"))
START_SECONDS = 60
# A machine that is gone counts as gone when its lease has run out.
LEASE_SECONDS = 20
POLL_SECONDS = 0.05
SERVER = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": 100,
    "shared_buffers": "64MB",
    "wal_keep_size": "256MB",
    "timezone": "UTC",
}


@dataclass
class Member:
    """One PostgreSQL and the Patroni that looks after it."""

    folder: Path
    port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    patroni: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data(self) -> Path:
        return self.folder / "data"


class Cluster:
    """What runs, who is primary, and how to lose it."""

    def __init__(self, folder: Path, *, synchronous: bool = True) -> None:
        self.folder = folder
        self.synchronous = synchronous
        self.password = secrets.token_hex(8)
        self.members = [Member(folder / "one"), Member(folder / "two")]
        self.etcd_port = free_port()
        self.programs: list[subprocess.Popen[bytes]] = []
        self.user = files.find_account(folder / "nothing")

    def dsn(self, database: str = "postgres") -> str:
        """Both servers; who connects gets the one that writes."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.members)
        return f"postgresql://postgres:{self.password}@{hosts}/{database}?target_session_attrs=read-write"

    def start(self) -> None:
        """Start everything, and wait for a primary with a synchronous standby."""
        for folder in (self.folder, self.folder / "etcd", *(each.folder for each in self.members)):
            folder.mkdir(mode=0o700, exist_ok=True)
            if self.user is not None:
                os.chown(folder, self.user.uid, self.user.gid)
        self._start_etcd()
        for each in self.members:
            self._start_patroni(each)
        self.await_standby()

    # What it looks like

    def primary(self) -> Member:
        """Who writes. Raises psycopg.OperationalError while nobody does."""
        with psycopg.connect(self.dsn(), connect_timeout=2) as connection:
            return next(each for each in self.members if each.port == connection.info.port)

    def other(self, member: Member) -> Member:
        """The one that is not this."""
        return next(each for each in self.members if each is not member)

    def await_primary(self, lost: Member) -> Member:
        """Wait until another one than `lost` writes."""
        seconds = START_SECONDS + LEASE_SECONDS
        self._wait(lambda: self._quietly(self.primary) is self.other(lost), "nobody was promoted", seconds)
        return self.other(lost)

    def await_standby(self) -> None:
        """Wait until the primary has a synchronous standby that Patroni would promote."""
        self._wait(lambda: self._quietly(self._is_whole) is True, "there is no such standby", START_SECONDS)

    def await_replay(self) -> None:
        """Wait until the standby has what the primary has written by now."""
        ((written,),) = self.ask("SELECT pg_current_wal_lsn()")
        query = f"SELECT replay_lsn >= '{written}' FROM pg_stat_replication"
        self._wait(lambda: self.ask(query) == [(True,)], "the standby does not follow", START_SECONDS)

    def waits_for_standby(self, database: str) -> bool:
        """Whether a commit in the database is not acknowledged yet."""
        query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"
        return bool(self.ask(query, database))

    def ask(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Rows from the primary."""
        with psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=2) as connection:
            return connection.execute(query.encode()).fetchall()

    # What is done to it

    def create_database(self, name: str, like: str = "template0") -> None:
        """A database, which both servers have: asyncpg asks for it before it asks who writes."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}".encode())
        self.await_replay()

    def drop_database(self, name: str) -> None:
        """Whoever is connected to it."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def crash(self, member: Member) -> None:
        """kill -9 to every process of a member's PostgreSQL. Its Patroni will see that and bring it back."""
        send(processes_of(member.data), signal.SIGKILL)

    def lose(self, member: Member) -> None:
        """A member's machine is gone: PostgreSQL, Patroni and all data."""
        kill_all(member.folder)
        assert member.patroni is not None
        member.patroni.wait(KILL_SECONDS)
        shutil.rmtree(member.data)

    def bring_back(self, member: Member) -> None:
        """A lost member joins again, copied from the primary if it has nothing."""
        self._start_patroni(member)

    def freeze(self, member: Member) -> None:
        """A member's PostgreSQL does nothing any more; what it is sent waits for it in the kernel."""
        send(processes_of(member.data), signal.SIGSTOP)

    def go_on(self, member: Member) -> None:
        """The end of `freeze`, `hold` and `cut_off`."""
        send(processes_of(member.data), signal.SIGCONT)

    def hold(self, member: Member) -> None:
        """A standby gets and keeps everything and replays nothing; Patroni would end a pause that was asked for."""
        replaying = {pid for pid in processes_of(member.data) if b"startup" in command_line(pid)}
        assert replaying
        send(replaying, signal.SIGSTOP)

    def cut_off(self, member: Member) -> None:
        """The primary `member` sends nothing to its standby any more."""
        senders = {pid for pid in processes_of(member.data) if b"walsender" in command_line(pid)}
        assert senders
        send(senders, signal.SIGSTOP)

    def cancel_waits(self, database: str) -> None:
        """Let no commit in the database wait for the standby any longer, as a limit of time on statements does."""
        self.ask(
            """SELECT pg_cancel_backend(pid) FROM pg_stat_activity
               WHERE wait_event = 'SyncRep' AND datname = current_database()""",
            database,
        )

    # Parts

    def _start_etcd(self) -> None:
        urls = [f"http://127.0.0.1:{port}" for port in (self.etcd_port, free_port())]
        command = [str(ETCD), f"--data-dir={self.folder / 'etcd' / 'data'}", "--name=etcd"]
        for kind, url in (("client", urls[0]), ("peer", urls[1])):
            advertised = "advertise-client-urls" if kind == "client" else "initial-advertise-peer-urls"
            command += [f"--listen-{kind}-urls={url}", f"--{advertised}={url}"]
        self._run([*command, f"--initial-cluster=etcd={urls[1]}"], self.folder / "etcd")
        self._wait(lambda: self._healthy(f"{urls[0]}/health"), "etcd does not answer", START_SECONDS)

    def _start_patroni(self, member: Member) -> None:
        settings = member.folder / "patroni.json"
        settings.write_text(json.dumps(self._settings(member)))
        settings.chmod(0o644)
        member.patroni = self._run([sys.executable, "-m", "patroni", str(settings)], member.folder)

    def _run(self, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
        """Start a program in a folder, where its log is."""
        with (folder / "log").open("ab") as log:
            started = subprocess.Popen(
                [*self._without_rights(), *command],
                cwd=folder,
                env={"LC_ALL": "C", "TZ": "UTC", "HOME": str(folder), "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.programs.append(started)
        return started

    def _without_rights(self) -> list[str]:
        """What drops root, except for the right to reach a Python in a folder of root's own."""
        if self.user is None:
            return []
        right = "+dac_override"
        who = (f"--reuid={self.user.uid}", f"--regid={self.user.gid}", "--clear-groups")
        return ["setpriv", *who, f"--inh-caps={right}", f"--ambient-caps={right}"]

    def _settings(self, member: Member) -> dict[str, object]:
        """Strictly synchronous, if at all; and a primary that was killed fails over at once."""
        local, rest = f"127.0.0.1:{member.port}", f"127.0.0.1:{member.rest_port}"
        login = {"password": self.password}
        return {
            "scope": "hashrail",
            "name": member.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": f"127.0.0.1:{self.etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": LEASE_SECONDS,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "primary_start_timeout": 0,
                    # What the standby lacks was acknowledged to nobody.
                    "maximum_lag_on_failover": 1024 * 1024,
                    "synchronous_mode": self.synchronous,
                    "synchronous_mode_strict": self.synchronous,
                    "postgresql": {"use_pg_rewind": True, "parameters": SERVER},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": local,
                "connect_address": local,
                "data_dir": str(member.data),
                "bin_dir": str(binaries.choose(member.data / "none").folder),
                "pgpass": str(member.folder / "pgpass"),
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
                "parameters": {"unix_socket_directories": str(member.folder)},
                "pg_hba": [f"host {what} all 127.0.0.1/32 scram-sha-256" for what in ("all", "replication")],
                "authentication": {
                    "superuser": {"username": "postgres", **login},
                    "replication": {"username": "replicator", **login},
                },
            },
        }

    def _is_whole(self) -> bool:
        primary = self.primary()
        state, role = ("sync", "sync_standby") if self.synchronous else ("async", "replica")
        standbys = self.ask(f"SELECT application_name FROM pg_stat_replication WHERE sync_state = '{state}'")
        answer = httpx.get(f"http://127.0.0.1:{primary.rest_port}/cluster", timeout=2).json()
        roles = {each["name"]: (each["role"], each["state"]) for each in answer["members"]}
        standby = self.other(primary).name
        return standbys == [(standby,)] and roles == {
            primary.name: ("leader", "running"),
            standby: (role, "streaming"),
        }

    def _quietly(self, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except (psycopg.OperationalError, httpx.TransportError):
            return None

    def _healthy(self, url: str) -> bool:
        answer = self._quietly(lambda: httpx.get(url, timeout=2))
        return answer is not None and answer.status_code == 200

    def _wait(self, done: Callable[[], bool], otherwise: str, seconds: float) -> None:
        give_up = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < give_up, f"{otherwise}\n{self._logs()}"
            time.sleep(POLL_SECONDS)

    def _logs(self) -> str:
        logs = [self.folder / "etcd" / "log", *(each.folder / "log" for each in self.members)]
        return "\n".join(f"{log}:\n{log.read_text(errors='replace')[-4000:]}" for log in logs if log.exists())


def missing() -> str | None:
    """Why there is nothing to fail over, and what installs it."""
    if not ETCD.exists():
        return f"no etcd: tools/get_etcd.sh {ROOT / '.venv' / 'etcd'}"
    if importlib.util.find_spec("patroni") is None:
        return f"no Patroni: {sys.executable} -m pip install --require-hashes -r requirements-failover.lock"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "no setpriv to drop root with: apt-get install util-linux"
    return None


@contextmanager
def running(*, synchronous: bool = True) -> Iterator[Cluster]:
    """A cluster of one's own. Without its programs the test is skipped; in CI it fails."""
    if reason := missing():
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="hashrail-failover-", dir="/tmp"))
    guarding = guard(folder)
    cluster = Cluster(folder, synchronous=synchronous)
    try:
        cluster.start()
        yield cluster
    finally:
        guarding.communicate(timeout=START_SECONDS)
        for each in cluster.programs:
            each.wait(KILL_SECONDS)


def new_books(cluster: Cluster) -> str:
    """The name of a deployment's database on the cluster."""
    name = f"books_{uuid.uuid4().hex[:12]}"
    cluster.create_database(name)
    db.migrate(cluster.dsn(name))
    with psycopg.connect(cluster.dsn(name)) as connection:
        connection.execute(A_DEPLOYMENT)
    return name


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[db.Pool]:
    """A pool on these books, whose connections are dropped at the end, whoever is primary by then."""
    pool = await db.open_pool(dsn, connections=4)
    yield pool
    pool.terminate()
