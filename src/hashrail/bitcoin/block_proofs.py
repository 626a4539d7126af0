"""What proves that a block has a transaction: the raw transaction, a merkle proof, and headers with their work.

All of it comes from a node, and nothing of it is believed: the txid is computed anew, the proof leads from it to the
merkle root of a header, and each header is hashed and compared with the work that it names. Who makes up a block has to
find that work. On regtest there is none to find, so there it takes the word of a second node.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import bdkpython as bdk

from hashrail.bitcoin import addresses
from hashrail.bitcoin.amounts import to_btc
from hashrail.bitcoin.records import Outpoint, Output, RawTransaction
from hashrail.settings import Network

HEADER_SIZE = 80
# The easiest work that a block of the network may name. On the main network none has been as easy since 2020, so
# whoever makes one up needs that much; the limit of the protocol would let anybody do it.
EASIEST: dict[Network, int] = {
    "bitcoin": (0xFFFF << 208) // 10**13,
    "testnet4": 0xFFFF << 208,
    "signet": 0x0377AE << 216,
    "regtest": 0x7FFFFF << 232,
}
# A block has at most four million units of weight, and a transaction at least 240.
MAX_TRANSACTIONS = 4_000_000 // 240
# Two hashes, side by side, could be read as a transaction of that size.
NODE_SIZE = 64


class UnprovenError(Exception):
    """It proves nothing; `reason` is why, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a block, whose hash meets the target that it names."""

    block_hash: str
    previous: str
    merkle_root: bytes
    time: int
    target: int
    raw: str

    @property
    def work(self) -> int:
        """How many hashes it takes to find one like it."""
        return work_of(self.target)


@dataclass(frozen=True, slots=True)
class Paid:
    """What a transaction pays: the script in hexadecimal, and satoshi."""

    script: str
    amount_sat: int


@dataclass(frozen=True, slots=True)
class Body:
    """A transaction, read by ourselves."""

    txid: str
    spends: frozenset[Outpoint]
    outputs: tuple[Paid, ...]
    coinbase: bool


def work_of(target: int) -> int:
    """How many hashes it takes to find one that does not exceed a target."""
    return 2**256 // (target + 1)


def read_header(raw: bytes, network: Network) -> Header:
    """A header that names enough work and has it. Raises UnprovenError."""
    if len(raw) != HEADER_SIZE:
        raise UnprovenError("a header has 80 bytes")
    bits = int.from_bytes(raw[72:76], "little")
    mantissa, exponent = bits & 0x7FFFFF, bits >> 24
    target = mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)
    if bits & 0x800000 or not 0 < target <= EASIEST[network]:
        raise UnprovenError("a header names less work than any block of the network has")
    digest = _hash(raw)
    if int.from_bytes(digest, "little") > target:
        raise UnprovenError("a header lacks the work that it names")
    time = int.from_bytes(raw[68:72], "little")
    return Header(_name(digest), _name(raw[4:36]), raw[36:68], time, target, raw.hex())


def read_chain(raws: Sequence[str], network: Network) -> tuple[Header, ...]:
    """Headers of which each follows the one before. Raises UnprovenError."""
    headers = tuple(read_header(_bytes(raw), network) for raw in raws)
    for lower, upper in itertools.pairwise(headers):
        if upper.previous != lower.block_hash:
            raise UnprovenError("the headers do not follow each other")
    return headers


def read_transaction(raw: str) -> Body:
    """What stands in a raw transaction. Raises UnprovenError where it is none."""
    data = _bytes(raw)
    try:
        found = bdk.Transaction(data)
    except bdk.TransactionError as error:
        raise UnprovenError("the raw transaction cannot be read") from error
    if (found.weight() - found.total_size()) // 3 == NODE_SIZE:
        raise UnprovenError("a transaction of 64 bytes may be no transaction")
    spends = frozenset(Outpoint(str(each.previous_output.txid), each.previous_output.vout) for each in found.input())
    outputs = tuple(Paid(each.script_pubkey.to_bytes().hex(), each.value.to_sat()) for each in found.output())
    return Body(str(found.compute_txid()), spends, outputs, found.is_coinbase())


def decode(raw: str, network: Network) -> RawTransaction:
    """The same as records of the chain have it. Raises UnprovenError."""
    body, found = read_transaction(raw), bdk.Transaction(_bytes(raw))
    return RawTransaction(
        body.txid,
        found.vsize(),
        tuple(Outpoint(str(each.previous_output.txid), each.previous_output.vout) for each in found.input()),
        tuple(each.sequence for each in found.input()),
        tuple(Output(to_btc(each.amount_sat), each.script, _address(each.script, network)) for each in body.outputs),
    )


def read_proof(raw: str, network: Network) -> tuple[Header, frozenset[str]]:
    """The header of a merkle proof (BIP 37's `merkleblock`), and the txids that it proves. Raises UnprovenError."""
    reader = _Reader(_bytes(raw))
    header = read_header(reader.take(HEADER_SIZE), network)
    total = int.from_bytes(reader.take(4), "little")
    hashes = [reader.take(32) for _ in range(reader.count())]
    flags = reader.take(reader.count())
    if reader.left or not 0 < total <= MAX_TRANSACTIONS or not len(hashes) <= total or len(flags) * 8 < len(hashes):
        raise UnprovenError("the merkle proof has a wrong shape")
    tree = _Tree(total, hashes, [flags[place // 8] >> place % 8 & 1 for place in range(len(flags) * 8)])
    height = 0
    while tree.width(height) > 1:
        height += 1
    root = tree.walk(height, 0)
    if not tree.is_used_up or root != header.merkle_root:
        raise UnprovenError("the merkle proof does not lead to the header")
    return header, frozenset(map(_name, tree.matched))


class _Tree:
    """A partial merkle tree, walked from its root down, as it was written."""

    def __init__(self, total: int, hashes: Sequence[bytes], bits: Sequence[int]) -> None:
        self.matched: list[bytes] = []
        self._total = total
        self._hashes = hashes
        self._bits = bits
        self._bit = 0
        self._hash = 0

    @property
    def is_used_up(self) -> bool:
        """Whether every hash was used, and every bit but those that fill up the last byte."""
        return self._hash == len(self._hashes) and (self._bit + 7) // 8 == (len(self._bits) + 7) // 8

    def width(self, height: int) -> int:
        """Nodes at a height; leaves are at 0."""
        return (self._total + (1 << height) - 1) >> height

    def walk(self, height: int, place: int) -> bytes:
        """The hash of a node; what matches below it is noted."""
        if self._bit >= len(self._bits):
            raise UnprovenError("the merkle proof is too short")
        leads_on = self._bits[self._bit]
        self._bit += 1
        if height == 0 or not leads_on:
            if self._hash >= len(self._hashes):
                raise UnprovenError("the merkle proof is too short")
            found = self._hashes[self._hash]
            self._hash += 1
            if height == 0 and leads_on:
                self.matched.append(found)
            return found
        left = right = self.walk(height - 1, place * 2)
        if place * 2 + 1 < self.width(height - 1):
            right = self.walk(height - 1, place * 2 + 1)
            if right == left:
                # The same branch twice would give one transaction two places.
                raise UnprovenError("the merkle proof has a branch twice")
        return _hash(left + right)


class _Reader:
    """Bytes, from the beginning on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many are not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next ones. Raises UnprovenError where there are not so many."""
        if count > self.left:
            raise UnprovenError("the merkle proof is too short")
        self._at += count
        return self._data[self._at - count : self._at]

    def count(self) -> int:
        """A number in the protocol's way, which is 1 to 9 bytes long."""
        first = self.take(1)[0]
        return first if first < 0xFD else int.from_bytes(self.take(2 << (first - 0xFD)), "little")


def _address(script: str, network: Network) -> str | None:
    try:
        return addresses.from_script(bytes.fromhex(script), network)
    except bdk.FromScriptError:
        return None


def _bytes(raw: str) -> bytes:
    try:
        return bytes.fromhex(raw)
    except ValueError as error:
        raise UnprovenError("it is not hexadecimal") from error


def _hash(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def _name(digest: bytes) -> str:
    """A hash as people and nodes write it."""
    return digest[::-1].hex()
