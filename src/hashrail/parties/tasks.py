"""Tasks: long work that an operator has asked for, and the worker does: closing days, fetching figures, an audit.

    waiting -> running -> done
                       -> failed    it was refused, or ended by an error; what it had done by then stays

Who asks gets the task's number at once, and sees how far it is. An attempt tells every few seconds that it lives. When
its worker is killed, another attempt begins anew: every task does only what is left. Times are wall time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from hashrail import clock, texts
from hashrail.db import Reader, Row, Tx
from hashrail.errors import NotFoundError
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.postgres import job_queue

# Named like the commands that do the same.
Kind = Literal[
    "audit",
    "day close",
    "payouts bump",
    "payouts export",
    "payouts node",
    "payouts reconcile",
    "payouts run",
    "rates fetch",
]
State = Literal["waiting", "running", "done", "failed"]
# A queue of their own, so that payouts and days do not wait for them.
QUEUE, JOB = "tasks", "do_tasks"
# After so long without a sign of life an attempt is over.
SILENCE = timedelta(seconds=60)
KEPT_FOR = timedelta(days=90)
MAX_TOLD = 2000
_READ = """
    SELECT t.id, t.kind, t.meant, o.id AS operator_id, o.name AS asked_by, t.asked_at, t.state, t.attempt, t.done,
           t.total, t.at, t.begun_at, t.ended_at, t.code, t.told
    FROM operator_task t JOIN operator_account o ON o.id = t.operator_id"""


class TaskNotFoundError(NotFoundError):
    """There is no such task, or it ended long ago."""

    code = "TASK_NOT_FOUND"
    advice = "Look at the list of tasks; those that ended are kept for 90 days."


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody has asked for, and how far it is: `done` of `total`, None where nobody can tell.

    `told` is what came of it in words, `code` of the error that ended it.
    """

    id: int
    kind: Kind
    meant: dict[str, Any]
    operator_id: int
    asked_by: str
    asked_at: datetime
    state: State
    attempt: int
    done: int
    total: int | None
    at: str
    begun_at: datetime | None
    ended_at: datetime | None
    code: str | None
    told: str

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("waiting", "running")


async def ask(tx: Tx, by: Operator, kind: Kind, meant: Mapping[str, object]) -> Task:
    """Let the worker do something as soon as this is committed; what is under way already is not begun twice."""
    content = operators.written(meant)
    # One at a time asks, so that two find each other.
    await tx.execute("LOCK TABLE operator_task IN SHARE ROW EXCLUSIVE MODE")
    known: int | None = await tx.fetchval(
        "SELECT min(id) FROM operator_task WHERE state IN ('waiting', 'running') AND kind = $1 AND meant = $2",
        kind,
        content,
    )
    if known is not None:
        return await find(tx, known)
    number: int = await tx.fetchval(
        """INSERT INTO operator_task (kind, meant, operator_id, asked_at, state)
           VALUES ($1, $2, $3, $4, 'waiting') RETURNING id""",
        kind,
        content,
        by.id,
        clock.wall_now(),
    )
    await job_queue.defer(tx, JOB, queue=QUEUE)
    return await find(tx, number)


async def find(reader: Reader, number: int) -> Task:
    """A task by its number. Raises TaskNotFoundError."""
    row = await reader.fetchrow(f"{_READ} WHERE t.id = $1", number)
    if row is None:
        raise TaskNotFoundError(f"there is no task {number}", field="id")
    return _task(row)


async def newest(reader: Reader, limit: int) -> list[Task]:
    """The newest tasks first."""
    return [_task(row) for row in await reader.fetch(f"{_READ} ORDER BY t.id DESC LIMIT $1", limit)]


async def begin_next(tx: Tx) -> Task | None:
    """Begin the oldest task that waits, or whose attempt has fallen silent; None where there is none."""
    now = clock.wall_now()
    number: int | None = await tx.fetchval(
        """UPDATE operator_task SET state = 'running', attempt = attempt + 1, begun_at = $1, seen_at = $1, done = 0,
                                    total = NULL, at = ''
           WHERE id = (SELECT id FROM operator_task
                       WHERE state = 'waiting' OR (state = 'running' AND seen_at < $2)
                       ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id""",
        now,
        now - SILENCE,
    )
    return None if number is None else await find(tx, number)


async def tell(tx: Tx, task: Task, *, done: int, total: int | None, at: str) -> bool:
    """Say how far an attempt is, and that it lives; False where it counts no more."""
    status = await tx.execute(
        """UPDATE operator_task SET done = $3, total = $4, at = $5, seen_at = $6
           WHERE id = $1 AND attempt = $2 AND state = 'running'""",
        task.id,
        task.attempt,
        done,
        total,
        texts.shown(at),
        clock.wall_now(),
    )
    return status == "UPDATE 1"


async def end(tx: Tx, task: Task, *, told: str, code: str | None = None) -> None:
    """An attempt has ended, with an error where there is a `code`; one that counts no more ends nothing."""
    await tx.execute(
        """UPDATE operator_task SET state = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'failed' END, code = $3,
                                    told = $4, ended_at = $5
           WHERE id = $1 AND attempt = $2 AND state = 'running'""",
        task.id,
        task.attempt,
        code,
        texts.shown(told, limit=MAX_TOLD),
        clock.wall_now(),
    )


async def forget_past(tx: Tx) -> int:
    """Forget tasks that ended long ago; that they were asked for stays in the log."""
    rows = await tx.fetch(
        "DELETE FROM operator_task WHERE ended_at < $1 RETURNING id",
        clock.wall_now() - KEPT_FOR,
    )
    return len(rows)


def _task(row: Row) -> Task:
    return Task(**(dict(row) | {"meant": msgspec.json.decode(row["meant"])}))
