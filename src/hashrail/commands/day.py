"""hashrail rates, day, programme: the figures of mining days, their close, and discounts."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hashrail import business_clock, clock, daily, day_fence, discounts, partners, rate_classes, rates, rewards, users
from hashrail.commands.common import (
    Books,
    DataOption,
    JsonOption,
    PartnerOption,
    amount,
    day,
    err,
    fail,
    in_transaction,
    out,
    run,
    show_json,
    table,
)
from hashrail.db import Row, Tx
from hashrail.income import DISCOUNT_DECIMALS, DayInputs
from hashrail.money import decimals, plain

app = typer.Typer(help="Mining days: close them, adjust one, see them.", no_args_is_help=True)
rates_app = typer.Typer(help="Rates of mining days: enter, import, list.", no_args_is_help=True)
programmes = typer.Typer(help="Discount programmes: fractions by day, and who takes part.", no_args_is_help=True)

DayArgument = Annotated[date, typer.Argument(parser=day, metavar="DAY", help="A mining day (UTC), as 2026-09-09.")]


@rates_app.command("set")
def set_rates(
    of_day: DayArgument,
    btc_usd: Annotated[str, typer.Option(metavar="USD", help="Price of a bitcoin that day.")],
    pool_btc_per_th: Annotated[str, typer.Option(metavar="BTC", help="Pool reward per TH; or the next three.")] = "",
    difficulty: Annotated[str, typer.Option(metavar="NUMBER", help="Network difficulty.")] = "",
    subsidy_btc: Annotated[str, typer.Option(metavar="BTC", help="Block subsidy.")] = "",
    fees_btc: Annotated[str, typer.Option(metavar="BTC", help="Mean fees per block.")] = "",
    kwh_usd: Annotated[str, typer.Option(metavar="USD", help="Electricity per kWh; default from the settings.")] = "",
    service_usd_per_th: Annotated[str, typer.Option(metavar="USD", help="Service per TH; default likewise.")] = "",
    gomining_usd: Annotated[str, typer.Option(metavar="USD", help="Token price; default likewise.")] = "",
    data: DataOption = None,
) -> None:
    """Enter a day's rates; until the day is published they may be entered again.

    Example: hashrail rates set 2026-09-09 --btc-usd 78862.65 --difficulty 95.67e12 --subsidy-btc 3.125 --fees-btc 0.04
    """
    fields = {
        "day": of_day.isoformat(),
        "btc_usd": btc_usd,
        "pool_btc_per_th": pool_btc_per_th,
        "difficulty": difficulty,
        "subsidy_btc": subsidy_btc,
        "fees_btc": fees_btc,
        "kwh_usd": kwh_usd,
        "service_usd_per_th": service_usd_per_th,
        "gomining_usd": gomining_usd,
    }

    async def work(tx: Tx, books: Books) -> DayInputs:
        inputs = rates.parse(fields, daily.prices(books.settings), await rates.discount_cap(tx))
        await rates.enter(tx, inputs, at=await business_clock.now(tx))
        return inputs

    _show_days([in_transaction(data, work)], "Entered")


@rates_app.command("import")
def import_rates(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV; the first line names the columns.")],
    data: DataOption = None,
) -> None:
    """Enter the days of a CSV series, all or none.

    Columns: day, btc_usd, and either pool_btc_per_th or difficulty, subsidy_btc and fees_btc; optional kwh_usd,
    service_usd_per_th, gomining_usd, source.
    """

    async def work(tx: Tx, books: Books) -> int:
        cap = await rates.discount_cap(tx)
        try:
            with file.open(newline="", encoding="utf-8-sig") as lines:
                series = rates.parse_series(lines, daily.prices(books.settings), cap)
        except UnicodeDecodeError as error:
            raise rates.BadRatesError(f"{file} is not UTF-8: {error}", field="line") from error
        at = await business_clock.now(tx)
        for inputs in series:
            await rates.enter(tx, inputs, at=at)
        return len(series)

    typer.echo(f"{in_transaction(data, work)} days entered.")


@rates_app.command("list")
def list_rates(
    last: Annotated[int, typer.Option(help="How many of the newest days.")] = 14,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest days with their inputs, published or not."""

    async def work(tx: Tx, _: Books) -> list[Row]:
        return await tx.fetch("SELECT * FROM mining_day ORDER BY day DESC LIMIT $1", last)

    rows = in_transaction(data, work)
    if as_json:
        show_json([dict(row.items()) for row in rows])
        return
    table(
        "Mining days",
        ("day", "pool BTC/TH", "BTC USD", "kWh USD", "service USD", "source", "published"),
        [
            (
                row["day"],
                row["pool_btc_per_th"],
                row["btc_usd"],
                row["kwh_usd"],
                row["service_usd_per_th"],
                row["source"],
                row["published_at"],
            )
            for row in rows
        ],
    )


@app.command("close")
def close(
    through: Annotated[
        date | None, typer.Option(parser=day, metavar="DAY", help="The last day to close; default: all that are due.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish every day that is due and has rates, and close it for all partners. Again does nothing."""

    async def work(books: Books) -> daily.Progress:
        columns = (TextColumn("closing {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as progress:
            due = clock.last_creditable_day(await business_clock.now(books.pool))
            published = await books.pool.fetchval("SELECT published_through FROM publication WHERE id = 1")
            total = None if published is None else max(0, (min(due, through or due) - published).days)
            task = progress.add_task("days", total=total)
            return await daily.close_due(
                books.pool,
                through=through,
                done=lambda closed: progress.update(task, advance=1, description=closed.isoformat()),
            )

    made = run(data, work)
    if as_json:
        show_json(
            {
                "publishedThrough": made.published_through,
                "dueThrough": made.due_through,
                "missingRates": made.missing_rates,
                "closed": made.closed,
            }
        )
    else:
        out.print(f"{made.closed} closes; published through {made.published_through}, due through {made.due_through}.")
    if made.missing_rates is not None:
        fail(rates.RatesMissingError(f"no rates for {made.missing_rates}"))


@app.command("show")
def show(of_day: DayArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """What was published for a day: its inputs, the rates of every class, and its adjustments.

    Example: hashrail day show 2026-09-09
    """

    async def work(tx: Tx, _: Books) -> tuple[DayInputs, list[Row], list[Row]]:
        inputs = await rates.of_day(tx, of_day)
        return inputs, await rate_classes.of_day(tx, of_day), await rate_classes.adjustments_of(tx, of_day)

    inputs, classes, adjustments = in_transaction(data, work)
    if as_json:
        show_json(
            {
                "inputs": asdict(inputs),
                "classes": [dict(row.items()) for row in classes],
                "adjustments": [dict(row.items()) for row in adjustments],
            }
        )
        return
    table(f"Inputs of {of_day}", ("input", "value"), [(k, "" if v is None else v) for k, v in asdict(inputs).items()])
    columns = ("class", "W/TH", "level", "programmes", "discount", "pool", "c1", "c2", "net")
    table("Rates, BTC per TH", columns, [tuple(row.values()) for row in classes])
    if adjustments:
        table("Adjustments", tuple(adjustments[0].keys()), [tuple(row.values()) for row in adjustments])


@app.command("adjust")
def adjust(
    of_day: DayArgument,
    reason: Annotated[str, typer.Option(help="Why; it is published with the adjustment.")],
    pool_btc_per_th: Annotated[Decimal | None, typer.Option(parser=amount, metavar="BTC")] = None,
    btc_usd: Annotated[Decimal | None, typer.Option(parser=amount, metavar="USD")] = None,
    kwh_usd: Annotated[Decimal | None, typer.Option(parser=amount, metavar="USD")] = None,
    service_usd_per_th: Annotated[Decimal | None, typer.Option(parser=amount, metavar="USD")] = None,
    data: DataOption = None,
) -> None:
    """Correct a published day: the differences are credited with the next day that is published."""

    async def work(tx: Tx, _: Books) -> int:
        return await rate_classes.adjust(
            tx,
            of_day,
            reason=reason,
            pool_btc_per_th=pool_btc_per_th,
            btc_usd=btc_usd,
            kwh_usd=kwh_usd,
            service_usd_per_th=service_usd_per_th,
            at=await business_clock.now(tx),
        )

    typer.echo(f"Adjustment {in_transaction(data, work)} is published.")


@programmes.command("create")
def create_programme(name: Annotated[str, typer.Argument()], data: DataOption = None) -> None:
    """Open a discount programme."""

    async def work(tx: Tx, _: Books) -> int:
        return await discounts.create_programme(tx, name)

    typer.echo(f"Programme {in_transaction(data, work)} is open.")


@programmes.command("fraction")
def set_fraction(
    name: Annotated[str, typer.Argument()],
    fraction: Annotated[Decimal, typer.Argument(parser=amount, metavar="FRACTION", help="0.05 is five percent.")],
    from_day: Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day it counts.")],
    data: DataOption = None,
) -> None:
    """Set what a programme gives from a day on."""
    if not 0 <= fraction <= 1 or decimals(fraction) > DISCOUNT_DECIMALS:
        raise typer.BadParameter("a fraction is between 0 and 1 with at most 4 decimals")

    async def work(tx: Tx, _: Books) -> None:
        programme = await discounts.find_programme(tx, name)
        await discounts.set_fraction(tx, programme, from_day=from_day, fraction=fraction)

    in_transaction(data, work)
    typer.echo(f"{name} gives {fraction} from {from_day} on.")


@programmes.command("cap")
def set_cap(
    fraction: Annotated[Decimal, typer.Argument(parser=amount, metavar="FRACTION", help="0.35 is 35 percent.")],
    data: DataOption = None,
) -> None:
    """Set the most that levels and programmes add up to, on days published from now on."""

    async def work(tx: Tx, _: Books) -> None:
        await discounts.set_cap(tx, fraction)

    in_transaction(data, work)
    typer.echo(f"Discounts add up to at most {plain(fraction)}.")


@programmes.command("levels")
def set_levels(
    levels: Annotated[list[str], typer.Argument(metavar="TH:FRACTION ...", help="From how many TH, which fraction.")],
    data: DataOption = None,
) -> None:
    """Replace the discount levels by a user's total TH; each user's level follows at his next change.

    Example: hashrail programme levels 0:0 5:0.003 10:0.006 25:0.009
    """
    parted = [text.partition(":") for text in levels]
    table_of_levels = {amount(from_th): amount(fraction) for from_th, _, fraction in parted}

    async def work(tx: Tx, _: Books) -> None:
        await discounts.set_levels(tx, table_of_levels)

    in_transaction(data, work)
    typer.echo(f"{len(table_of_levels)} levels are set.")


@programmes.command("list")
def list_programmes(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the programmes with their fractions."""

    async def work(tx: Tx, _: Books) -> list[Row]:
        return await tx.fetch(
            """SELECT g.name, f.from_day, f.fraction FROM discount_programme g
               LEFT JOIN programme_fraction f ON f.programme_id = g.id ORDER BY g.id, f.from_day"""
        )

    rows = in_transaction(data, work)
    if as_json:
        show_json([dict(row.items()) for row in rows])
    else:
        table("Programmes", ("name", "from", "fraction"), [tuple(row.values()) for row in rows])


@programmes.command("join")
def join(
    name: Annotated[str, typer.Argument()],
    partner: PartnerOption,
    user: Annotated[str | None, typer.Option(help="One user; without: everybody, and who registers later.")] = None,
    leave: Annotated[bool, typer.Option("--leave", help="Take out instead.")] = False,
    data: DataOption = None,
) -> None:
    """Let users of a partner take part in a programme; it counts from the next UTC day."""

    async def change(tx: Tx, partner_id: int, user_id: int, programme: int) -> None:
        opened = await day_fence.share(tx, partner_id)
        if await discounts.set_membership(tx, partner_id, user_id, programme, member=not leave):
            await rewards.sync_stints(tx, opened, [user_id])

    async def work(books: Books) -> int:
        async with books.pool.acquire() as connection, connection.transaction():
            found = await partners.find(connection, partner)
            programme = await discounts.find_programme(connection, name)
            if user is None:
                await discounts.set_partner_programme(connection, found.id, programme, member=not leave)
                rows = await connection.fetch("SELECT id FROM app_user WHERE partner_id = $1 ORDER BY id", found.id)
                ids = [row["id"] for row in rows]
            else:
                ids = [(await users.find(connection, found.id, user)).id]
        with Progress(console=err, transient=True) as progress:
            for user_id in progress.track(ids, description="users"):
                async with books.pool.acquire() as connection, connection.transaction():
                    await change(connection, found.id, user_id, programme)
        return len(ids)

    typer.echo(f"{run(data, work)} user(s) {'left' if leave else 'take part'}.")


def _show_days(days: list[DayInputs], title: str) -> None:
    table(
        title,
        ("day", "pool BTC/TH", "BTC USD", "kWh USD", "service USD", "token USD"),
        [(d.day, d.pool_btc_per_th, d.btc_usd, d.kwh_usd, d.service_usd_per_th, d.gomining_usd) for d in days],
    )
