"""Sessions that are open: whose they are, which key opened them, when they end by themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import clock
from hashrail.access.session_grants import LOGIN, Family
from hashrail.db import Reader, record

# Kept and shown in pages of this size: a user has no more, as `sessions_per_user` is bounded by it.
MAX_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that can be renewed. `key` opened it; None where a TON wallet did, or nobody wrote it down."""

    id: int
    name: str | None
    user_id: int
    partner_user_id: str
    key_id: int | None
    key: str | None
    opened_at: datetime
    renewed_at: datetime
    ends_at: datetime

    @property
    def family(self) -> Family:
        """What it is known by."""
        return Family(self.id, self.name)


_OPEN = """
    SELECT f.id, f.name, f.user_id, u.partner_user_id, k.id AS key_id, k.key, f.created_at AS opened_at,
           f.rotated_at AS renewed_at, least(f.expires_at, f.created_at + $3, k.expires_at) AS ends_at
    FROM session_grant g
    JOIN refresh_family f ON f.partner_id = g.partner_id AND f.id = g.family_id
    JOIN app_user u ON u.partner_id = f.partner_id AND u.id = f.user_id
    LEFT JOIN api_key k ON k.partner_id = g.partner_id AND k.id = g.key_id
    WHERE g.partner_id = $1 AND f.revoked_at IS NULL AND least(f.expires_at, f.created_at + $3, k.expires_at) > $2
      AND (k.id IS NULL OR (k.revoked_at IS NULL AND k.scopes @> ARRAY[$4]))"""
_NEWEST_FIRST = f"ORDER BY f.rotated_at DESC, f.id DESC LIMIT {MAX_SHOWN}"


async def of_user(tx: Reader, partner_id: int, user_id: int, *, life: timedelta) -> list[OpenSession]:
    """The user's open sessions, the last renewed first."""
    rows = await tx.fetch(
        f"{_OPEN} AND g.user_id = $5 {_NEWEST_FIRST}", partner_id, clock.wall_now(), life, LOGIN, user_id
    )
    return [record(OpenSession, row) for row in rows]


async def of_partner(tx: Reader, partner_id: int, *, life: timedelta, key_id: int | None = None) -> list[OpenSession]:
    """The partner's open sessions, or those that a key opened, the last renewed first; a thousand at most."""
    rows = await tx.fetch(
        f"{_OPEN} AND ($5::bigint IS NULL OR g.key_id = $5) {_NEWEST_FIRST}",
        partner_id,
        clock.wall_now(),
        life,
        LOGIN,
        key_id,
    )
    return [record(OpenSession, row) for row in rows]
