"""API keys: what a partner's programs show, and what they sign with.

- `secret` signs server-to-server calls, within its scopes (`scopes`); optional IP allow-list.
- `publishable` opens the catalogue and, beside a user's token, the user's own data; it has no secret.
- `full` is both, as the vendor's keys are.

A key has at most two live secrets, so that it can be rotated without an outage. Secrets are sealed at rest and
shown once. Keys carry their partner's number, so no look-up without a partner is needed, and whether they are of a
production deployment or a sandbox: hrk_live_7_... or hrk_test_7_... Older ones say only the number: hrk_7_...
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from hashrail import clock
from hashrail.access import scopes as known_scopes
from hashrail.access import session_grants
from hashrail.access.scopes import SCOPES
from hashrail.db import Reader, Row, Tx, record
from hashrail.deployment import facts, journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.events import drafts
from hashrail.events.types.keys import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyRotated,
    ApiKeyScopesChanged,
    ApiKeySecretsRevoked,
)
from hashrail.settings import Mode
from hashrail.vault import Vault

KeyKind = Literal["full", "secret", "publishable"]
LIVE_SECRETS = 2
SECRET_BYTES = 32
MAX_KEY_LENGTH = 64
KEYS_CHANGED = "hashrail_keys_changed"
WORDS: dict[Mode, str] = {"production": "live", "sandbox": "test"}
MODES = {word: mode for mode, word in WORDS.items()}


class KeyNotFoundError(NotFoundError):
    """The partner has no such key."""

    code = "KEY_NOT_FOUND"
    advice = "List the keys with: hashrail partner key list --partner NAME"


class KeyRevokedError(ConflictError):
    """The key is revoked: it cannot be changed any more."""

    code = "KEY_IS_REVOKED"
    advice = "Create a new key with: hashrail partner key create"


class NoSecretError(ConflictError):
    """A publishable key has no secret."""

    code = "KEY_HAS_NO_SECRET"
    advice = "Rotate a key of kind secret or full."


class UnsignedNeedsAddressesError(BadRequestError):
    """A key that may leave upgrades unsigned has to be tied to addresses."""

    code = "UNSIGNED_NEEDS_ADDRESSES"
    advice = "Name the addresses of the partner's servers with --allow-ip, or let the partner sign upgrades."


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the doors need it: who it is, what it may do, and its live secrets, newest first.

    `unsigned_upgrades` lets it leave out the signature where an operation allows that; `requests_per_minute` is its own
    rate limit, 0 for none and None for the deployment's.
    """

    partner_id: int
    partner_public_id: str
    id: int
    key: str
    kind: KeyKind
    scopes: frozenset[str]
    allowed_ips: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    unsigned_upgrades: bool
    requests_per_minute: int | None
    live_secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is shown once, when a key or a secret is made."""

    key_id: int
    key: str
    secret: str | None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a partner's program may know of the key that it calls with; `secrets_since` are those that sign, newest
    first."""

    key: str
    kind: KeyKind
    label: str
    scopes: list[str]
    allowed_ips: list[IPv4Network | IPv6Network]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    requests_per_minute: int | None
    unsigned_upgrades: bool
    secrets_since: list[datetime]
    partner_public_id: str
    partner_name: str


async def create_key(
    tx: Tx,
    vault: Vault,
    *,
    partner_id: int,
    kind: KeyKind,
    label: str = "",
    scopes: tuple[str, ...] = SCOPES,
    allowed_ips: tuple[IPv4Network | IPv6Network, ...] = (),
    expires_at: datetime | None = None,
    unsigned_upgrades: bool = False,
) -> NewKey:
    """Make a key; its secret is in the answer and nowhere else in clear.

    Raises BadScopeError, UnsignedNeedsAddressesError, NoFactsError.
    """
    granted = known_scopes.check(scopes)
    check_unsigned(unsigned_upgrades=unsigned_upgrades, allowed_ips=allowed_ips)
    mode = (await facts.read(tx)).mode
    key = f"hrk_{WORDS[mode]}_{partner_id}_{secrets.token_urlsafe(24)}"
    key_id: int = await tx.fetchval(
        """INSERT INTO api_key (partner_id, key, kind, label, scopes, allowed_ips, created_at, expires_at,
                                unsigned_upgrades)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id""",
        partner_id,
        key,
        kind,
        label,
        granted,
        list(allowed_ips),
        clock.wall_now(),
        expires_at,
        unsigned_upgrades,
    )
    secret = None if kind == "publishable" else await _add_secret(tx, vault, partner_id, key_id)
    await journal.note(tx, Kind.KEY_CREATED, partner_id=partner_id, key=key, number=key_id)
    await drafts.note(tx, partner_id, ApiKeyCreated(id=key_id, label=label, kind=kind, scopes=sorted(granted)))
    return NewKey(key_id, key, secret)


def check_unsigned(*, unsigned_upgrades: bool, allowed_ips: Sequence[IPv4Network | IPv6Network]) -> None:
    """A key that need not sign is one of known addresses. Raises UnsignedNeedsAddressesError."""
    if unsigned_upgrades and not allowed_ips:
        raise UnsignedNeedsAddressesError("a key without signatures needs an IP allow-list", field="allowed_ips")


async def rotate_key(tx: Tx, vault: Vault, *, partner_id: int, key_id: int) -> NewKey:
    """Give a key a new secret; the one before stays valid, any older one is revoked.

    Raises KeyNotFoundError, KeyRevokedError, NoSecretError.
    """
    made, sealed = await next_secret(tx, vault, partner_id=partner_id, key_id=key_id)
    await take_secret(tx, partner_id=partner_id, key_id=key_id, sealed=sealed)
    return made


async def next_secret(tx: Tx, vault: Vault, *, partner_id: int, key_id: int) -> tuple[NewKey, bytes]:
    """A secret that opens nothing yet, and the same sealed, for `take_secret`. Raises what `rotate_key` does."""
    row = await _lock_live(tx, partner_id, key_id)
    if row["kind"] == "publishable":
        raise NoSecretError(f"key {key_id} is publishable and has no secret", field="key")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return NewKey(key_id, row["key"], secret), vault.seal(secret.encode())


async def secrets_of(tx: Reader, partner_id: int, key_id: int) -> list[int]:
    """The numbers of a key's live secrets, oldest first."""
    rows = await tx.fetch(
        "SELECT id FROM api_secret WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL ORDER BY id",
        partner_id,
        key_id,
    )
    return [row["id"] for row in rows]


async def take_secret(tx: Tx, *, partner_id: int, key_id: int, sealed: bytes) -> None:
    """Let a sealed secret sign for a key, beside the one before. Raises KeyNotFoundError, KeyRevokedError."""
    row = await _lock_live(tx, partner_id, key_id)
    await tx.execute(
        """UPDATE api_secret SET revoked_at = $3
           WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL AND id NOT IN (
               SELECT id FROM api_secret WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL
               ORDER BY id DESC LIMIT $4)""",
        partner_id,
        key_id,
        clock.wall_now(),
        LIVE_SECRETS - 1,
    )
    await _add_sealed(tx, partner_id, key_id, sealed)
    await journal.note(tx, Kind.KEY_ROTATED, partner_id=partner_id, key=row["key"], number=key_id)
    await _announce(tx, row["key"])
    await drafts.note(tx, partner_id, ApiKeyRotated(id=key_id, label=row["label"], kind=row["kind"]))


async def revoke_old_secret(tx: Tx, *, partner_id: int, key_id: int) -> int:
    """End a rotation: only the newest secret stays valid. Answers how many were revoked."""
    newest = await tx.fetchval(
        "SELECT max(id) FROM api_secret WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL",
        partner_id,
        key_id,
    )
    return await revoke_secrets_before(tx, partner_id=partner_id, key_id=key_id, secret_id=newest or 0)


async def revoke_secrets_before(tx: Tx, *, partner_id: int, key_id: int, secret_id: int) -> int:
    """Revoke what is older than a secret, which may be lost itself; answers how many. Raises KeyNotFoundError."""
    found = await _known(tx, partner_id, key_id)
    key = found["key"]
    rows = await tx.fetch(
        """UPDATE api_secret SET revoked_at = $4
           WHERE partner_id = $1 AND key_id = $2 AND id < $3 AND revoked_at IS NULL RETURNING id""",
        partner_id,
        key_id,
        secret_id,
        clock.wall_now(),
    )
    await journal.note(tx, Kind.SECRETS_REVOKED, partner_id=partner_id, key=key, number=key_id, kept=secret_id)
    await _announce(tx, key)
    if rows:
        told = ApiKeySecretsRevoked(id=key_id, label=found["label"], kind=found["kind"], count=len(rows))
        await drafts.note(tx, partner_id, told)
    return len(rows)


async def revoke_key(tx: Tx, *, partner_id: int, key_id: int) -> None:
    """End a key for good, and the sessions that it opened; again is a no-op. Raises KeyNotFoundError."""
    found = await _known(tx, partner_id, key_id)
    key = found["key"]
    ended = await tx.fetchval(
        """UPDATE api_key SET revoked_at = $3
           WHERE partner_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING true""",
        partner_id,
        key_id,
        clock.wall_now(),
    )
    await session_grants.end(tx, partner_id, key_id=key_id)
    await journal.note(tx, Kind.KEY_REVOKED, partner_id=partner_id, key=key, number=key_id)
    await _announce(tx, key)
    if ended is not None:
        await drafts.note(tx, partner_id, ApiKeyRevoked(id=key_id, label=found["label"], kind=found["kind"]))


async def set_scopes(tx: Tx, *, partner_id: int, key_id: int, scopes: Iterable[str]) -> None:
    """Give a key other scopes. Without `login` the sessions that it opened end for good; the others reach what it does.

    Raises BadScopeError, KeyNotFoundError, KeyRevokedError.
    """
    granted = known_scopes.check(scopes)
    row = await _lock_live(tx, partner_id, key_id)
    await tx.execute("UPDATE api_key SET scopes = $3 WHERE partner_id = $1 AND id = $2", partner_id, key_id, granted)
    if session_grants.LOGIN not in granted:
        await session_grants.end(tx, partner_id, key_id=key_id)
    await journal.note(
        tx, Kind.KEY_SCOPES, partner_id=partner_id, key=row["key"], number=key_id, scopes=" ".join(granted)
    )
    await _announce(tx, row["key"])
    if set(granted) != set(row["scopes"]):
        told = ApiKeyScopesChanged(id=key_id, label=row["label"], kind=row["kind"], scopes=sorted(granted))
        await drafts.note(tx, partner_id, told)


async def set_addresses(
    tx: Tx, *, partner_id: int, key_id: int, allowed_ips: Sequence[IPv4Network | IPv6Network]
) -> None:
    """Let a key be used from other networks; none are all.

    Raises KeyNotFoundError, KeyRevokedError, UnsignedNeedsAddressesError.
    """
    row = await _lock_live(tx, partner_id, key_id)
    check_unsigned(unsigned_upgrades=row["unsigned_upgrades"], allowed_ips=allowed_ips)
    await tx.execute(
        "UPDATE api_key SET allowed_ips = $3 WHERE partner_id = $1 AND id = $2",
        *(partner_id, key_id, list(allowed_ips)),
    )
    told = " ".join(map(str, allowed_ips))
    await journal.note(tx, Kind.KEY_ADDRESSES, partner_id=partner_id, key=row["key"], number=key_id, addresses=told)
    await _announce(tx, row["key"])


async def narrow_addresses(
    tx: Tx, *, partner_id: int, key_id: int, allowed_ips: Sequence[IPv4Network | IPv6Network]
) -> None:
    """The same, where it lets in nobody who is kept out now. Raises what `set_addresses` does."""
    if is_within(allowed_ips, (await _lock_live(tx, partner_id, key_id))["allowed_ips"]):
        await set_addresses(tx, partner_id=partner_id, key_id=key_id, allowed_ips=allowed_ips)


def is_within(wanted: Sequence[IPv4Network | IPv6Network], present: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether a list of networks lets in nobody whom the present one keeps out; an empty list lets in everybody."""
    if not wanted or not present:
        return not present
    return all(any(_is_part(each, other) for other in present) for each in wanted)


def _is_part(one: IPv4Network | IPv6Network, of: IPv4Network | IPv6Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(of, IPv4Network) and one.subnet_of(of)
    return isinstance(of, IPv6Network) and one.subnet_of(of)


async def assert_scopes_may_change(tx: Tx, *, partner_id: int, key_id: int, scopes: Iterable[str]) -> None:
    """For who asks somebody else to change them. Raises what `set_scopes` does."""
    known_scopes.check(scopes)
    await _lock_live(tx, partner_id, key_id)


async def keep_scopes(tx: Tx, *, partner_id: int, key_id: int, scopes: Iterable[str]) -> None:
    """Take from a key all scopes but these; none is given. Raises what `set_scopes` does."""
    present = set((await _lock_live(tx, partner_id, key_id))["scopes"])
    left = present.intersection(scopes)
    if left < present:
        await set_scopes(tx, partner_id=partner_id, key_id=key_id, scopes=left)


async def assert_exists(tx: Tx, *, partner_id: int, key_id: int) -> None:
    """Raises KeyNotFoundError."""
    await _known(tx, partner_id, key_id)


async def limit_key(tx: Tx, *, partner_id: int, key_id: int, requests_per_minute: int | None) -> None:
    """Give a key a rate limit of its own, 0 for none; None for the deployment's. Raises KeyNotFoundError."""
    found = await _known(tx, partner_id, key_id)
    await tx.execute(
        "UPDATE api_key SET requests_per_minute = $3 WHERE partner_id = $1 AND id = $2",
        partner_id,
        key_id,
        requests_per_minute,
    )
    await _announce(tx, found["key"])


async def list_keys(tx: Tx, partner_id: int) -> list[Row]:
    """A partner's keys without their secrets, oldest first."""
    return await tx.fetch(
        """SELECT id, key, kind, label, scopes, allowed_ips, created_at, expires_at, revoked_at, last_used_at,
                  unsigned_upgrades, requests_per_minute,
                  (SELECT count(*) FROM api_secret s
                   WHERE s.partner_id = $1 AND s.key_id = k.id AND s.revoked_at IS NULL) AS live_secrets
           FROM api_key k WHERE partner_id = $1 ORDER BY id""",
        partner_id,
    )


async def facts_of(tx: Reader, partner_id: int, key_id: int) -> KeyFacts:
    """What there is to know of a key that is there."""
    row = await tx.fetchrow(
        """SELECT k.key, k.kind, k.label, k.scopes, k.allowed_ips, k.created_at, k.expires_at, k.last_used_at,
                  k.requests_per_minute, k.unsigned_upgrades, ARRAY(
               SELECT created_at FROM api_secret s
               WHERE s.partner_id = $1 AND s.key_id = k.id AND s.revoked_at IS NULL
               ORDER BY s.id DESC) AS secrets_since, p.public_id AS partner_public_id, p.name AS partner_name
           FROM api_key k JOIN partner p ON p.id = k.partner_id WHERE k.partner_id = $1 AND k.id = $2""",
        partner_id,
        key_id,
    )
    assert row is not None, "whoever has called with it has it"
    return record(KeyFacts, row)


async def number_of(tx: Reader, partner_id: int, key: str) -> int | None:
    """The number of the partner's key, if it has it."""
    found: int | None = await tx.fetchval("SELECT id FROM api_key WHERE partner_id = $1 AND key = $2", partner_id, key)
    return found


def partner_of_key(key: str) -> int | None:
    """The partner number that a key carries; None for a text that is no key."""
    if len(key) > MAX_KEY_LENGTH:
        return None
    prefix, _, rest = key.partition("_")
    number, _, token = _without_mode(rest).partition("_")
    if prefix != "hrk" or not token or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number)


def mode_of_key(key: str) -> Mode | None:
    """The mode of the deployment that has made a key; None where the key does not say it."""
    return MODES.get(key.removeprefix("hrk_").partition("_")[0]) if key.startswith("hrk_") else None


def _without_mode(rest: str) -> str:
    word, _, after = rest.partition("_")
    return after if word in MODES else rest


async def load_key(tx: Tx, vault: Vault, key: str) -> ApiKey | None:
    """The key with its live secrets opened, revoked or not; None when nobody has it."""
    partner_id = partner_of_key(key)
    if partner_id is None or "\x00" in key:
        return None
    row = await tx.fetchrow(
        """SELECT k.id, k.kind, k.scopes, k.allowed_ips, k.expires_at, k.revoked_at, k.unsigned_upgrades,
                  k.requests_per_minute, p.public_id, ARRAY(
               SELECT sealed FROM api_secret s
               WHERE s.partner_id = $1 AND s.key_id = k.id AND s.revoked_at IS NULL
               ORDER BY s.id DESC) AS sealed
           FROM api_key k JOIN partner p ON p.id = k.partner_id WHERE k.partner_id = $1 AND k.key = $2""",
        partner_id,
        key,
    )
    if row is None:
        return None
    return ApiKey(
        partner_id=partner_id,
        partner_public_id=row["public_id"],
        id=row["id"],
        key=key,
        kind=row["kind"],
        scopes=frozenset(row["scopes"]),
        allowed_ips=tuple(row["allowed_ips"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        unsigned_upgrades=row["unsigned_upgrades"],
        requests_per_minute=row["requests_per_minute"],
        live_secrets=tuple(vault.open(sealed).decode() for sealed in row["sealed"]),
    )


async def secrets_beside(tx: Tx, vault: Vault, key: ApiKey, *, at_most: int = 50) -> tuple[str, ...]:
    """The partner's secrets that do not sign for this key, newest first: those of its other keys, and its own old ones.

    For a sandbox that explains a refused signature.
    """
    rows = await tx.fetch(
        """SELECT sealed FROM api_secret
           WHERE partner_id = $1 AND (key_id <> $2 OR revoked_at IS NOT NULL) ORDER BY id DESC LIMIT $3""",
        key.partner_id,
        key.id,
        at_most,
    )
    return tuple(vault.open(row["sealed"]).decode() for row in rows)


async def touch_key(tx: Tx, partner_id: int, key_id: int) -> None:
    """Remember that the key was used."""
    await tx.execute(
        "UPDATE api_key SET last_used_at = $3 WHERE partner_id = $1 AND id = $2",
        partner_id,
        key_id,
        clock.wall_now(),
    )


async def _add_secret(tx: Tx, vault: Vault, partner_id: int, key_id: int) -> str:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    await _add_sealed(tx, partner_id, key_id, vault.seal(secret.encode()))
    return secret


async def _add_sealed(tx: Tx, partner_id: int, key_id: int, sealed: bytes) -> None:
    await tx.execute(
        "INSERT INTO api_secret (partner_id, key_id, sealed, created_at) VALUES ($1, $2, $3, $4)",
        partner_id,
        key_id,
        sealed,
        clock.wall_now(),
    )


async def _lock_live(tx: Tx, partner_id: int, key_id: int) -> Row:
    """A key that goes on working, locked. Raises KeyNotFoundError, KeyRevokedError."""
    row = await tx.fetchrow(
        """SELECT key, kind, label, scopes, allowed_ips, unsigned_upgrades, revoked_at FROM api_key
           WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE""",
        partner_id,
        key_id,
    )
    if row is None:
        raise KeyNotFoundError(f"no key {key_id}", field="key")
    if row["revoked_at"] is not None:
        raise KeyRevokedError(f"key {key_id} is revoked", field="key")
    return row


async def _known(tx: Tx, partner_id: int, key_id: int) -> Row:
    """A key, live or not, with its kind and label. Raises KeyNotFoundError."""
    row = await tx.fetchrow(
        "SELECT key, kind, label FROM api_key WHERE partner_id = $1 AND id = $2", partner_id, key_id
    )
    if row is None:
        raise KeyNotFoundError(f"no key {key_id}", field="key")
    return row


async def _announce(tx: Tx, key: str) -> None:
    """Tell every API process to forget the key when this transaction commits."""
    await tx.execute("SELECT pg_notify($1, $2)", KEYS_CHANGED, key)
