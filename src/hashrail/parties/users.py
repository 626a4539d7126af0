"""A partner's users: known to the partner by its own id, to Hashrail by a number.

A blocked user keeps what they have and may look at it, but nothing of theirs is written: whoever writes locks the
user's row and asks `assert_active`, so that a block waits for what is under way and stops what comes after.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from hashrail import clock
from hashrail.books import ledger, lost_numbers
from hashrail.books.fence import OpenBooks
from hashrail.db import Reader, Row, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import ForbiddenError, NotFoundError
from hashrail.events import drafts
from hashrail.events.types.users import UserBlocked, UserChanged, UserCreated, UserEvent, UserUnblocked
from hashrail.parties import newcomers

State = Literal["active", "blocked"]


class UserNotFoundError(NotFoundError):
    """The calling partner has no such user."""

    code = "USER_NOT_FOUND"
    advice = "Register the user with the login operation (#4) first."


class UserBlockedError(ForbiddenError):
    """The operator has blocked the user: their data can be read, and nothing of theirs is written."""

    code = "USER_BLOCKED"
    advice = "Ask the operator why; once the user is unblocked, the same request is accepted."


@dataclass(frozen=True, slots=True)
class User:
    """`level_discount` is the fraction that the user's level takes off maintenance; `blocked_at` is wall time.

    `payouts_go_on` says of a blocked user that withdrawals which were asked for before are paid all the same.
    """

    partner_id: int
    id: int
    partner_user_id: str
    email: str | None
    created_at: datetime
    level_discount: Decimal
    settled_through: date | None
    blocked_at: datetime | None
    payouts_go_on: bool


async def register(
    tx: Tx,
    books: OpenBooks,
    *,
    partner_user_id: str,
    email: str | None,
    new_per_day: int = 0,
    field: str = "partnerUserId",
) -> User:
    """The user with that partner's id, made when there is none; a new email replaces the old one.

    So many new ones a day, unless the partner has a bound of its own; 0 is without limit. Raises TooManyNewUsersError,
    and for a new one PartnerSuspendedError, PartnerClosedError.
    """
    known = await _look_up(tx, books.partner_id, partner_user_id)
    if known is None:
        books.assert_open()
        await newcomers.wait_turn(tx, books.partner_id)
        known = await _look_up(tx, books.partner_id, partner_user_id)
    if known is None:
        await newcomers.check(tx, books.partner_id, per_day=new_per_day, now=books.now, field=field)
        user_id = await tx.fetchval(
            """INSERT INTO app_user (partner_id, partner_user_id, email, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, partner_user_id) DO NOTHING RETURNING id""",
            books.partner_id,
            partner_user_id,
            email,
            books.now,
        )
        if user_id is not None:
            await _welcome(tx, books, user_id, partner_user_id)
    if email is not None:
        changed = await tx.fetchrow(
            """UPDATE app_user SET email = $3
               WHERE partner_id = $1 AND partner_user_id = $2 AND email IS DISTINCT FROM $3
                 AND blocked_at IS NULL
               RETURNING id, level_discount""",
            books.partner_id,
            partner_user_id,
            email,
        )
        if changed is not None:
            await _tell_change(tx, books.partner_id, changed["id"], partner_user_id, changed["level_discount"])
    return await find(tx, books.partner_id, partner_user_id)


async def find(tx: Reader, partner_id: int, partner_user_id: str, *, field: str = "partnerUserId") -> User:
    """The partner's user by the partner's own id. Raises UserNotFoundError."""
    return _user(await _look_up(tx, partner_id, partner_user_id), field=field)


async def get(tx: Tx, partner_id: int, user_id: int) -> User:
    """The partner's user by number. Raises UserNotFoundError."""
    row = await tx.fetchrow(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user WHERE partner_id = $1 AND id = $2""",
        partner_id,
        user_id,
    )
    if row is None:
        lost = await lost_numbers.told(tx, "app_user_id_seq", user_id)
        raise UserNotFoundError("the partner has no such user", field="userId", **lost)
    return record(User, row)


async def ids(tx: Reader, partner_id: int) -> list[int]:
    """The numbers of all the partner's users, in order."""
    return [
        row["id"] for row in await tx.fetch("SELECT id FROM app_user WHERE partner_id = $1 ORDER BY id", partner_id)
    ]


async def of_partner(
    tx: Reader,
    partner_id: int,
    *,
    state: State | None = None,
    changed_since: int | None = None,
    limit: int,
    offset: int = 0,
    before: int | None = None,
) -> list[User]:
    """A page of the partner's users, newest first; `before` is the last page's last id.

    `changed_since` is a position of the partner's feed: of those users only of whom an event stands behind it.
    """
    rows = await tx.fetch(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user
           WHERE partner_id = $1 AND ($2::bigint IS NULL OR id < $2)
             AND ($3::text IS NULL OR ($3 = 'blocked' AND blocked_at IS NOT NULL)
                  OR ($3 = 'active' AND blocked_at IS NULL))
             AND ($4::bigint IS NULL OR id IN (
                 SELECT e.object_id::bigint FROM event e
                 WHERE e.partner_id = $1 AND e.position > $4 AND e.object_kind = $7))
           ORDER BY id DESC LIMIT $5 OFFSET $6""",
        *(partner_id, before, state, changed_since, limit, offset, UserEvent.KIND),
    )
    return [record(User, row) for row in rows]


async def set_level(tx: Tx, user: User, level_discount: Decimal) -> None:
    """Give a locked user another level."""
    await tx.execute(
        "UPDATE app_user SET level_discount = $3 WHERE partner_id = $1 AND id = $2",
        user.partner_id,
        user.id,
        level_discount,
    )
    await _tell_change(tx, user.partner_id, user.id, user.partner_user_id, level_discount)


# So few are locked by a whole key each. A list is planned as some ten, and while PostgreSQL has not counted the table,
# to read all users of the partner looks cheaper than that.
FEW = 2
_LOCKED = """
    SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
           payouts_go_on
    FROM app_user WHERE partner_id = $1"""
_LOCK_ONE = f"{_LOCKED} AND id = $2 FOR NO KEY UPDATE"
_LOCK_MANY = f"{_LOCKED} AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE"


async def lock(tx: Tx, partner_id: int, user_ids: list[int]) -> dict[int, User]:
    """The users with their rows locked in id order, so that their miners and settlements change one at a time.

    The lock is compatible with the one that a foreign key takes: whoever has just written a row of a user (a new
    miner, say) may be one of several who want this lock next.
    """
    if len(user_ids) <= FEW:
        rows = [row for one in sorted(set(user_ids)) for row in await tx.fetch(_LOCK_ONE, partner_id, one)]
    else:
        rows = await tx.fetch(_LOCK_MANY, partner_id, user_ids)
    return {row["id"]: record(User, row) for row in rows}


async def lock_free(tx: Tx, partner_id: int, user_ids: list[int]) -> dict[int, User]:
    """As `lock`, without those whom somebody else has locked: nobody is waited for.

    How many are asked for the planner is not told, or it would plan anew each time.
    """
    rows = await tx.fetch(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user WHERE partner_id = $1 AND id = ANY ((SELECT $2::bigint[])::bigint[])
           ORDER BY id FOR NO KEY UPDATE SKIP LOCKED""",
        partner_id,
        user_ids,
    )
    return {row["id"]: record(User, row) for row in rows}


async def lock_free_named(tx: Tx, partner_id: int, partner_user_ids: list[str]) -> dict[str, User]:
    """As `lock_free`, by the partner's own ids."""
    rows = await tx.fetch(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user WHERE partner_id = $1 AND partner_user_id = ANY ((SELECT $2::text[])::text[])
           ORDER BY id FOR NO KEY UPDATE SKIP LOCKED""",
        partner_id,
        partner_user_ids,
    )
    return {row["partner_user_id"]: record(User, row) for row in rows}


async def lock_named(tx: Tx, partner_id: int, partner_user_id: str, *, field: str = "partnerUserId") -> User:
    """As `lock`, one by the partner's own id, as they stand once others are through. Raises UserNotFoundError."""
    row = await tx.fetchrow(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user WHERE partner_id = $1 AND partner_user_id = $2 FOR NO KEY UPDATE""",
        partner_id,
        partner_user_id,
    )
    return _user(row, field=field)


def assert_active(user: User, *, field: str = "userId") -> None:
    """Raises UserBlockedError. To be asked under the lock, so that it still holds when the write commits."""
    if user.blocked_at is not None:
        raise UserBlockedError("the operator has blocked this user", field=field)


async def block(tx: Tx, partner_id: int, partner_user_id: str, *, payouts_go_on: bool = False) -> User:
    """Stop the user's writes from now on; again leaves the time of the first. Raises UserNotFoundError.

    Withdrawals that wait are stopped as well, unless they are to go on; asked for again, the last word counts.
    """
    before = await lock_named(tx, partner_id, partner_user_id)
    await tx.execute(
        """UPDATE app_user SET blocked_at = coalesce(blocked_at, $3), payouts_go_on = $4
           WHERE partner_id = $1 AND partner_user_id = $2""",
        partner_id,
        partner_user_id,
        clock.wall_now(),
        payouts_go_on,
    )
    blocked = await find(tx, partner_id, partner_user_id)
    await journal.note(tx, Kind.USER_BLOCKED, partner_id=partner_id, user=partner_user_id, payoutsGoOn=payouts_go_on)
    if before.blocked_at is None or before.payouts_go_on != payouts_go_on:
        told = UserBlocked(user_id=blocked.id, partner_user_id=partner_user_id, payouts_go_on=payouts_go_on)
        await drafts.note(tx, partner_id, told)
    return blocked


async def unblock(tx: Tx, partner_id: int, partner_user_id: str) -> User:
    """Let the user write again; for one who is not blocked a no-op. Raises UserNotFoundError."""
    released = await tx.fetchval(
        """UPDATE app_user SET blocked_at = NULL, payouts_go_on = false
           WHERE partner_id = $1 AND partner_user_id = $2 AND blocked_at IS NOT NULL RETURNING true""",
        partner_id,
        partner_user_id,
    )
    unblocked = await find(tx, partner_id, partner_user_id)
    await journal.note(tx, Kind.USER_UNBLOCKED, partner_id=partner_id, user=partner_user_id)
    if released is not None:
        await drafts.note(tx, partner_id, UserUnblocked(user_id=unblocked.id, partner_user_id=partner_user_id))
    return unblocked


async def _tell_change(tx: Tx, partner_id: int, user_id: int, partner_user_id: str, level_discount: Decimal) -> None:
    told = UserChanged(user_id=user_id, partner_user_id=partner_user_id, level_discount=level_discount)
    await drafts.note(tx, partner_id, told)


async def _look_up(tx: Reader, partner_id: int, partner_user_id: str) -> Row | None:
    return await tx.fetchrow(
        """SELECT partner_id, id, partner_user_id, email, created_at, level_discount, settled_through, blocked_at,
                  payouts_go_on
           FROM app_user WHERE partner_id = $1 AND partner_user_id = $2""",
        partner_id,
        partner_user_id,
    )


async def _welcome(tx: Tx, books: OpenBooks, user_id: int, partner_user_id: str) -> None:
    """A new user has accounts and takes part in the programmes that the partner has for everybody."""
    await ledger.open_user_accounts(tx, books.partner_id, user_id, at=books.now)
    await tx.execute(
        """INSERT INTO user_programme (partner_id, user_id, programme_id)
           SELECT partner_id, $2, programme_id FROM partner_programme WHERE partner_id = $1""",
        books.partner_id,
        user_id,
    )
    await drafts.note(tx, books.partner_id, UserCreated(user_id=user_id, partner_user_id=partner_user_id))


def _user(row: Row | None, *, field: str) -> User:
    if row is None:
        raise UserNotFoundError("the partner has no such user", field=field)
    return record(User, row)
