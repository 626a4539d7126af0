"""The people of a partner who use its portal, and what they did and saw: the first owner is invited, accounts end."""

from typing import get_args

from hashrail.acts import members as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.parties import invitations, member_log, members
from hashrail.parties.members import Role

LISTED = 100


async def people(tx: Tx, visit: Visit) -> Shown:
    """Who they are, who is invited, and the newest of what they did, or with `of=views` of whom they saw."""
    partner = await numbered(tx, visit.numbers["partner"])
    found, after = await members.every(tx, partner.id), visit.number("after")
    is_of_views = visit.query.get("of") == "views"
    seen = await member_log.views(tx, partner.id, limit=LISTED + 1, after=after) if is_of_views else []
    done = [] if is_of_views else await member_log.actions(tx, partner.id, limit=LISTED + 1, after=after)
    numbers = [one.id for one in seen] or [one.id for one in done]
    last = numbers[LISTED - 1] if len(numbers) > LISTED else None
    of = "views" if is_of_views else None
    facts = {
        "partner": partner,
        "members": found,
        "named": {one.id: one.name for one in found},
        "invited": await invitations.waiting(tx, partner.id),
        "is_of_views": is_of_views,
        "seen": seen[:LISTED],
        "done_of": done[:LISTED],
        "more": None if last is None else _page(partner.id, of=of, after=last),
    }
    return Shown(facts, f"people of partner {partner.id}")


async def ask_to_invite(tx: Tx, visit: Visit) -> Asked:
    """Whom to invite."""
    partner = await numbered(tx, visit.numbers["partner"])
    fields = (
        Field("name", "Name", most=members.MAX_NAME_LENGTH),
        Field("email", "E-mail address, by which they sign in", most=members.MAX_EMAIL_LENGTH),
        Field("role", "Role", "choice", "owner", choices=[(role, role) for role in get_args(Role)]),
    )
    words = [
        "You get a link, once, and hand it over: no mail is sent. It counts once, and for seven days.",
        "An owner invites the others, and makes keys; keys that may withdraw take two owners of the partner.",
    ]
    return Asked(f"Invite somebody of {partner.name}", "Make the link", _page(partner.id), fields, words)


async def invite(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Invite them."""
    partner = await numbered(tx, visit.numbers["partner"])
    name, email, role = values["name"], values["email"], values["role"]
    made = await acts.invite(tx, act, partner.id, email=email, name=name, role=role)
    return Done(_page(partner.id), {f"The link for {made.name}": f"{visit.came.site}{made.path}"})


async def ask_to_disable(tx: Tx, visit: Visit) -> Asked:
    """What ending an account comes to."""
    partner = await numbered(tx, visit.numbers["partner"])
    found = await members.get(tx, partner.id, visit.numbers["member"])
    words = [
        f"{found.name} ({found.email}) is signed out at once and never gets in by this account again.",
        "Who comes back is invited anew. Without an owner nobody of the partner invites: you do.",
    ]
    return Asked(f"End the account of {found.name}?", "End the account", _page(partner.id), (), words, found.email)


async def disable(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """End it."""
    partner = await numbered(tx, visit.numbers["partner"])
    await acts.disable(tx, act, partner.id, visit.numbers["member"])
    return Done(_page(partner.id, done="changed"))


def _page(partner_id: int, **query: object) -> str:
    return link(f"/partners/{partner_id}/portal", **query)
