"""Pages of single records: a user's income by miner and day, newest day first, by miner within a day.

How many records each day has is counted in the database, of the newest days first, and only the records of the page are
read. A record is what `income_records` says that it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.db import Row, Tx
from hashrail.rewards import record_counts
from hashrail.rewards.income_records import Position, Record

# What is counted first: most pages are of these days.
NEWEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in their order, and how many stints were looked at to find them."""

    records: Sequence[Record]
    stints: int


async def read(
    tx: Tx, partner_id: int, user_id: int, *, limit: int, offset: int = 0, after: Position | None = None
) -> RecordPage:
    """A page of a user's records from an offset, or of those behind a position. Read it in one snapshot.

    Cost: the stints of the newest days, or all of them where these have too few records; and the page.
    """
    assert after is None or not offset, "a position is where the page begins"
    span = await record_counts.closed_days(tx, partner_id)
    if span is None:
        return RecordPage((), 0)
    first, last = span
    begun: list[Row] = []
    if after is not None and after.day <= last:
        begun = await _rows(tx, partner_id, user_id, [after.day], limit=limit, after=after)
        last = after.day - clock.ONE_DAY
    page = await _from_day(tx, partner_id, user_id, first, last, limit=limit - len(begun), offset=offset)
    return RecordPage([*map(_record, begun), *page.records], len(begun) + page.stints)


async def _from_day(
    tx: Tx, partner_id: int, user_id: int, first: date, last: date, *, limit: int, offset: int
) -> RecordPage:
    """A page of the records that were credited with `last` and the days before it."""
    stints = 0
    wanted: list[date] = []
    skipped = 0
    for since in dict.fromkeys((max(first, last - NEWEST), first)):
        if limit <= 0 or last < since:
            return RecordPage((), stints)
        counts, looked_at = await record_counts.between(tx, partner_id, user_id, since, last)
        stints += looked_at
        wanted, skipped = _days_of(counts, limit=limit, offset=offset)
        if sum(counts[day] for day in wanted) >= skipped + limit:
            break
    if not wanted:
        return RecordPage((), stints)
    rows = await _rows(tx, partner_id, user_id, wanted, limit=limit, offset=skipped)
    return RecordPage([_record(row) for row in rows], stints)


def _days_of(counts: Mapping[date, int], *, limit: int, offset: int) -> tuple[list[date], int]:
    """(the days whose records a page shows, how many records of the first of them stand before it)."""
    days: list[date] = []
    skipped = covered = 0
    for day, count in counts.items():
        if not days and skipped + count <= offset:
            skipped += count
            continue
        days.append(day)
        covered += count
        if skipped + covered >= offset + limit:
            break
    return days, offset - skipped


async def _rows(
    tx: Tx,
    partner_id: int,
    user_id: int,
    days: Sequence[date],
    *,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
) -> list[Row]:
    """The records that were credited with these days, newest first, from an offset; or behind a position in them."""
    adjustment_id, miner_id = (-1, 0) if after is None else (after.adjustment_id, after.miner_id)
    return await tx.fetch(
        """SELECT x.credited_with, x.adjustment_id, x.miner_id, x.day, x.power, coalesce(a.pool, d.pool) AS pool,
                  coalesce(a.c1, d.c1) AS c1, coalesce(a.c2, d.c2) AS c2, coalesce(a.net, d.net) AS net
           FROM (SELECT r.credited_with, r.adjustment_id, r.miner_id, r.day, r.class_id, r.power FROM (
                     SELECT x.day AS credited_with, 0::bigint AS adjustment_id, s.miner_id, x.day, s.class_id, s.power
                     FROM stint s JOIN unnest($3::date[]) AS x (day)
                       ON x.day >= s.from_day AND (s.to_day IS NULL OR x.day < s.to_day)
                     WHERE s.partner_id = $1 AND s.user_id = $2 AND s.from_day <= $4::date
                       AND (s.to_day IS NULL OR s.to_day > $5::date)
                     UNION ALL
                     SELECT a.effective_day, a.id, s.miner_id, a.day, s.class_id, s.power FROM adjustment a
                     JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
                     JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
                     WHERE s.partner_id = $1 AND s.user_id = $2 AND a.effective_day = ANY($3)) AS r
                 WHERE (r.adjustment_id, r.miner_id) > ($6::bigint, $7::bigint)
                 ORDER BY r.credited_with DESC, r.adjustment_id, r.miner_id OFFSET $8 LIMIT $9) AS x
           LEFT JOIN class_day d ON d.day = x.day AND d.class_id = x.class_id
           LEFT JOIN class_adjustment a ON a.adjustment_id = x.adjustment_id AND a.class_id = x.class_id
           ORDER BY x.credited_with DESC, x.adjustment_id, x.miner_id""",
        partner_id,
        user_id,
        days,
        max(days),
        min(days),
        adjustment_id,
        miner_id,
        offset,
        limit,
    )


def _record(row: Row) -> Record:
    power: Decimal = row["power"]
    return Record(
        row["miner_id"],
        row["day"],
        clock.credited_at(row["credited_with"]),
        power * row["pool"],
        power * row["c1"],
        power * row["c2"],
        power * row["net"],
        row["adjustment_id"] or None,
    )
