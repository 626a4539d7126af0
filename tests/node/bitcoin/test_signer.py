"""Signing: by keys beside the program, and by the wallet on the node. What was not meant is not signed."""

import base64
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import Accepted, Coin, Outpoint
from hashrail.bitcoin.signer import (
    Intent,
    KeySigner,
    NodeSigner,
    Signed,
    SignerKeyError,
    SigningRefusedError,
    signer_of,
)
from hashrail.settings import Network, Settings
from tests.support.bitcoin_node import Node
from tests.support.keys import TPRV, WORDS, XPRV
from tests.support.paying import customer

PAIR = f"tr({TPRV}/86h/1h/7h/0/*)\ntr({TPRV}/86h/1h/7h/1/*)\n"
Either = KeySigner | NodeSigner
BUDGET = Decimal("0.0001")
RATE = Decimal(3)
FARTHEST = 1_000_000


@asynccontextmanager
async def watching(node: Node, signer: KeySigner, *, coins: int = 2, first: int = 0) -> AsyncIterator[BitcoinNode]:
    """A wallet on the node that watches a signer's addresses, with coins of one BTC."""
    external, internal = signer.descriptors()
    async with node.open(uuid.uuid4().hex) as btc:
        await btc.open_wallet(watch_only=True)
        await btc.import_descriptors(external, internal)
        node.pay(*await btc.derive_addresses(external, first, first + coins - 1))
        yield btc


async def newest(btc: BitcoinNode) -> list[Coin]:
    """The coins of this test; the keys are the same in each."""
    return [coin for coin in await btc.list_unspent() if coin.confirmations == 1]


async def built(
    btc: BitcoinNode, outputs_btc: Mapping[str, Decimal], *inputs: Outpoint, rate: Decimal = RATE
) -> tuple[str, Intent]:
    """A PSBT of the node, and the intent that it serves."""
    spent = inputs or [(await newest(btc))[0].outpoint]
    funded = await btc.create_funded_psbt(spent, outputs_btc, sat_per_vb=rate)
    return funded.psbt, Intent(frozenset(spent), outputs_btc, BUDGET)


async def check_paid(node: Node, btc: BitcoinNode, signed: Signed, intent: Intent) -> None:
    """The network takes what was signed, and it is what was meant."""
    tested = await btc.test_accept(signed.raw)
    assert (tested.allowed, tested.reason) == (True, None)
    assert (tested.txid, tested.fee_btc, tested.vsize) == (signed.txid, signed.fee_btc, signed.vsize)
    assert await btc.broadcast(signed.raw) == Accepted(signed.txid)
    node.mine()
    assert (await btc.transaction(signed.txid)).confirmations == 1
    decoded = await btc.decode_raw(signed.raw)
    paid = {each.address: each.amount_btc for each in decoded.outputs}
    assert {address: paid[address] for address in intent.outputs_btc} == intent.outputs_btc
    assert len(paid) == len(intent.outputs_btc) + 1


KEYS = {
    "bip84 words": ("bip84 " + WORDS, "bcrt1q"),
    "bip86 words": ("bip86  " + WORDS.replace(" ", "\n", 3), "bcrt1p"),
    "bip84 key": (f"bip84 {TPRV}\n", "bcrt1q"),
    "bip86 key": (f"bip86 {TPRV}", "bcrt1p"),
    "descriptors": (PAIR, "bcrt1p"),
}


@pytest.mark.parametrize(("text", "prefix"), KEYS.values(), ids=KEYS)
async def test_keys_beside_the_program_pay_out_of_a_wallet_that_watches(
    bitcoin_node: Node, text: str, prefix: str
) -> None:
    signer = KeySigner(text, "regtest")
    async with watching(bitcoin_node, signer, coins=2, first=40) as btc:
        assert (await btc.new_address()).startswith(prefix)
        assert (await btc.wallet_info()).private_keys is False
        first, second = await newest(btc)
        outputs = {customer(bitcoin_node, kind): Decimal("0.3") for kind in ("bech32", "bech32m", "legacy")}
        psbt, intent = await built(btc, outputs, first.outpoint, second.outpoint)
        assert not (await btc.process_psbt(psbt)).complete
        await check_paid(bitcoin_node, btc, await signer.sign(psbt, intent), intent)


async def test_change_comes_back_and_can_be_spent(bitcoin_node: Node) -> None:
    signer = KeySigner("bip86 " + TPRV, "regtest")
    async with watching(bitcoin_node, signer, coins=1) as btc:
        psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.4")})
        signed = await signer.sign(psbt, intent)
        await check_paid(bitcoin_node, btc, signed, intent)
        (change,) = [coin for coin in await newest(btc) if coin.txid == signed.txid]
        assert to_sat(change.amount_btc) == 60_000_000 - to_sat(signed.fee_btc)
        psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.1")}, change.outpoint)
        await check_paid(bitcoin_node, btc, await signer.sign(psbt, intent), intent)


async def test_the_wallet_on_the_node_pays(bitcoin_node: Node) -> None:
    for kind in ("bech32", "bech32m", "p2sh-segwit"):
        wallet = bitcoin_node.wallet(uuid.uuid4().hex)
        bitcoin_node.pay(bitcoin_node.rpc("getnewaddress", "", kind, wallet=wallet))
        async with bitcoin_node.open(wallet) as btc:
            psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.25")})
            await check_paid(bitcoin_node, btc, await NodeSigner(btc, "regtest").sign(psbt, intent), intent)


# What is not signed


@pytest.fixture(params=["keys", "node"])
async def signing(bitcoin_node: Node, request: pytest.FixtureRequest) -> AsyncIterator[tuple[BitcoinNode, Either]]:
    """A wallet with two coins and what signs for it: both must refuse the same."""
    if request.param == "node":
        async with bitcoin_node.open(bitcoin_node.wallet(uuid.uuid4().hex, coins=2)) as btc:
            yield btc, NodeSigner(btc, "regtest")
    else:
        signer = KeySigner("bip84 " + WORDS, "regtest")
        async with watching(bitcoin_node, signer) as btc:
            yield btc, signer


async def refused(signer: Either, psbt: str, intent: Intent) -> tuple[object, str]:
    with pytest.raises(SigningRefusedError) as error:
        await signer.sign(psbt, intent)
    return error.value.details["reason"], error.value.message


async def test_another_payment_is_not_signed(bitcoin_node: Node, signing: tuple[BitcoinNode, Either]) -> None:
    btc, signer = signing
    alice, bob, thief = [customer(bitcoin_node) for _ in range(3)]
    psbt, intent = await built(btc, {alice: Decimal("0.1"), bob: Decimal("0.2")})
    wrong = {
        "one satoshi less": {alice: Decimal("0.1"), bob: Decimal("0.20000001")},
        "one satoshi more": {alice: Decimal("0.1"), bob: Decimal("0.19999999")},
        "another address": {alice: Decimal("0.1"), thief: Decimal("0.2")},
        "swapped": {alice: Decimal("0.2"), bob: Decimal("0.1")},
        "one is missing": {alice: Decimal("0.1"), bob: Decimal("0.2"), thief: Decimal("0.3")},
    }
    for outputs in wrong.values():
        assert (await refused(signer, psbt, replace(intent, outputs_btc=outputs)))[0] == "payment"
    script = bitcoin_node.rpc("getaddressinfo", bob, wallet="customers")["scriptPubKey"]
    assert await refused(signer, psbt, replace(intent, outputs_btc={alice: Decimal("0.1")})) == (
        "output",
        f"20000000 satoshi go to somebody else: script {script}",
    )
    assert (await signer.sign(psbt, intent)).txid


async def test_change_to_somebody_else_is_not_signed(bitcoin_node: Node, signing: tuple[BitcoinNode, Either]) -> None:
    btc, signer = signing
    (coin, *_) = await newest(btc)
    outputs = {customer(bitcoin_node): Decimal("0.1")}
    theirs = await btc.create_funded_psbt(
        [coin.outpoint], outputs, sat_per_vb=RATE, change_address=customer(bitcoin_node)
    )
    assert (await refused(signer, theirs.psbt, Intent(frozenset({coin.outpoint}), outputs, BUDGET)))[0] == "output"


async def test_other_inputs_are_not_signed(bitcoin_node: Node, signing: tuple[BitcoinNode, Either]) -> None:
    btc, signer = signing
    first, second = [coin.outpoint for coin in (await newest(btc))[:2]]
    psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.1")}, first)
    for inputs in ({second}, {first, second}, set[Outpoint]()):
        assert (await refused(signer, psbt, replace(intent, inputs=frozenset(inputs))))[0] == "inputs"


async def test_the_fee_stays_within_the_budget(bitcoin_node: Node, signing: tuple[BitcoinNode, Either]) -> None:
    btc, signer = signing
    psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.1")})
    fee = (await signer.sign(psbt, intent)).fee_btc
    satoshi = Decimal("0.00000001")
    assert (await signer.sign(psbt, replace(intent, max_fee_btc=fee))).fee_btc == fee
    assert await refused(signer, psbt, replace(intent, max_fee_btc=fee - satoshi)) == (
        "fee",
        f"the fee is {to_sat(fee)} satoshi, more than {to_sat(fee) - 1}",
    )


async def test_a_payment_that_cannot_be_bumped_is_not_signed(
    bitcoin_node: Node, signing: tuple[BitcoinNode, Either]
) -> None:
    btc, signer = signing
    (coin, *_) = await newest(btc)
    outputs = {customer(bitcoin_node): Decimal("0.1")}
    spent = [{"txid": coin.txid, "vout": coin.vout, "sequence": 0xFFFFFFFE}]
    options = {"fee_rate": 2, "replaceable": False}
    made = bitcoin_node.rpc("walletcreatefundedpsbt", spent, outputs, 0, options, wallet=btc.wallet)
    intent = Intent(frozenset({coin.outpoint}), outputs, BUDGET)
    assert (await refused(signer, made["psbt"], intent))[0] == "replaceable"


async def test_coins_of_others_are_not_signed(bitcoin_node: Node, signing: tuple[BitcoinNode, Either]) -> None:
    """The change is the signer's, the coin is not."""
    btc, signer = signing
    async with bitcoin_node.open(bitcoin_node.wallet(uuid.uuid4().hex, coins=1)) as rich:
        (coin,) = await rich.list_unspent()
        ours = await btc.new_address()
        made = await rich.create_funded_psbt([coin.outpoint], {ours: Decimal("0.1")}, sat_per_vb=RATE)
        change = next(
            each.address
            for each in (
                await rich.decode_raw((await rich.finalize_psbt((await rich.process_psbt(made.psbt)).psbt)).raw or "")
            ).outputs
            if each.address != ours
        )
        rest = Decimal("0.9") - made.fee_btc
        intent = Intent(frozenset({coin.outpoint}), {ours: Decimal("0.1"), str(change): rest}, BUDGET)
        assert (await refused(signer, made.psbt, intent))[0] == "keys"


async def test_a_psbt_that_is_none() -> None:
    signer = KeySigner(PAIR, "regtest")
    for text in ("", "é", "cHNidP8="):
        assert (await refused(signer, text, Intent(frozenset(), {}, BUDGET)))[0] == "psbt"


async def test_a_psbt_without_amounts(bitcoin_node: Node) -> None:
    """What an input is worth must be there, and for P2WPKH with the transaction that proves it."""
    signer = KeySigner("bip84 " + TPRV, "regtest")
    async with watching(bitcoin_node, signer, coins=1) as btc:
        (coin,) = await newest(btc)
        outputs = {customer(bitcoin_node): Decimal("0.9999")}
        bare = bitcoin_node.rpc("createpsbt", [{"txid": coin.txid, "vout": coin.vout, "sequence": 1}], outputs)
        intent = Intent(frozenset({coin.outpoint}), outputs, BUDGET)
        assert (await refused(signer, bare, intent))[0] == "psbt"


def maps_of(psbt: str) -> list[list[bytes]]:
    """A PSBT's maps, global, inputs, outputs, each a list of entries as they stand (BIP 174)."""
    data, found, entries, at = base64.b64decode(psbt), [], list[bytes](), 5
    while at < len(data):
        start = at
        if data[at] == 0:
            found.append(entries)
            entries, at = [], at + 1
            continue
        for _ in ("key", "value"):
            length, at = data[at], at + 1
            if length == 0xFD:
                length, at = int.from_bytes(data[at : at + 2], "little"), at + 2
            at += length
        entries.append(data[start:at])
    return found


def psbt_of(maps: list[list[bytes]]) -> str:
    return base64.b64encode(b"psbt\xff" + b"".join(b"".join(entries) + b"\0" for entries in maps)).decode()


@pytest.mark.parametrize("purpose", ["bip84", "bip86"])
async def test_a_claim_that_an_output_is_ours_is_derived_anew(bitcoin_node: Node, purpose: str) -> None:
    """A node that was taken over writes our own derivation path beside its own address."""
    signer = KeySigner(f"{purpose} {WORDS}", "regtest")
    async with watching(bitcoin_node, signer, coins=1) as btc:
        (coin,) = await newest(btc)
        outputs = {customer(bitcoin_node): Decimal("0.1")}
        made = {}
        for change in (await btc.new_address(change=True), customer(bitcoin_node)):
            options = {"fee_rate": 2, "changePosition": 1, "changeAddress": change, "replaceable": True}
            spent = [{"txid": coin.txid, "vout": coin.vout}]
            funded = bitcoin_node.rpc("walletcreatefundedpsbt", spent, outputs, 0, options, wallet=btc.wallet)
            made[change] = maps_of(funded["psbt"])
            assert psbt_of(made[change]) == funded["psbt"]
        ours, theirs = made.values()
        assert (len(ours[3]) > 0, len(theirs[3])) == (True, 0)
        intent = Intent(frozenset({coin.outpoint}), outputs, BUDGET)
        assert (await refused(signer, psbt_of([*theirs[:3], ours[3]]), intent))[0] == "output"
        assert (await signer.sign(psbt_of(ours), intent)).txid


@pytest.mark.parametrize("purpose", ["bip84", "bip86"])
async def test_where_change_may_go(bitcoin_node: Node, purpose: str) -> None:
    """To change addresses that a wallet made anew would find: not to a user's, nor to one at a far index."""
    signer = KeySigner(f"{purpose} {TPRV}", "regtest")
    external, internal = signer.descriptors()
    async with watching(bitcoin_node, signer, coins=1, first=60) as btc:
        (coin,) = await newest(btc)
        outputs = {customer(bitcoin_node): Decimal("0.1")}
        intent = Intent(frozenset({coin.outpoint}), outputs, BUDGET)

        async def with_change(descriptor: str, index: int) -> str:
            """A PSBT that says itself from where its change derives."""
            (to,) = await btc.derive_addresses(descriptor, index, index)
            funded = await btc.create_funded_psbt([coin.outpoint], outputs, sat_per_vb=RATE, change_address=to)
            known = [{"desc": descriptor, "range": [index, index]}]
            return str(bitcoin_node.rpc("utxoupdatepsbt", funded.psbt, known))

        for descriptor, index in ((external, 0), (external, 700), (internal, FARTHEST), (internal, FARTHEST + 7)):
            psbt = await with_change(descriptor, index)
            assert any(f"/{index}" in path for path in change_paths(bitcoin_node, psbt))
            assert (await refused(signer, psbt, intent))[0] == "output"
        for index in (0, FARTHEST - 1):
            assert (await signer.sign(await with_change(internal, index), intent)).txid


def change_paths(node: Node, psbt: str) -> list[str]:
    """The derivation paths that stand beside the outputs."""
    outputs = node.rpc("decodepsbt", psbt)["outputs"]
    return [
        each["path"]
        for output in outputs
        for key in ("bip32_derivs", "taproot_bip32_derivs")
        for each in output.get(key, ())
    ]


async def test_an_amount_must_be_proven(bitcoin_node: Node) -> None:
    """The signature of P2WPKH does not tell what other inputs are worth, so the spent transaction must be there."""
    signer = KeySigner("bip84 " + TPRV, "regtest")
    async with watching(bitcoin_node, signer, coins=1) as btc:
        psbt, intent = await built(btc, {customer(bitcoin_node): Decimal("0.1")})
        maps = maps_of(psbt)
        proof = [entry for entry in maps[1] if entry[:2] == b"\x01\x00"]
        assert len(proof) == 1
        maps[1].remove(proof[0])
        reason, message = await refused(signer, psbt_of(maps), intent)
        assert (reason, message) == ("keys", "the signer cannot sign: MissingNonWitnessUtxo")


# Keys


def test_public_descriptors_hold_no_secret() -> None:
    external, internal = KeySigner("bip84 " + WORDS, "bitcoin").descriptors()
    # The account key of BIP 84's own test vector, which writes it as zpub.
    account = (
        "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7"
    )
    account += "PW6V"
    assert external.split("#")[0] == f"wpkh([73c5da0a/84'/0'/0']{account}/0/*)"
    assert internal.split("#")[0] == f"wpkh([73c5da0a/84'/0'/0']{account}/1/*)"
    external, internal = KeySigner("bip86 " + WORDS, "testnet4").descriptors()
    assert external.startswith("tr([73c5da0a/86'/1'/0']tpub")
    assert "/1/*)" in internal
    assert "prv" not in external + internal + "".join(KeySigner(PAIR, "regtest").descriptors())


BAD_KEYS: dict[str, tuple[str, Network]] = {
    "nothing": ("", "regtest"),
    "no key": ("bip84", "regtest"),
    "a bad word": ("bip84 " + WORDS.replace("about", "abandon"), "regtest"),
    "an unknown purpose": ("bip44 " + WORDS, "regtest"),
    "words alone": (WORDS, "regtest"),
    "a cut key": ("bip84 " + TPRV[:-1], "regtest"),
    "a public key": (
        "bip84 " + KeySigner("bip84 " + WORDS, "regtest").descriptors()[0].split("]")[1].split("/")[0],
        "regtest",
    ),
    "a key of mainnet": ("bip86 " + XPRV, "regtest"),
    "a key of testnet": ("bip86 " + TPRV, "bitcoin"),
    "one descriptor": (PAIR.splitlines()[0], "regtest"),
    "three descriptors": (PAIR + PAIR.splitlines()[0], "regtest"),
    "the same twice": (PAIR.splitlines()[0] + "\n" + PAIR.splitlines()[0], "regtest"),
    "descriptors of mainnet": (PAIR.replace(TPRV, XPRV), "regtest"),
    "public descriptors": ("\n".join(KeySigner(PAIR, "regtest").descriptors()), "regtest"),
    "hardened addresses": (PAIR.replace("*", "*h"), "regtest"),
    "no range": (PAIR.replace("/*", ""), "regtest"),
    "a script": (PAIR.replace("tr(", "pkh("), "regtest"),
    "a wrong checksum": (PAIR.replace("*)", "*)#aaaaaaaa"), "regtest"),
}


@pytest.mark.parametrize(("text", "network"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_keys_that_cannot_be_used(text: str, network: Network) -> None:
    with pytest.raises(SignerKeyError) as error:
        KeySigner(text, network)
    assert error.value.details["reason"]
    said = f"{error.value.message} {error.value.details} {error.value.__cause__}"
    assert not any(secret in said for secret in (TPRV[10:30], XPRV[10:30], "abandon"))


def test_a_descriptor_may_carry_its_checksum_and_origin() -> None:
    plain = f"wpkh([0f056943/84h]{TPRV}/1h/0h/0/*)\nwpkh([0f056943/84h]{TPRV}/1h/0h/1/*)"
    assert KeySigner(plain, "regtest").descriptors()[0].startswith("wpkh([0f056943/84'/1'/0']tpub")


@pytest.mark.parametrize(
    ("mode", "fine"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o610, False)]
)
def test_others_must_not_read_the_file(tmp_path: Path, mode: int, fine: bool) -> None:
    path = tmp_path / "keys"
    path.write_text(PAIR)
    path.chmod(mode)
    if fine:
        assert KeySigner.from_file(path, "regtest").descriptors() == KeySigner(PAIR, "regtest").descriptors()
        return
    with pytest.raises(SignerKeyError, match="chmod 600") as error:
        KeySigner.from_file(path, "regtest")
    assert error.value.details == {"reason": "mode"}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\xff")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "keys"):
        with pytest.raises(SignerKeyError, match="cannot be read") as error:
            KeySigner.from_file(path, "regtest")
        assert error.value.details == {"reason": "file"}


def test_the_signer_of_the_settings(tmp_path: Path) -> None:
    assert signer_of(Settings()) is None
    (path := tmp_path / "keys").write_text("bip86 " + TPRV)
    path.chmod(0o600)
    given = signer_of(Settings(bitcoin_network="regtest", bitcoin_signer=PAIR))
    assert given is not None
    assert given.descriptors() == KeySigner(PAIR, "regtest").descriptors()
    both = signer_of(Settings(bitcoin_network="regtest", bitcoin_signer=PAIR, bitcoin_signer_file=path))
    assert both is not None
    assert both.descriptors() == KeySigner("bip86 " + TPRV, "regtest").descriptors()
