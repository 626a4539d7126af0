"""Events of what the partner owes and pays, USD."""

from typing import ClassVar, Literal

from hashrail.events.event import Event, Usd

UpgradeType = Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]


class PostPaymentEvent(Event, frozen=True):
    """What is owed for an upgrade of a miner."""

    KIND: ClassVar[str] = "post_payment"
    ID: ClassVar[str] = "id"

    id: str
    nft_id: int
    value: Usd


class PostPaymentCreated(PostPaymentEvent, frozen=True):
    """An upgrade was bought, and is owed."""

    TYPE: ClassVar[str] = "post_payment.created"

    type: UpgradeType


class PostPaymentReversed(PostPaymentEvent, frozen=True):
    """It is owed no more, since the miner's order was refunded."""

    TYPE: ClassVar[str] = "post_payment.reversed"

    external_id: str


class PartnerPaymentEvent(Event, frozen=True):
    """A payment of the partner's, by the reference under which the operator has recorded it."""

    KIND: ClassVar[str] = "partner_payment"
    ID: ClassVar[str] = "id"

    id: int
    reference: str
    amount: Usd


class PartnerPaymentRecorded(PartnerPaymentEvent, frozen=True):
    """The operator has recorded that the partner paid: so much less is owed."""

    TYPE: ClassVar[str] = "partner_payment.recorded"


class PartnerPaymentReversed(PartnerPaymentEvent, frozen=True):
    """A recorded payment counts no more: so much is owed again."""

    TYPE: ClassVar[str] = "partner_payment.reversed"
