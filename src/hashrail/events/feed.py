"""A partner's feed: events by their position, which is never preceded later by a new one.

Drafts of committed transactions are moved to the feed's end by whoever comes by: the worker again and again, and who
reads. A mover holds the feed's row until it has committed, so positions become visible in their order, however many
move and wherever they are killed. Writers wait for nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hashrail import db
from hashrail.db import Pool, Reader, Tx

FEED_GROWS = "hashrail_feed_grows"
# Of which every event has a number before it has a position.
DRAFTS = "event_draft_id_seq"
AT_ONCE = 1000
# From further back everything is listed: to look through so many events for what changed would take longer.
MOST_BEHIND = 250_000


@dataclass(frozen=True, slots=True)
class Told:
    """An event in the feed; `data` is JSON text, `sequence` counts the events of its object, time is business time."""

    position: int
    name: str
    type: str
    version: int
    object_kind: str
    object_id: str
    sequence: int
    data: str
    occurred_at: datetime


# What moves now; the feed is held, so nobody else moves it, and a draft never changes.
_OLDEST = "SELECT id FROM event_draft WHERE partner_id = $1 ORDER BY id LIMIT $2"
_TELL = """
    INSERT INTO event (partner_id, position, name, type, version, object_kind, object_id, sequence, data, occurred_at)
    SELECT n.partner_id, $3 + n.place, n.name, n.type, n.version, n.object_kind, n.object_id,
           n.place_of_object + coalesce((SELECT max(e.sequence) FROM event e
                                         WHERE e.partner_id = $1 AND e.object_kind = n.object_kind
                                           AND e.object_id = n.object_id), 0),
           n.data, n.occurred_at
    FROM (SELECT partner_id, name, type, version, object_kind, object_id, data, occurred_at,
                 row_number() OVER (ORDER BY id) AS place,
                 row_number() OVER (PARTITION BY object_kind, object_id ORDER BY id) AS place_of_object
          FROM event_draft WHERE partner_id = $1 AND id = ANY ($2::bigint[])) AS n"""


async def append_drafts(tx: Tx, partner_id: int, *, at_most: int = AT_ONCE, waits: bool = True) -> int:
    """Move the partner's oldest committed drafts to the end of its feed; answers how many.

    Whoever does not wait moves nothing while another one does.
    """
    last = await _hold(tx, partner_id, waits=waits)
    if last is None:
        return 0
    # A statement of its own, after the wait: it sees what the mover before has left.
    moved = [row["id"] for row in await tx.fetch(_OLDEST, partner_id, at_most)]
    if not moved:
        return 0
    await tx.execute(_TELL, partner_id, moved, last)
    await tx.execute("DELETE FROM event_draft WHERE partner_id = $1 AND id = ANY ($2::bigint[])", partner_id, moved)
    await tx.execute("UPDATE event_feed SET last_position = $2 WHERE partner_id = $1", partner_id, last + len(moved))
    await tx.execute("SELECT pg_notify($1, $2)", FEED_GROWS, str(partner_id))
    return len(moved)


async def _hold(tx: Tx, partner_id: int, *, waits: bool) -> int | None:
    """Hold the feed until the transaction ends; answers its last position. None where it is not waited for."""
    await tx.execute(
        "INSERT INTO event_feed (partner_id, last_position) VALUES ($1, 0) ON CONFLICT DO NOTHING", partner_id
    )
    last: int | None
    if waits:
        last = await tx.fetchval("SELECT last_position FROM event_feed WHERE partner_id = $1 FOR UPDATE", partner_id)
        assert last is not None, "a feed is there once it was begun"
    else:
        last = await tx.fetchval(
            "SELECT last_position FROM event_feed WHERE partner_id = $1 FOR UPDATE SKIP LOCKED", partner_id
        )
    return last


async def append_all(pool: Pool, partner_id: int) -> None:
    """Give what has happened to the partner its position, where the worker has not done so yet."""
    while await has_drafts(pool, partner_id):
        async with db.transaction(pool) as tx:
            await append_drafts(tx, partner_id)


async def pass_over(tx: Tx, count: int) -> None:
    """Let every partner's feed go on behind so many positions, which are given to nothing."""
    await tx.execute(
        """INSERT INTO event_feed (partner_id, last_position) SELECT id, $1 FROM partner
           ON CONFLICT (partner_id) DO UPDATE SET last_position = event_feed.last_position + excluded.last_position""",
        count,
    )


async def has_drafts(reader: Reader, partner_id: int) -> bool:
    """Whether something of the partner's waits for its position."""
    found: bool = await reader.fetchval("SELECT EXISTS (SELECT 1 FROM event_draft WHERE partner_id = $1)", partner_id)
    return found


async def with_drafts(reader: Reader) -> list[int]:
    """The partners of whom something waits for its position."""
    rows = await reader.fetch("SELECT DISTINCT partner_id FROM event_draft ORDER BY partner_id")
    return [row["partner_id"] for row in rows]


async def waits_since(reader: Reader) -> datetime | None:
    """Business time at which the oldest of what waits for its position happened; None where nothing waits."""
    found: datetime | None = await reader.fetchval(
        """SELECT min(d.occurred_at)
           FROM partner_day p CROSS JOIN LATERAL (
               SELECT occurred_at FROM event_draft WHERE partner_id = p.partner_id ORDER BY id LIMIT 1) d"""
    )
    return found


async def last_position(reader: Reader, partner_id: int) -> int:
    """How far the partner's feed goes; 0 where it is empty."""
    found: int | None = await reader.fetchval("SELECT last_position FROM event_feed WHERE partner_id = $1", partner_id)
    return found or 0


def listed_since(position: int, changed_since: int | None) -> int | None:
    """Behind which position a list looks for what changed, in a feed that goes to `position`; None for everything."""
    if changed_since is None or position - changed_since > MOST_BEHIND:
        return None
    return changed_since


async def read(
    reader: Reader, partner_id: int, *, after: int, types: Sequence[str] = (), limit: int = 100
) -> list[Told]:
    """The events after a position, in their order; of some types only, where any are named."""
    rows = await reader.fetch(
        """SELECT position, name, type, version, object_kind, object_id, sequence, data, occurred_at
           FROM event WHERE partner_id = $1 AND position > $2 AND (type = ANY ($3) OR cardinality($3::text[]) = 0)
           ORDER BY position LIMIT $4""",
        partner_id,
        after,
        list(types),
        limit,
    )
    return [Told(**row) for row in rows]
