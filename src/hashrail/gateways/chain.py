"""The chain as payouts and deposits need it: a Bitcoin node with its signer, or the simulated one of a sandbox.

Both fail in the same three ways (`bitcoin_rpc.py`). What is asked may be asked again; only `broadcast` moves anything,
and the same bytes may be sent any number of times.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from msgspec.structs import replace

from hashrail import clock
from hashrail.gateways.bitcoin import WALLET_NOT_FOUND, BitcoinNode, open_node
from hashrail.gateways.bitcoin_guards import Finding, Terms, check_node, check_wallet
from hashrail.gateways.bitcoin_records import (
    Acceptance,
    Broadcast,
    Coin,
    FeeRate,
    FeeTerms,
    Outpoint,
    Output,
    RawTransaction,
    TransactionState,
    WalletHistory,
    descriptor_body,
)
from hashrail.gateways.bitcoin_rpc import NodeRefusedError
from hashrail.gateways.signer import Intent, KeySigner, NodeSigner, Signed, signer_of
from hashrail.settings import Settings


@dataclass(frozen=True, slots=True)
class Payment:
    """A transaction as it is meant: exactly these coins, BTC by address, what is left over comes back."""

    inputs: Sequence[Coin]
    outputs_btc: Mapping[str, Decimal]
    sat_per_vb: Decimal
    most_fee_btc: Decimal


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest block of the best chain."""

    height: int
    block_hash: str


class Chain(Protocol):
    """What payouts and deposits ask; `simulated` is shown in every answer that rests on it."""

    simulated: bool

    async def findings(self) -> list[Finding]:
        """What speaks against paying now; empty means nothing does."""

    async def keys(self) -> dict[str, datetime]:
        """Descriptors of the wallet, and since when it knows what the chain has for each."""

    async def tip(self) -> Tip:
        """The newest block."""

    async def coins(self) -> list[Coin]:
        """Confirmed outputs of the wallet that neither chain nor mempool spends, and that can be signed for."""

    async def locked(self) -> list[Outpoint]:
        """Coins of the wallet that `coins` leaves out because somebody has locked them on the node."""

    async def is_unspent(self, outpoint: Outpoint) -> bool:
        """Whether the best chain has an output and has not spent it; what waits in the mempool does not count."""

    async def fee_rate(self, blocks: int) -> FeeRate:
        """The fee rate for confirmation within so many blocks."""

    async def refused(self, addresses: Collection[str]) -> set[str]:
        """Those of the addresses that the chain's own software cannot pay."""

    async def sign(self, payment: Payment) -> Signed:
        """The signed transaction; nothing is sent.

        Raises SigningRefusedError, and NodeRefusedError where the coins do not suffice.
        """

    async def acceptance(self, raw: str) -> Acceptance:
        """Whether the mempool would take a transaction now."""

    async def waiting_fees(self, txid: str) -> Decimal | None:
        """BTC that a waiting transaction pays with all that spends from it, and a replacement more; else None."""

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out; raises nothing."""

    async def transaction(self, txid: str) -> TransactionState:
        """Where the best chain has a transaction."""

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction."""

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the wallet or the chain knows."""

    async def follows(self, txid: str) -> bool:
        """Whether a transaction that is known now can be told of for ever."""

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""

    async def address_for(self, label: str) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost."""

    async def put_label(self, address: str, label: str) -> None:
        """The address was given out under this label before the wallet was made anew; nobody else gets it."""

    async def close(self) -> None:
        """Let go of connections."""


class NodeChain:
    """A Bitcoin node and who signs for its wallet."""

    simulated = False

    def __init__(self, node: BitcoinNode, signer: KeySigner | None, *, terms: Terms, fees: FeeTerms) -> None:
        self._node = node
        self._keys = signer
        self._signer = signer or NodeSigner(node, terms.network)
        self._terms = terms
        self._fees = fees
        self._change: str | None = None

    async def findings(self) -> list[Finding]:
        """What speaks against paying now; empty means nothing does."""
        info = await self._node.chain_info(self._terms.pinned_height)
        findings = check_node(info, self._terms, now=clock.wall_now())
        try:
            wallet = await self._node.wallet_info()
            kept = await self._node.list_descriptors()
        except NodeRefusedError as error:
            if error.rpc_code != WALLET_NOT_FOUND:
                raise
            return [*findings, Finding("WALLET_NOT_LOADED", f"the node has no wallet {self._node.wallet!r} loaded")]
        return [*findings, *check_wallet(wallet, kept, None if self._keys is None else self._keys.descriptors())]

    async def keys(self) -> dict[str, datetime]:
        """Descriptors of the wallet, and since when it knows what the chain has for each."""
        kept = await self._node.list_descriptors()
        return {descriptor_body(each.text): clock.from_seconds(each.timestamp) for each in kept}

    async def tip(self) -> Tip:
        """The newest block."""
        info = await self._node.chain_info()
        return Tip(info.blocks, info.best_hash)

    async def coins(self) -> list[Coin]:
        """Confirmed outputs of the wallet that neither chain nor mempool spends, and that can be signed for."""
        coins = await self._node.list_unspent()
        if self._keys is None:
            return coins
        ours = {descriptor_body(each) for each in self._keys.descriptors()}
        return [coin for coin in coins if ours & {descriptor_body(each) for each in coin.parents}]

    async def locked(self) -> list[Outpoint]:
        """Coins of the wallet that somebody has locked on the node."""
        return await self._node.locked()

    async def is_unspent(self, outpoint: Outpoint) -> bool:
        """Whether the best chain has an output and has not spent it; what waits in the mempool does not count."""
        return await self._node.unspent(outpoint, with_mempool=False)

    async def fee_rate(self, blocks: int) -> FeeRate:
        """The fee rate for confirmation within so many blocks."""
        return await self._node.estimate_fee(blocks, self._fees)

    async def refused(self, addresses: Collection[str]) -> set[str]:
        """Those of the addresses that the node does not call valid."""
        return await self._node.invalid_addresses(sorted(addresses))

    async def sign(self, payment: Payment) -> Signed:
        """The signed transaction; nothing is sent.

        A change address is used again until something was sent, so that failures do not use up the wallet's range.
        Raises SigningRefusedError, and NodeRefusedError where the coins do not suffice.
        """
        spent = [coin.outpoint for coin in payment.inputs]
        if self._change is None:
            self._change = await self._node.new_address(change=True, kind=self._address_kind())
        funded = await self._node.create_funded_psbt(
            spent, payment.outputs_btc, sat_per_vb=payment.sat_per_vb, change_address=self._change
        )
        return await self._signer.sign(funded.psbt, Intent(frozenset(spent), payment.outputs_btc, payment.most_fee_btc))

    async def acceptance(self, raw: str) -> Acceptance:
        """Whether the mempool would take a transaction now."""
        return await self._node.test_accept(raw)

    async def waiting_fees(self, txid: str) -> Decimal | None:
        """BTC that a waiting transaction pays with all that spends from it, and a replacement more; else None."""
        entry = await self._node.mempool_entry(txid)
        return None if entry is None else entry.fees.descendant_btc

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out; raises nothing."""
        self._change = None
        return await self._node.broadcast(raw)

    async def transaction(self, txid: str) -> TransactionState:
        """Where the best chain has a transaction."""
        return await self._node.transaction(txid)

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction."""
        return await self._node.decode_raw(raw)

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the wallet or, with `txindex`, the chain knows."""
        return await self._node.raw_transaction(txid)

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""
        wallet = await self._node.wallet_info()
        history = await self._node.wallet_transactions(since, depth=depth)
        return replace(history, wallet=wallet.name, size=wallet.transactions)

    async def follows(self, txid: str) -> bool:
        """Whether a transaction that is known now can be told of for ever: of the wallet, or with `txindex` any."""
        return await self._node.follows(txid)

    async def address_for(self, label: str) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost."""
        known = await self._node.labelled(label)
        return known[0] if known else await self._node.new_address(label=label, kind=self._address_kind())

    async def put_label(self, address: str, label: str) -> None:
        """The address was given out under this label before the wallet was made anew; nobody else gets it."""
        await self._node.put_label(address, label)

    def _address_kind(self) -> Literal["bech32", "bech32m"] | None:
        """What the external signer signs for; None leaves it to the wallet with its keys."""
        if self._keys is None:
            return None
        return "bech32" if self._keys.descriptors()[0].startswith("wpkh(") else "bech32m"

    async def close(self) -> None:
        """Let go of connections."""
        await self._node.close()


async def spent(chain: Chain, transaction: RawTransaction) -> dict[Outpoint, Output] | None:
    """The outputs that a transaction spends; None where the chain does not know one of them."""
    found = {}
    for outpoint in transaction.inputs:
        parent = await chain.raw_transaction(outpoint.txid)
        if parent is None:
            return None
        found[outpoint] = (await chain.decode(parent)).outputs[outpoint.vout]
    return found


def open_chain(settings: Settings, *, signs: bool = True) -> NodeChain:
    """The chain behind the node that the settings name; who does not sign reads no keys.

    Raises NoNodeError where they name none, SignerKeyError.
    """
    node = open_node(settings)
    fees = FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)
    signer = signer_of(settings) if signs else None
    return NodeChain(node, signer, terms=Terms.of(settings), fees=fees)
