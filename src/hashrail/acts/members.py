"""A partner's people in the portal, as far as the operator makes and ends their accounts: the first owner above all.

An owner looks after keys that may withdraw, with a second owner: where there are two admins, it takes both to invite
one.
"""

from dataclasses import dataclass

from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.parties import invitations, members, operators
from hashrail.parties.changes import Change
from hashrail.parties.members import Member, Role
from hashrail.parties.operators import Operator

PATH = "/portal/join?invitation="


@dataclass(frozen=True, slots=True)
class Invited:
    """Who is invited, and the path of the link, which is told once; while it waits for a second, it opens nothing."""

    email: str
    name: str
    role: Role
    path: str


async def invite(tx: Tx, act: Acting, partner_id: int, *, email: str, name: str, role: Role) -> Invited:
    """Invite somebody into a partner's team. Raises EmailError, MemberNameError, MemberExistsError."""
    address, called = await invitations.check(tx, partner_id, email=email, name=name)
    token, digest = invitations.new_link(partner_id)
    meant = {"partner": partner_id, "email": address, "name": called, "role": role}
    subject = f"{address} of partner {partner_id}"
    made = Invited(address, called, role, f"{PATH}{token}")
    if role == "owner" and await act.waits(tx, subject, before={}, after=meant, secret=digest.hex()):
        return made
    await invitations.invite(tx, partner_id, email=address, name=called, role=role, digest=digest, by=None)
    await act.note(tx, subject, after=meant)
    return made


async def confirmed_invitation(tx: Tx, change: Change, asker: Operator) -> None:
    """An invitation that a second has confirmed: from now on its link opens the portal."""
    assert change.secret is not None, "it was asked for with a link"
    meant = change.after
    await invitations.invite(
        tx,
        meant["partner"],
        email=meant["email"],
        name=meant["name"],
        role=meant["role"],
        digest=bytes.fromhex(change.secret),
        by=None,
    )
    await operators.note(tx, asker, change.act, change.subject, before=change.before, after=meant)


async def disable(tx: Tx, act: Acting, partner_id: int, member_id: int) -> Member:
    """End a member's account for good, also the last owner's. Raises MemberNotFoundError."""
    before = await members.get(tx, partner_id, member_id)
    made = await members.disable(tx, partner_id, member_id)
    was, is_ = before.disabled_at is not None, made.disabled_at is not None
    await act.note(tx, f"{made.email} of partner {partner_id}", before={"disabled": was}, after={"disabled": is_})
    return made
