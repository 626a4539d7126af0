"""Read tokens: what a user gives to a dashboard of somebody else's, for longer than a session's 15 minutes.

A read token is a signed token like an access token, `typ` read, so that programs that look into a token find whose it
is (`id`) and when it ends (`exp`). It opens reads and nothing that writes, no longer than a year. The row in the books
says whether it lives; it holds nothing that a token could be made of. It ends with the key that opened the session in
which it was made, with all of the user's sessions, and with the deployment's epoch.

The user's own word for it, its label, is taken once among those that live. Made again within ten minutes with the same
label and life, the same token is answered, since an answer may have been lost; later the label is taken.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hashrail import clock
from hashrail.access.session_grants import LOGIN, SESSIONS_CHANGED, Family, Grant
from hashrail.db import Reader, Tx, record
from hashrail.errors import ConflictError, ForbiddenError, NotFoundError, UnauthorizedError
from hashrail.events import drafts
from hashrail.events.types.read_tokens import ReadTokenCreated, ReadTokenRevoked

NAME_BYTES = 16
MAX_DAYS = 365
MAX_OF_USER = 20
GRACE = timedelta(minutes=10)
SCOPES = frozenset({"read"})
# What a token names: the row's number and name. The letter keeps it apart from the id of a session.
NAMED = re.compile(r"r([0-9]{1,18})-([0-9a-f]{32})")


class ReadTokenEndedError(UnauthorizedError):
    """The read token is genuine, but it was revoked, or it ended with its key or the user's sessions."""

    code = "READ_TOKEN_ENDED"
    advice = "Make a new read token, and put it where the old one is."


class ReadTokenOnlyReadsError(ForbiddenError):
    """A read token opens reads alone."""

    code = "READ_TOKEN_ONLY_READS"
    advice = "Log the user in, and send the jwtToken of the session."


class ReadTokenNotFoundError(NotFoundError):
    """The user has no such read token."""

    code = "READ_TOKEN_NOT_FOUND"
    advice = "List the user's read tokens, and name one of them."


class ReadTokenLabelTakenError(ConflictError):
    """A read token of the user that lives has that name already."""

    code = "READ_TOKEN_NAME_TAKEN"
    advice = "Choose another name, or revoke the token that has it."


class TooManyReadTokensError(ConflictError):
    """The user has as many read tokens as one may have."""

    code = "TOO_MANY_READ_TOKENS"
    advice = "Revoke one that is not used any more."


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A token that lives, unless its end has come. `label` is the user's word; `last_used_on` a day, UTC."""

    id: int
    name: str
    label: str
    created_at: datetime
    expires_at: datetime
    last_used_on: date | None

    @property
    def text(self) -> str:
        """What the signed token calls it, and it is known by."""
        return f"r{self.id}-{self.name}"


async def create(tx: Tx, partner_id: int, user_id: int, *, label: str, days: int, key_id: int | None) -> ReadToken:
    """A new token for the user, whose row the caller has locked; or the one that was made by the same words just now.

    Raises ReadTokenLabelTakenError, TooManyReadTokensError.
    """
    now = clock.wall_now().replace(microsecond=0)
    await tx.execute(
        "DELETE FROM read_token WHERE partner_id = $1 AND user_id = $2 AND expires_at <= $3", partner_id, user_id, now
    )
    living = await of_user(tx, partner_id, user_id)
    taken = next((one for one in living if one.label == label), None)
    if taken is not None:
        is_the_same = taken.expires_at - taken.created_at == timedelta(days=days) and now - taken.created_at <= GRACE
        if is_the_same:
            return taken
        raise _taken(label)
    if len(living) >= MAX_OF_USER:
        raise TooManyReadTokensError(f"a user has at most {MAX_OF_USER} read tokens")
    row = await tx.fetchrow(
        """INSERT INTO read_token (partner_id, user_id, name, label, key_id, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (partner_id, user_id, label) WHERE revoked_at IS NULL DO NOTHING
           RETURNING id, name, label, created_at, expires_at, last_used_on""",
        partner_id,
        user_id,
        secrets.token_hex(NAME_BYTES),
        label,
        key_id,
        now,
        now + timedelta(days=days),
    )
    if row is None:
        raise _taken(label)
    made = record(ReadToken, row)
    told = ReadTokenCreated(id=made.text, user_id=user_id, name=label, expires_at=clock.iso(made.expires_at))
    await drafts.note(tx, partner_id, told)
    return made


def _taken(label: str) -> ReadTokenLabelTakenError:
    return ReadTokenLabelTakenError(f"a read token has the name {label!r} already", field="name")


async def of_user(tx: Reader, partner_id: int, user_id: int) -> list[ReadToken]:
    """The user's tokens that live, the newest first."""
    rows = await tx.fetch(
        """SELECT t.id, t.name, t.label, t.created_at, t.expires_at, t.last_used_on FROM read_token t
           LEFT JOIN api_key k ON k.partner_id = t.partner_id AND k.id = t.key_id
           WHERE t.partner_id = $1 AND t.user_id = $2 AND t.revoked_at IS NULL AND t.expires_at > $3
             AND (k.id IS NULL OR (k.revoked_at IS NULL AND k.scopes @> ARRAY[$4]))
           ORDER BY t.id DESC""",
        partner_id,
        user_id,
        clock.wall_now(),
        LOGIN,
    )
    return [record(ReadToken, row) for row in rows]


async def revoke(tx: Tx, partner_id: int, user_id: int, text: str) -> None:
    """Let one of the user's tokens open nothing from now on; again is a no-op. Raises ReadTokenNotFoundError."""
    named = NAMED.fullmatch(text)
    row = None
    if named is not None:
        row = await tx.fetchrow(
            """SELECT label, revoked_at FROM read_token
               WHERE partner_id = $1 AND user_id = $2 AND id = $3 AND name = $4 FOR UPDATE""",
            partner_id,
            user_id,
            int(named[1]),
            named[2],
        )
    if named is None or row is None:
        raise ReadTokenNotFoundError("the user has no such read token", field="id")
    if row["revoked_at"] is None:
        await tx.execute(
            "UPDATE read_token SET revoked_at = $3 WHERE partner_id = $1 AND id = $2",
            partner_id,
            int(named[1]),
            clock.wall_now(),
        )
        await drafts.note(tx, partner_id, ReadTokenRevoked(id=text, user_id=user_id, name=row["label"]))
    await tx.execute("SELECT pg_notify($1, $2)", SESSIONS_CHANGED, f"{partner_id}:{text}")


async def grant(tx: Tx, partner_id: int, text: str) -> Grant | None:
    """What the token reaches now; None when it was revoked, or its key was. That it was used today is written down."""
    named = NAMED.fullmatch(text)
    if named is None:
        return None
    row = await tx.fetchrow(
        """SELECT t.created_at, t.expires_at, t.last_used_on, k.id AS key_id, k.scopes, k.revoked_at,
                  k.expires_at AS key_ends_at
           FROM read_token t LEFT JOIN api_key k ON k.partner_id = t.partner_id AND k.id = t.key_id
           WHERE t.partner_id = $1 AND t.id = $2 AND t.name = $3 AND t.revoked_at IS NULL""",
        partner_id,
        int(named[1]),
        named[2],
    )
    if row is None:
        return None
    ends_at, scopes = row["expires_at"], SCOPES
    if row["key_id"] is not None:
        if row["revoked_at"] is not None or LOGIN not in row["scopes"]:
            return None
        scopes &= frozenset(row["scopes"])
        ends_at = min(ends_at, row["key_ends_at"] or ends_at)
    await _used(tx, partner_id, int(named[1]))
    return Grant(row["created_at"], scopes, ends_at)


async def key_of_session(tx: Reader, partner_id: int, session: str) -> int | None:
    """The key that opened a session, which a token that is made in it ends with; None where a TON wallet did."""
    family = Family.read(session)
    if family is None:
        return None
    found: int | None = await tx.fetchval(
        "SELECT key_id FROM session_grant WHERE partner_id = $1 AND family_id = $2", partner_id, family.id
    )
    return found


async def _used(tx: Tx, partner_id: int, token_id: int) -> None:
    """Once a day: who reads often writes no more than who reads seldom."""
    await tx.execute(
        """UPDATE read_token SET last_used_on = $3
           WHERE partner_id = $1 AND id = $2 AND last_used_on IS DISTINCT FROM $3""",
        partner_id,
        token_id,
        clock.day_of(clock.wall_now()),
    )
