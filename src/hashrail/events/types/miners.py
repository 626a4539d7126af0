"""Events of miners; `nftId` is a miner's number."""

from typing import ClassVar, Literal

from hashrail.events.event import Efficiency, Event, Power

EndCause = Literal["refunded", "partner_closed"]


class MinerEvent(Event, frozen=True):
    """A miner, and whose it is."""

    KIND: ClassVar[str] = "miner"
    ID: ClassVar[str] = "nft_id"

    nft_id: int
    user_id: int


class MinerIssued(MinerEvent, frozen=True):
    """A miner came into a user's hands by an order, and earns from the next UTC day on."""

    TYPE: ClassVar[str] = "miner.issued"

    external_id: str
    power: Power
    energy_efficiency: Efficiency


class MinerUpgraded(MinerEvent, frozen=True):
    """A miner is better from the next UTC day on: `power` and `energyEfficiency` are what it has then."""

    TYPE: ClassVar[str] = "miner.upgraded"

    post_payment_id: str
    power: Power
    energy_efficiency: Efficiency


class MinerTransferred(MinerEvent, frozen=True):
    """A miner went from one user to another, who is `userId` and earns by it from the next UTC day on."""

    TYPE: ClassVar[str] = "miner.transferred"

    from_user_id: int
    from_partner_user_id: str
    to_partner_user_id: str


class MinerEnded(MinerEvent, frozen=True):
    """A miner earns this UTC day for the last time, and is in no list any more."""

    TYPE: ClassVar[str] = "miner.ended"

    cause: EndCause
