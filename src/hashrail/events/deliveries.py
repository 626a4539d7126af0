"""Deliveries: what became of an event at an endpoint, each attempt, and sending it once more.

States: waiting, for its next attempt or for an earlier event of its object; delivered; given up, when the schedule is
through. Events are sent again under the name that they had before, so receivers know them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from hashrail import clock
from hashrail.db import Reader, Row, Tx
from hashrail.errors import BadRequestError
from hashrail.events import endpoints, feed
from hashrail.events.types.webhooks import WebhookEndpointTest

State = Literal["waiting", "delivered", "given_up"]
STATES: tuple[State, ...] = get_args(State)
# So long the log tells of what is done.
LOG_LIFE = timedelta(days=30)
FORGOTTEN_AT_ONCE = 10_000
REPLAYED_AT_ONCE = 10_000
# No feed goes so far.
FARTHEST = 2**53 - 1


class ReplayNothingError(BadRequestError):
    """A replay names what is to be sent again: a first position, or a time."""

    code = "REPLAY_NAMES_NOTHING"
    advice = "Name a first position (fromPosition) and perhaps a last one (toPosition), or a time (since); not both."


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event at an endpoint: how it stands, and what its last attempt brought. Without `next_attempt_at` one that
    waits waits for an earlier event of its object."""

    position: int
    name: str
    type: str
    object_kind: str
    object_id: str
    state: State
    attempts: int
    next_attempt_at: datetime | None
    attempted_at: datetime | None
    status: int | None
    error: str | None
    took_ms: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: a status, or an error where nobody answered, and how the answer begins."""

    number: int
    attempted_at: datetime
    status: int | None
    error: str | None
    took_ms: int
    answer: str


@dataclass(frozen=True, slots=True)
class Range:
    """Positions of the feed, both ends included."""

    first: int
    last: int


async def newest(
    reader: Reader,
    partner_id: int,
    endpoint_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """The endpoint's deliveries, the newest event first; before a position, and in one state, where they are named."""
    rows = await reader.fetch(
        """SELECT d.position, v.name, v.type, d.object_kind, d.object_id, d.state, d.attempts, d.next_attempt_at,
                  d.attempted_at, d.status, d.error, d.took_ms
           FROM webhook_delivery d JOIN event v ON v.partner_id = d.partner_id AND v.position = d.position
           WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND ($3::text IS NULL OR d.state = $3)
             AND ($4::bigint IS NULL OR d.position < $4)
           ORDER BY d.position DESC LIMIT $5""",
        partner_id,
        endpoint_id,
        state,
        before,
        limit,
    )
    return [Delivery(**row) for row in rows]


async def attempts(
    reader: Reader, partner_id: int, endpoint_id: int, positions: Sequence[int]
) -> dict[int, list[Attempt]]:
    """The attempts of some deliveries that the log still has, the oldest first, by position."""
    rows = await reader.fetch(
        """SELECT position, number, attempted_at, status, error, took_ms, answer FROM webhook_attempt
           WHERE partner_id = $1 AND endpoint_id = $2 AND position = ANY ($3) ORDER BY position, number""",
        partner_id,
        endpoint_id,
        list(positions),
    )
    found: dict[int, list[Attempt]] = {position: [] for position in positions}
    for row in rows:
        found[row["position"]].append(_attempt(row))
    return found


async def counts(reader: Reader, partner_id: int, endpoint_id: int) -> dict[str, int]:
    """How many deliveries are in which state."""
    rows = await reader.fetch(
        """SELECT state, count(*) AS number FROM webhook_delivery
           WHERE partner_id = $1 AND endpoint_id = $2 GROUP BY state""",
        partner_id,
        endpoint_id,
    )
    return {row["state"]: row["number"] for row in rows}


async def waiting(reader: Reader, partner_id: int) -> dict[int, int]:
    """How many deliveries wait at each of the partner's endpoints that any wait at."""
    rows = await reader.fetch(
        """SELECT endpoint_id, count(*) AS number FROM webhook_delivery
           WHERE partner_id = $1 AND state = 'waiting' GROUP BY endpoint_id""",
        partner_id,
    )
    return {row["endpoint_id"]: row["number"] for row in rows}


async def range_of(
    reader: Reader, partner_id: int, *, first: int | None, last: int | None, since: datetime | None
) -> Range:
    """What a replay names: positions from a first one on, perhaps up to a last one, or what happened since a moment.

    Raises ReplayNothingError.
    """
    if since is not None and first is None:
        return await happened_since(reader, partner_id, since)
    if first is None or since is not None:
        raise ReplayNothingError("either fromPosition or since is named", field="fromPosition")
    return Range(first, FARTHEST if last is None else last)


async def happened_since(reader: Reader, partner_id: int, moment: datetime) -> Range:
    """The positions of what happened from a moment of business time on; an empty range where nothing did."""
    first: int | None = await reader.fetchval(
        "SELECT min(position) FROM event WHERE partner_id = $1 AND occurred_at >= $2", partner_id, moment
    )
    last = await feed.last_position(reader, partner_id)
    return Range(last + 1 if first is None else first, last)


async def replay(tx: Tx, partner_id: int, endpoint_id: int, wanted: Range, *, only_given_up: bool = False) -> int:
    """Send what the endpoint is to be sent of these positions once more, or of it only what was given up.

    Answers how many events that are. What lies behind what it was planned comes by itself. At most REPLAYED_AT_ONCE are
    sent, the first of them. Raises WebhookNotFoundError, WebhookDisabledError.
    """
    await endpoints.assert_enabled(tx, partner_id, endpoint_id)
    now = clock.wall_now()
    rows = await tx.fetch(
        """INSERT INTO webhook_delivery (partner_id, endpoint_id, position, object_kind, object_id, state)
           SELECT e.partner_id, e.id, v.position, v.object_kind, v.object_id, 'waiting'
           FROM webhook_endpoint e
           JOIN event v ON v.partner_id = e.partner_id AND v.position BETWEEN $3 AND least($4, e.planned_through)
           LEFT JOIN webhook_delivery was
             ON was.partner_id = v.partner_id AND was.endpoint_id = e.id AND was.position = v.position
           WHERE e.partner_id = $1 AND e.id = $2 AND (NOT $7 OR was.state = 'given_up')
             AND CASE WHEN v.type = $5 THEN v.object_id = e.id::text
                      ELSE cardinality(e.types) = 0 OR v.type = ANY (e.types) END
           ORDER BY v.position LIMIT $6
           ON CONFLICT (partner_id, endpoint_id, position)
           DO UPDATE SET state = 'waiting', step = 0, next_attempt_at = NULL
           RETURNING position""",
        partner_id,
        endpoint_id,
        wanted.first,
        wanted.last,
        WebhookEndpointTest.TYPE,
        REPLAYED_AT_ONCE,
        only_given_up,
    )
    if rows:
        await _put_first_first(tx, partner_id, endpoint_id, [row["position"] for row in rows], now)
    return len(rows)


async def forget_past(tx: Tx, partner_id: int) -> int:
    """Forget what was done long ago, and everything of endpoints that were deleted; answers how many deliveries."""
    rows = await tx.fetch(
        """SELECT d.endpoint_id, d.position FROM webhook_delivery d
           WHERE d.partner_id = $1 AND d.state <> 'waiting' AND d.attempted_at < $2
           UNION ALL
           SELECT d.endpoint_id, d.position
           FROM webhook_endpoint e
           JOIN webhook_delivery d ON d.partner_id = e.partner_id AND d.endpoint_id = e.id
           WHERE e.partner_id = $1 AND e.state = 'deleted'
           LIMIT $3""",
        partner_id,
        clock.wall_now() - LOG_LIFE,
        FORGOTTEN_AT_ONCE,
    )
    numbers, positions = [row["endpoint_id"] for row in rows], [row["position"] for row in rows]
    await tx.execute(
        """DELETE FROM webhook_attempt a USING unnest($2::bigint[], $3::bigint[]) AS past (endpoint_id, position)
           WHERE a.partner_id = $1 AND a.endpoint_id = past.endpoint_id AND a.position = past.position""",
        partner_id,
        numbers,
        positions,
    )
    await tx.execute(
        """DELETE FROM webhook_delivery d USING unnest($2::bigint[], $3::bigint[]) AS past (endpoint_id, position)
           WHERE d.partner_id = $1 AND d.endpoint_id = past.endpoint_id AND d.position = past.position""",
        partner_id,
        numbers,
        positions,
    )
    return len(set(zip(numbers, positions, strict=True)))


async def _put_first_first(tx: Tx, partner_id: int, endpoint_id: int, positions: list[int], now: datetime) -> None:
    """Of each object that these are about the first that waits is due, and no other."""
    await tx.execute(
        """UPDATE webhook_delivery w SET next_attempt_at = NULL
           FROM webhook_delivery again
           WHERE again.partner_id = $1 AND again.endpoint_id = $2 AND again.position = ANY ($3)
             AND w.partner_id = again.partner_id AND w.endpoint_id = again.endpoint_id
             AND w.object_kind = again.object_kind AND w.object_id = again.object_id AND w.next_attempt_at IS NOT NULL
             AND w.position > again.position""",
        partner_id,
        endpoint_id,
        positions,
    )
    await tx.execute(
        """UPDATE webhook_delivery d SET next_attempt_at = $4
           FROM (SELECT DISTINCT ON (w.object_kind, w.object_id) w.position
                 FROM webhook_delivery again
                 JOIN webhook_delivery w ON w.partner_id = again.partner_id AND w.endpoint_id = again.endpoint_id
                   AND w.object_kind = again.object_kind AND w.object_id = again.object_id AND w.state = 'waiting'
                 WHERE again.partner_id = $1 AND again.endpoint_id = $2 AND again.position = ANY ($3)
                 ORDER BY w.object_kind, w.object_id, w.position) first
           WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.position = first.position
             AND d.next_attempt_at IS NULL""",
        partner_id,
        endpoint_id,
        positions,
        now,
    )
    await tx.execute(
        """UPDATE webhook_endpoint SET due_at = greatest(least(coalesce(due_at, $3), $3), coalesce(paused_until, $3))
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        endpoint_id,
        now,
    )


def _attempt(row: Row) -> Attempt:
    fields = dict(row)
    del fields["position"]
    return Attempt(**fields)
