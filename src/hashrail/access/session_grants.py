"""What a session may do, and until when: no more than the key that opened it, and no longer.

A session that a partner's server opened (#4) reaches what its key reaches: where the key lacks a scope, so do the
tokens. It ends with the key: when the key is revoked or expires, or may not log users in any more. A session that a
TON wallet opened (#2) has no key; it reaches what a user may do, and ends by itself.

However often it is renewed, no session lives longer than the setting `session_days` after the login.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from hashrail import clock
from hashrail.access.scopes import EVERY_SCOPE
from hashrail.db import Reader, Row, Tx
from hashrail.errors import NotFoundError, UnauthorizedError
from hashrail.events import drafts
from hashrail.events.types.partners import PartnerSessionsEnded
from hashrail.events.types.read_tokens import ReadTokenRevoked
from hashrail.events.types.sessions import EndCause, SessionEnded

SESSIONS_CHANGED = "hashrail_sessions_changed"
LOGIN = "login"
FAMILY = re.compile(r"([0-9]{1,18})(?:-([0-9a-f]{32}))?")


class SessionEndedError(UnauthorizedError):
    """The token is genuine, but its session was ended, or the key that opened it."""

    code = "SESSION_ENDED"
    advice = "Log the user in again."


class SessionKeyEndedError(UnauthorizedError):
    """The key that opened the session is revoked or expired, or may not log users in any more."""

    code = "SESSION_KEY_ENDED"
    advice = "Log the user in again, with a live key that has the scope login."


class SessionLifeEndedError(UnauthorizedError):
    """The login is longer ago than any session may live, however often it was renewed."""

    code = "SESSION_LIFE_ENDED"
    advice = "Log the user in again."


class SessionNotFoundError(NotFoundError):
    """The user has no such session, or it is forgotten."""

    code = "SESSION_NOT_FOUND"
    advice = "List the user's open sessions, and name one of them."


class Family(NamedTuple):
    """A family by its number and its name; None for one that a program of before opened.

    As a text it is the session's id.
    """

    id: int
    name: str | None

    def __str__(self) -> str:
        return str(self.id) if self.name is None else f"{self.id}-{self.name}"

    @classmethod
    def read(cls, text: str) -> "Family | None":
        """The family of that id; None for a text that is none."""
        found = FAMILY.fullmatch(text)
        return None if found is None else cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session reaches. `opened_at` is the login; `key_ends_at` when its key ends by itself."""

    opened_at: datetime
    scopes: frozenset[str]
    key_ends_at: datetime | None

    def has_ended(self, now: datetime, life: timedelta) -> bool:
        """Whether its time is over, where a session may live so long."""
        return self.opened_at + life <= now or (self.key_ends_at is not None and self.key_ends_at <= now)


async def record(tx: Tx, partner_id: int, family_id: int, *, user_id: int, key_id: int | None) -> None:
    """Remember which key opened a session; None where no key did. What is remembered already stays as it is."""
    await tx.execute(
        """INSERT INTO session_grant (partner_id, family_id, user_id, key_id) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, family_id) DO NOTHING""",
        partner_id,
        family_id,
        user_id,
        key_id,
    )


async def of_session(tx: Tx, partner_id: int, family: Family) -> Grant | None:
    """What the session reaches now; None when there is none, or it was ended, or its key was."""
    row = await tx.fetchrow(
        """SELECT f.created_at, k.id AS key_id, k.scopes, k.expires_at, k.revoked_at
           FROM refresh_family f
           LEFT JOIN session_grant g ON g.partner_id = f.partner_id AND g.family_id = f.id
           LEFT JOIN api_key k ON k.partner_id = g.partner_id AND k.id = g.key_id
           WHERE f.partner_id = $1 AND f.id = $2 AND f.name IS NOT DISTINCT FROM $3 AND f.revoked_at IS NULL""",
        partner_id,
        family.id,
        family.name,
    )
    if row is None:
        return None
    if row["key_id"] is None:
        return Grant(row["created_at"], EVERY_SCOPE, None)
    if row["revoked_at"] is not None or LOGIN not in row["scopes"]:
        return None
    return Grant(row["created_at"], frozenset(row["scopes"]), row["expires_at"])


async def check(tx: Tx, partner_id: int, family_id: int, *, now: datetime) -> None:
    """Whether the key that opened a session still lives. Raises SessionKeyEndedError."""
    has_ended = await tx.fetchval(
        """SELECT k.revoked_at IS NOT NULL OR k.expires_at <= $3 OR NOT k.scopes @> ARRAY[$4]
           FROM session_grant g JOIN api_key k ON k.partner_id = g.partner_id AND k.id = g.key_id
           WHERE g.partner_id = $1 AND g.family_id = $2""",
        partner_id,
        family_id,
        now,
        LOGIN,
    )
    if has_ended:
        raise SessionKeyEndedError("the key that opened the session has ended", field="refreshToken")


async def find(tx: Tx, partner_id: int, user_id: int, session_id: str) -> Family:
    """The user's session with that id, open or ended. Raises SessionNotFoundError."""
    family = Family.read(session_id)
    if family is None or not await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM refresh_family WHERE partner_id = $1 AND id = $2 AND user_id = $3
                          AND name IS NOT DISTINCT FROM $4)""",
        partner_id,
        family.id,
        user_id,
        family.name,
    ):
        raise SessionNotFoundError("the user has no such session", field="id")
    return family


async def end(
    tx: Tx,
    partner_id: int,
    *,
    user_id: int | None = None,
    key_id: int | None = None,
    family: Family | None = None,
    cause: EndCause = "ended",
) -> int:
    """End the partner's sessions, or those of a user, of a key or one of them; answers how many were open.

    Sessions of one user are told one by one, those of many as a count. What a process of an older release opened is
    ended with the others, though it wrote no grant. With all of a user, a key or the partner end the read tokens that
    were made in them.
    """
    rows = await tx.fetch(
        """UPDATE refresh_family f SET revoked_at = $5
           WHERE f.partner_id = $1 AND f.revoked_at IS NULL AND f.expires_at > $5
             AND ($2::bigint IS NULL OR f.user_id = $2)
             AND ($4::bigint IS NULL OR (f.id = $4 AND f.name IS NOT DISTINCT FROM $6))
             AND ($3::bigint IS NULL OR EXISTS (
                 SELECT 1 FROM session_grant g
                 WHERE g.partner_id = $1 AND g.family_id = f.id AND g.key_id = $3))
           RETURNING f.id, f.name, f.user_id""",
        partner_id,
        user_id,
        key_id,
        None if family is None else family.id,
        clock.wall_now(),
        None if family is None else family.name,
    )
    if family is None:
        await _end_read_tokens(tx, partner_id, user_id, key_id)
    await announce(tx, partner_id, family)
    if user_id is None and family is None:
        await tell_many(tx, partner_id, len(rows), key_id=key_id)
    else:
        await tell(tx, partner_id, rows, cause)
    return len(rows)


async def count_open(tx: Reader, partner_id: int, *, at_most: int | None = None) -> int:
    """How many sessions of a partner's users are open, counted up to a number where one is given."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM (
               SELECT FROM refresh_family
               WHERE partner_id = $1 AND revoked_at IS NULL AND expires_at > $2 LIMIT $3) AS counted""",
        partner_id,
        clock.wall_now(),
        at_most,
    )
    return found


async def _end_read_tokens(tx: Tx, partner_id: int, user_id: int | None, key_id: int | None) -> None:
    rows = await tx.fetch(
        """UPDATE read_token SET revoked_at = $4
           WHERE partner_id = $1 AND revoked_at IS NULL AND ($2::bigint IS NULL OR user_id = $2)
             AND ($3::bigint IS NULL OR key_id = $3)
           RETURNING id, name, user_id, label""",
        partner_id,
        user_id,
        key_id,
        clock.wall_now(),
    )
    ended = (
        ReadTokenRevoked(id=f"r{row['id']}-{row['name']}", user_id=row["user_id"], name=row["label"]) for row in rows
    )
    await drafts.note(tx, partner_id, *ended)


async def tell(tx: Tx, partner_id: int, ended: Sequence[Row], cause: EndCause) -> None:
    """Note that these sessions ended, by rows of families: id, name, user_id."""
    told = [SessionEnded(id=str(Family(row["id"], row["name"])), user_id=row["user_id"], cause=cause) for row in ended]
    await drafts.note(tx, partner_id, *told)


async def tell_many(tx: Tx, partner_id: int, count: int, *, key_id: int | None = None) -> None:
    """Note that so many of the partner's sessions ended at once; none is not told."""
    if count:
        public_id = await tx.fetchval("SELECT public_id FROM partner WHERE id = $1", partner_id)
        await drafts.note(tx, partner_id, PartnerSessionsEnded(partner_id=public_id, count=count, key_id=key_id))


async def keep_newest(tx: Tx, partner_id: int, user_id: int, *, keep: int) -> None:
    """Forget the user's sessions beyond so many: first those that have ended, then those not renewed for longest."""
    rows = await tx.fetch(
        """SELECT g.family_id FROM session_grant g
           JOIN refresh_family f ON f.partner_id = g.partner_id AND f.id = g.family_id
           WHERE g.partner_id = $1 AND g.user_id = $2
           ORDER BY f.revoked_at IS NULL DESC, f.rotated_at DESC, f.id DESC OFFSET $3""",
        partner_id,
        user_id,
        keep,
    )
    if not rows:
        return
    # What another login forgets at the same time is left to it.
    gone = await tx.fetch(
        """DELETE FROM refresh_family WHERE partner_id = $1 AND id IN (
               SELECT id FROM refresh_family WHERE partner_id = $1 AND id = ANY($2) FOR UPDATE SKIP LOCKED)
           RETURNING id, name, user_id, revoked_at""",
        partner_id,
        [row["family_id"] for row in rows],
    )
    await tell(tx, partner_id, [row for row in gone if row["revoked_at"] is None], "too_many")
    for row in gone:
        await announce(tx, partner_id, Family(row["id"], row["name"]))


async def announce(tx: Tx, partner_id: int, family: Family | None = None) -> None:
    """Tell every API process to forget a session of the partner, or all of them, when this transaction commits."""
    what = str(partner_id) if family is None else f"{partner_id}:{family}"
    await tx.execute("SELECT pg_notify($1, $2)", SESSIONS_CHANGED, what)
