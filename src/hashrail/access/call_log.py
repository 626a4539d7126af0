"""Requests that the API has answered to a partner, for its own engineers to look at: who, what, how, and why not.

Only what a key or a token proved to be the partner's stands there. Of secrets, tokens, signatures and bodies nothing is
kept; in a sandbox the text that a refused signature should have covered. Times are wall times.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hashrail import clock
from hashrail.db import Reader, Row, Tx
from hashrail.errors import NotFoundError

# Of one partner, the newest.
MOST = 100_000
# Faults of a signature, as the errors call them.
SIGNATURE = ("SIGNATURE_MISMATCH", "SIGNATURE_FORMAT", "SIGNATURE_MISSING")


class CallNotFoundError(NotFoundError):
    """The partner has no request of that number in its log."""

    code = "CALL_NOT_FOUND"
    advice = "Requests are kept for some days; look at the page of requests again."


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered; `details` is what of a refusal's details explains it."""

    partner_id: int
    request_id: str
    answered_at: datetime
    operation: str
    method: str
    path: str
    status: int
    error: str | None
    message: str | None
    details: dict[str, Any]
    key_id: int | None
    user_id: int | None
    partner_user: str | None
    address: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Call:
    """The same with its number."""

    id: int
    was: Answered


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests are looked for: all that is named has to hold. `least` and `below` bound the status."""

    key_id: int | None = None
    least: int = 0
    below: int = 1000
    operation: str | None = None
    error: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def keep(tx: Tx, answered: Sequence[Answered]) -> None:
    """Write down what was answered."""
    await tx.executemany(
        """INSERT INTO api_call
               (partner_id, request_id, answered_at, operation, method, path, status, error, message, details, key_id,
                user_id, partner_user, address, milliseconds)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        [
            (
                *(one.partner_id, one.request_id, one.answered_at, one.operation, one.method, one.path, one.status),
                *(one.error, one.message, json.dumps(one.details, default=str) if one.details else None),
                *(one.key_id, one.user_id, one.partner_user, one.address, one.milliseconds),
            )
            for one in answered
        ],
    )


async def newest(tx: Reader, partner_id: int, wanted: Wanted, *, limit: int, before: int | None = None) -> list[Call]:
    """A partner's requests, newest first; `before` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT id, partner_id, request_id, answered_at, operation, method, path, status, error, message, details,
                  key_id, user_id, partner_user, address, milliseconds
           FROM api_call WHERE partner_id = $1 AND ($3::bigint IS NULL OR id < $3)
             AND ($4::bigint IS NULL OR key_id = $4) AND status >= $5 AND status < $6
             AND ($7::text IS NULL OR operation = $7) AND ($8::text IS NULL OR error = $8)
             AND ($9::text IS NULL OR request_id = $9)
             AND ($10::timestamptz IS NULL OR answered_at >= $10) AND ($11::timestamptz IS NULL OR answered_at < $11)
           ORDER BY id DESC LIMIT $2""",
        *(partner_id, limit, before, wanted.key_id, wanted.least, wanted.below, wanted.operation, wanted.error),
        *(wanted.request_id, wanted.since, wanted.until),
    )
    return [_call(row) for row in rows]


async def get(tx: Reader, partner_id: int, number: int) -> Call:
    """A partner's request. Raises CallNotFoundError."""
    row = await tx.fetchrow(
        """SELECT id, partner_id, request_id, answered_at, operation, method, path, status, error, message, details,
                  key_id, user_id, partner_user, address, milliseconds
           FROM api_call WHERE partner_id = $1 AND id = $2""",
        *(partner_id, number),
    )
    if row is None:
        raise CallNotFoundError(f"no request {number}", field="call")
    return _call(row)


async def refused_lately(tx: Reader, partner_id: int, *, since: datetime) -> list[tuple[str, int]]:
    """How often requests were refused since a moment, by the code, the most frequent first."""
    rows = await tx.fetch(
        """SELECT error, count(*) AS seen FROM api_call
           WHERE partner_id = $1 AND error IS NOT NULL AND answered_at >= $2
           GROUP BY error ORDER BY seen DESC, error""",
        *(partner_id, since),
    )
    return [(row["error"], row["seen"]) for row in rows]


async def forget_past(tx: Tx, partner_id: int, *, days: int) -> int:
    """Let requests of a partner go that are older, or more than are kept; answers how many."""
    rows = await tx.fetch(
        """DELETE FROM api_call WHERE partner_id = $1 AND (answered_at < $2 OR id <= (
               SELECT id FROM api_call WHERE partner_id = $1 ORDER BY id DESC OFFSET $3 LIMIT 1))
           RETURNING id""",
        *(partner_id, clock.wall_now() - timedelta(days=days), MOST),
    )
    return len(rows)


def _call(row: Row) -> Call:
    known = dict(row)
    number, details = known.pop("id"), known.pop("details")
    return Call(number, Answered(**known, details={} if details is None else json.loads(details)))
