"""What is a member's own: their open sessions, ending them, and another password."""

from hashrail.db import Tx
from hashrail.pages import forms
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import member_second_factors, member_sessions


async def account(tx: Tx, visit: Visit) -> Shown:
    """The member's open sessions, and whether a code generator guards the account."""
    found = await member_sessions.of_partner(tx, visit.partner_id)
    return Shown(
        {
            "sessions": [one for one in found if one.member_id == visit.member.id],
            "has_generator": await member_second_factors.is_confirmed(tx, visit.partner_id, visit.member.id),
        }
    )


async def end(tx: Tx, act: MemberActing, visit: Visit) -> str:
    """End one of the member's sessions."""
    session = forms.number("session", visit.given("session"))
    await member_sessions.end(tx, visit.partner_id, visit.member.id, session)
    await act.note(tx, "session ended", f"session {session} of {visit.member.email}")
    return link("/account", done="ended")


async def sign_out(tx: Tx, _: MemberActing, visit: Visit) -> str:
    """End this session."""
    await member_sessions.end(tx, visit.partner_id, visit.member.id, visit.session.id)
    return link("/sign-in")
