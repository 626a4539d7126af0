"""Signed days without a deployment: two of them, with figures that a pencil can reckon."""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {"keys": [{"kid": "k1", "publicKey": KEY.public_key().public_bytes_raw().hex(), "createdAt": "..."}]}
# 20 W/TH at 0.05 USD per kWh are 0.024 USD a day, and service is 0.01: at 100,000 USD, before a discount of a tenth.
CONTENT = """{"document":"hashrail day","version":1,"day":"%s","previous":%s,"kid":"k1",
"inputs":{"poolBtcPerTh":0.0000005,"btcUsd":100000,"kwhUsd":0.05,"serviceUsdPerTh":0.01,"discountCap":0.35,
"difficulty":null,"subsidyBtc":null,"feesBtc":null,"source":"entered"},"sources":[],
"fractions":[{"programme":1,"fraction":0.04}],
"classes":[{"energyEfficiency":20,"levelDiscount":0.06,"programmes":[1],"discount":0.10,
"pool":0.0000005,"c1":0.000000216,"c2":0.00000009,"net":0.000000194}],
"adjustments":[],"power":["%s"]}"""
SALT = "5a" * 32
TEXT = '[{"energyEfficiency":20,"levelDiscount":0.06,"programmes":[1],"power":3}]'
COMMITMENT = hashlib.sha256(bytes.fromhex(SALT) + TEXT.encode()).hexdigest()
RECORD = {"day": "2026-03-02", "nftId": 1, "value": 0.000000388, "c1Value": 0.000000432, "c2Value": 0.00000018}
OPENING = {"day": "2026-03-02", "salt": SALT, "text": TEXT}


def signed(content: str, day: str) -> dict[str, Any]:
    """The document of a content, as the API answers it."""
    return {
        "day": day,
        "content": content,
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "kid": "k1",
        "signature": KEY.sign(content.encode()).hex(),
        "signedAt": "...",
    }


FIRST = signed(CONTENT % ("2026-03-01", "null", COMMITMENT), "2026-03-01")
SECOND = signed(CONTENT % ("2026-03-02", json.dumps(FIRST["sha256"]), COMMITMENT), "2026-03-02")
