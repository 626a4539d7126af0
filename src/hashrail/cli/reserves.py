"""hashrail proofs reserves: sign which coins the wallet could spend, beside what is owed to users."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import typer

from hashrail.cli import shared
from hashrail.cli.examples import example
from hashrail.cli.printing import Shape, about, prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, say
from hashrail.deployment.opened import Deployment, on_chain
from hashrail.proofs import reserves
from hashrail_client import proofs

app = typer.Typer(no_args_is_help=True)


class ReservesReport(Shape, kw_only=True):
    """What was proven, or would be, beside what is owed."""

    day: Annotated[date, about("the day after which it was signed what is owed")]
    owed: Annotated[Decimal, about("BTC that were owed to users by that document")]
    total: Annotated[Decimal, about("BTC of the coins that the wallet can spend")]
    coins: Annotated[int, about("how many they are")]
    left_out: Annotated[int, about("coins that no proof is made of: of another kind, or too many; 0 where it was made")]
    covered: Annotated[bool, about("whether the coins are worth what is owed, or more")]
    height: Annotated[int, about("the newest block")]
    sha256: Annotated[str | None, about("the signed document; null in a dry run")]
    made: Annotated[bool, about("whether it was made now: one is made for a day")]


@app.callback()
def proofs_group() -> None:
    """Make proofs that others can check."""


@app.command("reserves", epilog=example("hashrail proofs reserves --dry-run"))
@prints(ReservesReport)
def make(
    dry_run: Annotated[bool, typer.Option(help="Sign nothing: show what is owed, and what the wallet has.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove with the keys of the wallet's coins that they could be spent, and sign it for everybody to fetch.

    Nothing is sent, and what is signed never could be. One is made for each day after which it was signed what is owed;
    again shows the same.
    """

    async def work(deployment: Deployment) -> ReservesReport:
        async with on_chain(deployment, signs=not dry_run) as opened:
            if dry_run:
                return _seen(await reserves.look(opened.pool, opened.chain))
            network = opened.settings.network
            return _made(*await reserves.prove(opened.pool, opened.vault, opened.chain, network))

    found = shared.run(data, work, pays=True)
    if as_json:
        show_json(found)
        return
    verdict = "which covers it" if found.covered else f"which is {found.owed - found.total:f} BTC less"
    say(f"{found.owed:f} BTC were owed after {found.day}; {found.coins} coin(s) are {found.total:f} BTC, {verdict}")
    if found.left_out:
        say(f"{found.left_out} coin(s) are left out: of another kind than proofs know, or beyond {reserves.MOST_COINS}")
    if found.sha256 is not None:
        say(f"{'signed' if found.made else 'signed before'}: {found.sha256}")


def _seen(found: reserves.Reserves) -> ReservesReport:
    return ReservesReport(
        day=found.day,
        owed=found.owed_btc,
        total=found.total_btc,
        coins=len(found.coins),
        left_out=found.left_out,
        covered=found.total_btc >= found.owed_btc,
        height=found.tip.height,
        sha256=None,
        made=False,
    )


def _made(document: reserves.ReservesDocument, made: bool) -> ReservesReport:
    content = proofs.read(document.content)
    owed, total = Decimal(content["owed"]), Decimal(content["total"])
    return ReservesReport(
        day=document.day,
        owed=owed,
        total=total,
        coins=len(content["coins"]),
        left_out=0,
        covered=total >= owed,
        height=content["height"],
        sha256=document.sha256,
        made=made,
    )
