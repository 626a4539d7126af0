"""Whether a backup can be restored: it is, on a server of its own, and looked at there as if in earnest.

Each check is told with what was found. One that fails ends it, where what follows would stand on it. Nothing of the
deployment is read or written, and the server is gone afterwards.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from hashrail import clock, db, private_files
from hashrail.audit import invariants
from hashrail.db import Reader
from hashrail.deployment import facts, sealing
from hashrail.postgres import bootstrap, dumping, job_queue, scratch
from hashrail.postgres.dumping import DumpFailedError
from hashrail.recovery import backup_file, backups, lost
from hashrail.recovery.backup_file import BackupBrokenError, Manifest
from hashrail.recovery.backups import STATEMENT_SECONDS, Told
from hashrail.settings import Settings
from hashrail.vault import VaultError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `holds` None where it could not be."""

    name: str
    holds: bool | None
    found: str


@dataclass(slots=True)
class Verdict:
    """What was found of a backup; it is good when nothing fails."""

    manifest: Manifest
    checks: list[Check] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether it can be relied on."""
        return all(one.holds is not False for one in self.checks)

    def add(self, name: str, holds: bool | None, found: str) -> bool:
        """A further check; answers whether it does not fail."""
        self.checks.append(Check(name, holds, found))
        return holds is not False


async def check(path: Path, settings: Settings, told: Told, *, parent: Path | None = None) -> Verdict:
    """Restore a backup on a server below `parent` and hold it against its manifest, the migrations and the audit.

    `settings` say which master keys are at hand. Raises BackupBrokenError, DumpProgramError, EmbeddedPostgresError,
    ScratchFolderError.
    """
    with backup_file.Reader(path) as reader:
        verdict = Verdict(reader.manifest)
        if not _whole(verdict, reader, told) or not _known(verdict):
            return verdict
        least = max(reader.manifest.postgres, reader.manifest.dumped_by)
        with scratch.scratch_server(parent, least_major=least) as place:
            if await _restored(verdict, reader, place.dsn, told):
                await _looked_at(verdict, reader, place, settings, told)
    return verdict


def _whole(verdict: Verdict, reader: backup_file.Reader, told: Told) -> bool:
    total = sum(one.size for one in verdict.manifest.members)
    try:
        for _, read_ in reader.sums():
            told("reading", read_, total)
    except BackupBrokenError as error:
        return verdict.add("file", False, error.message)
    names = [one.name for one in verdict.manifest.members]
    if backup_file.DUMP not in names:
        return verdict.add("file", False, f"it holds no {backup_file.DUMP}")
    return verdict.add("file", True, f"{len(names)} members, {total} bytes, as they were written")


def _known(verdict: Verdict) -> bool:
    """A program restores what is as old as itself or older."""
    newer = sorted({*verdict.manifest.schema} - backups.shipped())
    if newer:
        return verdict.add("program", False, f"it was made by a newer program, {verdict.manifest.version}: {newer[-1]}")
    return verdict.add("program", True, f"made by {verdict.manifest.version} of PostgreSQL {verdict.manifest.postgres}")


async def _restored(verdict: Verdict, reader: backup_file.Reader, dsn: str, told: Told) -> bool:
    size = next(one.size for one in verdict.manifest.members if one.name == backup_file.DUMP)

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in reader.chunks(backup_file.DUMP):
            yield chunk
            told("restoring", len(chunk), size)

    programs = dumping.find_programs(max(verdict.manifest.postgres, verdict.manifest.dumped_by))
    try:
        await dumping.restore(dsn, programs, chunks())
    except DumpFailedError as error:
        return verdict.add("restore", False, error.message)
    return verdict.add("restore", True, f"restored by {dumping.RESTORE} {programs.major}")


async def _looked_at(
    verdict: Verdict, reader: backup_file.Reader, place: scratch.Scratch, settings: Settings, told: Told
) -> None:
    """What was restored, before it is migrated and after."""
    pool = await db.open_pool(place.dsn, connections=2, statement_seconds=STATEMENT_SECONDS)
    try:
        async with db.snapshot(pool) as tx:
            await _rows(verdict, await backups.count_rows(tx, told))
            await _facts(verdict, tx)
        names = [*await db.migrate_in_thread(place.dsn), *job_queue.install(place.dsn)]
        await bootstrap.check_schema(pool)
        verdict.add("schema", True, f"{len(names)} migrations to come" if names else "this program's")
        await _journal(verdict, reader, pool, place.folder)
        await _audited(verdict, pool, told)
        await _opened(verdict, pool, settings)
    finally:
        await pool.close()


async def _rows(verdict: Verdict, found: dict[str, int]) -> None:
    wanted = verdict.manifest.rows
    other = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
    if other:
        told = ", ".join(f"{name}: {found.get(name)} of {wanted.get(name)}" for name in other)
        verdict.add("rows", False, told)
    else:
        verdict.add("rows", True, f"{sum(found.values())} in {len(found)} tables")


async def _facts(verdict: Verdict, reader: Reader) -> None:
    """Whose books they are."""
    known, manifest = await facts.find(reader), verdict.manifest
    digest = None if known is None else facts.epoch_digest(known.epoch)
    if digest != manifest.epoch:
        verdict.add("deployment", False, "the epoch is another one than the manifest says")
    else:
        named = "made before the database said what it is" if known is None else known.words()
        verdict.add("deployment", True, f"{named}; published through {manifest.published_through or 'no day yet'}")


async def _journal(verdict: Verdict, reader: backup_file.Reader, pool: db.Pool, folder: Path) -> None:
    contents = reader.journals()
    if not contents:
        verdict.add("journal", None, "there is none in it: is it kept elsewhere?")
        return
    kept = folder / "journal"
    kept.mkdir(mode=0o700)
    for name, content in contents.items():
        private_files.write(kept / name, content.decode(errors="replace"))
    found = await lost.look(pool, [kept / backup_file.JOURNAL])
    until = "nothing" if found.told_until is None else f"until {clock.iso(found.told_until)}"
    verdict.add("journal", True, f"tells {until}, and {len(found.entries)} things that came after the dump")


async def _audited(verdict: Verdict, pool: db.Pool, told: Told) -> None:
    broken, total = [], len(invariants.names())
    async with db.snapshot(pool) as tx:
        async for finding in invariants.audit(tx):
            told("auditing", 1, total)
            if finding.rows:
                broken.append(finding.name)
    held = f"{total} invariants hold"
    verdict.add("audit", not broken, f"broken: {', '.join(broken)}" if broken else held)


async def _opened(verdict: Verdict, pool: db.Pool, settings: Settings) -> None:
    """Whether the master keys at hand open what is sealed in it; none is made here."""
    if settings.master_keys is None and not (settings.data / "master.key").exists():
        verdict.add("master key", None, "none is at hand here; without it no secret of the backup can be opened")
        return
    try:
        await sealing.open_checked(pool, settings)
    except VaultError as error:
        verdict.add("master key", False, str(error))
    else:
        verdict.add("master key", True, "the one at hand opens what is sealed")
