"""Partners: how each stands, what it owes and what its users hold together; its users, newest first; opening one."""

from decimal import Decimal

from hashrail.acts import partners as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.parties import partners, standings, users
from hashrail.parties.partners import Partner, PartnerNotFoundError
from hashrail.selling import billing
from hashrail.support import balances

LISTED = 50


async def listed(tx: Tx, _: Visit) -> Shown:
    """All partners."""
    return Shown({"found": await partners.every(tx)})


async def one(tx: Tx, visit: Visit) -> Shown:
    """A partner without a person."""
    partner = await numbered(tx, visit.numbers["partner"])
    return Shown(
        {
            "partner": partner,
            "standing": await standings.of_partner(tx, partner.id),
            "due": await billing.receivable(tx, partner.id),
            "held": await balances.of_partner(tx, partner.id),
        }
    )


async def people(tx: Tx, visit: Visit) -> Shown:
    """A partner's users."""
    partner = await numbered(tx, visit.numbers["partner"])
    found = await users.of_partner(tx, partner.id, limit=LISTED + 1, before=visit.number("after"))
    older = link(f"/partners/{partner.id}/users", after=found[LISTED - 1].id) if len(found) > LISTED else None
    facts = {"partner": partner, "found": found[:LISTED], "more": older}
    return Shown(facts, f"users of partner {partner.id}")


async def ask_to_create(_: Tx, __: Visit) -> Asked:
    """Open a partner."""
    fields = (
        Field("name", "Name that tells it apart"),
        Field("credit_limit", "The most that it may owe", "amount", Decimal(10_000), unit="USD"),
    )
    words = ["It gets books of its own and no key yet: nobody can call for it until you make one."]
    return Asked("Open a partner", "Open the partner", link("/partners"), fields, words)


async def create(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Open it."""
    made = await acts.create(tx, act, name=values["name"], credit_limit=values["credit_limit"], confirm=visit.confirmed)
    return Done(link(f"/partners/{made.partner.id}", done="created"))


async def numbered(tx: Tx, number: int) -> Partner:
    """The partner of that number. Raises PartnerNotFoundError."""
    found = await partners.by_number(tx, number)
    if found is None:
        raise PartnerNotFoundError("no such partner", field="partner")
    return found
