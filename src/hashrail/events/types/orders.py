"""Events of orders."""

from typing import ClassVar

from hashrail.events.event import Efficiency, Event, Power, Usd


class OrderEvent(Event, frozen=True):
    """An order as it stands; `value` is what the partner owes for it."""

    KIND: ClassVar[str] = "order"
    ID: ClassVar[str] = "external_id"

    external_id: str
    user_id: int
    nft_collection_id: int
    power: Power
    energy_efficiency: Efficiency
    value: Usd


class OrderCreated(OrderEvent, frozen=True):
    """An order was opened: its price is fixed and its credit reserved."""

    TYPE: ClassVar[str] = "order.created"


class OrderIssued(OrderEvent, frozen=True):
    """Its payment was told: the miner exists, and earns from the next day on."""

    TYPE: ClassVar[str] = "order.issued"

    nft_id: int


class OrderExpired(OrderEvent, frozen=True):
    """Nobody told its payment in time: what it reserved is released."""

    TYPE: ClassVar[str] = "order.expired"


class OrderCancelled(OrderEvent, frozen=True):
    """The operator took it back: what it reserved is released."""

    TYPE: ClassVar[str] = "order.cancelled"


class OrderRefunded(OrderEvent, frozen=True):
    """An issued order was refunded and its miner ended; `refunded` is owed no more, upgrades of the miner included."""

    TYPE: ClassVar[str] = "order.refunded"

    nft_id: int
    refunded: Usd
