"""Bitcoin addresses: which ones may be bound and paid.

Allowed are P2PKH, P2SH, witness v0 (20 or 32 bytes) and taproot (v1, 32 bytes) of the deployment's network. Refused,
each with its reason: another network's address, white space, mixed case, broken checksums, unknown witness versions,
anchors (pay-to-anchor), and the well-known burn address. Parsing is bdkpython's, the reference library of
bitcoindevkit. It tells nothing of what it cannot parse; what that looks like is the reason.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import bdkpython as bdk

from hashrail.errors import BadRequestError
from hashrail.money import BTC_DECIMALS
from hashrail.settings import Network

MAX_LENGTH = 100
# Satoshi below which an output of a script is dust: nodes do not relay it.
DUST_SAT = {"P2PKH": 546, "P2SH": 540, "P2WPKH": 294, "P2WSH": 330, "P2TR": 330}
BURN_SCRIPTS = frozenset({bytes.fromhex("76a914000000000000000000000000000000000000000088ac")})
ANCHOR_SCRIPT = bytes.fromhex("51024e73")
# Another network of bitcoin, or the prefix of another chain.
FOREIGN = (
    bdk.AddressParseError.NetworkValidation,
    bdk.AddressParseError.UnknownHrp,
    bdk.AddressParseError.InvalidLegacyPrefix,
)

WHITE_SPACE = re.compile(r"\s")
# What a witness address looks like: prefix, version and program, of the 32 characters that there are.
WITNESS = re.compile(r"(bc|tb|bcrt)1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{6,}")
WITNESS_PREFIX = re.compile(r"(bc|tb|bcrt)1", re.IGNORECASE)
# As long as 21 bytes and their checksum get, one character more or less.
LEGACY = re.compile(r"[1-9A-HJ-NP-Za-km-z]{25,36}")

BDK_NETWORKS: dict[Network, bdk.Network] = {
    "bitcoin": bdk.Network.BITCOIN,
    "testnet4": bdk.Network.TESTNET4,
    "signet": bdk.Network.SIGNET,
    "regtest": bdk.Network.REGTEST,
}


class AddressInvalidError(BadRequestError):
    """Not an address that can be paid on this network; `details.reason` says why."""

    code = "ADDRESS_INVALID"
    advice = "Ask the user for the address once more; details.reason and details.network say what is wrong."


@dataclass(frozen=True, slots=True)
class Address:
    """A payable address: its canonical text, its output script and the script's type."""

    text: str
    script: bytes
    kind: str

    @property
    def dust_btc(self) -> Decimal:
        """What it must be paid at the least."""
        return Decimal(DUST_SAT[self.kind]).scaleb(-BTC_DECIMALS)


def parse(text: str, network: Network, *, field: str) -> Address:
    """The address. Raises AddressInvalidError with one of the reasons white space, no address (nothing that could be
    one), mixed case, network (another one's), checksum (mistyped: it looks like one and is none), witness version,
    anchor, burn.
    """
    if WHITE_SPACE.search(text):
        raise _refusal("white space", text, network, field)
    if not 1 <= len(text) <= MAX_LENGTH or not text.isascii():
        raise _refusal("no address", text, network, field)
    try:
        parsed = bdk.Address(text, BDK_NETWORKS[network])
    except FOREIGN as error:
        raise _refusal("network", text, network, field) from error
    except bdk.AddressParseError as error:
        raise _refusal(_fault(text), text, network, field) from error
    script = parsed.script_pubkey().to_bytes()
    # A witness address may be written in capitals; of any other there is one way to write it.
    is_witness = WITNESS_PREFIX.match(text) is not None
    return Address(text.lower() if is_witness else text, script, _kind(script, text, network, field))


def from_script(script: bytes, network: Network) -> str:
    """The address of an output script."""
    return str(bdk.Address.from_script(bdk.Script(script), BDK_NETWORKS[network]))


def _fault(text: str) -> str:
    """Why a text could not be parsed."""
    if WITNESS_PREFIX.match(text) is None:
        return "checksum" if LEGACY.fullmatch(text) else "no address"
    if text not in (text.lower(), text.upper()):
        return "mixed case"
    return "checksum" if WITNESS.fullmatch(text.lower()) else "no address"


def _kind(script: bytes, text: str, network: Network, field: str) -> str:
    """The script type, if it is one that is paid."""
    if script in BURN_SCRIPTS:
        raise _refusal("burn", text, network, field)
    if script == ANCHOR_SCRIPT:
        raise _refusal("anchor", text, network, field)
    match script[0], len(script):
        case 0x76, 25:
            return "P2PKH"
        case 0xA9, 23:
            return "P2SH"
        case 0x00, 22:
            return "P2WPKH"
        case 0x00, 34:
            return "P2WSH"
        case 0x51, 34:
            return "P2TR"
    raise _refusal("witness version", text, network, field)


def _refusal(reason: str, text: str, network: Network, field: str) -> AddressInvalidError:
    return AddressInvalidError(
        f"{text[:MAX_LENGTH]!r} cannot be paid: {reason}", field=field, reason=reason, network=network
    )
