"""Coins of two kinds whose keys have signed for them, without a node and a deployment."""

import hashlib
import json
from typing import Any

import coincurve
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hashrail import db
from hashrail.bitcoin.chain import Tip
from hashrail.proofs import liabilities
from hashrail.proofs.reserves import Reserves, ReservesDocument, keep
from hashrail.vault import Vault
from hashrail_client import coin_signatures, reserves
from hashrail_client.coin_signatures import Paid
from tests.support.signed_days import signed
from tests.support.signed_liabilities import DAY, LIABILITIES
from tests.support.world import World

HEIGHT, BLOCK_HASH = 961_640, "0b" * 32
SEGWIT_KEY = ec.derive_private_key(7, ec.SECP256K1())
SEGWIT_PUBLIC = SEGWIT_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
TAPROOT_KEY = coincurve.PrivateKey(bytes(31) + b"\x09")
SEGWIT_SCRIPT = coin_signatures.P2WPKH + hashlib.new("ripemd160", hashlib.sha256(SEGWIT_PUBLIC).digest()).digest()
TAPROOT_SCRIPT = coin_signatures.P2TR + TAPROOT_KEY.public_key_xonly.format()
COINS = (
    reserves.Coin("aa" * 32, 0, 200_000_000, SEGWIT_SCRIPT.hex()),
    reserves.Coin("bb" * 32, 1, 160_000_000, TAPROOT_SCRIPT.hex()),
)
MESSAGE = reserves.message_of(DAY, LIABILITIES["sha256"], "bitcoin", HEIGHT, BLOCK_HASH)


def transaction(message: str = MESSAGE, coins: tuple[reserves.Coin, ...] = COINS) -> str:
    """The transaction of these coins, signed by their keys, in hexadecimal."""
    made = reserves.unsigned(message, coins)
    spent = [reserves.NO_COIN, *(Paid(each.amount_sat, bytes.fromhex(each.script)) for each in coins)]
    witnesses = [(reserves.TRUE,)]
    for place, coin in enumerate(spent[1:], start=1):
        if coin.script[:2] == coin_signatures.P2WPKH:
            digest = coin_signatures.segwit_digest(made, place, coin)
            witnesses.append(
                (
                    SEGWIT_KEY.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)) + b"\x01",
                    SEGWIT_PUBLIC,
                )
            )
        else:
            witnesses.append((TAPROOT_KEY.sign_schnorr(coin_signatures.taproot_digest(made, place, spent, 0)),))
    stacks = b"".join(bytes([len(each)]) + b"".join(map(coin_signatures.measured, each)) for each in witnesses)
    plain = made.without_witness()
    return (plain[:4] + coin_signatures.SEGWIT_MARK + plain[4:-4] + stacks + plain[-4:]).hex()


RAW = transaction()


def content(coins: tuple[reserves.Coin, ...] = COINS, **changes: Any) -> str:
    """What a deployment signs of these coins."""
    parts = [
        {"txid": each.txid, "vout": each.vout, "amount": reserves.spelled(each.amount_sat), "script": each.script}
        for each in coins
    ]
    members = {
        "document": reserves.KIND,
        "version": reserves.VERSION,
        "day": DAY,
        "liabilities": LIABILITIES["sha256"],
        "previous": None,
        "kid": "k1",
        "takenAt": "2026-03-03T00:20:00.000Z",
        "network": "bitcoin",
        "height": HEIGHT,
        "blockHash": BLOCK_HASH,
        "owed": json.loads(LIABILITIES["content"])["sum"],
        "total": reserves.spelled(sum(each.amount_sat for each in coins)),
        "coins": parts,
        "transaction": RAW,
    }
    return json.dumps(members | changes)


def document(coins: tuple[reserves.Coin, ...] = COINS, **changes: Any) -> dict[str, Any]:
    """The same, signed."""
    return signed(content(coins, **changes), DAY)


RESERVES = document()


async def kept(world: World, vault: Vault) -> tuple[ReservesDocument, bool]:
    """The same coins, proven against the newest document of liabilities of a world."""
    owed = await liabilities.find(world.pool, None)
    sum_owed = json.loads(owed.content)["sum"]
    found = Reserves(owed, sum_owed, Tip(HEIGHT, BLOCK_HASH), list(COINS), left_out=0)
    async with db.transaction(world.pool) as tx:
        return await keep(tx, vault, found, "bitcoin", transaction(found.message("bitcoin")))
