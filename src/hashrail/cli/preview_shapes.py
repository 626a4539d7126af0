"""What commands print for scripts of a figure that becomes final: what it comes to, before it does or as it did."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from hashrail.cli.printing import Shape, about
from hashrail.cli.shapes import Doubt, Effect, PartnerFacts, Tariff
from hashrail.rewards.tariffs import Kind


class Previewed(Shape, kw_only=True):
    """A figure that becomes final, or would."""

    dry_run: Annotated[bool, about("whether nothing was changed")]
    doubts: Annotated[list[Doubt], about("figures that are far from what stood before")]


class PutOffer(Previewed, kw_only=True):
    """An offer with its price, and what it was."""

    id: Annotated[int | None, about("the offer that gets the price; null: a new one")]
    power: Annotated[Decimal, about("TH")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    value: Annotated[Decimal, about("USD")]
    value_per_th: Annotated[Decimal, about("USD per TH")]
    before_value: Annotated[Decimal | None, about("USD so far; null for a new one")]
    before_value_per_th: Annotated[Decimal | None, about("USD per TH so far")]
    was_on_sale: Annotated[bool, about("whether it was on sale; it is then")]
    open_orders: Annotated[int, about("orders that are not paid and keep their price")]
    open_orders_value: Annotated[Decimal, about("USD of them")]
    partners: Annotated[int, about("partners that have them")]


class Upgrades(Tariff, kw_only=True):
    """What upgrades cost, or would, and did before."""

    before: Annotated[Tariff | None, about("the same before; null where nothing was set")]
    dry_run: Annotated[bool, about("whether it is only what they would cost")]
    doubts: Annotated[list[Doubt], about("figures that are far from what stood before")]


class SetCapacity(Previewed, kw_only=True):
    """The cap on what is sold, and what it was."""

    capacity: Annotated[Decimal | None, about("TH; null: without a cap")]
    before_capacity: Annotated[Decimal | None, about("TH before")]
    sold: Annotated[Decimal, about("TH of miners")]
    promised: Annotated[Decimal, about("TH that open orders hold")]
    free: Annotated[Decimal | None, about("TH that can be sold; null: without a cap")]
    before_free: Annotated[Decimal | None, about("TH that could be before")]
    partners: Annotated[int, about("partners with miners or open orders")]


class Credit(Shape, kw_only=True):
    """What a partner owes and may owe, and before."""

    owed_usd: Annotated[Decimal, about("USD for issued miners, less what was paid; below 0 where it paid in advance")]
    before_owed_usd: Annotated[Decimal, about("the same before")]
    reserved_usd: Annotated[Decimal, about("USD that open orders reserve")]
    credit_limit_usd: Annotated[Decimal, about("the most USD of both")]
    before_credit_limit_usd: Annotated[Decimal, about("the same before")]
    room_usd: Annotated[Decimal, about("USD of orders that it can make")]
    before_room_usd: Annotated[Decimal, about("the same before")]
    open_orders: Annotated[int, about("its orders that are not paid")]


class RecordedPayment(Previewed, kw_only=True):
    """A payment of a partner, and what it comes to."""

    reference: Annotated[str, about("the bank's")]
    amount_usd: Annotated[Decimal, about("USD that were paid")]
    new: Annotated[bool, about("whether the reference was not recorded before")]
    credit: Annotated[Credit, about("what the partner owes with it")]


class CreatedPartner(PartnerFacts, kw_only=True):
    """A partner that was opened, or would be: then it has neither number nor public id."""

    id: Annotated[int | None, about("the number that commands and PARTNER:ID name it by")]
    partner_id: Annotated[str | None, about("the public id that its own programs know")]
    dry_run: Annotated[bool, about("whether nothing was changed")]
    doubts: Annotated[list[Doubt], about("figures that are unusual")]


class SetCredit(Previewed, kw_only=True):
    """A partner's credit limit, and what it comes to."""

    credit: Annotated[Credit, about("what the partner owes and may owe")]


class SetTariff(Previewed, kw_only=True):
    """A dated tariff, and what it comes to at the newest published day."""

    kind: Annotated[Kind, about("USD a kWh, USD a TH and day, fraction")]
    from_day: Annotated[date, about("the first mining day that it counts for")]
    value: Annotated[Decimal, about("the figure")]
    before_value: Annotated[Decimal | None, about("what would count without it; null before the first published day")]
    change_btc: Annotated[Decimal | None, about("BTC a day that users are credited more; null likewise")]
    change_usd: Annotated[Decimal | None, about("the same in USD; null likewise")]
    effect: Annotated[Effect | None, about("what that day would credit; null likewise")]


class SetDiscount(Previewed, kw_only=True):
    """What a programme gives, or the cap on discounts."""

    effect: Annotated[Effect | None, about("what the newest published day would credit; null before the first")]


class SetLevels(SetDiscount, kw_only=True):
    """The levels, and what they come to once every user follows them."""

    levels: Annotated[int, about("how many there are")]
    users: Annotated[int | None, about("users who get another level; null before the first published day")]
