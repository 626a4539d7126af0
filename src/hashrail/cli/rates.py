"""hashrail rates: the figures of mining days, from being entered to being published."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from hashrail import bounds, clock
from hashrail.acts import rates as acts
from hashrail.acts.acting import Acting
from hashrail.acts.rates import Entered
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.second_look import ConfirmOption, DryRunOption
from hashrail.cli.shared import DataOption, JsonOption, day, in_transaction, say, table
from hashrail.db import Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.rewards import node_words, rates, tariffs
from hashrail.rewards.formula import DayInputs
from hashrail.rewards.node_words import Words
from hashrail.rewards.preview import Effect
from hashrail.rewards.rates import MiningDay
from hashrail.settings import Settings

app = typer.Typer()

DayArgument = Annotated[date, typer.Argument(parser=day, metavar="DAY", help="A mining day (UTC), as 2026-09-09.")]


@app.command(
    "set",
    epilog=example(
        "hashrail rates set 2026-09-09 --btc-usd 78862.65 --difficulty 95.67e12 --subsidy-btc 3.125 --fees-btc 0.04"
    ),
)
@prints(shapes.EnteredDay)
def set_rates(
    of_day: DayArgument,
    btc_usd: Annotated[str, typer.Option(metavar="USD", help="Price of a bitcoin that day.")],
    pool_btc_per_th: Annotated[str, typer.Option(metavar="BTC", help="Pool reward per TH; or the next three.")] = "",
    difficulty: Annotated[str, typer.Option(metavar="NUMBER", help="Network difficulty: 95.67 T is 95.67e12.")] = "",
    subsidy_btc: Annotated[str, typer.Option(metavar="BTC", help="Block subsidy.")] = "",
    fees_btc: Annotated[str, typer.Option(metavar="BTC", help="Mean fees per block.")] = "",
    kwh_usd: Annotated[str, typer.Option(metavar="USD", help="Electricity per kWh; default from the settings.")] = "",
    service_usd_per_th: Annotated[str, typer.Option(metavar="USD", help="Service per TH; default likewise.")] = "",
    gomining_usd: Annotated[str, typer.Option(metavar="USD", help="Token price; default likewise.")] = "",
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a day's rates; until the day is published they may be entered again, and deleted.

    They are compared with the day before. What is further from it than one types by chance is refused until each such
    figure is named again (--confirm); where there are two admins, another one confirms what is further still. So it is
    with what the deployment's node tells otherwise; where it cannot tell the day, that is said.
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

    async def work(act: Acting) -> Entered:
        settings = act.deployment.settings
        words = await acts.ask_node(act.deployment, of_day)
        async with act.step() as tx:
            inputs = rates.parse(fields, await tariffs.prices(tx, of_day, settings), await rates.discount_cap(tx))
            if dry_run:
                return await acts.seen(tx, inputs, words)
            return await acts.enter(tx, act, inputs, words, confirm=confirm or [])

    made = acting_in_steps(data, "rates set", operator, work)
    if as_json:
        show_json(_entered(made, dry_run=dry_run))
        return
    _show_days([made.inputs], "Not entered: a dry run" if dry_run else "Entered")
    say(made.effect.words() + ".")
    for each in made.judged.doubts:
        say(f"Doubtful: {each.field} {each.figure} ({each.why}).", "yellow")
    show_notes(made.words)
    say(f"It publishes at {clock.iso(made.publishes_at)}; until then: hashrail rates delete {made.inputs.day}")


@app.command("import", epilog=example("hashrail rates import rates.csv"))
def import_rates(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV; the first line names the columns.")],
    confirm: ConfirmOption = None,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Enter the days of a CSV series, all or none. Days with doubtful figures are held (hashrail rates confirm).

    Columns: day, btc_usd, and either pool_btc_per_th or difficulty, subsidy_btc and fees_btc; optional kwh_usd,
    service_usd_per_th, gomining_usd, source. Commas part values, a point parts decimals, nothing parts thousands; every
    line has a value for every column, empty or not, and every day stands there once.
    """

    async def work(act: Acting) -> tuple[int, list[date], Words]:
        series = await _read(act.deployment.pool, file, act.deployment.settings)
        words = await node_words.ask(act.deployment.settings, [inputs.day for inputs in series])
        async with act.step() as tx:
            series = await _read(tx, file, act.deployment.settings)
            return len(series), await acts.enter_series(tx, act, series, words, confirm=confirm or []), words

    count, held, words = acting_in_steps(data, "rates import", operator, work)
    say(f"{count} days entered.")
    show_notes(words)
    for each in held:
        say(f"{each} is held for an operator: hashrail rates list, then: hashrail rates confirm {each}", "yellow")


@app.command("list")
@prints(list[shapes.Day])
def list_rates(
    last: Annotated[int, typer.Option(help="How many of the newest days.")] = 14,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest days with their inputs: published, or when they are and what they wait for."""

    async def work(tx: Tx, _: Deployment) -> list[MiningDay]:
        return await rates.newest(tx, last)

    found = in_transaction(data, work)
    if as_json:
        show_json([day_shape(one) for one in found])
        return
    table(
        "Mining days",
        ("day", "pool BTC/TH", "BTC USD", "kWh USD", "service USD", "source", "published", "publishes at", "held"),
        [
            (
                one.inputs.day,
                one.inputs.pool_btc_per_th,
                one.inputs.btc_usd,
                one.inputs.kwh_usd,
                one.inputs.service_usd_per_th,
                one.inputs.source,
                one.published_at,
                None if one.published_at is not None else one.publishes_at,
                "; ".join(one.held),
            )
            for one in found
        ],
    )


@app.command("confirm", epilog=example("hashrail rates confirm 2026-09-09 --as olga"))
def confirm_rates(
    of_day: DayArgument, confirm: ConfirmOption = None, operator: AsOption = None, data: DataOption = None
) -> None:
    """Let a day be published that is held, with its figures as they are; what is far off takes two admins.

    Where there is only one, each figure that would take two is named with --confirm.
    """

    async def work(act: Acting) -> Effect | None:
        words = await acts.ask_node(act.deployment, of_day)
        async with act.step() as tx:
            return await acts.confirm(tx, act, of_day, words, named=confirm or [])

    effect = acting_in_steps(data, "rates confirm", operator, work)
    assert effect is not None, "what waits for a second has ended the command"
    say(f"{of_day} is held no longer. {effect.words()}.")


@app.command("delete", epilog=example("hashrail rates delete 2026-09-09 --as olga"))
def delete_rates(of_day: DayArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Take back what was entered for a day that is not published."""

    async def work(tx: Tx, act: Acting) -> None:
        await acts.delete(tx, act, of_day)

    acting(data, "rates delete", operator, work)
    say(f"{of_day} has no rates any more.")


@app.command("policy", epilog=example("hashrail rates policy --publish-delay 7200"))
@prints(shapes.RatesPolicy)
def policy(
    publish_delay: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long a day waits between entering and publishing.")
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how long a day waits between entering and publishing, after changing it. To shorten it takes two admins."""

    async def change(tx: Tx, act: Acting) -> timedelta:
        assert publish_delay is not None, "it was given"
        await acts.set_delay(tx, act, publish_delay)
        return await rates.delay(tx)

    async def show(tx: Tx, _: Deployment) -> timedelta:
        return await rates.delay(tx)

    found = in_transaction(data, show) if publish_delay is None else acting(data, "rates policy", operator, change)
    seconds = found // timedelta(seconds=1)
    if as_json:
        show_json(shapes.RatesPolicy(publish_delay_seconds=seconds))
    else:
        say(f"A day is published {seconds} seconds after it was entered, when it is over and not held.")


def day_shape(found: MiningDay) -> shapes.Day:
    """A day for scripts."""
    inputs = found.inputs
    return shapes.Day(
        day=inputs.day,
        pool_reward_per_th=inputs.pool_btc_per_th,
        btc_rate=inputs.btc_usd,
        gomining_rate=inputs.gomining_usd,
        k_wh=inputs.kwh_usd,
        service_cost=inputs.service_usd_per_th,
        discount_cap=None if found.published_at is None else inputs.discount_cap,
        difficulty=inputs.difficulty,
        subsidy_btc=inputs.subsidy_btc,
        fees_btc=inputs.fees_btc,
        source=inputs.source,
        entered_at=found.entered_at,
        published_at=found.published_at,
        publishes_at=None if found.published_at is not None else found.publishes_at,
        held=list(found.held),
        held_for_two=found.held_for_two,
    )


async def _read(reader: Reader, file: Path, settings: Settings) -> list[DayInputs]:
    """The days of a file. Raises BadRatesError."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return await acts.read_series(reader, lines, settings)
    except UnicodeDecodeError as error:
        raise rates.BadRatesError(f"{file} is not UTF-8: {error}", field="line") from error


def _show_days(days: list[DayInputs], title: str) -> None:
    table(
        title,
        ("day", "pool BTC/TH", "BTC USD", "kWh USD", "service USD", "token USD"),
        [(d.day, d.pool_btc_per_th, d.btc_usd, d.kwh_usd, d.service_usd_per_th, d.gomining_usd) for d in days],
    )


def _entered(made: Entered, *, dry_run: bool) -> shapes.EnteredDay:
    inputs, effect = made.inputs, made.effect
    return shapes.EnteredDay(
        day=inputs.day,
        pool_reward_per_th=inputs.pool_btc_per_th,
        btc_rate=inputs.btc_usd,
        gomining_rate=inputs.gomining_usd,
        k_wh=inputs.kwh_usd,
        service_cost=inputs.service_usd_per_th,
        publishes_at=made.publishes_at,
        dry_run=dry_run,
        doubts=doubt_shapes(made.judged.doubts),
        effect=effect_shape(effect),
        notes=list(made.words.notes),
    )


def show_notes(words: Words) -> None:
    """What the node could not tell, for people."""
    for each in words.notes:
        say(f"{each}.", "yellow")


def effect_shape(effect: Effect) -> shapes.Effect:
    """What figures come to, for scripts."""
    return shapes.Effect(
        partners=effect.crowd.partners,
        miners=effect.crowd.miners,
        power=effect.crowd.power_th,
        credits_btc=effect.credits_btc,
        before_btc=effect.before_btc,
        since=effect.since,
    )


def doubt_shapes(doubts: Sequence[bounds.Doubt]) -> list[shapes.Doubt]:
    """Figures in doubt, for scripts."""
    return [shapes.Doubt(field=each.field, confirm=each.figure, why=each.why, takes_two=each.two) for each in doubts]
