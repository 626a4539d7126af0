"""The key that signs proofs: Ed25519, published by its public half.

The newest one signs. Older ones stay, so that what they have signed can be checked for ever.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.vault import Vault

KID_BYTES = 8


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The published half of a key: 32 bytes in hex."""

    kid: str
    public_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs, opened."""

    kid: str
    private: Ed25519PrivateKey


async def published(reader: Reader) -> list[PublicKey]:
    """Every key that has ever signed, the newest first."""
    rows = await reader.fetch(
        "SELECT kid, encode(public_key, 'hex') AS public_key, created_at FROM proof_key ORDER BY created_at DESC, kid"
    )
    return [PublicKey(**row) for row in rows]


async def hold(tx: Tx, vault: Vault) -> SigningKey:
    """The newest key, made where there is none; whoever else signs waits until this transaction ends."""
    await tx.execute("LOCK TABLE proof_key IN SHARE ROW EXCLUSIVE MODE")
    return await newest(tx, vault) or await rotate(tx, vault)


async def newest(reader: Reader, vault: Vault) -> SigningKey | None:
    """The newest key, if there is one."""
    row = await reader.fetchrow("SELECT kid, sealed FROM proof_key ORDER BY created_at DESC, kid LIMIT 1")
    if row is None:
        return None
    return SigningKey(row["kid"], Ed25519PrivateKey.from_private_bytes(vault.open(row["sealed"])))


async def opened(reader: Reader, vault: Vault, kid: str) -> SigningKey:
    """A key that has signed."""
    sealed: bytes = await reader.fetchval("SELECT sealed FROM proof_key WHERE kid = $1", kid)
    return SigningKey(kid, Ed25519PrivateKey.from_private_bytes(vault.open(sealed)))


async def rotate(tx: Tx, vault: Vault) -> SigningKey:
    """Make a new key, which signs from now on."""
    key = SigningKey(secrets.token_hex(KID_BYTES), Ed25519PrivateKey.generate())
    await tx.execute(
        "INSERT INTO proof_key (kid, public_key, sealed, created_at) VALUES ($1, $2, $3, $4)",
        key.kid,
        key.private.public_key().public_bytes_raw(),
        vault.seal(key.private.private_bytes_raw()),
        clock.wall_now(),
    )
    return key
