"""How the sending of webhooks stands, over all partners: what is due and nobody sends, and which endpoints gave out.

For alarms and gauges. What it costs grows with endpoints that something is due to, and with those that are disabled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail.db import Reader, record

# So long an endpoint that was disabled because it failed is one that was lately.
LATELY = timedelta(days=1)
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Disabled:
    """How many endpoints of a partner were disabled lately because they answered 410 or only failed."""

    partner: str
    endpoints: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """`due_since` is when the first of what nobody sends just now was due; None where nothing is.

    `disabled` names the partners with most endpoints that were lately.
    """

    due_since: datetime | None
    disabled: Sequence[Disabled]


async def read(reader: Reader, *, now: datetime) -> Outlook:
    """How it stands at a moment of the database's clock, which deliveries are due by."""
    due_since: datetime | None = await reader.fetchval(
        """SELECT min(due_at) FROM webhook_endpoint
           WHERE state = 'enabled' AND due_at IS NOT NULL AND (turn_ends_at IS NULL OR turn_ends_at <= $1)""",
        now,
    )
    rows = await reader.fetch(
        """SELECT p.name AS partner, count(*)::int AS endpoints
           FROM webhook_endpoint e JOIN partner p ON p.id = e.partner_id
           WHERE e.state = 'disabled' AND e.reason IN ('gone', 'failing') AND e.disabled_at > $1
           GROUP BY p.id, p.name ORDER BY count(*) DESC, p.id LIMIT $2""",
        now - LATELY,
        MOST_NAMED,
    )
    is_due = due_since is not None and due_since <= now
    return Outlook(due_since if is_due else None, [record(Disabled, row) for row in rows])
