"""Whether a Bitcoin node may be paid through: named findings, and none means yes.

A payment on another chain than the rest of the world's is lost, or can be taken over to it. Bitcoin Knots has left the
main chain before, with deployments that Bitcoin Core does not know, so it pays on regtest and signet only, unless the
operator allows it by hand. The checks are made before each batch; `hashrail payouts node` shows them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import ChainInfo, Descriptor, WalletInfo, descriptor_body
from hashrail.clock import from_seconds
from hashrail.settings import Network, Settings

CHAINS: dict[Network, str] = {"bitcoin": "main", "testnet4": "testnet4", "signet": "signet", "regtest": "regtest"}
# The hash of each network's first block.
GENESIS: dict[Network, str] = {
    "bitcoin": "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    "testnet4": "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    "signet": "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    "regtest": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
}
# Chains with other people's blocks, on which a node of other rules would part from them.
SHARED = frozenset({"main", "testnet4"})
FOREIGN_DEPLOYMENTS = frozenset({"blake2b", "reduced_data"})
MAX_BLOCKS_BEHIND = 3
# The median time of the last eleven blocks lies an hour back; five hours without a block do not happen.
OLDEST_TIP = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator expects of the node. Height and hash of a known block go together."""

    network: Network
    pinned_height: int | None = None
    pinned_hash: str | None = None
    allow_knots: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """The terms that the settings name."""
        height, block = settings.bitcoin_pinned_height, settings.bitcoin_pinned_hash
        return cls(settings.network, height, block, settings.bitcoin_allow_knots)


def check_node(info: ChainInfo, terms: Terms, *, now: datetime) -> list[Finding]:
    """Everything that speaks against paying through a node.

    `info` must have been asked with the `pinned_height` of the terms; `now` is the wall clock.
    """
    shared = info.chain in SHARED
    expected = CHAINS[terms.network]
    behind = info.headers - info.blocks
    age = now - from_seconds(info.median_time)
    foreign = sorted(info.deployments & FOREIGN_DEPLOYMENTS)
    knots = "knots" in info.subversion.lower()
    pins = (terms.pinned_height is not None, terms.pinned_hash is not None)
    checks = [
        ("NODE_WRONG_CHAIN", info.chain != expected, f"the node is on {info.chain}, payments go out on {expected}"),
        ("NODE_INITIAL_DOWNLOAD", info.initial_download, f"the node is still downloading, at block {info.blocks}"),
        ("NODE_BLOCKS_BEHIND", behind > MAX_BLOCKS_BEHIND, f"the node is {behind} blocks behind its headers"),
        ("NODE_TIP_OLD", shared and age > OLDEST_TIP, f"the newest blocks are {age} old"),
        ("NODE_UNVALIDATED", info.unvalidated, "the node rests on a copy of the coins that it has not checked yet"),
        ("NODE_BLOCKS_ONLY", not info.relays, "the node sees nothing that waits for a block: it runs with -blocksonly"),
        ("NODE_KNOTS", shared and knots and not terms.allow_knots, f"the node is {info.subversion}"),
        ("NODE_FOREIGN_DEPLOYMENT", shared and bool(foreign), f"the node has {', '.join(foreign)}"),
        ("NODE_PIN_INCOMPLETE", pins in {(True, False), (False, True)}, "height and hash of the block go together"),
        (
            "NODE_OTHER_BLOCK",
            all(pins) and info.pinned_hash != terms.pinned_hash,
            f"block {terms.pinned_height} is {info.pinned_hash or 'not there'}, not {terms.pinned_hash}",
        ),
    ]
    pruned = f"blocks below {info.pruned_below} are gone: no wallet made anew could look back before them"
    notes = [] if info.pruned_below is None else [Finding("NODE_PRUNED", pruned, stops=False)]
    return [Finding(code, message) for code, found, message in checks if found] + notes


def check_wallet(
    info: WalletInfo, kept: Iterable[Descriptor], signer: tuple[str, str] | None, *, now: datetime
) -> list[Finding]:
    """Everything that speaks against paying out of a wallet, whose descriptors are `kept`.

    `signer` are the public descriptors of an external signer: addresses to receive with, and change. `now` is the wall
    clock.
    """
    findings = []
    if info.scanning:
        # Coins of old blocks are told before what has spent them.
        findings.append(Finding("WALLET_SCANNING", f"wallet {info.name!r} is looking through old blocks"))
    if signer is None:
        if not info.private_keys:
            findings.append(Finding("WALLET_WITHOUT_KEYS", f"wallet {info.name!r} only watches"))
        if info.unlocked_until is not None and info.unlocked_until <= now.timestamp():
            findings.append(Finding("WALLET_LOCKED", f"wallet {info.name!r} is locked, and the node signs with it"))
        return findings
    if info.private_keys:
        findings.append(Finding("WALLET_WITH_KEYS", f"wallet {info.name!r} has keys, but a signer is configured"))
    watched = {(descriptor_body(each.text), each.internal) for each in kept if each.active}
    signers = {(descriptor_body(signer[0]), False), (descriptor_body(signer[1]), True)}
    if not signers <= watched:
        findings.append(Finding("WALLET_DOES_NOT_WATCH", f"wallet {info.name!r} lacks descriptors of the signer"))
    if watched - signers:
        # It could give users addresses that nobody here can sign for.
        findings.append(Finding("WALLET_WATCHES_OTHERS", f"wallet {info.name!r} gives out addresses of other keys"))
    return findings
