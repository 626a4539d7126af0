"""A PostgreSQL for a moment: it holds nothing of worth, and leaves nothing behind, whatever ends us.

The folder is removed by a process of its own, the janitor (`janitor.py`), when its pipe from us breaks: at the end of
the block, or when we are killed. The kernel tells the server to stop, as every embedded one.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashrail.errors import UnavailableError
from hashrail.postgres import files, janitor
from hashrail.postgres.server import EmbeddedPostgres

PREFIX = "hashrail-scratch-"


class ScratchFolderError(UnavailableError):
    """The server cannot have its files there: its user cannot reach the folder, or its path is too long."""

    code = "SCRATCH_FOLDER"
    advice = "Name another folder with --scratch: one with a short path that everybody may pass through, as /var/tmp."


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty database, and the folder that goes away with its server."""

    dsn: str
    folder: Path


@contextmanager
def scratch_server(parent: Path | None, *, least_major: int) -> Iterator[Scratch]:
    """An empty database on a server of its own, below `parent` or where temporary files are.

    Raises EmbeddedPostgresError, ScratchFolderError.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    except OSError as error:
        raise ScratchFolderError(f"no folder can be made in {parent}: {error.strerror}") from error
    keeper = subprocess.Popen(  # noqa: S603  # every word is ours
        [sys.executable, "-I", "-S", janitor.__file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _check(folder)
        with EmbeddedPostgres(folder, least_major=least_major, forgetful=True) as server:
            yield Scratch(server.dsn, folder)
    finally:
        keeper.communicate()


def _check(folder: Path) -> None:
    """Everything is below this one folder, or nobody would find the rest."""
    account = files.find_account(folder / "postgres" / "data")
    if account is not None:
        folder.chmod(0o711)
        if not files.reaches(account, folder):
            raise ScratchFolderError(f"PostgreSQL runs as user {account.uid}, who cannot reach {folder}")
    if not files.has_room_for_socket(folder / "postgres"):
        raise ScratchFolderError(f"the path {folder} is too long for a socket, or has characters that clients mistake")
