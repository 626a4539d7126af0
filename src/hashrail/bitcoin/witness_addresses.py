"""Witness addresses, read at once: bech32 (BIP 173) of version 0 and bech32m (BIP 350) of version 1, in lower case.

Most addresses are such, and to read one here takes a tenth of what the reference library needs. Anything else is
nothing here: `addresses.parse` asks that library, which also tells why a text is no address.
"""

from collections.abc import Iterable

from hashrail.settings import Network

PREFIXES: dict[Network, str] = {"bitcoin": "bc", "testnet4": "tb", "signet": "tb", "regtest": "bcrt"}
CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# Of a version: what its checksum comes to, how many bytes its programs have, and the opcode that begins its script.
KINDS = {0: (1, (20, 32), 0x00), 1: (0x2BC830A3, (32,), 0x51)}
CHECKSUM_CHARACTERS = 6
BITS_OF_A_CHARACTER, BITS_OF_A_BYTE = 5, 8
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

_VALUES = {character: number for number, character in enumerate(CHARACTERS)}
# The same characters as Python writes the digits of a number to the base 32.
_DIGITS = str.maketrans(CHARACTERS, "0123456789abcdefghijklmnopqrstuv")


def _leaving(top: int) -> int:
    """What the five bits that leave the checksum at its top add to it."""
    added = 0
    for bit, value in enumerate(GENERATOR):
        if top >> bit & 1:
            added ^= value
    return added


_LEAVING = [_leaving(top) for top in range(32)]


def _checked(checksum: int, values: Iterable[int]) -> int:
    """The checksum once these values have gone through it."""
    leaving = _LEAVING
    for value in values:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value ^ leaving[checksum >> 25]
    return checksum


def _begun(prefix: str) -> int:
    """The checksum once the prefix has gone through it."""
    return _checked(1, [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)])


_BEGUN = {network: (f"{prefix}1", _begun(prefix)) for network, prefix in PREFIXES.items()}


def script_of(text: str, network: Network) -> bytes | None:
    """The output script that an address of the network names; None for what is no such address."""
    prefix, checksum = _BEGUN[network]
    data = text.removeprefix(prefix)
    if len(data) == len(text) or len(data) <= CHECKSUM_CHARACTERS + 1:
        return None
    try:
        values = [_VALUES[character] for character in data]
    except KeyError:
        return None
    kind = KINDS.get(values[0])
    if kind is None:
        return None
    sum_of_version, sizes, opcode = kind
    if _checked(checksum, values) != sum_of_version:
        return None
    program = _bytes(data[1:-CHECKSUM_CHARACTERS])
    return None if program is None or len(program) not in sizes else bytes([opcode, len(program)]) + program


def _bytes(characters: str) -> bytes | None:
    """The bytes that characters of five bits each make; None where more is left over than zeros that fill one up."""
    size, left = divmod(len(characters) * BITS_OF_A_CHARACTER, BITS_OF_A_BYTE)
    number = int(characters.translate(_DIGITS), 32)
    if left >= BITS_OF_A_CHARACTER or number & ((1 << left) - 1):
        return None
    return (number >> left).to_bytes(size)
