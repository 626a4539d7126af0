"""A partner's users: known to the partner by its own id, to Hashrail by a number.

A blocked user keeps what he has and may look at it, but nothing of his is written: whoever writes locks his row and
asks `assert_active`, so that a block waits for what is under way and stops what comes after.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hashrail import clock, ledger
from hashrail.day_fence import OpenDay
from hashrail.db import Reader, Row, Tx
from hashrail.errors import ForbiddenError, NotFoundError


class UserNotFoundError(NotFoundError):
    """The calling partner has no such user."""

    code = "USER_NOT_FOUND"
    advice = "Register the user with the login operation (#4) first."


class UserBlockedError(ForbiddenError):
    """The operator has blocked the user: his data can be read, and nothing of his is written."""

    code = "USER_BLOCKED"
    advice = "Ask the operator why; once the user is unblocked, the same request is accepted."


@dataclass(frozen=True, slots=True)
class User:
    """`level_discount` is the fraction that the user's level takes off maintenance; `blocked_at` is wall time."""

    partner_id: int
    id: int
    partner_user_id: str
    email: str | None
    created_at: datetime
    level_discount: Decimal
    settled_through: date | None
    blocked_at: datetime | None


async def register(tx: Tx, day: OpenDay, *, partner_user_id: str, email: str | None) -> User:
    """The user with that partner's id, made when there is none; a new email replaces the old one."""
    known = await _look_up(tx, day.partner_id, partner_user_id)
    if known is None:
        user_id = await tx.fetchval(
            """INSERT INTO app_user (partner_id, partner_user_id, email, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, partner_user_id) DO NOTHING RETURNING id""",
            day.partner_id,
            partner_user_id,
            email,
            day.now,
        )
        if user_id is not None:
            await _welcome(tx, day, user_id)
    if email is not None:
        await tx.execute(
            """UPDATE app_user SET email = $3
               WHERE partner_id = $1 AND partner_user_id = $2 AND email IS DISTINCT FROM $3
                 AND blocked_at IS NULL""",
            day.partner_id,
            partner_user_id,
            email,
        )
    return await find(tx, day.partner_id, partner_user_id)


async def find(tx: Reader, partner_id: int, partner_user_id: str, *, field: str = "partnerUserId") -> User:
    """The partner's user by the partner's own id. Raises UserNotFoundError."""
    return _user(await _look_up(tx, partner_id, partner_user_id), field=field)


async def get(tx: Tx, partner_id: int, user_id: int) -> User:
    """The partner's user by number. Raises UserNotFoundError."""
    return _user(
        await tx.fetchrow(
            """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at
               FROM app_user WHERE partner_id = $1 AND id = $2""",
            partner_id,
            user_id,
        ),
        field="userId",
    )


async def lock(tx: Tx, partner_id: int, user_ids: list[int]) -> dict[int, User]:
    """The users with their rows locked in id order, so that their miners and settlements change one at a time.

    The lock is compatible with the one that a foreign key takes: whoever has just written a row of a user (his new
    miner, say) may be one of several who want this lock next.
    """
    rows = await tx.fetch(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at
           FROM app_user WHERE partner_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE""",
        partner_id,
        user_ids,
    )
    return {row["id"]: User(*row.values()) for row in rows}


def assert_active(user: User, *, field: str = "userId") -> None:
    """Raises UserBlockedError. To be asked under the lock, so that it still holds when the write commits."""
    if user.blocked_at is not None:
        raise UserBlockedError("the operator has blocked this user", field=field)


async def block(tx: Tx, partner_id: int, partner_user_id: str) -> User:
    """Stop the user's writes from now on; again leaves the time of the first. Raises UserNotFoundError."""
    await tx.execute(
        """UPDATE app_user SET blocked_at = $3
           WHERE partner_id = $1 AND partner_user_id = $2 AND blocked_at IS NULL""",
        partner_id,
        partner_user_id,
        clock.wall_now(),
    )
    return await find(tx, partner_id, partner_user_id)


async def unblock(tx: Tx, partner_id: int, partner_user_id: str) -> User:
    """Let the user write again; for one who is not blocked a no-op. Raises UserNotFoundError."""
    await tx.execute(
        """UPDATE app_user SET blocked_at = NULL
           WHERE partner_id = $1 AND partner_user_id = $2 AND blocked_at IS NOT NULL""",
        partner_id,
        partner_user_id,
    )
    return await find(tx, partner_id, partner_user_id)


async def _look_up(tx: Reader, partner_id: int, partner_user_id: str) -> Row | None:
    return await tx.fetchrow(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at
           FROM app_user WHERE partner_id = $1 AND partner_user_id = $2""",
        partner_id,
        partner_user_id,
    )


async def _welcome(tx: Tx, day: OpenDay, user_id: int) -> None:
    """A new user has accounts and takes part in the programmes that the partner has for everybody."""
    await ledger.open_user_accounts(tx, day.partner_id, user_id, at=day.now)
    await tx.execute(
        """INSERT INTO user_programme (partner_id, user_id, programme_id)
           SELECT partner_id, $2, programme_id FROM partner_programme WHERE partner_id = $1""",
        day.partner_id,
        user_id,
    )


def _user(row: Row | None, *, field: str) -> User:
    if row is None:
        raise UserNotFoundError("the partner has no such user", field=field)
    return User(*row.values())
