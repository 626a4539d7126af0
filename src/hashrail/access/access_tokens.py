"""Access tokens: EdDSA-signed JWTs that live for 15 minutes; and read tokens, which live as long as their user wants.

Claims: `iss` the deployment, `aud` the partner's public id, `pid` its number, `sub` and `userId` the user, `sid` the
session that it belongs to, `typ` access, `epo` a digest of the deployment's epoch, `iat`, `exp`, `jti`; the header
names the key (`kid`). Only EdDSA is accepted, so neither `none` nor a confused HMAC opens anything.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashrail import clock
from hashrail.deployment import facts
from hashrail.errors import UnauthorizedError

ALGORITHM = "EdDSA"
LIFETIME = timedelta(minutes=15)
LEEWAY = timedelta(seconds=5)
MAX_LENGTH = 4096
# 9999-12-31, the last day that a date can name.
LAST_SECOND = 253_402_214_400


class TokenMissingError(UnauthorizedError):
    """The operation needs a user's token."""

    code = "TOKEN_MISSING"
    advice = "Send Authorization: Bearer <jwtToken> from the login operation."


class TokenInvalidError(UnauthorizedError):
    """The token is not one that this deployment made."""

    code = "TOKEN_INVALID"
    advice = "Log the user in again, and send the jwtToken unchanged."


class TokenEpochError(UnauthorizedError):
    """The token was given out before the deployment's books were restored."""

    code = "TOKEN_EPOCH"
    advice = "Log the user in again."


class TokenExpiredError(UnauthorizedError):
    """The token lived its 15 minutes."""

    code = "TOKEN_EXPIRED"
    advice = "Get a new pair with the refresh operation, or make a new read token."


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a valid token speaks for. Tokens of a release that knew no sessions name none, for their 15 minutes."""

    partner_id: int
    partner_public_id: str
    user_id: int
    session: str | None
    expires_at: datetime
    # What a read token is known by; None for an access token.
    read_token: str | None = None


class _Access(msgspec.Struct):
    """The claims of an access token, as far as they are read."""

    typ: Literal["access", "read"]
    aud: str
    sub: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,18}\Z")]
    pid: int
    exp: Annotated[int, msgspec.Meta(ge=0, le=LAST_SECOND)]
    # A program that knows no epoch gave out tokens without.
    epo: str | None = None
    sid: str | None = None
    tok: str | None = None


def issue(
    key: Ed25519PrivateKey,
    kid: str,
    *,
    epoch: str,
    issuer: str,
    partner_id: int,
    partner_public_id: str,
    user_id: int,
    session: str,
    now: datetime,
) -> str:
    """A new access token."""
    claims = {
        "iss": issuer,
        "aud": partner_public_id,
        "sub": str(user_id),
        "userId": user_id,
        "pid": partner_id,
        "sid": session,
        "typ": "access",
        "epo": facts.epoch_digest(epoch),
        "iat": now,
        "exp": now + LIFETIME,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})


def issue_read(
    key: Ed25519PrivateKey,
    kid: str,
    *,
    epoch: str,
    issuer: str,
    partner_id: int,
    partner_public_id: str,
    user_id: int,
    token: str,
    now: datetime,
    expires_at: datetime,
) -> str:
    """The text of a read token, whenever it is asked for: `token` is what its row is known by."""
    claims = {
        "iss": issuer,
        "aud": partner_public_id,
        "sub": str(user_id),
        "id": user_id,
        "pid": partner_id,
        "tok": token,
        "typ": "read",
        "epo": facts.epoch_digest(epoch),
        "iat": now,
        "exp": expires_at,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})


def verify(token: str, keys: Mapping[str, Ed25519PublicKey], *, epoch: str, issuer: str, now: datetime) -> Claims:
    """The claims of a valid token of this epoch. Raises TokenInvalidError, TokenEpochError, TokenExpiredError."""
    if len(token) > MAX_LENGTH:
        raise TokenInvalidError("the token is too long")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenInvalidError("the token names no key of this deployment")
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=issuer,
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "require": ["iss", "aud", "sub", "exp", "iat", "pid"],
            },
        )
    except jwt.PyJWTError as error:
        raise TokenInvalidError("the token does not hold") from error
    try:
        access = msgspec.convert(claims, _Access)
    except msgspec.ValidationError as error:
        raise TokenInvalidError("the token is no access token") from error
    if (access.typ == "read") is (access.tok is None):
        raise TokenInvalidError("the token is no access token")
    if access.epo != facts.epoch_digest(epoch):
        raise TokenEpochError("the token is of an epoch that is over")
    expires_at = clock.from_seconds(access.exp)
    if expires_at + LEEWAY <= now:
        raise TokenExpiredError("the token has expired", expiredAt=clock.iso(expires_at))
    return Claims(access.pid, access.aud, int(access.sub), access.sid, expires_at, access.tok)
