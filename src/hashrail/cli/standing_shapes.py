"""What commands about a partner's standing print for scripts."""

from decimal import Decimal
from typing import Annotated

from hashrail.cli.printing import Shape, about
from hashrail.cli.shapes import Partner


class UsersHold(Shape, kw_only=True):
    """What all users of a partner hold together in a currency."""

    currency: Annotated[str, about("BTC or GOMINING")]
    owed: Annotated[Decimal, about("what is owed to them, income that is credited already included")]
    held: Annotated[Decimal, about("how much of it withdrawals that are not final have reserved")]


class PartnerPage(Partner, kw_only=True):
    """A partner, with what it owes and what is owed to its users."""

    users_hold: Annotated[list[UsersHold], about("by currency")]


class PartnerClosed(Shape, kw_only=True):
    """What ended with a partner, and what is still owed."""

    miners: Annotated[int, about("miners that earn this day for the last time")]
    power_th: Annotated[Decimal, about("their TH, which can be sold again")]
    orders: Annotated[int, about("orders that were open and are cancelled")]
    keys: Annotated[int, about("API keys that were revoked")]
    sessions: Annotated[int, about("sessions of users that were open and had no key, and are ended")]
    partner: Annotated[PartnerPage, about("how it stands now")]
