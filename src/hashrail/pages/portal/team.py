"""The team: who is of it with which role, who is invited, their sessions, and what they did and saw. An owner's."""

from typing import get_args

from hashrail.db import Tx
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import ROOT, Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import (
    invitations,
    member_log,
    member_passkeys,
    member_second_factors,
    member_sessions,
    members,
)
from hashrail.parties.members import Member, Role

PAGE = "/team"
LISTED = 100
# What each role may, as a choice says it.
WORDS: dict[Role, str] = {
    "viewer": "viewer: figures, no persons",
    "support": "support: also users, orders and withdrawals",
    "developer": "developer: also requests, webhooks, and keys that may not withdraw",
    "owner": "owner: also the team, and with a second owner keys that may withdraw",
}
ROLES = tuple((role, WORDS[role]) for role in get_args(Role))


async def team(tx: Tx, visit: Visit) -> Shown:
    """Everybody of the team with what guards each account, and who is invited."""
    found = await members.every(tx, visit.partner_id)
    return Shown(
        {
            "members": found,
            "named": {one.id: one.name for one in found},
            "invited": await invitations.waiting(tx, visit.partner_id),
            "sessions": await member_sessions.of_partner(tx, visit.partner_id),
            "with_generator": await member_second_factors.owners(tx, visit.partner_id),
            "with_passkey": await member_passkeys.owners(tx, visit.partner_id),
            "are_two": await members.are_two_owners(tx, visit.partner_id),
        }
    )


async def log(tx: Tx, visit: Visit) -> Shown:
    """The newest deeds of the team, or with `of=views` which persons they saw."""
    after, is_of_views = visit.number("after"), visit.query.get("of") == "views"
    seen = await member_log.views(tx, visit.partner_id, limit=LISTED + 1, after=after) if is_of_views else []
    done = [] if is_of_views else await member_log.actions(tx, visit.partner_id, limit=LISTED + 1, after=after)
    numbers = [one.id for one in seen] or [one.id for one in done]
    last = numbers[LISTED - 1] if len(numbers) > LISTED else None
    older = None if last is None else link("/log", of="views" if is_of_views else None, after=last)
    facts = {"is_of_views": is_of_views, "seen": seen[:LISTED], "done_of": done[:LISTED], "more": older}
    return Shown(facts)


async def ask_to_invite(_: Tx, __: Visit) -> Asked:
    """Whom to invite."""
    fields = (
        Field("name", "Name", most=members.MAX_NAME_LENGTH),
        Field("email", "E-mail address, by which they sign in", most=members.MAX_EMAIL_LENGTH),
        Field("role", "Role", "choice", "viewer", choices=ROLES),
    )
    words = ["You get a link, once, and hand it over: no mail is sent. It counts once, and for seven days."]
    return Asked("Invite somebody", "Make the link", link(PAGE), fields, words)


async def invite(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Invite them."""
    token, digest = invitations.new_link(visit.partner_id)
    made = await invitations.invite(
        tx,
        visit.partner_id,
        email=values["email"],
        name=values["name"],
        role=values["role"],
        digest=digest,
        by=act.member,
    )
    after = {"email": made.email, "name": made.name, "role": made.role}
    await act.note(tx, "invited", made.email, after=after)
    address = f"{visit.came.site}{ROOT}/join?invitation={token}"
    return Done(link(PAGE), {f"The link for {made.name}": address})


async def withdraw(tx: Tx, act: MemberActing, visit: Visit) -> str:
    """Take an invitation back."""
    gone = await invitations.withdraw(tx, visit.partner_id, visit.numbers["invitation"])
    await act.note(tx, "invitation taken back", gone.email, before={"role": gone.role}, after={})
    return link(PAGE, done="taken_back")


async def ask_for_role(tx: Tx, visit: Visit) -> Asked:
    """What a member may do from now on."""
    found = await _whom(tx, visit)
    fields = (Field("role", "Role", "choice", found.role, choices=ROLES),)
    words = ["Their sessions end: they sign in again with the new role."]
    return Asked(f"Role of {found.name}", "Change the role", link(PAGE), fields, words)


async def set_role(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Change it."""
    was = await _whom(tx, visit)
    made = await members.set_role(tx, visit.partner_id, was.id, values["role"], by=act.member)
    await act.note(tx, "role changed", made.email, before={"role": was.role}, after={"role": made.role})
    return Done(link(PAGE, done="changed"))


async def ask_to_disable(tx: Tx, visit: Visit) -> Asked:
    """What ending an account comes to."""
    found = await _whom(tx, visit)
    words = [
        f"{found.name} ({found.email}) is signed out at once and never gets in by this account again.",
        "What they did stays in the log. Keys go on: a secret that they know ends when you rotate its key.",
        "Who comes back, or has lost password or code generator, is invited anew.",
    ]
    return Asked(f"End the account of {found.name}?", "End the account", link(PAGE), (), words)


async def disable(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """End it."""
    was = await _whom(tx, visit)
    made = await members.disable(tx, visit.partner_id, was.id, by=act.member)
    before, after = was.disabled_at is not None, made.disabled_at is not None
    await act.note(tx, "account ended", made.email, before={"disabled": before}, after={"disabled": after})
    return Done(link(PAGE, done="changed"))


async def end_sessions(tx: Tx, act: MemberActing, visit: Visit) -> str:
    """Sign a member out everywhere."""
    found = await _whom(tx, visit)
    await member_sessions.end_all(tx, visit.partner_id, found.id)
    await act.note(tx, "sessions ended", found.email)
    return link(PAGE, done="signed_out")


async def _whom(tx: Tx, visit: Visit) -> Member:
    """The member whom the path names. Raises MemberNotFoundError."""
    return await members.get(tx, visit.partner_id, visit.numbers["member"])
