"""hashrail deployment show|change: what a deployment is, which its database says."""

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from hashrail import db
from hashrail.acts import deployment as acts
from hashrail.acts.acting import Acting
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting_password, let_in, second_needed
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import (
    DataOption,
    JsonOption,
    run_beside,
    say,
    table,
)
from hashrail.deployment import comparing, facts
from hashrail.deployment.comparing import Difference
from hashrail.deployment.facts import ChainKind, Facts, Nature
from hashrail.parties.changes import Change
from hashrail.settings import Network, Settings

group = typer.Typer()
ACT = "deployment change"

NetworkOption = Annotated[
    Network | None, typer.Option(help="The network of every bitcoin address.", show_default=False)
]


@group.command("show")
@prints(shapes.Deployment)
def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what the deployment is, and where this environment says something else. Ends with 1 where it does."""

    async def work(pool: db.Pool, settings: Settings) -> tuple[Facts, list[Difference]]:
        known = await facts.read(pool)
        return known, comparing.differences(known, settings)

    known, found = run_beside(data, work)
    if as_json:
        show_json(_shape(known, found))
    else:
        table("Deployment", ("what", "is"), [*_rows(known.nature), ("since", known.created_at)])
        if found:
            columns = ("what", "in the database", "here", "said by")
            table("Differs", columns, [(one.fact, one.database, one.environment, one.setting) for one in found])
    if found:
        raise typer.Exit(1)


@group.command(
    "change", epilog=example('hashrail deployment change --chain node --reason "paid by ourselves" --as olga')
)
@prints(shapes.Deployment)
def change(
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    network: NetworkOption = None,
    chain: Annotated[
        ChainKind | None, typer.Option(help="Where payouts and deposits happen.", show_default=False)
    ] = None,
    wallet: Annotated[str | None, typer.Option(help="The name of the wallet on the node.")] = None,
    signer: Annotated[
        bool | None,
        typer.Option("--signer/--no-signer", help="Whether the keys in this environment sign.", show_default=False),
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what the deployment is, as an admin; every process is to be started again then.

    A node that becomes the deployment's is the one that this environment names, and with it its signer. The mode never
    changes; the network while no address is in the books; the node while payouts are paused and no batch is on its way.
    """
    mine = acting_password(operator)

    async def work(pool: db.Pool, settings: Settings) -> tuple[Facts, Facts, list[Change]]:
        known = await facts.read(pool)
        meant = acts.wanted(known, settings, network=network, chain=chain, wallet=wallet, signer=signer)
        await comparing.check_node(meant, settings)
        admit = partial(let_in, act=ACT, name=operator, password=mine)
        async with db.transaction(pool) as tx:
            act = Acting(ACT, None, await admit(tx), admit)
            before, after = await acts.change(tx, act, meant, reason=reason)
            return before, after, act.asked

    before, after, asked = run_beside(data, work)
    for each in asked:
        second_needed(each)
    if as_json:
        show_json(_shape(after, []))
    elif before == after:
        say("Nothing is changed.")
    else:
        say(f"The deployment is {after.words()}. Start its processes again.")


def _rows(nature: Nature) -> list[tuple[str, str]]:
    values = asdict(nature)
    if nature.signer is not None:
        values["signer"] = comparing.short(nature.signer)
    return [(name, "none" if value is None else str(value)) for name, value in values.items()]


def _shape(known: Facts, found: list[Difference]) -> shapes.Deployment:
    return shapes.Deployment(
        mode=known.mode,
        network=known.network,
        chain=known.chain,
        wallet=known.wallet,
        signer=known.signer,
        created_at=known.created_at,
        differences=[
            shapes.Difference(fact=one.fact, database=one.database, environment=one.environment, setting=one.setting)
            for one in found
        ],
    )
