"""Planning: what came into the feeds becomes deliveries, for as many endpoints as there are.

A partner's endpoints are locked first, and planned in a statement of its own behind that: so it sees what whoever held
them before has settled, and of an object's deliveries that wait exactly the first has a time for its next attempt.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from hashrail import clock, db
from hashrail.db import Pool, Tx
from hashrail.events.types.webhooks import WebhookEndpointTest

ENDPOINTS_AT_ONCE = 500
POSITIONS_AT_ONCE = 1000

# What came since, for which endpoint; of an object's deliveries that wait exactly the first has a time.
_PLAN = """
    WITH planned AS (
        INSERT INTO webhook_delivery (partner_id, endpoint_id, position, object_kind, object_id, state, next_attempt_at)
        SELECT w.partner_id, w.endpoint_id, w.position, w.object_kind, w.object_id, 'waiting',
               CASE WHEN w.place = 1 AND NOT EXISTS (
                   SELECT 1 FROM webhook_delivery d
                   WHERE d.partner_id = $1 AND d.endpoint_id = w.endpoint_id
                     AND d.object_kind = w.object_kind AND d.object_id = w.object_id AND d.state = 'waiting')
               THEN $3::timestamptz END
        FROM (SELECT e.partner_id, e.id AS endpoint_id, v.position, v.object_kind, v.object_id,
                     row_number() OVER (PARTITION BY e.id, v.object_kind, v.object_id ORDER BY v.position) AS place
              FROM webhook_endpoint e
              JOIN event v ON v.partner_id = $1 AND v.position > e.planned_through
                          AND v.position <= least($4, e.planned_through + $5)
              WHERE e.partner_id = $1 AND e.id = ANY ($2::bigint[])
                AND CASE WHEN v.type = $6 THEN v.object_id = e.id::text
                         ELSE cardinality(e.types) = 0 OR v.type = ANY (e.types) END) AS w
        RETURNING endpoint_id, next_attempt_at)
    SELECT endpoint_id, min(next_attempt_at) AS at FROM planned GROUP BY endpoint_id"""


async def plan(pool: Pool, *, endpoints: int = ENDPOINTS_AT_ONCE, positions: int = POSITIONS_AT_ONCE) -> int:
    """Plan for some endpoints that lag behind their feed, a partner at a time; answers for how many.

    It is 0 where none lags that is free.
    """
    behind = await pool.fetch(
        """SELECT e.partner_id, e.id FROM webhook_endpoint e JOIN event_feed f ON f.partner_id = e.partner_id
           WHERE e.state = 'enabled' AND e.planned_through < f.last_position
           ORDER BY e.partner_id, e.id LIMIT $1""",
        endpoints,
    )
    planned = 0
    for partner_id, rows in groupby(behind, key=itemgetter("partner_id")):
        async with db.transaction(pool) as tx:
            planned += await _plan(tx, partner_id, [row["id"] for row in rows], positions)
    return planned


async def _plan(tx: Tx, partner_id: int, numbers: Sequence[int], positions: int) -> int:
    """Plan for those of a partner's endpoints that nobody else holds and that still lag."""
    held = await tx.fetch(
        """SELECT e.id FROM webhook_endpoint e JOIN event_feed f ON f.partner_id = e.partner_id
           WHERE e.partner_id = $1 AND e.id = ANY ($2::bigint[]) AND e.state = 'enabled'
             AND e.planned_through < f.last_position
           ORDER BY e.id FOR NO KEY UPDATE OF e SKIP LOCKED""",
        partner_id,
        numbers,
    )
    if not held:
        return 0
    mine = [row["id"] for row in held]
    last = await tx.fetchval("SELECT last_position FROM event_feed WHERE partner_id = $1", partner_id)
    made = await tx.fetch(_PLAN, partner_id, mine, clock.wall_now(), last, positions, WebhookEndpointTest.TYPE)
    due: dict[int, datetime | None] = {row["endpoint_id"]: row["at"] for row in made}
    await tx.execute(
        """UPDATE webhook_endpoint e
           SET planned_through = least($4, e.planned_through + $5),
               due_at = CASE WHEN d.at IS NULL THEN e.due_at
                             ELSE greatest(least(coalesce(e.due_at, d.at), d.at), coalesce(e.paused_until, d.at)) END
           FROM unnest($2::bigint[], $3::timestamptz[]) AS d (id, at)
           WHERE e.partner_id = $1 AND e.id = d.id""",
        *(partner_id, mine, [due.get(number) for number in mine]),
        last,
        positions,
    )
    return len(mine)
