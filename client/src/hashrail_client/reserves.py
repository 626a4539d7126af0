"""Checking that a deployment's wallet could spend the coins that it names, on the day when it said what it owes.

    reserves = verify_reserves(client.proofs.reserves(), keys, liabilities)
    reserves.total >= liabilities.total

The proof is a transaction that spends all these coins at once, and one that never was, whose txid is a hash of a
message: the signed liabilities, and the newest block. So the keys of the coins have signed for this purpose alone, and
what they have signed can never be sent.

What it does not prove: that the coins are on the chain. Ask a node of your own for each (`hashrail verify reserves
--node`).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from hashrail_client import coin_signatures
from hashrail_client.coin_signatures import Input, Paid, Transaction
from hashrail_client.liabilities import VerifiedLiabilities
from hashrail_client.proofs import ProofError, open_document

KIND, VERSION = "hashrail reserves", 1
SATOSHI = 10**8
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,7})\.([0-9]{8})")
HASH = re.compile(r"[0-9a-f]{64}")
LAST_SEQUENCE = 0xFFFFFFFF
# The coin that never was: worth nothing, and spent by whoever says "true" (P2WSH), so that nobody has to sign for it.
TRUE = b"\x51"
NO_COIN = Paid(0, b"\x00\x20" + hashlib.sha256(TRUE).digest())


class Coin(NamedTuple):
    """A coin that was proven; the script is hexadecimal."""

    txid: str
    vout: int
    amount_sat: int
    script: str

    @property
    def amount(self) -> Decimal:
        """BTC."""
        return Decimal(self.amount_sat).scaleb(-8)


@dataclass(frozen=True)
class VerifiedReserves:
    """A document that holds: the hash that the next has to name, the block at which it was made, and the coins."""

    day: str
    sha256: str
    network: str
    height: int
    block_hash: str
    coins: tuple[Coin, ...]
    content: Mapping[str, Any]

    @property
    def total(self) -> Decimal:
        """What the coins are worth, BTC."""
        return Decimal(sum(each.amount_sat for each in self.coins)).scaleb(-8)


def verify_reserves(
    document: Mapping[str, Any],
    keys: Mapping[str, bytes],
    liabilities: VerifiedLiabilities,
    *,
    previous: VerifiedReserves | None = None,
) -> VerifiedReserves:
    """The document of reserves, as the operation `proof_reserves` answers it, held against that of what was owed.

    Raises ProofError: KEY_UNKNOWN, SIGNATURE, HASH, CONTENT, LIABILITIES, CHAIN, TOTAL, COIN_TWICE, TRANSACTION,
    MESSAGE, COIN_KIND or COIN_SIGNATURE. Whether the coins cover what is owed is for whoever asks to compare.
    """
    sha256, content = open_document(document, keys, KIND, VERSION)
    try:
        coins = tuple(_coin(each) for each in content["coins"])
        total, height = _satoshi(content["total"]), int(content["height"])
        network, block_hash = str(content["network"]), _hash(content["blockHash"])
        raw = bytes.fromhex(content["transaction"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProofError("CONTENT", f"a coin, an amount or a hash cannot be read: {error}") from error
    if (content["day"], content.get("liabilities")) != (liabilities.day, liabilities.sha256):
        raise ProofError("LIABILITIES", f"it names another document of what is owed than that of {liabilities.day}")
    if content.get("owed") != liabilities.content["sum"]:
        raise ProofError("LIABILITIES", f"it says that {content.get('owed')} BTC were owed")
    if previous is not None and content.get("previous") != previous.sha256:
        raise ProofError("CHAIN", f"it does not follow from the reserves of {previous.day}")
    if sum(each.amount_sat for each in coins) != total:
        raise ProofError("TOTAL", f"the coins do not add up to {content['total']} BTC")
    message = message_of(liabilities.day, liabilities.sha256, network, height, block_hash)
    verify_coins(raw, coins, message)
    return VerifiedReserves(liabilities.day, sha256, network, height, block_hash, coins, content)


def verify_coins(raw: bytes, coins: Sequence[Coin], message: str) -> None:
    """Each coin once, and each signed for with its key under this message.

    Raises ProofError: COIN_TWICE, TRANSACTION, MESSAGE, COIN_KIND or COIN_SIGNATURE.
    """
    if len({(each.txid, each.vout) for each in coins}) != len(coins):
        raise ProofError("COIN_TWICE", "a coin is counted twice")
    try:
        transaction = coin_signatures.read(raw)
    except ValueError as error:
        raise ProofError("TRANSACTION", f"the transaction cannot be read: {error}") from error
    if not transaction.inputs or transaction.inputs[0][:2] != (txid_of(message), 0):
        raise ProofError("MESSAGE", "the transaction was signed under another message")
    if transaction.without_witness() != unsigned(message, coins).without_witness():
        raise ProofError("TRANSACTION", "the transaction does not spend exactly these coins")
    spent = [NO_COIN, *(Paid(each.amount_sat, bytes.fromhex(each.script)) for each in coins)]
    for place, coin in enumerate(coins, start=1):
        try:
            signed = coin_signatures.is_signed(transaction, place, spent)
        except ValueError as error:
            raise ProofError("COIN_KIND", str(error)) from error
        if not signed:
            raise ProofError("COIN_SIGNATURE", f"the key of the coin {coin.txid}:{coin.vout} has not signed for it")


def message_of(day: str, liabilities_sha256: str, network: str, height: int, block_hash: str) -> str:
    """What the keys of the coins sign for."""
    return f"{KIND}\n{day}\n{liabilities_sha256}\n{network}\n{height}\n{block_hash}"


def txid_of(message: str) -> str:
    """The transaction that never was. None has this txid: that is a hash of a hash, and the message is no hash."""
    return hashlib.sha256(message.encode()).digest()[::-1].hex()


def unsigned(message: str, coins: Sequence[Coin]) -> Transaction:
    """The transaction before anybody has signed it: all coins go back to the script of the first."""
    spends = [(txid_of(message), 0), *((each.txid, each.vout) for each in coins)]
    total_sat = sum(each.amount_sat for each in coins)
    back = (Paid(total_sat, bytes.fromhex(coins[0].script)),) if coins else ()
    return Transaction(2, tuple(Input(txid, vout, LAST_SEQUENCE) for txid, vout in spends), back, 0)


def spelled(amount_sat: int) -> str:
    """Satoshi as an amount of BTC."""
    whole, rest = divmod(amount_sat, SATOSHI)
    return f"{whole}.{rest:08d}"


def _coin(told: Mapping[str, Any]) -> Coin:
    script, vout = str(told["script"]), int(told["vout"])
    bytes.fromhex(script)
    if not 0 <= vout < 2**32:
        raise ValueError(f"no transaction has an output {vout}")
    return Coin(_hash(told["txid"]), vout, _satoshi(told["amount"]), script)


def _satoshi(text: object) -> int:
    found = AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text} is no amount with 8 decimals")
    return int(found[1] + found[2])


def _hash(text: object) -> str:
    if not isinstance(text, str) or not HASH.fullmatch(text):
        raise ValueError(f"{text} is no hash in hex")
    return text
