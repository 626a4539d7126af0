"""hashrail rates fetch and sources, tariff: where the figures of a mining day come from."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer

from hashrail.acts import rates as acts
from hashrail.acts import tariffs as tariff_acts
from hashrail.acts.acting import Acting
from hashrail.acts.rates import FetchRun, Tried
from hashrail.acts.tariffs import SetTariff
from hashrail.cli import market_shapes, preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes, effect_shape
from hashrail.cli.second_look import ConfirmOption, DryRunOption, named
from hashrail.cli.shared import DataOption, JsonOption, amount, day, fail, in_transaction, run, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.rewards import day_sources, rates, tariffs
from hashrail.rewards.day_sources import DaySource
from hashrail.rewards.entering import Judgement
from hashrail.rewards.formula import DayInputs
from hashrail.rewards.preview import Effect
from hashrail.rewards.tariffs import Kind, Tariff

app = typer.Typer()
rates_app = typer.Typer()

SOURCE_COLUMNS = ("figure", "source", "value", "left out", "SHA-256")


@rates_app.command(
    "fetch", epilog=example("hashrail rates fetch", "hashrail rates fetch --day 2026-09-09 --dry-run --json")
)
@prints(list[market_shapes.Fetch])
def fetch(
    of_day: Annotated[
        date | None, typer.Option("--day", parser=day, metavar="DAY", help="Only this day; default: all that are due.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be entered: of DAY, or of the next that is due.")
    ] = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch figures of days: blocks from the node, prices from the exchanges, the rest from your tariffs.

    Without a day it takes every day that is over and has no figures, in order, up to the first that has to wait; then
    it ends with 1. The worker does the same every ten minutes. Figures in doubt are entered and held (hashrail rates
    confirm). A day that was entered by hand is only fetched when it is named, which replaces its figures.
    """

    async def look(deployment: Deployment) -> FetchRun:
        return await acts.fetch_tried(deployment, of_day)

    async def work(act: Acting) -> FetchRun:
        return await acts.fetch(act, of_day)

    found = run(data, look) if dry_run else acting_in_steps(data, "rates fetch", operator, work)
    if as_json:
        show_json([_fetch(each, dry_run=dry_run) for each in found.tried])
    else:
        _show(found.tried, dry_run=dry_run)
    if found.stopped is not None:
        fail(found.stopped)


@rates_app.command("sources", epilog=example("hashrail rates sources 2026-09-09"))
@prints(list[shapes.Source])
def sources(
    of_day: Annotated[date, typer.Argument(parser=day, metavar="DAY", help="A mining day (UTC), as 2026-09-09.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a day's figures rest on: who said what, and the hash of each answer."""

    async def work(tx: Tx, _: Deployment) -> list[DaySource]:
        await rates.find(tx, of_day)
        return await day_sources.of_day(tx, of_day)

    found = in_transaction(data, work)
    if as_json:
        show_json([source_shape(each) for each in found])
    elif found:
        table(f"Sources of {of_day}", SOURCE_COLUMNS, source_rows(found))
    else:
        say(f"The figures of {of_day} were entered by hand.")


@app.command(
    "set",
    epilog=example(
        "hashrail tariff set kwh_usd 0.047 --from 2026-10-01",
        "hashrail tariff set pool_fee 0.02 --from 2026-10-01",
        "hashrail tariff set kwh_usd 0.047 --from 2026-10-01 --dry-run",
    ),
)
@prints(preview_shapes.SetTariff)
def set_tariff(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND",
            help="kwh_usd: USD per kWh; service_usd_per_th: USD per TH a day; pool_fee: what the pool keeps.",
        ),
    ],
    value: Annotated[Decimal, typer.Argument(parser=amount, metavar="VALUE", help="The figure.")],
    from_day: Annotated[
        date, typer.Option("--from", parser=day, metavar="DAY", help="The first mining day that it counts for.")
    ],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a tariff of your own count from a day on, in place of the settings; the same kind and day again replaces it.

    Days that are entered already keep their figures. One that is far from what counts before it is refused until it is
    named again (--confirm), and takes two admins where it is further still.
    """

    wanted = Tariff(kind, from_day, value)

    async def work(tx: Tx, act: Acting) -> SetTariff:
        return await tariff_acts.put(tx, act, wanted, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "tariff set", operator, work, tries=dry_run)
    if as_json:
        show_json(_tariff_shape(made, dry_run=dry_run))
        return
    replaced = "" if made.was is None else f", and was {made.was.value}"
    say("Nothing was changed." if dry_run else f"{kind} is {value} from {from_day} on{replaced}.")
    if made.effect is not None:
        say(f"{made.effect.words()}.")


@app.command("list")
@prints(list[market_shapes.DatedTariff])
def list_tariffs(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show every tariff, by kind and the day from which it counts."""

    async def work(tx: Tx, _: Deployment) -> list[Tariff]:
        return await tariffs.listed(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [market_shapes.DatedTariff(kind=each.kind, from_day=each.from_day, value=each.value) for each in found]
        )
        return
    table("Tariffs", ("kind", "from", "value"), [(each.kind, each.from_day, each.value) for each in found])


def _tariff_shape(made: SetTariff, *, dry_run: bool) -> preview_shapes.SetTariff:
    tariff, effect = made.tariff, made.effect
    return preview_shapes.SetTariff(
        kind=tariff.kind,
        from_day=tariff.from_day,
        value=tariff.value,
        before_value=None if effect is None else effect.before,
        change_btc=None if effect is None else effect.change_btc,
        change_usd=None if effect is None else effect.change_usd,
        effect=None if effect is None else effect_shape(effect.effect),
        dry_run=dry_run,
        doubts=doubt_shapes(made.doubts),
    )


def source_shape(found: DaySource) -> shapes.Source:
    """A source for scripts."""
    return shapes.Source(**asdict(found))


def source_rows(found: list[DaySource]) -> list[tuple[Any, ...]]:
    """Sources for a table; a hash by its beginning."""
    return [
        (each.figure, each.source, _shown(each.value), each.left_out or "", (each.sha256 or "")[:16]) for each in found
    ]


def _show(found: Sequence[Tried], *, dry_run: bool) -> None:
    if not found:
        say("No day is due.")
    for each in found:
        day, inputs = each.fetched.day, each.fetched.inputs
        if each.fetched.sources:
            table(f"Sources of {day}", SOURCE_COLUMNS, source_rows(list(each.fetched.sources)))
        if inputs is not None:
            table(f"Inputs of {day}", ("input", "value"), [(k, _shown(v)) for k, v in asdict(inputs).items()])
        if each.judged is not None:
            _show_judged(day, each.judged, each.effect, dry_run=dry_run)
    if dry_run:
        say("Nothing was entered.")


def _show_judged(day: date, judged: Judgement, effect: Effect | None, *, dry_run: bool) -> None:
    for doubt in judged.doubts:
        say(f"Doubtful: {doubt.field} {doubt.figure} ({doubt.why}).", "yellow")
    if effect is not None:
        say(f"{effect.words()}.")
    if judged.doubts and not dry_run:
        say(f"{day} is entered, and held for an operator: hashrail rates confirm {day}", "yellow")
    elif not dry_run:
        say(f"{day} is entered.")


def _fetch(tried: Tried, *, dry_run: bool) -> market_shapes.Fetch:
    fetched, why = tried.fetched, tried.why
    return market_shapes.Fetch(
        day=fetched.day,
        entered=tried.judged is not None and not dry_run,
        inputs=None if fetched.inputs is None else _inputs(fetched.inputs),
        doubts=doubt_shapes(() if tried.judged is None else tried.judged.doubts),
        code=None if why is None else why.code,
        reason=None if why is None else why.message,
        sources=[source_shape(each) for each in fetched.sources],
        effect=None if tried.effect is None else effect_shape(tried.effect),
    )


def _inputs(inputs: DayInputs) -> market_shapes.FetchedInputs:
    return market_shapes.FetchedInputs(
        pool_reward_per_th=inputs.pool_btc_per_th,
        btc_rate=inputs.btc_usd,
        gomining_rate=inputs.gomining_usd,
        k_wh=inputs.kwh_usd,
        service_cost=inputs.service_usd_per_th,
        difficulty=inputs.difficulty,
        subsidy_btc=inputs.subsidy_btc,
        fees_btc=inputs.fees_btc,
        source=inputs.source,
    )


def _shown(value: object) -> object:
    return "" if value is None else value
