"""hashrail day: the close of mining days, what was published for them, and its correction."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hashrail.acts import days as acts
from hashrail.acts.acting import Acting
from hashrail.acts.days import Adjusted, Meant
from hashrail.acts.rates import ask_node
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.market import SOURCE_COLUMNS, source_rows, source_shape
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import day_shape, doubt_shapes, effect_shape, show_notes
from hashrail.cli.second_look import ConfirmOption, DryRunOption
from hashrail.cli.shared import DataOption, JsonOption, amount, day, err, fail, in_transaction, say, table
from hashrail.db import Row, Tx
from hashrail.deployment.opened import Deployment
from hashrail.rewards import closing, day_sources, rate_classes, rates
from hashrail.rewards.day_sources import DaySource
from hashrail.rewards.rates import MiningDay

app = typer.Typer()

DayArgument = Annotated[date, typer.Argument(parser=day, metavar="DAY", help="A mining day (UTC), as 2026-09-09.")]


@app.command("close", epilog=example("hashrail day close", "hashrail day close --through 2026-09-09"))
@prints(shapes.Closing)
def close(
    through: Annotated[
        date | None, typer.Option(parser=day, metavar="DAY", help="The last day to close; default: all that are due.")
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish every day that is due and has rates, and close it for all partners. Again does nothing."""

    async def work(act: Acting) -> closing.Progress:
        columns = (TextColumn("closing {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as progress:
            total = await closing.days_due(act.deployment.pool, through=through)
            task = progress.add_task("days", total=total)
            return await acts.close(
                act,
                through=through,
                done=lambda closed: progress.update(task, advance=1, description=closed.isoformat()),
            )

    made = acting_in_steps(data, "day close", operator, work, subject=acts.close_subject(through))
    if as_json:
        show_json(
            shapes.Closing(
                published_through=made.published_through,
                due_through=made.due_through,
                missing_rates=made.missing_rates,
                waiting=None if made.waiting is None else made.waiting.code,
                days_closed=made.closed,
            )
        )
    else:
        say(f"{made.closed} closes; published through {made.published_through}, due through {made.due_through}.")
    if made.missing_rates is not None:
        fail(rates.RatesMissingError(f"no rates for {made.missing_rates}"))
    if made.waiting is not None:
        fail(made.waiting)


@app.command("show", epilog=example("hashrail day show 2026-09-09"))
@prints(shapes.WholeDay)
def show(of_day: DayArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what was published for a day: its inputs and their sources, the rates of every class, its adjustments."""

    async def work(tx: Tx, _: Deployment) -> tuple[MiningDay, list[DaySource], list[Row], list[Row]]:
        found, sources = await rates.find(tx, of_day), await day_sources.of_day(tx, of_day)
        return found, sources, await rate_classes.of_day(tx, of_day), await rate_classes.adjustments_of(tx, of_day)

    found, sources, classes, adjustments = in_transaction(data, work)
    if as_json:
        show_json(
            shapes.WholeDay(
                inputs=day_shape(found),
                classes=[_rate_class(row) for row in classes],
                adjustments=[_adjustment(row) for row in adjustments],
                sources=[source_shape(each) for each in sources],
            )
        )
        return
    inputs = asdict(found.inputs)
    table(f"Inputs of {of_day}", ("input", "value"), [(k, "" if v is None else v) for k, v in inputs.items()])
    if sources:
        table("Sources", SOURCE_COLUMNS, source_rows(sources))
    columns = ("class", "W/TH", "level", "programmes", "discount", "pool", "c1", "c2", "net")
    table("Rates, BTC per TH", columns, [tuple(row.values()) for row in classes])
    if adjustments:
        table("Adjustments", tuple(adjustments[0].keys()), [tuple(row.values()) for row in adjustments])


@app.command(
    "adjust",
    epilog=example(
        'hashrail day adjust 2026-09-09 --btc-usd 78862.65 --reason "typing error"',
        'hashrail day adjust 2026-09-09 --difficulty 95.67e12 --reason "typing error" --dry-run',
    ),
)
@prints(shapes.AdjustedDay)
def adjust(
    of_day: DayArgument,
    reason: Annotated[str, typer.Option(help="Why; it is published with the adjustment.")],
    difficulty: Annotated[
        Decimal | None,
        typer.Option(parser=amount, metavar="NUMBER", help="Network difficulty, as it should be."),
    ] = None,
    subsidy_btc: Annotated[Decimal | None, typer.Option(parser=amount, metavar="BTC", help="Block subsidy.")] = None,
    fees_btc: Annotated[Decimal | None, typer.Option(parser=amount, metavar="BTC", help="Mean fees per block.")] = None,
    pool_btc_per_th: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="BTC", help="Pool reward per TH, instead of these three.")
    ] = None,
    btc_usd: Annotated[Decimal | None, typer.Option(parser=amount, metavar="USD", help="Price of a bitcoin.")] = None,
    kwh_usd: Annotated[Decimal | None, typer.Option(parser=amount, metavar="USD", help="Electricity per kWh.")] = None,
    service_usd_per_th: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="USD", help="Service per TH.")
    ] = None,
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct a published day: the differences are credited with the next day that is published.

    All adjustments of a day together are held against what was published, as rates are against the day before, and
    against what the deployment's node tells of the day.
    """
    given = {
        "difficulty": difficulty,
        "subsidy_btc": subsidy_btc,
        "fees_btc": fees_btc,
        "pool_btc_per_th": pool_btc_per_th,
        "btc_usd": btc_usd,
        "kwh_usd": kwh_usd,
        "service_usd_per_th": service_usd_per_th,
    }
    changes = {name: value for name, value in given.items() if value is not None}

    meant = Meant(of_day, reason, changes)

    async def work(act: Acting) -> Adjusted:
        words = await ask_node(act.deployment, of_day)
        async with act.step() as tx:
            if dry_run:
                return await acts.adjusted(tx, meant, words)
            return await acts.adjust(tx, act, meant, words, confirm=confirm or [])

    made = acting_in_steps(data, "day adjust", operator, work)
    if as_json:
        show_json(_adjusted(made, dry_run=dry_run))
        return
    say(f"{made.effect.words()}.")
    show_notes(made.words)
    say("Nothing was changed." if dry_run else f"Adjustment {made.number} is published.")


@app.command("take-back", epilog=example('hashrail day take-back 2026-09-09 --reason "it cannot close" --as olga'))
def take_back(
    of_day: DayArgument,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the log.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Take back the newest published day, where no partner with miners has closed it; it is then held.

    It is the way out where a day was published that cannot be closed. Enter it again, or delete it.
    """

    async def work(tx: Tx, act: Acting) -> None:
        await acts.take_back(tx, act, of_day, reason=reason)

    acting(data, "day take-back", operator, work)
    say(
        f"{of_day} is not published any more, and held: hashrail rates set {of_day}, or: hashrail rates delete {of_day}"
    )


@app.command("bring-back", epilog=example("hashrail day bring-back --as olga"))
def bring_back(operator: AsOption = None, data: DataOption = None) -> None:
    """Let miners earn from tomorrow that would only begin later, since a clock was ahead when they were sold.

    No closed day changes, and what was written at the right time neither. Again does nothing.
    """

    say(f"{acting(data, 'day bring-back', operator, acts.bring_back)} stints were brought back.")


def _adjusted(made: Adjusted, *, dry_run: bool) -> shapes.AdjustedDay:
    return shapes.AdjustedDay(
        id=made.number,
        doubts=doubt_shapes(made.doubts),
        effect=effect_shape(made.effect),
        dry_run=dry_run,
        notes=list(made.words.notes),
    )


def _rate_class(row: Row) -> shapes.RateClass:
    return shapes.RateClass(
        id=row["id"],
        energy_efficiency=row["energy_efficiency"],
        level_discount=row["level_discount"],
        programmes=row["programmes"],
        total_discount=row["discount"],
        pool_reward_per_th=row["pool"],
        c1_value_per_th=row["c1"],
        c2_value_per_th=row["c2"],
        net_income_per_th=row["net"],
    )


def _adjustment(row: Row) -> shapes.Adjustment:
    return shapes.Adjustment(
        id=row["id"],
        effective_day=row["effective_day"],
        reason=row["reason"],
        pool_reward_per_th=row["pool_btc_per_th"],
        btc_rate=row["btc_usd"],
        k_wh=row["kwh_usd"],
        service_cost=row["service_usd_per_th"],
    )
