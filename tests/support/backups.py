"""Backups as operators make them: pg_dump, and pg_restore into an empty database."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashrail.postgres import binaries
from tests.support.databases import database


def dump(dsn: str, file: Path) -> Path:
    """The books as they are, in a file."""
    _run("pg_dump", "--format=custom", f"--file={file}", dsn)
    return file


@contextmanager
def restored(server: str, file: Path) -> Iterator[str]:
    """DSN of a database with the books of the file."""
    with database(server, None) as dsn:
        _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={dsn}", str(file))
        yield dsn


def _run(program: str, *words: str) -> None:
    folder = binaries.choose(Path("/nothing")).folder
    subprocess.run([str(folder / program), *words], check=True, capture_output=True, timeout=60)
