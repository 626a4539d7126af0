"""Partners: how each stands, what it owes and what its users hold together; its users, newest first; opening one."""

from decimal import Decimal

from hashrail import business_clock
from hashrail.access import api_keys, origins, session_grants, ton_domains
from hashrail.accounting import invoices
from hashrail.acts import partners as acts
from hashrail.acts.acting import Acting
from hashrail.custody import payout_terms
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.pages.forms import Field, Values
from hashrail.parties import newcomers, partners, standings, users
from hashrail.parties.partners import Partner, PartnerNotFoundError
from hashrail.selling import billing, payment_reversals, preview, refunds
from hashrail.support import balances, histories, partner_lists
from hashrail.support.partner_lists import COUNTED

LISTED = 50
# Of payments, invoices and deeds, the newest.
NEWEST = 12


async def listed(tx: Tx, _: Visit) -> Shown:
    """All partners."""
    return Shown({"found": await partner_lists.summaries(tx), "counted": COUNTED})


async def one(tx: Tx, visit: Visit) -> Shown:
    """A partner without a person: how it stands, its money, keys and rules; what operators did, for support."""
    partner = await numbered(tx, visit.numbers["partner"])
    due = await billing.receivable(tx, partner.id)
    issued = await invoices.issued(tx, partner.id)
    paid = await payment_reversals.of_partner(tx, partner.id, limit=NEWEST)
    keys = await api_keys.list_keys(tx, partner.id)
    named = histories.of_partner(
        partner.id,
        keys=[row["id"] for row in keys],
        payments=[each.id for each in paid],
        invoices=[each.name for each in issued[-NEWEST:]],
    )
    now = await business_clock.now(tx)
    return Shown(
        {
            "partner": partner,
            "standing": await standings.of_partner(tx, partner.id),
            "due": due,
            "room": preview.room(due),
            "held": await balances.of_partner(tx, partner.id),
            "paid": paid,
            "invoices": list(reversed(issued[-NEWEST:])),
            "month": f"{now:%Y-%m}",
            "keys": keys,
            "sessions": await session_grants.count_open(tx, partner.id, at_most=COUNTED + 1),
            "counted": COUNTED,
            "domains": await ton_domains.ton_domains(tx, partner.id),
            "origins": sorted(await origins.load(tx, partner.id)),
            "terms": await payout_terms.of_partner(tx, partner.id),
            "takes_income": await refunds.takes_income(tx, partner.id),
            "newcomers": await newcomers.of_partner(tx, partner.id, now=now),
            "history_of": await histories.about(tx, named, limit=NEWEST) if visit.may("support") else [],
        }
    )


async def people(tx: Tx, visit: Visit) -> Shown:
    """A partner's users."""
    partner = await numbered(tx, visit.numbers["partner"])
    found = await users.of_partner(tx, partner.id, limit=LISTED + 1, before=visit.number("after"))
    older = link(f"/partners/{partner.id}/users", after=found[LISTED - 1].id) if len(found) > LISTED else None
    facts = {"partner": partner, "found": found[:LISTED], "more": older, "ways": ConsoleWays(partner.id)}
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


async def whose(tx: Tx, visit: Visit) -> Partner:
    """The partner of the path. Raises PartnerNotFoundError."""
    return await numbered(tx, visit.numbers["partner"])


async def numbered(tx: Tx, number: int) -> Partner:
    """The partner of that number. Raises PartnerNotFoundError."""
    found = await partners.by_number(tx, number)
    if found is None:
        raise PartnerNotFoundError("no such partner", field="partner")
    return found


def page_of(visit: Visit, section: str = "", done: str | None = None) -> str:
    """The page of the path's partner, at one of its sections."""
    return link(f"/partners/{visit.numbers['partner']}", done=done) + (f"#{section}" if section else "")
