"""hashrail payouts node, hashrail payouts watch: the Bitcoin node that pays, and the wallet on it.

Neither needs the books: an operator looks at a node before anything is deployed. Where there is a deployment, the
environment is compared with it first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from hashrail import clock
from hashrail.bitcoin import look_back, node_report
from hashrail.bitcoin.node import BitcoinNode, open_node
from hashrail.bitcoin.node_report import NodeReport
from hashrail.bitcoin.signer import signer_of
from hashrail.cli import payout_shapes as shapes
from hashrail.cli import shared
from hashrail.cli.examples import example
from hashrail.cli.printing import builtins, prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, table
from hashrail.deployment import comparing
from hashrail.errors import HashrailError
from hashrail.settings import BadSettingError, Settings

T = TypeVar("T")
app = typer.Typer()


@app.command("node")
@prints(shapes.NodeReport)
def node(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what the configured Bitcoin node says, and what speaks against paying through it.

    Ends with 1 where anything does.
    """
    settings, _ = shared.compared(shared.settings_for(data))
    report = _with_node(settings, lambda btc: node_report.report(btc, settings))
    shown = _shape(report, settings)
    if as_json:
        show_json(shown)
    else:
        table("Bitcoin node", ("what", "is"), list(builtins(shown).items())[:-1])
        rows = [(finding.code, finding.message) for finding in report.findings]
        table("Findings", ("code", "why"), rows or [("none", "payments may go out through this node")])
    if any(finding.stops for finding in report.findings):
        raise typer.Exit(1)


@app.command("watch", epilog=example("hashrail payouts watch --since 2026-09-01"))
def watch(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Look through the chain from this day on. Without: from now on."),
    ] = None,
    first_index: Annotated[
        int,
        typer.Option(min=0, max=1_000_000, help="The first address to give out: those before it are somebody's."),
    ] = 0,
    last_index: Annotated[
        int,
        typer.Option(min=0, max=1_000_000, help="The last address to watch now; more follow as they are given."),
    ] = 999,
    data: DataOption = None,
) -> None:
    """Make the wallet on the node watch the addresses of the external signer; again is a no-op.

    A look-back counts once it has ended, and the node has all blocks since that day. Without a signer the wallet's own
    keys are looked for, from a day on.
    """
    settings, known = shared.compared(shared.settings_for(data))
    start = None if since is None else clock.start_of(since.date())

    async def work(btc: BitcoinNode) -> list[tuple[str, str]]:
        signer = signer_of(settings)
        if known is not None:
            comparing.check_signer(known, signer)
        if signer is None and start is None:
            raise BadSettingError("no signer is configured: bitcoin_signer_file or bitcoin_signer")
        if signer is None:
            await look_back.rescan(btc, settings.network, since=start or clock.wall_now())
            kept = [each.text for each in await btc.list_descriptors() if each.active]
            return [("its own keys", text) for text in kept]
        await btc.open_wallet(watch_only=True)
        external, internal = signer.descriptors()
        await look_back.watch(
            btc, settings.network, external, internal, since=start, first_index=first_index, last_index=last_index
        )
        return [("addresses", external), ("change", internal)]

    table(f"Wallet {settings.bitcoin_wallet}", ("watches", "descriptor"), _with_node(settings, work))


def _with_node(settings: Settings, work: Callable[[BitcoinNode], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_node(settings) as btc:
            return await work(btc)

    try:
        return asyncio.run(opened())
    except HashrailError as error:
        shared.fail(error)


def _shape(report: NodeReport, settings: Settings) -> shapes.NodeReport:
    found: dict[str, Any] = node_report.facts(report, settings)
    return shapes.NodeReport(**found, findings=[shapes.Finding.of(finding) for finding in report.findings])
