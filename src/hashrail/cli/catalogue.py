"""hashrail catalogue, order: what is on sale, what upgrades cost, how much may be sold; and taking an order back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from hashrail import bounds, db
from hashrail.acts import kept
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import may_be_done
from hashrail.books import fence
from hashrail.bounds import Doubt
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes
from hashrail.cli.second_look import ConfirmOption, DryRunOption
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import plain
from hashrail.parties import day_ago, partners
from hashrail.rewards import discounts
from hashrail.selling import capacity as capacity_module
from hashrail.selling import catalogue, orders, preview, samples, upgrade_tariff
from hashrail.selling.preview import CapacityEffect, OfferEffect
from hashrail.selling.upgrade_prices import Tariff

app = typer.Typer()
order_app = typer.Typer()

# How the log names what upgrades cost.
UPGRADES = "tariff of upgrades"

OfferArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The offer's number, as listed.")]


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


@app.command("seed")
def seed(operator: AsOption = None, data: DataOption = None) -> None:
    """Offer the sample catalogue, and set the sample discount levels and tariff of upgrades."""

    async def work(tx: Tx, act: Acting) -> int:
        was = await kept.offers(tx)
        await catalogue.put(tx, samples.sample_collections())
        await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        await upgrade_tariff.put(tx, samples.SAMPLE)
        offers = await kept.offers(tx)
        await act.note(
            tx, "catalogue, levels, tariff", before={"offers": was}, after={"offers": offers, "samples": True}
        )
        return len(offers)

    say(f"{acting(data, 'catalogue seed', operator, work)} offers are on sale.")


@app.command(
    "put",
    epilog=example(
        "hashrail catalogue put --power 2 --efficiency 15 --price 27.99",
        "hashrail catalogue put --power 2 --efficiency 15 --price 27.99 --dry-run",
    ),
)
@prints(preview_shapes.PutOffer)
def put(
    power: Annotated[Decimal, typer.Option(parser=amount, metavar="TH", help="Its power.")],
    efficiency: Annotated[Decimal, typer.Option(parser=amount, metavar="W/TH", help="Its energy efficiency.")],
    usd: Annotated[Decimal, typer.Option("--price", parser=amount, metavar="USD", help="Its price.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer a miner, or change the price of one that is offered. A price that is far from the one before takes two.

    It says what the price is per TH and was, and which open orders keep theirs.
    """

    async def work(tx: Tx, act: Acting) -> tuple[OfferEffect, Sequence[Doubt]]:
        offer, put_it = kept.offer(power, efficiency), [(power, efficiency, usd)]
        was = (await kept.offers(tx)).get(offer)
        effect = await preview.of_offer(tx, power, efficiency, usd)
        doubts = await _doubt_offer(tx, power, efficiency, usd, was)
        if dry_run:
            # What the books refuse is refused in a dry run too.
            await catalogue.check(tx, power, efficiency, usd)
        before = {"power": power, "efficiency": efficiency, "price_usd": was}
        after, told = before | {"price_usd": usd}, effect.words() if doubts else ""
        if not dry_run and await may_be_done(
            tx, act, f"offer {offer}", doubts, confirm, before=before, after=after, effect=told
        ):
            await catalogue.put(tx, put_it)
            await act.note(tx, f"offer {offer}", before=before, after=after)
        return effect, doubts

    effect, doubts = acting(data, "catalogue put", operator, work)
    if as_json:
        show_json(_put_shape(effect, doubts, efficiency, dry_run=dry_run))
        return
    say("Nothing was changed." if dry_run else "Offered.")
    say(f"{effect.words()}.")


@app.command("withdraw", epilog=example("hashrail catalogue withdraw 12"))
def withdraw(offer_id: OfferArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Take an offer off sale. Orders of it that are open are issued when they are paid; nothing new is sold of it."""
    acting(data, "catalogue withdraw", operator, _put_on_sale(offer_id, catalogue.withdraw))
    say(f"Offer {offer_id} is off sale.")


@app.command("offer", epilog=example("hashrail catalogue offer 12"))
def offer_again(offer_id: OfferArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Put an offer back on sale, at the price that it had."""
    acting(data, "catalogue offer", operator, _put_on_sale(offer_id, catalogue.put_back))
    say(f"Offer {offer_id} is on sale.")


@app.command("list")
@prints(list[shapes.Collection])
def list_catalogue(
    everything: Annotated[bool, typer.Option("--all", help="Offers that are off sale too.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is on sale."""

    async def work(tx: Tx, _: Deployment) -> list[catalogue.Collection]:
        return await catalogue.every(tx) if everything else await catalogue.on_sale(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json([_collection(one) for one in found])
    else:
        rows = [(c.id, c.power, c.energy_efficiency, c.value_usd, "" if c.active else "off sale") for c in found]
        table("Offers" if everything else "On sale", ("id", "TH", "W/TH", "USD", ""), rows)


@app.command(
    "upgrades",
    epilog=example("hashrail catalogue upgrades --price 7.5", "hashrail catalogue upgrades --price 7.5 --dry-run"),
)
@prints(preview_shapes.Upgrades)
def tariff(
    price: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="USD", help="Of a TH in the first band.")
    ] = None,
    band_discount: Annotated[
        Decimal | None, typer.Option(parser=amount, metavar="FRACTION", help="Off for each further band.")
    ] = None,
    power_steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="What a TH costs more by W/TH, as 12-14:2.098 15-19:0.772")
    ] = None,
    efficiency_steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="What a step of a TH to a lower W/TH costs.")
    ] = None,
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what upgrades cost, in USD, after changing what is given. What is far from before takes two."""

    async def change(tx: Tx, act: Acting) -> UpgradesChange:
        was = await upgrade_tariff.find(tx)
        given = {
            "power_price": price,
            "band_discount": band_discount,
            "power_steps": None if power_steps is None else upgrade_tariff.steps(power_steps),
            "efficiency_steps": None if efficiency_steps is None else upgrade_tariff.steps(efficiency_steps),
        }
        present = {k: v for k, v in given.items() if v is not None}
        return await _change_upgrades(tx, act, was, present, confirm, dry_run=dry_run)

    async def show(tx: Tx, _: Deployment) -> UpgradesChange:
        present = await upgrade_tariff.load(tx)
        return UpgradesChange(present, present, ())

    if all(given is None for given in (price, band_discount, power_steps, efficiency_steps)):
        found = in_transaction(data, show)
    else:
        found = acting(data, "catalogue upgrades", operator, change)
    if as_json:
        before, doubts = None if found.before is None else _tariff(found.before), doubt_shapes(found.doubts)
        now = msgspec.structs.asdict(_tariff(found.after))
        show_json(preview_shapes.Upgrades(**now, before=before, dry_run=dry_run, doubts=doubts))
        return
    if dry_run:
        say(f"Nothing was changed. It would be: {found.words()}.")
    _show_tariff(found.after)


@app.command(
    "capacity",
    epilog=example(
        "hashrail catalogue capacity 5000",
        "hashrail catalogue capacity none",
        "hashrail catalogue capacity 5000 --dry-run",
    ),
)
@prints(preview_shapes.SetCapacity)
def capacity(
    th: Annotated[str, typer.Argument(metavar="TH", help="What you own, in TH; `none` sells without a cap.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cap the TH on sale to the capacity that you own. Ten times as much, or no cap any more, takes two.

    It says what is sold, promised to open orders and free, before and then.
    """
    cap = None if th == "none" else amount(th)

    async def work(tx: Tx, act: Acting) -> tuple[CapacityEffect, Sequence[Doubt]]:
        was = await capacity_module.cap_th(tx)
        async with db.undone(tx):
            # What the books refuse is refused first, also in a dry run.
            await capacity_module.set_capacity(tx, cap)
        effect = await preview.of_capacity(tx, cap)
        doubts, before, after = await _doubt_capacity(tx, was, cap), {"cap_th": was}, {"cap_th": cap}
        if not dry_run and await may_be_done(
            tx, act, "capacity", doubts, confirm, before=before, after=after, effect=effect.words()
        ):
            await capacity_module.set_capacity(tx, cap)
            await act.note(tx, "capacity", before=before, after=after)
        return effect, doubts

    effect, doubts = acting(data, "catalogue capacity", operator, work)
    if as_json:
        show_json(_capacity_shape(effect, doubts, dry_run=dry_run))
        return
    say(f"Capacity would be {th}." if dry_run else f"Capacity is {th}.")
    say(f"{effect.words()}.")


@order_app.command("cancel", epilog=example("hashrail order cancel order-77 --partner 1"))
def cancel(
    external_id: Annotated[str, typer.Argument(help="The partner's externalId.")],
    partner: PartnerOption,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Take back an order whose miner is not issued; what it reserved is released."""

    async def work(tx: Tx, act: Acting) -> None:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        was = await orders.cancel(tx, books, external_id=external_id)
        subject = f"order {books.partner_id}:{external_id}"
        await act.note(tx, subject, before={"state": was}, after={"state": "cancelled"})

    acting(data, "order cancel", operator, work)
    say("Cancelled.")


async def _change_upgrades(
    tx: Tx, act: Acting, was: Tariff | None, given: dict[str, Any], confirm: Sequence[str] | None, *, dry_run: bool
) -> UpgradesChange:
    """Change the parts of the tariff that are given; answers what upgrades cost then, or go on to while it waits."""
    if was is None and len(given) < len(Tariff.__slots__):
        await upgrade_tariff.load(tx)  # which refuses: a part of what is not there cannot be changed
    doubts = await _doubt_upgrades(tx, was, given)
    async with db.undone(tx):
        # What the books refuse is refused first, also in a dry run.
        await upgrade_tariff.change(tx, **given)
        then = await upgrade_tariff.load(tx)
    made = UpgradesChange(was, then, doubts)
    if dry_run:
        return made
    subject, before = UPGRADES, kept.tariff(was)
    meant = before | kept.with_text_levels(given)
    if await may_be_done(tx, act, subject, doubts, confirm, before=before, after=meant, effect=made.words()):
        await upgrade_tariff.change(tx, **given)
        await act.note(tx, subject, before=before, after=kept.tariff(then))
    return made


async def _doubt_offer(
    tx: Tx, power: Decimal, efficiency: Decimal, usd: Decimal, was: Decimal | None
) -> tuple[Doubt, ...]:
    """Of a price against the present one, and that of a day ago."""
    stood = await day_ago.values(tx, "catalogue put", f"offer {kept.offer(power, efficiency)}")
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


def _put_on_sale(offer_id: int, verb: Callable[[Tx, int], Awaitable[None]]) -> Callable[[Tx, Acting], Awaitable[None]]:
    """What a verb does to whether an offer is on sale, noted."""

    async def work(tx: Tx, act: Acting) -> None:
        was = {one.id: one.active for one in await catalogue.every(tx)}
        await verb(tx, offer_id)
        is_ = {one.id: one.active for one in await catalogue.every(tx)}
        before, after = {"on_sale": was[offer_id]}, {"on_sale": is_[offer_id]}
        await act.note(tx, f"offer {offer_id}", before=before, after=after)

    return work


def _collection(one: catalogue.Collection) -> shapes.Collection:
    return shapes.Collection(
        id=one.id,
        power=one.power,
        energy_efficiency=one.energy_efficiency,
        value=one.value_usd,
        on_sale=one.active,
    )


def _put_shape(
    effect: OfferEffect, doubts: Sequence[Doubt], efficiency: Decimal, *, dry_run: bool
) -> preview_shapes.PutOffer:
    return preview_shapes.PutOffer(
        id=effect.offer,
        power=effect.power_th,
        energy_efficiency=efficiency,
        value=effect.usd,
        value_per_th=effect.per_th,
        before_value=effect.before_usd,
        before_value_per_th=effect.before_per_th,
        was_on_sale=effect.on_sale,
        open_orders=effect.orders,
        open_orders_value=effect.orders_usd,
        partners=effect.partners,
        dry_run=dry_run,
        doubts=doubt_shapes(doubts),
    )


def _capacity_shape(effect: CapacityEffect, doubts: Sequence[Doubt], *, dry_run: bool) -> preview_shapes.SetCapacity:
    return preview_shapes.SetCapacity(
        capacity=effect.cap_th,
        before_capacity=effect.before_th,
        sold=effect.sold_th,
        promised=effect.promised_th,
        free=effect.free_th,
        before_free=effect.free_before_th,
        partners=effect.partners,
        dry_run=dry_run,
        doubts=doubt_shapes(doubts),
    )


def _show_tariff(found: Tariff) -> None:
    price_of_th, less = plain(found.power_price), plain(found.band_discount)
    say(f"A TH costs {price_of_th} USD, {less} less of it for each further band.")
    levels = sorted({*found.power_steps, *found.efficiency_steps})
    table(
        "Steps, USD per TH",
        ("to W/TH", "a TH costs more", "the step costs"),
        [(n, found.power_steps.get(n, 0), found.efficiency_steps.get(n, 0)) for n in levels],
    )


def _tariff(found: Tariff) -> shapes.Tariff:
    return shapes.Tariff(
        price_usd=found.power_price,
        band_discount=found.band_discount,
        power_upgrade_price_config=_steps(found.power_steps),
        energy_efficiency_upgrade_price_config=_steps(found.efficiency_steps),
    )


def _steps(steps: Mapping[int, Decimal]) -> list[shapes.UpgradeStep]:
    return [shapes.UpgradeStep(to_level=level, price_usd=usd) for level, usd in sorted(steps.items())]
