"""Browsing a feed as people do: its newest events first, of some types, of one object or user, of some time.

One look goes through so many events at most, however few of them it tells, and says down to where it has looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hashrail.db import Reader, Row
from hashrail.errors import NotFoundError
from hashrail.events import feed
from hashrail.events.feed import Told

GOES_THROUGH = 20_000
# Positions are in the order of commits and times are those of what happened, so near a moment both differ a little.
SLACK = 1000


class EventNotFoundError(NotFoundError):
    """The partner's feed has no event at that position."""

    code = "EVENT_NOT_FOUND"
    advice = "Look it up in the list of events; positions are of one partner, and some are given to nothing."


@dataclass(frozen=True, slots=True)
class Sought:
    """Which events: of some types, of one object (its kind and id), of a user, of a time by the business clock.

    `since` is included, `until` is not; `before` is a position that is not told any more.
    """

    types: Sequence[str] | None = None
    of: tuple[str, str] | None = None
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """Events, the newest first; `before` is where an older look goes on, None where the feed has no more."""

    events: Sequence[Told]
    before: int | None


async def newest(reader: Reader, partner_id: int, sought: Sought) -> Seen:
    """The newest events that are like that."""
    top = await _top(reader, partner_id, sought)
    least = await _least(reader, partner_id, sought.since)
    if sought.of is not None:
        return _seen(await _of_object(reader, partner_id, sought, top, least), sought.limit, None)
    bottom = await _bottom(reader, partner_id, top)
    rows = await reader.fetch(
        """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
           FROM event
           WHERE partner_id = $1 AND position < $2 AND position > $3
             AND ($4::text[] IS NULL OR type = ANY ($4))
             AND ($5::text IS NULL OR data::json ->> 'userId' = $5 OR data::json ->> 'fromUserId' = $5)
             AND ($6::timestamptz IS NULL OR occurred_at >= $6) AND ($7::timestamptz IS NULL OR occurred_at < $7)
           ORDER BY position DESC LIMIT $8""",
        partner_id,
        top,
        max(bottom, least),
        sought.types,
        _user(sought),
        sought.since,
        sought.until,
        sought.limit + 1,
    )
    return _seen(rows, sought.limit, bottom + 1 if bottom > least else None)


async def _of_object(reader: Reader, partner_id: int, sought: Sought, top: int, least: int) -> list[Row]:
    """An object's events have an index of their own, in their order."""
    assert sought.of is not None, "an object is named"
    return await reader.fetch(
        """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
           FROM event
           WHERE partner_id = $1 AND object_kind = $2 AND object_id = $3 AND position < $4 AND position > $5
             AND ($6::text[] IS NULL OR type = ANY ($6))
             AND ($7::text IS NULL OR data::json ->> 'userId' = $7 OR data::json ->> 'fromUserId' = $7)
             AND ($8::timestamptz IS NULL OR occurred_at >= $8) AND ($9::timestamptz IS NULL OR occurred_at < $9)
           ORDER BY object_kind DESC, object_id DESC, sequence DESC LIMIT $10""",
        partner_id,
        *sought.of,
        top,
        least,
        sought.types,
        _user(sought),
        sought.since,
        sought.until,
        sought.limit + 1,
    )


def _user(sought: Sought) -> str | None:
    """The user as an event's data names them."""
    return None if sought.user_id is None else str(sought.user_id)


def _seen(rows: Sequence[Row], limit: int, older: int | None) -> Seen:
    """What was found, and where an older look goes on: behind what is told, or else where this one has ended."""
    found = [Told(**row) for row in rows]
    return Seen(found[:limit], found[limit - 1].position) if len(found) > limit else Seen(found, older)


@dataclass(frozen=True, slots=True)
class Heading:
    """An event of some partner's, without its data."""

    partner_id: int
    position: int
    name: str
    type: str
    object_kind: str
    object_id: str
    occurred_at: datetime


async def of_all(reader: Reader, *, limit: int = 50) -> list[Heading]:
    """The newest events of all partners, by business time; of each partner no more are read than are told."""
    rows = await reader.fetch(
        """SELECT f.partner_id, e.position, e.name, e.type, e.object_kind, e.object_id, e.occurred_at
           FROM event_feed f
           CROSS JOIN LATERAL (
               SELECT v.position, v.name, v.type, v.object_kind, v.object_id, v.occurred_at FROM event v
               WHERE v.partner_id = f.partner_id ORDER BY v.position DESC LIMIT $1) e
           ORDER BY e.occurred_at DESC, f.partner_id, e.position DESC LIMIT $1""",
        limit,
    )
    return [Heading(**row) for row in rows]


async def one(reader: Reader, partner_id: int, position: int) -> Told:
    """The event at a position of the partner's feed. Raises EventNotFoundError."""
    row = await reader.fetchrow(
        """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
           FROM event WHERE partner_id = $1 AND position = $2""",
        partner_id,
        position,
    )
    if row is None:
        raise EventNotFoundError(f"no event has the position {position}", field="event")
    return Told(**row)


async def _top(reader: Reader, partner_id: int, sought: Sought) -> int:
    """The position before which is looked."""
    last = await feed.last_position(reader, partner_id) + 1
    if sought.until is not None:
        last = min(last, await _position_of(reader, partner_id, sought.until, last) + SLACK)
    return last if sought.before is None else min(last, sought.before)


async def _bottom(reader: Reader, partner_id: int, top: int) -> int:
    """The position behind which is looked, by how many events one look goes through; 0 for the whole feed."""
    found: int | None = await reader.fetchval(
        """SELECT position FROM event WHERE partner_id = $1 AND position < $2
           ORDER BY position DESC OFFSET $3 LIMIT 1""",
        partner_id,
        top,
        GOES_THROUGH,
    )
    return found or 0


async def _least(reader: Reader, partner_id: int, since: datetime | None) -> int:
    """The position up to which nothing has happened since that moment."""
    if since is None:
        return 0
    last = await feed.last_position(reader, partner_id) + 1
    return max(await _position_of(reader, partner_id, since, last) - SLACK, 0)


async def _position_of(reader: Reader, partner_id: int, moment: datetime, end: int) -> int:
    """About the first position at which something has happened since a moment, by halving what is left."""
    low, high = 1, end
    while low < high:
        middle = (low + high) // 2
        at: datetime | None = await reader.fetchval(
            "SELECT occurred_at FROM event WHERE partner_id = $1 AND position >= $2 ORDER BY position LIMIT 1",
            partner_id,
            middle,
        )
        if at is None or at >= moment:
            high = middle
        else:
            low = middle + 1
    return low
