"""What is on sale, what upgrades cost, and how much may be sold."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from hashrail import bounds, db
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import may_be_done
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.parties import day_ago
from hashrail.rewards import discounts
from hashrail.selling import capacity as capacity_module
from hashrail.selling import catalogue, preview, samples, upgrade_tariff
from hashrail.selling.preview import CapacityEffect, OfferEffect
from hashrail.selling.upgrade_prices import Tariff

# How the log names the samples, and what upgrades cost.
SAMPLES = "catalogue, levels, tariff"
UPGRADES = "tariff of upgrades"


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer that was put, or would be: what it comes to, and what is said against it."""

    effect: OfferEffect
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Capped:
    """A capacity that was set, or would be, likewise."""

    effect: CapacityEffect
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class UpgradesChange:
    """What upgrades cost, before and then, and which figures somebody should look at again."""

    before: Tariff | None
    after: Tariff
    doubts: Sequence[Doubt]

    def words(self) -> str:
        """For people, in a line."""
        was = "" if self.before is None else f", and {plain(self.before.power_price)} before"
        return f"A TH costs {plain(self.after.power_price)} USD{was}"


async def seed(tx: Tx, act: Acting) -> int:
    """Offer the sample catalogue, with its levels and its tariff of upgrades; answers how many offers are on sale."""
    was, offered = await offers_on_sale(tx), samples.sample_collections()
    if act.tries:
        # Offers get no numbers by being asked for.
        act.told.append(f"{len(offered)} offers are put on sale at the samples' prices.")
        await act.note(tx, SAMPLES, before={"offers": was}, after={"offers": was, "samples": True})
        return len(was)
    await catalogue.put(tx, offered)
    await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
    await upgrade_tariff.put(tx, samples.SAMPLE)
    offers = await offers_on_sale(tx)
    await act.note(tx, SAMPLES, before={"offers": was}, after={"offers": offers, "samples": True})
    return len(offers)


async def put(
    tx: Tx, act: Acting, power: Decimal, efficiency: Decimal, usd: Decimal, *, confirm: Collection[str] | None
) -> Offered:
    """Offer a miner, or change the price of one that is offered; far from the price before takes two.

    Raises ImplausibleFigureError, ConfirmationNeededError.
    """
    offer = offer_words(power, efficiency)
    was = (await offers_on_sale(tx)).get(offer)
    effect = await preview.of_offer(tx, power, efficiency, usd)
    doubts = await _doubt_offer(tx, power, efficiency, usd, was)
    # What the books refuse is refused first.
    await catalogue.check(tx, power, efficiency, usd)
    act.told.append(f"{effect.words()}.")
    before = {"power": power, "efficiency": efficiency, "price_usd": was}
    after, told = before | {"price_usd": usd}, effect.words() if doubts else ""
    if await may_be_done(tx, act, f"offer {offer}", doubts, confirm, before=before, after=after, effect=told):
        if not act.tries:
            await catalogue.put(tx, [(power, efficiency, usd)])
        await act.note(tx, f"offer {offer}", before=before, after=after)
    return Offered(effect, doubts)


async def withdraw(tx: Tx, act: Acting, offer_id: int) -> None:
    """Take an offer off sale; again is a no-op. Raises CollectionNotFoundError."""
    await _put_on_sale(tx, act, offer_id, catalogue.withdraw)


async def put_back(tx: Tx, act: Acting, offer_id: int) -> None:
    """Put an offer back on sale at the price that it had; again is a no-op. Raises CollectionNotFoundError."""
    await _put_on_sale(tx, act, offer_id, catalogue.put_back)


async def set_capacity(tx: Tx, act: Acting, cap: Decimal | None, *, confirm: Collection[str] | None) -> Capped:
    """Cap the TH on sale, or sell without a cap; far more than before, or no cap any more, takes two.

    Raises CapacityExceededError, ImplausibleFigureError, ConfirmationNeededError.
    """
    was = await capacity_module.cap_th(tx)
    async with db.undone(tx):
        # What the books refuse is refused first.
        await capacity_module.set_capacity(tx, cap)
    effect = await preview.of_capacity(tx, cap)
    doubts, before, after = await _doubt_capacity(tx, was, cap), {"cap_th": was}, {"cap_th": cap}
    told = effect.words()
    act.told.append(f"{told}.")
    if await may_be_done(tx, act, "capacity", doubts, confirm, before=before, after=after, effect=told):
        await capacity_module.set_capacity(tx, cap)
        await act.note(tx, "capacity", before=before, after=after)
    return Capped(effect, doubts)


async def change_upgrades(
    tx: Tx, act: Acting, given: Mapping[str, Any], *, confirm: Collection[str] | None
) -> UpgradesChange:
    """Change the parts of what upgrades cost that are given; far from before takes two.

    Raises NoTariffError, BadTariffError, ImplausibleFigureError, ConfirmationNeededError.
    """
    was = await upgrade_tariff.find(tx)
    if was is None and len(given) < len(Tariff.__slots__):
        await upgrade_tariff.load(tx)  # which refuses: a part of what is not there cannot be changed
    doubts = await _doubt_upgrades(tx, was, given)
    async with db.undone(tx):
        # What the books refuse is refused first.
        await upgrade_tariff.change(tx, **given)
        then = await upgrade_tariff.load(tx)
    made = UpgradesChange(was, then, doubts)
    act.told.append(f"{made.words()}.")
    before = tariff_facts(was)
    meant = before | given_facts(given)
    if await may_be_done(tx, act, UPGRADES, doubts, confirm, before=before, after=meant, effect=made.words()):
        await upgrade_tariff.change(tx, **given)
        await act.note(tx, UPGRADES, before=before, after=tariff_facts(then))
    return made


async def offers_on_sale(tx: Tx) -> dict[str, Decimal]:
    """USD of what is on sale."""
    return {offer_words(one.power, one.energy_efficiency): one.value_usd for one in await catalogue.on_sale(tx)}


def offer_words(power: Decimal, efficiency: Decimal) -> str:
    """How an offer is named in the log."""
    return f"{plain(power)} TH, {plain(efficiency)} W/TH"


def tariff_facts(found: Tariff | None) -> dict[str, object]:
    """What upgrades cost, for the log and for a change that waits."""
    return {} if found is None else given_facts(asdict(found))


def given_facts(given: Mapping[str, Any]) -> dict[str, object]:
    """Parts of it, with levels as texts."""
    return {
        name: {str(level): price for level, price in value.items()} if isinstance(value, Mapping) else value
        for name, value in given.items()
    }


async def _put_on_sale(tx: Tx, act: Acting, offer_id: int, verb: Callable[[Tx, int], Awaitable[None]]) -> None:
    """Do what a verb does to whether an offer is on sale, noted."""
    was = {one.id: one.active for one in await catalogue.every(tx)}
    await verb(tx, offer_id)
    is_ = {one.id: one.active for one in await catalogue.every(tx)}
    before, after = {"on_sale": was[offer_id]}, {"on_sale": is_[offer_id]}
    await act.note(tx, f"offer {offer_id}", before=before, after=after)


async def _doubt_offer(
    tx: Tx, power: Decimal, efficiency: Decimal, usd: Decimal, was: Decimal | None
) -> tuple[Doubt, ...]:
    """Of a price against the present one, and that of a day ago."""
    stood = await day_ago.values(tx, "catalogue put", f"offer {offer_words(power, efficiency)}")
    earlier = stood.get("price_usd")
    doubts = catalogue.doubt_offer(power, efficiency, usd, was)
    if earlier is None:
        return doubts
    return bounds.graver(doubts, catalogue.doubt_offer(power, efficiency, usd, Decimal(earlier), since=bounds.DAY_AGO))


async def _doubt_capacity(tx: Tx, was: Decimal | None, cap: Decimal | None) -> tuple[Doubt, ...]:
    """Of a capacity, likewise."""
    earlier = (await day_ago.values(tx, "catalogue capacity", "capacity")).get("cap_th")
    doubts = capacity_module.doubt_capacity(was, cap)
    if earlier is None:
        return doubts
    return bounds.graver(doubts, capacity_module.doubt_capacity(Decimal(earlier), cap, since=bounds.DAY_AGO))


async def _doubt_upgrades(tx: Tx, was: Tariff | None, given: Mapping[str, Any]) -> tuple[Doubt, ...]:
    """Of what upgrades cost, likewise."""
    stood = await day_ago.values(tx, "catalogue upgrades", UPGRADES)
    doubts: tuple[Doubt, ...] = ()
    if "power_price" in given:
        price = given["power_price"]
        doubts += upgrade_tariff.doubt_price(None if was is None else was.power_price, price)
        if "power_price" in stood:
            earlier = upgrade_tariff.doubt_price(Decimal(stood["power_price"]), price, since=bounds.DAY_AGO)
            doubts = bounds.graver(doubts, earlier)
    for name in ("power_steps", "efficiency_steps"):
        steps = given.get(name, {})
        found = upgrade_tariff.doubt_steps({} if was is None else getattr(was, name), steps)
        before = {int(level): Decimal(usd) for level, usd in stood.get(name, {}).items()}
        known = {level: usd for level, usd in steps.items() if level in before}
        doubts += bounds.graver(found, upgrade_tariff.doubt_steps(before, known, since=bounds.DAY_AGO))
    return doubts
