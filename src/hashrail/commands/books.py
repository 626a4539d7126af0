"""hashrail audit, explain, account, catalogue, order: looking at the books, and what is on sale."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import typer
from rich.progress import Progress

from hashrail import (
    catalogue,
    checks,
    clock,
    day_fence,
    db,
    discounts,
    explain,
    orders,
    partners,
    rewards,
    tariffs,
    users,
)
from hashrail import ledger as books_of
from hashrail.commands.common import (
    Books,
    DataOption,
    JsonOption,
    PartnerOption,
    amount,
    day,
    err,
    in_transaction,
    out,
    run,
    show_json,
    table,
)
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pricing import Tariff

explain_app = typer.Typer(help="Show how a figure came about.", no_args_is_help=True)
account_app = typer.Typer(help="Balances, now and at a past time.", no_args_is_help=True)
catalogue_app = typer.Typer(help="What is on sale, and how much may be sold.", no_args_is_help=True)
order_app = typer.Typer(help="Orders of partners.", no_args_is_help=True)


def audit(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check every named invariant of the books in one snapshot.

    Ends with 1 at the first that is broken, naming the rows that break it.
    """

    async def work(books: Books) -> list[checks.Finding]:
        findings: list[checks.Finding] = []
        with Progress(console=err, transient=True) as progress:
            task = progress.add_task("auditing", total=len(checks.names()))
            async with db.snapshot(books.pool) as tx:
                async for finding in checks.audit(tx):
                    findings.append(finding)
                    progress.update(task, advance=1, description=finding.name)
                    if finding.rows:
                        break
        return findings

    findings = run(data, work)
    broken = [finding for finding in findings if finding.rows]
    if as_json:
        show_json(
            {
                "ok": not broken,
                "invariants": [
                    {"name": f.name, "rule": f.rule, "holds": not f.rows, "rows": [_texts(row) for row in f.rows]}
                    for f in findings
                ],
            }
        )
    else:
        table(
            "Audit",
            ("invariant", "holds", "rule"),
            [(f.name, "no" if f.rows else "yes", f.rule) for f in findings],
        )
        for finding in broken:
            err.print(f"[red]{finding.name}[/red] is broken by these rows:", highlight=False)
            for row in finding.rows:
                err.print(f"  {_texts(row)}", highlight=False, markup=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


@explain_app.command("income")
def explain_income(
    miner: Annotated[int, typer.Option(help="The miner's id (nftId).")],
    of_day: Annotated[date, typer.Option("--day", parser=day, metavar="DAY", help="The day that was mined.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the whole calculation of one income record, from published inputs to the last digit.

    Example: hashrail explain income --miner 1001 --day 2026-09-09
    """

    async def work(tx: Tx, _: Books) -> explain.Explanation:
        return await explain.income(tx, miner, of_day)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            {
                "miner": found.miner_id,
                "partnerUserId": found.partner_user_id,
                "day": found.day,
                "value": found.net,
                "steps": [
                    {"name": line.name, "reckoning": line.reckoning, "result": line.result, "unit": line.unit}
                    for line in found.lines
                ],
            }
        )
        return
    table(
        f"Miner {found.miner_id} of {found.partner_user_id} on {found.day}",
        ("step", "reckoning", "result", "unit"),
        [(line.name, line.reckoning, line.result, line.unit) for line in found.lines],
    )


@account_app.command("balance")
def balance(
    partner: PartnerOption,
    user: Annotated[str, typer.Option(help="The partner's id of the user.")],
    at: Annotated[str | None, typer.Option(help="A past moment, ISO 8601 with time zone; default now.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """A user's BTC, income that was credited and not yet settled included."""

    async def work(books: Books) -> tuple[datetime, Decimal]:
        moment = None if at is None else clock.parse_iso(at, "at")
        async with db.transaction(books.pool) as tx:
            opened = await day_fence.share(tx, (await partners.find(tx, partner)).id)
            found = await users.find(tx, opened.partner_id, user)
            when = moment or opened.now
            return when, await rewards.balance_at(tx, opened.partner_id, found.id, when)

    when, btc = run(data, work)
    if as_json:
        show_json({"partnerUserId": user, "at": when, "btc": btc})
    else:
        table("Balance", ("user", "at", "BTC"), [(user, when, btc)])


@account_app.command("chart")
def chart(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """The balances of a partner's chart of accounts (credits minus debits, posted)."""

    async def work(tx: Tx, _: Books) -> list[tuple[int, str, str, Decimal]]:
        partner_id = (await partners.find(tx, partner)).id
        return [
            (
                account.value,
                account.name.lower(),
                books_of.CURRENCY_OF[account],
                await books_of.balance(tx, partner_id, account),
            )
            for account in books_of.Chart
        ]

    rows = in_transaction(data, work)
    if as_json:
        show_json([{"account": n, "name": name, "currency": c, "balance": b} for n, name, c, b in rows])
    else:
        table("Chart of accounts", ("account", "name", "currency", "credits - debits"), rows)


@catalogue_app.command("seed")
def seed(data: DataOption = None) -> None:
    """Offer the sample catalogue, and set the sample discount levels and tariff of upgrades."""

    async def work(tx: Tx, _: Books) -> int:
        await catalogue.put(tx, catalogue.sample_collections())
        await discounts.set_levels(tx, catalogue.pairs(catalogue.SAMPLE_LEVELS))
        await tariffs.put(tx, tariffs.SAMPLE)
        return len(await catalogue.on_sale(tx))

    typer.echo(f"{in_transaction(data, work)} offers are on sale.")


@catalogue_app.command("put")
def put(
    power: Annotated[Decimal, typer.Option(parser=amount, metavar="TH")],
    efficiency: Annotated[Decimal, typer.Option(parser=amount, metavar="W/TH")],
    usd: Annotated[Decimal, typer.Option("--price", parser=amount, metavar="USD")],
    data: DataOption = None,
) -> None:
    """Offer a miner, or change the price of one that is offered."""

    async def work(tx: Tx, _: Books) -> None:
        await catalogue.put(tx, [(power, efficiency, usd)])

    in_transaction(data, work)
    typer.echo("Offered.")


@catalogue_app.command("list")
def list_catalogue(data: DataOption = None, as_json: JsonOption = False) -> None:
    """What is on sale."""

    async def work(tx: Tx, _: Books) -> list[catalogue.Collection]:
        return await catalogue.on_sale(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [{"id": c.id, "power": c.power, "efficiency": c.energy_efficiency, "usd": c.value_usd} for c in found]
        )
    else:
        table(
            "On sale", ("id", "TH", "W/TH", "USD"), [(c.id, c.power, c.energy_efficiency, c.value_usd) for c in found]
        )


@catalogue_app.command("upgrades")
def tariff(
    price: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="USD", help="Of a TH in the first band.")
    ] = None,
    band_discount: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="FRACTION", help="Off for each further band.")
    ] = None,
    power_steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="What a TH costs more by W/TH, as 12-14:2.098 15-19:0.772")
    ] = None,
    efficiency_steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="What a step of a TH to a lower W/TH costs.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what upgrades cost, in USD, after changing what is given.

    Example: hashrail catalogue upgrades --price 7.5
    """

    async def work(tx: Tx, _: Books) -> Tariff:
        if price is not None or band_discount is not None or power_steps is not None or efficiency_steps is not None:
            await tariffs.change(
                tx,
                power_price=price,
                band_discount=band_discount,
                power_steps=None if power_steps is None else tariffs.steps(power_steps),
                efficiency_steps=None if efficiency_steps is None else tariffs.steps(efficiency_steps),
            )
        return await tariffs.load(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            {
                "price": found.power_price,
                "bandDiscount": found.band_discount,
                "powerSteps": {str(level): usd for level, usd in sorted(found.power_steps.items())},
                "efficiencySteps": {str(level): usd for level, usd in sorted(found.efficiency_steps.items())},
            }
        )
        return
    price_of_th, less = plain(found.power_price), plain(found.band_discount)
    typer.echo(f"A TH costs {price_of_th} USD, {less} less of it for each further band.")
    levels = sorted({*found.power_steps, *found.efficiency_steps})
    table(
        "Steps, USD per TH",
        ("to W/TH", "a TH costs more", "the step costs"),
        [(n, found.power_steps.get(n, 0), found.efficiency_steps.get(n, 0)) for n in levels],
    )


@catalogue_app.command("capacity")
def capacity(
    th: Annotated[str, typer.Argument(metavar="TH", help="What you own, in TH; `none` sells without a cap.")],
    data: DataOption = None,
) -> None:
    """Cap the TH on sale to the capacity that you own."""
    cap = None if th == "none" else amount(th)

    async def work(tx: Tx, _: Books) -> Decimal:
        await catalogue.set_capacity(tx, cap)
        return await catalogue.committed_th(tx)

    out.print(f"Capacity is {th}; {in_transaction(data, work)} TH are promised.", highlight=False)


@order_app.command("cancel")
def cancel(
    external_id: Annotated[str, typer.Argument(help="The partner's externalId.")],
    partner: PartnerOption,
    data: DataOption = None,
) -> None:
    """Take back an order whose miner is not issued; what it reserved is released."""

    async def work(tx: Tx, _: Books) -> None:
        opened = await day_fence.share(tx, (await partners.find(tx, partner)).id)
        await orders.cancel(tx, opened, external_id=external_id)

    in_transaction(data, work)
    typer.echo("Cancelled.")


def _texts(row: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}
