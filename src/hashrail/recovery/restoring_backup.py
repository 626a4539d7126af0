"""A backup put back: into a data folder that has no books yet, or into the empty database that DATABASE_URL names.

It is read to its end before anything is done, and restored in one transaction: killed, it has done nothing, and is run
again. The journal that is in it is put where the deployment has its own, unless one is there, which tells more. Books
from a backup are older than what was given out since, so nothing runs on them before `hashrail restored`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from hashrail import db, private_files
from hashrail.deployment import journal_file
from hashrail.errors import ConflictError
from hashrail.postgres import dumping
from hashrail.recovery import backup_file, backups
from hashrail.recovery.backup_file import BackupBrokenError, Manifest, Reader
from hashrail.recovery.backups import Told
from hashrail.settings import Settings


class DatabaseNotEmptyError(ConflictError):
    """There are books already, or something else: nothing is restored over it."""

    code = "DATABASE_NOT_EMPTY"
    advice = "Name a folder that has no deployment with --data, or an empty database with DATABASE_URL."


class BackupNewerError(ConflictError):
    """The backup was made by a newer program."""

    code = "BACKUP_NEWER"
    advice = "Restore it with the version that made it, or a newer one."


@dataclass(frozen=True, slots=True)
class Put:
    """A backup that was put back; `journal` is what was written beside it, empty where there was a journal already."""

    manifest: Manifest
    journal: list[Path]


def check(reader: Reader, told: Told) -> None:
    """It is whole, and this program knows it. Raises BackupBrokenError, BackupNewerError."""
    total = sum(one.size for one in reader.manifest.members)
    for _, read_ in reader.sums():
        told("reading", read_, total)
    if backup_file.DUMP not in [one.name for one in reader.manifest.members]:
        raise BackupBrokenError(f"it holds no {backup_file.DUMP}", field="file")
    newer = sorted({*reader.manifest.schema} - backups.shipped())
    if newer:
        raise BackupNewerError(f"it was made by {reader.manifest.version}, which knows {newer[-1]}", field="file")


async def restore(dsn: str, reader: Reader, settings: Settings, told: Told) -> Put:
    """Put a backup that was checked into an empty database, and its journal beside it.

    Raises DatabaseNotEmptyError, DumpProgramError, DumpFailedError, FileNotWrittenError.
    """
    await _assert_empty(dsn)
    manifest = reader.manifest
    size = next(one.size for one in manifest.members if one.name == backup_file.DUMP)

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in reader.chunks(backup_file.DUMP):
            yield chunk
            told("restoring", len(chunk), size)

    # Before the books, so that what is killed in between is not empty without one.
    journal = _put_journal(reader, settings.journal_file)
    programs = dumping.find_programs(max(manifest.postgres, manifest.dumped_by))
    await dumping.restore(dsn, programs, chunks(), at_once=True)
    return Put(manifest, journal)


async def _assert_empty(dsn: str) -> None:
    pool = await db.open_pool(dsn, connections=1)
    try:
        found = await pool.fetch(
            """SELECT n.nspname || '.' || c.relname AS name
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
               ORDER BY name LIMIT 3"""
        )
    finally:
        await pool.close()
    if found:
        raise DatabaseNotEmptyError(f"the database has {', '.join(row['name'] for row in found)}", field="data")


def _put_journal(reader: Reader, path: Path) -> list[Path]:
    if path.exists():
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in reader.journals().items():
        number = name.removeprefix(backup_file.JOURNAL).removeprefix(".")
        file = journal_file.aside(path, int(number)) if number else path
        private_files.write(file, content.decode(errors="replace"))
        written.append(file)
    return written
