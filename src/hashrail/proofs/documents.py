"""A document as it is signed: JSON with exact numbers, its SHA-256, and an Ed25519 signature over its bytes."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from hashrail import clock
from hashrail.proofs.keys import SigningKey

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a document; its members are in camelCase, amounts are exact numbers."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed: `content` is the text whose bytes count."""

    content: str
    sha256: str
    kid: str
    signature: bytes
    signed_at: datetime


def sign(key: SigningKey, content: Part) -> Signed:
    """A content, spelled out and signed now."""
    text = _ENCODER.encode(content)
    return Signed(
        content=text.decode(),
        sha256=hashlib.sha256(text).hexdigest(),
        kid=key.kid,
        signature=key.private.sign(text),
        signed_at=clock.wall_now(),
    )
