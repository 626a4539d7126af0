"""Coins of a real wallet are proven by whoever has its keys, and the proof can be sent by nobody."""

import uuid

import pytest

from hashrail.bitcoin import coin_proofs
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.signer import KeySigner, SigningRefusedError
from hashrail_client import reserves
from tests.support.bitcoin_node import Node
from tests.support.keys import TPRV
from tests.support.paying import node_chain

MESSAGE = reserves.message_of("2026-03-02", "ab" * 32, "regtest", 150, "cd" * 32)


async def check_proven(chain: NodeChain, count: int) -> None:
    coins = [coin_proofs.named(each) for each in await chain.coins()]
    assert len(coins) >= count
    psbt, txid = coin_proofs.psbt(MESSAGE, coins)
    raw = await chain.sign_proof(psbt, txid)
    reserves.verify_coins(bytes.fromhex(raw), coins, MESSAGE)
    refused = await chain.acceptance(raw)
    assert (refused.allowed, refused.reason) == (False, "missing-inputs")
    with pytest.raises(SigningRefusedError):
        await chain.sign_proof(psbt, "00" * 32)


async def test_the_wallet_on_the_node_signs(bitcoin_node: Node) -> None:
    wallet = bitcoin_node.wallet(uuid.uuid4().hex)
    kinds = ("bech32", "bech32m", "bech32m")
    bitcoin_node.pay(*[bitcoin_node.rpc("getnewaddress", "", kind, wallet=wallet) for kind in kinds])
    await check_proven(node_chain(bitcoin_node, wallet), 3)


@pytest.mark.parametrize("kind", ["bip84", "bip86"])
async def test_the_signer_signs_for_a_wallet_that_watches(bitcoin_node: Node, kind: str) -> None:
    signer = KeySigner(f"{kind} {TPRV}", "regtest")
    wallet = uuid.uuid4().hex
    external, internal = signer.descriptors()
    async with bitcoin_node.open(wallet) as btc:
        await btc.open_wallet(watch_only=True)
        await btc.import_descriptors(external, internal)
        bitcoin_node.pay(*await btc.derive_addresses(external, 70, 71))
    await check_proven(node_chain(bitcoin_node, wallet, signer), 2)
