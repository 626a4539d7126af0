"""Sessions of users: a pair of tokens, renewed in families.

A login opens a family. Its refresh token is spent when it is used and a successor takes its place. A spent token
presented again within 30 seconds gets the same successor, because the answer may have been lost; later use means
that somebody else has it, and the whole family ends.

A refresh token is `hrr_<partner>_<family>_<generation>_<mac>`: the mac is derived from the master key, so the table
holds one row a login and no token can be read out of it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashrail import clock
from hashrail.auth import token
from hashrail.db import Tx
from hashrail.errors import UnauthorizedError
from hashrail.vault import Vault

GRACE = timedelta(seconds=30)
LIFETIME = timedelta(days=30)
PURPOSE = "refresh-token"


class RefreshTokenInvalidError(UnauthorizedError):
    """Not a refresh token of this partner."""

    code = "REFRESH_TOKEN_INVALID"
    advice = "Log the user in again."


class RefreshTokenExpiredError(UnauthorizedError):
    """The session is too old."""

    code = "REFRESH_TOKEN_EXPIRED"
    advice = "Log the user in again."


class RefreshTokenRevokedError(UnauthorizedError):
    """The session was ended."""

    code = "REFRESH_TOKEN_REVOKED"
    advice = "Log the user in again."


class RefreshTokenReusedError(UnauthorizedError):
    """A spent token was used again: somebody may have stolen it, so the session was ended."""

    code = "REFRESH_TOKEN_REUSED"
    advice = "Log the user in again, and keep only the newest refresh token."


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key that signs new tokens and every key that still verifies."""

    kid: str
    private: Ed25519PrivateKey
    public: Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues tokens to the users of one partner: the deployment's name, its vault and its signing keys."""

    name: str
    vault: Vault
    keys: SigningKeys
    partner_id: int
    partner_public_id: str

    def tokens(self, user_id: int, family_id: int, generation: int, now: datetime) -> "Tokens":
        """The pair of a generation: the refresh token is always the same, the access token is new."""
        access = token.issue(
            self.keys.private,
            self.keys.kid,
            issuer=self.name,
            partner_id=self.partner_id,
            partner_public_id=self.partner_public_id,
            user_id=user_id,
            now=now,
        )
        return Tokens(access, _refresh_token(self.vault, self.partner_id, family_id, generation))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh answers."""

    jwt_token: str
    refresh_token: str


async def load_signing_keys(tx: Tx, vault: Vault) -> SigningKeys:
    """The deployment's keys; the first is made when there is none."""
    rows = await tx.fetch("SELECT kid, sealed FROM signing_key WHERE retired_at IS NULL ORDER BY created_at, kid")
    if not rows:
        await tx.execute("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE")
        if not await tx.fetchval("SELECT count(*) FROM signing_key WHERE retired_at IS NULL"):
            await rotate_signing_key(tx, vault)
        return await load_signing_keys(tx, vault)
    keys = {row["kid"]: Ed25519PrivateKey.from_private_bytes(vault.open(row["sealed"])) for row in rows}
    newest = rows[-1]["kid"]
    return SigningKeys(newest, keys[newest], {kid: key.public_key() for kid, key in keys.items()})


async def rotate_signing_key(tx: Tx, vault: Vault) -> str:
    """Make a new signing key; older ones go on verifying until they are retired. Answers its kid."""
    kid = secrets.token_hex(8)
    await tx.execute(
        "INSERT INTO signing_key (kid, sealed, created_at) VALUES ($1, $2, $3)",
        kid,
        vault.seal(Ed25519PrivateKey.generate().private_bytes_raw()),
        clock.wall_now(),
    )
    return kid


async def log_in(tx: Tx, issuer: Issuer, user_id: int) -> Tokens:
    """Open a family and answer its first pair."""
    now = clock.wall_now()
    family_id: int = await tx.fetchval(
        """INSERT INTO refresh_family (partner_id, user_id, created_at, rotated_at, expires_at)
           VALUES ($1, $2, $3, $3, $4) RETURNING id""",
        issuer.partner_id,
        user_id,
        now,
        now + LIFETIME,
    )
    return issuer.tokens(user_id, family_id, 0, now)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The outcome of a refresh: a pair, or the refusal to raise after the commit (ending a family must stay)."""

    tokens: Tokens | None
    user_id: int
    refusal: UnauthorizedError | None


async def refresh(tx: Tx, issuer: Issuer, refresh_token: str) -> Renewal:
    """Spend a refresh token for a new pair. The caller commits, then raises `refusal` if there is one."""
    family_id, generation = _parse(issuer.vault, issuer.partner_id, refresh_token)
    row = await tx.fetchrow(
        """SELECT user_id, generation, rotated_at, expires_at, revoked_at FROM refresh_family
           WHERE partner_id = $1 AND id = $2 FOR UPDATE""",
        issuer.partner_id,
        family_id,
    )
    if row is None:
        raise RefreshTokenInvalidError("no such session", field="refreshToken")
    now = clock.wall_now()
    if row["revoked_at"] is not None:
        raise RefreshTokenRevokedError("the session was ended", field="refreshToken")
    if row["expires_at"] <= now:
        raise RefreshTokenExpiredError("the session is too old", field="refreshToken")
    user_id, present = row["user_id"], row["generation"]
    if generation == present:
        present += 1
        await _rotate(tx, issuer.partner_id, family_id, present, now)
    elif not (generation == present - 1 and now - row["rotated_at"] <= GRACE):
        await tx.execute(
            "UPDATE refresh_family SET revoked_at = $3 WHERE partner_id = $1 AND id = $2",
            issuer.partner_id,
            family_id,
            now,
        )
        return Renewal(None, user_id, RefreshTokenReusedError("a spent token was used again", field="refreshToken"))
    return Renewal(issuer.tokens(user_id, family_id, present, now), user_id, None)


async def forget_expired(tx: Tx, partner_id: int) -> int:
    """Delete sessions that nobody can use any more; answers how many."""
    rows = await tx.fetch(
        "DELETE FROM refresh_family WHERE partner_id = $1 AND expires_at <= $2 RETURNING id",
        partner_id,
        clock.wall_now(),
    )
    return len(rows)


async def _rotate(tx: Tx, partner_id: int, family_id: int, generation: int, now: datetime) -> None:
    await tx.execute(
        """UPDATE refresh_family SET generation = $3, rotated_at = $4, expires_at = $5
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        family_id,
        generation,
        now,
        now + LIFETIME,
    )


def partner_of_refresh_token(text: str) -> int | None:
    """The partner number that a refresh token carries; None for a text that is none."""
    parts = text.split("_", 4)
    if len(parts) != 5 or parts[0] != "hrr" or not (parts[1].isascii() and parts[1].isdigit()) or len(parts[1]) > 18:
        return None
    return int(parts[1])


def _refresh_token(vault: Vault, partner_id: int, family_id: int, generation: int) -> str:
    stem = f"hrr_{partner_id}_{family_id}_{generation}"
    return f"{stem}_{_mac(vault.derive(PURPOSE)[0], stem)}"


def _mac(key: bytes, stem: str) -> str:
    digest = hmac.digest(key, stem.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _parse(vault: Vault, partner_id: int, text: str) -> tuple[int, int]:
    """(family, generation) of a genuine refresh token of this partner. Raises RefreshTokenInvalidError."""
    parts = text.split("_", 4)
    if partner_of_refresh_token(text) == partner_id and text.isascii():
        stem = "_".join(parts[:4])
        if any(hmac.compare_digest(_mac(key, stem), parts[4]) for key in vault.derive(PURPOSE)):
            return int(parts[2]), int(parts[3])
    raise RefreshTokenInvalidError("not a refresh token of this partner", field="refreshToken")
