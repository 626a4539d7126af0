"""Who looked at what: each page of the console that shows a person is noted, with the operator and the moment.

Kept for a year and a month, so that a question of last year still has an answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.parties.operators import Operator

KEPT = timedelta(days=396)


@dataclass(frozen=True, slots=True)
class View:
    """An operator looked at a page about somebody; `seen_at` is wall time."""

    id: int
    operator: str
    page: str
    subject: str
    seen_at: datetime


async def note(tx: Tx, operator: Operator, page: str, subject: str) -> None:
    """Keep that the operator is shown it."""
    await tx.execute(
        "INSERT INTO operator_view (operator_id, page, subject, seen_at) VALUES ($1, $2, $3, $4)",
        *(operator.id, page, subject, clock.wall_now()),
    )


async def newest(tx: Reader, *, limit: int, after: int | None = None) -> list[View]:
    """What was looked at, newest first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT v.id, o.name AS operator, v.page, v.subject, v.seen_at
           FROM operator_view v JOIN operator_account o ON o.id = v.operator_id
           WHERE $2::bigint IS NULL OR v.id < $2 ORDER BY v.id DESC LIMIT $1""",
        limit,
        after,
    )
    return [record(View, row) for row in rows]


async def forget_past(tx: Tx) -> int:
    """Let go what is older than it is kept; answers how many."""
    return len(await tx.fetch("DELETE FROM operator_view WHERE seen_at < $1 RETURNING id", clock.wall_now() - KEPT))
