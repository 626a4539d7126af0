"""How webhook endpoints stand and how far each is behind, of a partner or of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from hashrail.db import Reader
from hashrail.events.delivery_log import COUNTED
from hashrail.events.endpoints import Reason, State

Kind = Literal["failing", "disabled", "enabled"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint of a partner's: how it stands and how far it is behind.

    `behind` counts positions of the feed that were not looked through for it, `waiting` events that it was not sent
    yet, where COUNTED + 1 is more than COUNTED; `due_at` is when the first of those is to leave.
    """

    partner_id: int
    partner: str
    id: int
    url: str
    description: str
    types: Sequence[str]
    state: State
    reason: Reason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    failures: int
    due_at: datetime | None
    behind: int
    waiting: int


async def of_all(
    reader: Reader,
    *,
    kind: Kind | None = None,
    partner_id: int | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[Standing]:
    """Endpoints by partner and number, of one kind or partner where they are named, `after` such a pair."""
    rows = await reader.fetch(
        """SELECT e.partner_id, p.name AS partner, e.id, e.url, e.description, e.types, e.state, e.reason,
                  e.disabled_at, e.failing_since, e.failures, e.due_at,
                  greatest(coalesce(f.last_position, 0) - e.planned_through, 0) AS behind,
                  (SELECT count(*)
                   FROM (SELECT d.position FROM webhook_delivery d
                         WHERE d.partner_id = e.partner_id AND d.endpoint_id = e.id AND d.state = 'waiting'
                         ORDER BY d.position LIMIT $6) s) AS waiting
           FROM webhook_endpoint e JOIN partner p ON p.id = e.partner_id
           LEFT JOIN event_feed f ON f.partner_id = e.partner_id
           WHERE e.state <> 'deleted' AND ($2::bigint IS NULL OR e.partner_id = $2)
             AND ($1::text IS NULL OR ($1 = 'failing' AND e.state = 'enabled' AND e.failures > 0) OR e.state = $1)
             AND (e.partner_id, e.id) > ($3, $4)
           ORDER BY e.partner_id, e.id LIMIT $5""",
        kind,
        partner_id,
        *(after or (0, 0)),
        limit,
        COUNTED + 1,
    )
    return [Standing(**row) for row in rows]


async def counts(reader: Reader) -> dict[Kind, int]:
    """How many endpoints of all partners fail, are disabled, and are enabled without failing."""
    row = await reader.fetchrow(
        """SELECT count(*) FILTER (WHERE state = 'enabled' AND failures > 0) AS failing,
                  count(*) FILTER (WHERE state = 'disabled') AS disabled,
                  count(*) FILTER (WHERE state = 'enabled' AND failures = 0) AS enabled
           FROM webhook_endpoint WHERE state <> 'deleted'"""
    )
    assert row is not None, "a count has a row"
    return {kind: row[kind] for kind in KINDS}
