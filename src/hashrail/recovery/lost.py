"""What the journal tells and the books lack: entries, and numbers that were given out.

The files may tell of other lives of the same deployment, and of other deployments: an entry counts if it was written in
an epoch that the books had, or one that followed from it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hashrail import clock
from hashrail.db import Reader
from hashrail.deployment import facts, journal, journal_file
from hashrail.deployment.journal import Entry, Kind
from hashrail.deployment.journal_file import Line
from hashrail.errors import UnavailableError


class BooksAreOlderError(UnavailableError):
    """The journal beside the database tells of what the books lack: they were restored, or have lost commits."""

    code = "BOOKS_ARE_OLDER"
    advice = "Stop every process, look at the chain where you pay, and run: hashrail restored"


@dataclass(frozen=True, slots=True)
class Lost:
    """Entries that the books lack, oldest first; the highest numbers told; the time of the newest line, if any."""

    entries: list[Entry]
    heights: dict[str, int]
    told_until: datetime | None


async def look(reader: Reader, paths: Sequence[Path]) -> Lost:
    """What the files tell and the books lack. Raises JournalUnreadableError."""
    lines = await asyncio.to_thread(journal_file.read, paths)
    return await _compare(reader, lines, _descent(lines, await facts.epochs(reader)))


async def assert_none(reader: Reader, path: Path) -> None:
    """The newest lines of the journal tell nothing that the books lack. Raises BooksAreOlderError.

    Epochs that the books do not know are left out: they may be of a copy that somebody tried a restore with.
    """
    lines = await asyncio.to_thread(journal_file.tail, path)
    found = await _compare(reader, lines, await facts.epochs(reader))
    if found.entries:
        newest = found.entries[-1]
        raise BooksAreOlderError(
            f"the journal {path} tells of {len(found.entries)} thing(s) that the books lack, "
            f"the last one ({newest.kind}) of {clock.iso(newest.noted_at)}"
        )
    given = await journal_file.heights(reader)
    ahead = sorted(name for name, number in found.heights.items() if number > given.get(name, 0))
    if ahead:
        raise BooksAreOlderError(f"the journal {path} tells of higher numbers than the books have: {', '.join(ahead)}")


async def newest_in_books(reader: Reader) -> datetime | None:
    """Wall time of the newest trace of life in the books."""
    found: datetime | None = await reader.fetchval(
        """SELECT greatest((SELECT max(done_at) FROM operator_action), (SELECT max(noted_at) FROM journal_entry),
                           (SELECT max(created_at) FROM answered_write), (SELECT max(last_used_at) FROM api_key),
                           (SELECT max(rotated_at) FROM refresh_family))"""
    )
    return found


async def _compare(reader: Reader, lines: list[Line], epochs: set[str]) -> Lost:
    ours = [line for line in lines if line.epoch in epochs]
    entries = [line.entry for line in ours if line.name is not None]
    lacking = await journal.absent(reader, [one.name for one in entries])
    return Lost(
        [one for one in entries if one.name in lacking],
        journal_file.newest_heights(ours, epochs),
        clock.parse_iso(ours[-1].time, "time") if ours else None,
    )


def _descent(lines: list[Line], epochs: set[str]) -> set[str]:
    """The epochs of the books, and those that later restores made of them."""
    for line in lines:
        if line.kind == Kind.RESTORED and line.what.get("oldEpoch") in epochs:
            epochs.add(line.epoch)
    return epochs
