"""The log of deliveries as people read it: the newest of all of a partner's endpoints, one event at each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hashrail.db import Reader, Row
from hashrail.errors import NotFoundError
from hashrail.events import feed
from hashrail.events.deliveries import STATES, Delivery, State

# A look for some types goes through so many positions of the feed.
GOES_THROUGH = 20_000
# A page counts so many that wait at an endpoint, and says of more that they are more.
COUNTED = 1000


class DeliveryNotFoundError(NotFoundError):
    """The endpoint has no delivery of that event: it was not sent it, or the log has forgotten it."""

    code = "DELIVERY_NOT_FOUND"
    advice = "What is done is listed for 30 days; events stay in the feed, and can be sent again from there."


@dataclass(frozen=True, slots=True)
class Entry:
    """An event at one of the endpoints."""

    endpoint_id: int
    url: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Sought:
    """Which deliveries; those `before` (position, endpoint) were told already."""

    endpoint_id: int | None = None
    state: State | None = None
    types: Sequence[str] | None = None
    before: tuple[int, int] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Logged:
    """Deliveries, the newest event first; `before` is where an older look goes on, None where there is nothing more."""

    entries: Sequence[Entry]
    before: tuple[int, int] | None


async def newest(reader: Reader, partner_id: int, sought: Sought) -> Logged:
    """The newest deliveries that are like that."""
    position, endpoint = sought.before or (await feed.last_position(reader, partner_id) + 1, 0)
    bottom = 0 if sought.types is None else max(position - GOES_THROUGH, 0)
    if sought.types is None:
        rows = await _of_endpoints(reader, partner_id, sought, position, endpoint)
    else:
        rows = await _of_types(reader, partner_id, sought, position, endpoint)
    found = [_entry(row) for row in rows]
    if len(found) > sought.limit:
        last = found[sought.limit - 1]
        return Logged(found[: sought.limit], (last.delivery.position, last.endpoint_id))
    return Logged(found, (bottom + 1, 0) if bottom else None)


async def _of_endpoints(reader: Reader, partner_id: int, sought: Sought, position: int, endpoint: int) -> list[Row]:
    """Of each endpoint and state no more are read than are told.

    The state is asked for as a range, so that only its own index has the order: by another one PostgreSQL would look
    through everything for what is rare.
    """
    return await reader.fetch(
        """SELECT e.id AS endpoint_id, e.url, d.position, v.name, v.type, d.object_kind, d.object_id, d.state,
                  d.attempts, d.next_attempt_at, d.attempted_at, d.status, d.error, d.took_ms
           FROM (SELECT o.partner_id, o.id, o.url FROM webhook_endpoint o
                 WHERE o.partner_id = $1 AND o.state <> 'deleted' AND ($2::bigint IS NULL OR o.id = $2)) e
           CROSS JOIN unnest($3::text[]) AS s (state)
           CROSS JOIN LATERAL (
               SELECT w.position, w.object_kind, w.object_id, w.state, w.attempts, w.next_attempt_at, w.attempted_at,
                      w.status, w.error, w.took_ms
               FROM webhook_delivery w
               WHERE w.partner_id = $1 AND w.endpoint_id = e.id AND w.state BETWEEN s.state AND s.state
                 AND w.position <= $4 - CASE WHEN e.id < $5 THEN 0 ELSE 1 END
               ORDER BY w.state DESC, w.position DESC LIMIT $6) d
           JOIN event v ON v.partner_id = $1 AND v.position = d.position
           ORDER BY d.position DESC, e.id DESC LIMIT $6""",
        partner_id,
        sought.endpoint_id,
        STATES if sought.state is None else [sought.state],
        position,
        endpoint,
        sought.limit + 1,
    )


async def _of_types(reader: Reader, partner_id: int, sought: Sought, position: int, endpoint: int) -> list[Row]:
    """Found by their events, of which a look goes through so many at most."""
    return await reader.fetch(
        """SELECT e.id AS endpoint_id, e.url, v.position, v.name, v.type, d.object_kind, d.object_id, d.state,
                  d.attempts, d.next_attempt_at, d.attempted_at, d.status, d.error, d.took_ms
           FROM event v
           JOIN webhook_endpoint e ON e.partner_id = v.partner_id AND e.state <> 'deleted'
           JOIN webhook_delivery d ON d.partner_id = e.partner_id AND d.endpoint_id = e.id AND d.position = v.position
           WHERE v.partner_id = $1 AND ($2::bigint IS NULL OR e.id = $2) AND ($3::text IS NULL OR d.state = $3)
             AND v.type = ANY ($4) AND v.position > $5
             AND v.position <= $6 AND (v.position < $6 OR e.id < $7)
           ORDER BY v.position DESC, e.id DESC LIMIT $8""",
        partner_id,
        sought.endpoint_id,
        sought.state,
        sought.types,
        max(position - GOES_THROUGH, 0),
        position,
        endpoint,
        sought.limit + 1,
    )


async def of_event(reader: Reader, partner_id: int, position: int) -> list[Entry]:
    """What became of an event at each endpoint that the log still has it of, by number."""
    rows = await reader.fetch(
        """SELECT e.id AS endpoint_id, e.url, d.position, v.name, v.type, d.object_kind, d.object_id, d.state,
                  d.attempts, d.next_attempt_at, d.attempted_at, d.status, d.error, d.took_ms
           FROM webhook_endpoint e
           JOIN webhook_delivery d ON d.partner_id = e.partner_id AND d.endpoint_id = e.id AND d.position = $2
           JOIN event v ON v.partner_id = d.partner_id AND v.position = d.position
           WHERE e.partner_id = $1 AND e.state <> 'deleted' ORDER BY e.id""",
        partner_id,
        position,
    )
    return [_entry(row) for row in rows]


async def one(reader: Reader, partner_id: int, endpoint_id: int, position: int) -> Delivery:
    """An event at an endpoint. Raises DeliveryNotFoundError."""
    for each in await of_event(reader, partner_id, position):
        if each.endpoint_id == endpoint_id:
            return each.delivery
    raise DeliveryNotFoundError(f"endpoint {endpoint_id} has no delivery of {position}", field="position")


async def counts(reader: Reader, partner_id: int, endpoint_id: int) -> dict[State, int]:
    """How many deliveries of an endpoint are in which state; COUNTED + 1 is more than COUNTED."""
    rows = await reader.fetch(
        """SELECT s.state, count(w.position) AS number
           FROM unnest($3::text[]) AS s (state)
           LEFT JOIN LATERAL (
               SELECT d.position FROM webhook_delivery d
               WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.state = s.state
               ORDER BY d.state, d.position LIMIT $4) w ON true
           GROUP BY s.state""",
        partner_id,
        endpoint_id,
        STATES,
        COUNTED + 1,
    )
    return {row["state"]: row["number"] for row in rows}


def _entry(row: Row) -> Entry:
    fields = dict(row)
    return Entry(fields.pop("endpoint_id"), fields.pop("url"), Delivery(**fields))
