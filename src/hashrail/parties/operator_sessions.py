"""Sessions of operators in the console: browsers that proved whose they are (`browser_sessions.py`).

A session ends with the operator's password or role, with the operator, with the deployment's epoch, and when its owner
says so.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.errors import NotFoundError
from hashrail.parties import browser_sessions
from hashrail.parties.browser_sessions import IDLE, LIFE, TOUCH, Stage


class OperatorSessionNotFoundError(NotFoundError):
    """The operator has no open session of that number."""

    code = "OPERATOR_SESSION_NOT_FOUND"
    advice = "Look at the list again: it may have ended by itself."


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; `agent` is what the browser calls itself."""

    id: int
    operator_id: int
    stage: Stage
    address: str
    agent: str
    opened_at: datetime
    seen_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends if nothing is clicked any more."""
        return browser_sessions.ends_at(self.stage, self.opened_at, self.seen_at)


async def begin(tx: Tx, operator_id: int, stage: Stage, *, address: str, agent: str) -> str:
    """A new session; answers its token, which is told once."""
    token, now = browser_sessions.new_token(), clock.wall_now()
    await tx.execute(
        """INSERT INTO operator_session (operator_id, digest, stage, epoch, address, agent, opened_at, seen_at)
           SELECT $1, $2, $3, epoch, $4, $5, $6, $6 FROM deployment WHERE id = 1""",
        *(operator_id, browser_sessions.digest_of(token), stage, address, browser_sessions.agent_of(agent), now),
    )
    return token


async def find(tx: Reader, token: str) -> Session | None:
    """The open session that has this token, whose operator is not disabled."""
    row = await tx.fetchrow(
        """SELECT s.id, s.operator_id, s.stage, s.address, s.agent, s.opened_at, s.seen_at
           FROM operator_session s JOIN operator_account o ON o.id = s.operator_id AND o.disabled_at IS NULL
           JOIN deployment d ON d.id = 1 AND d.epoch = s.epoch WHERE s.digest = $1""",
        browser_sessions.digest_of(token),
    )
    found = None if row is None else record(Session, row)
    return None if found is None or found.ends_at <= clock.wall_now() else found


async def touch(tx: Tx, session: Session) -> None:
    """It is used."""
    now = clock.wall_now()
    if session.seen_at + TOUCH <= now:
        await tx.execute("UPDATE operator_session SET seen_at = $2 WHERE id = $1", session.id, now)


async def of_operator(tx: Reader, operator_id: int) -> list[Session]:
    """An operator's open sessions, newest first."""
    rows = await tx.fetch(
        """SELECT s.id, s.operator_id, s.stage, s.address, s.agent, s.opened_at, s.seen_at
           FROM operator_session s JOIN deployment d ON d.id = 1 AND d.epoch = s.epoch
           WHERE s.operator_id = $1 ORDER BY s.id DESC""",
        operator_id,
    )
    now = clock.wall_now()
    return [one for one in (record(Session, row) for row in rows) if one.ends_at > now]


async def end(tx: Tx, operator_id: int, number: int) -> None:
    """End one of an operator's sessions. Raises OperatorSessionNotFoundError."""
    gone = "DELETE FROM operator_session WHERE operator_id = $1 AND id = $2 RETURNING id"
    if await tx.fetchval(gone, operator_id, number) is None:
        raise OperatorSessionNotFoundError(f"no open session {number}", field="id")


async def end_all(tx: Tx, operator_id: int) -> None:
    """End every session of an operator."""
    await tx.execute("DELETE FROM operator_session WHERE operator_id = $1", operator_id)


async def end_others(tx: Tx, operator_id: int, kept: int) -> None:
    """End every session of an operator but one."""
    await tx.execute("DELETE FROM operator_session WHERE operator_id = $1 AND id <> $2", operator_id, kept)


async def forget_expired(tx: Tx) -> int:
    """Let sessions go that are over; answers how many."""
    now = clock.wall_now()
    rows = await tx.fetch(
        "DELETE FROM operator_session WHERE seen_at < $1 OR opened_at < $2 RETURNING id", now - IDLE, now - LIFE
    )
    return len(rows)
