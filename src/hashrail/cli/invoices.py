"""hashrail books invoice, user-statement: what partners are billed, and what users tell their tax office."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from hashrail import business_clock, clock, db, private_files, sheets
from hashrail.accounting import invoice_page, invoices, periods, user_statement, words
from hashrail.accounting.invoices import Invoice
from hashrail.accounting.periods import Period
from hashrail.accounting.user_statement import Statement
from hashrail.acts import invoices as acts
from hashrail.acts.acting import Acting
from hashrail.books.chart import TransferKind
from hashrail.cli import books_shapes as shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.books import OnePartnerOption, ToOption, partner_number
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, day, in_transaction, run, say, shown_whole, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users
from hashrail.parties.partners import Partner
from hashrail.selling import statements
from hashrail.selling.statements import Line

app = typer.Typer()
invoice_app = typer.Typer(help="Issue, list and show the monthly invoices of partners.", no_args_is_help=True)
app.add_typer(invoice_app, name="invoice")

MonthOption = Annotated[str, typer.Option(metavar="MONTH", help="The month, like 2026-03, by UTC.")]
COLUMNS = ("number", "month", "carried in USD", "charged USD", "amount USD", "carried out USD", "paid USD", "due USD")
SHEET = (
    *("at", "day", "kind", "reference", "btc", "pool_btc", "electricity_btc", "service_btc", "price_usd", "usd"),
    *("electricity_usd", "service_usd", "balance_btc"),
)


@invoice_app.command("issue", epilog=example("hashrail books invoice issue --partner 1 --month 2026-03"))
@prints(shapes.Invoice)
def issue(
    partner: PartnerOption,
    month: MonthOption,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a partner's invoice of a month that is over, and of those before it that have none. Again it is the same.

    It is in whole cents; what is below a cent is carried to the next one.
    """

    async def work(tx: Tx, act: Acting) -> Invoice:
        found = await partners.find(tx, partner)
        return await acts.issue(tx, act, found, periods.month(month))

    found = acting(data, "books invoice issue", operator, work)
    if as_json:
        show_json(_shape(found))
        return
    table("Invoice", COLUMNS, [_row(found)])


@invoice_app.command("list", epilog=example("hashrail books invoice list --partner 1"))
@prints(list[shapes.Invoice])
def list_invoices(partner: OnePartnerOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the invoices of a partner, or of all."""

    async def work(tx: Tx, _: Deployment) -> list[Invoice]:
        return await invoices.issued(tx, await partner_number(tx, partner))

    found = in_transaction(data, work)
    if as_json:
        show_json([_shape(one) for one in found])
        return
    table("Invoices", COLUMNS, map(_row, found))


@invoice_app.command(
    "show",
    epilog=example(
        "hashrail books invoice show --partner 1 --month 2026-03",
        'hashrail books invoice show --partner 1 --month 2026-03 --html march.html --issuer "Mining Ltd, Reykjavik"',
    ),
)
@prints(shapes.WholeInvoice)
def show(
    partner: PartnerOption,
    month: MonthOption,
    html: Annotated[Path | None, typer.Option(help="Write it to this file, as a page that prints well.")] = None,
    issuer: Annotated[str, typer.Option(help="Who bills, as the page shows it: name and address.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an invoice with its lines: orders, upgrades, payments, and what took them back."""

    async def work(deployment: Deployment) -> tuple[Partner, Invoice, list[Line]]:
        meant = periods.month(month)
        async with db.snapshot(deployment.pool) as tx:
            found = await partners.find(tx, partner)
            invoice = await invoices.get(tx, found.id, meant)
            first, before = clock.start_of(meant), clock.start_of(periods.next_month(meant))
            parts = statements.in_parts(tx, found.id, first=first, before=before)
            return found, invoice, [line async for part in parts for line in part]

    found, invoice, lines = run(data, work)
    if html is not None:
        private_files.write(html, invoice_page.page(invoice, found, lines, issuer))
        say(f"Invoice {invoice.name} is in {html}.")
    elif as_json:
        show_json(shapes.WholeInvoice(invoice=_shape(invoice), lines=[_line(line) for line in lines]))
    else:
        table(f"Invoice {invoice.name}", COLUMNS, [_row(invoice)])
        columns = ("at", "what", "miner", "USD", "reference")
        rows = ((one.at, one.what, one.nft_id, one.amount_usd, one.reference) for one in map(_line, lines))
        table("Lines", columns, rows)


@app.command(
    "user-statement",
    epilog=example(
        "hashrail books user-statement --partner 1 --user alice --from 2026-01-01 --to 2026-12-31 > alice.csv",
    ),
)
@prints(shapes.UserStatement)
def user_statement_of(
    partner: PartnerOption,
    user: Annotated[str, typer.Option(help="The partner's id of the user.")],
    first: Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day, UTC.")],
    last: ToOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a user was credited and what moved, in bitcoin and in USD at the day's price, as CSV or JSON.

    Its lines lead from the balance before the first day to that after the last one, to the last digit.
    """

    async def work(deployment: Deployment) -> tuple[Period, Statement]:
        async with db.snapshot(deployment.pool) as tx:
            partner_id = (await partners.find(tx, partner)).id
            period = periods.of_days(first, last, now=await business_clock.now(tx))
            found = await users.find(tx, partner_id, user)
            return period, await user_statement.read(tx, partner_id, found.id, period)

    period, found = run(data, work)
    if as_json:
        show_json(_statement(user, period, found))
        return
    with shown_whole():
        sys.stdout.write(sheets.sheet(SHEET, map(_cells, found.lines)))


def _row(one: Invoice) -> tuple[object, ...]:
    carried = one.carried_in_usd, one.charged_usd, invoice_page.cents(one.amount_usd), one.carried_out_usd
    return one.name, f"{one.month:%Y-%m}", *carried, one.paid_usd, one.due_usd


def _shape(one: Invoice) -> shapes.Invoice:
    return shapes.Invoice(
        number=one.name,
        partner=one.partner_id,
        month=f"{one.month:%Y-%m}",
        carried_in_usd=one.carried_in_usd,
        charged_usd=one.charged_usd,
        amount_usd=one.amount_usd,
        carried_out_usd=one.carried_out_usd,
        paid_usd=one.paid_usd,
        owed_before_usd=one.owed_before_usd,
        owed_after_usd=one.owed_after_usd,
        due_usd=one.due_usd,
        issued_at=one.issued_at,
    )


def _line(one: Line) -> shapes.InvoiceLine:
    return shapes.InvoiceLine(
        at=one.at,
        kind=one.kind,
        what=words.KINDS[TransferKind(one.kind)],
        reference=one.reference,
        nft_id=one.miner_id,
        amount_usd=one.amount_usd,
        balance_usd=one.balance_usd,
    )


def _statement(user: str, period: Period, found: Statement) -> shapes.UserStatement:
    assert period.first is not None, "a statement begins with a day"
    return shapes.UserStatement(
        partner_user_id=user,
        from_=period.first,
        to=period.last,
        opening_btc=found.opening_btc,
        closing_btc=found.closing_btc,
        lines=[
            shapes.UserLine(
                at=one.at,
                day=one.day,
                kind=one.kind.value,
                reference=one.reference,
                btc=one.btc,
                pool_btc=one.pool_btc,
                electricity_btc=one.electricity_btc,
                service_btc=one.service_btc,
                price_usd=one.price_usd,
                usd=one.usd,
                electricity_usd=one.electricity_usd,
                service_usd=one.service_usd,
                balance_btc=one.balance_btc,
            )
            for one in found.lines
        ],
    )


def _cells(one: user_statement.Line) -> tuple[object, ...]:
    what = (one.at, one.day, words.KINDS[one.kind], one.reference)
    amounts = (one.btc, one.pool_btc, one.electricity_btc, one.service_btc)
    return *what, *amounts, one.price_usd, one.usd, one.electricity_usd, one.service_usd, one.balance_btc
