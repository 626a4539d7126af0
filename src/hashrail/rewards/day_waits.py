"""Days that wait for their figures, and why the newest attempt to fetch them did not succeed."""

from dataclasses import dataclass
from datetime import date, datetime

from hashrail.db import Reader, Tx


@dataclass(frozen=True, slots=True)
class DayWait:
    """A day without figures: since when it is asked for, how often, and what the newest attempt met.

    Times are by the business clock; `code` is that of an error, `reason` its words.
    """

    day: date
    since: datetime
    newest_at: datetime
    attempts: int
    code: str
    reason: str


async def note(tx: Tx, day: date, *, code: str, reason: str, at: datetime) -> None:
    """Keep that a day could not be fetched."""
    await tx.execute(
        """INSERT INTO day_wait AS old (day, since, newest_at, attempts, code, reason) VALUES ($1, $2, $2, 1, $3, $4)
           ON CONFLICT (day) DO UPDATE SET newest_at = greatest(old.since, excluded.newest_at),
               attempts = old.attempts + 1, code = excluded.code, reason = excluded.reason""",
        day,
        at,
        code,
        reason,
    )


async def end(tx: Tx, day: date) -> None:
    """The day has its figures."""
    await tx.execute("DELETE FROM day_wait WHERE day = $1", day)


async def waiting(tx: Reader) -> list[DayWait]:
    """The days that could not be fetched and have no figures yet, the oldest first."""
    rows = await tx.fetch(
        """SELECT w.day, w.since, w.newest_at, w.attempts, w.code, w.reason FROM day_wait w
           WHERE NOT EXISTS (SELECT 1 FROM mining_day d WHERE d.day = w.day) ORDER BY w.day"""
    )
    return [DayWait(**dict(row)) for row in rows]
