"""The journal's file: lines of JSON beside the database, only ever appended to, readable by its owner alone.

    {"time": "2026-11-29T12:00:00.000Z", "epoch": "...", "kind": "user blocked", "name": "...", "what": {...}}

A line without a name tells the highest numbers that were given out. Every process that notes something writes what the
file lacks after its commit and before its answer; so does every other that comes by, for those that were killed in
between. An entry may stand there twice, for instance in the files of several machines: its name tells.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from hashrail import clock, db
from hashrail.db import Reader, Tx
from hashrail.deployment import facts, journal
from hashrail.deployment.journal import Entry
from hashrail.errors import UnavailableError

# A file that is full is put aside; so many are kept.
MAX_BYTES = 8 * 2**20
KEPT = 9
TAIL_BYTES = 2**19
# How many entries may commit between the first statement and the commit of another one.
OVERLAP = 1000
BATCH = 10_000
HEIGHTS = "numbers"
# Numbers are told once in a while, and when so many were given since: a restore leaves out far more than that.
HEIGHTS_EVERY = timedelta(hours=1)
HEIGHTS_STEP = 100_000


class JournalNotWriteableError(UnavailableError):
    """The journal beside the database cannot be written: after a restore nobody would know what was taken away."""

    code = "JOURNAL_NOT_WRITEABLE"
    advice = "Give this user the right and the room to write the file, or name another one in HASHRAIL_JOURNAL."


class JournalUnreadableError(UnavailableError):
    """A file of the journal cannot be read."""

    code = "JOURNAL_UNREADABLE"
    advice = "Name files that the journal was written to, as HASHRAIL_JOURNAL does."


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file."""

    time: str
    epoch: str
    kind: str
    what: dict[str, Any]
    name: str | None = None

    @property
    def entry(self) -> Entry:
        """The entry that a line with a name tells."""
        assert self.name is not None, "it tells numbers"
        return Entry(self.name, self.kind, self.what, clock.parse_iso(self.time, "time"))


def check(path: Path) -> None:
    """Raises JournalNotWriteableError where the file cannot be written or made."""
    try:
        os.close(_opened(path))
    except OSError as error:
        raise JournalNotWriteableError(f"the journal {path} cannot be written: {error.strerror}") from error


async def write_down(pool: db.Pool, path: Path, *, with_heights: bool = False) -> int:
    """Write what the books have noted and the file lacks; answers how many lines.

    To be called after a commit, outside of any transaction. What a standby has to know of is written when it does, so
    that a failover in good order takes nothing back that the file tells. On a standby nothing is noted, and nothing can
    be waited for: what the books have there is written by processes of the server that writes.
    Raises JournalNotWriteableError: then the next call does it.
    """
    if await pool.fetchval("SELECT pg_is_in_recovery()"):
        return 0
    known = await asyncio.to_thread(tail, path)
    async with db.transaction(pool) as tx:
        lines = await _lacking(tx, known, with_heights=with_heights)
        if lines:
            await db.confirm(tx)
    if lines:
        await asyncio.to_thread(append, path, lines)
    return len(lines)


async def _lacking(tx: Tx, known: list[Line], *, with_heights: bool) -> list[Line]:
    epoch = (await facts.read(tx)).epoch
    names = [line.name for line in known if line.name is not None]
    entries = await journal.beyond(tx, names, overlap=OVERLAP, limit=BATCH)
    lines = [Line(clock.iso(one.noted_at), epoch, one.kind, one.what, one.name) for one in entries]
    if with_heights:
        now, numbers = clock.wall_now(), await heights(tx)
        if _are_due(known, epoch, numbers, now):
            lines.append(Line(clock.iso(now), epoch, HEIGHTS, dict(numbers)))
    return lines


async def lacks(reader: Reader, path: Path) -> bool:
    """Whether the books have noted what the file does not tell yet."""
    known = await asyncio.to_thread(tail, path)
    names = [line.name for line in known if line.name is not None]
    return bool(await journal.beyond(reader, names, overlap=OVERLAP, limit=1))


async def heights(reader: Reader) -> dict[str, int]:
    """The highest number that each sequence has given out; one that has given none is left out."""
    rows = await reader.fetch(
        """SELECT sequencename AS name, last_value FROM pg_sequences
           WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY sequencename"""
    )
    return {row["name"]: row["last_value"] for row in rows}


def newest_heights(lines: Iterable[Line], epochs: set[str]) -> dict[str, int]:
    """The highest number by sequence that the lines of these epochs tell."""
    found: dict[str, int] = {}
    for line in lines:
        if line.kind == HEIGHTS and line.name is None and line.epoch in epochs:
            for name, number in line.what.items():
                found[name] = max(found.get(name, 0), number)
    return found


def tail(path: Path) -> list[Line]:
    """The newest lines of a file, some thousand, oldest first; what it was before it was put aside counts as well."""
    lines: list[Line] = []
    for each in (path, aside(path, 1)):
        try:
            with each.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue  # it may have been put aside just now
        except OSError as error:
            raise JournalUnreadableError(f"the journal {each} cannot be read: {error.strerror}") from error
        lines = [*_lines(text), *lines]
        if size >= TAIL_BYTES:
            break
    return lines


def read(paths: Sequence[Path]) -> list[Line]:
    """Every line of several files and of what was put aside of each, in the order of time; an entry stands there once.

    Raises JournalUnreadableError.
    """
    lines: list[Line] = []
    for path in paths:
        full = [each for each in (aside(path, number) for number in range(KEPT, 0, -1)) if each.exists()]
        parts = [*full, path] if path.exists() or not full else full
        try:
            lines += [line for each in parts for line in _lines(each.read_bytes())]
        except OSError as error:
            raise JournalUnreadableError(f"the journal {path} cannot be read: {error.strerror}") from error
    once = {line.name or f"{line.epoch} {line.time}": line for line in lines}
    return sorted(once.values(), key=lambda line: line.time)


def content(path: Path) -> bytes:
    """What a file of the journal holds. Raises JournalUnreadableError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise JournalUnreadableError(f"the journal {path} cannot be read: {error.strerror}") from error


def aside(path: Path, number: int) -> Path:
    """Where a full file goes; 1 is the newest of them."""
    return path.with_name(f"{path.name}.{number}")


def _are_due(known: list[Line], epoch: str, numbers: dict[str, int], now: datetime) -> bool:
    told = newest_heights(known, {epoch})
    if any(numbers.get(name, 0) - number >= HEIGHTS_STEP for name, number in told.items()):
        return True
    since = clock.iso(now - HEIGHTS_EVERY)
    return numbers != told and not any(line.kind == HEIGHTS and line.time > since for line in known)


def _lines(text: bytes) -> list[Line]:
    """The lines that can be read: whoever was killed may have left half of one."""
    found = []
    for raw in text.split(b"\n"):
        try:
            found.append(msgspec.json.decode(raw, type=Line))
        except msgspec.DecodeError:
            continue
    return found


def append(path: Path, lines: list[Line]) -> None:
    """Write the lines that the file does not have, and let them reach the disk. Raises JournalNotWriteableError."""
    try:
        descriptor = _opened(path)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not path.exists() or os.fstat(descriptor).st_ino != path.stat().st_ino:
                return append(path, lines)  # somebody has put it aside meanwhile
            there = {line.name for line in tail(path) if line.name is not None}
            new = [line for line in lines if line.name not in there]
            size = os.fstat(descriptor).st_size
            # Whoever was killed in the middle of a line has not ended it.
            text = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
            file.write(text + b"".join(msgspec.json.encode(line) + b"\n" for line in new))
            os.fsync(descriptor)
            if os.fstat(descriptor).st_size > MAX_BYTES:
                _put_aside(path)
    except OSError as error:
        raise JournalNotWriteableError(f"the journal {path} cannot be written: {error.strerror}") from error


def _opened(path: Path) -> int:
    """The file to append to, which is made with its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if fresh:
        _sync_folder(path.parent)
    return descriptor


def _put_aside(path: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        if aside(path, number).exists():
            aside(path, number).rename(aside(path, number + 1))
    path.rename(aside(path, 1))
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
