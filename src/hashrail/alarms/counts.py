"""What API processes count of themselves and alarms ask about: answers that failed, and how the TON endpoint does.

A process counts in memory and adds a few rows a minute to what the others have counted; while nothing fails, it writes
nothing. A process that is killed takes the counts of its last minute along.
"""

from collections import Counter
from datetime import datetime, timedelta
from http import HTTPStatus

from hashrail import business_clock, clock, db
from hashrail.db import Reader, Row, Tx

# Names of what is counted.
ERRORS, UNAVAILABLE, TON_ANSWERED, TON_SILENT = "errors", "unavailable", "ton answered", "ton silent"
REPLICA_ASIDE = "replica aside"
FLUSH_SECONDS = 30
RECENTLY = timedelta(minutes=15)
KEPT = timedelta(days=1)


class Counts:
    """Of one process, since they were last written down."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """One more."""
        self._seen[name] += 1

    def answered(self, status: int) -> None:
        """A request was answered; what is counted of it is that it failed, and how."""
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.add(UNAVAILABLE)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.add(ERRORS)

    async def write_down(self, pool: db.Pool) -> None:
        """Add what was counted to the database's minute. What cannot be written is kept for the next time."""
        taken, self._seen = self._seen, Counter()
        if not taken:
            return
        is_written = False
        try:
            async with db.transaction(pool) as tx:
                await _add(tx, taken)
            is_written = True
        finally:
            if not is_written:
                self._seen.update(taken)


# Of this process.
COUNTS = Counts()


async def recent(tx: Reader, *, now: datetime) -> dict[str, int]:
    """What was counted within the last quarter of an hour, by name."""
    rows = await tx.fetch(
        "SELECT name, sum(seen)::bigint AS seen FROM minute_count WHERE minute > $1 GROUP BY name", now - RECENTLY
    )
    return dict(map(_pair, rows))


async def forget_past(tx: Tx) -> None:
    """Counts of more than a day ago go."""
    moment = await business_clock.read(tx)
    await tx.execute("DELETE FROM minute_count WHERE minute < $1", moment.database_now - KEPT)


def _pair(row: Row) -> tuple[str, int]:
    return row["name"], row["seen"]


async def _add(tx: Tx, seen: Counter[str]) -> None:
    """In one order, so that no two processes wait for each other."""
    await tx.executemany(
        f"""INSERT INTO minute_count AS c (minute, name, seen)
            VALUES (date_trunc('minute', {clock.DATABASE_NOW}), $1, $2)
            ON CONFLICT (minute, name) DO UPDATE SET seen = c.seen + excluded.seen""",  # noqa: S608
        sorted(seen.items()),
    )
