"""Webhook endpoints: where a partner's events are sent, which of them, and with which secret.

States: enabled; disabled, by the partner or the operator, because it answered 410 (`gone`), or because it only failed
for days (`failing`); deleted, which nobody sees any more. What happens while one is disabled waits, and is sent once
it is enabled again. Secrets are sealed at rest and shown once; with a new one the one before signs too for a while.
"""

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hashrail import clock
from hashrail.db import Reader, Row, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.events import catalogue, drafts, feed, targets
from hashrail.events.targets import Rules
from hashrail.events.types.webhooks import WebhookEndpointDisabled, WebhookEndpointTest
from hashrail.vault import Vault

State = Literal["enabled", "disabled", "deleted"]
Reason = Literal["gone", "failing", "partner", "operator"]
SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES = 32
OLD_SECRET_LIFE = timedelta(hours=24)
MOST_ENDPOINTS = 1000


class WebhookNotFoundError(NotFoundError):
    """The partner has no such webhook endpoint."""

    code = "WEBHOOK_NOT_FOUND"
    advice = "List the endpoints: GET /api/partner/s2s/webhook/find-all, or hashrail webhook list."


class WebhookDisabledError(ConflictError):
    """Nothing is sent to an endpoint that is disabled."""

    code = "WEBHOOK_DISABLED"
    advice = "Enable it first; what happened meanwhile is sent then."


class TooManyWebhooksError(ConflictError):
    """A partner has so many endpoints at most."""

    code = "TOO_MANY_WEBHOOKS"
    advice = "Delete those that are not used any more."


class UnknownEventTypeError(BadRequestError):
    """There is no such type of events."""

    code = "UNKNOWN_EVENT_TYPE"
    advice = "Name types that the reference lists, or none for all of them."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its partner knows it. `failures` counts those since the last success, which began at
    `failing_since`; its feed is read up to `planned_through`."""

    partner_id: int
    id: int
    url: str
    description: str
    types: tuple[str, ...]
    state: State
    reason: Reason | None
    created_at: datetime
    planned_through: int
    failing_since: datetime | None
    failures: int
    paused_until: datetime | None
    old_secret_until: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an endpoint is to be; no types are all types."""

    url: str
    description: str = ""
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What of an endpoint is to be another way; what is None stays."""

    url: str | None = None
    description: str | None = None
    types: tuple[str, ...] | None = None
    enabled: bool | None = None


async def create(
    tx: Tx, vault: Vault, rules: Rules, partner_id: int, wanted: Wanted, *, after: int | None = None
) -> tuple[Endpoint, str]:
    """Make an endpoint; answers it with its secret, which is nowhere else in clear.

    It is sent what comes after a position, without one what comes from now on. Raises BadWebhookUrlError,
    UnknownEventTypeError, TooManyWebhooksError.
    """
    check(wanted, rules)
    await assert_room(tx, partner_id)
    last = await feed.last_position(tx, partner_id)
    secret = new_secret()
    number: int = await tx.fetchval(
        """INSERT INTO webhook_endpoint (partner_id, url, description, types, state, sealed_secret, created_at,
                                         planned_through)
           VALUES ($1, $2, $3, $4, 'enabled', $5, $6, $7) RETURNING id""",
        partner_id,
        wanted.url,
        wanted.description,
        sorted(set(wanted.types)),
        vault.seal(secret.encode()),
        clock.wall_now(),
        last if after is None else min(after, last),
    )
    await journal.note(tx, Kind.WEBHOOK_CREATED, partner_id=partner_id, webhook=number, url=wanted.url)
    return await get(tx, partner_id, number), secret


async def update(tx: Tx, rules: Rules, partner_id: int, number: int, wanted: Wanted) -> Endpoint:
    """Change where an endpoint is, and what it is sent from now on. Raises what `create` does, WebhookNotFoundError."""
    check(wanted, rules)
    before = await lock(tx, partner_id, number)
    await tx.execute(
        "UPDATE webhook_endpoint SET url = $3, description = $4, types = $5 WHERE partner_id = $1 AND id = $2",
        partner_id,
        number,
        wanted.url,
        wanted.description,
        sorted(set(wanted.types)),
    )
    if wanted.url != before.url:
        await journal.note(tx, Kind.WEBHOOK_CREATED, partner_id=partner_id, webhook=number, url=wanted.url)
    return await get(tx, partner_id, number)


async def change(tx: Tx, rules: Rules, partner_id: int, number: int, changed: Change) -> Endpoint:
    """Change what of an endpoint is named, and whether the partner has it enabled. Raises what `update` does."""
    present = await lock(tx, partner_id, number)
    wanted = Wanted(
        present.url if changed.url is None else changed.url,
        present.description if changed.description is None else changed.description,
        present.types if changed.types is None else changed.types,
    )
    await update(tx, rules, partner_id, number, wanted)
    if changed.enabled is True:
        await enable(tx, partner_id, number)
    elif changed.enabled is False:
        await disable(tx, partner_id, number, "partner")
    return await get(tx, partner_id, number)


async def rotate(
    tx: Tx, vault: Vault, partner_id: int, number: int, *, old_life: timedelta = OLD_SECRET_LIFE
) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret; the one before signs beside it for a while, any older one no more.

    Raises WebhookNotFoundError.
    """
    await lock(tx, partner_id, number)
    secret = new_secret()
    await tx.execute(
        """UPDATE webhook_endpoint
           SET sealed_old_secret = sealed_secret, old_secret_until = $4, sealed_secret = $3
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        number,
        vault.seal(secret.encode()),
        clock.wall_now() + old_life,
    )
    await journal.note(tx, Kind.WEBHOOK_ROTATED, partner_id=partner_id, webhook=number)
    return await get(tx, partner_id, number), secret


async def disable(tx: Tx, partner_id: int, number: int, reason: Reason) -> bool:
    """Send nothing there any more, and tell the partner; False where it was disabled before.

    Raises WebhookNotFoundError.
    """
    present = await lock(tx, partner_id, number)
    if present.state == "disabled":
        return False
    await tx.execute(
        """UPDATE webhook_endpoint SET state = 'disabled', reason = $3, disabled_at = $4, due_at = NULL
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        number,
        reason,
        clock.wall_now(),
    )
    await journal.note(tx, Kind.WEBHOOK_DISABLED, partner_id=partner_id, webhook=number)
    told = WebhookEndpointDisabled(endpoint_id=number, url=present.url, reason=reason)
    await drafts.note(tx, partner_id, told)
    return True


async def enable(tx: Tx, partner_id: int, number: int) -> bool:
    """Send there again, beginning with what waits; False where it was enabled. Raises WebhookNotFoundError."""
    present = await lock(tx, partner_id, number)
    if present.state == "enabled":
        return False
    now = clock.wall_now()
    await tx.execute(
        """UPDATE webhook_delivery SET next_attempt_at = $3
           WHERE partner_id = $1 AND endpoint_id = $2 AND next_attempt_at > $3""",
        partner_id,
        number,
        now,
    )
    await tx.execute(
        """UPDATE webhook_endpoint
           SET state = 'enabled', reason = NULL, disabled_at = NULL,
               failures = 0, failing_since = NULL, paused_until = NULL, due_at = $3
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        number,
        now,
    )
    await journal.note(tx, Kind.WEBHOOK_ENABLED, partner_id=partner_id, webhook=number)
    return True


async def delete(tx: Tx, partner_id: int, number: int) -> None:
    """Take an endpoint away; its log goes with the next housekeeping. Raises WebhookNotFoundError."""
    await lock(tx, partner_id, number)
    await tx.execute(
        """UPDATE webhook_endpoint
           SET state = 'deleted', reason = NULL, disabled_at = NULL, due_at = NULL,
               sealed_secret = '', sealed_old_secret = NULL, old_secret_until = NULL
           WHERE partner_id = $1 AND id = $2""",
        partner_id,
        number,
    )
    await journal.note(tx, Kind.WEBHOOK_DELETED, partner_id=partner_id, webhook=number)


async def test(tx: Tx, partner_id: int, number: int) -> str:
    """Note an event that only this endpoint is sent; answers its type. Raises WebhookNotFoundError,
    WebhookDisabledError."""
    await assert_enabled(tx, partner_id, number)
    await drafts.note(tx, partner_id, WebhookEndpointTest(endpoint_id=number))
    return WebhookEndpointTest.TYPE


async def assert_enabled(tx: Tx, partner_id: int, number: int) -> None:
    """Locks it. Raises WebhookNotFoundError, WebhookDisabledError."""
    if (await lock(tx, partner_id, number)).state != "enabled":
        raise WebhookDisabledError(f"webhook endpoint {number} is disabled", field="id")


async def lock(tx: Tx, partner_id: int, number: int) -> Endpoint:
    """An endpoint that stays as it is until the transaction ends. Raises WebhookNotFoundError."""
    row = await tx.fetchrow(
        """SELECT partner_id, id, url, description, types, state, reason, created_at, planned_through, failing_since,
                  failures, paused_until, old_secret_until
           FROM webhook_endpoint WHERE partner_id = $1 AND id = $2 AND state <> 'deleted' FOR NO KEY UPDATE""",
        partner_id,
        number,
    )
    return _endpoint(row, number)


async def get(reader: Reader, partner_id: int, number: int) -> Endpoint:
    """An endpoint of the partner's. Raises WebhookNotFoundError."""
    row = await reader.fetchrow(
        """SELECT partner_id, id, url, description, types, state, reason, created_at, planned_through, failing_since,
                  failures, paused_until, old_secret_until
           FROM webhook_endpoint WHERE partner_id = $1 AND id = $2 AND state <> 'deleted'""",
        partner_id,
        number,
    )
    return _endpoint(row, number)


async def every(reader: Reader, partner_id: int) -> list[Endpoint]:
    """The partner's endpoints, by number; at most MOST_ENDPOINTS."""
    rows = await reader.fetch(
        """SELECT partner_id, id, url, description, types, state, reason, created_at, planned_through, failing_since,
                  failures, paused_until, old_secret_until
           FROM webhook_endpoint WHERE partner_id = $1 AND state <> 'deleted' ORDER BY id""",
        partner_id,
    )
    return [_endpoint(row, row["id"]) for row in rows]


def check(wanted: Wanted, rules: Rules) -> None:
    """Raises BadWebhookUrlError, UnknownEventTypeError."""
    targets.check_url(wanted.url, rules)
    unknown = _unknown(wanted.types)
    if unknown:
        raise UnknownEventTypeError(f"no event is of type {unknown[0]}", field="types")


async def assert_room(tx: Tx, partner_id: int) -> None:
    """The partner may have one more; two at once may go one beyond, which harms nobody. Raises TooManyWebhooksError."""
    count: int = await tx.fetchval(
        "SELECT count(*) FROM webhook_endpoint WHERE partner_id = $1 AND state <> 'deleted'", partner_id
    )
    if count >= MOST_ENDPOINTS:
        raise TooManyWebhooksError(f"the partner has {count} webhook endpoints")


def new_secret() -> str:
    """A secret as receivers keep it: base64 behind a prefix."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _unknown(names: Iterable[str]) -> Sequence[str]:
    return sorted(set(names) - set(catalogue.kinds()))


def _endpoint(row: Row | None, number: int) -> Endpoint:
    if row is None:
        raise WebhookNotFoundError(f"no webhook endpoint {number}", field="id")
    fields = dict(row)
    return Endpoint(**fields | {"types": tuple(fields["types"])})
