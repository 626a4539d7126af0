"""The API keys of partners: made, given a new secret, changed and ended."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from hashrail.access import api_keys, scopes
from hashrail.access.api_keys import KeyKind, NewKey
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.db import Row, Tx
from hashrail.parties import changes


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that somebody wants; `scopes` that are left out are all."""

    kind: KeyKind
    label: str
    scopes: Sequence[str]
    allowed_ips: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    unsigned_upgrades: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A key with its secret in clear, and what the list says of it."""

    key: NewKey
    row: Row


async def create(tx: Tx, act: Acting, partner_id: int, wanted: Wanted) -> Made | None:
    """Make a key; None where it is only tried. A second confirms that it may withdraw, and until then it may not.

    Raises PartnerClosedError, BadScopeError, UnsignedNeedsAddressesError.
    """
    # Sharing the fence: one who closes the partner at the same time waits, and ends this key too.
    (await fence.share(tx, partner_id)).assert_not_closed()
    asked = scopes.check(wanted.scopes or scopes.SCOPES)
    waits = scopes.WITHDRAW in asked and act.operator is not None and await changes.takes_two(tx)
    now = tuple(each for each in asked if not (waits and each == scopes.WITHDRAW))
    made: Made | None = None
    if act.tries:
        # It gets no number by being asked for, so that no number is missing later.
        api_keys.check_unsigned(unsigned_upgrades=wanted.unsigned_upgrades, allowed_ips=wanted.allowed_ips)
        subject, after, granted = f"key {partner_id}: the next", _wanted(wanted, now), list(now)
    else:
        made = await _create(tx, act, partner_id, wanted, now)
        subject, after, granted = subject_of(partner_id, made.key.key_id), kept(made.row), made.row["scopes"]
    await act.note(tx, subject, after=after)
    if waits:
        before = {"partner": partner_id, "key": None if made is None else made.key.key_id, "scopes": granted}
        await act.waits(tx, subject, before=before, after=before | {"scopes": asked})
    return made


async def rotate(tx: Tx, act: Acting, partner_id: int, key_id: int) -> Made:
    """Give a key a new secret; the one before stays valid. Of one that may withdraw, it signs once a second confirms.

    Raises KeyNotFoundError, KeyRevokedError, NoSecretError.
    """
    made, sealed = await api_keys.next_secret(tx, act.deployment.vault, partner_id=partner_id, key_id=key_id)
    row, subject = await row_of(tx, partner_id, key_id), subject_of(partner_id, key_id)
    before = await rotation(tx, partner_id, key_id)
    if scopes.WITHDRAW in row["scopes"] and await act.waits(
        tx, subject, before=before, after=before | {"rotates": True}, secret=sealed.decode()
    ):
        return Made(made, row)
    await api_keys.take_secret(tx, partner_id=partner_id, key_id=key_id, sealed=sealed)
    row = await row_of(tx, partner_id, key_id)
    await act.note(tx, subject, after={"live_secrets": row["live_secrets"]})
    return Made(made, row)


async def revoke_old(tx: Tx, act: Acting, partner_id: int, key_id: int) -> int:
    """End a rotation; answers how many secrets were revoked. Raises KeyNotFoundError."""
    was = await rotation(tx, partner_id, key_id)
    revoked = await api_keys.revoke_old_secret(tx, partner_id=partner_id, key_id=key_id)
    if revoked:
        live = {"live_secrets": (await row_of(tx, partner_id, key_id))["live_secrets"]}
        before = {"live_secrets": len(was["live_secrets"])}
        await act.note(tx, subject_of(partner_id, key_id), before=before, after=live)
    return revoked


async def revoke(tx: Tx, act: Acting, partner_id: int, key_id: int) -> None:
    """End a key for good, and the sessions of users that it opened. Raises KeyNotFoundError."""
    await _changed(tx, act, partner_id, key_id, api_keys.revoke_key)


async def set_scopes(tx: Tx, act: Acting, partner_id: int, key_id: int, wanted: Sequence[str]) -> None:
    """Give a key other scopes; one that it lacks takes two. Raises BadScopeError, KeyNotFoundError, KeyRevokedError."""
    await api_keys.assert_scopes_may_change(tx, partner_id=partner_id, key_id=key_id, scopes=wanted)
    present = (await row_of(tx, partner_id, key_id))["scopes"]
    before = {"partner": partner_id, "key": key_id, "scopes": present}
    after = before | {"scopes": scopes.check(wanted)}
    widens = not set(wanted) <= set(present)
    if not widens or not await act.waits(tx, subject_of(partner_id, key_id), before=before, after=after):
        await _changed(tx, act, partner_id, key_id, partial(api_keys.set_scopes, scopes=wanted))


async def set_limit(tx: Tx, act: Acting, partner_id: int, key_id: int, per_minute: int | None) -> None:
    """Give a key a rate limit of its own, 0 for none; None for the deployment's. Raises KeyNotFoundError."""
    await _changed(tx, act, partner_id, key_id, partial(api_keys.limit_key, requests_per_minute=per_minute))


async def rotation(tx: Tx, partner_id: int, key_id: int) -> dict[str, Any]:
    """What a rotation begins with: the key, and which of its secrets sign."""
    live = await api_keys.secrets_of(tx, partner_id, key_id)
    return {"partner": partner_id, "key": key_id, "live_secrets": live}


async def row_of(tx: Tx, partner_id: int, key_id: int) -> Row:
    """What the list says of a key. Raises KeyNotFoundError."""
    await api_keys.assert_exists(tx, partner_id=partner_id, key_id=key_id)
    return next(row for row in await api_keys.list_keys(tx, partner_id) if row["id"] == key_id)


def subject_of(partner_id: int, key_id: int) -> str:
    """What the log calls a key."""
    return f"key {partner_id}:{key_id}"


def facts(row: Row) -> dict[str, Any]:
    """What there is to know of a key."""
    return {
        "key_id": row["id"],
        "api_key": row["key"],
        "kind": row["kind"],
        "label": row["label"],
        "scopes": row["scopes"],
        "allowed_ips": [str(network) for network in row["allowed_ips"]],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "revoked_at": row["revoked_at"],
        "last_used_at": row["last_used_at"],
        "unsigned_upgrades": row["unsigned_upgrades"],
        "requests_per_minute": row["requests_per_minute"],
        "live_secrets": row["live_secrets"],
    }


def kept(row: Row) -> dict[str, object]:
    """What the log keeps of a key, which is not how it was used."""
    return {name: value for name, value in facts(row).items() if name not in ("last_used_at", "created_at", "key_id")}


async def _create(tx: Tx, act: Acting, partner_id: int, wanted: Wanted, granted: tuple[str, ...]) -> Made:
    made = await api_keys.create_key(
        tx,
        act.deployment.vault,
        partner_id=partner_id,
        kind=wanted.kind,
        label=wanted.label,
        scopes=granted,
        allowed_ips=wanted.allowed_ips,
        expires_at=wanted.expires_at,
        unsigned_upgrades=wanted.unsigned_upgrades,
    )
    return Made(made, await row_of(tx, partner_id, made.key_id))


def _wanted(wanted: Wanted, granted: Sequence[str]) -> dict[str, object]:
    """What the log would keep of it."""
    return {
        "kind": wanted.kind,
        "label": wanted.label,
        "scopes": list(granted),
        "allowed_ips": [str(network) for network in wanted.allowed_ips],
        "expires_at": wanted.expires_at,
        "unsigned_upgrades": wanted.unsigned_upgrades,
    }


async def _changed(tx: Tx, act: Acting, partner_id: int, key_id: int, verb: Callable[..., Awaitable[None]]) -> None:
    """Do what a verb does with a key of a partner, noted with what the list says of it before and after."""
    before = kept(await row_of(tx, partner_id, key_id))
    await verb(tx, partner_id=partner_id, key_id=key_id)
    after = kept(await row_of(tx, partner_id, key_id))
    await act.note(tx, subject_of(partner_id, key_id), before=before, after=after)
