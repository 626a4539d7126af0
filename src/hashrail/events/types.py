"""The types of events, by the object that they are about; partners read the fields in camelCase.

Amounts are exact. BTC has at most 18 decimals, USD 8, power is TH, energy efficiency W/TH.
"""

from typing import ClassVar

from hashrail.events.event import Efficiency, Event, Power, Usd


class OrderEvent(Event, frozen=True):
    """An order as it stands; `valueUsd` is what the partner owes for it."""

    KIND: ClassVar[str] = "order"
    ID: ClassVar[str] = "external_id"

    external_id: str
    user_id: int
    nft_collection_id: int
    power: Power
    energy_efficiency: Efficiency
    value_usd: Usd


class OrderCreated(OrderEvent, frozen=True):
    """An order was opened: its price is fixed and its credit reserved."""

    TYPE: ClassVar[str] = "order.created"


class OrderIssued(OrderEvent, frozen=True):
    """Its payment was told: the miner exists, and earns from the next day on."""

    TYPE: ClassVar[str] = "order.issued"

    miner_id: int


class OrderExpired(OrderEvent, frozen=True):
    """Nobody told its payment in time: what it reserved is released."""

    TYPE: ClassVar[str] = "order.expired"


class OrderCancelled(OrderEvent, frozen=True):
    """The operator took it back: what it reserved is released."""

    TYPE: ClassVar[str] = "order.cancelled"


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
