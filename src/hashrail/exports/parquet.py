"""Parquet: blocks of rows become row groups, in a thread, while the next block is copied out.

Amounts are decimals of 38 digits with 18 behind the point, which holds every amount exactly; days are dates, moments
are UTC in milliseconds. What was written is added up as well, so that it can be held against the books.
"""

import asyncio
import io
from collections import defaultdict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from hashrail.exports.columns import Type
from hashrail.exports.kinds import Kind
from hashrail.money import ZERO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Sink: TypeAlias = Callable[[bytes], Awaitable[None]]
# Bytes as they are copied out; about forty thousand rows of income.
BLOCK_BYTES = 4 * 1024 * 1024
TYPES = {
    Type.TEXT: pa.string(),
    Type.WORD: pa.string(),
    Type.WHOLE: pa.int64(),
    Type.NUMBER: pa.decimal128(38, 18),
    Type.DAY: pa.date32(),
    Type.MOMENT: pa.timestamp("ms", tz="UTC"),
}


class _Paper(io.RawIOBase):
    """What a writer writes to that never looks back: it keeps only what was not taken yet."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()
        self._before = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Take the next bytes."""
        before = len(self._written)
        self._written += data
        return len(self._written) - before

    def tell(self) -> int:
        """How many bytes were written in all."""
        return self._before + len(self._written)

    def taken(self) -> bytes:
        """What was written since this was asked last."""
        taken = bytes(self._written)
        self._before += len(taken)
        self._written.clear()
        return taken


class ParquetFile:
    """A Parquet file in the making: one block is read in, one is being written."""

    def __init__(self, kind: Kind, sink: Sink) -> None:
        self._sink = sink
        self._amounts = [column.name for column in kind.amounts]
        self._schema = pa.schema([(column.name, TYPES[column.type]) for column in kind.columns])
        self._parsing = pacsv.ParseOptions(newlines_in_values=True)
        self._converting = pacsv.ConvertOptions(
            column_types=self._schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        self._paper = _Paper()
        self._writer = pq.ParquetWriter(self._paper, self._schema, compression="zstd")
        self._block = bytearray()
        self._working: asyncio.Task[bytes] | None = None
        self._sums: dict[str, Decimal] = defaultdict(Decimal)

    async def begin(self) -> None:
        """What stands before the rows comes with the first of them."""

    async def take(self, rows: bytes) -> None:
        """Gather a block; a whole one is written while the next one comes."""
        self._block += rows
        if len(self._block) >= BLOCK_BYTES:
            await self._next()

    async def end(self) -> None:
        """Write the last block, and what tells where the others are."""
        await self._next()
        await self._written()
        await self._sink(await asyncio.to_thread(self._close))

    def sums(self) -> dict[str, Decimal] | None:
        """What was written adds up to, by column."""
        return dict(self._sums)

    async def _next(self) -> None:
        await self._written()
        if self._block:
            block = bytes(self._block)
            self._block.clear()
            self._working = asyncio.create_task(asyncio.to_thread(self._write, block))

    async def _written(self) -> None:
        working, self._working = self._working, None
        if working is not None:
            await self._sink(await working)

    def _write(self, block: bytes) -> bytes:
        rows = pacsv.read_csv(
            io.BytesIO(block),
            read_options=pacsv.ReadOptions(
                column_names=self._schema.names, use_threads=False, block_size=max(len(block), 1)
            ),
            parse_options=self._parsing,
            convert_options=self._converting,
        )
        for name in self._amounts:
            self._sums[name] += pc.sum(rows.column(name)).as_py() or ZERO
        self._writer.write_table(rows)
        return self._paper.taken()

    def _close(self) -> bytes:
        self._writer.close()
        return self._paper.taken()
