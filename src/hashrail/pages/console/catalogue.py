"""The catalogue: what is on sale and off, what is ordered of it, the capacity, and what upgrades cost.

They are the acts of `hashrail catalogue`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from hashrail.acts import catalogue as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.money import ZERO, divide_half_even, plain
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.selling import capacity, catalogue, preview, upgrade_tariff
from hashrail.selling.catalogue import Collection, Waiting

PER_TH = 2
NOTHING = Waiting(0, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer with its price by the TH (USD, rounded to cents), and what of it waits to be paid."""

    one: Collection
    per_th: Decimal
    waiting: Waiting


async def listed(tx: Tx, _: Visit) -> Shown:
    """Every offer."""
    waiting = await catalogue.waiting(tx)
    found = [
        Offer(each, divide_half_even(each.value_usd, each.power, PER_TH), waiting.get(each.id, NOTHING))
        for each in await catalogue.every(tx)
    ]
    tariff = await upgrade_tariff.find(tx)
    return Shown(
        {
            "on_sale": [each for each in found if each.one.active],
            "off_sale": [each for each in found if not each.one.active],
            "capacity": await preview.of_capacity(tx, await capacity.cap_th(tx)),
            "tariff": tariff,
            "levels": [] if tariff is None else sorted({*tariff.power_steps, *tariff.efficiency_steps}),
        }
    )


async def ask_to_put(_: Tx, __: Visit) -> Asked:
    """Offer a miner."""
    fields = (
        Field("power", "Its power", "amount", unit="TH"),
        Field("efficiency", "Its energy efficiency", "amount", unit="W/TH"),
        Field("price", "Its price", "amount", unit="USD"),
    )
    told = [
        "An offer of the same power and efficiency gets the new price; open orders keep theirs.",
        "A price that is far from the one before takes two admins.",
    ]
    return Asked("Offer a miner, or change its price", "Offer it", link("/catalogue"), fields, told)


async def put(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Offer it."""
    await acts.put(tx, act, values["power"], values["efficiency"], values["price"], confirm=visit.confirmed)
    return Done(link("/catalogue", done="offered"))


async def ask_to_withdraw(tx: Tx, _: Visit) -> Asked:
    """Take an offer off sale."""
    fields = (_offer_field([each for each in await catalogue.every(tx) if each.active]),)
    told = ["Nothing new is sold of it. Orders of it that are open are issued when they are paid."]
    return Asked("Take an offer off sale", "Take it off sale", link("/catalogue"), fields, told)


async def withdraw(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Take it off."""
    await acts.withdraw(tx, act, int(values["offer"]))
    return Done(link("/catalogue", done="changed"))


async def ask_to_offer_again(tx: Tx, _: Visit) -> Asked:
    """Put an offer back on sale."""
    fields = (_offer_field([each for each in await catalogue.every(tx) if not each.active]),)
    told = ["It is sold at the price that it had."]
    return Asked("Put an offer back on sale", "Put it on sale", link("/catalogue"), fields, told)


async def offer_again(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Put it back."""
    await acts.put_back(tx, act, int(values["offer"]))
    return Done(link("/catalogue", done="offered"))


async def ask_capacity(tx: Tx, _: Visit) -> Asked:
    """How much may be sold."""
    cap = await capacity.cap_th(tx)
    fields = (Field("th", "What you own", "amount", cap, unit="TH", help="Empty sells without a cap.", needed=False),)
    told = ["What is sold and promised is at most that. Ten times as much, or no cap any more, takes two admins."]
    return Asked("Capacity", "Set the capacity", link("/catalogue"), fields, told)


async def set_capacity(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await acts.set_capacity(tx, act, values["th"], confirm=visit.confirmed)
    return Done(link("/catalogue", done="changed"))


async def ask_upgrades(tx: Tx, _: Visit) -> Asked:
    """What upgrades cost."""
    found = await upgrade_tariff.find(tx)
    how = "One a line: levels and USD, like 12-14:2.098."
    fields = (
        Field(
            "price",
            "Price of a TH in the first band",
            "amount",
            None if found is None else found.power_price,
            unit="USD",
        ),
        Field(
            "band_discount",
            "Off for each further band",
            "amount",
            None if found is None else found.band_discount,
            help="A fraction: 0.05 is five percent.",
        ),
        Field(
            "power_steps",
            "What a TH costs more by W/TH",
            "lines",
            () if found is None else steps(found.power_steps),
            unit="USD per TH",
            help=how,
            needed=False,
        ),
        Field(
            "efficiency_steps",
            "What a step of a TH to a lower W/TH costs",
            "lines",
            () if found is None else steps(found.efficiency_steps),
            unit="USD per TH",
            help=how,
            needed=False,
        ),
    )
    told = ["It counts from the next quote on, for every partner. What is far from before takes two admins."]
    return Asked("What upgrades cost", "Set the tariff", link("/catalogue"), fields, told)


async def set_upgrades(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it. Raises BadTariffError."""
    given = {
        "power_price": values["price"],
        "band_discount": values["band_discount"],
        "power_steps": upgrade_tariff.steps(" ".join(values["power_steps"])),
        "efficiency_steps": upgrade_tariff.steps(" ".join(values["efficiency_steps"])),
    }
    await acts.change_upgrades(tx, act, given, confirm=visit.confirmed)
    return Done(link("/catalogue", done="changed") + "#upgrades")


async def ask_to_seed(_: Tx, __: Visit) -> Asked:
    """Offer the samples."""
    told = [
        "The sample catalogue is put on sale, and the sample discount levels and tariff of upgrades replace yours.",
        "It is for a beginning: prices are examples.",
    ]
    return Asked("Offer the sample catalogue", "Offer the samples", link("/catalogue"), (), told)


async def seed(tx: Tx, act: Acting, _: Visit, __: Values) -> Done:
    """Offer them."""
    await acts.seed(tx, act)
    return Done(link("/catalogue", done="offered"))


def steps(prices: Mapping[int, Decimal]) -> list[str]:
    """Prices by level as one types them: levels that follow each other and cost the same in one line."""
    found: list[str] = []
    ordered = sorted(prices.items())
    # Levels in a row keep the same distance to their place.
    for (_, usd), row in groupby(enumerate(ordered), key=lambda each: (each[1][0] - each[0], each[1][1])):
        levels = [level for _, (level, _) in row]
        of = str(levels[0]) if len(levels) == 1 else f"{levels[0]}-{levels[-1]}"
        found.append(f"{of}:{plain(usd)}")
    return found


def _offer_field(offers: Sequence[Collection]) -> Field:
    choices = [
        (
            str(each.id),
            f"{each.id}: {acts.offer_words(each.power, each.energy_efficiency)}, {plain(each.value_usd)} USD",
        )
        for each in offers
    ]
    return Field("offer", "Offer", "choice", choices=choices)
