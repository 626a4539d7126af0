"""What a Bitcoin node tells: records of the chain, of the wallet's coins, of payments and how they fare.

Amounts are BTC with at most 8 decimals, fee rates sat/vB, scripts and transactions hexadecimal.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

State = Literal["mempool", "confirmed", "conflicted", "absent", "unknown"]


def descriptor_body(text: str) -> str:
    """A descriptor without checksum, hardened steps marked in one way, so that two can be compared."""
    return text.partition("#")[0].replace("'", "h")


class Outpoint(msgspec.Struct, frozen=True, order=True):
    """An output of a transaction: what an input spends."""

    txid: str
    vout: int


class ChainInfo(msgspec.Struct, frozen=True):
    """Where a node is. `pinned_hash` is the hash of the block at the height that was asked for, if it has one."""

    chain: str
    blocks: int
    headers: int
    best_hash: str
    initial_download: bool
    median_time: int
    subversion: str
    deployments: frozenset[str]
    pinned_hash: str | None = None
    # The lowest block that it still has; None where it has all of them.
    pruned_below: int | None = None
    # It takes part in the relay of what waits for a block.
    relays: bool = True
    # It began from somebody's copy of the coins, and has not looked through the blocks before it.
    unvalidated: bool = False


class WalletInfo(msgspec.Struct, frozen=True):
    """A wallet on the node; without private keys it only watches.

    `transactions` are all that it ever had to do with, `scanning` says that it is looking for more in old blocks.
    `unlocked_until` is in seconds, 0 while it is locked; None where it needs no passphrase.
    """

    name: str = msgspec.field(name="walletname")
    private_keys: bool = msgspec.field(name="private_keys_enabled")
    transactions: int = msgspec.field(name="txcount", default=0)
    scanning: bool | dict[str, Decimal] = False
    unlocked_until: int | None = None


class WalletMark(msgspec.Struct, frozen=True):
    """What we have written into the wallet about itself, so that one that was made anew is known to be another.

    `instance` is what the books know it by. `looks_back_to` is the moment, in seconds, from which on it was told to
    look through the chain; only where that has `ended` does it count.
    """

    instance: str | None = None
    looks_back_to: int | None = None
    ended: bool = False


class Descriptor(msgspec.Struct, frozen=True):
    """A public descriptor of the wallet; an active internal one gives change addresses.

    The wallet knows what the chain has for it since `timestamp`, in seconds.
    """

    text: str = msgspec.field(name="desc")
    active: bool
    internal: bool = False
    range: tuple[int, int] = (0, 0)
    timestamp: int = 0
    next_index: int = 0


class Coin(msgspec.Struct, frozen=True):
    """An output that the wallet can spend; `script` is hexadecimal, `parents` the descriptors that it comes from."""

    txid: str
    vout: int
    amount_btc: Decimal = msgspec.field(name="amount")
    script: str = msgspec.field(name="scriptPubKey")
    confirmations: int
    solvable: bool
    safe: bool
    address: str | None = None
    parents: tuple[str, ...] = msgspec.field(name="parent_descs", default=())

    @property
    def outpoint(self) -> Outpoint:
        """What an input names."""
        return Outpoint(self.txid, self.vout)


class FundedPsbt(msgspec.Struct, frozen=True):
    """An unsigned payment."""

    psbt: str
    fee_btc: Decimal = msgspec.field(name="fee")


class ProcessedPsbt(msgspec.Struct, frozen=True):
    """A PSBT after the wallet signed what it can."""

    psbt: str
    complete: bool


class FinalizedPsbt(msgspec.Struct, frozen=True):
    """`raw` is the transaction in hexadecimal once all signatures are there."""

    complete: bool
    raw: str | None = msgspec.field(name="hex", default=None)


class Acceptance(msgspec.Struct, frozen=True):
    """Whether the mempool would take a transaction; `vsize` and `fee_btc` are there if it would."""

    txid: str
    allowed: bool
    reason: str | None = None
    vsize: int | None = None
    fee_btc: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The transaction is in the node's mempool, now or since an earlier broadcast."""

    txid: str


@dataclass(frozen=True, slots=True)
class AlreadyKnown:
    """The transaction is in the chain, or in the mempool with other witnesses: an earlier broadcast has arrived."""

    txid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This node will not take the transaction now, and does not have it. Other nodes may still have it."""

    rpc_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell whether the transaction went out. Broadcast the same bytes again."""

    cause: str


Broadcast = Accepted | AlreadyKnown | Refused | Unknown


class TransactionState(msgspec.Struct, frozen=True):
    """Where the best chain has a transaction.

    - `mempool`: waiting for a block, `confirmations` 0;
    - `confirmed`: `confirmations` blocks deep, the newest counts 1, in block `block_hash`;
    - `conflicted`: a block has spent an input otherwise; `confirmations` is minus the depth of that block;
    - `absent`: the wallet knows it, but neither chain nor mempool has it: evicted, replaced, or never taken;
    - `unknown`: the node has never seen it, or cannot say without `txindex`.

    `conflicts` are the transactions that spend the same inputs.
    """

    state: State
    confirmations: int = 0
    block_hash: str | None = None
    conflicts: tuple[str, ...] = ()


class MempoolFees(msgspec.Struct, frozen=True):
    """What an entry of the mempool pays with everything that spends from it, in BTC."""

    descendant_btc: Decimal = msgspec.field(name="descendant")


class MempoolEntry(msgspec.Struct, frozen=True):
    """A transaction that waits for a block."""

    vsize: int
    fees: MempoolFees


class Output(msgspec.Struct, frozen=True):
    """What a transaction pays; `script` is hexadecimal, `address` None where the script has none."""

    amount_btc: Decimal
    script: str
    address: str | None


class RawTransaction(msgspec.Struct, frozen=True):
    """What stands in a raw transaction."""

    txid: str
    vsize: int
    inputs: tuple[Outpoint, ...]
    sequences: tuple[int, ...]
    outputs: tuple[Output, ...]


class WalletEntry(msgspec.Struct, frozen=True):
    """One line of the wallet's history: an output that it sent (negative) or received."""

    txid: str
    category: str
    amount_btc: Decimal = msgspec.field(name="amount")
    vout: int
    confirmations: int
    address: str | None = None
    fee_btc: Decimal | None = msgspec.field(name="fee", default=None)
    block_hash: str | None = msgspec.field(name="blockhash", default=None)
    conflicts: tuple[str, ...] = msgspec.field(name="walletconflicts", default=())
    label: str | None = None


class WalletHistory(msgspec.Struct, frozen=True):
    """The wallet's lines since a block. `removed` are those that a reorg took out of the chain.

    Ask with `last_block` the next time. `wallet` is its name, and `size` how many transactions it has in all.
    """

    entries: tuple[WalletEntry, ...] = msgspec.field(name="transactions")
    last_block: str = msgspec.field(name="lastblock")
    removed: tuple[WalletEntry, ...] = ()
    wallet: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """Fee rates in sat/vB: what is paid where the node has no estimate (0: nothing is), the least, and the most."""

    fallback: Decimal
    minimum: Decimal
    cap: Decimal


@dataclass(frozen=True, slots=True)
class FeeRate:
    """A fee rate, where it comes from, and whether the cap cut it."""

    sat_per_vb: Decimal
    source: Literal["estimate", "fallback"]
    capped: bool
