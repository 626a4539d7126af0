"""Events of a partner's users."""

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import Meta

from hashrail.events.event import Event


class UserEvent(Event, frozen=True):
    """A user: `userId` is the number here, `partnerUserId` the partner's own."""

    KIND: ClassVar[str] = "user"
    ID: ClassVar[str] = "user_id"

    user_id: int
    partner_user_id: str


class UserCreated(UserEvent, frozen=True):
    """The user is registered, with accounts that hold nothing yet."""

    TYPE: ClassVar[str] = "user.created"


class UserBlocked(UserEvent, frozen=True):
    """Nothing of the user's is written any more; `payoutsGoOn` says whether withdrawals that wait are paid."""

    TYPE: ClassVar[str] = "user.blocked"

    payouts_go_on: bool


class UserUnblocked(UserEvent, frozen=True):
    """The user may write again."""

    TYPE: ClassVar[str] = "user.unblocked"


class UserChanged(UserEvent, frozen=True):
    """The user has another e-mail address or another level; `levelDiscount` is what the level takes off maintenance."""

    TYPE: ClassVar[str] = "user.changed"

    level_discount: Annotated[Decimal, Meta(description="a fraction: 0.2 is 20 %")]
