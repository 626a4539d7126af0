"""hashrail programme: discounts, by programme and by level, and who takes part."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

import typer
from rich.progress import Progress

from hashrail import db
from hashrail.acts import discounts as acts
from hashrail.acts.acting import Acting
from hashrail.acts.discounts import Discounted, Joining, Levelled
from hashrail.bounds import Doubt
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes, effect_shape
from hashrail.cli.second_look import ConfirmOption, DryRunOption, named
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, amount, day, err, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import decimals, plain
from hashrail.parties import partners
from hashrail.rewards import discounts
from hashrail.rewards.discounts import DatedFraction
from hashrail.rewards.formula import DISCOUNT_DECIMALS
from hashrail.rewards.preview import Effect, LevelsEffect

app = typer.Typer()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The programme's name.")]


@app.command("create")
def create_programme(name: NameArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Open a discount programme."""

    async def work(tx: Tx, act: Acting) -> int | None:
        return await acts.create_programme(tx, act, name)

    say(f"Programme {acting(data, 'programme create', operator, work)} is open.")


@app.command(
    "fraction",
    epilog=example(
        "hashrail programme fraction spring 0.05 --from 2026-09-09",
        "hashrail programme fraction spring 0.05 --from 2026-09-09 --dry-run",
    ),
)
@prints(preview_shapes.SetDiscount)
def set_fraction(
    name: NameArgument,
    fraction: Annotated[Decimal, typer.Argument(parser=amount, metavar="FRACTION", help="0.05 is five percent.")],
    from_day: Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day it counts.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set what a programme gives from a day on, and say what that comes to. More than half takes two."""
    if not 0 <= fraction <= 1 or decimals(fraction) > DISCOUNT_DECIMALS:
        raise typer.BadParameter("a fraction is between 0 and 1 with at most 4 decimals")

    async def work(tx: Tx, act: Acting) -> Discounted:
        meant = named(confirm, dry_run=dry_run)
        return await acts.set_fraction(tx, act, name, from_day=from_day, fraction=fraction, confirm=meant)

    made = acting(data, "programme fraction", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
    if as_json:
        show_json(_shape(effect, doubts, dry_run=dry_run))
    else:
        _show(f"{name} gives {fraction} from {from_day} on.", effect, dry_run=dry_run)


@app.command("cap", epilog=example("hashrail programme cap 0.35 --dry-run"))
@prints(preview_shapes.SetDiscount)
def set_cap(
    fraction: Annotated[Decimal, typer.Argument(parser=amount, metavar="FRACTION", help="0.35 is 35 percent.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the most that levels and programmes add up to, on days published from now on. More than half takes two."""

    async def work(tx: Tx, act: Acting) -> Discounted:
        return await acts.set_cap(tx, act, fraction, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "programme cap", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
    if as_json:
        show_json(_shape(effect, doubts, dry_run=dry_run))
    else:
        _show(f"Discounts add up to at most {plain(fraction)}.", effect, dry_run=dry_run)


@app.command(
    "levels",
    epilog=example(
        "hashrail programme levels 0:0 5:0.003 10:0.006 25:0.009", "hashrail programme levels 0:0 5:0.003 --dry-run"
    ),
)
@prints(preview_shapes.SetLevels)
def set_levels(
    levels: Annotated[list[str], typer.Argument(metavar="TH:FRACTION ...", help="From how many TH, which fraction.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the discount levels by a user's total TH; each user's level follows at their next change.

    It says what that comes to once all follow, and who gets another level. More than half takes two.
    """
    parted = [text.partition(":") for text in levels]
    table_of_levels = {amount(from_th): amount(fraction) for from_th, _, fraction in parted}

    async def work(tx: Tx, act: Acting) -> Levelled:
        return await acts.set_levels(tx, act, table_of_levels, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "programme levels", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
    if as_json:
        show_json(
            preview_shapes.SetLevels(
                levels=len(table_of_levels),
                users=None if effect is None else effect.users,
                effect=None if effect is None else effect_shape(effect.effect),
                dry_run=dry_run,
                doubts=doubt_shapes(doubts),
            )
        )
    else:
        _show(f"{len(table_of_levels)} levels are set.", effect, dry_run=dry_run)


@app.command("list")
@prints(list[shapes.ProgrammeFraction])
def list_programmes(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the programmes with their fractions."""

    async def work(tx: Tx, _: Deployment) -> list[DatedFraction]:
        return await discounts.programmes(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [shapes.ProgrammeFraction(name=one.name, from_day=one.from_day, fraction=one.fraction) for one in found]
        )
    else:
        table("Programmes", ("name", "from", "fraction"), [(one.name, one.from_day, one.fraction) for one in found])


@app.command("join", epilog=example("hashrail programme join spring --partner 1 --user alice"))
def join(
    name: NameArgument,
    partner: PartnerOption,
    user: Annotated[str | None, typer.Option(help="One user; without: everybody, and who registers later.")] = None,
    leave: Annotated[bool, typer.Option("--leave", help="Take out instead.")] = False,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Let users of a partner take part in a programme; it counts from the next UTC day."""

    async def work(act: Acting) -> int:
        pool = act.deployment.pool
        async with db.transaction(pool) as tx:
            meant = Joining((await partners.find(tx, partner)).id, name, user, member=not leave)
            user_ids = await acts.begin_joining(tx, act, meant)
        with Progress(console=err, transient=True) as progress:
            for user_id in progress.track(user_ids, description="users"):
                async with db.transaction(pool) as tx:
                    await acts.join_one(tx, meant, user_id)
        return len(user_ids)

    done = acting_in_steps(data, "programme join", operator, work)
    say(f"{done} user(s) {'left' if leave else 'take part'}.")


def _shape(effect: Effect | None, doubts: Sequence[Doubt], *, dry_run: bool) -> preview_shapes.SetDiscount:
    shown = None if effect is None else effect_shape(effect)
    return preview_shapes.SetDiscount(effect=shown, dry_run=dry_run, doubts=doubt_shapes(doubts))


def _show(done: str, effect: Effect | LevelsEffect | None, *, dry_run: bool) -> None:
    say("Nothing was changed." if dry_run else done)
    if effect is not None:
        say(f"{effect.words()}.")
