"""Who signs a payment: keys beside this program, or the wallet on the node.

Whoever signs first compares the PSBT with what was meant: exactly these inputs, each payment to the satoshi, nothing
else but change that comes back to us, a fee within the budget, and replaceable. A PSBT comes from the node, and a node
that was taken over must not be able to pay itself.

The keys of a `KeySigner` are read from a file or from the environment. They never stand in the database and never reach
the node, which watches with the public descriptors. Signing is bdkpython's. Keys are written in one of three ways:

    bip84 xprv...                 native segwit addresses (P2WPKH) of account 0
    bip86 twelve or more words    taproot addresses (P2TR) of account 0
    wpkh([...]xprv.../0/*)        two lines: a descriptor of addresses to receive with, and one of change
    wpkh([...]xprv.../1/*)
"""

import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import bdkpython as bdk

from hashrail.bitcoin.addresses import BDK_NETWORKS, parse
from hashrail.bitcoin.amounts import to_btc, to_sat
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import Outpoint, RawTransaction
from hashrail.errors import BadRequestError, HashrailError
from hashrail.settings import Network, Settings

# The only shape that bdkpython is given: a hardened wildcard, for one, would end the process.
DESCRIPTOR = re.compile(r"(wpkh|tr)\((\[[0-9a-f]{8}(/\d+['h])*\])?[xt]prv\w+(/\d+['h]?)*/\*\)(#\w{8})?")
FACTORIES = {"bip84": bdk.Descriptor.new_bip84, "bip86": bdk.Descriptor.new_bip86}
KEY_ERRORS = (bdk.Bip39Error, bdk.DescriptorKeyError, bdk.DescriptorError, bdk.CreateWithPersistError)
FARTHEST_CHANGE = 1_000_000
REPLACEABLE = 0xFFFFFFFD
SIGNING = bdk.SignOptions(
    trust_witness_utxo=False,  # an amount that the signature does not prove could hide a fee
    assume_height=None,
    allow_all_sighashes=False,
    try_finalize=True,
    sign_with_tap_internal_key=True,
    allow_grinding=True,
)


class SignerKeyError(BadRequestError):
    """The keys of the external signer cannot be used; `details.reason` says why, without the keys."""

    code = "SIGNER_KEY"
    advice = "Write the keys as docs/how-to/connect-a-bitcoin-node.md shows, in a file that only its owner can read."


class SigningRefusedError(HashrailError):
    """A PSBT is not the payment that was meant, so it was not signed or its signature is not used."""

    status = 409
    code = "SIGNING_REFUSED"
    advice = "Do not pay through this node before details.reason is understood: it built another payment."


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment as it was meant: what it spends, BTC by address, and the most that it may cost."""

    inputs: frozenset[Outpoint]
    outputs_btc: Mapping[str, Decimal]
    max_fee_btc: Decimal


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction that can be broadcast, in hexadecimal."""

    raw: str
    txid: str
    fee_btc: Decimal
    vsize: int


class KeySigner:
    """Keys that this program holds."""

    def __init__(self, text: str, network: Network) -> None:
        self._network = network
        try:
            self._external, self._internal = _descriptors(text, network)
            memory = bdk.Persister.new_in_memory()
            self._wallet = bdk.Wallet(self._external, self._internal, BDK_NETWORKS[network], memory)
        except KEY_ERRORS as error:
            # Not `from error`: what the library quotes could be a key.
            raise SignerKeyError("the keys of the signer cannot be read", reason=type(error).__name__) from None

    @classmethod
    def from_file(cls, path: Path, network: Network) -> "KeySigner":
        """The signer whose keys stand in a file that only its owner can read."""
        try:
            mode = path.stat().st_mode
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SignerKeyError(f"{path} cannot be read", reason="file") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SignerKeyError(f"others can read {path}: chmod 600", reason="mode")
        return cls(text, network)

    def descriptors(self) -> tuple[str, str]:
        """Public descriptors for the wallet that watches: addresses to receive with, and change."""
        return str(self._external.as_public()), str(self._internal.as_public())

    async def sign(self, psbt: str, intent: Intent) -> Signed:
        """The signed transaction. Raises SigningRefusedError where the PSBT is not what was meant."""
        opened, payment = _read(psbt)
        outputs = zip(payment.scripts, opened.output(), strict=True)
        ours = {script for script, output in outputs if self._derives(script, output)}
        _check(payment, intent, ours, self._network)
        self._complete(opened)
        signed = opened.extract_tx_unchecked_fee_rate()
        return Signed(signed.serialize().hex(), str(signed.compute_txid()), to_btc(payment.fee_sat), signed.vsize())

    async def sign_as_it_is(self, psbt: str, txid: str) -> str:
        """The signed transaction in hexadecimal: exactly the one of this txid. Raises SigningRefusedError."""
        opened = _open(psbt)
        _check_txid(str(opened.extract_tx_unchecked_fee_rate().compute_txid()), txid)
        self._complete(opened)
        signed = opened.extract_tx_unchecked_fee_rate()
        _check_txid(str(signed.compute_txid()), txid)
        return bytes(signed.serialize()).hex()

    def _complete(self, opened: bdk.Psbt) -> None:
        try:
            complete = self._wallet.sign(opened, SIGNING)
        except bdk.SignerError as error:
            _refuse("keys", f"the signer cannot sign: {type(error).__name__}")
        if not complete:
            _refuse("keys", "an input is not the signer's")

    def _derives(self, script: bytes, output: bdk.Output) -> bool:
        """Whether a script is change of ours at an index that the PSBT names; the claim is derived anew.

        Addresses to receive with are users', so change never goes there, nor to an index that a wallet would not find.
        """
        sources = [*output.bip32_derivation.values(), *(each.key_source for each in output.tap_key_origins.values())]
        for source in sources:
            (index,) = source.path.to_u32_vec()[-1:] or [FARTHEST_CHANGE]
            if index < FARTHEST_CHANGE:
                address = self._internal.derive_address(index, BDK_NETWORKS[self._network])
                if script == address.script_pubkey().to_bytes():
                    return True
        return False


class NodeSigner:
    """The keys of the wallet on the node. What it signed is compared before anybody sees it."""

    def __init__(self, node: BitcoinNode, network: Network) -> None:
        self._node = node
        self._network = network

    async def sign(self, psbt: str, intent: Intent) -> Signed:
        """The signed transaction. Raises SigningRefusedError where the PSBT is not what was meant."""
        processed, raw = await self._signed(psbt)
        _, asked = _read(processed)
        decoded = await self._node.decode_raw(raw)
        amounts_sat = [to_sat(each.amount_btc) for each in decoded.outputs]
        payment = _Payment(
            list(decoded.inputs),
            list(decoded.sequences),
            [bytes.fromhex(each.script) for each in decoded.outputs],
            amounts_sat,
            asked.fee_sat + sum(asked.amounts_sat) - sum(amounts_sat),
        )
        _check(payment, intent, await self._ours(decoded, intent), self._network)
        return Signed(raw, decoded.txid, to_btc(payment.fee_sat), decoded.vsize)

    async def sign_as_it_is(self, psbt: str, txid: str) -> str:
        """The signed transaction in hexadecimal: exactly the one of this txid. Raises SigningRefusedError."""
        _check_txid(str(_open(psbt).extract_tx_unchecked_fee_rate().compute_txid()), txid)
        _, raw = await self._signed(psbt)
        _check_txid(str(bdk.Transaction(bytes.fromhex(raw)).compute_txid()), txid)
        return raw

    async def _signed(self, psbt: str) -> tuple[str, str]:
        """What the wallet made of a PSBT, and the transaction."""
        processed = await self._node.process_psbt(psbt)
        final = await self._node.finalize_psbt(processed.psbt)
        if final.raw is None:
            _refuse("keys", "the wallet on the node cannot sign every input")
        return processed.psbt, final.raw

    async def _ours(self, decoded: RawTransaction, intent: Intent) -> set[bytes]:
        """Scripts of change: outputs that were not meant, and belong to the wallet."""
        ours = set()
        for output in decoded.outputs:
            if output.address is None or output.address in intent.outputs_btc:
                continue
            if await self._node.gives_change_to(output.address):
                ours.add(bytes.fromhex(output.script))
        return ours


def signer_of(settings: Settings) -> KeySigner | None:
    """The external signer that the settings name; None where the wallet on the node signs."""
    if settings.bitcoin_signer_file is not None:
        return KeySigner.from_file(settings.bitcoin_signer_file, settings.network)
    if settings.bitcoin_signer is not None:
        return KeySigner(settings.bitcoin_signer, settings.network)
    return None


@dataclass(frozen=True, slots=True)
class _Payment:
    """What a transaction does."""

    inputs: list[Outpoint]
    sequences: list[int]
    scripts: list[bytes]
    amounts_sat: list[int]
    fee_sat: int


def _open(text: str) -> bdk.Psbt:
    try:
        return bdk.Psbt(text)
    except bdk.PsbtParseError as error:
        _refuse("psbt", f"the PSBT cannot be read: {type(error).__name__}")


def _check_txid(found: str, meant: str) -> None:
    """The txid covers everything but the signatures."""
    if found != meant:
        _refuse("transaction", f"it is the transaction {found}, and {meant} was meant")


def _read(text: str) -> tuple[bdk.Psbt, _Payment]:
    psbt = _open(text)
    try:
        fee_sat = psbt.fee()
    except bdk.PsbtError as error:
        _refuse("psbt", f"the PSBT cannot be read: {type(error).__name__}")
    transaction = psbt.extract_tx_unchecked_fee_rate()
    spent = [each.previous_output for each in transaction.input()]
    outputs = transaction.output()
    payment = _Payment(
        [Outpoint(str(each.txid), each.vout) for each in spent],
        [each.sequence for each in transaction.input()],
        [each.script_pubkey.to_bytes() for each in outputs],
        [each.value.to_sat() for each in outputs],
        fee_sat,
    )
    return psbt, payment


def _check(payment: _Payment, intent: Intent, ours: set[bytes], network: Network) -> None:
    """The PSBT is the payment that was meant, or SigningRefusedError."""
    meant: Counter[tuple[bytes, int]] = Counter()
    for address, amount_btc in intent.outputs_btc.items():
        meant[parse(address, network, field="address").script, to_sat(amount_btc)] += 1
    found = Counter(zip(payment.scripts, payment.amounts_sat, strict=True))
    if meant - found:
        _refuse("payment", "a payment that was meant is not there to the satoshi")
    for script, amount_sat in found - meant:
        if script not in ours:
            _refuse("output", f"{amount_sat} satoshi go to somebody else: script {script.hex()}")
    if set(payment.inputs) != intent.inputs:
        _refuse("inputs", "other outputs are spent than those that were meant")
    if max(payment.sequences) > REPLACEABLE:
        _refuse("replaceable", "the fee could not be raised later")
    if payment.fee_sat > to_sat(intent.max_fee_btc):
        _refuse("fee", f"the fee is {payment.fee_sat} satoshi, more than {to_sat(intent.max_fee_btc)}")


def _refuse(reason: str, message: str) -> NoReturn:
    raise SigningRefusedError(message, reason=reason)


def _descriptors(text: str, network: Network) -> tuple[bdk.Descriptor, bdk.Descriptor]:
    """Descriptors with private keys: addresses to receive with, and change."""
    kind = bdk.NetworkKind.MAIN if network == "bitcoin" else bdk.NetworkKind.TEST
    lines = _spelled(text, kind)
    if len(lines) != 2:
        raise SignerKeyError("the signer needs two descriptors, or bip84 or bip86 and a key", reason="form")
    for line in lines:
        if not DESCRIPTOR.fullmatch(line):
            raise SignerKeyError("a descriptor of the signer is not wpkh or tr of one private key", reason="form")
    external, internal = (bdk.Descriptor(line, kind) for line in lines)
    return external, internal


def _spelled(text: str, kind: bdk.NetworkKind) -> list[str]:
    """The two descriptors as texts; those of a seed or master key are spelled out, and so checked like the others."""
    words = text.split()
    if not words or words[0] not in FACTORIES:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if len(words) == 2:
        key = bdk.DescriptorSecretKey.from_string(words[1])
    else:
        key = bdk.DescriptorSecretKey(kind, bdk.Mnemonic.from_string(" ".join(words[1:])), None)
    sides = (bdk.KeychainKind.EXTERNAL, bdk.KeychainKind.INTERNAL)
    return [FACTORIES[words[0]](key, side, kind).to_string_with_secret() for side in sides]
