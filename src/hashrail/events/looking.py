"""Looking through a feed: a part of it, perhaps of some types or of one object only, and how far was looked.

Whoever asks for little of a long feed is not kept waiting: a look goes through so many events at most, and says where
the next one begins.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hashrail import db
from hashrail.db import Pool, Reader
from hashrail.errors import ConflictError
from hashrail.events import feed
from hashrail.events.feed import Told

# Events that one look goes through, however few of them it tells.
GOES_THROUGH = 20_000
# Bytes of data after which a look tells no further event.
MAX_BYTES = 1_000_000


class FeedShorterError(ConflictError):
    """The feed does not go as far as the position after which somebody wants to read on."""

    code = "FEED_SHORTER"
    advice = (
        "Ask the operator whether the books were restored: then read on after details.last, or after 0 to see what "
        "the books still have. Check also that the position is of this deployment and of this partner."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events, after a position: of some types only, or of one object, its kind and id, where they are named."""

    after: int
    types: Sequence[str] | None = None
    of: tuple[str, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Events in their order; `last` is the position up to which was looked, and `has_more` that the feed goes on."""

    events: Sequence[Told]
    last: int
    has_more: bool


async def look(reader: Reader, partner_id: int, wanted: Wanted) -> Found:
    """The next events of a partner's feed. Raises FeedShorterError."""
    last = await feed.last_position(reader, partner_id)
    if wanted.after > last:
        raise FeedShorterError(
            f"the feed ends at {last}, and the position {wanted.after} is behind it", field="after", last=last
        )
    if wanted.after == last:
        return Found((), last, has_more=False)
    until = last if wanted.of or wanted.types is None else min(last, await _reach(reader, partner_id, wanted.after))
    # One more than is told, so that it is known whether any follows.
    found = await _read(reader, partner_id, wanted, until)
    told = _within(found[: wanted.limit])
    if len(told) < len(found):
        return Found(told, told[-1].position, has_more=True)
    return Found(told, until, has_more=until < last)


async def look_now(pool: Pool, partner_id: int, wanted: Wanted) -> Found:
    """The same, of what has happened by now, where the worker has not given it its position yet.

    Raises FeedShorterError.
    """
    if await feed.has_drafts(pool, partner_id):
        # Where another one moves and does not come to an end, or nothing may be written, what is there is told.
        with suppress(db.BusyError, db.DatabaseReadOnlyError):
            async with db.transaction(pool) as tx:
                await feed.append_drafts(tx, partner_id)
    return await look(pool, partner_id, wanted)


async def _reach(reader: Reader, partner_id: int, after: int) -> int:
    """How far a look of some types goes."""
    found: int | None = await reader.fetchval(
        """SELECT max(position)
           FROM (SELECT position FROM event WHERE partner_id = $1 AND position > $2 ORDER BY position LIMIT $3) e""",
        partner_id,
        after,
        GOES_THROUGH,
    )
    # Behind the last event there are positions that restored books have passed over.
    return await feed.last_position(reader, partner_id) if found is None else found


async def _read(reader: Reader, partner_id: int, wanted: Wanted, until: int) -> list[Told]:
    if wanted.of is not None:
        rows = await reader.fetch(
            """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
               FROM event
               WHERE partner_id = $1 AND object_kind = $2 AND object_id = $3 AND position > $4 AND position <= $5
                 AND ($6::text[] IS NULL OR type = ANY ($6))
               ORDER BY sequence LIMIT $7""",
            partner_id,
            *wanted.of,
            wanted.after,
            until,
            wanted.types,
            wanted.limit + 1,
        )
    else:
        rows = await reader.fetch(
            """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
               FROM event
               WHERE partner_id = $1 AND position > $2 AND position <= $3 AND ($4::text[] IS NULL OR type = ANY ($4))
               ORDER BY position LIMIT $5""",
            partner_id,
            wanted.after,
            until,
            wanted.types,
            wanted.limit + 1,
        )
    return [Told(**row) for row in rows]


def _within(found: Sequence[Told]) -> Sequence[Told]:
    """The first of them, until their data is as much as one look tells."""
    size = 0
    for place, one in enumerate(found, start=1):
        size += len(one.data)
        if size > MAX_BYTES:
            return found[:place]
    return found
