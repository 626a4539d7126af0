"""Events of deposits: one for each state that a deposit comes into."""

from typing import ClassVar, Literal

from hashrail.events.event import Btc, Event

State = Literal["pending", "credited", "lost", "gone"]


class DepositEvent(Event, frozen=True):
    """What arrived in an output at a user's address."""

    KIND: ClassVar[str] = "deposit"
    ID: ClassVar[str] = "id"

    id: int
    user_id: int
    partner_user_id: str
    address: str
    txid: str
    vout: int
    amount: Btc
    state: State


class DepositPending(DepositEvent, frozen=True):
    """Bitcoin for the user was seen, and is not deep enough yet; again where it came back, or is of another amount."""

    TYPE: ClassVar[str] = "deposit.pending"


class DepositCredited(DepositEvent, frozen=True):
    """It is the user's to spend; after `deposit.lost` it came back, and was theirs all along."""

    TYPE: ClassVar[str] = "deposit.credited"


class DepositLost(DepositEvent, frozen=True):
    """A reorg took it back after it was credited: the user keeps it, the operator bears the loss."""

    TYPE: ClassVar[str] = "deposit.lost"


class DepositGone(DepositEvent, frozen=True):
    """It was never credited and never will be, since the chain has spent its coins otherwise."""

    TYPE: ClassVar[str] = "deposit.gone"
