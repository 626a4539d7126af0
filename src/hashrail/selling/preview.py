"""What a figure of selling comes to in money and people, before it is final."""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.db import Reader
from hashrail.money import USD_DECIMALS, divide_half_even, plain
from hashrail.selling.billing import Receivable


@dataclass(frozen=True, slots=True)
class OfferEffect:
    """A price in USD, and what it was; `offer` is the number of the offer that gets it, None for a new one.

    `orders` are open orders of `partners` partners over `orders_usd` USD: they keep the price that they have.
    """

    power_th: Decimal
    usd: Decimal
    offer: int | None
    before_usd: Decimal | None
    on_sale: bool
    orders: int
    partners: int
    orders_usd: Decimal

    @property
    def per_th(self) -> Decimal:
        """USD per TH."""
        return divide_half_even(self.usd, self.power_th, USD_DECIMALS)

    @property
    def before_per_th(self) -> Decimal | None:
        """USD per TH at the price so far."""
        return None if self.before_usd is None else divide_half_even(self.before_usd, self.power_th, USD_DECIMALS)

    def words(self) -> str:
        """For people, in a line."""
        price = f"{plain(self.usd)} USD, {plain(self.per_th)} per TH"
        if self.before_usd is None or self.before_per_th is None:
            return f"a new offer at {price}"
        sale = "" if self.on_sale else ", which comes back on sale"
        kept = f"{self.orders} open orders of {self.partners} partners keep theirs, {plain(self.orders_usd)} USD"
        before = f"{plain(self.before_usd)} USD, {plain(self.before_per_th)} per TH"
        return f"offer {self.offer}{sale} costs {price}, and did {before}; {kept}"


@dataclass(frozen=True, slots=True)
class CapacityEffect:
    """TH that may be promised, before and then; None is without a cap. What is sold and promised is the same in both.

    `promised_th` is what open orders hold; `partners` have either.
    """

    before_th: Decimal | None
    cap_th: Decimal | None
    sold_th: Decimal
    promised_th: Decimal
    partners: int

    @property
    def free_before_th(self) -> Decimal | None:
        """TH that can still be sold as it is."""
        return self._free(self.before_th)

    @property
    def free_th(self) -> Decimal | None:
        """TH that can be sold then."""
        return self._free(self.cap_th)

    def words(self) -> str:
        """For people, in a line."""
        taken = f"{plain(self.sold_th)} TH are sold and {plain(self.promised_th)} promised, by {self.partners} partners"
        return f"{taken}; free are {_free(self.free_th)}, and {_free(self.free_before_th)} before"

    def _free(self, cap_th: Decimal | None) -> Decimal | None:
        return None if cap_th is None else cap_th - self.sold_th - self.promised_th


@dataclass(frozen=True, slots=True)
class CreditEffect:
    """What a partner owes and may owe, before and then, and how many open orders it has."""

    before: Receivable
    after: Receivable
    orders: int

    def words(self) -> str:
        """For people, in a line."""
        before, after = self.before, self.after
        owed = f"{plain(after.owed)} USD are owed, and {plain(before.owed)} before"
        orders = f"{self.orders} open orders reserve {plain(after.reserved)}"
        return f"{owed}; {orders}; room for orders of {plain(room(after))} USD, and {plain(room(before))} before"


async def of_offer(tx: Reader, power: Decimal, efficiency: Decimal, usd: Decimal) -> OfferEffect:
    """What a price would be to an offer of that power (TH) and efficiency (W/TH)."""
    row = await tx.fetchrow(
        """SELECT c.id, c.value_usd, c.active, count(p.id) AS orders, count(DISTINCT p.partner_id) AS partners,
                  coalesce(sum(p.value_usd), 0) AS orders_usd
           FROM collection c LEFT JOIN purchase p ON p.collection_id = c.id AND p.state = 'created'
           WHERE c.power = $1 AND c.energy_efficiency = $2 GROUP BY c.id, c.value_usd, c.active""",
        power,
        efficiency,
    )
    if row is None:
        return OfferEffect(power, usd, None, None, on_sale=False, orders=0, partners=0, orders_usd=Decimal(0))
    return OfferEffect(
        power,
        usd,
        offer=row["id"],
        before_usd=row["value_usd"],
        on_sale=row["active"],
        orders=row["orders"],
        partners=row["partners"],
        orders_usd=row["orders_usd"],
    )


async def of_capacity(tx: Reader, cap_th: Decimal | None) -> CapacityEffect:
    """What a cap would leave free."""
    row = await tx.fetchrow(
        """SELECT c.cap_th, t.committed_th, t.partners, o.open_th FROM capacity c
           CROSS JOIN (SELECT coalesce(sum(committed_th), 0) AS committed_th,
                              count(*) FILTER (WHERE committed_th > 0) AS partners FROM partner_capacity) t
           CROSS JOIN (SELECT coalesce(sum(power), 0) AS open_th FROM purchase WHERE state = 'created') o
           WHERE c.id = 1"""
    )
    assert row is not None, "there is one capacity"
    return CapacityEffect(
        before_th=row["cap_th"],
        cap_th=cap_th,
        sold_th=row["committed_th"] - row["open_th"],
        promised_th=row["open_th"],
        partners=row["partners"],
    )


async def open_orders(tx: Reader, partner_id: int) -> int:
    """How many orders of a partner reserve their price."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM purchase WHERE partner_id = $1 AND state = 'created'", partner_id
    )
    return found


def room(due: Receivable) -> Decimal:
    """USD of orders that a partner can still make."""
    return due.credit_limit - due.owed - due.reserved


def _free(th: Decimal | None) -> str:
    return "as many as are asked for" if th is None else f"{plain(th)} TH"
