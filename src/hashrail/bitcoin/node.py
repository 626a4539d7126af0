"""A Bitcoin node, as far as payouts need it: the chain, the wallet's coins, payments from PSBT to broadcast.

Amounts are BTC with at most 8 decimals, fee rates sat/vB with at most 3. How a call can fail stands in
`bitcoin_rpc.py`; methods below raise those three errors unless they say otherwise.

A payment takes five steps, and the node keeps nothing of it before the last: `create_funded_psbt` over pinned inputs,
signatures (`process_psbt`, or a signer outside the node), `finalize_psbt`, `test_accept`, `broadcast`. The same raw
transaction may be broadcast again at any time; `sendtoaddress` and its like would pay again, so they are not here.
"""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import msgspec

from hashrail.bitcoin import node_answers as answers
from hashrail.bitcoin.records import (
    Acceptance,
    Accepted,
    AlreadyKnown,
    Broadcast,
    ChainInfo,
    Coin,
    Descriptor,
    FeeRate,
    FeeTerms,
    FinalizedPsbt,
    FundedPsbt,
    MempoolEntry,
    Outpoint,
    Output,
    ProcessedPsbt,
    RawTransaction,
    Refused,
    TransactionState,
    Unknown,
    WalletHistory,
    WalletInfo,
    descriptor_body,
)
from hashrail.bitcoin.rpc import NodeRefusedError, NodeRpc, NodeUnknownError, NodeUnreachableError
from hashrail.errors import BadRequestError, HashrailError
from hashrail.money import BTC_DECIMALS, decimals
from hashrail.settings import Settings

T = TypeVar("T")
# Codes of Bitcoin Core's protocol.h.
NOT_FOUND = -5
BAD_PARAMETER = -8
NO_SUCH_LABEL = -11
WALLET_NOT_FOUND = -18
INTERNAL_ERROR = -32603
METHOD_NOT_FOUND = -32601
UNREADABLE = -22
INVALID_TRANSACTION = -25
REJECTED = -26
ALREADY_MINED = -27
IMPORT_SECONDS = 3600
AT_ONCE = 500
HARDENED = 2**31


class NoNodeError(HashrailError):
    """This deployment has no Bitcoin node."""

    status = 503
    code = "BITCOIN_NODE_NOT_CONFIGURED"
    advice = "Set HASHRAIL_BITCOIN_RPC_URL, and HASHRAIL_BITCOIN_RPC_COOKIE or a user and password."


class NodeWalletError(BadRequestError):
    """The wallet on the node is not what is asked for."""

    code = "BITCOIN_WALLET"
    advice = "Name another wallet in HASHRAIL_BITCOIN_WALLET: keys belong either to the node or to the signer."


class NoFeeEstimateError(HashrailError):
    """The node has no estimate of fees, and the operator has named no rate in its place."""

    status = 503
    code = "NODE_NO_FEE_ESTIMATE"
    advice = "Wait until the node has seen enough blocks, or name a rate in HASHRAIL_BITCOIN_FEE_FALLBACK."


class BitcoinNode(NodeRpc):
    """One node, and the wallet on it that pays. Use it as an asynchronous context, or call `close`."""

    def __init__(
        self, url: str, *, auth: tuple[str, str] | Path, wallet: str | None = None, timeout_seconds: float = 30.0
    ) -> None:
        super().__init__(url, auth=auth, timeout_seconds=timeout_seconds)
        self.wallet = wallet

    # The chain

    async def chain_info(self, pinned_height: int | None = None) -> ChainInfo:
        """Where the node is, and which block it has at `pinned_height`."""
        # In one request: this is asked before and after each signature.
        told = await self.call_each(
            ("getblockchaininfo",), ("getnetworkinfo",), ("getdeploymentinfo",), ("getchainstates",)
        )
        chain, network = told[0].read(answers.Chain), told[1].read(answers.Network)
        deployments = told[2].read(answers.Deployments)
        # Nodes before version 26 begin from no copy of the coins.
        chains = told[3].read_or_none(METHOD_NOT_FOUND, answers.ChainStates)
        return ChainInfo(
            chain.chain,
            chain.blocks,
            chain.headers,
            chain.best_hash,
            chain.initial_download,
            chain.median_time,
            subversion=network.subversion,
            deployments=frozenset(deployments.deployments),
            pinned_hash=None if pinned_height is None else await self.block_hash(pinned_height),
            # A node that may prune, and has not yet, has all blocks.
            pruned_below=chain.prune_height or None,
            relays=network.relays,
            unvalidated=chains is not None and not all(each.validated for each in chains.states),
        )

    async def block_time(self, height: int) -> int:
        """When the block at a height of the best chain says that it was made, in seconds."""
        block_hash = await self.call("getblockhash", height, kind=str)
        return (await self.call("getblockheader", block_hash, kind=answers.Header)).time

    async def block_hash(self, height: int) -> str | None:
        """Hash of the best chain's block at `height`; None above its tip."""
        return await self._or_none(BAD_PARAMETER, "getblockhash", height, kind=str)

    async def unspent(self, outpoint: Outpoint, *, with_mempool: bool) -> bool:
        """Whether an output exists and nothing in the chain, or in the mempool too, spends it."""
        found = await self.call("gettxout", outpoint.txid, outpoint.vout, with_mempool, kind=msgspec.Raw)
        return bytes(found) != b"null"

    async def output(self, outpoint: Outpoint) -> answers.Unspent | None:
        """An output that the best chain has and has not spent; None for any other."""
        with_mempool, kind = False, cast("type[answers.Unspent | None]", answers.Unspent | None)
        return await self.call("gettxout", outpoint.txid, outpoint.vout, with_mempool, kind=kind)

    async def height(self) -> int:
        """The height of the newest block."""
        return await self.call("getblockcount", kind=int)

    async def spends(self, outpoints: Sequence[Outpoint]) -> dict[Outpoint, str]:
        """Which of the outputs a transaction of the mempool spends, and its txid."""
        asked = [{"txid": each.txid, "vout": each.vout} for each in outpoints]
        found = await self.call("gettxspendingprevout", asked, kind=list[answers.Spending]) if asked else []
        return {Outpoint(each.txid, each.vout): each.by for each in found if each.by is not None}

    async def spenders(self, outpoints: Set[Outpoint], depth: int) -> dict[str, str]:
        """Transactions that spend one of the outputs in the block so deep of the best chain, and its hash."""
        block_hash = await self.block_hash(await self.call("getblockcount", kind=int) - depth + 1)
        if block_hash is None:
            return {}
        block = await self.call("getblock", block_hash, 2, kind=answers.Block)
        return {
            each.txid: block_hash
            for each in block.tx
            if any(spent.txid is not None and Outpoint(spent.txid, spent.vout) in outpoints for spent in each.vin)
        }

    async def mempool_entry(self, txid: str) -> MempoolEntry | None:
        """A transaction that waits for a block; None if it does not."""
        return await self._or_none(NOT_FOUND, "getmempoolentry", txid, kind=MempoolEntry)

    async def follows(self, txid: str) -> bool:
        """Whether a transaction can be told of for ever: the wallet has it, or the node has an index of all."""
        index = await self.call("getindexinfo", "txindex", kind=dict[str, Any])
        return bool(index) or await self._of_wallet(txid) is not None

    async def raw_transaction(self, txid: str) -> str | None:
        """A transaction's bytes, in hexadecimal: of the wallet, of the mempool, and with `txindex` any of the chain."""
        found = await self._seen(txid)
        return None if found is None else found.raw

    async def transaction(self, txid: str) -> TransactionState:
        """Where the best chain has a transaction."""
        # The mempool first: what is mined between the two questions then counts as confirmed, not as lost.
        waits = await self.mempool_entry(txid) is not None
        of_wallet = await self._of_wallet(txid)
        seen = of_wallet or await self._of_chain(txid)
        if seen is None:
            return TransactionState("mempool" if waits else "unknown")
        if seen.confirmations > 0:
            return TransactionState("confirmed", seen.confirmations, seen.block_hash)
        if seen.confirmations < 0:
            return TransactionState("conflicted", seen.confirmations, conflicts=seen.conflicts)
        if waits:
            return TransactionState("mempool", conflicts=seen.conflicts)
        return TransactionState("absent" if of_wallet else "unknown", conflicts=seen.conflicts)

    async def estimate_fee(self, blocks: int, terms: FeeTerms) -> FeeRate:
        """The fee rate for confirmation within `blocks`, between what the mempool takes and the cap.

        Raises NoFeeEstimateError where neither the node nor the terms have one.
        """
        smart, waiting = await self.call_each(("estimatesmartfee", blocks), ("getmempoolinfo",))
        # A node that takes no part in the relay does not estimate at all.
        told = smart.read_or_none(INTERNAL_ERROR, answers.Estimate)
        estimate = None if told is None else told.feerate
        mempool = waiting.read(answers.Mempool).least
        if estimate is None and not terms.fallback:
            raise NoFeeEstimateError(f"the node has no estimate for {blocks} blocks, and no rate is named in its place")
        wanted = terms.fallback if estimate is None else _per_vb(estimate)
        wanted = max(wanted, terms.minimum, _per_vb(mempool))
        source: Literal["estimate", "fallback"] = "fallback" if estimate is None else "estimate"
        return FeeRate(min(wanted, terms.cap), source, capped=wanted > terms.cap)

    # The wallet

    async def wallet_info(self) -> WalletInfo:
        """The wallet that is configured."""
        return await self._ask_wallet("getwalletinfo", kind=WalletInfo)

    async def open_wallet(self, *, watch_only: bool) -> WalletInfo:
        """Load the wallet, or create it: without keys if it is to watch only. Again is a no-op."""
        assert self.wallet is not None, "a wallet without a name cannot be opened"
        if self.wallet not in await self.call("listwallets", kind=list[str]):
            loaded = await self._or_none(WALLET_NOT_FOUND, "loadwallet", self.wallet, True, kind=dict[str, Any])
            if loaded is None:
                blank = watch_only
                options = (self.wallet, watch_only, blank, None, False, True, True)
                await self.call("createwallet", *options, kind=dict[str, Any])
        info = await self.wallet_info()
        if info.private_keys == watch_only:
            raise NodeWalletError(f"wallet {info.name!r} {'has' if info.private_keys else 'lacks'} private keys")
        return info

    async def import_descriptors(
        self,
        external: str,
        internal: str,
        *,
        since: datetime | None = None,
        first_index: int = 0,
        last_index: int = 999,
    ) -> None:
        """Let the wallet watch two public descriptors: addresses to receive with, and change.

        Without `since` they count from now on, and again is a no-op; with it the chain is looked through from then on,
        or from where the wallet has begun before. Addresses below `first_index` are not given out: others have them.
        Raises NodeWalletError where the wallet does not take them.
        """
        timestamp: int | str = "now" if since is None else int(since.timestamp())
        kept = {descriptor_body(each.text): each for each in await self.list_descriptors()}
        requests: list[dict[str, object]] = []
        for text, change in ((external, False), (internal, True)):
            known = kept.get(descriptor_body(text))
            if known is None or since is not None:
                # A range may only grow, and the wallet lets it grow with every address it gives.
                # What was given out stays so, unless it is said; and what was looked through already is again.
                following = max(0 if change else first_index, known.next_index if known else 0)
                last = max(last_index, following, known.range[1] if known else 0)
                begun = timestamp if known is None else min(int(timestamp), known.timestamp)
                facts = {"active": True, "internal": change, "range": [0, last], "timestamp": begun}
                requests.append({"desc": text, "next_index": following, **facts})
        imported = await self._ask_wallet(
            "importdescriptors", requests, kind=list[answers.Imported], timeout_seconds=IMPORT_SECONDS
        )
        for answer in imported:
            if not answer.success:
                raise NodeWalletError(f"the wallet did not take a descriptor: {answer.error.get('message')}")

    async def rescan(self, start_height: int) -> tuple[int, int | None]:
        """Let the wallet look through the blocks from a height on; answers from which and up to which it has."""
        found = await self._ask_wallet(
            "rescanblockchain", start_height, kind=answers.Rescanned, timeout_seconds=IMPORT_SECONDS
        )
        return found.start_height, found.stop_height

    async def labels_of(self, address: str) -> list[str]:
        """The labels of any address, the wallet's or not."""
        return (await self._ask_wallet("getaddressinfo", address, kind=answers.AddressInfo)).labels

    async def list_descriptors(self) -> list[Descriptor]:
        """The wallet's public descriptors."""
        return (await self._ask_wallet("listdescriptors", kind=answers.Descriptors)).descriptors

    async def derive_addresses(self, descriptor: str, first: int, last: int) -> list[str]:
        """Addresses of a descriptor with checksum, from index `first` to `last`, both included."""
        return await self.call("deriveaddresses", descriptor, [first, last], kind=list[str])

    async def new_address(
        self, *, change: bool = False, label: str = "", kind: Literal["bech32", "bech32m"] | None = None
    ) -> str:
        """The next address of the wallet: of `kind`, or native segwit where it has such descriptors, else taproot.

        The wallet keeps the label of one to receive with, and tells it in its history.
        """
        if kind is None:
            active = [each for each in await self.list_descriptors() if each.active and each.internal == change]
            kind = "bech32" if any(each.text.startswith("wpkh(") for each in active) else "bech32m"
        if change:
            return await self._ask_wallet("getrawchangeaddress", kind, kind=str)
        return await self._ask_wallet("getnewaddress", label, kind, kind=str)

    async def take_addresses(self, count: int, kind: Literal["bech32", "bech32m"]) -> None:
        """Let the wallet go on by so many addresses; nobody is told them, and they have no label."""
        for start in range(0, count, AT_ONCE):
            calls = [("getnewaddress", ("", kind))] * min(AT_ONCE, count - start)
            await self.call_many(calls, kind=str, wallet=self.wallet)

    async def put_labels(self, labels: Mapping[str, str]) -> None:
        """Give addresses other labels."""
        calls = [("setlabel", pair) for pair in labels.items()]
        for start in range(0, len(calls), AT_ONCE):
            await self.call_many(calls[start : start + AT_ONCE], kind=type(None), wallet=self.wallet)

    async def index_of(self, address: str) -> int | None:
        """The last step of the path at which the wallet has an address; None where it has none."""
        path = (await self._ask_wallet("getaddressinfo", address, kind=answers.AddressInfo)).path
        found = re.fullmatch(r"m(?:/\d+['h]?)*/(\d{1,10})", path)
        return None if found is None or int(found[1]) >= HARDENED else int(found[1])

    async def labelled(self, label: str) -> list[str]:
        """The wallet's addresses with a label."""
        known = await self._or_none(
            NO_SUCH_LABEL, "getaddressesbylabel", label, kind=dict[str, Any], wallet=self.wallet
        )
        return sorted(known or ())

    async def put_label(self, address: str, label: str) -> None:
        """Give an address another label."""
        await self._ask_wallet("setlabel", address, label, kind=type(None))

    async def invalid_addresses(self, addresses: Sequence[str]) -> set[str]:
        """Those of the addresses that the node does not call valid on its chain."""
        asked = [("validateaddress", (address,)) for address in addresses]
        told = await self.call_many(asked, kind=answers.Validity)
        return {address for address, answer in zip(addresses, told, strict=True) if not answer.is_valid}

    async def gives_change_to(self, address: str) -> bool:
        """Whether an address is the wallet's and was given to nobody: one that has a label is a user's."""
        info = await self._ask_wallet("getaddressinfo", address, kind=answers.AddressInfo)
        return info.is_mine and info.is_change

    async def list_unspent(self) -> list[Coin]:
        """Confirmed coins of the wallet that nothing spends, locked ones left out."""
        least_confirmations = 1
        return await self._ask_wallet("listunspent", least_confirmations, kind=list[Coin])

    async def locked(self) -> list[Outpoint]:
        """Coins of the wallet that somebody has locked on the node."""
        return await self._ask_wallet("listlockunspent", kind=list[Outpoint])

    async def wallet_transactions(self, since: str | None = None, *, depth: int = 1) -> WalletHistory:
        """Lines of the wallet's history, change included, from the block after `since` on; None is from the beginning.

        Lines that wait for a block, and those that a reorg took out, are always there. `last_block` lies `depth` - 1
        blocks below the tip, so asking with it tells everything shallower again. Since a block that the node does not
        know, everything is told.
        """
        watched, removed, change = True, True, True
        terms = (depth, watched, removed, change)
        if since is not None:
            told = await self._or_none(
                NOT_FOUND, "listsinceblock", since, *terms, kind=WalletHistory, wallet=self.wallet
            )
            if told is not None:
                return told
        return await self._ask_wallet("listsinceblock", "", *terms, kind=WalletHistory)

    # Payments

    async def create_funded_psbt(
        self,
        inputs: Sequence[Outpoint],
        outputs_btc: Mapping[str, Decimal],
        *,
        sat_per_vb: Decimal,
        change_address: str | None = None,
    ) -> FundedPsbt:
        """An unsigned payment of exactly these inputs, BTC by address; what is left over comes back as change.

        The inputs may be spent by a transaction of the mempool, which it then replaces. NodeRefusedError where they do
        not suffice.
        """
        assert inputs, "inputs are pinned"
        assert all(decimals(amount) <= BTC_DECIMALS for amount in outputs_btc.values())
        options: dict[str, object] = {"add_inputs": False, "fee_rate": sat_per_vb, "replaceable": True}
        if change_address is not None:
            options["changeAddress"] = change_address
        spent = [{"txid": each.txid, "vout": each.vout} for each in inputs]
        paid = [{address: amount} for address, amount in outputs_btc.items()]
        return await self._ask_wallet("walletcreatefundedpsbt", spent, paid, 0, options, kind=FundedPsbt)

    async def process_psbt(self, psbt: str) -> ProcessedPsbt:
        """Let the wallet on the node sign what it has keys for."""
        return await self._ask_wallet("walletprocesspsbt", psbt, kind=ProcessedPsbt)

    async def finalize_psbt(self, psbt: str) -> FinalizedPsbt:
        """The transaction of a PSBT, if all signatures are there."""
        return await self.call("finalizepsbt", psbt, kind=FinalizedPsbt)

    async def decode_raw(self, raw: str) -> RawTransaction:
        """What stands in a raw transaction. NodeRefusedError if it is none."""
        return _transaction(await self.call("decoderawtransaction", raw, kind=answers.Decoded))

    async def test_accept(self, raw: str) -> Acceptance:
        """Whether the mempool would take a transaction. What it has, or what is mined, it would not take again."""
        (tested,) = await self.call("testmempoolaccept", [raw], kind=list[answers.Tested])
        fee = None if tested.fees is None else tested.fees.base
        return Acceptance(tested.txid, tested.allowed, tested.reason, tested.vsize, fee)

    async def broadcast(self, raw: str) -> Broadcast:
        """Send a transaction out. The same bytes may be sent any number of times. Raises nothing."""
        try:
            return Accepted(await self.call("sendrawtransaction", raw, kind=str))
        except NodeRefusedError as error:
            return await self._why_refused(raw, error)
        except (NodeUnreachableError, NodeUnknownError) as error:
            return Unknown(error.message)

    async def _why_refused(self, raw: str, error: NodeRefusedError) -> Broadcast:
        """A transaction whose outputs are spent already is refused like one whose inputs are: the node is asked."""
        if error.rpc_code not in (UNREADABLE, INVALID_TRANSACTION, REJECTED, ALREADY_MINED):
            return Unknown(error.message)
        if error.rpc_code == UNREADABLE:
            return Refused(error.rpc_code, error.reason)
        try:
            txid = (await self.decode_raw(raw)).txid
            known = error.rpc_code == ALREADY_MINED or (await self.transaction(txid)).state in ("mempool", "confirmed")
        except (NodeRefusedError, NodeUnreachableError, NodeUnknownError) as unclear:
            return Unknown(unclear.message)
        return AlreadyKnown(txid) if known else Refused(error.rpc_code, error.reason)

    # How it asks

    async def _ask_wallet(self, method: str, *params: object, kind: type[T], timeout_seconds: float | None = None) -> T:
        return await self.call(method, *params, kind=kind, wallet=self.wallet, timeout_seconds=timeout_seconds)

    async def _or_none(
        self, absent: int, method: str, *params: object, kind: type[T], wallet: str | None = None
    ) -> T | None:
        """The answer, or None where the node refuses with the code `absent`."""
        try:
            return await self.call(method, *params, kind=kind, wallet=wallet)
        except NodeRefusedError as error:
            if error.rpc_code != absent:
                raise
            return None

    async def _of_wallet(self, txid: str) -> answers.Seen | None:
        return await self._or_none(NOT_FOUND, "gettransaction", txid, kind=answers.Seen, wallet=self.wallet)

    async def _of_chain(self, txid: str) -> answers.Seen | None:
        return await self._or_none(NOT_FOUND, "getrawtransaction", txid, True, kind=answers.Seen)

    async def _seen(self, txid: str) -> answers.Seen | None:
        return await self._of_wallet(txid) or await self._of_chain(txid)


def open_node(settings: Settings) -> BitcoinNode:
    """The node that the settings name. Raises NoNodeError where they name none."""
    url, cookie = settings.bitcoin_rpc_url, settings.bitcoin_rpc_cookie
    user, password = settings.bitcoin_rpc_user, settings.bitcoin_rpc_password
    if url is None:
        raise NoNodeError("no Bitcoin node is configured")
    auth: tuple[str, str] | Path
    if cookie is not None:
        auth = cookie
    elif user is not None and password is not None:
        auth = (user, password)
    else:
        raise NoNodeError("the Bitcoin node has neither a cookie nor a user and password")
    timeout_seconds = settings.bitcoin_rpc_timeout_seconds
    return BitcoinNode(url, auth=auth, wallet=settings.bitcoin_wallet, timeout_seconds=timeout_seconds)


def open_witness(settings: Settings) -> BitcoinNode | None:
    """The second node, which is asked whether it has a block as well; None where none is named. Raises NoNodeError."""
    if settings.bitcoin_witness_url is None:
        return None
    cookie, user, password = (
        settings.bitcoin_witness_cookie,
        settings.bitcoin_witness_user,
        settings.bitcoin_witness_password,
    )
    if cookie is None and (user is None or password is None):
        raise NoNodeError("the second Bitcoin node has neither a cookie nor a user and password")
    auth = cookie or (user or "", password or "")
    return BitcoinNode(settings.bitcoin_witness_url, auth=auth, timeout_seconds=settings.bitcoin_rpc_timeout_seconds)


def _per_vb(btc_per_kvb: Decimal) -> Decimal:
    """sat/vB; the node's 8 decimals of BTC leave 3."""
    return btc_per_kvb * 100_000


def _transaction(decoded: answers.Decoded) -> RawTransaction:
    return RawTransaction(
        decoded.txid,
        decoded.vsize,
        tuple(Outpoint(each.txid, each.vout) for each in decoded.vin),
        tuple(each.sequence for each in decoded.vin),
        tuple(Output(each.value, each.script.hex, each.script.address) for each in decoded.vout),
    )
