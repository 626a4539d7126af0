"""What is a member's own: their open sessions and passkeys, ending them, and another password."""

from hashrail.db import Tx
from hashrail.pages import forms, own_passkeys
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import (
    member_passkeys,
    member_second_factors,
    member_sessions,
    member_signing_in,
    members,
    passwords,
    sent_forms,
)


async def account(tx: Tx, visit: Visit) -> Shown:
    """The member's open sessions, their passkeys, and whether a code generator guards the account."""
    member = visit.member
    found = await member_sessions.of_partner(tx, visit.partner_id)
    known = await member_passkeys.of_member(tx, visit.partner_id, member.id)
    return Shown(
        own_passkeys.shown(visit, known, account=member.email, owner=f"member {member.partner_id} {member.id}")
        | {
            "sessions": [one for one in found if one.member_id == member.id],
            "has_generator": await member_second_factors.is_confirmed(tx, visit.partner_id, member.id),
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


async def add_passkey(tx: Tx, act: MemberActing, visit: Visit) -> str:
    """Keep the passkey that the member's browser has made for the page that asked; other sessions end."""
    member, sent = act.member, own_passkeys.sent(visit)
    await sent_forms.take_of_member(tx, member, sent.once)
    await member_passkeys.add(tx, visit.partner_id, member.id, sent.made, name=sent.name, host=sent.host)
    await member_sessions.end_others(tx, visit.partner_id, member.id, visit.session.id)
    await act.note(tx, "passkey added", f"{sent.name} of {member.email}")
    return link("/account", done="passkey_added")


async def remove_passkey(tx: Tx, act: MemberActing, visit: Visit) -> str:
    """Take one of the member's passkeys away; other sessions end."""
    member, number = act.member, own_passkeys.number(visit)
    name = await member_passkeys.remove(tx, visit.partner_id, member.id, number)
    await member_sessions.end_others(tx, visit.partner_id, member.id, visit.session.id)
    await act.note(tx, "passkey removed", f"{name} of {member.email}")
    return link("/account", done="passkey_removed")


async def ask_for_password(_: Tx, __: Visit) -> Asked:
    """The password that counts, and another one."""
    fields = (
        Field("now", "The password that you have", "password", most=1000),
        Field("new", f"Another password, of at least {passwords.LEAST_PASSWORD} characters", "password", most=1000),
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


async def assert_password(visit: Visit) -> None:
    """Whoever sits here knows the password. Raises TooManySignInsError, MemberCredentialsError."""
    pool, password = visit.deployment.pool, visit.form.get("password", "")
    await member_signing_in.assert_password(pool, visit.member, password, where=visit.where)
