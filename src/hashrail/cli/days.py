"""hashrail day: the close of mining days, what was published for them, and its correction."""

from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hashrail import bounds, business_clock, clock
from hashrail.acts.acting import Acting
from hashrail.bounds import Doubt
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
from hashrail.parties import partners
from hashrail.rewards import (
    closing,
    day_sources,
    entering,
    node_words,
    preview,
    rate_classes,
    rates,
    stints,
    taking_back,
    tariffs,
)
from hashrail.rewards.day_sources import DaySource
from hashrail.rewards.node_words import Words
from hashrail.rewards.preview import Effect
from hashrail.rewards.rates import MiningDay

app = typer.Typer()

DayArgument = Annotated[date, typer.Argument(parser=day, metavar="DAY", help="A mining day (UTC), as 2026-09-09.")]


@dataclass(frozen=True, slots=True)
class _Meant:
    """An adjustment as it was typed."""

    day: date
    reason: str
    changes: dict[str, Decimal]
    confirm: list[str]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Adjusted:
    """What an adjustment is, or would be: its number, what is said against it, what it comes to."""

    number: int | None
    doubts: tuple[Doubt, ...]
    effect: Effect
    words: Words


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
        deployment = act.deployment
        columns = (TextColumn("closing {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as progress:
            total = await closing.days_due(deployment.pool, through=through)
            task = progress.add_task("days", total=total)
            return await closing.close_due(
                deployment.pool,
                through=through,
                done=lambda closed: progress.update(task, advance=1, description=closed.isoformat()),
            )

    subject = "all days that are due" if through is None else f"days through {through}"
    made = acting_in_steps(data, "day close", operator, work, subject=subject)
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

    async def work(act: Acting) -> _Adjusted:
        words = await node_words.ask(act.deployment.settings, [of_day])
        async with act.step() as tx:
            return await _adjust(tx, act, _Meant(of_day, reason, changes, confirm or [], dry_run), words)

    made = acting_in_steps(data, "day adjust", operator, work)
    if as_json:
        show_json(
            shapes.AdjustedDay(
                id=made.number,
                doubts=doubt_shapes(made.doubts),
                effect=effect_shape(made.effect),
                dry_run=dry_run,
                notes=list(made.words.notes),
            )
        )
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
        found = await rates.find(tx, of_day)
        await taking_back.take_back(tx, of_day)
        before = {"published_at": found.published_at, "inputs": asdict(found.inputs)}
        await act.note(tx, f"day {of_day}", before=before, after={"published_at": None}, reason=reason)

    acting(data, "day take-back", operator, work)
    say(
        f"{of_day} is not published any more, and held: hashrail rates set {of_day}, or: hashrail rates delete {of_day}"
    )


@app.command("bring-back", epilog=example("hashrail day bring-back --as olga"))
def bring_back(operator: AsOption = None, data: DataOption = None) -> None:
    """Let miners earn from tomorrow that would only begin later, since a clock was ahead when they were sold.

    No closed day changes, and what was written at the right time neither. Again does nothing.
    """

    async def work(tx: Tx, act: Acting) -> int:
        counts = {partner_id: await stints.bring_back(tx, partner_id) for partner_id in await partners.ids(tx)}
        changed = sum(counts.values())
        found = [partner_id for partner_id, count in counts.items() if count]
        await act.note(tx, "stints", after={"broughtBack": changed, "partners": found})
        return changed

    say(f"{acting(data, 'day bring-back', operator, work)} stints were brought back.")


async def _adjust(tx: Tx, act: Acting, meant: _Meant, words: Words) -> _Adjusted:
    """Correct a day whose doubtful figures are named; what takes two waits for another admin."""
    day = meant.day
    was = await rate_classes.published_inputs(tx, day)
    before = await rate_classes.in_force(tx, day)
    after = rate_classes.corrected(before, meant.changes, pool_fee=await tariffs.pool_fee(tx, day))
    doubts = await entering.correct(tx, after, was, words.told.get(day))
    made = _Adjusted(None, doubts, await preview.of_day(tx, after, before), words)
    if meant.dry_run:
        return made
    bounds.assert_confirmed(doubts, meant.confirm, made.effect.words())
    stood, stands = {"day": day, "inputs": asdict(before)}, {"day": day, "reason": meant.reason, **meant.changes}
    if any(each.two for each in doubts) and await act.waits(tx, f"day {day}", before=stood, after=stands):
        return made
    at = await business_clock.now(tx)
    number = await rate_classes.adjust(tx, day, reason=meant.reason, at=at, **meant.changes)
    await entering.judge_again(tx, after=day, today=clock.day_of(at))
    await act.note(tx, f"day {day}", before=stood, after=stands, reason=meant.reason)
    return replace(made, number=number)


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
