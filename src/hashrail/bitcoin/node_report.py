"""What the configured Bitcoin node says of itself and of the wallet, and what speaks against paying through it."""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import clock
from hashrail.bitcoin import look_back, wallet_marks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import WALLET_NOT_FOUND, BitcoinNode, NoFeeEstimateError
from hashrail.bitcoin.node_checks import Terms, check_node, check_wallet
from hashrail.bitcoin.records import ChainInfo, FeeRate, FeeTerms
from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.bitcoin.signer import signer_of
from hashrail.settings import Settings

FEE_BLOCKS = 6


@dataclass(frozen=True, slots=True)
class Wallet:
    """What can be paid with."""

    coins: int
    confirmed_btc: Decimal


@dataclass(frozen=True, slots=True)
class NodeReport:
    """Everything that is shown; no wallet where the node has none of that name, no rate where there is no estimate."""

    info: ChainInfo
    rate: FeeRate | None
    wallet: Wallet | None
    findings: list[Finding]


async def report(btc: BitcoinNode, settings: Settings) -> NodeReport:
    """Look at it. Raises what a call of the node may raise."""
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
        return NodeReport(info, rate, None, [*findings, missing])
    findings += check_wallet(wallet, kept, None if signer is None else signer.descriptors(), now=now)
    findings += await _mark_findings(btc, settings)
    total = sum((coin.amount_btc for coin in coins), Decimal(0))
    return NodeReport(info, rate, Wallet(len(coins), total), findings)


async def _mark_findings(btc: BitcoinNode, settings: Settings) -> list[Finding]:
    mark = await wallet_marks.read(btc, settings.network)
    return look_back.unfinished(mark)


def _fee_terms(settings: Settings) -> FeeTerms:
    return FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)


def facts(found: NodeReport, settings: Settings) -> dict[str, object]:
    """The same by name; amounts are BTC."""
    info, rate, wallet = found.info, found.rate, found.wallet
    external = settings.bitcoin_signer_file is not None or settings.bitcoin_signer is not None
    return {
        "chain": info.chain,
        "software": info.subversion,
        "blocks": info.blocks,
        "headers": info.headers,
        "best_block": info.best_hash,
        "median_time": clock.from_seconds(info.median_time),
        "initial_download": info.initial_download,
        "fee_sat_per_vb": None if rate is None else rate.sat_per_vb,
        "fee_source": "none" if rate is None else "cap" if rate.capped else rate.source,
        "wallet": settings.bitcoin_wallet,
        "coins": None if wallet is None else wallet.coins,
        "confirmed_btc": None if wallet is None else wallet.confirmed_btc,
        "signer": "external" if external else "node",
    }
