"""What of keys takes two owners: a scope or a secret that lets bitcoin out, and more places from which it may go.

No single person of a partner gets any of it alone: one asks, another confirms, and it is done in the name of both
(`parties/member_changes.py`). Where there are no two owners who are two people, the operator does it.
"""

from ipaddress import ip_network
from typing import Any

from hashrail.access import api_keys
from hashrail.acts import keys as of_keys
from hashrail.acts.acting import Noted
from hashrail.db import Tx
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.parties import member_changes, members
from hashrail.parties.member_changes import MemberChange

PAGE = "/keys"
SCOPES, SECRET, ADDRESSES = "key scopes", "key secret", "key addresses"


async def words(tx: Tx, visit: Visit) -> list[str]:
    """What stands on a form about keys that may withdraw."""
    if await members.are_two_owners(tx, visit.partner_id):
        return ["What lets bitcoin out waits until another owner has confirmed it."]
    return [
        "Your partner has no two owners who are two people, so what lets bitcoin out is done by the operator.",
        "An owner whom the other has invited counts as a second person after a week.",
    ]


async def begins(tx: Tx, partner_id: int, number: int) -> dict[str, Any]:
    """What a change of a key begins with: were any of it changed meanwhile, a second would confirm something else."""
    row = await of_keys.row_of(tx, partner_id, number)
    return {
        "key": number,
        "scopes": row["scopes"],
        "allowed_ips": [str(each) for each in row["allowed_ips"]],
        "secrets": await api_keys.secrets_of(tx, partner_id, number),
    }


async def waiting(tx: Tx, visit: Visit) -> list[tuple[MemberChange, Noted, bool]]:
    """What waits, what it would change, and whether this visitor may confirm it."""
    tied = await members.ties(tx, visit.partner_id)
    return [
        (one, Noted(one.subject, one.before, one.after), tied.are_two(visit.member.id, one.asked_by))
        for one in await member_changes.waiting(tx, visit.partner_id)
    ]


async def ask_to_confirm(tx: Tx, visit: Visit) -> Asked:
    """What confirming comes to."""
    found = await member_changes.get(tx, visit.partner_id, visit.numbers["change"])
    said = [
        f"{found.asked_by_name} has asked for it. Confirmed, it is done at once: bitcoin of your users can leave by it."
    ]
    return Asked(f"Confirm: {found.act} of {found.subject}?", "Confirm it", link(PAGE), (), said)


async def confirm(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Do it."""
    found = await member_changes.confirmable(tx, act.member, visit.numbers["change"])
    number = found.after["key"]
    member_changes.assert_begins_with(found, await begins(tx, visit.partner_id, number))
    await _do(tx, visit.partner_id, number, found)
    act.noted.append(Noted(found.subject, found.before, found.after))
    await member_changes.end(tx, act.member, found, "confirmed")
    return Done(link(PAGE, done="confirmed"))


async def ask_to_withdraw(tx: Tx, visit: Visit) -> Asked:
    """What taking it back comes to."""
    found = await member_changes.get(tx, visit.partner_id, visit.numbers["change"])
    said = [f"{found.asked_by_name} has asked for it. Taken back, nothing of it is done."]
    return Asked(f"Take back: {found.act} of {found.subject}?", "Take it back", link(PAGE), (), said)


async def withdraw(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Take it back."""
    found = await member_changes.get(tx, visit.partner_id, visit.numbers["change"])
    act.noted.append(Noted(found.subject, {"waits": True}, {"waits": False}))
    await member_changes.end(tx, act.member, found, "withdrawn")
    return Done(link(PAGE, done="taken_back"))


async def _do(tx: Tx, partner_id: int, number: int, found: MemberChange) -> None:
    if found.act == SCOPES:
        await api_keys.set_scopes(tx, partner_id=partner_id, key_id=number, scopes=found.after["scopes"])
    elif found.act == ADDRESSES:
        networks = [ip_network(text) for text in found.after["allowed_ips"]]
        await api_keys.set_addresses(tx, partner_id=partner_id, key_id=number, allowed_ips=networks)
    else:
        assert found.act == SECRET, f"nothing is called {found.act}"
        assert found.secret is not None, "it was asked for with a secret"
        await api_keys.take_secret(tx, partner_id=partner_id, key_id=number, sealed=found.secret.encode())
