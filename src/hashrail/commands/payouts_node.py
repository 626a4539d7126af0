"""hashrail payouts node, hashrail payouts watch: the Bitcoin node that pays, and the wallet on it.

Neither needs the books: an operator looks at a node before anything is deployed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import typer

from hashrail import clock
from hashrail.commands import common
from hashrail.commands.common import DataOption, JsonOption, show_json, table
from hashrail.errors import HashrailError
from hashrail.gateways.bitcoin import WALLET_NOT_FOUND, BitcoinNode, open_node
from hashrail.gateways.bitcoin_guards import Finding, Terms, check_node, check_wallet
from hashrail.gateways.bitcoin_records import ChainInfo, FeeRate, FeeTerms
from hashrail.gateways.bitcoin_rpc import NodeRefusedError
from hashrail.gateways.signer import signer_of
from hashrail.settings import Settings

T = TypeVar("T")
FEE_BLOCKS = 6

app = typer.Typer(
    help="Payouts in bitcoin: how they stand, who approves them, the node that pays.", no_args_is_help=True
)


@dataclass(frozen=True, slots=True)
class _Wallet:
    """What can be paid with."""

    coins: int
    confirmed_btc: Decimal


@dataclass(frozen=True, slots=True)
class _Report:
    """Everything that is shown; no wallet where the node has none of that name."""

    info: ChainInfo
    rate: FeeRate
    wallet: _Wallet | None
    findings: list[Finding]


@app.command("node")
def node(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what the configured Bitcoin node says, and what speaks against paying through it.

    Ends with 1 where anything does.
    """
    settings = common.settings_for(data)
    report = _with_node(settings, lambda btc: _report(btc, settings))
    if as_json:
        show_json(_facts(report, settings))
    else:
        table("Bitcoin node", ("what", "is"), list(_facts(report, settings).items())[:-1])
        rows = [(finding.code, finding.message) for finding in report.findings]
        table("Findings", ("code", "why"), rows or [("none", "payments may go out through this node")])
    if report.findings:
        raise typer.Exit(1)


@app.command("watch")
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

    Example: hashrail payouts watch --since 2026-09-01
    """
    settings = common.settings_for(data)
    start = None if since is None else clock.start_of(since.date())

    async def work(btc: BitcoinNode) -> tuple[str, str]:
        signer = signer_of(settings)
        if signer is None:
            raise common.BadSettingError("no signer is configured: bitcoin_signer_file or bitcoin_signer")
        await btc.open_wallet(watch_only=True)
        external, internal = signer.descriptors()
        await btc.import_descriptors(external, internal, since=start, first_index=first_index, last_index=last_index)
        return external, internal

    rows = list(zip(("addresses", "change"), _with_node(settings, work), strict=True))
    table(f"Wallet {settings.bitcoin_wallet}", ("watches", "descriptor"), rows)


def _with_node(settings: Settings, work: Callable[[BitcoinNode], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_node(settings) as btc:
            return await work(btc)

    try:
        return asyncio.run(opened())
    except HashrailError as error:
        common.fail(error)


async def _report(btc: BitcoinNode, settings: Settings) -> _Report:
    terms = Terms.of(settings)
    signer = signer_of(settings)
    info = await btc.chain_info(terms.pinned_height)
    rate = await btc.estimate_fee(FEE_BLOCKS, _fee_terms(settings))
    findings = check_node(info, terms, now=clock.wall_now())
    try:
        wallet = await btc.wallet_info()
        kept = await btc.list_descriptors()
        coins = await btc.list_unspent()
    except NodeRefusedError as error:
        if error.rpc_code != WALLET_NOT_FOUND:
            raise
        missing = Finding("WALLET_NOT_LOADED", f"the node has no wallet {btc.wallet!r} loaded")
        return _Report(info, rate, None, [*findings, missing])
    findings += check_wallet(wallet, kept, None if signer is None else signer.descriptors())
    total = sum((coin.amount_btc for coin in coins), Decimal(0))
    return _Report(info, rate, _Wallet(len(coins), total), findings)


def _fee_terms(settings: Settings) -> FeeTerms:
    return FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)


def _facts(report: _Report, settings: Settings) -> dict[str, object]:
    info, rate, wallet = report.info, report.rate, report.wallet
    external = settings.bitcoin_signer_file is not None or settings.bitcoin_signer is not None
    return {
        "chain": info.chain,
        "software": info.subversion,
        "blocks": info.blocks,
        "headers": info.headers,
        "bestBlock": info.best_hash,
        "medianTime": clock.from_seconds(info.median_time),
        "initialDownload": info.initial_download,
        "feeSatPerVb": rate.sat_per_vb,
        "feeSource": "cap" if rate.capped else rate.source,
        "wallet": settings.bitcoin_wallet,
        "coins": None if wallet is None else wallet.coins,
        "confirmedBtc": None if wallet is None else wallet.confirmed_btc,
        "signer": "external" if external else "node",
        "findings": [{"code": finding.code, "message": finding.message} for finding in report.findings],
    }
