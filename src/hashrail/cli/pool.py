"""hashrail pool: what the pool owes and has paid, and whether it is what was mined."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from hashrail import business_clock, db
from hashrail.accounting import periods, pool_payments, pool_promises, pool_receipts
from hashrail.accounting.pool_files import BadPoolFileError
from hashrail.accounting.pool_promises import Day
from hashrail.accounting.pool_receipts import Receipt
from hashrail.acts import pool as acts
from hashrail.acts.acting import Acting
from hashrail.bitcoin.findings import Finding
from hashrail.cli import books_shapes as shapes
from hashrail.cli.acting import AsOption, NamedOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import (
    MAX_ID,
    DataOption,
    JsonOption,
    amount,
    day,
    in_transaction,
    run,
    say,
    table,
    warn,
)
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import ZERO

app = typer.Typer()
receipt_app = typer.Typer(help="Record, list and take back what the pool has paid.", no_args_is_help=True)
address_app = typer.Typer(help="Name the addresses that the pool pays to.", no_args_is_help=True)
app.add_typer(receipt_app, name="receipt")
app.add_typer(address_app, name="address")

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="A bitcoin address of yours.")]
COLUMNS = ("id", "from", "for day", "BTC", "not used yet BTC", "recorded", "taken back", "txid", "reference")


@app.command("show", epilog=example("hashrail pool show", "hashrail pool show --month 2026-03 --json"))
@prints(shapes.Pool)
def show(
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Its days, like 2026-03; default all months.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was credited to users and what the pool has paid for it, month by month, or each day of a month.

    Where more was credited than paid, you have sold more than you mine, or the pool is late.
    """

    async def work(deployment: Deployment) -> tuple[list[Day], list[Finding]]:
        async with db.snapshot(deployment.pool) as tx:
            now = await business_clock.now(tx)
            if month is None:
                rows = await pool_promises.months(tx)
            else:
                rows = await pool_promises.of_month(tx, periods.month(month))
            return rows, await pool_promises.findings(tx, now=now)

    rows, findings = run(data, work)
    if as_json:
        show_json(
            shapes.Pool(
                lines=[_line(row, by_month=month is None) for row in rows],
                total=_line(_sum(rows), by_month=month is None) if rows else None,
                findings=[shapes.PoolFinding(code=one.code, message=one.message) for one in findings],
            )
        )
        return
    columns = ("day" if month else "month", "credited BTC", "paid BTC", "paid more BTC", "open BTC")
    shown = [_cells(row, by_month=month is None) for row in rows]
    if rows:
        shown.append(("all", *_cells(_sum(rows), by_month=True)[1:]))
    table("Pool", columns, shown)
    for one in findings:
        warn(f"{one.code}: {one.message}", "yellow")


@receipt_app.command(
    "add",
    epilog=example(
        "hashrail pool receipt add --txid 4a5e... --as olga",
        'hashrail pool receipt add --amount 0.05 --day 2026-03-01 --reference "March 1" --reason "by mail" --as olga',
    ),
)
def add(
    operator: NamedOption,
    txid: Annotated[
        str | None, typer.Option(help="A transaction that pays a named address; the node proves it.")
    ] = None,
    block: Annotated[
        str | None, typer.Option(metavar="HASH", help="The block that has it, for a node without index.")
    ] = None,
    btc: Annotated[
        Decimal | None, typer.Option("--amount", parser=amount, metavar="BTC", help="What was paid, by your word.")
    ] = None,
    of_day: Annotated[
        date | None,
        typer.Option("--day", parser=day, metavar="DAY", help="The mined day; default yesterday."),
    ] = None,
    reference: Annotated[str, typer.Option(help="What you know it by; each is recorded once.")] = "",
    reason: Annotated[str, typer.Option(help="How you know, where it is your word; it is kept.")] = "",
    data: DataOption = None,
) -> None:
    """Record what the pool has paid, by a transaction or by your word. Again it is the same.

    By word beyond what one operator does alone in 24 hours it takes two admins: hashrail operator alone.
    """
    if (txid is None) == (btc is None):
        raise typer.BadParameter("give --txid, or --amount with --reference and --reason")
    if btc is not None and not reference:
        raise typer.BadParameter("--amount asks for a --reference, by which it is known")

    async def work(act: Acting) -> list[Receipt]:
        meant = of_day or await acts.yesterday(act.deployment.pool)
        if txid is None:
            assert btc is not None, "one of both is given"
            said = pool_receipts.by_word(day=meant, amount_btc=btc, reference=reference, reason=reason)
            async with act.step() as tx:
                return await acts.record_by_word(tx, act, said)
        entered = await acts.prove(act.deployment, txid=txid, day=meant, block=block)
        async with act.step() as tx:
            return await acts.record(tx, act, [entered])

    _tell(acting_in_steps(data, "pool receipt add", operator, work))


@receipt_app.command("import", epilog=example("hashrail pool receipt import pool.csv"))
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV; the first line names the columns.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Record the payments of a file of the pool, all or none. A line that was recorded before is nothing new.

    Columns: day (that was mined) and amount_btc; optional txid and reference. Beyond what one operator does alone in 24
    hours it takes two admins: hashrail operator alone.
    """

    async def work(tx: Tx, act: Acting) -> list[Receipt]:
        try:
            with file.open(newline="", encoding="utf-8-sig") as lines:
                return await acts.import_lines(tx, act, lines)
        except UnicodeDecodeError as error:
            raise BadPoolFileError(f"it is not UTF-8: {error}", field="file") from error

    _tell(acting(data, "pool receipt import", operator, work))


@receipt_app.command("list", epilog=example("hashrail pool receipt list --limit 50"))
@prints(list[shapes.PoolReceipt])
def list_receipts(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the pool has paid, the newest first, with what was taken back."""

    async def work(tx: Tx, _: Deployment) -> list[Receipt]:
        return await pool_receipts.newest(tx, limit)

    found = in_transaction(data, work)
    if as_json:
        show_json([_receipt(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.source,
            one.day,
            one.amount_btc,
            one.undivided_btc,
            one.recorded_at,
            one.reversed_at,
            one.txid,
            one.reference,
        )
        for one in found
    ]
    table("Pool receipts", COLUMNS, rows)


@receipt_app.command("reverse", epilog=example('hashrail pool receipt reverse 3 --reason "entered twice"'))
def reverse(
    receipt_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="Its number, from the list.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Take a receipt back: what it paid for is owed by the pool again. Again is a no-op.

    Beyond what one operator does alone in 24 hours it takes two admins: hashrail operator alone.
    """

    async def work(tx: Tx, act: Acting) -> bool:
        return await acts.reverse(tx, act, receipt_id, reason=reason)

    done = acting(data, "pool receipt reverse", operator, work)
    say("Reversed." if done else "This receipt was reversed before; nothing changed.")


@address_app.command("add", epilog=example("hashrail pool address add bc1q..."))
def add_address(address: AddressArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Name an address of yours that the pool pays to. An address that a user was given is refused."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await acts.add_address(tx, act, address)

    made = acting(data, "pool address add", operator, work)
    say(f"{address} is named." if made else f"{address} was named before; nothing changed.")


@address_app.command("remove", epilog=example("hashrail pool address remove bc1q..."))
def remove_address(address: AddressArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Name an address no more; what was recorded for it stays."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await acts.remove_address(tx, act, address)

    gone = acting(data, "pool address remove", operator, work)
    say(f"{address} is not named any more." if gone else f"{address} was not named; nothing changed.")


@address_app.command("list", epilog=example("hashrail pool address list --json"))
@prints(list[str])
def list_addresses(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the addresses that the pool pays to."""

    async def work(tx: Tx, _: Deployment) -> list[str]:
        return await pool_payments.addresses(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
        return
    table("Addresses of the pool's payments", ("address",), [(each,) for each in found])


def _tell(made: list[Receipt]) -> None:
    if not made:
        say("It was recorded before; nothing changed.")
        return
    whole, left = sum((one.amount_btc for one in made), ZERO), sum((one.undivided_btc for one in made), ZERO)
    rows = [(", ".join(str(one.id) for one in made), whole, whole - left, left)]
    table("Recorded", ("receipts", "BTC", "pays open days BTC", "waits for days to come BTC"), rows)


def _sum(rows: Sequence[Day]) -> Day:
    return Day(
        rows[0].day,
        sum((row.promised_btc for row in rows), ZERO),
        sum((row.received_btc for row in rows), ZERO),
        sum((row.open_btc for row in rows), ZERO),
    )


def _cells(row: Day, *, by_month: bool) -> tuple[object, ...]:
    when = f"{row.day:%Y-%m}" if by_month else str(row.day)
    return when, row.promised_btc, row.received_btc, row.more_btc, row.open_btc


def _line(row: Day, *, by_month: bool) -> shapes.PoolLine:
    return shapes.PoolLine(
        when=f"{row.day:%Y-%m}" if by_month else str(row.day),
        promised_btc=row.promised_btc,
        received_btc=row.received_btc,
        more_btc=row.more_btc,
        open_btc=row.open_btc,
    )


def _receipt(one: Receipt) -> shapes.PoolReceipt:
    return shapes.PoolReceipt(
        id=one.id,
        source=one.source,
        day=one.day,
        amount_btc=one.amount_btc,
        undivided_btc=one.undivided_btc,
        txid=one.txid,
        reference=one.reference,
        reason=one.reason,
        depth=one.depth,
        simulated=one.simulated,
        recorded_at=one.recorded_at,
        reversed_at=one.reversed_at,
        reversed_reason=one.reversed_reason,
    )
