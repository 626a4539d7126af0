"""What is owed to three users, signed without a deployment, and the proof of each."""

import hashlib
from typing import Any

from hashrail_client import liabilities
from tests.support.signed_days import SECOND, signed

DAY, PARTNER = "2026-03-02", "partner-1"
UNIT = 10**liabilities.DECIMALS
OWED = {"alice": UNIT // 2, "bob": 3 * UNIT, "carol": 1}
NONCES = {name: hashlib.sha256(name.encode()).digest() for name in OWED}
LEAVES = {
    name: liabilities.leaf(DAY, liabilities.owner_of(DAY, NONCES[name], PARTNER, name), owed)
    for name, owed in OWED.items()
}
PAIR = liabilities.join(LEAVES["alice"], LEAVES["bob"])
ROOT = liabilities.join(PAIR, LEAVES["carol"])
CONTENT = (
    f'{{"document":"hashrail liabilities","version":1,"day":"{DAY}","dayDocument":"{SECOND["sha256"]}","previous":null,'
    f'"kid":"k1","takenAt":"2026-03-03T00:10:00.000Z","root":"{ROOT.hash.hex()}",'
    f'"sum":"{liabilities.spelled(ROOT.units)}","count":3}}'
)
LIABILITIES = signed(CONTENT, DAY)


def proof(name: str) -> dict[str, Any]:
    """What the API answers a user."""
    alice, bob, carol = LEAVES.values()
    paths = {"alice": [bob, carol], "bob": [alice, carol], "carol": [PAIR]}
    return {
        "day": DAY,
        "partnerId": PARTNER,
        "partnerUserId": name,
        "nonce": NONCES[name].hex(),
        "amount": liabilities.spelled(OWED[name]),
        "index": list(OWED).index(name),
        "path": [{"hash": each.hash.hex(), "sum": liabilities.spelled(each.units)} for each in paths[name]],
    }
