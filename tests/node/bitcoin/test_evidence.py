"""Merkle proofs, headers and transactions of a real node are read; changed anywhere, they prove nothing any more."""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from hashrail.bitcoin import block_proofs
from hashrail.bitcoin.block_proofs import UnprovenError, read_chain, read_header, read_proof, read_transaction
from hashrail.bitcoin.evidence import Claim, Doubt, Evidence
from hashrail.bitcoin.rpc import NodeRefusedError
from tests.support.bitcoin_node import Node, lying, running
from tests.support.paying import node_chain

# The first block of the main network.
GENESIS = f"01000000{'00' * 32}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
GENESIS_HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running() as own:
        own.wallet("w", coins=20)
        yield own


def block_of(node: Node, payments: int) -> dict[str, Any]:
    """A block with so many payments besides its own."""
    for _ in range(payments):
        node.rpc("sendtoaddress", node.rpc("getnewaddress", wallet="w"), Decimal("0.1"), wallet="w")
    return dict(node.rpc("getblock", node.mine()[0], 1))


@pytest.mark.parametrize("payments", [0, 1, 2, 6])
def test_proofs_of_a_real_node(node: Node, payments: int) -> None:
    """Of each transaction, and of all at once."""
    block = block_of(node, payments)
    txids = block["tx"]
    assert len(txids) == payments + 1
    for some in [*([each] for each in txids), txids, txids[:-1] or txids]:
        header, proven = read_proof(node.rpc("gettxoutproof", some, block["hash"]), "regtest")
        assert (header.block_hash, header.previous) == (block["hash"], block["previousblockhash"])
        assert (header.time, proven) == (block["time"], frozenset(some))


def test_a_proof_that_was_changed(node: Node) -> None:
    """Whichever bit: it is refused, or of another block, or it proves another transaction that the block has."""
    block = block_of(node, 3)
    raw = bytes.fromhex(node.rpc("gettxoutproof", block["tx"][1:2], block["hash"]))
    for place in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        try:
            header, proven = read_proof(bytes(changed).hex(), "regtest")
        except UnprovenError:
            continue
        assert header.block_hash != block["hash"] or proven <= frozenset(block["tx"])
    for cut in range(len(raw)):
        with pytest.raises(UnprovenError):
            read_proof(raw[:cut].hex(), "regtest")
    for bad in ((raw + b"\0").hex(), "zz", ""):
        with pytest.raises(UnprovenError):
            read_proof(bad, "regtest")


def test_headers() -> None:
    """Known from elsewhere; too easy for the main network by now; without the work, or out of order, none at all."""
    raw = bytes.fromhex(GENESIS)
    header = read_header(raw, "testnet4")
    assert (header.block_hash, header.work, header.previous) == (GENESIS_HASH, 0x100010001, "00" * 32)
    with pytest.raises(UnprovenError, match="less work"):
        read_header(raw, "bitcoin")
    with pytest.raises(UnprovenError, match="lacks the work"):
        read_header(raw[:-1] + b"\0", "testnet4")
    for bits in ("ffff7f20", "ffff801d", "00000000", "ffff00ff"):
        with pytest.raises(UnprovenError, match="less work"):
            read_header(raw[:72] + bytes.fromhex(bits) + raw[76:], "testnet4")
    with pytest.raises(UnprovenError, match="80 bytes"):
        read_header(raw[:-1], "testnet4")
    assert [each.raw for each in read_chain([GENESIS], "testnet4")] == [GENESIS]
    with pytest.raises(UnprovenError, match="do not follow"):
        read_chain([GENESIS, GENESIS], "testnet4")


async def test_transactions(node: Node) -> None:
    """Read as the node reads them, the miner's too."""
    block = block_of(node, 2)
    chain = node_chain(node, "w")
    for txid in block["tx"]:
        told = node.rpc("getrawtransaction", txid, True)
        body = read_transaction(told["hex"])
        assert (body.txid, body.coinbase) == (txid, "coinbase" in told["vin"][0])
        paid = [(each["scriptPubKey"]["hex"], int(each["value"] * 10**8)) for each in told["vout"]]
        assert [(each.script, each.amount_sat) for each in body.outputs] == paid
        decoded = await chain.decode(told["hex"])
        async with node.open() as btc:
            assert (decoded.txid, decoded.vsize, decoded.outputs) == (txid, told["vsize"], decoded.outputs)
            as_node = await btc.decode_raw(told["hex"])
            assert (decoded.sequences, decoded.outputs) == (as_node.sequences, as_node.outputs)
            assert body.coinbase or decoded.inputs == as_node.inputs
    for bad in ("00", "zz", ""):
        with pytest.raises(NodeRefusedError):
            await chain.decode(bad)
    await chain.close()


def test_a_transaction_of_64_bytes() -> None:
    """It could be the two halves of an inner node of the tree."""
    raw = bytes.fromhex("02000000" + "01" + "ab" * 32 + "00000000" + "00" + "ffffffff" + "01" + "01" + "00" * 7)
    raw += bytes([4]) + os.urandom(4) + bytes(4)
    assert len(raw) == 64
    with pytest.raises(UnprovenError, match="64 bytes"):
        read_transaction(raw.hex())


async def test_what_is_shown(node: Node) -> None:
    """Several of a block and of two; a depth that it has not, a block of another chain, one that nobody knows."""
    first, second = block_of(node, 2), block_of(node, 1)
    chain = node_chain(node, "w")
    claims = [Claim(each, first["hash"], 2) for each in first["tx"]] + [Claim(second["tx"][1], second["hash"], 1)]
    shown = await chain.evidence(claims)
    assert {txid: each.depth for txid, each in shown.items() if isinstance(each, Evidence)} == {
        **dict.fromkeys(first["tx"], 2),
        second["tx"][1]: 1,
    }
    one = shown[first["tx"][1]]
    assert isinstance(one, Evidence)
    assert [each.block_hash for each in one.headers] == [first["hash"], second["hash"]]
    assert (one.height, one.witnessed, one.simulated) == (first["height"], False, False)
    (deep,) = (await chain.evidence([Claim(first["tx"][1], first["hash"], 3)])).values()
    assert deep == Doubt("the block is shown to be 2 deep, not 3")
    for claim in (Claim(first["tx"][1], second["hash"], 1), Claim(first["tx"][1], "ab" * 32, 1)):
        assert isinstance((await chain.evidence([claim]))[claim.txid], Doubt)
    node.rpc("invalidateblock", second["hash"])
    node.mine(2)
    assert isinstance((await chain.evidence([claims[-1]]))[claims[-1].txid], Doubt)
    await chain.close()


async def test_a_second_node(node: Node) -> None:
    """It has to have the block as deep; one that does not answer confirms nothing."""
    block = block_of(node, 1)
    claim = Claim(block["tx"][1], block["hash"], 1)
    with running() as other:
        chain = node_chain(node, "w")
        chain._witness = other.open()
        assert isinstance((await chain.evidence([claim]))[claim.txid], Doubt)
        assert [each.code for each in await chain.findings()] == []
        other.stop()
        assert isinstance((await chain.evidence([claim]))[claim.txid], Doubt)
        assert [(each.code, each.stops) for each in await chain.findings()] == [("WITNESS_SILENT", False)]
        await chain._witness.close()
    async with lying(node) as liar:
        chain._witness = node.open(url=liar.url)
        shown = (await chain.evidence([claim]))[claim.txid]
        assert isinstance(shown, Evidence)
        assert shown.witnessed
        liar.lies["getblockheader"] = lambda *_: {"height": block["height"], "confirmations": -1, "time": 0}
        assert (await chain.evidence([claim]))[claim.txid] == Doubt("the second node has the block -1 deep, not 1")
        liar.lies["getblockhash"] = lambda *_: "ab" * 32
        assert [(each.code, each.stops) for each in await chain.findings()] == [("WITNESS_DISAGREES", True)]
    await chain.close()


async def test_another_transaction_than_was_asked_for(node: Node) -> None:
    block = block_of(node, 1)
    async with lying(node) as liar:
        chain = node_chain(node, "w", url=liar.url)
        assert await chain.raw_transaction(block["tx"][1]) is not None
        liar.lies["gettransaction"] = lambda *_: {"hex": node.rpc("getrawtransaction", block["tx"][0])}
        with pytest.raises(Exception, match="another transaction"):
            await chain.raw_transaction(block["tx"][1])
        await chain.close()


def test_a_tree_with_a_branch_twice() -> None:
    """Two equal branches would give one transaction two places (CVE-2012-2459)."""
    leaf = os.urandom(32)
    tree = block_proofs._Tree(2, [leaf, leaf], [1, 1, 1, 0, 0, 0, 0, 0])
    with pytest.raises(UnprovenError, match="twice"):
        tree.walk(1, 0)
