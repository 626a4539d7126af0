"""Partners: how each stands, what it owes and what its users hold together; and its users, newest first."""

from hashrail.db import Tx
from hashrail.pages.console.visit import Shown, Visit, link
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


async def numbered(tx: Tx, number: int) -> Partner:
    """The partner of that number. Raises PartnerNotFoundError."""
    found = await partners.by_number(tx, number)
    if found is None:
        raise PartnerNotFoundError("no such partner", field="partner")
    return found
