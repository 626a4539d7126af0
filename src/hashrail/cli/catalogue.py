"""hashrail catalogue, order: what is on sale, what upgrades cost, how much may be sold; and taking an order back."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
import typer

from hashrail.acts import catalogue as acts
from hashrail.acts import orders as order_acts
from hashrail.acts.acting import Acting
from hashrail.acts.catalogue import Capped, Offered, UpgradesChange
from hashrail.bounds import Doubt
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes
from hashrail.cli.second_look import ConfirmOption, DryRunOption, named
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import plain
from hashrail.parties import partners
from hashrail.selling import catalogue, upgrade_tariff
from hashrail.selling.preview import CapacityEffect, OfferEffect
from hashrail.selling.upgrade_prices import Tariff

app = typer.Typer()
order_app = typer.Typer()

OfferArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The offer's number, as listed.")]


@app.command("seed")
def seed(operator: AsOption = None, data: DataOption = None) -> None:
    """Offer the sample catalogue, and set the sample discount levels and tariff of upgrades."""

    async def work(tx: Tx, act: Acting) -> int:
        return await acts.seed(tx, act)

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

    async def work(tx: Tx, act: Acting) -> Offered:
        return await acts.put(tx, act, power, efficiency, usd, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "catalogue put", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
    if as_json:
        show_json(_put_shape(effect, doubts, efficiency, dry_run=dry_run))
        return
    say("Nothing was changed." if dry_run else "Offered.")
    say(f"{effect.words()}.")


@app.command("withdraw", epilog=example("hashrail catalogue withdraw 12"))
def withdraw(offer_id: OfferArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Take an offer off sale. Orders of it that are open are issued when they are paid; nothing new is sold of it."""

    async def work(tx: Tx, act: Acting) -> None:
        await acts.withdraw(tx, act, offer_id)

    acting(data, "catalogue withdraw", operator, work)
    say(f"Offer {offer_id} is off sale.")


@app.command("offer", epilog=example("hashrail catalogue offer 12"))
def offer_again(offer_id: OfferArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Put an offer back on sale, at the price that it had."""

    async def work(tx: Tx, act: Acting) -> None:
        await acts.put_back(tx, act, offer_id)

    acting(data, "catalogue offer", operator, work)
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
        given = {
            "power_price": price,
            "band_discount": band_discount,
            "power_steps": None if power_steps is None else upgrade_tariff.steps(power_steps),
            "efficiency_steps": None if efficiency_steps is None else upgrade_tariff.steps(efficiency_steps),
        }
        present = {k: v for k, v in given.items() if v is not None}
        return await acts.change_upgrades(tx, act, present, confirm=named(confirm, dry_run=dry_run))

    async def show(tx: Tx, _: Deployment) -> UpgradesChange:
        present = await upgrade_tariff.load(tx)
        return UpgradesChange(present, present, ())

    if all(given is None for given in (price, band_discount, power_steps, efficiency_steps)):
        found = in_transaction(data, show)
    else:
        found = acting(data, "catalogue upgrades", operator, change, tries=dry_run)
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

    async def work(tx: Tx, act: Acting) -> Capped:
        return await acts.set_capacity(tx, act, cap, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "catalogue capacity", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
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
        await order_acts.cancel(tx, act, (await partners.find(tx, partner)).id, external_id)

    acting(data, "order cancel", operator, work)
    say("Cancelled.")


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
