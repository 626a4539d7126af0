"""A transaction that proves who can spend coins, and that can never be sent.

It spends all of them at once and, before them, a coin that never was (`hashrail_client.reserves`), and pays everything
back to the wallet: even if somebody made it valid it would move nothing away. Whoever signs is given no choice: a txid
of transactions that are signed in witnesses covers all but the signatures, so it is computed before anybody is asked,
and compared before and after.
"""

import base64
from collections.abc import Sequence

from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.records import Coin
from hashrail_client import coin_signatures, reserves

MAGIC = b"psbt\xff"
# Types of a PSBT's keys (BIP 174).
UNSIGNED, WITNESS_UTXO, FINAL_WITNESS = b"\x00", b"\x01", b"\x08"
END = b"\x00"


def named(coin: Coin) -> reserves.Coin:
    """A coin of the wallet, as proofs name it."""
    return reserves.Coin(coin.txid, coin.vout, to_sat(coin.amount_btc), coin.script)


def can_be_proven(coin: Coin) -> bool:
    """Whether a coin is of a kind that proofs know: P2WPKH, or P2TR."""
    size = {coin_signatures.P2WPKH.hex(): 44, coin_signatures.P2TR.hex(): 68}.get(coin.script[:4])
    return len(coin.script) == size


def psbt(message: str, coins: Sequence[reserves.Coin]) -> tuple[str, str]:
    """What is to be signed, and its txid. The coin that never was is signed for already."""
    transaction = reserves.unsigned(message, coins)
    never = _entry(WITNESS_UTXO, coin_signatures.spelled(reserves.NO_COIN))
    never += _entry(FINAL_WITNESS, b"\x01" + coin_signatures.measured(reserves.TRUE))
    inputs = never + END + END * len(coins)
    outputs = END * len(transaction.outputs)
    whole = MAGIC + _entry(UNSIGNED, transaction.without_witness()) + END + inputs + outputs
    return base64.b64encode(whole).decode(), transaction.txid


def _entry(key: bytes, value: bytes) -> bytes:
    return coin_signatures.measured(key) + coin_signatures.measured(value)
