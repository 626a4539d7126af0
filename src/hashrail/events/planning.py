"""Planning: what came into the feeds becomes deliveries, for as many endpoints as there are.

Endpoints are locked first, and planned in a statement of its own behind that: so it sees what whoever held them before
has settled, and of an object's deliveries that wait exactly the first has a time for its next attempt.
"""

from hashrail import clock
from hashrail.db import Tx
from hashrail.events.types.webhooks import WebhookEndpointTest

ENDPOINTS_AT_ONCE = 500
POSITIONS_AT_ONCE = 1000

_PLAN = """
    WITH behind AS (
        SELECT e.partner_id, e.id, e.types, e.planned_through,
               least(f.last_position, e.planned_through + $4) AS through
        FROM unnest($1::bigint[], $2::bigint[]) AS asked (partner_id, id)
        JOIN webhook_endpoint e ON e.partner_id = asked.partner_id AND e.id = asked.id
        JOIN event_feed f ON f.partner_id = e.partner_id
    ), wanted AS (
        SELECT b.partner_id, b.id AS endpoint_id, v.position, v.object_kind, v.object_id,
               row_number() OVER (PARTITION BY b.partner_id, b.id, v.object_kind, v.object_id
                                  ORDER BY v.position) AS place
        FROM behind b
        JOIN event v ON v.partner_id = b.partner_id AND v.position > b.planned_through AND v.position <= b.through
        WHERE CASE WHEN v.type = $5 THEN v.object_id = b.id::text
                   ELSE cardinality(b.types) = 0 OR v.type = ANY (b.types) END
    ), planned AS (
        INSERT INTO webhook_delivery (partner_id, endpoint_id, position, object_kind, object_id, state, next_attempt_at)
        SELECT w.partner_id, w.endpoint_id, w.position, w.object_kind, w.object_id, 'waiting',
               CASE WHEN w.place = 1 AND NOT EXISTS (
                   SELECT FROM webhook_delivery d
                   WHERE d.partner_id = w.partner_id AND d.endpoint_id = w.endpoint_id
                     AND d.object_kind = w.object_kind AND d.object_id = w.object_id AND d.state = 'waiting')
               THEN $3::timestamptz END
        FROM wanted w
        RETURNING partner_id, endpoint_id, next_attempt_at
    ), due AS (
        SELECT partner_id, endpoint_id, min(next_attempt_at) AS at FROM planned GROUP BY partner_id, endpoint_id
    )
    UPDATE webhook_endpoint e
    SET planned_through = b.through,
        due_at = CASE WHEN d.at IS NULL THEN e.due_at
                      ELSE greatest(least(coalesce(e.due_at, d.at), d.at), coalesce(e.paused_until, d.at)) END
    FROM behind b LEFT JOIN due d ON d.partner_id = b.partner_id AND d.endpoint_id = b.id
    WHERE e.partner_id = b.partner_id AND e.id = b.id"""


async def plan(tx: Tx, *, endpoints: int = ENDPOINTS_AT_ONCE, positions: int = POSITIONS_AT_ONCE) -> int:
    """Plan for some endpoints that lag behind their feed; answers for how many, 0 where none lags that is free."""
    behind = await tx.fetch(
        """SELECT e.partner_id, e.id FROM webhook_endpoint e JOIN event_feed f ON f.partner_id = e.partner_id
           WHERE e.state = 'enabled' AND e.planned_through < f.last_position
           ORDER BY e.partner_id, e.id LIMIT $1 FOR NO KEY UPDATE OF e SKIP LOCKED""",
        endpoints,
    )
    if not behind:
        return 0
    partners, numbers = [row["partner_id"] for row in behind], [row["id"] for row in behind]
    await tx.execute(_PLAN, partners, numbers, clock.wall_now(), positions, WebhookEndpointTest.TYPE)
    return len(behind)
