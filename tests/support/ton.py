"""Proofs and cells for the tests of TON login, built without the code under test."""

import base64
import copy
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from bitarray import bitarray
from nacl.signing import SigningKey
from pytoniq_core.boc.cell import Cell

from hashrail import clock
from tests.support import folders

VECTORS: dict[str, Any] = json.loads((folders.VECTORS / "ton_proof.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in VECTORS["vectors"]}
NOW: int = VECTORS["base_policy"]["now"]
PAYLOAD = next(iter(VECTORS["base_policy"]["payloads"]))
KEY = SigningKey(hashlib.sha256(b"a key for tests").digest())
OTHER_KEY = SigningKey(hashlib.sha256(b"another key for tests").digest())

# What the vectors call a reason, and the codes that say the same.
CODES_OF_REASON = {
    "bad_signature": {"TON_SIGNATURE"},
    "domain_not_allowed": {"TON_DOMAIN"},
    "length_mismatch": {"TON_DOMAIN_LENGTH"},
    "address_mismatch": {"TON_ADDRESS_MISMATCH"},
    "public_key_mismatch": {"TON_PUBLIC_KEY_MISMATCH"},
    "expired": {"TON_TIME_OLD"},
    "from_future": {"TON_TIME_AHEAD"},
    "malformed": {"TON_SHAPE"},
    "wrong_chain": {"TON_CHAIN"},
    "bad_state_init": {"TON_STATE_INIT", "TON_STATE_INIT_ENCODING"},
    "unknown_wallet": {"TON_KEY_UNKNOWN"},
    "payload_unknown": {"TON_PAYLOAD_UNKNOWN"},
    "payload_used": {"TON_PAYLOAD_USED"},
    "chain_lookup_required": {"TON_CHAIN_REQUIRED"},
    "chain_lookup_failed": {"TON_CHAIN_UNAVAILABLE"},
    "bad_wallet_data": {"TON_WALLET_DATA"},
}


def policy_of(case: dict[str, Any]) -> dict[str, Any]:
    """The policy that a vector is judged by."""
    merged = {**VECTORS["base_policy"], **case["policy_override"]}
    return {**merged, "chain_lookup": case["chain_lookup"]} if "chain_lookup" in case else merged


def body_of(name: str) -> dict[str, Any]:
    """A copy of a vector's request."""
    return copy.deepcopy(CASES[name]["request"])


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of the body with another value at a dotted path."""
    result = copy.deepcopy(body)
    *above, last = path.split(".")
    parent = result
    for name in above:
        parent = parent[name]
    parent[last] = value
    return result


def state_init_of(name: str) -> bytes:
    """The decoded walletStateInit of a vector."""
    return base64.b64decode(CASES[name]["request"]["tonWallet"]["account"]["walletStateInit"])


def code_of(name: str) -> Cell:
    """The code of a vector's wallet."""
    return Cell.from_boc(state_init_of(name))[0].refs[0]


def cell(bits: str, refs: Sequence[Cell] = (), kind: int = -1) -> Cell:
    """A cell of bits written as 0 and 1."""
    return Cell(bitarray(bits), list(refs), kind)


def bits_of(number: int, width: int) -> str:
    """An unsigned number as bits."""
    return f"{number:0{width}b}"


def key_bits(key: SigningKey = KEY) -> str:
    """The public key as bits."""
    return bits_of(int.from_bytes(bytes(key.verify_key), "big"), 256)


def v4_data(key: SigningKey = KEY) -> Cell:
    """The data of a v4 wallet: sequence number, wallet id, key, no plugins."""
    return cell(bits_of(0, 32) + bits_of(698983191, 32) + key_bits(key) + "0")


def signature(
    key: SigningKey, address: str, *, domain: str = "partner.example", timestamp: int = NOW, payload: str = PAYLOAD
) -> str:
    """The base64 of what a wallet answers."""
    workchain, _, account = address.partition(":")
    named = domain.encode()
    message = b"ton-proof-item-v2/" + int(workchain).to_bytes(4, "big", signed=True) + bytes.fromhex(account)
    message += len(named).to_bytes(4, "little") + named + timestamp.to_bytes(8, "little") + payload.encode()
    digest = hashlib.sha256(b"\xff\xffton-connect" + hashlib.sha256(message).digest()).digest()
    return base64.b64encode(key.sign(digest).signature).decode()


def signed_body(
    root: Cell, *, key: SigningKey = KEY, workchain: int = 0, state_init: bytes | None = None, **signed: Any
) -> dict[str, Any]:
    """A check-proof body for the account of the StateInit `root`, signed with `key`."""
    address = f"{workchain}:{root.hash.hex()}"
    boc = root.to_boc(hash_crc32=True) if state_init is None else state_init
    domain = signed.get("domain", "partner.example")
    proof = {
        "domain": {"lengthBytes": len(domain.encode()), "value": domain},
        "payload": signed.get("payload", PAYLOAD),
        "signature": signature(key, address, **signed),
        "timestamp": signed.get("timestamp", NOW),
    }
    account = {"address": address, "chain": "-239", "walletStateInit": base64.b64encode(boc).decode()}
    return {"tonWallet": {"account": account, "connectItems": {"tonProof": {"name": "ton_proof", "proof": proof}}}}


def v4_wallet(key: SigningKey = KEY) -> Cell:
    """The StateInit of a v4 wallet."""
    return cell("00110", [code_of("v4r2_mainnet"), v4_data(key)])


def proof(payload: str, *, domain: str, key: SigningKey = KEY) -> dict[str, Any]:
    """A check-proof body that the key's v4 wallet has signed this very second."""
    return signed_body(v4_wallet(key), key=key, payload=payload, domain=domain, timestamp=clock.wall_millis() // 1000)


def bag(cells: Sequence[tuple[int, int, bytes, Sequence[int]]], roots: Sequence[int] = (0,)) -> bytes:
    """A bag of cells from raw parts: the two descriptors, data and references of each cell, right or wrong."""
    body = b"".join(
        bytes((first, second)) + data + b"".join(ref.to_bytes(2, "big") for ref in refs)
        for first, second, data, refs in cells
    )
    counts = (len(cells), len(roots), 0)
    head = b"\xb5\xee\x9c\x72\x02\x02" + b"".join(count.to_bytes(2, "big") for count in counts)
    return head + len(body).to_bytes(2, "big") + b"".join(root.to_bytes(2, "big") for root in roots) + body
