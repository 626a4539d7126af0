"""What is a member's own: their open sessions, ending them, and another password."""

from hashrail.db import Tx
from hashrail.pages import forms
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import member_second_factors, member_sessions, member_signing_in, members


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


async def ask_for_password(_: Tx, __: Visit) -> Asked:
    """The password that counts, and another one."""
    fields = (
        Field("now", "The password that you have", "password", most=1000),
        Field("new", "Another password, of at least 12 characters", "password", most=1000),
    )
    words = ["All your sessions end: you sign in again with the new one."]
    return Asked("Change your password", "Change it", link("/account"), fields, words)


async def ready(visit: Visit, values: Values) -> str:
    """The digest of the new password, for who has the one before."""
    return await member_signing_in.another_password(
        visit.deployment.pool, visit.member, values["now"], values["new"], where=visit.where
    )


async def set_password(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Take it."""
    await members.set_digest(tx, act.member, visit.told)
    await act.note(tx, "password changed", act.member.email)
    return Done(link("/sign-in"))
