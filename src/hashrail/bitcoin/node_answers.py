"""Answers of a Bitcoin node, as far as they are read: the shapes of its JSON."""

from decimal import Decimal
from typing import Any

import msgspec

from hashrail.bitcoin.records import Descriptor


class Chain(msgspec.Struct):
    """What `getblockchaininfo` tells."""

    chain: str
    blocks: int
    headers: int
    best_hash: str = msgspec.field(name="bestblockhash")
    initial_download: bool = msgspec.field(name="initialblockdownload")
    median_time: int = msgspec.field(name="mediantime")
    prune_height: int | None = msgspec.field(name="pruneheight", default=None)


class Network(msgspec.Struct):
    """What `getnetworkinfo` tells."""

    subversion: str
    relays: bool = msgspec.field(name="localrelay", default=True)


class ChainState(msgspec.Struct):
    """One of the chains that a node keeps; one that began from a copy of the coins is not validated."""

    validated: bool


class ChainStates(msgspec.Struct):
    """What `getchainstates` tells."""

    states: list[ChainState] = msgspec.field(name="chainstates")


class Header(msgspec.Struct):
    """What `getblockheader` tells."""

    time: int


class Rescanned(msgspec.Struct):
    """What `rescanblockchain` tells: from which block, and to which."""

    start_height: int
    stop_height: int | None = None


class Deployments(msgspec.Struct):
    """What `getdeploymentinfo` tells."""

    deployments: dict[str, Any]


class Descriptors(msgspec.Struct):
    """What `listdescriptors` tells."""

    descriptors: list[Descriptor]


class Imported(msgspec.Struct):
    """What `importdescriptors` tells of one."""

    success: bool
    error: dict[str, Any] = {}


class AddressInfo(msgspec.Struct):
    """What `getaddressinfo` tells."""

    is_mine: bool = msgspec.field(name="ismine")
    is_change: bool = msgspec.field(name="ischange")
    labels: list[str] = []
    path: str = msgspec.field(name="hdkeypath", default="")


class Validity(msgspec.Struct):
    """What `validateaddress` tells."""

    is_valid: bool = msgspec.field(name="isvalid")


class TestFees(msgspec.Struct):
    """What a transaction that was tested pays."""

    base: Decimal


class Tested(msgspec.Struct):
    """What `testmempoolaccept` tells of one."""

    txid: str
    allowed: bool
    vsize: int | None = None
    fees: TestFees | None = None
    reason: str | None = msgspec.field(name="reject-reason", default=None)


class Seen(msgspec.Struct):
    """What `gettransaction` and `getrawtransaction` tell."""

    confirmations: int = 0
    block_hash: str | None = msgspec.field(name="blockhash", default=None)
    conflicts: tuple[str, ...] = msgspec.field(name="walletconflicts", default=())
    raw: str = msgspec.field(name="hex", default="")


class MinedInput(msgspec.Struct):
    """What `getblock` tells of an input; a coinbase's names no output."""

    txid: str | None = None
    vout: int = 0


class Mined(msgspec.Struct):
    """What `getblock` tells of a transaction."""

    txid: str
    vin: list[MinedInput]


class Block(msgspec.Struct):
    """What `getblock` tells with its transactions."""

    tx: list[Mined]


class Spending(msgspec.Struct):
    """What `gettxspendingprevout` tells of one."""

    txid: str
    vout: int
    by: str | None = msgspec.field(name="spendingtxid", default=None)


class Script(msgspec.Struct):
    """An output script."""

    hex: str
    address: str | None = None


class Paid(msgspec.Struct):
    """An output."""

    value: Decimal
    script: Script = msgspec.field(name="scriptPubKey")


class Unspent(Paid):
    """What `gettxout` tells of an output that nothing has spent."""

    confirmations: int


class Input(msgspec.Struct):
    """An input."""

    sequence: int
    txid: str = ""
    vout: int = 0


class Decoded(msgspec.Struct):
    """What `decoderawtransaction` tells."""

    txid: str
    vsize: int
    vin: list[Input]
    vout: list[Paid]


class Estimate(msgspec.Struct):
    """What `estimatesmartfee` tells."""

    feerate: Decimal | None = None


class Mempool(msgspec.Struct):
    """What `getmempoolinfo` tells."""

    least: Decimal = msgspec.field(name="mempoolminfee")
