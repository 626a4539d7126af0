"""Sessions of users: a pair of tokens, renewed in families.

A login opens a family. Its refresh token is spent when it is used and a successor takes its place. A spent token
presented again within 30 seconds gets the same successor, because the answer may have been lost; later use means
that somebody else has it, and the whole family ends. It ends with the key that opened it as well, and after a while
however often it is renewed (`session_grants`).

A refresh token is `hrr_<partner>_<number>-<name>-<epoch>_<generation>_<mac>`: the mac is derived from the master key
and the deployment's epoch, so the table holds one row a login and no token can be read out of it. The name has 128
random bits. The number only says where the row is: a database that was restored gives it out again, and the old token
is not the new family's. The digest of the epoch tells whoever has a token of an epoch that is over.

A family without a name was opened by a program of before. It goes on without one, until it ends.
"""

import base64
import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashrail import clock
from hashrail.access import access_tokens, session_grants
from hashrail.access.session_grants import Family
from hashrail.db import Tx
from hashrail.deployment import facts
from hashrail.errors import UnauthorizedError
from hashrail.vault import Vault

GRACE = timedelta(seconds=30)
LIFETIME = timedelta(days=30)
PURPOSE = "session"
# What the tokens of families without a name are derived for.
NUMBERED_PURPOSE = "refresh-token"
NAME_BYTES = 16


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


class RefreshTokenEpochError(UnauthorizedError):
    """The token was given out before the deployment's books were restored."""

    code = "REFRESH_TOKEN_EPOCH"
    advice = "Log the user in again."


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key that signs new tokens and every key that still verifies, and the epoch in which they do."""

    epoch: str
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
    session_life: timedelta
    sessions_per_user: int

    def tokens(self, user_id: int, family: Family, generation: int, now: datetime) -> "Tokens":
        """The pair of a generation: the refresh token is always the same, the access token is new."""
        access = access_tokens.issue(
            self.keys.private,
            self.keys.kid,
            epoch=self.keys.epoch,
            issuer=self.name,
            partner_id=self.partner_id,
            partner_public_id=self.partner_public_id,
            user_id=user_id,
            session=str(family),
            now=now,
        )
        return Tokens(access, _refresh_token(self, family, generation))


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
    epoch = (await facts.read(tx)).epoch
    return SigningKeys(epoch, newest, keys[newest], {kid: key.public_key() for kid, key in keys.items()})


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


async def log_in(tx: Tx, issuer: Issuer, user_id: int, *, key_id: int | None) -> Tokens:
    """Open a family and answer its first pair. It ends with the key that opens it; after a TON proof none does.

    Where the user has too many, the one that was not renewed for longest is forgotten.
    """
    now = clock.wall_now()
    name = secrets.token_hex(NAME_BYTES)
    family_id: int = await tx.fetchval(
        """INSERT INTO refresh_family (partner_id, user_id, name, created_at, rotated_at, expires_at)
           VALUES ($1, $2, $3, $4, $4, $5) RETURNING id""",
        issuer.partner_id,
        user_id,
        name,
        now,
        now + LIFETIME,
    )
    await session_grants.record(tx, issuer.partner_id, family_id, user_id=user_id, key_id=key_id)
    await session_grants.keep_newest(tx, issuer.partner_id, user_id, keep=issuer.sessions_per_user)
    return issuer.tokens(user_id, Family(family_id, name), 0, now)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The outcome of a refresh: a pair, or the refusal to raise after the commit (ending a family must stay)."""

    tokens: Tokens | None
    user_id: int
    refusal: UnauthorizedError | None


async def refresh(tx: Tx, issuer: Issuer, refresh_token: str) -> Renewal:
    """Spend a refresh token for a new pair. The caller commits, then raises `refusal` if there is one.

    Raises what is wrong with the token, SessionKeyEndedError, SessionLifeEndedError.
    """
    family, generation = _parse(issuer, refresh_token)
    row = await tx.fetchrow(
        """SELECT user_id, generation, created_at, rotated_at, expires_at, revoked_at FROM refresh_family
           WHERE partner_id = $1 AND id = $2 AND name IS NOT DISTINCT FROM $3 FOR UPDATE""",
        issuer.partner_id,
        family.id,
        family.name,
    )
    if row is None:
        raise RefreshTokenInvalidError("no such session", field="refreshToken")
    now = clock.wall_now()
    await session_grants.check(tx, issuer.partner_id, family.id, now=now)
    if row["revoked_at"] is not None:
        raise RefreshTokenRevokedError("the session was ended", field="refreshToken")
    if row["created_at"] + issuer.session_life <= now:
        raise session_grants.SessionLifeEndedError(
            f"a session lives for at most {issuer.session_life.days} days", field="refreshToken"
        )
    if row["expires_at"] <= now:
        raise RefreshTokenExpiredError("the session is too old", field="refreshToken")
    user_id, present = row["user_id"], row["generation"]
    if generation == present:
        present += 1
        await _rotate(tx, issuer.partner_id, family.id, present, now)
        # A process of the release before may have opened it while the deployment was updated, and known no key.
        await session_grants.record(tx, issuer.partner_id, family.id, user_id=user_id, key_id=None)
    elif not (generation == present - 1 and now - row["rotated_at"] <= GRACE):
        await session_grants.end(tx, issuer.partner_id, family=family, cause="token_reused")
        return Renewal(None, user_id, RefreshTokenReusedError("a spent token was used again", field="refreshToken"))
    return Renewal(issuer.tokens(user_id, family, present, now), user_id, None)


async def end_all(tx: Tx) -> int:
    """End every session of every partner; answers how many."""
    rows = await tx.fetch(
        "UPDATE refresh_family SET revoked_at = $1 WHERE revoked_at IS NULL RETURNING partner_id", clock.wall_now()
    )
    for partner_id, count in sorted(Counter(row["partner_id"] for row in rows).items()):
        await session_grants.tell_many(tx, partner_id, count)
    return len(rows)


async def log_out(tx: Tx, issuer: Issuer, refresh_token: str) -> None:
    """End the session of a refresh token, spent or not; again is a no-op.

    Raises RefreshTokenInvalidError, RefreshTokenEpochError.
    """
    family, _ = _parse(issuer, refresh_token)
    await session_grants.end(tx, issuer.partner_id, family=family, cause="logged_out")


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


def _refresh_token(issuer: Issuer, family: Family, generation: int) -> str:
    epoch = "" if family.name is None else f"-{facts.epoch_digest(issuer.keys.epoch)}"
    stem = f"hrr_{issuer.partner_id}_{family}{epoch}_{generation}"
    return f"{stem}_{_mac(_mac_keys(issuer, named=family.name is not None)[0], stem)}"


def _mac_keys(issuer: Issuer, *, named: bool) -> list[bytes]:
    """The keys of the macs, newest first. A program of before can make none of a family with a name."""
    if named:
        return issuer.vault.derive(PURPOSE, issuer.keys.epoch)
    return issuer.vault.derive(NUMBERED_PURPOSE, None)


def _mac(key: bytes, stem: str) -> str:
    digest = hmac.digest(key, stem.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _parse(issuer: Issuer, text: str) -> tuple[Family, int]:
    """(family, generation) of a genuine refresh token of this partner in this epoch.

    Raises RefreshTokenInvalidError, RefreshTokenEpochError.
    """
    parts = text.split("_", 4)
    if partner_of_refresh_token(text) == issuer.partner_id and text.isascii():
        number, *named = parts[2].split("-")
        if len(named) == 2 and named[1] != facts.epoch_digest(issuer.keys.epoch):
            raise RefreshTokenEpochError("the token is of an epoch that is over", field="refreshToken")
        stem = "_".join(parts[:4])
        if any(hmac.compare_digest(_mac(key, stem), parts[4]) for key in _mac_keys(issuer, named=bool(named))):
            return Family(int(number), named[0] if named else None), int(parts[3])
    raise RefreshTokenInvalidError("not a refresh token of this partner", field="refreshToken")
