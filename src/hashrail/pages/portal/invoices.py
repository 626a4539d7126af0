"""The partner's invoices: a list, one with its lines as it is printed, and both as sheets."""

from hashrail import clock, sheets
from hashrail.accounting import invoices, periods
from hashrail.db import Tx
from hashrail.pages import statement_lines as lines
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import CSV, Download, Shown
from hashrail.selling import billing, statements

LISTED = 50
# A sheet has the invoices of a hundred years.
MOST = 1200
COLUMNS = (
    *("invoice", "month", "issuedAt", "carriedInUsd", "chargedUsd", "amountUsd", "carriedOutUsd", "paidUsd"),
    *("owedBeforeUsd", "owedAfterUsd"),
)


async def listed(tx: Tx, visit: Visit) -> Shown:
    """The newest invoices, and what is owed now."""
    found = await invoices.of_partner(tx, visit.partner_id, limit=LISTED + 1, before=visit.number("after"))
    facts = {
        "found": found[:LISTED],
        "more": link("/invoices", after=found[LISTED - 1].number) if len(found) > LISTED else None,
        "due": await billing.receivable(tx, visit.partner_id),
    }
    return Shown(facts)


async def one(tx: Tx, visit: Visit) -> Shown:
    """An invoice with its lines, as it is printed. Raises InvoiceNotFoundError."""
    found = await invoices.numbered(tx, visit.partner_id, visit.numbers["invoice"])
    following = periods.next_month(found.month)
    moved = await statements.lines(
        tx,
        visit.partner_id,
        first=clock.start_of(found.month),
        before=clock.start_of(following),
        limit=lines.PRINTED + 1,
    )
    facts = {
        "one": found,
        "lines": lines.named(moved[: lines.PRINTED]),
        "has_more": len(moved) > lines.PRINTED,
        "sheet": link("/statement.csv", **{"from": found.month, "to": following - clock.ONE_DAY}),
    }
    return Shown(facts)


async def sheet(tx: Tx, visit: Visit) -> Download:
    """Every invoice, newest first; amounts in USD."""
    found = await invoices.of_partner(tx, visit.partner_id, limit=MOST)
    rows = [
        (
            *(each.name, f"{each.month:%Y-%m}", each.issued_at, each.carried_in_usd, each.charged_usd),
            *(each.amount_usd, each.carried_out_usd, each.paid_usd, each.owed_before_usd, each.owed_after_usd),
        )
        for each in found
    ]
    return Download.of("invoices.csv", CSV, sheets.sheet(COLUMNS, rows).encode())
