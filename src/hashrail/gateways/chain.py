"""The chain as payouts and deposits need it: a Bitcoin node with its signer, or the simulated one of a sandbox.

Both fail in the same three ways (`bitcoin_rpc.py`). What is asked may be asked again; only `broadcast` moves anything,
and the same bytes may be sent any number of times.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from hashrail import clock
from hashrail.gateways.bitcoin import WALLET_NOT_FOUND, BitcoinNode, open_node
from hashrail.gateways.bitcoin_guards import Finding, Terms, check_node, check_wallet
from hashrail.gateways.bitcoin_records import (
    Acceptance,
    Broadcast,
    Coin,
    FeeRate,
    FeeTerms,
    RawTransaction,
    TransactionState,
    WalletHistory,
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

    async def tip(self) -> Tip:
        """The newest block."""

    async def coins(self) -> list[Coin]:
        """Confirmed outputs of the wallet that neither chain nor mempool spends."""

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

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out; raises nothing."""

    async def transaction(self, txid: str) -> TransactionState:
        """Where the best chain has a transaction."""

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction."""

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the wallet or the chain knows."""

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""

    async def address_for(self, label: str) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost."""

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

    async def tip(self) -> Tip:
        """The newest block."""
        info = await self._node.chain_info()
        return Tip(info.blocks, info.best_hash)

    async def coins(self) -> list[Coin]:
        """Confirmed outputs of the wallet that neither chain nor mempool spends."""
        return await self._node.list_unspent()

    async def fee_rate(self, blocks: int) -> FeeRate:
        """The fee rate for confirmation within so many blocks."""
        return await self._node.estimate_fee(blocks, self._fees)

    async def refused(self, addresses: Collection[str]) -> set[str]:
        """Those of the addresses that the node does not call valid."""
        return await self._node.invalid_addresses(sorted(addresses))

    async def sign(self, payment: Payment) -> Signed:
        """The signed transaction; nothing is sent.

        Raises SigningRefusedError, and NodeRefusedError where the coins do not suffice.
        """
        spent = [coin.outpoint for coin in payment.inputs]
        change = await self._node.new_address(change=True)
        funded = await self._node.create_funded_psbt(
            spent, payment.outputs_btc, sat_per_vb=payment.sat_per_vb, change_address=change
        )
        return await self._signer.sign(funded.psbt, Intent(frozenset(spent), payment.outputs_btc, payment.most_fee_btc))

    async def acceptance(self, raw: str) -> Acceptance:
        """Whether the mempool would take a transaction now."""
        return await self._node.test_accept(raw)

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out; raises nothing."""
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
        return await self._node.wallet_transactions(since, depth=depth)

    async def address_for(self, label: str) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost."""
        return await self._node.address_for(label)

    async def close(self) -> None:
        """Let go of connections."""
        await self._node.close()


async def spent_btc(chain: Chain, transaction: RawTransaction) -> Decimal | None:
    """What the inputs of a transaction are worth together; None where the chain does not know one of them."""
    total = Decimal(0)
    for outpoint in transaction.inputs:
        parent = await chain.raw_transaction(outpoint.txid)
        if parent is None:
            return None
        total += (await chain.decode(parent)).outputs[outpoint.vout].amount_btc
    return total


def open_chain(settings: Settings, *, signs: bool = True) -> NodeChain:
    """The chain behind the node that the settings name; who does not sign reads no keys.

    Raises NoNodeError where they name none, SignerKeyError.
    """
    node = open_node(settings)
    fees = FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)
    signer = signer_of(settings) if signs else None
    return NodeChain(node, signer, terms=Terms.of(settings), fees=fees)
