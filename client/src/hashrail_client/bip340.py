"""Schnorr signatures over secp256k1, checked as BIP 340 says. Nothing secret comes here, so time may tell anything.

`cryptography` has the curve for ECDSA alone.
"""

import hashlib

FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
# A point of the curve; None is the one at infinity.
Point = tuple[int, int] | None


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes over a message is that of a key of 32 bytes."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    point = _lift(int.from_bytes(public_key))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if point is None or r >= FIELD or s >= ORDER:
        return False
    challenge = int.from_bytes(tagged_hash("BIP0340/challenge", signature[:32] + public_key + message)) % ORDER
    found = _sum(GENERATOR, s, point, ORDER - challenge)
    return found is not None and found[1] % 2 == 0 and found[0] == r


def tagged_hash(tag: str, data: bytes) -> bytes:
    """SHA-256 that is of use for one purpose alone."""
    name = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(name + name + data).digest()


def _lift(x: int) -> Point:
    """The point with this x and an even y; None where there is none."""
    square = (pow(x, 3, FIELD) + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if x >= FIELD or y * y % FIELD != square:
        return None
    return x, FIELD - y if y % 2 else y


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if y1 != y2 or y1 == 0:
            return None
        slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, FIELD)
    x = (slope * slope - x1 - x2) % FIELD
    return x, (slope * (x1 - x) - y1) % FIELD


def _sum(one: Point, factor: int, other: Point, other_factor: int) -> Point:
    """Both points, each so many times: bit by bit for both at once, which is half the work."""
    both = _add(one, other)
    total: Point = None
    for place in reversed(range(256)):
        total = _add(total, total)
        bits = factor >> place & 1, other_factor >> place & 1
        if bits != (0, 0):
            total = _add(total, both if bits == (1, 1) else one if bits[0] else other)
    return total
