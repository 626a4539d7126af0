"""How exports are made: once, whoever tries, whatever is killed, and in memory that their rows do not fill."""

import asyncio
import datetime as dt
import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator

import pyarrow as pa
import pytest
from benchmarks import dataset
from benchmarks.dataset import Dataset

from hashrail import clock, db
from hashrail.exports import content, export, making, parquet, sums
from hashrail.exports.columns import Format
from hashrail.exports.content import Terms
from hashrail.exports.export import Export
from hashrail.exports.kinds import INCOME
from tests.support.exports import DAYS, MINERS, TERMS

FIRST, LAST = dataset.FIRST_DAY, dataset.FIRST_DAY + (DAYS - 1) * clock.ONE_DAY
SMALL = 16 * 1024


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows fill many of them."""
    monkeypatch.setattr(content, "CHUNK_BYTES", SMALL)
    monkeypatch.setattr(parquet, "BLOCK_BYTES", 4 * SMALL)


async def ask(many: Dataset, file_format: Format = "csv", *, first: dt.date = FIRST, last: dt.date = LAST) -> Export:
    async with db.transaction(many.pool) as tx:
        return await export.ask(
            tx,
            many.partner_ids[0],
            kind="income",
            file_format=file_format,
            first=first,
            last=last,
            kept_bytes=2**40,
            now=clock.wall_now(),
        )


async def made(many: Dataset, one: Export, terms: Terms = TERMS) -> Export:
    await making.make(many.pool, terms, many.partner_ids[0], one.id)
    return await export.find(many.pool, many.partner_ids[0], one.id)


async def raw(many: Dataset, one: Export) -> bytes:
    parts: AsyncIterator[bytes] = content.read(many.pool, many.partner_ids[0], one, 0, one.byte_count - 1)
    return b"".join([part async for part in parts])


async def chunks(many: Dataset, one: Export) -> list[tuple[int, int]]:
    rows = await many.pool.fetch(
        "SELECT attempt, count(*) AS count FROM export_chunk WHERE export_id = $1 GROUP BY attempt", one.id
    )
    return [(row["attempt"], row["count"]) for row in rows]


async def test_a_closed_day_has_the_same_bytes_for_ever(many: Dataset) -> None:
    """Also beside other days: the file of a range is those of its days, one after the other."""
    whole = [await made(many, await ask(many, "ndjson")) for _ in range(2)]
    assert whole[0].sha256 == whole[1].sha256
    assert whole[0].row_count == MINERS * DAYS
    days = [FIRST + number * clock.ONE_DAY for number in range(DAYS)]
    parts = [await raw(many, await made(many, await ask(many, "ndjson", first=day, last=day))) for day in days]
    assert b"".join(parts) == await raw(many, whole[0])


KILLED = """
import asyncio, sys
from hashrail import db
from hashrail.exports import content, making
from tests.support.exports import TERMS

content.CHUNK_BYTES = {small}
insert = content.Attempt._insert


async def stand_still(self, number, chunk):
    if number == 3:
        print("three are stored", flush=True)
        await asyncio.sleep(600)
    await insert(self, number, chunk)


async def main():
    content.Attempt._insert = stand_still
    await making.make(await db.open_pool({dsn!r}, 4), TERMS, {partner}, {export})


asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_worker_is_killed(many: Dataset, many_dsn: str) -> None:
    """Its export is begun anew by whoever looks next, and what the dead attempt has written vanishes."""
    one = await ask(many)
    program = KILLED.format(small=SMALL, dsn=many_dsn, partner=many.partner_ids[0], export=one.id)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "three are stored\n"
            assert await chunks(many, one) == [(1, 3)]
            standing = await export.find(many.pool, many.partner_ids[0], one.id)
            assert (standing.state, standing.attempt, standing.byte_count) == ("running", 1, 3 * SMALL)
            # While it lives, nobody else touches the export.
            assert await making.make_waiting(many.pool, TERMS) == 0
        finally:
            process.kill()
    async with asyncio.timeout(60):
        while await making.make_waiting(many.pool, TERMS) == 0:
            await asyncio.sleep(0.05)
    done = await export.find(many.pool, many.partner_ids[0], one.id)
    assert (done.state, done.attempt, done.row_count) == ("done", 2, MINERS * DAYS)
    assert await chunks(many, one) == [(2, -(-done.byte_count // SMALL))]
    assert hashlib.sha256(await raw(many, done)).hexdigest() == done.sha256


async def test_two_workers_make_it_once(many: Dataset) -> None:
    one = await ask(many)
    both = await asyncio.gather(*(making.make(many.pool, TERMS, many.partner_ids[0], one.id) for _ in range(2)))
    assert sorted(both) == [False, True]
    assert (await export.find(many.pool, many.partner_ids[0], one.id)).attempt == 1
    assert await making.make(many.pool, TERMS, many.partner_ids[0], one.id) is False


async def test_an_attempt_that_was_taken_over_writes_no_more(many: Dataset) -> None:
    """As when its connection is lost, and its lock with it, while another one of its still works."""
    one = await ask(many)
    old = content.Attempt(many.pool, TERMS, many.partner_ids[0], one.id)
    assert await old.begin()
    assert (await made(many, one)).attempt == 2

    async def write() -> None:
        async with old:
            await old.write(b"x" * SMALL)
            await old.end()

    with pytest.raises(content.AttemptOverError):
        await write()
    assert await old.finish([], None) is False
    assert await old.begin() is False
    assert [attempt for attempt, _ in await chunks(many, one)] == [2]


async def test_what_is_given_up(many: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large, one that is not what the books add up to, and one of which workers die."""
    large = await made(many, await ask(many), Terms(max_bytes=2 * SMALL, keep=TERMS.keep))
    assert (large.state, large.reason, await chunks(many, large)) == ("failed", "EXPORT_TOO_LARGE", [])
    deadly = await ask(many)
    await many.pool.execute("UPDATE export SET attempt = $2 WHERE id = $1", deadly.id, making.MAX_ATTEMPTS)
    assert (await made(many, deadly)).reason == "EXPORT_ATTEMPTS"

    async def one_more(*facts: object) -> sums.Sums:
        found = await adding(*facts)
        found.totals["BTC", "value"] += 1
        return found

    adding = sums.of
    monkeypatch.setattr(sums, "of", one_more)
    wrong = await made(many, await ask(many, "parquet"))
    assert (wrong.state, wrong.reason, await chunks(many, wrong)) == ("failed", "EXPORT_TOTALS_DIFFER", [])


async def test_rows_added_up_are_running_sums(many: Dataset) -> None:
    """The totals come from running sums; added up row by row they are the same."""
    async with db.snapshot(many.pool) as tx:
        for first, last in ((FIRST, LAST), (FIRST + clock.ONE_DAY, LAST - clock.ONE_DAY), (LAST, LAST)):
            days = [first + number * clock.ONE_DAY for number in range((last - first).days + 1)]
            by_rows = sums.Sums()
            for day in days:
                for row in await tx.fetch(sums.row_by_row(INCOME), many.partner_ids[0], day, day):
                    sums.add(by_rows, INCOME, row)
            assert await sums.of(tx, INCOME, many.partner_ids[0], [(first, last)]) == by_rows
            assert by_rows.row_count == MINERS * len(days)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "ndjson", "parquet"])
async def test_rows_do_not_fill_memory(many: Dataset, file_format: Format) -> None:
    """Fifty thousand of them, of which each is a hundred bytes or two: some buffers are all that is held at once."""
    one_day, ten_days = [await ask(many, file_format, last=last) for last in (FIRST, LAST)]
    await made(many, one_day)  # what is loaded and prepared once
    arrow = pa.default_memory_pool()
    tracemalloc.start()
    before = arrow.bytes_allocated()
    done = await made(many, ten_days)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.row_count == MINERS * DAYS
    assert arrow.bytes_allocated() == before
    assert peak < 2 * 2**20
    assert arrow.max_memory() < 16 * 2**20
