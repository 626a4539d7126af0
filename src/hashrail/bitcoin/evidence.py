"""Evidence: what a node has to show before it is believed that a block has a transaction.

The node names the block. What it shows is read and computed anew (`block_proofs`): the transaction's bytes, the way
from it to the header, and headers on top of that. Where a second node is configured (a witness), it has to have the
block as well, as deep. What a simulated chain says is its own word, and it says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from hashrail.bitcoin import block_proofs
from hashrail.bitcoin.block_proofs import Body, Header, UnprovenError
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.rpc import NodeError, NodeRefusedError
from hashrail.settings import Network

# Transactions in one request, and in one proof.
MANY = 500


@dataclass(frozen=True, slots=True)
class Evidence:
    """A transaction that a block has. `headers` begin with that block and go upwards: as many as it is deep, or as were
    asked for. A simulated one has none, and rests on the sandbox's word.
    """

    body: Body
    block_hash: str
    height: int
    headers: tuple[Header, ...]
    depth: int
    witnessed: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """There is no evidence, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node says: a block has a transaction, and is so deep at least."""

    txid: str
    block_hash: str
    depth: int


class _Place(msgspec.Struct):
    height: int
    confirmations: int


async def of_claims(
    node: BitcoinNode, witness: BitcoinNode | None, network: Network, claims: Sequence[Claim]
) -> dict[str, Evidence | Doubt]:
    """What a node can show for each; the transactions of a block are shown together.

    Raises NodeUnreachableError and NodeUnknownError of the node that is asked; a refusal is a doubt.
    """
    by_block: dict[str, list[Claim]] = {}
    for claim in claims:
        by_block.setdefault(claim.block_hash, []).append(claim)
    found: dict[str, Evidence | Doubt] = {}
    for block_hash, all_of_block in by_block.items():
        for start in range(0, len(all_of_block), MANY):
            part = all_of_block[start : start + MANY]
            try:
                found |= await _of_block(node, witness, network, block_hash, part)
            except UnprovenError as error:
                found |= {claim.txid: Doubt(error.reason) for claim in part}
            except NodeRefusedError as error:
                found |= {claim.txid: Doubt(f"the node refuses to show it: {error.reason}") for claim in part}
    return found


async def _of_block(
    node: BitcoinNode, witness: BitcoinNode | None, network: Network, block_hash: str, claims: Sequence[Claim]
) -> Mapping[str, Evidence | Doubt]:
    depth = max(claim.depth for claim in claims)
    place = await node.call("getblockheader", block_hash, True, kind=_Place)
    headers = block_proofs.read_chain(await _raw_headers(node, place.height, depth), network)
    if headers[0].block_hash != block_hash:
        raise UnprovenError("the node's chain has another block there")
    txids = [claim.txid for claim in claims]
    proven = block_proofs.read_proof(await node.call("gettxoutproof", txids, block_hash, kind=str), network)
    if proven[0] != headers[0]:
        raise UnprovenError("the merkle proof is of another block")
    raws = await node.call_many([("getrawtransaction", (txid, False, block_hash)) for txid in txids], kind=str)
    witnessed = witness is not None
    second = len(headers) if witness is None else await _ask_witness(witness, block_hash)
    found: dict[str, Evidence | Doubt] = {}
    for claim, raw in zip(claims, raws, strict=True):
        try:
            body = block_proofs.read_transaction(raw)
        except UnprovenError as error:
            found[claim.txid] = Doubt(error.reason)
            continue
        if body.txid != claim.txid or body.txid not in proven[1]:
            found[claim.txid] = Doubt("the block is not shown to have the transaction")
        elif len(headers) < claim.depth:
            found[claim.txid] = Doubt(f"the block is shown to be {len(headers)} deep, not {claim.depth}")
        elif second < claim.depth:
            found[claim.txid] = Doubt(f"the second node has the block {second} deep, not {claim.depth}")
        else:
            found[claim.txid] = Evidence(body, block_hash, place.height, headers, len(headers), witnessed)
    return found


async def _raw_headers(node: BitcoinNode, height: int, count: int) -> list[str]:
    """Headers of the best chain from a height on upwards, as many as there are."""
    tip = await node.call("getblockcount", kind=int)
    heights = range(height, min(height + count, tip + 1))
    hashes = await node.call_many([("getblockhash", (each,)) for each in heights], kind=str)
    if not hashes:
        raise UnprovenError("the node's chain does not reach the block")
    return await node.call_many([("getblockheader", (each, False)) for each in hashes], kind=str)


async def _ask_witness(witness: BitcoinNode, block_hash: str) -> int:
    """How deep the second node has the block in its best chain; below it is -1. Raises UnprovenError."""
    try:
        return (await witness.call("getblockheader", block_hash, True, kind=_Place)).confirmations
    except NodeError as error:
        raise UnprovenError(f"the second node does not know the block: {error.code}") from error
