"""Events of webhook endpoints."""

from typing import ClassVar

from hashrail.events.event import Event


class WebhookEndpointEvent(Event, frozen=True):
    """An endpoint that events are sent to."""

    KIND: ClassVar[str] = "webhook_endpoint"
    ID: ClassVar[str] = "endpoint_id"

    endpoint_id: int


class WebhookEndpointDisabled(WebhookEndpointEvent, frozen=True):
    """Nothing is sent there any more; `reason` is `gone` (it answered 410), `failing`, `partner` or `operator`."""

    TYPE: ClassVar[str] = "webhook_endpoint.disabled"

    url: str
    reason: str


class WebhookEndpointTest(WebhookEndpointEvent, frozen=True):
    """Somebody tries the endpoint: it is sent to this one, whatever its types are, and to no other."""

    TYPE: ClassVar[str] = "webhook_endpoint.test"
