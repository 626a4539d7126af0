"""A partner's money: payments recorded and taken back, its statement by month, and its invoices.

They are the acts of `hashrail partner payment record`, `reverse` and `hashrail books invoice issue`.
"""

from datetime import date, datetime

from hashrail import business_clock, clock
from hashrail.accounting import invoices, periods
from hashrail.accounting.invoices import Invoice
from hashrail.acts import invoices as invoice_acts
from hashrail.acts import payments as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages import statement_lines as lines
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partner_rules import REASON
from hashrail.pages.console.partners import page_of, whose
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.console.ways import ConsoleWays
from hashrail.pages.forms import Field, Values
from hashrail.selling import billing, payment_reversals, statements

LISTED = 100


async def payments(tx: Tx, visit: Visit) -> Shown:
    """What a partner has paid, newest first."""
    partner = await whose(tx, visit)
    found = await payment_reversals.of_partner(tx, partner.id, limit=LISTED + 1, before=visit.number("after"))
    older = None
    if len(found) > LISTED:
        older = link(f"/partners/{partner.id}/payments", after=found[LISTED - 1].id)
    return Shown({"partner": partner, "found": found[:LISTED], "more": older})


async def statement(tx: Tx, visit: Visit) -> Shown:
    """What moved in a month that a partner owes, line by line; without a month the present one."""
    partner = await whose(tx, visit)
    now = await business_clock.now(tx)
    month = periods.month(visit.query.get("month") or f"{now:%Y-%m}")
    first, before = clock.start_of(month), clock.start_of(periods.next_month(month))
    found = await statements.lines(
        tx, partner.id, first=first, before=before, limit=lines.LISTED + 1, after=lines.after(visit)
    )
    following = lines.following(found)
    path = f"/partners/{partner.id}/statement"
    more = None if following is None else link(path, month=f"{month:%Y-%m}", **following)
    return Shown(
        {
            "partner": partner,
            "month": month,
            "lines": lines.named(found[: lines.LISTED]),
            "more": more,
            "ways": ConsoleWays(partner.id),
            "is_first": not visit.query.get("at"),
            "opening": await statements.owed_before(tx, partner.id, first),
            "moved": await statements.moved(tx, partner.id, first=first, before=before),
            "earlier": _month_before(month),
            "later": periods.next_month(month) if before <= now else None,
        }
    )


async def invoice(tx: Tx, visit: Visit) -> Shown:
    """An invoice with its lines, as it is printed."""
    partner = await whose(tx, visit)
    month = periods.month(visit.asked("month"))
    found = await invoices.get(tx, partner.id, month)
    first, before = clock.start_of(month), clock.start_of(periods.next_month(month))
    moved = await statements.lines(tx, partner.id, first=first, before=before, limit=lines.PRINTED + 1)
    return Shown(
        {
            "partner": partner,
            "one": found,
            "issuer": visit.query.get("issuer", ""),
            "lines": lines.named(moved[: lines.PRINTED]),
            "has_more": len(moved) > lines.PRINTED,
        }
    )


async def ask_to_record(tx: Tx, visit: Visit) -> Asked:
    """Record a payment."""
    partner = await whose(tx, visit)
    due = await billing.receivable(tx, partner.id)
    fields = (
        Field("usd", "What was paid", "amount", unit="USD"),
        Field("reference", "The bank's reference", help="Each is recorded once."),
    )
    told = f"{plain(due.owed)} USD are owed. What is far more than that takes two admins."
    return Asked(f"Record a payment of {partner.name}", "Record it", page_of(visit, "money"), fields, [told])


async def record(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Record it."""
    await acts.record(
        tx,
        act,
        visit.numbers["partner"],
        amount_usd=values["usd"],
        reference=values["reference"],
        confirm=visit.confirmed,
    )
    return Done(page_of(visit, "money", "recorded"))


async def ask_to_reverse(tx: Tx, visit: Visit) -> Asked:
    """Take a payment back."""
    partner = await whose(tx, visit)
    fields = (Field("payment", "Number of the payment", "number"), REASON)
    told = [
        "It is taken back whole: the partner owes it again, whatever its credit limit.",
        "Beyond what one admin takes back alone in 24 hours it takes two.",
    ]
    return Asked(f"Take a payment of {partner.name} back", "Take it back", page_of(visit, "money"), fields, told)


async def reverse(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Take it back."""
    await acts.reverse(tx, act, visit.numbers["partner"], values["payment"], reason=values["reason"])
    return Done(page_of(visit, "money", "reversed"))


async def ask_to_issue(tx: Tx, visit: Visit) -> Asked:
    """Issue an invoice."""
    partner = await whose(tx, visit)
    issued = await invoices.issued(tx, partner.id)
    now = await business_clock.now(tx)
    fields = (Field("month", "The month, like 2026-03, by UTC", value=f"{_due(issued, now):%Y-%m}"),)
    told = [
        "Months before it that have none get theirs too. An invoice never changes.",
        "It is in whole cents; what is below a cent is carried to the next one.",
    ]
    return Asked(f"Issue an invoice to {partner.name}", "Issue it", page_of(visit, "money"), fields, told)


async def issue(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Issue it."""
    partner = await whose(tx, visit)
    month = periods.month(values["month"])
    await invoice_acts.issue(tx, act, partner, month)
    return Done(link(f"/partners/{partner.id}/invoice", month=f"{month:%Y-%m}", done="issued"))


def _due(issued: list[Invoice], now: datetime) -> date:
    """The month that comes next: after the last one, or the one that was over last."""
    return periods.next_month(issued[-1].month) if issued else _month_before(clock.day_of(now).replace(day=1))


def _month_before(first_day: date) -> date:
    return (first_day - clock.ONE_DAY).replace(day=1)
