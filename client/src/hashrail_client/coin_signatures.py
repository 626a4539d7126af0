"""Bitcoin transactions, and whether the signatures in them are those of the coins that they spend.

Two kinds of coins are known, those that a wallet of Hashrail makes: P2WPKH (signed as BIP 143 says) and P2TR by its key
(BIP 341). Only signatures over the whole transaction count. Amounts are satoshi, scripts bytes, txids as people write
them, which is backwards.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from hashrail_client import bip340

ALL = 1
SEGWIT_MARK = b"\x00\x01"
P2WPKH, P2TR = b"\x00\x14", b"\x51\x20"


class Input(NamedTuple):
    """What spends a coin; the witness is empty until it is signed."""

    txid: str
    vout: int
    sequence: int
    witness: tuple[bytes, ...] = ()


class Paid(NamedTuple):
    """An output: satoshi, and the script that says who can spend them."""

    amount_sat: int
    script: bytes


@dataclass(frozen=True)
class Transaction:
    """A transaction whose inputs are signed in witnesses alone."""

    version: int
    inputs: tuple[Input, ...]
    outputs: tuple[Paid, ...]
    lock_time: int

    def without_witness(self) -> bytes:
        """The bytes whose hash is the txid."""
        spends = b"".join(_outpoint(each) + b"\x00" + _number(each.sequence, 4) for each in self.inputs)
        paid = _counted(self.outputs) + b"".join(map(spelled, self.outputs))
        return _number(self.version, 4) + _counted(self.inputs) + spends + paid + _number(self.lock_time, 4)

    @property
    def txid(self) -> str:
        """The name of it, which signatures do not change."""
        return _hash256(self.without_witness())[::-1].hex()


def read(raw: bytes) -> Transaction:
    """A raw transaction. Raises ValueError where it is none, or an input is not signed in its witness."""
    reader = _Reader(raw)
    version = reader.number(4)
    has_witness = raw[4:6] == SEGWIT_MARK
    if has_witness:
        reader.take(2)
    inputs = [_read_input(reader) for _ in range(reader.count())]
    outputs = tuple(Paid(reader.number(8), reader.text()) for _ in range(reader.count()))
    if has_witness:
        inputs = [each._replace(witness=tuple(reader.text() for _ in range(reader.count()))) for each in inputs]
    lock_time = reader.number(4)
    if reader.left:
        raise ValueError("bytes follow the transaction")
    return Transaction(version, tuple(inputs), outputs, lock_time)


def is_signed(transaction: Transaction, place: int, coins: Sequence[Paid]) -> bool:
    """Whether the input at a place is signed by the key of the coin that it spends; `coins` are those of all inputs.

    Raises ValueError where the coin is of no known kind.
    """
    script, witness = coins[place].script, transaction.inputs[place].witness
    if script[:2] == P2TR and len(script) == 34:
        return _is_taproot_signed(transaction, place, coins)
    if script[:2] != P2WPKH or len(script) != 22:
        raise ValueError(f"{script.hex()} is neither P2WPKH nor P2TR")
    if len(witness) != 2 or witness[0][-1:] != bytes([ALL]) or _hash160(witness[1]) != script[2:]:
        return False
    digest = segwit_digest(transaction, place, coins[place])
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), witness[1])
        key.verify(witness[0][:-1], digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def segwit_digest(transaction: Transaction, place: int, coin: Paid) -> bytes:
    """What the key of a P2WPKH coin signs (BIP 143)."""
    spends = transaction.inputs[place]
    parts = (
        _number(transaction.version, 4),
        _hash256(b"".join(map(_outpoint, transaction.inputs))),
        _hash256(b"".join(_number(each.sequence, 4) for each in transaction.inputs)),
        _outpoint(spends),
        b"\x19\x76\xa9\x14" + coin.script[2:] + b"\x88\xac",
        _number(coin.amount_sat, 8),
        _number(spends.sequence, 4),
        _hash256(b"".join(map(spelled, transaction.outputs))),
        _number(transaction.lock_time, 4),
        _number(ALL, 4),
    )
    return _hash256(b"".join(parts))


def taproot_digest(transaction: Transaction, place: int, coins: Sequence[Paid], kind: int) -> bytes:
    """What the key of a P2TR coin signs (BIP 341); the kind is 0, or 1 where it is written out."""
    parts = (
        b"\x00",
        bytes([kind]),
        _number(transaction.version, 4),
        _number(transaction.lock_time, 4),
        _sha256(b"".join(map(_outpoint, transaction.inputs))),
        _sha256(b"".join(_number(each.amount_sat, 8) for each in coins)),
        _sha256(b"".join(measured(each.script) for each in coins)),
        _sha256(b"".join(_number(each.sequence, 4) for each in transaction.inputs)),
        _sha256(b"".join(map(spelled, transaction.outputs))),
        b"\x00",
        _number(place, 4),
    )
    return bip340.tagged_hash("TapSighash", b"".join(parts))


def spelled(output: Paid) -> bytes:
    """An output as transactions have it."""
    return _number(output.amount_sat, 8) + measured(output.script)


def measured(text: bytes) -> bytes:
    """A text with its length before it, as transactions have scripts."""
    return _counted(text) + text


def _is_taproot_signed(transaction: Transaction, place: int, coins: Sequence[Paid]) -> bool:
    witness = transaction.inputs[place].witness
    if len(witness) != 1 or not (len(witness[0]) == 64 or (len(witness[0]) == 65 and witness[0][64] == ALL)):
        return False
    digest = taproot_digest(transaction, place, coins, 0 if len(witness[0]) == 64 else ALL)
    return bip340.verify(coins[place].script[2:], digest, witness[0][:64])


class _Reader:
    """Bytes, from the beginning on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError("the transaction is cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self) -> int:
        first = self.number(1)
        return first if first < 0xFD else self.number(2 << (first - 0xFD))

    def text(self) -> bytes:
        return self.take(self.count())


def _read_input(reader: _Reader) -> Input:
    txid, vout = reader.take(32)[::-1].hex(), reader.number(4)
    if reader.text():
        raise ValueError("an input is signed outside of its witness")
    return Input(txid, vout, reader.number(4))


def _outpoint(spends: Input) -> bytes:
    return bytes.fromhex(spends.txid)[::-1] + _number(spends.vout, 4)


def _counted(several: Sequence[object]) -> bytes:
    """How many there are, in the protocol's way."""
    count = len(several)
    if count < 0xFD:
        return _number(count, 1)
    return b"\xfd" + _number(count, 2) if count <= 0xFFFF else b"\xfe" + _number(count, 4)


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _hash256(data: bytes) -> bytes:
    return _sha256(_sha256(data))


def _hash160(data: bytes) -> bytes:
    return hashlib.new("ripemd160", _sha256(data), usedforsecurity=False).digest()
