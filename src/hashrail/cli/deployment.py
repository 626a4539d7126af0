"""hashrail deployment show|change: what a deployment is, which its database says."""

from dataclasses import asdict, replace
from typing import Annotated

import typer

from hashrail import db
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
from hashrail.deployment import changing, comparing, facts
from hashrail.deployment.comparing import Difference, NodeNotNamedError, SignerNotNamedError
from hashrail.deployment.facts import ChainKind, Facts, Nature
from hashrail.parties import changes, operators
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

    async def work(pool: db.Pool, settings: Settings) -> tuple[Facts, Facts, Change | None]:
        wanted = _changed(await facts.read(pool), settings, network, chain, wallet, signer=signer)
        await comparing.check_node(wanted, settings)
        async with db.transaction(pool) as tx:
            by = await let_in(tx, ACT, operator, mine)
            before = await changing.changeable(tx, wanted)
            was, is_ = asdict(before.nature), asdict(wanted)
            if was == is_:
                return before, before, None
            operators.assert_reason(reason)
            meant = {**is_, "reason": reason}
            asked = await changes.ask(tx, by, ACT, "deployment", before=was, after=meant)
            if asked is not None:
                return before, before, asked
            _, after = await changing.change(tx, wanted)
            await operators.note(tx, by, ACT, "deployment", reason, before=was, after=is_)
            return before, after, None

    before, after, asked = run_beside(data, work)
    if asked is not None:
        second_needed(asked)
    if as_json:
        show_json(_shape(after, []))
    elif before == after:
        say("Nothing is changed.")
    else:
        say(f"The deployment is {after.words()}. Start its processes again.")


def _changed(
    known: Facts,
    settings: Settings,
    network: Network | None,
    chain: ChainKind | None,
    wallet: str | None,
    *,
    signer: bool | None,
) -> Nature:
    """What the deployment is to be. Raises NodeNotNamedError, SignerNotNamedError, SignerKeyError."""
    wanted = replace(known.nature, network=network or known.network, chain=chain or known.chain)
    if wanted.chain != "node":
        return replace(wanted, wallet=None, signer=None)
    becomes = known.chain != "node"
    if becomes and settings.bitcoin_rpc_url is None:
        raise NodeNotNamedError(f"the node that is to pay is not named: {comparing.NODE} is not set")
    wanted = replace(wanted, wallet=wallet or known.wallet or settings.bitcoin_wallet)
    if signer is False:
        return replace(wanted, signer=None)
    if signer or becomes:
        keys = comparing.signer_in(settings, wanted.network)
        if signer and keys is None:
            raise SignerNotNamedError(f"the keys that are to sign are not there: {comparing.SIGNER} is not set")
        return replace(wanted, signer=keys)
    return wanted


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
