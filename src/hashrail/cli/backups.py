"""hashrail backup, verify-backup: a copy of the books that can be restored, and the proof of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from hashrail import clock, db, logs
from hashrail.cli import recovery_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import (
    DataOption,
    JsonOption,
    NoDeploymentError,
    err,
    has_database,
    reached,
    refusals_shown,
    say,
    settings_for,
    table,
)
from hashrail.deployment import comparing, facts
from hashrail.recovery import backup_check, backup_file, backups, restoring_backup
from hashrail.recovery.backup_check import Verdict
from hashrail.recovery.backup_file import Manifest
from hashrail.recovery.backups import Backup, Told
from hashrail.settings import Settings

app = typer.Typer()
HOLDS = {True: "yes", False: "no", None: "not seen"}


@app.command("backup", epilog=example("hashrail backup /var/backups/hashrail", "hashrail backup before-update.tar"))
@prints(shapes.Backup)
def backup(
    target: Annotated[Path, typer.Argument(help="A folder, in which the file is named by the time; or a new file.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the books and the journal into one new file, while everything runs.

    It is of one moment, compressed, and readable by its owner only. Nothing is written over. Keys are never in it: what
    has to be kept elsewhere is said at the end.
    """
    settings = settings_for(data)
    logs.configure(command=True)

    async def work(dsn: str) -> tuple[Backup, Manifest, list[str]]:
        resolved, known = await _compared(settings, dsn)
        with _progress() as told:
            made, manifest = await backups.make(dsn, resolved, path, told)
        return made, manifest, backups.keep_elsewhere(known, resolved)

    with refusals_shown():
        path = backups.file_for(target.absolute())
        if not has_database(settings):
            raise NoDeploymentError(f"there is no deployment in {settings.data}")
        with reached(settings) as database:
            made, manifest, elsewhere = asyncio.run(work(database.dsn))
    if as_json:
        show_json(
            shapes.Backup(
                file=made.path,
                size=made.bytes,
                made_at=made.made_at,
                version=manifest.version,
                postgres=manifest.postgres,
                schema=manifest.schema[-1] if manifest.schema else None,
                epoch=manifest.epoch,
                rows=sum(manifest.rows.values()),
                keep_elsewhere=elsewhere,
            )
        )
        return
    say(f"{made.path}: {made.bytes} bytes, {sum(manifest.rows.values())} rows in {len(manifest.rows)} tables.")
    say("Keep elsewhere, for it is not in it:")
    for each in elsewhere:
        say(f"  {each}")
    say("Only a restore shows that it can be restored: hashrail verify-backup FILE")


@app.command("verify-backup", epilog=example("hashrail verify-backup hashrail-20260909T060000Z.tar"))
@prints(shapes.BackupVerdict)
def verify_backup(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What hashrail backup has made.")],
    scratch: Annotated[
        Path | None,
        typer.Option(file_okay=False, exists=True, help="Folder with room for a server; without it, the system's."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup on a server of its own, audit it there, and leave nothing behind.

    It is held against its manifest, migrated as this program would, and audited; and the master key at hand is tried on
    it. No deployment is needed, and none is touched. Ends with 1 where anything fails.
    """
    settings = settings_for(data)
    logs.configure(command=True)
    with refusals_shown(), _progress() as told:
        verdict = asyncio.run(backup_check.check(file, settings, told, parent=scratch))
    if as_json:
        show_json(_shape(file, verdict))
    else:
        rows = [(one.name, HOLDS[one.holds], one.found) for one in verdict.checks]
        table(f"{file}, of {verdict.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC", ("what", "holds", "found"), rows)
    if not verdict.is_good:
        raise typer.Exit(1)


@app.command(
    "restore",
    epilog=example(
        "hashrail restore hashrail-20260909T060000Z.tar --data restored",
        "DATABASE_URL=postgresql://hashrail@db/empty hashrail restore hashrail-20260909T060000Z.tar",
    ),
)
@prints(shapes.PutBack)
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What hashrail backup has made.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup back: into a folder without a deployment, or the empty database of DATABASE_URL.

    Whole or not at all: killed, run it again. Nothing is written over. What is left to be done is said at the end.
    """
    settings = settings_for(data)
    logs.configure(command=True)
    with refusals_shown(), backup_file.Reader(file) as reader, _progress() as told:
        restoring_backup.check(reader, told)
        least = max(reader.manifest.postgres, reader.manifest.dumped_by)
        with reached(settings, least_major=least) as database:
            put = asyncio.run(restoring_backup.restore(database.dsn, reader, settings, told))
    left = _left_to_do(settings)
    rows = sum(put.manifest.rows.values())
    if as_json:
        show_json(
            shapes.PutBack(
                file=str(file),
                made_at=put.manifest.made_at,
                version=put.manifest.version,
                rows=rows,
                journal=[str(one) for one in put.journal],
                next=left,
            )
        )
        return
    say(f"Restored: {rows} rows of {clock.iso(put.manifest.made_at)}.")
    kept = "The journal that was there is kept." if not put.journal else f"The journal is {put.journal[0]}."
    say(kept if put.journal or settings.journal_file.exists() else "The backup holds no journal.")
    say("Before any process runs:")
    for each in left:
        say(f"  {each}")


def _left_to_do(settings: Settings) -> list[str]:
    """What makes a deployment of the books again."""
    where = "" if settings.database_url is not None else f" --data {settings.data}"
    key = settings.data / "master.key"
    keys = [] if settings.master_keys is not None or key.exists() else [f"put the master key back: {key}"]
    return [*keys, f"hashrail migrate{where}", f"hashrail restored{where}", f"hashrail audit{where}"]


async def _compared(settings: Settings, dsn: str) -> tuple[Settings, facts.Facts | None]:
    """As every command; of a database that does not say yet what it is, the settings as they are."""
    pool = await db.open_pool(dsn, connections=1)
    try:
        known = await facts.find(pool)
    finally:
        await pool.close()
    return (settings, None) if known is None else (comparing.resolve(known, settings), known)


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar for each step, from when it begins."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[much]}"), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=err, transient=True) as progress:

        def told(step: str, advance: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total, much="")
            progress.advance(tasks[step], advance)
            done = int(progress.tasks[tasks[step]].completed)
            progress.update(tasks[step], much=f"{done:,}" if total is None else f"{done:,} of {total:,}")

        yield told


def _shape(file: Path, verdict: Verdict) -> shapes.BackupVerdict:
    return shapes.BackupVerdict(
        file=str(file),
        ok=verdict.is_good,
        made_at=verdict.manifest.made_at,
        checks=[shapes.BackupCheck(name=one.name, holds=one.holds, found=one.found) for one in verdict.checks],
    )
