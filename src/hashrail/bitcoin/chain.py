"""The chain as payouts and deposits need it: a Bitcoin node with its signer, or the simulated one of a sandbox.

Both fail in the same three ways (`rpc.py`). What is asked may be asked again; only `broadcast` moves anything,
and the same bytes may be sent any number of times.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import (
    Acceptance,
    Broadcast,
    Coin,
    FeeRate,
    Outpoint,
    Output,
    RawTransaction,
    TransactionState,
    WalletHistory,
    WalletMark,
)
from hashrail.bitcoin.signer import Signed


@dataclass(frozen=True, slots=True)
class Payment:
    """A transaction as it is meant: exactly these coins, BTC by address, what is left over comes back."""

    inputs: Sequence[Coin]
    outputs_btc: Mapping[str, Decimal]
    sat_per_vb: Decimal
    max_fee_btc: Decimal


@dataclass(frozen=True, slots=True)
class Receiving:
    """An external signer's descriptor of addresses to receive with, and the first index that nobody has.

    `labels` tells what addresses before it are called in the wallet, which may have forgotten it.
    """

    descriptor: str
    least: int
    labels: Callable[[Sequence[str]], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest block of the best chain."""

    height: int
    block_hash: str


class Chain(Protocol):
    """What payouts and deposits ask; `simulated` is shown in every answer that rests on it."""

    simulated: bool
    # An external signer has the keys, also where this process does not hold it.
    signs_elsewhere: bool

    async def findings(self) -> list[Finding]:
        """What speaks against paying now, and what is told beside it; empty means nothing does."""

    async def keys(self) -> dict[str, datetime]:
        """Descriptors of the wallet, and since when it knows what the chain has for each."""

    async def mark(self) -> WalletMark:
        """What we have written into the wallet about itself."""

    async def put_mark(self, mark: WalletMark) -> None:
        """Write it into the wallet, in place of what stood there."""

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

    async def spenders(self, outpoints: Set[Outpoint], depth: int) -> dict[str, str]:
        """Transactions that spend one of the outputs in the block so deep, as the node says, and the block's hash.

        A wallet names what is in conflict with its own only where that is its own too.
        """

    async def evidence(self, claims: Sequence[Claim]) -> dict[str, Evidence | Doubt]:
        """What can be shown for each, by txid: read and computed by ourselves, or a sandbox's own word."""

    async def decode(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction."""

    async def raw_transaction(self, txid: str) -> str | None:
        """The bytes of a transaction that the wallet or the chain knows."""

    async def follows(self, txid: str) -> bool:
        """Whether a transaction that is known now can be told of for ever."""

    async def history(self, since: str | None, depth: int) -> WalletHistory:
        """Lines of the wallet from the block after `since` on; the last `depth` - 1 blocks are told again."""

    def signer(self) -> tuple[str, str] | None:
        """Public descriptors of an external signer that this process holds: addresses to receive with, and change."""

    async def address_for(self, label: str, receiving: Receiving | None = None) -> str:
        """The wallet's address to receive with under a label; the same each time, whatever the books have lost.

        Where a signer has the keys it is one of its addresses, and a new one has at least that index. Raises
        AddressNotOursError.
        """

    async def index_of(self, address: str, receive: str) -> int | None:
        """The index at which a descriptor gives an address; the node names it, and it is derived anew."""

    async def put_label(self, address: str, label: str) -> None:
        """The address was given out under this label before the wallet was made anew; nobody else gets it."""

    async def close(self) -> None:
        """Let go of connections."""


async def spent(chain: Chain, transaction: RawTransaction) -> dict[Outpoint, Output] | None:
    """The outputs that a transaction spends; None where the chain does not know one of them."""
    found = {}
    for outpoint in transaction.inputs:
        parent = await chain.raw_transaction(outpoint.txid)
        if parent is None:
            return None
        found[outpoint] = (await chain.decode(parent)).outputs[outpoint.vout]
    return found
