"""A real pgbouncer before a test's server, in one of its modes.

It comes from tools/get_pgbouncer.sh, or from where HASHRAIL_TEST_PGBOUNCER says.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashrail import database_url
from hashrail.postgres import files
from hashrail.postgres.files import SystemUser
from tests.support import patience
from tests.support.databases import can_connect
from tests.support.folders import ROOT
from tests.support.patience import wait_until
from tests.support.programs import free_port

PGBOUNCER = Path(os.environ.get("HASHRAIL_TEST_PGBOUNCER", ROOT / ".venv" / "pgbouncer" / "bin" / "pgbouncer"))


@contextmanager
def pooler(dsn: str, folder: Path, mode: str, **settings: str) -> Iterator[str]:
    """A DSN that leads to the same database through a pgbouncer in this mode."""
    if not PGBOUNCER.exists():
        pytest.skip("no pgbouncer: run tools/get_pgbouncer.sh .venv/pgbouncer")
    options = database_url.read(dsn).options
    port = free_port()
    (folder / "users.txt").write_text(f'"{options["user"]}" ""\n')
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(folder / "users.txt"),
        "pool_mode": mode,
        "logfile": str(folder / "pgbouncer.log"),
        **settings,
    }
    configuration = folder / "pgbouncer.ini"
    target = f"host={options['host']} port={options.get('port', '5432')}"
    listed = "\n".join(f"{name} = {value}" for name, value in lines.items())
    configuration.write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{listed}\n")
    process = _start(configuration, folder)
    through = f"postgresql://{options['user']}@127.0.0.1:{port}/{options['dbname']}"
    try:
        _wait_until_it_answers(process, through, folder)
        yield through
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(patience.SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(configuration: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """It refuses to run as root, and has to reach the server's socket: it runs as whoever the server runs as."""
    user = files.find_account(folder / "nothing")
    own: dict[str, int] = {} if user is None else {"user": user.uid, "group": user.gid}
    if isinstance(user, SystemUser):
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.uid, user.gid)
        for above in folder.parents:
            if above.stat().st_mode & 0o001 == 0:
                above.chmod(above.stat().st_mode | 0o011)
    program = PGBOUNCER
    if isinstance(user, SystemUser) and not files.reaches(user, PGBOUNCER):
        # The checkout lies where that user cannot look.
        program = shutil.copytree(PGBOUNCER.parents[1], folder / "program", symlinks=True) / "bin" / PGBOUNCER.name
    return subprocess.Popen(
        [program, "-q", configuration],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **own,  # type: ignore[call-overload]
    )


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", dsn: str, folder: Path) -> None:
    log = folder / "pgbouncer.log"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return can_connect(dsn)

    wait_until(answers, log.read_text)
