"""Backups: the books of one moment and the journal beside them, in one file; and how old the newest is.

The dump and the figures that a restore is held against are of one exported snapshot, while everything goes on. Where
partners are on several servers, a snapshot is of one of them, so whoever writes waits until the dump is taken. The
journal is copied after it, so that it tells all that the dump lacks. Master keys, a signer's keys and the node's wallet
are never in it: whoever has the file alone can open no secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import asyncpg

from hashrail import clock, db
from hashrail.db import Reader, Tx, record
from hashrail.deployment import facts, journal_file
from hashrail.deployment.facts import Facts
from hashrail.postgres import distributing, dumping
from hashrail.recovery import backup_file
from hashrail.recovery.backup_file import BackupExistsError, Manifest, Writer
from hashrail.settings import Settings
from hashrail.version import VERSION

# What is done, how much of it now, and how much it is in all, if that is known.
Told = Callable[[str, int, int | None], None]
# To count a large table takes longer than a statement of a request may.
STATEMENT_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made; `made_at` wall time of its snapshot, `path` on the machine that made it."""

    id: int
    made_at: datetime
    path: str
    bytes: int


def file_for(target: Path) -> Path:
    """The file that is named, or one named by the time in the folder that is. Raises BackupExistsError."""
    stamp = clock.iso(clock.wall_now()).replace("-", "").replace(":", "").split(".")[0] + "Z"
    path = target / f"hashrail-{stamp}{backup_file.SUFFIX}" if target.is_dir() else target
    if path.exists():
        raise BackupExistsError(f"{path} is there already", field="target")
    return path


async def make(dsn: str, settings: Settings, path: Path, told: Told) -> tuple[Backup, Manifest]:
    """Write a backup of the deployment into a new file, readable by its owner only, and note it in the books.

    Raises BackupExistsError, DumpProgramError, DumpFailedError, FileNotWrittenError, JournalUnreadableError.
    """
    pool = await db.open_pool(dsn, connections=2, statement_seconds=STATEMENT_SECONDS)
    try:
        with Writer(path) as writer:
            manifest = await _written(pool, dsn, settings, writer, told)
            size = writer.keep(manifest)
        return await _noted(pool, manifest.made_at, path, size), manifest
    finally:
        await pool.close()


async def newest(reader: Reader) -> Backup | None:
    """The newest backup that `hashrail backup` has made, for whoever asks how old it is; None where it made none."""
    row = await reader.fetchrow("SELECT id, made_at, path, bytes FROM backup ORDER BY made_at DESC LIMIT 1")
    return None if row is None else record(Backup, row)


def keep_elsewhere(known: Facts | None, settings: Settings) -> list[str]:
    """What a restore needs besides, and no backup holds."""
    named = settings.master_keys is not None
    found = ["the master keys: HASHRAIL_MASTER_KEYS" if named else f"the master key: {settings.data / 'master.key'}"]
    if known is not None and known.signer is not None:
        found.append("the keys that sign: HASHRAIL_BITCOIN_SIGNER_FILE or HASHRAIL_BITCOIN_SIGNER")
    if known is not None and known.chain == "node":
        found.append(f"the wallet {known.wallet!r} of the node: bitcoin-cli backupwallet")
    found.append("the settings: every variable that begins with HASHRAIL_, and DATABASE_URL")
    return found


async def applied(reader: Reader) -> list[str]:
    """The migrations that a database has."""
    try:
        rows = await reader.fetch("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")
    except asyncpg.UndefinedTableError:
        return []
    return [row["migration_id"] for row in rows]


async def count_rows(tx: Tx, told: Told) -> dict[str, int]:
    """How many rows each table has, that of the queue as well. Reads every table, however long that takes."""
    await tx.execute("SELECT set_config('statement_timeout', '0', true)")
    # Shards of a table are none of their own.
    await tx.execute("SELECT set_config('citus.override_table_visibility', 'on', true)")
    tables = await tx.fetch(
        """SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
           WHERE schemaname IN ('public', 'procrastinate') ORDER BY schemaname, tablename"""
    )
    counts = {}
    for row in tables:
        counts[row["name"]] = await tx.fetchval(f"SELECT count(*) FROM {row['name']}")  # noqa: S608  # the catalog's
        told("counting", 1, len(tables))
    return counts


def shipped() -> set[str]:
    """The migrations of this program."""
    folder = files("hashrail") / "sql"
    return {file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql")}


async def _written(pool: db.Pool, dsn: str, settings: Settings, writer: Writer, told: Told) -> Manifest:
    async with distributing.held_still(pool) as spread, db.snapshot(pool) as tx:
        # The snapshot is there as long as its transaction, which does nothing while the dump is taken.
        await tx.execute("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
        made_at = clock.wall_now()
        name: str = await tx.fetchval("SELECT pg_export_snapshot()")
        major: int = await tx.fetchval("SELECT current_setting('server_version_num')::int / 10000")
        programs = dumping.find_programs(major)
        known = await facts.find(tx)
        schema, rows = await applied(tx), await count_rows(tx, told)
        through = await tx.fetchval("SELECT published_through::text FROM publication WHERE id = 1") if schema else None
        dump = writer.begin()
        async for chunk in dumping.dump(dsn, programs, name, without_extensions=spread):
            dump.write(chunk)
            told("dumping", len(chunk), None)
        writer.end(backup_file.DUMP, dump)
    await _with_journal(pool, settings, writer, schema)
    return Manifest(
        format=backup_file.FORMAT,
        made_at=made_at,
        version=VERSION,
        postgres=major,
        dumped_by=programs.major,
        mode=None if known is None else known.mode,
        network=None if known is None else known.network,
        epoch=None if known is None else facts.epoch_digest(known.epoch),
        schema=schema,
        published_through=through,
        rows=rows,
        members=writer.members,
    )


async def _with_journal(pool: db.Pool, settings: Settings, writer: Writer, schema: list[str]) -> None:
    """The journal, whole: what the books have noted and the file lacks is written down first, where they are ours."""
    path = settings.journal_file
    if not shipped() - {*schema}:
        await journal_file.write_down(pool, path)
    # The newest first: one that is put aside meanwhile is there twice, and none is passed over.
    for number in range(journal_file.KEPT + 1):
        file = journal_file.aside(path, number) if number else path
        if file.exists():
            name = f"{backup_file.JOURNAL}.{number}" if number else backup_file.JOURNAL
            writer.add(name, journal_file.content(file))


async def _noted(pool: db.Pool, made_at: datetime, path: Path, size: int) -> Backup:
    """A database that has no table for it yet is backed up all the same, as before an update."""
    if not await pool.fetchval("SELECT to_regclass('public.backup') IS NOT NULL"):
        return Backup(0, made_at, str(path), size)
    async with db.transaction(pool) as tx:
        row = await tx.fetchrow(
            "INSERT INTO backup (made_at, path, bytes) VALUES ($1, $2, $3) RETURNING id, made_at, path, bytes",
            made_at,
            str(path),
            size,
        )
    assert row is not None, "it was written"
    return record(Backup, row)
