"""hashrail books: the books for accountants, as a chart, a trial balance, and a journal for their own programs."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from hashrail import business_clock, clock, db
from hashrail.accounting import journal_texts, periods, trial_balance
from hashrail.accounting.journal_texts import Format
from hashrail.accounting.trial_balance import Row
from hashrail.cli import books_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, day, run, shown_whole, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners

app = typer.Typer()
# What times are told to.
TICK = timedelta(microseconds=1)

OnePartnerOption = Annotated[
    str | None, typer.Option("--partner", help="Name, public id or number of the partner; all where it is left out.")
]
AtOption = Annotated[str | None, typer.Option(help="A past moment, ISO 8601 with time zone; default now.")]
FromOption = Annotated[
    date | None,
    typer.Option("--from", parser=day, metavar="DAY", help="The first day, UTC; default: all there is."),
]
ToOption = Annotated[
    date | None, typer.Option("--to", parser=day, metavar="DAY", help="The last day, UTC; default: today.")
]


@app.command("chart", epilog=example("hashrail books chart", "hashrail books chart --partner 1 --json"))
@prints(list[shapes.ChartEntry])
def chart(
    partner: OnePartnerOption = None, at: AtOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show the chart of accounts, with what each account holds: of all partners together, or of one."""
    _, _, rows = _read(data, partner, at)
    if as_json:
        show_json([_entry(row) for row in rows])
        return
    columns = ("account", "name", "class", "currency", "normal side", "balance")
    shown = [
        (
            one.id,
            one.name,
            one.sort,
            one.currency,
            "debit" if one.debit_is_normal else "credit",
            one.balance,
        )
        for one in map(_entry, rows)
    ]
    table("Chart of accounts", columns, shown)


@app.command(
    "balance",
    epilog=example("hashrail books balance", "hashrail books balance --partner 1 --at 2026-03-31T23:59:59Z"),
)
@prints(shapes.TrialBalance)
def balance(
    partner: OnePartnerOption = None, at: AtOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show the trial balance: debits and credits of every account, of all partners together or of one.

    What was posted at the moment itself is in it. What is pending has moved nothing, and stands in columns of its own.
    """
    partner_id, when, rows = _read(data, partner, at)
    totals = trial_balance.totals(rows)
    if as_json:
        show_json(
            shapes.TrialBalance(
                partner=partner_id,
                at=when,
                rows=[_row(row) for row in rows],
                totals=[
                    shapes.TrialTotal(
                        currency=one.currency,
                        debits=one.debits,
                        credits=one.credits,
                        debit=one.debit,
                        credit=one.credit,
                    )
                    for one in totals
                ],
            )
        )
        return
    columns = (
        *("account", "name", "currency", "debits", "credits", "debit", "credit"),
        *("pending debits", "pending credits"),
    )
    shown: list[tuple[object, ...]] = [
        (
            one.id,
            one.name,
            one.currency,
            one.debits,
            one.credits,
            one.debit,
            one.credit,
            one.debits_pending,
            one.credits_pending,
        )
        for one in map(_row, rows)
    ]
    shown += [(None, "sum", one.currency, one.debits, one.credits, one.debit, one.credit, None, None) for one in totals]
    table(f"Trial balance at {clock.iso(when)}", columns, shown)


@app.command(
    "export",
    epilog=example(
        "hashrail books export > journal.csv",
        "hashrail books export --from 2026-03-01 --to 2026-03-31 --format beancount > march.beancount",
    ),
)
def export(
    form: Annotated[Format, typer.Option("--format", help="A sheet, or plain text for a program.")] = "csv",
    partner: OnePartnerOption = None,
    first: FromOption = None,
    last: ToOption = None,
    data: DataOption = None,
) -> None:
    """Print the journal of all partners, or of one: every posted transfer, with all its digits.

    For hledger and beancount it begins with what accounts held before, and ends with what each must hold in the end,
    which these programs compare.
    """

    async def work(deployment: Deployment) -> None:
        async with db.snapshot(deployment.pool) as tx:
            partner_id = await partner_number(tx, partner)
            period = periods.of_days(first, last, now=await business_clock.now(tx))
            with shown_whole():
                async for part in journal_texts.write(tx, form, partner_id, period):
                    sys.stdout.write(part)

    run(data, work)


def _read(data: Path | None, partner: str | None, at: str | None) -> tuple[int | None, datetime, list[Row]]:
    """Which partner, at what moment, and the trial balance then."""

    async def work(deployment: Deployment) -> tuple[int | None, datetime, list[Row]]:
        moment = None if at is None else clock.parse_iso(at, "at")
        async with db.snapshot(deployment.pool) as tx:
            partner_id, when = await partner_number(tx, partner), moment or await business_clock.now(tx)
            before = None if moment is None else _after(moment)
            return partner_id, when, await trial_balance.read(tx, partner_id, before=before)

    return run(data, work)


def _after(moment: datetime) -> datetime:
    """The first moment after one; the calendar's last has none."""
    return min(moment, datetime.max.replace(tzinfo=UTC) - TICK) + TICK


async def partner_number(tx: Tx, named: str | None) -> int | None:
    """The partner that is named, by number; None for all. Raises PartnerNotFoundError."""
    return None if named is None else (await partners.find(tx, named)).id


def _entry(row: Row) -> shapes.ChartEntry:
    return shapes.ChartEntry(
        id=row.entry.number,
        name=row.entry.name,
        sort=row.entry.sort,
        currency=row.entry.currency,
        debit_is_normal=row.entry.debit_is_normal,
        balance=row.balance,
    )


def _row(row: Row) -> shapes.TrialRow:
    return shapes.TrialRow(
        id=row.entry.number,
        name=row.entry.name,
        currency=row.entry.currency,
        debits=row.debits,
        credits=row.credits,
        debit=row.debit,
        credit=row.credit,
        debits_pending=row.debits_pending,
        credits_pending=row.credits_pending,
    )
