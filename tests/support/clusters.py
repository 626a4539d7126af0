"""A PostgreSQL of a test's own, to be stopped, frozen, filled up and made a standby.

`with cluster(folder) as own:` starts one; `own.dsn` leads to its migrated database.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from hashrail import database_url, db
from hashrail.postgres import binaries, files, server_processes
from hashrail.postgres.files import SystemUser
from hashrail.postgres.server import EmbeddedPostgres
from tests.support import folders
from tests.support.databases import A_DEPLOYMENT, can_connect
from tests.support.patience import wait_until


@dataclass
class Cluster:
    """A running server and the folder that it lives in."""

    data_dir: Path
    dsn: str
    postgres: EmbeddedPostgres | None = None

    def stop(self) -> None:
        """End the server, which ends every session."""
        assert self.postgres is not None
        self.postgres.stop()

    def start(self) -> None:
        """Start it again."""
        assert self.postgres is not None
        self.postgres.start()

    @property
    def home(self) -> Path:
        """Where its files are."""
        return (self.data_dir / "postgres").resolve()

    def run(self, *statements: str) -> None:
        """As its superuser, each in a transaction of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def set(self, name: str, value: str) -> None:
        """A setting of the server, in force at once."""
        self.run(f"ALTER SYSTEM SET {name} = {value}", "SELECT pg_reload_conf()")

    def wait_for_nobody(self) -> None:
        """From now on every commit waits for a standby that is not there: back when one has waited.

        The server's processes take the setting over one by one, and commits wait when its checkpointer has.
        """
        self.set("synchronous_standby_names", "'nobody'")
        with (
            psycopg.connect(self.dsn, autocommit=True) as writing,
            psycopg.connect(self.dsn, autocommit=True) as looking,
            ThreadPoolExecutor(1) as thread,
        ):
            waits = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = %s"
            while True:
                commit = thread.submit(writing.execute, "SELECT pg_logical_emit_message(true, 'test', '')")
                while not commit.done():
                    if looking.execute(waits, [writing.info.backend_pid]).fetchone() is not None:
                        writing.cancel()
                        commit.result()
                        return

    @contextmanager
    def frozen(self, *, postmaster_only: bool = False) -> Iterator[None]:
        """Every process of the server stands still, or the one that lets new sessions in; its sockets stay open."""
        state = server_processes.server_state(self.home)
        assert state is not None
        stopped = [state.pid] if postmaster_only else sorted(server_processes.processes_of(self.home))
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def fill(self, leave_bytes: int) -> Path:
        """Take what is left of the disk that it is on, except for a little; the file to delete."""
        filling = self.data_dir.parent / "filling"
        with filling.open("wb") as file:
            file.write(b"x" * (shutil.disk_usage(filling.parent).free - leave_bytes))
        return filling


@contextmanager
def cluster(folder: Path | None = None) -> Iterator[Cluster]:
    """A server with the whole schema, in a folder that goes away with it."""
    with tempfile.TemporaryDirectory(prefix="hashrail-own-", dir=folders.quick(), ignore_cleanup_errors=True) as own:
        place = Path(own) if folder is None else folder
        place.chmod(0o755)
        with EmbeddedPostgres(place / "data") as postgres:
            db.migrate(postgres.dsn)
            started = Cluster(place / "data", postgres.dsn, postgres)
            started.run(A_DEPLOYMENT)
            yield started


@contextmanager
def standby(data_dir: Path, dsn: str) -> Iterator[Cluster]:
    """The stopped cluster of a folder, started as a standby that follows nobody and can be promoted."""
    account = files.find_account(data_dir / "postgres" / "data")
    home = files.find_home(data_dir, account)
    (home / "data" / "standby.signal").touch()
    if account is not None:
        os.chown(home / "data" / "standby.signal", account.uid, account.gid)
    with _running(home, account):
        wait_until(lambda: can_connect(dsn))
        yield Cluster(data_dir, dsn)


@contextmanager
def follower(primary: Cluster, **settings: str) -> Iterator[Cluster]:
    """A hot standby that was copied from a running cluster and follows it, in a folder that goes away with it."""
    with tempfile.TemporaryDirectory(prefix="hashrail-own-", dir=folders.quick(), ignore_cleanup_errors=True) as own:
        data_dir = Path(own) / "data"
        Path(own).chmod(0o755)
        account = files.find_account(data_dir / "postgres" / "data")
        home = files.find_home(data_dir, account)
        programs = binaries.reachable_folder(binaries.choose(primary.home / "data"), account)
        (home / "data").mkdir(mode=0o700)
        if account is not None:
            os.chown(home / "data", account.uid, account.gid)
        lead = str(database_url.read(primary.dsn).options["host"])
        copying = [str(programs / "pg_basebackup"), "-D", str(home / "data"), "-h", lead, "-U", "hashrail", "-R"]
        server_processes.run([*copying, "--checkpoint=fast", "--no-sync"], home, account)
        dsn = primary.dsn.replace(quote(lead), quote(str(files.socket_folder(home, account))))
        with _running(home, account, **settings):
            wait_until(lambda: can_connect(dsn))
            yield Cluster(data_dir, dsn)


@contextmanager
def _running(home: Path, account: SystemUser | None, **further: str) -> Iterator[None]:
    """The server of a folder, as a standby is started."""
    programs = binaries.reachable_folder(binaries.choose(home / "data"), account)
    settings = {
        "max_connections": "200",  # as many as the primary had
        "listen_addresses": "",
        "unix_socket_directories": str(files.socket_folder(home, account)),
        "cluster_name": server_processes.cluster_name(home),
        **further,
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    process = server_processes.start(
        [str(programs / "postgres"), "-D", str(home / "data"), *words], home, account, signal.SIGQUIT
    )
    try:
        yield
    finally:
        server_processes.end_all(home)
        process.wait()


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A folder on a disk of its own, of this size; None where this user or machine may mount nothing."""
    with tempfile.TemporaryDirectory(prefix="hashrail-disk-", dir="/tmp") as place:
        options = f"size={megabytes}m,mode=0755"
        mounted = shutil.which("mount") and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "hashrail-test", place], capture_output=True, check=False
        )
        if not mounted or mounted.returncode != 0:
            yield None
            return
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
