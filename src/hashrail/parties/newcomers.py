"""Newcomers: how many users a partner may register in 24 hours of business time.

Whoever has a wallet can register at a partner with TON domains (#2), and wallets cost nothing; a partner's program may
have an error. Each user is a row, with accounts, for ever. So there is a bound, the deployment's or the partner's own,
and those who are registered already come in as always. 0 is without limit.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail.clock import ONE_DAY
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError

# Advisory locks have one number space; fences are below (`books.fence`).
NEWCOMERS = 1 << 57
MAX_PER_DAY = 100_000_000


class TooManyNewUsersError(ConflictError):
    """The partner has registered as many users within 24 hours as it may; users who are known log in as before."""

    code = "TOO_MANY_NEW_USERS"
    advice = "Register them later, or ask the operator to raise the bound: hashrail partner new-users."


class NewUsersBoundError(BadRequestError):
    """No number of users that a partner could register in a day."""

    code = "NEW_USERS_BOUND"
    advice = f"Give a whole number from 0 to {MAX_PER_DAY}; 0 is without a bound."


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Users whom a partner registered within 24 hours; `own_per_day` is its own bound, None for the deployment's."""

    own_per_day: int | None
    registered: int


async def wait_turn(tx: Tx, partner_id: int) -> None:
    """Be the only one who registers a new user of the partner, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", NEWCOMERS + partner_id)


async def check(tx: Tx, partner_id: int, *, per_day: int, now: datetime, field: str) -> None:
    """Whether one more may be registered, where the partner has no other bound than `per_day`; to be asked in turn.

    `field` is what the caller named the user in. Raises TooManyNewUsersError.
    """
    own = await own_bound(tx, partner_id)
    bound = per_day if own is None else own
    if bound == 0:
        return
    # The last of as many as the bound allows: if it is from today, so are all after it.
    last = await tx.fetchval(
        "SELECT created_at FROM app_user WHERE partner_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1",
        partner_id,
        bound - 1,
    )
    if last is not None and last > now - ONE_DAY:
        raise TooManyNewUsersError(f"at most {bound} new users in 24 hours", field=field, limit=bound)


async def own_bound(tx: Reader, partner_id: int) -> int | None:
    """The partner's own bound, if it has one."""
    own: int | None = await tx.fetchval("SELECT new_users_per_day FROM partner_bound WHERE partner_id = $1", partner_id)
    return own


async def of_partner(tx: Reader, partner_id: int, *, now: datetime) -> Newcomers:
    """The partner's own bound, and how many users it registered within 24 hours."""
    # Users are registered one after the other, so whoever is behind the last older one is a newcomer.
    registered: int = await tx.fetchval(
        """SELECT count(*) FROM app_user WHERE partner_id = $1 AND id > coalesce((
               SELECT id FROM app_user WHERE partner_id = $1 AND created_at <= $2 ORDER BY id DESC LIMIT 1), 0)""",
        partner_id,
        now - ONE_DAY,
    )
    return Newcomers(await own_bound(tx, partner_id), registered)


def check_bound(per_day: int | None) -> None:
    """Raises NewUsersBoundError."""
    if per_day is not None and not 0 <= per_day <= MAX_PER_DAY:
        raise NewUsersBoundError(f"{per_day} new users a day are no bound", field="per_day")


async def set_bound(tx: Tx, partner_id: int, per_day: int | None) -> None:
    """Give the partner a bound of its own, 0 for none at all; None for the deployment's again."""
    if per_day is None:
        await tx.execute("DELETE FROM partner_bound WHERE partner_id = $1", partner_id)
        return
    await tx.execute(
        """INSERT INTO partner_bound (partner_id, new_users_per_day) VALUES ($1, $2)
           ON CONFLICT (partner_id) DO UPDATE SET new_users_per_day = excluded.new_users_per_day""",
        partner_id,
        per_day,
    )
