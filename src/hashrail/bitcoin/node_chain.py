"""The chain behind a Bitcoin node of the operator's own."""

from collections.abc import Collection, Sequence, Set
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec.structs import replace

from hashrail import clock
from hashrail.bitcoin import block_proofs, evidence, public_descriptors, wallet_marks
from hashrail.bitcoin.block_proofs import UnprovenError
from hashrail.bitcoin.chain import Payment, Receiving, Tip
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import (
    UNREADABLE,
    WALLET_NOT_FOUND,
    BitcoinNode,
    NoFeeEstimateError,
    open_node,
    open_witness,
)
from hashrail.bitcoin.node_checks import Terms, check_node, check_wallet
from hashrail.bitcoin.public_descriptors import AddressNotOursError
from hashrail.bitcoin.records import (
    Acceptance,
    Broadcast,
    ChainInfo,
    Coin,
    FeeRate,
    FeeTerms,
    Outpoint,
    RawTransaction,
    TransactionState,
    WalletHistory,
    WalletMark,
    descriptor_body,
)
from hashrail.bitcoin.rpc import NodeError, NodeRefusedError, NodeUnknownError
from hashrail.bitcoin.signer import Intent, KeySigner, NodeSigner, Signed, signer_of
from hashrail.settings import Settings

# For how soon a confirmation a node that pays must have an estimate.
FEE_BLOCKS = 6
# So many blocks below the lower of their tips two nodes of one chain agree.
AGREED_DEPTH = 6
# How often a wallet is told to go on to an address that is nobody's.
MAX_MOVES = 3


class NodeChain:
    """A Bitcoin node and who signs for its wallet."""

    simulated = False

    def __init__(
        self,
        node: BitcoinNode,
        signer: KeySigner | None,
        *,
        terms: Terms,
        fees: FeeTerms,
        witness: BitcoinNode | None = None,
        signs_elsewhere: bool | None = None,
    ) -> None:
        self._node = node
        self._witness = witness
        self._keys = signer
        self.signs_elsewhere = signer is not None if signs_elsewhere is None else signs_elsewhere
        self._signer = signer or NodeSigner(node, terms.network)
        self._terms = terms
        self._fees = fees
        self._change: str | None = None

    async def findings(self) -> list[Finding]:
        """What speaks against paying now; empty means nothing does."""
        info = await self._node.chain_info(self._terms.pinned_height)
        now = clock.wall_now()
        findings = [*check_node(info, self._terms, now=now), *await self._fee_findings()]
        findings += await self._witness_findings(info)
        try:
            wallet = await self._node.wallet_info()
            kept = await self._node.list_descriptors()
        except NodeRefusedError as error:
            if error.rpc_code != WALLET_NOT_FOUND:
                raise
            return [*findings, Finding("WALLET_NOT_LOADED", f"the node has no wallet {self._node.wallet!r} loaded")]
        signer = None if self._keys is None else self._keys.descriptors()
        return [*findings, *check_wallet(wallet, kept, signer, now=now)]

    async def _fee_findings(self) -> list[Finding]:
        try:
            await self._node.estimate_fee(FEE_BLOCKS, self._fees)
        except NoFeeEstimateError as error:
            return [Finding(error.code, error.message)]
        return []

    async def _witness_findings(self, info: ChainInfo) -> list[Finding]:
        """A second node that has another block where both should agree by now, or that cannot be asked."""
        if self._witness is None:
            return []
        try:
            height = max(min(info.blocks, (await self._witness.chain_info()).blocks) - AGREED_DEPTH, 0)
            hashes = {await self._node.block_hash(height), await self._witness.block_hash(height)}
        except NodeError as error:
            # Deposits wait for it; what was credited before is paid.
            return [Finding("WITNESS_SILENT", f"the second node cannot be asked: {error.code}", stops=False)]
        if len(hashes) > 1:
            return [Finding("WITNESS_DISAGREES", f"the second node has another block at height {height}")]
        return []

    async def keys(self) -> dict[str, datetime]:
        """Descriptors of the wallet, and since when it knows what the chain has for each."""
        kept = await self._node.list_descriptors()
        return {descriptor_body(each.text): clock.from_seconds(each.timestamp) for each in kept}

    async def mark(self) -> WalletMark:
        """What was written into the wallet about itself."""
        return await wallet_marks.read(self._node, self._terms.network)

    async def put_mark(self, mark: WalletMark) -> None:
        """Write it into the wallet, in place of what stood there."""
        await wallet_marks.write(self._node, self._terms.network, mark)

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
        return await self._signer.sign(funded.psbt, Intent(frozenset(spent), payment.outputs_btc, payment.max_fee_btc))

    async def sign_proof(self, psbt: str, txid: str) -> str:
        """The signed transaction in hexadecimal, exactly the one of this txid. Raises SigningRefusedError.

        The wallet on the node adds what signers need to know of its coins, also where it only watches.
        """
        known = psbt if self._keys is None else (await self._node.process_psbt(psbt)).psbt
        return await self._signer.sign_as_it_is(known, txid)

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

    async def spenders(self, outpoints: Set[Outpoint], depth: int) -> dict[str, str]:
        """Transactions that spend one of the outputs in the block so deep, as the node says, and the block's hash."""
        return await self._node.spenders(outpoints, depth)

    async def evidence(self, claims: Sequence[Claim]) -> dict[str, Evidence | Doubt]:
        """What the node can show for each, and the second one confirms, where there is one."""
        return await evidence.of_claims(self._node, self._witness, self._terms.network, claims)

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction; it is read by ourselves. Raises NodeRefusedError where it is none."""
        try:
            return block_proofs.decode(raw, self._terms.network)
        except UnprovenError as error:
            raise NodeRefusedError("decode", UNREADABLE, error.reason) from error

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the wallet or, with `txindex`, the chain knows.

        Raises NodeUnknownError where the node shows another one.
        """
        raw = await self._node.raw_transaction(txid)
        if raw is not None and (await self.decode(raw)).txid != txid:
            raise NodeUnknownError(f"the node shows another transaction in place of {txid}")
        return raw

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""
        wallet = await self._node.wallet_info()
        history = await self._node.wallet_transactions(since, depth=depth)
        return replace(history, wallet=wallet.name, size=wallet.transactions)

    async def follows(self, txid: str) -> bool:
        """Whether a transaction that is known now can be told of for ever: of the wallet, or with `txindex` any."""
        return await self._node.follows(txid)

    def signer(self) -> tuple[str, str] | None:
        """Public descriptors of the external signer, where this process holds it."""
        return None if self._keys is None else self._keys.descriptors()

    async def address_for(self, label: str, receiving: Receiving | None = None) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost.

        Where a signer has the keys it is one of its addresses, and a new one has at least that index; the node's wallet
        goes on from there too, so that its own `getnewaddress` gives nobody's. Raises AddressNotOursError.
        """
        known = await self._node.labelled(label)
        if receiving is None:
            return known[0] if known else await self._node.new_address(label=label, kind=self._address_kind())
        receive, least = receiving.descriptor, receiving.least
        if known:
            await self._own_index(known[0], receive)
            return known[0]
        kind: Literal["bech32", "bech32m"] = "bech32" if receive.startswith("wpkh(") else "bech32m"
        for _ in range(MAX_MOVES):
            made = await self._node.new_address(label=label, kind=kind)
            index = await self._own_index(made, receive)
            if index >= least:
                return made
            passed = [public_descriptors.derive(receive, each, self._terms.network) for each in range(index, least)]
            await self._node.take_addresses(len(passed) - 1, kind)
            # By address, not in the order in which they were taken: somebody else may take some as well.
            await self._node.put_labels(dict(zip(passed, await receiving.labels(passed), strict=True)))
        raise AddressNotOursError("the wallet on the node does not go on to the addresses that are nobody's")

    async def index_of(self, address: str, receive: str) -> int | None:
        """The index at which a descriptor gives an address; the node names it, and it is derived anew."""
        index = await self._node.index_of(address)
        if index is None or public_descriptors.derive(receive, index, self._terms.network) != address:
            return None
        return index

    async def _own_index(self, address: str, receive: str) -> int:
        index = await self.index_of(address, receive)
        if index is None:
            raise AddressNotOursError(f"the node gave {address}, which is not the signer's")
        return index

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
        if self._witness is not None:
            await self._witness.close()


def open_chain(settings: Settings, *, signs: bool = True) -> NodeChain:
    """The chain behind the node that the settings name; who does not sign reads no keys.

    Raises NoNodeError where they name none, SignerKeyError.
    """
    node = open_node(settings)
    fees = FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)
    signer = signer_of(settings) if signs else None
    elsewhere = settings.bitcoin_signer_file is not None or settings.bitcoin_signer is not None
    witness = open_witness(settings)
    return NodeChain(node, signer, terms=Terms.of(settings), fees=fees, witness=witness, signs_elsewhere=elsewhere)
