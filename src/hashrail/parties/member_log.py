"""The log of a partner's members: what they did, from what to what, and which persons they saw.

Owners read it in the portal, operators in the console. Deeds stay; views are kept as long as those of operators.
Times are wall times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.parties import operators
from hashrail.parties.members import Member
from hashrail.parties.operators import Action
from hashrail.parties.views import KEPT


@dataclass(frozen=True, slots=True)
class View:
    """A member saw a person on a page."""

    id: int
    member: str
    page: str
    subject: str
    seen_at: datetime


async def note(
    tx: Tx,
    member: Member,
    action: str,
    subject: str,
    reason: str | None = None,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Keep what a member did, in the transaction that does it; never a secret. Raises ReasonMissingError."""
    if reason is not None:
        operators.assert_reason(reason)
    await tx.execute(
        """INSERT INTO member_action
               (partner_id, member_id, action, subject, reason, done_at, values_before, values_after)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        *(member.partner_id, member.id, action, subject, reason, clock.wall_now()),
        *(None if before is None else operators.written(before), None if after is None else operators.written(after)),
    )


async def actions(tx: Reader, partner_id: int, *, limit: int, after: int | None = None) -> list[Action]:
    """The newest deeds of a partner's members first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT a.id, m.name || ' <' || m.email || '>' AS operator, a.action, a.subject, a.reason, a.done_at,
                  a.values_before AS before, a.values_after AS after
           FROM member_action a JOIN member m ON m.partner_id = a.partner_id AND m.id = a.member_id
           WHERE a.partner_id = $1 AND ($3::bigint IS NULL OR a.id < $3) ORDER BY a.id DESC LIMIT $2""",
        *(partner_id, limit, after),
    )
    return [operators.read_action(row) for row in rows]


async def saw(tx: Tx, member: Member, page: str, subject: str) -> None:
    """Keep that a member saw somebody."""
    await tx.execute(
        "INSERT INTO member_view (partner_id, member_id, page, subject, seen_at) VALUES ($1, $2, $3, $4, $5)",
        *(member.partner_id, member.id, page, subject, clock.wall_now()),
    )


async def views(tx: Reader, partner_id: int, *, limit: int, after: int | None = None) -> list[View]:
    """The newest views of a partner's members first; `after` is the last number of the page before."""
    rows = await tx.fetch(
        """SELECT v.id, m.name || ' <' || m.email || '>' AS member, v.page, v.subject, v.seen_at
           FROM member_view v JOIN member m ON m.partner_id = v.partner_id AND m.id = v.member_id
           WHERE v.partner_id = $1 AND ($3::bigint IS NULL OR v.id < $3) ORDER BY v.id DESC LIMIT $2""",
        *(partner_id, limit, after),
    )
    return [record(View, row) for row in rows]


async def forget_past(tx: Tx, partner_id: int) -> int:
    """Let views of a partner's members go that are past; answers how many."""
    rows = await tx.fetch(
        "DELETE FROM member_view WHERE partner_id = $1 AND seen_at < $2 RETURNING id",
        *(partner_id, clock.wall_now() - KEPT),
    )
    return len(rows)
