"""Webhooks: the endpoints that a partner's events are sent to, their secrets, and what became of what was sent."""

from datetime import timedelta
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from hashrail import clock
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import given, whole
from hashrail.api.wire.models import (
    Answer,
    Cursor,
    Data,
    Id,
    IdText,
    LimitOf100,
    Listing,
    Moment,
    SignedBody,
    SignedQuery,
    SomeMoment,
)
from hashrail.clock import BadDateTimeError, DateTimeWithoutZoneError
from hashrail.db import Tx
from hashrail.events import deliveries, endpoints
from hashrail.events.deliveries import Attempt, Delivery, ReplayNothingError
from hashrail.events.endpoints import (
    Change,
    Endpoint,
    TooManyWebhooksError,
    UnknownEventTypeError,
    Wanted,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from hashrail.events.targets import BadWebhookUrlError, Rules

WEBHOOKS = Noun("Webhooks")
SCOPE = "webhooks"
Url = Annotated[str, Meta(min_length=1, max_length=2000, description="https://, without user and password")]
Description = Annotated[str, Meta(max_length=255, extra_json_schema={"pattern": r"^[^\u0000]*$"})]
EventType = Annotated[str, Meta(min_length=1, max_length=81, description="a type of events")]
EventTypes = Annotated[list[EventType], Meta(max_length=100, description="which are sent; none is all")]
Position = Annotated[int, Meta(ge=0, le=2**53 - 1, description="a position of the feed")]
OldSecretHours = Annotated[int, Meta(ge=0, le=168, description="how long the old secret signs too; 24 if not sent")]
DEFAULT_LIMIT = 20
MADE_OF = (BadWebhookUrlError, UnknownEventTypeError)


class WebhookOut(Answer, kw_only=True):
    """An endpoint. `reason` says why it is disabled; `failures` counts those since the last success.

    Its events are read up to `plannedThrough`; what happens while it is disabled waits.
    """

    id: int
    url: str
    description: str
    types: list[str]
    state: endpoints.State
    reason: endpoints.Reason | None
    created_at: Moment
    planned_through: int
    failing_since: Moment | None
    failures: int
    old_secret_until: Moment | None


class WebhookWithSecretOut(WebhookOut, kw_only=True):
    """An endpoint and its secret, which is shown this once."""

    secret: str


class AttemptOut(Answer, kw_only=True):
    """An attempt: a status, or an error where nobody answered, and how the answer begins."""

    number: int
    attempted_at: Moment
    status: int | None
    error: str | None
    took_ms: int
    answer: str


class DeliveryOut(Answer, kw_only=True):
    """An event at an endpoint; `eventId` is its `webhook-id`. Without `nextAttemptAt` one that
    waits waits for an earlier event of its object."""

    position: int
    event_id: str
    type: str
    object_kind: str
    object_id: str
    state: deliveries.State
    attempts: int
    next_attempt_at: Moment | None
    log: list[AttemptOut]


class ReplayedOut(Answer, kw_only=True):
    """How many events are sent again."""

    events: int


class WebhookQuery(SignedQuery, kw_only=True):
    """An endpoint."""

    id: IdText


class DeliveriesQuery(WebhookQuery, kw_only=True):
    """A page of an endpoint's deliveries; with `state` only those."""

    state: deliveries.State | UnsetType = UNSET
    limit: LimitOf100 | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class WebhookBody(SignedBody, kw_only=True):
    """An endpoint."""

    id: Id


class CreateWebhookBody(SignedBody, kw_only=True):
    """Where to send what; `after` a position of the feed, and from now on where none is sent."""

    url: Url
    description: Description = ""
    types: EventTypes = field(default_factory=list)
    after: Position | UnsetType = UNSET


class UpdateWebhookBody(WebhookBody, kw_only=True):
    """What is to be another way; what is not sent stays."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    types: EventTypes | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class RotateWebhookBody(WebhookBody, kw_only=True):
    """The endpoint whose secret is changed."""

    old_secret_hours: OldSecretHours = 24


class ReplayBody(WebhookBody, kw_only=True):
    """What is sent again: positions from one on, perhaps up to another, or what happened since a moment."""

    from_position: Id | UnsetType = UNSET
    to_position: Id | UnsetType = UNSET
    since: SomeMoment | UnsetType = UNSET


@WEBHOOKS.write_outside_books(
    None,
    "s2s_webhook_create",
    "/s2s/webhook/create",
    Auth.SIGNED,
    scope=SCOPE,
    refuses=(*MADE_OF, TooManyWebhooksError),
)
async def create_webhook(call: Call, tx: Tx, body: CreateWebhookBody) -> Data[WebhookWithSecretOut]:
    """Make an endpoint that events are sent to; the secret that signs them is shown this once."""
    wanted = Wanted(body.url, body.description, tuple(body.types))
    after = None if body.after is UNSET else body.after
    deployment = call.deployment
    made, secret = await endpoints.create(
        tx, deployment.vault, Rules.of(deployment.settings), call.partner_id, wanted, after=after
    )
    return Data(_with_secret(made, secret))


@WEBHOOKS.read(None, "s2s_webhooks", "GET", "/s2s/webhook/find-all", Auth.SIGNED, scope=SCOPE)
async def webhooks(call: Call, _query: SignedQuery) -> Data[Listing[WebhookOut]]:
    """The partner's endpoints, by id."""
    found = await endpoints.every(call.pool, call.partner_id)
    return Data(Listing([_webhook(one) for one in found]))


@WEBHOOKS.write_outside_books(
    None,
    "s2s_webhook_update",
    "/s2s/webhook/update",
    Auth.SIGNED,
    scope=SCOPE,
    refuses=(*MADE_OF, WebhookNotFoundError),
)
async def update_webhook(call: Call, tx: Tx, body: UpdateWebhookBody) -> Data[WebhookOut]:
    """Change an endpoint, disable it, or enable it again; what waited meanwhile is sent then."""
    changed = Change(
        url=given(body.url),
        description=given(body.description),
        types=None if body.types is UNSET else tuple(body.types),
        enabled=given(body.enabled),
    )
    made = await endpoints.change(tx, Rules.of(call.deployment.settings), call.partner_id, body.id, changed)
    return Data(_webhook(made))


@WEBHOOKS.write_outside_books(
    None, "s2s_webhook_delete", "/s2s/webhook/delete", Auth.SIGNED, scope=SCOPE, refuses=(WebhookNotFoundError,)
)
async def delete_webhook(call: Call, tx: Tx, body: WebhookBody) -> Data[bool]:
    """Take an endpoint away, with what waits for it."""
    await endpoints.delete(tx, call.partner_id, body.id)
    return Data(data=True)


@WEBHOOKS.write_outside_books(
    None, "s2s_webhook_rotate", "/s2s/webhook/rotate-secret", Auth.SIGNED, scope=SCOPE, refuses=(WebhookNotFoundError,)
)
async def rotate_webhook(call: Call, tx: Tx, body: RotateWebhookBody) -> Data[WebhookWithSecretOut]:
    """Give an endpoint a new secret, shown this once; for some hours both sign, so that none is refused."""
    life = timedelta(hours=body.old_secret_hours)
    made, secret = await endpoints.rotate(tx, call.deployment.vault, call.partner_id, body.id, old_life=life)
    return Data(_with_secret(made, secret))


@WEBHOOKS.write_outside_books(
    None,
    "s2s_webhook_test",
    "/s2s/webhook/test",
    Auth.SIGNED,
    scope=SCOPE,
    refuses=(WebhookNotFoundError, WebhookDisabledError),
)
async def test_webhook(call: Call, tx: Tx, body: WebhookBody) -> Data[bool]:
    """Send an event of type webhook_endpoint.test to the endpoint; its deliveries tell what came of it."""
    await endpoints.test(tx, call.partner_id, body.id)
    return Data(data=True)


@WEBHOOKS.read(
    None,
    "s2s_webhook_deliveries",
    "GET",
    "/s2s/webhook/deliveries",
    Auth.SIGNED,
    scope=SCOPE,
    refuses=(WebhookNotFoundError, cursors.CursorInvalidError),
    from_standbys=True,
)
async def webhook_deliveries(call: Call, query: DeliveriesQuery) -> Data[Listing[DeliveryOut]]:
    """What became of the events at an endpoint, the newest first, each with the attempts that the log still has."""
    present = await endpoints.get(call.pool, call.partner_id, whole(query.id, "id"))
    limit = DEFAULT_LIMIT if query.limit is UNSET else whole(query.limit, "limit")
    found = await deliveries.newest(
        call.pool,
        call.partner_id,
        present.id,
        state=None if query.state is UNSET else query.state,
        before=None if query.cursor is UNSET else cursors.decode(query.cursor, int)[0],
        limit=limit + 1,
    )
    shown, following = cursors.cut(found, limit, lambda one: (one.position,))
    log = await deliveries.attempts(call.pool, call.partner_id, present.id, [one.position for one in shown])
    return Data(Listing([_delivery(one, log[one.position]) for one in shown], following))


@WEBHOOKS.write_outside_books(
    None,
    "s2s_webhook_replay",
    "/s2s/webhook/replay",
    Auth.SIGNED,
    scope=SCOPE,
    refuses=(
        WebhookNotFoundError,
        WebhookDisabledError,
        ReplayNothingError,
        BadDateTimeError,
        DateTimeWithoutZoneError,
    ),
)
async def replay_webhook(call: Call, tx: Tx, body: ReplayBody) -> Data[ReplayedOut]:
    """Send events once more, under the ids that they had: at most 10,000, the first of those that are named."""
    wanted = await deliveries.range_of(
        tx,
        call.partner_id,
        first=given(body.from_position),
        last=given(body.to_position),
        since=None if body.since is UNSET else clock.parse_iso(body.since, "since"),
    )
    return Data(ReplayedOut(events=await deliveries.replay(tx, call.partner_id, body.id, wanted)))


def _webhook(one: Endpoint) -> WebhookOut:
    return WebhookOut(**_fields(one))


def _with_secret(one: Endpoint, secret: str) -> WebhookWithSecretOut:
    return WebhookWithSecretOut(**_fields(one), secret=secret)


def _fields(one: Endpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "types": list(one.types),
        "state": one.state,
        "reason": one.reason,
        "created_at": clock.iso(one.created_at),
        "planned_through": one.planned_through,
        "failing_since": None if one.failing_since is None else clock.iso(one.failing_since),
        "failures": one.failures,
        "old_secret_until": None if one.old_secret_until is None else clock.iso(one.old_secret_until),
    }


def _delivery(one: Delivery, log: list[Attempt]) -> DeliveryOut:
    return DeliveryOut(
        position=one.position,
        event_id=one.name,
        type=one.type,
        object_kind=one.object_kind,
        object_id=one.object_id,
        state=one.state,
        attempts=one.attempts,
        next_attempt_at=None if one.next_attempt_at is None else clock.iso(one.next_attempt_at),
        log=[_attempt(each) for each in log],
    )


def _attempt(one: Attempt) -> AttemptOut:
    return AttemptOut(
        number=one.number,
        attempted_at=clock.iso(one.attempted_at),
        status=one.status,
        error=one.error,
        took_ms=one.took_ms,
        answer=one.answer,
    )
