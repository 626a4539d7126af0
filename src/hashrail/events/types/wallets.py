"""Events of the addresses that users bind for withdrawals."""

from typing import ClassVar

from hashrail.events.event import Event, Moment


class WalletEvent(Event, frozen=True):
    """A user's address."""

    KIND: ClassVar[str] = "wallet"
    ID: ClassVar[str] = "address"

    user_id: int
    partner_user_id: str
    address: str

    @property
    def object_id(self) -> str:
        """An address is bound to one user, and perhaps to another as well."""
        return f"{self.user_id}:{self.address}"


class WalletBound(WalletEvent, frozen=True):
    """An address was bound; `usableAt` is from when it is paid where only bound ones are, null is at once."""

    TYPE: ClassVar[str] = "wallet.bound"

    usable_at: Moment | None


class WalletUnbound(WalletEvent, frozen=True):
    """An address was taken off; withdrawals to it that were asked for go their way."""

    TYPE: ClassVar[str] = "wallet.unbound"
