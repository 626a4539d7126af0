"""Exports: a million rows of income as each format, beside `COPY ... TO STDOUT` of the same rows in the same run."""

import io
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import dataset
from benchmarks.dataset import Dataset, Shape
from benchmarks.measure import Table, seconds_of
from benchmarks.stage import Stage
from hashrail import clock, db
from hashrail.exports import content, export, making
from hashrail.exports.columns import Format
from hashrail.exports.content import Terms
from hashrail.exports.export import Export
from hashrail.money import ZERO
from hashrail.postgres import job_queue

TERMS = Terms(max_bytes=2**40, keep=timedelta(days=1))
LEAST_RATIO = 0.5
FORMATS: tuple[Format, ...] = ("csv", "ndjson", "parquet")
# Resident memory that an export of the whole may take beyond one of a day. Allocators keep what they had.
MAX_GROWTH_MIB = 32
SECONDS = 3600
# The same rows in the same order as PostgreSQL would copy them by itself, without a word of how an export writes them.
PLAIN = """
    SELECT u.partner_user_id, s.user_id, s.miner_id, d.day, $2::timestamptz, s.power * d.net, s.power * d.c1,
           s.power * d.c2, NULL::bigint
    FROM class_day d JOIN stint s ON s.class_id = d.class_id AND s.from_day <= d.day
                                 AND (s.to_day IS NULL OR s.to_day > d.day)
    JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
    WHERE s.partner_id = $1::bigint AND d.day = $3::date ORDER BY s.miner_id"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Miners of one partner, and the days of each."""

    shape: Shape = dataset.USUAL
    users: int = 20_000
    miners: int = 100_000
    days: int = 10


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of formats."""
    rows = sizes.miners * sizes.days
    table = Table(
        "Exports",
        (f"{rows:,} rows of income as", "takes", "rows a second", "beside COPY", "MiB", "memory beyond a day's"),
        notes=[
            f"{sizes.miners:,} miners over {sizes.days} days.",
            "COPY is `COPY (SELECT ...) TO STDOUT` of the same rows as PostgreSQL writes them, read and thrown away.",
            "An export is read in one snapshot, written, added up, and stored in the database with its checksum.",
            "Memory is how far the process that makes it grew, above one that has made a day's.",
            "The Parquet file was read back and added up to the totals that the API tells, to the last digit.",
        ],
    )
    async with stage.database() as dsn:
        job_queue.install(dsn)
        pool = await db.open_pool(dsn, connections=4)
        made = await dataset.build(pool, sizes.shape, days=sizes.days)
        await made.register(sizes.users)
        await made.buy(sizes.miners, days=sizes.days)
        await dataset.close_past(made)
        for file_format in FORMATS:
            await _export(made, file_format, days=1)
        memory = {file_format: await _memory(made, file_format, sizes.days) for file_format in FORMATS}
        await _measure(stage, made, table, sizes, memory)
        await pool.close()
    return [table]


async def _measure(stage: Stage, made: Dataset, table: Table, sizes: Sizes, memory: dict[Format, int]) -> None:
    """Runs of all formats in turn, each round after one of COPY."""
    plain: list[float] = []
    taken: dict[Format, list[float]] = {file_format: [] for file_format in FORMATS}
    newest: dict[Format, Export] = {}
    for number in range(stage.runs):
        stage.tell(f"run {number + 1} of {stage.runs}")
        plain.append(await seconds_of(partial(_copy, made, sizes.days)))
        for file_format in FORMATS:
            started = clock.monotonic()
            newest[file_format] = await _export(made, file_format, days=sizes.days)
            taken[file_format].append(clock.monotonic() - started)
    rows, copying = sizes.miners * sizes.days, statistics.median(plain)
    table.add("COPY", f"{copying:.2f} s", f"{rows / copying:,.0f}", "1", "", "")
    for file_format, seconds in taken.items():
        one, median = newest[file_format], statistics.median(seconds)
        assert one.row_count == rows
        ratio = copying / median
        is_good = ratio >= LEAST_RATIO and memory[file_format] <= MAX_GROWTH_MIB
        table.add(
            *(file_format, f"{median:.2f} s", f"{rows / median:,.0f}", f"{ratio:.2f}"),
            *(f"{one.byte_count / 2**20:,.1f}", f"{memory[file_format]} MiB"),
            target=f"at least {LEAST_RATIO}, memory at most {MAX_GROWTH_MIB} MiB",
            verdict=is_good,
        )
    await _read_back(made, newest["parquet"])


async def _export(made: Dataset, file_format: Format, *, days: int) -> Export:
    partner_id = made.partner_ids[0]
    async with db.transaction(made.pool) as tx:
        asked = await export.ask(
            tx,
            partner_id,
            kind="income",
            file_format=file_format,
            first=dataset.FIRST_DAY,
            last=dataset.FIRST_DAY + (days - 1) * clock.ONE_DAY,
            kept_bytes=2**60,
            now=clock.wall_now(),
        )
    assert await making.make(made.pool, TERMS, partner_id, asked.id)
    return await export.find(made.pool, partner_id, asked.id)


async def _copy(made: Dataset, days: int) -> None:
    async def throw_away(_: bytes) -> None:
        """Nothing."""

    async with db.snapshot(made.pool) as tx:
        for number in range(days):
            day = dataset.FIRST_DAY + number * clock.ONE_DAY
            await tx.copy_from_query(
                *(PLAIN, made.partner_ids[0], clock.credited_at(day), day), output=throw_away, timeout=SECONDS
            )


async def _memory(made: Dataset, file_format: Format, days: int) -> int:
    """MiB by which this process grew at most while it made the whole."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    await _export(made, file_format, days=days)
    return _peak() - before


def _peak() -> int:
    """The most resident memory since it was reset, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


async def _read_back(made: Dataset, one: Export) -> None:
    """pyarrow reads the file, and its columns add up to the totals."""
    parts: AsyncIterator[bytes] = content.read(made.pool, made.partner_ids[0], one, 0, one.byte_count - 1)
    file = pq.ParquetFile(io.BytesIO(b"".join([part async for part in parts])))
    totals = await export.totals(made.pool, made.partner_ids[0], [one.id])
    for total in totals[one.id]:
        groups = [file.read_row_group(number, columns=[total.field]) for number in range(file.metadata.num_row_groups)]
        values = (value for group in groups for value in group.column(total.field).to_pylist())
        assert sum(values, ZERO) == total.total, total
    assert file.metadata.num_rows == one.row_count
