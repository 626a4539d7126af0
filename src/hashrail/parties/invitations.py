"""Invitations into a partner's team: a link that is shown once, counts once, and for seven days.

    open -> accepted       who has the link sets a password: the account is there
    open -> withdrawn      an owner took it back, or invited the same address anew
    open -> (expired)      nobody did either

An operator invites a partner's first owner, owners everybody after that. The link holds a random token, the books its
SHA-256; it is bound to the address and role of the invitation. No mail is sent: who invites hands the link over.
Times are wall times.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hashrail import clock
from hashrail.db import Reader, Tx, record
from hashrail.deployment import facts
from hashrail.errors import NotFoundError
from hashrail.parties import browser_sessions, member_sessions, members
from hashrail.parties.members import Member, Role

State = Literal["open", "accepted", "withdrawn"]
LIFE = timedelta(days=7)


class InvitationNotFoundError(NotFoundError):
    """No invitation is open for this link or number: it was used, taken back, or has expired."""

    code = "INVITATION_NOT_FOUND"
    advice = "Ask who invited you for another link; each counts once, and for seven days."


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation; `invited_by` is the member who did, None for an operator."""

    partner_id: int
    id: int
    email: str
    name: str
    role: Role
    invited_by: int | None
    invited_at: datetime
    expires_at: datetime


def new_link(partner_id: int) -> tuple[str, bytes]:
    """The token of a link, which is told once, and the digest by which somebody is invited."""
    token = f"{partner_id}.{browser_sessions.new_token()}"
    return token, browser_sessions.digest_of(token)


async def check(tx: Reader, partner_id: int, *, email: str, name: str) -> tuple[str, str]:
    """Address and name as they are kept. Raises EmailError, MemberNameError, MemberExistsError."""
    address, called = members.canonical(email), members.check_name(name)
    await members.assert_free(tx, partner_id, address)
    return address, called


async def invite(
    tx: Tx, partner_id: int, *, email: str, name: str, role: Role, digest: bytes, by: Member | None
) -> Invitation:
    """Invite somebody by the digest of a new link. `by` None is an operator.

    An older invitation of the same address counts no more. Raises EmailError, MemberNameError, MemberExistsError.
    """
    address, called = await check(tx, partner_id, email=email, name=name)
    await tx.execute(
        "UPDATE member_invitation SET state = 'withdrawn' WHERE partner_id = $1 AND email = $2 AND state = 'open'",
        *(partner_id, address),
    )
    now = clock.wall_now()
    kept = (None if by is None else by.id, now, now + LIFE)
    number: int = await tx.fetchval(
        """INSERT INTO member_invitation
               (partner_id, email, name, role, digest, epoch, invited_by, invited_at, expires_at, state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open') RETURNING id""",
        *(partner_id, address, called, role, digest, (await facts.read(tx)).epoch, *kept),
    )
    return Invitation(partner_id, number, address, called, role, *kept)


async def waiting(tx: Reader, partner_id: int) -> list[Invitation]:
    """A partner's open invitations, newest first."""
    rows = await tx.fetch(
        """SELECT i.partner_id, i.id, i.email, i.name, i.role, i.invited_by, i.invited_at, i.expires_at
           FROM member_invitation i JOIN deployment d ON d.id = 1 AND d.epoch = i.epoch
           WHERE i.partner_id = $1 AND i.state = 'open' AND i.expires_at > $2 ORDER BY i.id DESC""",
        *(partner_id, clock.wall_now()),
    )
    return [record(Invitation, row) for row in rows]


async def of_token(tx: Reader, token: str) -> Invitation:
    """The open invitation of a link. Raises InvitationNotFoundError."""
    partner_id = member_sessions.partner_of(token)
    row = None
    if partner_id is not None:
        row = await tx.fetchrow(
            """SELECT i.partner_id, i.id, i.email, i.name, i.role, i.invited_by, i.invited_at, i.expires_at
               FROM member_invitation i JOIN deployment d ON d.id = 1 AND d.epoch = i.epoch
               LEFT JOIN partner_standing s ON s.partner_id = i.partner_id
               WHERE i.partner_id = $1 AND i.digest = $2 AND i.state = 'open' AND i.expires_at > $3
                 AND coalesce(s.standing, 'open') <> 'closed'""",
            *(partner_id, browser_sessions.digest_of(token), clock.wall_now()),
        )
    if row is None:
        raise InvitationNotFoundError("no invitation is open for this link")
    return record(Invitation, row)


async def accept(tx: Tx, token: str, digest: str) -> Member:
    """The new member, by the digest of the password that they chose. Raises InvitationNotFoundError, MemberExistsError.

    Of an owner who was disabled or made less since, nothing is left to accept.
    """
    found = await of_token(tx, token)
    await members.hold(tx, found.partner_id)
    taken = await tx.fetchval(
        """UPDATE member_invitation SET state = 'accepted'
           WHERE partner_id = $1 AND id = $2 AND state = 'open' RETURNING id""",
        *(found.partner_id, found.id),
    )
    if taken is None or not await _still_counts(tx, found):
        raise InvitationNotFoundError("no invitation is open for this link")
    return await members.add(
        tx,
        found.partner_id,
        email=found.email,
        name=found.name,
        role=found.role,
        digest=digest,
        made_by=found.invited_by,
    )


async def withdraw(tx: Tx, partner_id: int, number: int) -> Invitation:
    """Take an open invitation back. Raises InvitationNotFoundError."""
    found = {one.id: one for one in await waiting(tx, partner_id)}.get(number)
    gone = await tx.fetchval(
        """UPDATE member_invitation SET state = 'withdrawn'
           WHERE partner_id = $1 AND id = $2 AND state = 'open' RETURNING id""",
        *(partner_id, number),
    )
    if found is None or gone is None:
        raise InvitationNotFoundError(f"invitation {number} is not open", field="invitation")
    return found


async def _still_counts(tx: Reader, found: Invitation) -> bool:
    """Whether who invited may still invite."""
    if found.invited_by is None:
        return True
    by = await members.get(tx, found.partner_id, found.invited_by)
    return by.disabled_at is None and by.role == "owner"
