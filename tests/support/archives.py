"""A PostgreSQL of a test's own that is archived continuously, by a real pgBackRest and the files of deploy/.

It comes from tools/get_pgbackrest.sh, or from where HASHRAIL_TEST_PGBACKREST says.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest

from hashrail.postgres import files
from hashrail.postgres import server as postgres_server
from hashrail.postgres.files import SystemUser
from hashrail.postgres.server import EmbeddedPostgres
from tests.support.clusters import Cluster, cluster
from tests.support.folders import ROOT
from tests.support.patience import wait_until

PGBACKREST = Path(os.environ.get("HASHRAIL_TEST_PGBACKREST", ROOT / ".venv" / "pgbackrest" / "bin" / "pgbackrest"))
DEPLOY = ROOT / "deploy" / "pgbackrest"
SETTING = re.compile(r"^([a-z_]+) = '?(.*?)'?$", re.M)
SECONDS = 120


@dataclass(frozen=True)
class Archive:
    """Where the base backups and the log of a cluster go, and the program that puts them there and brings them back."""

    folder: Path
    program: Path
    account: SystemUser | None

    @property
    def command(self) -> str:
        """The program with its configuration."""
        return f"{self.program} --config={self.folder / 'pgbackrest.conf'} --stanza=hashrail"

    def configure(self, data: Path) -> None:
        """The configuration of deploy/, with the places of this test; that of the cluster's files."""
        places = {"/var/lib/pgbackrest": f"{self.folder / 'repo'}", "/var/lib/postgresql/15/main": f"{data}"}
        text = (DEPLOY / "pgbackrest.conf").read_text()
        for usual, own in places.items():
            assert usual in text
            text = text.replace(usual, own)
        socket = files.socket_folder(data.parent, self.account)
        own_files = f"log-path={self.folder / 'log'}\nlock-path={self.folder / 'lock'}\n"
        text = text.replace("[global]\n", f"[global]\n{own_files}")
        text += f"pg1-socket-path={socket}\npg1-user=hashrail\n"
        (self.folder / "pgbackrest.conf").write_text(text)

    def server_settings(self) -> dict[str, str]:
        """The settings of deploy/ that have PostgreSQL hand on what it writes."""
        found = dict(SETTING.findall((DEPLOY / "archiving.conf").read_text()))
        assert "archive_command" in found
        return found | {
            "archive_command": found["archive_command"].replace("pgbackrest --stanza=hashrail", self.command)
        }

    def run(self, *words: str) -> str:
        """A command of pgBackRest, as the user of the server, that ends well."""
        own = {} if self.account is None else {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        made = subprocess.run(
            [*self.command.split(), *words],
            cwd=self.folder,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            **own,  # type: ignore[call-overload]
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return str(made.stdout)

    @contextmanager
    def restored(self, folder: Path, *how: str) -> Iterator[str]:
        """DSN of a server in this folder, restored to the newest or as the words say."""
        files.make_folder(folder, self.account)
        home = files.find_home(folder / "data", self.account)
        (home / "data").mkdir(mode=0o700)
        if self.account is not None:
            os.chown(home / "data", self.account.uid, self.account.gid)
        self.run(f"--pg1-path={home / 'data'}", "--archive-mode=off", *how, "restore")
        with EmbeddedPostgres(folder / "data") as server:
            wait_until(lambda: _takes_writes(server.dsn))
            yield server.dsn


@contextmanager
def archived(folder: Path) -> Iterator[tuple[Cluster, Archive]]:
    """A server with the whole schema whose log goes into an archive from its first statement on."""
    if not PGBACKREST.exists():
        pytest.skip("no pgBackRest: run tools/get_pgbackrest.sh .venv/pgbackrest")
    account = files.find_account(folder / "nothing")
    program = PGBACKREST
    if account is not None and not files.reaches(account, program):
        # The checkout lies where that user cannot look.
        program = shutil.copytree(program.parents[1], folder / "program", symlinks=True) / "bin" / program.name
    archive = Archive(folder / "archive", program, account)
    for each in (archive.folder, *(archive.folder / name for name in ("repo", "log", "lock"))):
        each.mkdir()
        if account is not None:
            os.chown(each, account.uid, account.gid)
    with patch.dict(postgres_server.SETTINGS, archive.server_settings()), cluster(folder) as own:
        archive.configure(own.home / "data")
        archive.run("stanza-create")
        yield own, archive


def _takes_writes(dsn: str) -> bool:
    """Whether it has replayed all that it was to."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


def await_archived(dsn: str) -> None:
    """Have everything archived that is committed by now."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        switched = connection.execute(
            "SELECT pg_walfile_name(pg_logical_emit_message(false, 'test', '')), pg_switch_wal()"
        ).fetchone()
        assert switched is not None

        def is_archived() -> bool:
            row = connection.execute("SELECT last_archived_wal >= %s FROM pg_stat_archiver", [switched[0]]).fetchone()
            return row == (True,)

        wait_until(is_archived)
