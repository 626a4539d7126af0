"""The content of an export: chunks of one size in the database, so that every host has them, whichever made them.

An attempt keeps one chunk in memory and stores another one meanwhile; a reader has one chunk at a time. So neither
needs more for a larger file.
"""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import TracebackType
from typing import Self

from hashrail import clock, db
from hashrail.db import Pool, Reader
from hashrail.errors import ConflictError
from hashrail.exports import export
from hashrail.exports.export import Export, Total
from hashrail.settings import Settings

CHUNK_BYTES = 1024 * 1024
# A file that would be larger fails.
MAX_FILE_BYTES = 4 * 2**30
# Text becomes much smaller, and takes PostgreSQL less time; Parquet is pressed already.
PRESSED, LEVEL = ("csv", "ndjson"), 1


@dataclass(frozen=True, slots=True)
class Terms:
    """How large a file may be, and for how long it is kept."""

    max_bytes: int
    keep: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """As the deployment has it."""
        return cls(MAX_FILE_BYTES, timedelta(seconds=settings.export_keep_seconds))


class ExportTooLargeError(ConflictError):
    """The file would be larger than a file may be."""

    code = "EXPORT_TOO_LARGE"
    advice = "Ask for fewer days at a time, or for Parquet, which is smaller."


class ExportNotReadyError(ConflictError):
    """The file is not made yet, or it failed, or has expired."""

    code = "EXPORT_NOT_READY"
    advice = "Read the export until its state is done; ask for a new one where it has failed or expired."


class AttemptOverError(Exception):
    """Another attempt at the same export has begun, so this one is given up; nobody but its worker sees it."""


class ContentGoneError(Exception):
    """A part of the file went while it was read, for it has expired: whoever fetches it is cut off."""


class Attempt:
    """One attempt at an export: begins it, writes its content in a block, ends it.

    What it writes is committed as it comes, on other connections than the one whose snapshot is read meanwhile: that
    one only reads. `row_count` is what is shown of the progress.
    """

    def __init__(self, pool: Pool, terms: Terms, partner_id: int, export_id: int) -> None:
        self.partner_id = partner_id
        self.row_count = 0
        self.byte_count = 0
        self._pool = pool
        self._terms = terms
        self._export_id = export_id
        self._begun: Export | None = None
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._number = 0
        self._storing: asyncio.Task[None] | None = None

    @property
    def begun(self) -> Export:
        """What was begun."""
        assert self._begun is not None, "it was begun"
        return self._begun

    async def begin(self) -> bool:
        """Begin anew, whatever others have written; False where the export is not under way any more."""
        async with db.transaction(self._pool) as tx:
            self._begun = await export.begin(tx, self.partner_id, self._export_id)
        return self._begun is not None

    async def write(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        self._buffer += data
        while len(self._buffer) >= CHUNK_BYTES:
            await self._store(bytes(self._buffer[:CHUNK_BYTES]))
            del self._buffer[:CHUNK_BYTES]

    def count(self, rows: int, _part: int, _parts: int) -> None:
        """Show how many rows there are by now."""
        self.row_count = rows

    async def end(self) -> None:
        """Store what is left."""
        if self._buffer:
            await self._store(bytes(self._buffer))
            self._buffer.clear()
        await self._stored()

    async def finish(self, totals: Sequence[Total], closed_through: date | None) -> bool:
        """Say that the file is whole; False where this attempt counts no more."""
        made = replace(
            self.begun,
            row_count=self.row_count,
            byte_count=self.byte_count,
            sha256=self._digest.hexdigest(),
            closed_through=closed_through,
        )
        async with db.transaction(self._pool) as tx:
            return await export.finish(tx, self.partner_id, made, totals, now=clock.wall_now(), keep=self._terms.keep)

    async def fail(self, reason: str) -> None:
        """Give the export up, with a code."""
        async with db.transaction(self._pool) as tx:
            await export.fail(tx, self.partner_id, self.begun, reason, now=clock.wall_now())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._storing is not None:
            self._storing.cancel()
            with suppress(asyncio.CancelledError):
                await self._storing

    async def _store(self, chunk: bytes) -> None:
        """Store a chunk once the one before is stored, while the next ones come."""
        await self._stored()
        self._digest.update(chunk)
        self.byte_count += len(chunk)
        if self.byte_count > self._terms.max_bytes:
            raise ExportTooLargeError(
                f"the file has more than {self._terms.max_bytes} bytes", maxBytes=self._terms.max_bytes
            )
        self._storing = asyncio.create_task(self._insert(self._number, chunk))
        self._number += 1

    async def _stored(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    async def _insert(self, number: int, chunk: bytes) -> None:
        pressed = await _pressed(chunk) if self.begun.format in PRESSED else None
        async with db.transaction(self._pool) as tx:
            counts = await tx.fetchval(
                """UPDATE export SET byte_count = $4, row_count = $5
                   WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running' RETURNING attempt""",
                *(self.partner_id, self.begun.id, self.begun.attempt),
                self.byte_count,
                self.row_count,
            )
            if counts is None:
                raise AttemptOverError(f"export {self.begun.id} was begun anew after attempt {self.begun.attempt}")
            await tx.execute(
                """INSERT INTO export_chunk (partner_id, export_id, attempt, number, content, pressed)
                   VALUES ($1, $2, $3, $4, $5, $6)""",
                *(self.partner_id, self.begun.id, self.begun.attempt),
                number,
                chunk if pressed is None else pressed,
                pressed is not None,
            )


def assert_ready(one: Export) -> None:
    """The file is there. Raises ExportNotReadyError."""
    if one.state != "done":
        raise ExportNotReadyError(f"export {one.id} is {one.state}", field="id", state=one.state)


async def read(tx: Reader, partner_id: int, one: Export, first: int, last: int) -> AsyncIterator[bytes]:
    """The bytes from `first` to `last`, both included, a chunk at a time. Raises ContentGoneError."""
    for number in range(first // CHUNK_BYTES, last // CHUNK_BYTES + 1):
        row = await tx.fetchrow(
            """SELECT content, pressed FROM export_chunk
               WHERE partner_id = $1 AND export_id = $2 AND attempt = $3 AND number = $4""",
            partner_id,
            one.id,
            one.attempt,
            number,
        )
        if row is None:
            raise ContentGoneError(f"the content of export {one.id} has gone")
        stored: bytes = row["content"]
        chunk = await asyncio.to_thread(zlib.decompress, stored) if row["pressed"] else stored
        begins = number * CHUNK_BYTES
        yield chunk[max(0, first - begins) : last - begins + 1]


async def _pressed(chunk: bytes) -> bytes:
    """The chunk as it is stored, made in a thread; it is smaller wherever it holds lines.

    What presses it is much faster than zlib, and zlib reads it.
    """
    from isal import isal_zlib  # noqa: PLC0415  # only who makes a file needs it

    return await asyncio.to_thread(isal_zlib.compress, chunk, LEVEL)
