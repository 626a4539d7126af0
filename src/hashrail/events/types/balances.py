"""Events of users' balances."""

from typing import ClassVar, Literal

from hashrail.events.event import Amount, Event

Cause = Literal["withdrawal", "deposit", "correction", "refund"]


class BalanceChanged(Event, frozen=True):
    """What a user has, or what is reserved of it, became more or less; what miners earn is told by the day instead.

    `change` is signed and counts at once; `reservedChange` is what more is held for a withdrawal, or less. What caused
    it is named: a withdrawal, deposit or correction by its number, the refunded order by its externalId.
    """

    TYPE: ClassVar[str] = "balance.changed"
    KIND: ClassVar[str] = "balance"
    ID: ClassVar[str] = "user_id"

    user_id: int
    partner_user_id: str
    currency: str
    change: Amount
    reserved_change: Amount
    cause: Cause
    reference: str

    @property
    def object_id(self) -> str:
        """The user's balance in one currency."""
        return f"{self.user_id}:{self.currency}"
