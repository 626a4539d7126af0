"""Orders of a partner, one with all of its times, and taking it back: `hashrail order cancel` and `refund`."""

from hashrail.acts import orders as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partner_rules import REASON
from hashrail.pages.console.partners import numbered, whose
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.pages.forms import Field, Values
from hashrail.parties import partners, users
from hashrail.selling import orders, refunds
from hashrail.support import histories, lists
from hashrail.support.lists import Page

LISTED = 50
STATES = lists.STATES["order"]
HISTORY = 50


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The orders of a partner or of one of its users, newest first. Raises StateUnknownError, UserNotFoundError."""
    known = await partners.every(tx)
    asked, state = visit.number("partner"), listing.state(visit.query, STATES)
    chosen = known[0] if asked is None and known else None if asked is None else await numbered(tx, asked)
    found, user = [], visit.number("user")
    if chosen is not None:
        page = Page(LISTED + 1, user_id=user, state=state, after=visit.number("after"))
        found = await lists.orders(tx, chosen.id, page)
    more = None
    if chosen is not None and len(found) > LISTED:
        more = link("/orders", partner=chosen.id, user=user, state=state, after=found[LISTED - 1].id)
    facts = {
        "user_asked": None if chosen is None or user is None else await users.get(tx, chosen.id, user),
        "partners": known,
        "chosen": chosen,
        "ways": None if chosen is None else ConsoleWays(chosen.id),
        "state_asked": state,
        "states": STATES,
        "found": found[:LISTED],
        "more": more,
    }
    return Shown(facts, None if chosen is None else f"orders of partner {chosen.id}")


async def one(tx: Tx, visit: Visit) -> Shown:
    """An order by the partner's external id. Raises OrderNotFoundError."""
    partner = await numbered(tx, visit.number("partner") or 0)
    external_id = visit.asked("order")
    order = await orders.get(tx, partner.id, external_id)
    subject = f"order {partner.id}:{external_id}"
    facts = {
        "ways": ConsoleWays(partner.id),
        "partner": partner,
        "order": order,
        "seen": await lists.order(tx, partner.id, external_id),
        "refund": await refunds.find(tx, partner.id, order),
        "history_of": await histories.about(tx, [subject], limit=HISTORY),
    }
    return Shown(facts, subject)


async def ask_to_cancel(tx: Tx, visit: Visit) -> Asked:
    """Take an order back whose miner is not issued."""
    partner = await whose(tx, visit)
    fields = (Field("order", "The partner's external id"),)
    told = ["What it reserved of the credit limit and the capacity is released. A later payment of it is refused."]
    return Asked(f"Cancel an order of {partner.name}", "Cancel the order", _list_of(visit), fields, told)


async def cancel(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Take it back."""
    await acts.cancel(tx, act, visit.numbers["partner"], values["order"])
    return Done(_page_of(visit, values["order"], "cancelled"))


async def ask_to_refund(tx: Tx, visit: Visit) -> Asked:
    """Take an issued miner back."""
    partner = await whose(tx, visit)
    fields = (Field("order", "The partner's external id"), REASON)
    takes = await refunds.takes_income(tx, partner.id)
    income = "is taken back, as far as it is in their balance" if takes else "stays with its users"
    told = [
        "Its miner leaves with this day, and upgrades of it are refunded with it, whoever has it by now.",
        f"What it has earned {income}.",
        "Beyond what one admin refunds alone in 24 hours it takes two.",
    ]
    return Asked(f"Refund an order of {partner.name}", "Refund the order", _list_of(visit), fields, told)


async def refund(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Take it back."""
    await acts.refund(tx, act, visit.numbers["partner"], values["order"], reason=values["reason"])
    return Done(_page_of(visit, values["order"], "refunded"))


def _list_of(visit: Visit) -> str:
    return link("/orders", partner=visit.numbers["partner"])


def _page_of(visit: Visit, external_id: str, done: str) -> str:
    return link("/order", partner=visit.numbers["partner"], order=external_id, done=done)
