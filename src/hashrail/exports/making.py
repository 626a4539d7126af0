"""Making the files of exports: one at a time in a process, in one snapshot, and again from the beginning if need be.

An attempt holds a lock on its connection for as long as it lives, so that a second worker leaves the export alone; when
a worker is killed the lock goes with the connection, and whoever looks next begins anew. What the dead attempt has
written goes then. The rows never pass through Python one by one: PostgreSQL writes them (`columns.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import structlog

from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.db import Pool, Tx
from hashrail.errors import HashrailError
from hashrail.exports import export, files, kinds, sums
from hashrail.exports.columns import Format
from hashrail.exports.content import Attempt, AttemptOverError, ExportTooLargeError, Terms
from hashrail.exports.export import Total
from hashrail.exports.kinds import KINDS, Kind
from hashrail.money import ZERO
from hashrail.parties import partners

# After so many attempts an export is given up: a worker may have died of it each time.
MAX_ATTEMPTS = 5
# How long PostgreSQL may take for one day, or for the whole of what is not read by days.
COPY_SECONDS = 6 * 3600
# So that the rows of a day are put in order without files; some hundred thousand fit in.
SORT_MEMORY = "64MB"
# The number space of the locks of exports, which have two numbers.
EXPORTS = 8
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file: its kind and format, and the days from `first` to `last`, both included."""

    kind: kinds.Name
    format: Format
    first: date
    last: date


class TotalsDifferError(HashrailError):
    """What was written is not what the books add up to; nobody is given such a file."""

    code = "EXPORT_TOTALS_DIFFER"
    advice = "Ask the operator to look at the worker's log."


class TooManyAttemptsError(HashrailError):
    """The export was begun several times and never ended."""

    code = "EXPORT_ATTEMPTS"
    advice = "Ask for fewer days at a time, or ask the operator to look at the worker's log."


async def make_waiting(pool: Pool, terms: Terms) -> int:
    """Make what waits, the oldest of each partner in turn, until nothing does; answers how many were made."""
    made = 0
    behind = dict.fromkeys(await partners.ids(pool), 0)
    while behind:
        for partner_id, after in list(behind.items()):
            export_id = await export.oldest_open(pool, partner_id, after=after)
            if export_id is None:
                del behind[partner_id]
                continue
            behind[partner_id] = export_id
            made += await make(pool, terms, partner_id, export_id)
    return made


async def make(pool: Pool, terms: Terms, partner_id: int, export_id: int) -> bool:
    """Make one export; False where somebody else does, or it failed. Raises what the database does."""
    attempt = Attempt(pool, terms, partner_id, export_id)
    async with db.snapshot(pool) as tx:
        if not await _lock(tx, export_id) or not await attempt.begin():
            return False
        try:
            _assert_few(attempt)
            async with attempt:
                begun = attempt.begun
                wanted = Wanted(begun.kind, begun.format, begun.from_day, begun.to_day)
                totals = await copy_out(tx, partner_id, wanted, attempt.write, attempt.count)
                await attempt.end()
        except AttemptOverError:
            return False
        except (ExportTooLargeError, TotalsDifferError, TooManyAttemptsError) as error:
            log.error("export failed", export=export_id, code=error.code, cause=error.message)  # noqa: TRY400
            await attempt.fail(error.code)
            return False
        return await attempt.finish(totals, await fence.closed_through(tx, partner_id))


async def _lock(tx: Tx, export_id: int) -> bool:
    """Whether nobody else makes it, for as long as the transaction lasts."""
    is_ours: bool = await tx.fetchval("SELECT pg_try_advisory_xact_lock($1, hashint8($2))", EXPORTS, export_id)
    return is_ours


def _assert_few(attempt: Attempt) -> None:
    if attempt.begun.attempt > MAX_ATTEMPTS:
        raise TooManyAttemptsError(f"export {attempt.begun.id} was begun {MAX_ATTEMPTS} times")


async def copy_out(
    tx: Tx, partner_id: int, wanted: Wanted, sink: files.Sink, tell: Callable[[int, int, int], None]
) -> list[Total]:
    """Write a whole file to the sink and hold it against the books; answers its sums. What is read takes its time.

    `tell` hears how many rows there are by now, and how many parts of how many. Raises TotalsDifferError.
    """
    await tx.execute("SET LOCAL statement_timeout = 0")
    await tx.execute("SELECT set_config('work_mem', $1, true)", SORT_MEMORY)
    await tx.execute("SET LOCAL idle_in_transaction_session_timeout = '10min'")
    kind = KINDS[wanted.kind]
    today = clock.day_of(await business_clock.now(tx))
    spans = list(_spans(kind, wanted.first, min(wanted.last, today)))
    file, row_count = files.opened(kind, wanted.format, sink), 0
    await file.begin()
    for part, (first, last) in enumerate(spans, start=1):
        row_count += await _copy(tx, wanted, partner_id, first, last, file)
        tell(row_count, part, len(spans))
    await file.end()
    expected = await sums.of(tx, kind, partner_id, spans)
    _check(wanted, row_count, file, expected)
    return expected.listed()


def _spans(kind: Kind, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days that are read at once."""
    if not kind.is_by_day:
        yield first, last
        return
    day = first
    while day <= last:
        yield day, day
        day += clock.ONE_DAY


async def _copy(tx: Tx, wanted: Wanted, partner_id: int, first: date, last: date, file: files.File) -> int:
    """Copy the rows of some days into the file; answers how many PostgreSQL has sent."""
    is_of_lines = wanted.format == "ndjson"
    status: str = await tx.copy_from_query(
        KINDS[wanted.kind].query(wanted.format),
        *(partner_id, first, last),
        output=file.take,
        timeout=COPY_SECONDS,
        format="csv",
        encoding="UTF8",
        delimiter=files.DELIMITER if is_of_lines else None,
        quote=files.QUOTE if is_of_lines else None,
        null=files.NULL if is_of_lines else None,
    )
    return int(status.removeprefix("COPY "))


def _check(wanted: Wanted, row_count: int, file: files.File, expected: sums.Sums) -> None:
    """Hold what was written against what the books add up to. Raises TotalsDifferError."""
    written, added = file.sums(), expected.by_column
    names = [column.name for column in KINDS[wanted.kind].amounts]
    differ = [name for name in names if written is not None and written.get(name, ZERO) != added.get(name, ZERO)]
    if row_count != expected.row_count or differ:
        raise TotalsDifferError(
            f"the {wanted.kind} of {wanted.first} to {wanted.last} have {row_count} rows and {written}, "
            f"the books {expected.row_count} and {dict(added)}"
        )
