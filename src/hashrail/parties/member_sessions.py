"""Sessions of a partner's members in the portal: browsers that proved whose they are (`browser_sessions.py`).

A token begins with the partner's number, so that nobody looks for a session in another partner's. A session ends with
the member's password or role, with the member, with the partner that is closed, with the deployment's epoch, and when
its owner or an owner of the partner says so.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.deployment import facts
from hashrail.errors import NotFoundError
from hashrail.parties import browser_sessions
from hashrail.parties.browser_sessions import IDLE, LIFE, TOUCH, Stage

MAX_TOKEN = 100


class MemberSessionNotFoundError(NotFoundError):
    """The member has no open session of that number."""

    code = "MEMBER_SESSION_NOT_FOUND"
    advice = "Look at the list again: it may have ended by itself."


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; `agent` is what the browser calls itself."""

    partner_id: int
    id: int
    member_id: int
    stage: Stage
    address: str
    agent: str
    opened_at: datetime
    seen_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends if nothing is clicked any more."""
        return browser_sessions.ends_at(self.stage, self.opened_at, self.seen_at)


def partner_of(token: str) -> int | None:
    """The partner's number that a token begins with; None where it is no token."""
    number, dot, rest = token.partition(".")
    is_one = dot and rest and number.isascii() and number.isdecimal() and len(number) <= 18
    return int(number) if is_one and len(token) <= MAX_TOKEN else None


async def begin(tx: Tx, partner_id: int, member_id: int, stage: Stage, *, address: str, agent: str) -> str:
    """A new session; answers its token, which is told once."""
    token, now = f"{partner_id}.{browser_sessions.new_token()}", clock.wall_now()
    epoch = (await facts.read(tx)).epoch
    kept = (browser_sessions.digest_of(token), stage, epoch, address, browser_sessions.agent_of(agent), now)
    await tx.execute(
        """INSERT INTO member_session
               (partner_id, member_id, digest, stage, epoch, address, agent, opened_at, seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)""",
        *(partner_id, member_id, *kept),
    )
    return token


async def find(tx: Reader, token: str) -> Session | None:
    """The open session that has this token, whose member is not disabled and whose partner is not closed."""
    partner_id = partner_of(token)
    if partner_id is None:
        return None
    row = await tx.fetchrow(
        """SELECT s.partner_id, s.id, s.member_id, s.stage, s.address, s.agent, s.opened_at, s.seen_at
           FROM member_session s
           JOIN member m ON m.partner_id = s.partner_id AND m.id = s.member_id AND m.disabled_at IS NULL
           JOIN deployment d ON d.id = 1 AND d.epoch = s.epoch
           LEFT JOIN partner_standing p ON p.partner_id = s.partner_id
           WHERE s.partner_id = $1 AND s.digest = $2 AND coalesce(p.standing, 'open') <> 'closed'""",
        *(partner_id, browser_sessions.digest_of(token)),
    )
    found = None if row is None else record(Session, row)
    return None if found is None or found.ends_at <= clock.wall_now() else found


async def touch(tx: Tx, session: Session) -> None:
    """It is used."""
    now = clock.wall_now()
    if session.seen_at + TOUCH <= now:
        await tx.execute(
            "UPDATE member_session SET seen_at = $3 WHERE partner_id = $1 AND id = $2",
            *(session.partner_id, session.id, now),
        )


async def of_partner(tx: Reader, partner_id: int) -> list[Session]:
    """The open sessions of a partner's members, newest first."""
    rows = await tx.fetch(
        """SELECT s.partner_id, s.id, s.member_id, s.stage, s.address, s.agent, s.opened_at, s.seen_at
           FROM member_session s JOIN deployment d ON d.id = 1 AND d.epoch = s.epoch
           WHERE s.partner_id = $1 ORDER BY s.id DESC""",
        partner_id,
    )
    now = clock.wall_now()
    return [one for one in (record(Session, row) for row in rows) if one.ends_at > now]


async def end(tx: Tx, partner_id: int, member_id: int, number: int) -> None:
    """End one of a member's sessions. Raises MemberSessionNotFoundError."""
    gone = await tx.fetchval(
        "DELETE FROM member_session WHERE partner_id = $1 AND member_id = $2 AND id = $3 RETURNING id",
        *(partner_id, member_id, number),
    )
    if gone is None:
        raise MemberSessionNotFoundError(f"no open session {number}", field="session")


async def end_all(tx: Tx, partner_id: int, member_id: int) -> None:
    """End every session of a member."""
    await tx.execute("DELETE FROM member_session WHERE partner_id = $1 AND member_id = $2", partner_id, member_id)


async def end_others(tx: Tx, partner_id: int, member_id: int, kept: int) -> None:
    """End every session of a member but one."""
    await tx.execute(
        "DELETE FROM member_session WHERE partner_id = $1 AND member_id = $2 AND id <> $3",
        *(partner_id, member_id, kept),
    )


async def forget_expired(tx: Tx, partner_id: int) -> int:
    """Let sessions of a partner go that are over; answers how many."""
    now = clock.wall_now()
    rows = await tx.fetch(
        """DELETE FROM member_session WHERE partner_id = $1 AND (seen_at < $2 OR opened_at < $3) RETURNING id""",
        *(partner_id, now - IDLE, now - LIFE),
    )
    return len(rows)
