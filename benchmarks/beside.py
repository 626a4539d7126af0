"""Programs beside the server that is measured: a pgbouncer before it, and a standby that follows it."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg

from benchmarks.servers import POLL_SECONDS, ROOT, START_SECONDS, free_port
from hashrail import clock, database_url
from hashrail.postgres import binaries, files, server, server_processes
from hashrail.postgres.files import SystemUser

PGBOUNCER = ROOT / ".venv" / "pgbouncer" / "bin" / "pgbouncer"
POOL_MODE = "transaction"


def pgbouncer() -> Path | None:
    """The program, as tools/get_pgbouncer.sh leaves it or as the machine has it."""
    found = shutil.which("pgbouncer")
    if PGBOUNCER.exists():
        return PGBOUNCER
    return None if found is None else Path(found)


@asynccontextmanager
async def pooled(dsn: str, program: Path) -> AsyncIterator[str]:
    """A DSN that leads to the same database through a pgbouncer."""
    options = database_url.read(dsn).options
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hashrail-bench-", dir="/tmp") as place:
        folder = Path(place)
        (folder / "users.txt").write_text(f'"{options["user"]}" ""\n')
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": str(folder / "users.txt"),
            "pool_mode": POOL_MODE,
            "default_pool_size": "50",
            "max_prepared_statements": "500",
            "logfile": str(folder / "pgbouncer.log"),
        }
        listed = "\n".join(f"{name} = {value}" for name, value in lines.items())
        target = f"host={options['host']} port={options.get('port', '5432')}"
        (folder / "pgbouncer.ini").write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{listed}\n")
        process = _without_rights(program, folder)
        through = f"postgresql://{options['user']}@127.0.0.1:{port}/{options['dbname']}"
        try:
            await _answers(through)
            yield through
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


@asynccontextmanager
async def followed(dsn: str) -> AsyncIterator[tuple[str, int]]:
    """A DSN of the same database on a hot standby, and the standby's process."""
    lead = str(database_url.read(dsn).options["host"])
    with tempfile.TemporaryDirectory(prefix="hashrail-bench-", dir="/tmp") as place:
        Path(place).chmod(0o711)
        data_dir = Path(place) / "data"
        account = files.find_account(data_dir / "postgres" / "data")
        home = files.find_home(data_dir, account)
        (home / "data").mkdir(mode=0o700)
        if account is not None:
            os.chown(home / "data", account.uid, account.gid)
        programs = binaries.reachable_folder(binaries.choose(home / "nothing"), account)
        copying = ["-D", str(home / "data"), "-h", lead, "-U", "hashrail", "-R", "--checkpoint=fast"]
        await asyncio.to_thread(server_processes.run, [str(programs / "pg_basebackup"), *copying], home, account)
        socket_folder = files.socket_folder(home, account)
        settings = server.SETTINGS | {
            "unix_socket_directories": str(socket_folder),
            "cluster_name": server_processes.cluster_name(home),
            "hot_standby_feedback": "on",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(home / "data"), *words]
        process = server_processes.start(command, home, account, signal.SIGINT)
        standby = dsn.replace(quote(lead), quote(str(socket_folder)))
        try:
            await _answers(standby)
            yield standby, process.pid
        finally:
            server_processes.end_all(home)
            process.wait()


def _without_rights(program: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """It refuses to run as root, and has to reach the server's socket: it runs as whoever the server runs as."""
    user = files.find_account(folder / "nothing")
    own: dict[str, int] = {}
    if isinstance(user, SystemUser):
        own = {"user": user.uid, "group": user.gid}
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.uid, user.gid)
        if not files.reaches(user, program):
            program = shutil.copytree(program.parents[1], folder / "program", symlinks=True) / "bin" / program.name
    command = [str(program), "-q", str(folder / "pgbouncer.ini")]
    started: subprocess.Popen[bytes] = subprocess.Popen(  # no shell, and every word is ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **own,  # type: ignore[call-overload]
    )
    return started


async def _answers(dsn: str) -> None:
    """Wait until sessions are let in."""
    give_up = clock.monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(dsn)).close()
        except (OSError, asyncpg.PostgresError):
            if clock.monotonic() > give_up:
                raise
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
