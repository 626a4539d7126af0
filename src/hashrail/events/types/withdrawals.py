"""Events of withdrawals: one for each state that a withdrawal comes into, and why it waits where that is known."""

from typing import ClassVar, Literal

from hashrail.events.event import Btc, Event, Moment

Speed = Literal["fast", "daily"]
State = Literal[
    "awaiting_approval", "queued", "signed", "broadcast", "confirmed", "final", "exported", "cancelled", "refused"
]
DelayCause = Literal["COOL_DOWN", "BINDING_COOL_DOWN"]


class WithdrawalEvent(Event, frozen=True):
    """A withdrawal as it stands: `amount` arrives, `fee` comes on top; `txid` is what pays it by now."""

    KIND: ClassVar[str] = "withdrawal"
    ID: ClassVar[str] = "id"

    id: int
    user_id: int
    partner_user_id: str
    speed: Speed
    wallet_address: str
    amount: Btc
    fee: Btc
    state: State
    txid: str | None
    reason: str | None


class WithdrawalRequested(WithdrawalEvent, frozen=True):
    """A withdrawal was asked for, and what it takes is reserved."""

    TYPE: ClassVar[str] = "withdrawal.requested"


class WithdrawalAwaitingApproval(WithdrawalEvent, frozen=True):
    """Two people of the operator have to approve it first."""

    TYPE: ClassVar[str] = "withdrawal.awaiting_approval"


class WithdrawalQueued(WithdrawalEvent, frozen=True):
    """It waits for a batch that pays it; again where the one that had it can never be mined any more."""

    TYPE: ClassVar[str] = "withdrawal.queued"


class WithdrawalDelayed(WithdrawalEvent, frozen=True):
    """It is queued, and no batch takes it before `until`, since its address is too new."""

    TYPE: ClassVar[str] = "withdrawal.delayed"

    cause: DelayCause
    until: Moment


class WithdrawalSigned(WithdrawalEvent, frozen=True):
    """A transaction that pays it is signed, and cannot be taken back; again where a higher fee makes another one."""

    TYPE: ClassVar[str] = "withdrawal.signed"


class WithdrawalBroadcast(WithdrawalEvent, frozen=True):
    """Its transaction is sent and waits for a block; again after a reorg, and where a higher fee makes another one."""

    TYPE: ClassVar[str] = "withdrawal.broadcast"


class WithdrawalConfirmed(WithdrawalEvent, frozen=True):
    """Its transaction is in a block; a reorg may still take it back."""

    TYPE: ClassVar[str] = "withdrawal.confirmed"


class WithdrawalFinal(WithdrawalEvent, frozen=True):
    """It is paid and posted: what was reserved has left the user's balance."""

    TYPE: ClassVar[str] = "withdrawal.final"


class WithdrawalExported(WithdrawalEvent, frozen=True):
    """The operator pays it with another program."""

    TYPE: ClassVar[str] = "withdrawal.exported"


class WithdrawalCancelled(WithdrawalEvent, frozen=True):
    """It was taken back before it was paid: what it reserved is the user's again."""

    TYPE: ClassVar[str] = "withdrawal.cancelled"


class WithdrawalRefused(WithdrawalEvent, frozen=True):
    """The operator refused it, for the `reason`: what it reserved is the user's again."""

    TYPE: ClassVar[str] = "withdrawal.refused"
