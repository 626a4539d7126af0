"""Tasks of members: long work that somebody of a partner has asked for in the portal, and the worker does.

    waiting -> running -> done
                       -> failed    it was refused, or ended by an error; what it had done by then stays

Who asks gets the task's number at once, and sees how far it is. A task commits in steps, each with how far it is then.
An attempt holds a lock for as long as it lives: when its worker is killed, whoever looks next begins another one, which
goes on behind the last step. Times are wall time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from hashrail import clock, texts
from hashrail.db import Reader, Row, Tx
from hashrail.errors import NotFoundError
from hashrail.parties import operators, tasks
from hashrail.parties.members import Member
from hashrail.postgres import job_queue

# Named like the commands that do the same.
Kind = Literal["sandbox advance", "sandbox late notice"]
# As tasks of operators, and beside them on their queue, one after the other.
QUEUE, JOB = tasks.QUEUE, "do_member_tasks"
KEPT_FOR = tasks.KEPT_FOR
# The number space of the locks of attempts, which have two numbers.
ATTEMPTS = 9
# An attempt that takes longer is begun again by another worker, behind its last step.
LONGEST = "1h"
_READ = """
    SELECT t.id, t.partner_id, t.kind, t.meant, t.member_id, m.name AS asked_by, t.asked_at, t.state, t.attempt, t.done,
           t.total, t.at, t.begun_at, t.ended_at, t.code, t.told
    FROM member_task t JOIN member m ON m.partner_id = t.partner_id AND m.id = t.member_id
    WHERE t.partner_id = $1"""


class MemberTaskNotFoundError(NotFoundError):
    """The partner has no such task, or it ended long ago."""

    code = "MEMBER_TASK_NOT_FOUND"
    advice = "Look at the list of tasks; those that ended are kept for 90 days."


@dataclass(frozen=True, slots=True)
class MemberTask:
    """What somebody has asked for, and how far it is: `done` of `total`, None where nobody can tell.

    `told` is what came of it in words, `code` of the error that ended it.
    """

    id: int
    partner_id: int
    kind: Kind
    meant: dict[str, Any]
    member_id: int
    asked_by: str
    asked_at: datetime
    state: tasks.State
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


async def ask(tx: Tx, by: Member, kind: Kind, meant: Mapping[str, object]) -> int:
    """Let the worker do something as soon as this is committed; answers the task's number."""
    number: int = await tx.fetchval(
        """INSERT INTO member_task (partner_id, kind, meant, member_id, asked_at, state)
           VALUES ($1, $2, $3, $4, $5, 'waiting') RETURNING id""",
        by.partner_id,
        kind,
        operators.written(meant),
        by.id,
        clock.wall_now(),
    )
    await job_queue.defer(tx, JOB, queue=QUEUE)
    return number


async def find(reader: Reader, partner_id: int, number: int) -> MemberTask:
    """A task of the partner by its number. Raises MemberTaskNotFoundError."""
    row = await reader.fetchrow(f"{_READ} AND t.id = $2", partner_id, number)
    if row is None:
        raise MemberTaskNotFoundError(f"there is no task {number}", field="id")
    return _task(row)


async def newest(reader: Reader, partner_id: int, limit: int) -> list[MemberTask]:
    """The partner's newest tasks first."""
    return [_task(row) for row in await reader.fetch(f"{_READ} ORDER BY t.id DESC LIMIT $2", partner_id, limit)]


async def oldest_open(reader: Reader, partner_id: int) -> int | None:
    """The partner's oldest task that has not ended; None where there is none."""
    number: int | None = await reader.fetchval(
        "SELECT min(id) FROM member_task WHERE partner_id = $1 AND state IN ('waiting', 'running')", partner_id
    )
    return number


async def is_ours(tx: Tx, number: int) -> bool:
    """Whether no other attempt at the task lives, for as long as this transaction lasts, which may stand still."""
    # A journey of years takes some minutes, on other connections.
    await tx.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{LONGEST}'")
    found: bool = await tx.fetchval("SELECT pg_try_advisory_xact_lock($1, hashint8($2))", ATTEMPTS, number)
    return found


async def begin(tx: Tx, partner_id: int, number: int) -> MemberTask | None:
    """Begin an attempt; None where the task has ended meanwhile."""
    begun = await tx.fetchval(
        """UPDATE member_task SET state = 'running', attempt = attempt + 1, begun_at = $3
           WHERE partner_id = $1 AND id = $2 AND state IN ('waiting', 'running') RETURNING id""",
        partner_id,
        number,
        clock.wall_now(),
    )
    return None if begun is None else await find(tx, partner_id, number)


async def tell(tx: Tx, task: MemberTask, *, done: int, total: int, at: str) -> None:
    """Say how far an attempt is; one that counts no more says nothing."""
    await tx.execute(
        """UPDATE member_task SET done = $4, total = $5, at = $6
           WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'""",
        *(task.partner_id, task.id, task.attempt),
        done,
        total,
        texts.shown(at),
    )


async def end(tx: Tx, task: MemberTask, *, told: str, code: str | None = None) -> None:
    """An attempt has ended, with an error where there is a `code`; one that counts no more ends nothing."""
    await tx.execute(
        """UPDATE member_task SET state = $4, code = $5, told = $6, ended_at = $7
           WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'""",
        *(task.partner_id, task.id, task.attempt),
        "done" if code is None else "failed",
        code,
        texts.shown(told, limit=tasks.MAX_TOLD),
        clock.wall_now(),
    )


async def forget_past(tx: Tx, partner_id: int) -> int:
    """Forget tasks of the partner that ended long ago; that they were asked for stays in the log."""
    rows = await tx.fetch(
        "DELETE FROM member_task WHERE partner_id = $1 AND ended_at < $2 RETURNING id",
        partner_id,
        clock.wall_now() - KEPT_FOR,
    )
    return len(rows)


def _task(row: Row) -> MemberTask:
    return MemberTask(**(dict(row) | {"meant": msgspec.json.decode(row["meant"])}))
