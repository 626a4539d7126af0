"""What `hashrail webhook` prints for scripts: endpoints, and what became of the events at one."""

from datetime import datetime
from typing import Annotated

from hashrail.cli.printing import Shape, about
from hashrail.events import deliveries, endpoints


class Webhook(Shape, kw_only=True):
    """An endpoint that a partner's events are sent to."""

    id: Annotated[int, about("the number that `webhook` commands name it by")]
    url: Annotated[str, about("where it is")]
    description: Annotated[str, about("the partner's own words")]
    types: Annotated[list[str], about("types of events that it is sent; none is all")]
    state: Annotated[endpoints.State, about("whether it is sent anything")]
    reason: Annotated[
        endpoints.Reason | None,
        about("why it is disabled: it answered 410 (gone), only failed for days (failing), or by whom"),
    ]
    created_at: Annotated[datetime, about("when it was made")]
    planned_through: Annotated[int, about("the position up to which the partner's feed was looked through for it")]
    failing_since: Annotated[datetime | None, about("when it first failed since the last success")]
    failures: Annotated[int, about("how often since")]
    paused_until: Annotated[datetime | None, about("until when it is left alone after failures")]
    old_secret_until: Annotated[datetime | None, about("until when the old secret signs too")]
    waiting: Annotated[int, about("events that it was not sent yet, of those looked through")]


class WebhookAttempt(Shape, kw_only=True):
    """One attempt to send an event."""

    number: Annotated[int, about("the how manieth of the event at this endpoint")]
    attempted_at: Annotated[datetime, about("when it began")]
    status: Annotated[int | None, about("what was answered; 200 to 299 is delivered")]
    error: Annotated[str | None, about("why nothing was answered")]
    took_ms: Annotated[int, about("how long it took, milliseconds")]
    answer: Annotated[str, about("how the answer begins")]


class WebhookDelivery(Shape, kw_only=True):
    """An event at an endpoint."""

    position: Annotated[int, about("its position in the partner's feed")]
    event_id: Annotated[str, about("its `webhook-id`")]
    type: Annotated[str, about("what happened")]
    object_kind: Annotated[str, about("of what")]
    object_id: Annotated[str, about("of which")]
    state: Annotated[deliveries.State, about("how it stands")]
    attempts: Annotated[int, about("how often it was tried")]
    next_attempt_at: Annotated[
        datetime | None, about("when it is due; null for one that waits: an earlier event of its object comes first")
    ]
    log: Annotated[list[WebhookAttempt], about("the attempts that the log still has, the oldest first")]


class Replayed(Shape, kw_only=True):
    """What is sent once more."""

    events: Annotated[int, about("how many events")]
    first: Annotated[int, about("the first position that was named")]
    last: Annotated[int, about("the last one")]
