"""Partners and their API keys.

A partner sells miners to its own users and owes the operator their price. Its keys:
- `secret` signs server-to-server calls; scopes read, order, transfer, withdraw; optional IP allow-list.
- `publishable` opens the catalogue and, beside a user's token, the user's own data; it has no secret.
- `full` is both, as the vendor's keys are.

A key has at most two live secrets, so that it can be rotated without an outage. Secrets are sealed at rest and
shown once. Keys carry their partner's number, so no look-up without a partner is needed.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

import asyncpg

from hashrail import clock, ledger
from hashrail.db import Reader, Row, Tx
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.vault import Vault

KeyKind = Literal["full", "secret", "publishable"]
SCOPES = ("read", "order", "transfer", "withdraw")
LIVE_SECRETS = 2
LONGEST_KEY = 64
KEYS_CHANGED = "hashrail_keys_changed"


class PartnerNotFoundError(NotFoundError):
    """No partner has that id or name."""

    code = "PARTNER_NOT_FOUND"
    advice = "List the partners with: hashrail partner list"


class PartnerUnknownError(NotFoundError):
    """No partner has the public id that was sent."""

    code = "PARTNER_UNKNOWN"
    advice = "Send the partnerId that the operator gave you; a sandbox and production have different ones."


class PartnerExistsError(ConflictError):
    """Another partner has that name."""

    code = "PARTNER_EXISTS"
    advice = "Choose another name, or use the partner that exists."


class KeyNotFoundError(NotFoundError):
    """The partner has no such key."""

    code = "KEY_NOT_FOUND"
    advice = "List the keys with: hashrail partner key list --partner NAME"


class KeyRevokedError(ConflictError):
    """The key is revoked: it cannot be rotated."""

    code = "KEY_IS_REVOKED"
    advice = "Create a new key with: hashrail partner key create"


class NoSecretError(ConflictError):
    """A publishable key has no secret."""

    code = "KEY_HAS_NO_SECRET"
    advice = "Rotate a key of kind secret or full."


class BadScopeError(BadRequestError):
    """Scopes are read, order, transfer and withdraw."""

    code = "BAD_SCOPE"
    advice = "Name one or more of read, order, transfer, withdraw."


class BadTonDomainError(BadRequestError):
    """What a wallet signs for is a host and nothing more."""

    code = "BAD_TON_DOMAIN"
    advice = "Name the host as the wallet shows it: app.example, not https://app.example/"


class TonDomainNotListedError(NotFoundError):
    """The partner has no such TON domain."""

    code = "TON_DOMAIN_NOT_LISTED"
    advice = "List the domains with: hashrail partner ton-domain list --partner NAME"


class UnsignedNeedsAddressesError(BadRequestError):
    """A key that may leave upgrades unsigned has to be tied to addresses."""

    code = "UNSIGNED_NEEDS_ADDRESSES"
    advice = "Name the addresses of the partner's servers with --allow-ip, or let the partner sign upgrades."


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner; `public_id` is the id that its own programs know."""

    id: int
    public_id: str
    name: str
    created_at: datetime


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


async def create(tx: Tx, *, name: str, credit_limit_usd: Decimal, at: datetime) -> Partner:
    """Open a partner with its books. Its days count from the next one to be published."""
    public_id = f"partner-{uuid.uuid4()}"
    try:
        partner_id: int = await tx.fetchval(
            "INSERT INTO partner (public_id, name, created_at) VALUES ($1, $2, $3) RETURNING id", public_id, name, at
        )
    except asyncpg.UniqueViolationError as error:
        raise PartnerExistsError(f"a partner named {name!r} exists", field="name") from error
    await tx.execute("INSERT INTO partner_day SELECT $1, published_through FROM publication WHERE id = 1", partner_id)
    await tx.execute("INSERT INTO partner_capacity (partner_id) VALUES ($1)", partner_id)
    await ledger.open_books(tx, partner_id, credit_limit_usd=credit_limit_usd, at=at)
    return Partner(partner_id, public_id, name, at)


async def find(tx: Tx, name_or_id: str) -> Partner:
    """The partner with that number, public id or name, in this order. Raises PartnerNotFoundError."""
    row = await tx.fetchrow(
        """SELECT id, public_id, name, created_at FROM partner WHERE name = $1 OR public_id = $1 OR id::text = $1
           ORDER BY id::text = $1 DESC, public_id = $1 DESC LIMIT 1""",
        name_or_id,
    )
    if row is None:
        raise PartnerNotFoundError(f"no partner {name_or_id!r}", field="partner")
    return Partner(*row.values())


async def by_public_id(tx: Reader, public_id: str) -> Partner:
    """The partner that its own programs know by this id. Raises PartnerUnknownError."""
    row = await tx.fetchrow("SELECT id, public_id, name, created_at FROM partner WHERE public_id = $1", public_id)
    if row is None:
        raise PartnerUnknownError("no partner has this id", field="partnerId")
    return Partner(*row.values())


async def by_number(tx: Reader, partner_id: int) -> Partner | None:
    """The partner with that number."""
    row = await tx.fetchrow("SELECT id, public_id, name, created_at FROM partner WHERE id = $1", partner_id)
    return None if row is None else Partner(*row.values())


async def every(tx: Tx) -> list[Partner]:
    """All partners, oldest first."""
    rows = await tx.fetch("SELECT id, public_id, name, created_at FROM partner ORDER BY id")
    return [Partner(*row.values()) for row in rows]


async def add_ton_domain(tx: Tx, partner_id: int, domain: str) -> bool:
    """Let the partner's users log in with proofs for this domain; False when it is listed already.

    It is kept as given and compared letter by letter: two spellings can be two sites. Raises BadTonDomainError.
    """
    if not domain or "/" in domain or " " in domain or not domain.isprintable():
        raise BadTonDomainError(f"{domain!r} is not a host alone", field="domain")
    added = await tx.fetchval(
        """UPDATE partner SET ton_domains = array_append(ton_domains, $2)
           WHERE id = $1 AND $2 <> ALL (ton_domains) RETURNING true""",
        partner_id,
        domain,
    )
    return added is not None


async def remove_ton_domain(tx: Tx, partner_id: int, domain: str) -> None:
    """Refuse proofs for this domain from now on. Raises TonDomainNotListedError."""
    removed = await tx.fetchval(
        """UPDATE partner SET ton_domains = array_remove(ton_domains, $2)
           WHERE id = $1 AND $2 = ANY (ton_domains) RETURNING true""",
        partner_id,
        domain,
    )
    if removed is None:
        raise TonDomainNotListedError(f"{domain!r} is not listed", field="domain")


async def ton_domains(tx: Tx, partner_id: int) -> list[str]:
    """The domains that the partner's TON users may sign for, oldest first."""
    domains: list[str] = await tx.fetchval("SELECT ton_domains FROM partner WHERE id = $1", partner_id)
    return domains


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

    Raises BadScopeError, UnsignedNeedsAddressesError.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise BadScopeError(f"unknown scope {', '.join(sorted(unknown))}", field="scopes")
    if unsigned_upgrades and not allowed_ips:
        raise UnsignedNeedsAddressesError("a key without signatures needs an IP allow-list", field="allowed_ips")
    key = f"hrk_{partner_id}_{secrets.token_urlsafe(24)}"
    key_id: int = await tx.fetchval(
        """INSERT INTO api_key (partner_id, key, kind, label, scopes, allowed_ips, created_at, expires_at,
                                unsigned_upgrades)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id""",
        partner_id,
        key,
        kind,
        label,
        list(scopes),
        list(allowed_ips),
        clock.wall_now(),
        expires_at,
        unsigned_upgrades,
    )
    secret = None if kind == "publishable" else await _add_secret(tx, vault, partner_id, key_id)
    return NewKey(key_id, key, secret)


async def rotate_key(tx: Tx, vault: Vault, *, partner_id: int, key_id: int) -> NewKey:
    """Give a key a new secret; the one before stays valid, any older one is revoked."""
    row = await tx.fetchrow(
        "SELECT key, kind, revoked_at FROM api_key WHERE partner_id = $1 AND id = $2 FOR UPDATE", partner_id, key_id
    )
    if row is None:
        raise KeyNotFoundError(f"no key {key_id}", field="key")
    if row["revoked_at"] is not None:
        raise KeyRevokedError(f"key {key_id} is revoked", field="key")
    if row["kind"] == "publishable":
        raise NoSecretError(f"key {key_id} is publishable and has no secret", field="key")
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
    secret = await _add_secret(tx, vault, partner_id, key_id)
    await _announce(tx, row["key"])
    return NewKey(key_id, row["key"], secret)


async def revoke_old_secret(tx: Tx, *, partner_id: int, key_id: int) -> int:
    """End a rotation: only the newest secret stays valid. Answers how many were revoked."""
    rows = await tx.fetch(
        """UPDATE api_secret SET revoked_at = $3
           WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL AND id <> (
               SELECT max(id) FROM api_secret WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL)
           RETURNING id""",
        partner_id,
        key_id,
        clock.wall_now(),
    )
    await _announce(tx, await _key_text(tx, partner_id, key_id))
    return len(rows)


async def revoke_key(tx: Tx, *, partner_id: int, key_id: int) -> None:
    """End a key for good; again is a no-op. Raises KeyNotFoundError."""
    key = await _key_text(tx, partner_id, key_id)
    await tx.execute(
        "UPDATE api_key SET revoked_at = $3 WHERE partner_id = $1 AND id = $2 AND revoked_at IS NULL",
        partner_id,
        key_id,
        clock.wall_now(),
    )
    await _announce(tx, key)


async def limit_key(tx: Tx, *, partner_id: int, key_id: int, requests_per_minute: int | None) -> None:
    """Give a key a rate limit of its own, 0 for none; None for the deployment's. Raises KeyNotFoundError."""
    key = await _key_text(tx, partner_id, key_id)
    await tx.execute(
        "UPDATE api_key SET requests_per_minute = $3 WHERE partner_id = $1 AND id = $2",
        partner_id,
        key_id,
        requests_per_minute,
    )
    await _announce(tx, key)


async def list_keys(tx: Tx, partner_id: int) -> list[Row]:
    """A partner's keys without their secrets, oldest first."""
    return await tx.fetch(
        """SELECT id, key, kind, label, scopes, allowed_ips, created_at, expires_at, revoked_at, last_used_at,
                  unsigned_upgrades, requests_per_minute,
                  (SELECT count(*) FROM api_secret s
                   WHERE s.partner_id = k.partner_id AND s.key_id = k.id AND s.revoked_at IS NULL) AS live_secrets
           FROM api_key k WHERE partner_id = $1 ORDER BY id""",
        partner_id,
    )


def partner_of_key(key: str) -> int | None:
    """The partner number that a key carries; None for a text that is no key."""
    if len(key) > LONGEST_KEY:
        return None
    prefix, _, rest = key.partition("_")
    number, _, token = rest.partition("_")
    if prefix != "hrk" or not token or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number)


async def load_key(tx: Tx, vault: Vault, key: str) -> ApiKey | None:
    """The key with its live secrets opened, revoked or not; None when nobody has it."""
    partner_id = partner_of_key(key)
    if partner_id is None or "\x00" in key:
        return None
    row = await tx.fetchrow(
        """SELECT k.*, p.public_id, ARRAY(
               SELECT sealed FROM api_secret s
               WHERE s.partner_id = k.partner_id AND s.key_id = k.id AND s.revoked_at IS NULL
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
    secret = secrets.token_urlsafe(32)
    await tx.execute(
        "INSERT INTO api_secret (partner_id, key_id, sealed, created_at) VALUES ($1, $2, $3, $4)",
        partner_id,
        key_id,
        vault.seal(secret.encode()),
        clock.wall_now(),
    )
    return secret


async def _key_text(tx: Tx, partner_id: int, key_id: int) -> str:
    key: str | None = await tx.fetchval("SELECT key FROM api_key WHERE partner_id = $1 AND id = $2", partner_id, key_id)
    if key is None:
        raise KeyNotFoundError(f"no key {key_id}", field="key")
    return key


async def _announce(tx: Tx, key: str) -> None:
    """Tell every API process to forget the key when this transaction commits."""
    await tx.execute("SELECT pg_notify($1, $2)", KEYS_CHANGED, key)
