"""A partner's standing: open, suspended, closed.

    open -> suspended -> open        an approver stops what is new at once; two admins let it go on
    open, suspended -> closed        two admins, for good: `selling.partner_closing` ends all that goes on by itself

Suspended, a partner is like one whose key was stolen: its users go on earning and read everything, an order that was
made before is issued when it is paid, and withdrawals that were asked for go their way; nothing else is written that
its server asks for. What may go on is said by each operation of the API (`while_suspended`).

The standing is changed while the partner's fence is held, and read by whoever shares it (`books.fence`).
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import clock
from hashrail.books import fence
from hashrail.books.fence import Standing
from hashrail.db import Reader, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.events import drafts
from hashrail.events.types.partners import PartnerClosed, PartnerEvent, PartnerReopened, PartnerSuspended
from hashrail.parties import operators

TOLD: dict[Standing, type[PartnerEvent]] = {
    "open": PartnerReopened,
    "suspended": PartnerSuspended,
    "closed": PartnerClosed,
}


@dataclass(frozen=True, slots=True)
class Present:
    """How a partner stands, why, and since when (wall time); an open one that was never anything else has neither."""

    standing: Standing
    reason: str | None
    since: datetime | None


async def of_partner(tx: Reader, partner_id: int) -> Present:
    """How the partner stands."""
    row = await tx.fetchrow("SELECT standing, reason, since FROM partner_standing WHERE partner_id = $1", partner_id)
    return Present("open", None, None) if row is None else record(Present, row)


async def hold(tx: Tx, partner_id: int) -> Present:
    """As `of_partner`, once all that is under way is done; nothing more is begun until the transaction ends."""
    await fence.hold(tx, [partner_id])
    return await of_partner(tx, partner_id)


async def suspend(tx: Tx, partner_id: int, *, reason: str) -> Present:
    """Stop what is new; again leaves the first reason and time. Raises ReasonMissingError, PartnerClosedError."""
    operators.assert_reason(reason)
    await hold(tx, partner_id)
    (await fence.share(tx, partner_id)).assert_not_closed()
    return await _put(tx, partner_id, "suspended", reason, Kind.PARTNER_SUSPENDED)


async def reopen(tx: Tx, partner_id: int, *, reason: str) -> Present:
    """Let a suspended partner go on; an open one is left as it is. Raises ReasonMissingError, PartnerClosedError."""
    operators.assert_reason(reason)
    await hold(tx, partner_id)
    (await fence.share(tx, partner_id)).assert_not_closed()
    return await _put(tx, partner_id, "open", reason, Kind.PARTNER_REOPENED)


async def close(tx: Tx, partner_id: int, *, reason: str) -> Present:
    """Let a partner whose fence is held be closed; nothing leads out of it."""
    return await _put(tx, partner_id, "closed", reason, Kind.PARTNER_CLOSED)


async def _put(tx: Tx, partner_id: int, standing: Standing, reason: str, kind: Kind) -> Present:
    """Change the standing of a partner whose fence is held, where it is another one."""
    present = await of_partner(tx, partner_id)
    if present.standing == standing:
        return present
    await tx.execute(
        """INSERT INTO partner_standing (partner_id, standing, reason, since) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id) DO UPDATE SET standing = $2, reason = $3, since = $4""",
        partner_id,
        standing,
        reason,
        clock.wall_now(),
    )
    await journal.note(tx, kind, partner_id=partner_id, reason=reason)
    public_id = await tx.fetchval("SELECT public_id FROM partner WHERE id = $1", partner_id)
    await drafts.note(tx, partner_id, TOLD[standing](partner_id=public_id))
    return await of_partner(tx, partner_id)
