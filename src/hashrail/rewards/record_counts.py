"""How many records of income a user has by day, counted in the database: a row a day, however many stints there are."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from hashrail import clock
from hashrail.db import Tx


async def closed_days(tx: Tx, partner_id: int) -> tuple[date, date] | None:
    """(the first day that was ever published, the partner's last closed one); None where it has closed none."""
    last: date | None = await tx.fetchval("SELECT closed_through FROM partner_day WHERE partner_id = $1", partner_id)
    if last is None:
        return None
    return await tx.fetchval("SELECT first_day FROM publication WHERE id = 1"), last


async def of_user(tx: Tx, partner_id: int, user_id: int) -> tuple[dict[date, int], int]:
    """The same as `between` of all days that are closed."""
    span = await closed_days(tx, partner_id)
    return ({}, 0) if span is None else await between(tx, partner_id, user_id, *span)


async def between(tx: Tx, partner_id: int, user_id: int, first: date, last: date) -> tuple[dict[date, int], int]:
    """(how many records are credited with each day from `first` to `last`, newest first; how many stints have one)."""
    rows = await tx.fetch(
        """SELECT x.first, x.last, count(*) AS records, false AS corrected FROM (
               SELECT greatest(s.from_day, $3::date) AS first, least(s.to_day - 1, $4::date) AS last FROM stint s
               WHERE s.partner_id = $1 AND s.user_id = $2 AND s.from_day <= $4::date
                 AND (s.to_day IS NULL OR s.to_day > $3::date)) AS x
           GROUP BY GROUPING SETS ((x.first), (x.last))
           UNION ALL
           SELECT a.effective_day, NULL, count(*), true FROM adjustment a
           JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
           WHERE s.partner_id = $1 AND s.user_id = $2 AND a.effective_day BETWEEN $3::date AND $4::date
           GROUP BY a.effective_day""",
        partner_id,
        user_id,
        first,
        last,
    )
    steps: dict[date, int] = defaultdict(int)
    extra: dict[date, int] = {}
    looked_at = 0
    for row in rows:
        if row["corrected"]:
            extra[row["first"]] = row["records"]
        elif row["first"] is None:
            steps[row["last"] + clock.ONE_DAY] -= row["records"]
            continue
        else:
            steps[row["first"]] += row["records"]
        looked_at += row["records"]
    return _added_up(steps, extra, last), looked_at


def _added_up(steps: Mapping[date, int], extra: Mapping[date, int], last: date) -> dict[date, int]:
    """How many records each day has, newest first: those of stints, by how many begin and end, and `extra` ones."""
    counts: dict[date, int] = {}
    running, day = 0, min([*steps, *extra], default=last + clock.ONE_DAY)
    while day <= last:
        running += steps.get(day, 0)
        if running + extra.get(day, 0):
            counts[day] = running + extra.get(day, 0)
        day += clock.ONE_DAY
    return dict(reversed(counts.items()))
