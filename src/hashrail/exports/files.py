"""Files in the making: what PostgreSQL copies out, as the bytes of a file.

Every part that is taken holds whole rows, since `COPY` sends a row at a time. CSV goes through as it comes; only a text
that a spreadsheet might take for a formula is written anew, as everywhere (`texts.cell`). The cells of NDJSON come as
JSON, and their names are put between them here: were they sent with each row, PostgreSQL would write twice the bytes.
Parquet is made block by block in a thread, and its module is imported where it is used: it is large, and only the
worker needs it.
"""

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Protocol

from hashrail import texts
from hashrail.exports.columns import MARK, Format
from hashrail.exports.kinds import Kind

Sink = Callable[[bytes], Awaitable[None]]
MARK_BYTE = MARK.encode()
# How the cells of NDJSON come. JSON has no control characters, so neither stands in a cell, and no cell is quoted.
DELIMITER, QUOTE, NULL = "\x02", "\x01", "null"
DELIMITER_BYTE = DELIMITER.encode()
NAMED_AT_ONCE = 16 * 1024
# A cell that begins with the mark, as PostgreSQL writes it: in quotes where it holds a comma, quote or new line.
MARKED = re.compile(rb'"\x01((?:[^"]|"")*)"|\x01([^,\n]*)')


class File(Protocol):
    """A file in the making."""

    async def begin(self) -> None:
        """Write what stands before the rows."""

    async def take(self, rows: bytes) -> None:
        """Take what was copied out: whole rows."""

    async def end(self) -> None:
        """Write what is left."""

    def sums(self) -> dict[str, Decimal] | None:
        """What was written adds up to, by column; None where the format does not tell."""


class Lines:
    """NDJSON: a row is a line, an object by the names of the columns."""

    def __init__(self, kind: Kind, sink: Sink) -> None:
        self._names = [column.name for column in kind.columns]
        members = ",".join(f'"{name}":%b' for name in self._names)
        self._line = f"{{{members}}}\n".encode()
        self._sink = sink

    async def begin(self) -> None:
        """Nothing stands before the rows."""

    async def take(self, rows: bytes) -> None:
        """Pass them on, the cells of many rows with their names at once, since that is fast; of all it took memory."""
        begin = 0
        while begin < len(rows):
            end = rows.index(b"\n", min(begin + NAMED_AT_ONCE, len(rows) - 1)) + 1
            part = rows[begin:end]
            *cells, _ = part.replace(b"\n", DELIMITER_BYTE).split(DELIMITER_BYTE)
            await self._sink(self._line * part.count(b"\n") % tuple(cells))
            begin = end

    async def end(self) -> None:
        """Nothing is left."""

    def sums(self) -> dict[str, Decimal] | None:
        """They are not read again."""
        return None


class Sheet(Lines):
    """CSV with a first line that names the columns; lines end with a line feed."""

    async def begin(self) -> None:
        """The names of the columns."""
        await self._sink(f"{','.join(self._names)}\n".encode())

    async def take(self, rows: bytes) -> None:
        """Pass them on, with the texts that are marked written for a spreadsheet."""
        await self._sink(_with_cells(rows) if MARK_BYTE in rows else rows)


def opened(kind: Kind, file_format: Format, sink: Sink) -> File:
    """A file of that format whose bytes go to the sink."""
    if file_format == "ndjson":
        return Lines(kind, sink)
    if file_format == "csv":
        return Sheet(kind, sink)
    from hashrail.exports.parquet import ParquetFile  # noqa: PLC0415  # only who makes such a file loads pyarrow

    return ParquetFile(kind, sink)


def _with_cells(rows: bytes) -> bytes:
    """The rows with each marked text as a cell, in quotes."""

    def written(found: re.Match[bytes]) -> bytes:
        text = found[2] if found[1] is None else found[1].replace(b'""', b'"')
        cell = texts.cell(text.decode()).replace('"', '""')
        return f'"{cell}"'.encode()

    return MARKED.sub(written, rows)
