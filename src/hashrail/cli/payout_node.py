"""hashrail payouts node, hashrail payouts watch: the Bitcoin node that pays, and the wallet on it.

Neither needs the books: an operator looks at a node before anything is deployed. Where there is a deployment, the
environment is compared with it first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import typer

from hashrail import clock
from hashrail.bitcoin import look_back, wallet_marks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import WALLET_NOT_FOUND, BitcoinNode, NoFeeEstimateError, open_node
from hashrail.bitcoin.node_checks import Terms, check_node, check_wallet
from hashrail.bitcoin.records import ChainInfo, FeeRate, FeeTerms
from hashrail.bitcoin.rpc import NodeRefusedError
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
FEE_BLOCKS = 6

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class _Wallet:
    """What can be paid with."""

    coins: int
    confirmed_btc: Decimal


@dataclass(frozen=True, slots=True)
class _Report:
    """Everything that is shown; no wallet where the node has none of that name, no rate where there is no estimate."""

    info: ChainInfo
    rate: FeeRate | None
    wallet: _Wallet | None
    findings: list[Finding]


@app.command("node")
@prints(shapes.NodeReport)
def node(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what the configured Bitcoin node says, and what speaks against paying through it.

    Ends with 1 where anything does.
    """
    settings, _ = shared.compared(shared.settings_for(data))
    report = _with_node(settings, lambda btc: _report(btc, settings))
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


async def _report(btc: BitcoinNode, settings: Settings) -> _Report:
    terms = Terms.of(settings)
    signer = signer_of(settings)
    info = await btc.chain_info(terms.pinned_height)
    now = clock.wall_now()
    findings, rate = check_node(info, terms, now=now), None
    try:
        rate = await btc.estimate_fee(FEE_BLOCKS, _fee_terms(settings))
    except NoFeeEstimateError as error:
        findings.append(Finding(error.code, error.message))
    try:
        wallet = await btc.wallet_info()
        kept = await btc.list_descriptors()
        coins = await btc.list_unspent()
    except NodeRefusedError as error:
        if error.rpc_code != WALLET_NOT_FOUND:
            raise
        missing = Finding("WALLET_NOT_LOADED", f"the node has no wallet {btc.wallet!r} loaded")
        return _Report(info, rate, None, [*findings, missing])
    findings += check_wallet(wallet, kept, None if signer is None else signer.descriptors(), now=now)
    findings += await _mark_findings(btc, settings)
    total = sum((coin.amount_btc for coin in coins), Decimal(0))
    return _Report(info, rate, _Wallet(len(coins), total), findings)


async def _mark_findings(btc: BitcoinNode, settings: Settings) -> list[Finding]:
    mark = await wallet_marks.read(btc, settings.network)
    return look_back.unfinished(mark)


def _fee_terms(settings: Settings) -> FeeTerms:
    return FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)


def _shape(report: _Report, settings: Settings) -> shapes.NodeReport:
    info, rate, wallet = report.info, report.rate, report.wallet
    external = settings.bitcoin_signer_file is not None or settings.bitcoin_signer is not None
    return shapes.NodeReport(
        chain=info.chain,
        software=info.subversion,
        blocks=info.blocks,
        headers=info.headers,
        best_block=info.best_hash,
        median_time=clock.from_seconds(info.median_time),
        initial_download=info.initial_download,
        fee_sat_per_vb=None if rate is None else rate.sat_per_vb,
        fee_source="none" if rate is None else "cap" if rate.capped else rate.source,
        wallet=settings.bitcoin_wallet,
        coins=None if wallet is None else wallet.coins,
        confirmed_btc=None if wallet is None else wallet.confirmed_btc,
        signer="external" if external else "node",
        findings=[shapes.Finding.of(finding) for finding in report.findings],
    )
