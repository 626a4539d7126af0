"""An export: a partner's income, balances, orders, withdrawals or deposits of some days, as a file.

    waiting -> running -> done -> expired
                       -> failed

Who asks for one gets its number at once; the worker makes the file (`making.py`), and whoever asked fetches it in
parts, as often as they like, until it expires. A file never changes: it is read in one snapshot, and its checksum and
the sums of its columns are kept beside it when its content is gone. A partner may have so many under way at a time and
so many bytes of finished ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from hashrail import db
from hashrail.db import Reader, Tx
from hashrail.errors import ConflictError, NotFoundError
from hashrail.exports import kinds
from hashrail.exports.columns import Format
from hashrail.postgres import job_queue

State = Literal["waiting", "running", "done", "failed", "expired"]
# The queue of exports and the job that makes those that wait: beside the other jobs, which do not wait for a file.
QUEUE, JOB = "exports", "make_exports"
# Exports of a partner that may be under way at once.
MAX_OPEN = 3
# From so many bytes of finished files on a partner waits until one of them expires.
MAX_KEPT_BYTES = 10 * 2**30


class ExportNotFoundError(NotFoundError):
    """The partner has no such export."""

    code = "EXPORT_NOT_FOUND"
    advice = "List your exports, or ask for a new one."


class ExportsOpenError(ConflictError):
    """The partner has as many exports under way as it may."""

    code = "EXPORTS_OPEN"
    advice = "Wait until one of those under way is done, or ask for the days in one export."


class ExportSpaceError(ConflictError):
    """The partner's finished exports take all the room that it has."""

    code = "EXPORT_SPACE"
    advice = (
        "Ask again when the oldest has expired; details.keptBytes says how much there is, details.expiresAt until when."
    )


@dataclass(frozen=True, slots=True)
class Export:
    """What was asked for, and what became of it. `byte_count` and `row_count` grow while it runs.

    `closed_through` is the last day that was closed when it was read: there is no income of later ones in it. `reason`
    is the code of what it failed with.
    """

    id: int
    kind: kinds.Name
    format: Format
    from_day: date
    to_day: date
    state: State
    attempt: int
    row_count: int
    byte_count: int
    sha256: str | None
    closed_through: date | None
    reason: str | None
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None

    @property
    def days(self) -> str:
        """Its days, as a name of a file has them."""
        return f"{self.from_day}-{self.to_day}" if self.from_day < self.to_day else f"{self.from_day}"

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"{self.kind}-{self.days}.{self.format}"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class Total:
    """What a column of a file adds up to in a currency."""

    currency: str
    field: str
    total: Decimal


_READ = """
    SELECT id, kind, format, from_day, to_day, state, attempt, row_count, byte_count, sha256, closed_through, reason,
           created_at, ended_at, expires_at
    FROM export"""


async def ask(
    tx: Tx,
    partner_id: int,
    *,
    kind: kinds.Name,
    file_format: Format,
    first: date,
    last: date,
    kept_bytes: int,
    now: datetime,
) -> Export:
    """Ask for a file of the days from `first` to `last`, both included; the worker makes it.

    Whoever has finished files of `kept_bytes` bytes waits until one of them expires.
    Raises ExportsOpenError, ExportSpaceError.
    """
    # One at a time may ask, so that they count each other.
    await tx.execute("SELECT 1 FROM partner WHERE id = $1 FOR NO KEY UPDATE", partner_id)
    await _check_bounds(tx, partner_id, kept_bytes)
    export_id: int = await tx.fetchval(
        """INSERT INTO export (partner_id, kind, format, from_day, to_day, state, created_at)
           VALUES ($1, $2, $3, $4, $5, 'waiting', $6) RETURNING id""",
        partner_id,
        kind,
        file_format,
        first,
        last,
        now,
    )
    await job_queue.defer(tx, JOB, queue=QUEUE)
    return await find(tx, partner_id, export_id)


async def find(tx: Reader, partner_id: int, export_id: int) -> Export:
    """One export of the partner. Raises ExportNotFoundError."""
    row = await tx.fetchrow(f"{_READ} WHERE partner_id = $1 AND id = $2", partner_id, export_id)
    if row is None:
        raise ExportNotFoundError(f"there is no export {export_id}", field="id")
    return db.record(Export, row)


async def of_partner(
    tx: Reader, partner_id: int, *, limit: int, offset: int = 0, before: int | None = None
) -> list[Export]:
    """A page of the partner's exports, newest first; `before` is the last page's last id."""
    rows = await tx.fetch(
        f"""{_READ} WHERE partner_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4""",
        partner_id,
        before,
        limit,
        offset,
    )
    return [db.record(Export, row) for row in rows]


async def totals(tx: Reader, partner_id: int, export_ids: Sequence[int]) -> dict[int, list[Total]]:
    """The sums of these exports, by export."""
    rows = await tx.fetch(
        """SELECT export_id, currency, field, total FROM export_total
           WHERE partner_id = $1 AND export_id = ANY($2) ORDER BY export_id, currency, field""",
        partner_id,
        list(export_ids),
    )
    found: dict[int, list[Total]] = {export_id: [] for export_id in export_ids}
    for row in rows:
        found[row["export_id"]].append(Total(row["currency"], row["field"], row["total"]))
    return found


async def oldest_open(tx: Reader, partner_id: int, *, after: int) -> int | None:
    """The partner's export under way with the least number above `after`; None where there is none."""
    export_id: int | None = await tx.fetchval(
        """SELECT min(id) FROM export
           WHERE partner_id = $1 AND id > $2 AND state IN ('waiting', 'running')""",
        partner_id,
        after,
    )
    return export_id


async def begin(tx: Tx, partner_id: int, export_id: int) -> Export | None:
    """Begin an export that is under way, once more if it was begun before; what was written of it goes.

    None where it is not under way any more.
    """
    row = await tx.fetchrow(
        """UPDATE export SET state = 'running', attempt = attempt + 1, row_count = 0, byte_count = 0
           WHERE partner_id = $1 AND id = $2 AND state IN ('waiting', 'running') RETURNING id""",
        partner_id,
        export_id,
    )
    if row is None:
        return None
    await _forget_content(tx, partner_id, export_id)
    return await find(tx, partner_id, export_id)


async def finish(
    tx: Tx, partner_id: int, made: Export, sums: Sequence[Total], *, now: datetime, keep: timedelta
) -> bool:
    """Say that the file is whole; False where another attempt has begun since, so that this one counts no more."""
    row = await tx.fetchrow(
        """UPDATE export SET state = 'done', row_count = $4, byte_count = $5, sha256 = $6, closed_through = $7,
                             ended_at = $8, expires_at = $9
           WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running' RETURNING id""",
        partner_id,
        made.id,
        made.attempt,
        made.row_count,
        made.byte_count,
        made.sha256,
        made.closed_through,
        now,
        now + keep,
    )
    if row is None:
        return False
    await tx.executemany(
        "INSERT INTO export_total (partner_id, export_id, currency, field, total) VALUES ($1, $2, $3, $4, $5)",
        [(partner_id, made.id, each.currency, each.field, each.total) for each in sums],
    )
    return True


async def fail(tx: Tx, partner_id: int, begun: Export, reason: str, *, now: datetime) -> None:
    """Give an export up; what was written of it goes. An attempt that counts no more gives nothing up."""
    row = await tx.fetchrow(
        """UPDATE export SET state = 'failed', reason = $4, ended_at = $5
           WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running' RETURNING id""",
        partner_id,
        begun.id,
        begun.attempt,
        reason,
        now,
    )
    if row is not None:
        await _forget_content(tx, partner_id, begun.id)


async def expire_due(tx: Tx, partner_id: int, now: datetime) -> int:
    """Let the content of old exports go; answers of how many. What they were and added up to stays."""
    rows = await tx.fetch(
        """UPDATE export SET state = 'expired' WHERE partner_id = $1 AND state = 'done' AND expires_at <= $2
           RETURNING id""",
        partner_id,
        now,
    )
    for row in rows:
        await _forget_content(tx, partner_id, row["id"])
    return len(rows)


async def _check_bounds(tx: Tx, partner_id: int, kept_bytes: int) -> None:
    row = await tx.fetchrow(
        """SELECT count(*) FILTER (WHERE state IN ('waiting', 'running')) AS open,
                  coalesce(sum(byte_count) FILTER (WHERE state = 'done'), 0)::bigint AS kept,
                  min(expires_at) FILTER (WHERE state = 'done') AS expires_at
           FROM export WHERE partner_id = $1 AND state IN ('waiting', 'running', 'done')""",
        partner_id,
    )
    assert row is not None, "a count has a row"
    if row["open"] >= MAX_OPEN:
        raise ExportsOpenError(f"{row['open']} exports are under way", open=row["open"])
    if row["kept"] >= kept_bytes:
        raise ExportSpaceError(
            f"{row['kept']} bytes of exports are kept", keptBytes=row["kept"], expiresAt=row["expires_at"]
        )


async def _forget_content(tx: Tx, partner_id: int, export_id: int) -> None:
    await tx.execute("DELETE FROM export_chunk WHERE partner_id = $1 AND export_id = $2", partner_id, export_id)
