"""Invariants of webhooks: nothing that is to be sent stands still, and no event overtakes an earlier one."""

from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.checks.scope import Whole

INVARIANTS = (
    Invariant(
        "webhooks-have-a-first",
        "of each object's deliveries that wait at an endpoint the first has a time for its next attempt, and no other",
        """
        SELECT partner_id, endpoint_id, position, object_kind, object_id, next_attempt_at FROM (
            SELECT d.partner_id, d.endpoint_id, d.position, d.object_kind, d.object_id, d.next_attempt_at,
                   row_number() OVER (PARTITION BY d.partner_id, d.endpoint_id, d.object_kind, d.object_id
                                      ORDER BY d.position) AS place
            FROM webhook_delivery d
            JOIN webhook_endpoint e ON e.partner_id = d.partner_id AND e.id = d.endpoint_id
            WHERE d.state = 'waiting' AND e.state <> 'deleted') AS waits
        WHERE (place = 1) <> (next_attempt_at IS NOT NULL)""",
        scope=Whole("what waits to be sent is little"),
    ),
    Invariant(
        "webhooks-are-due",
        "an endpoint that is sent events and has one with a time for its next attempt is due itself",
        """
        SELECT e.partner_id, e.id, e.url FROM webhook_endpoint e
        WHERE e.state = 'enabled' AND e.due_at IS NULL AND EXISTS (
            SELECT 1 FROM webhook_delivery d
            WHERE d.partner_id = e.partner_id AND d.endpoint_id = e.id AND d.next_attempt_at IS NOT NULL)""",
        scope=Whole("what waits to be sent is little"),
    ),
)
