"""hashrail miner, order, deposit, income, address: lists with filters, and single ones."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hashrail.cli import support_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.list_options import (
    AfterOption,
    FromOption,
    LimitOption,
    StateOption,
    ToOption,
    UserOption,
    hint,
    state_of,
)
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.orders import OrderNotFoundError
from hashrail.support import lists
from hashrail.support.lists import Page

miner_app, order_app, deposit_app = typer.Typer(), typer.Typer(), typer.Typer()
income_app, address_app = typer.Typer(), typer.Typer()

Row = TypeVar("Row")
MINERS = ("id", "TH", "W/TH", "state", "issued", "name", "user")
ORDERS = ("number", "TH", "W/TH", "USD", "state", "created", "paid", "refunded", "miner", "external id", "user")
DEPOSITS = ("id", "BTC", "address", "state", "confirmations", "seen", "credited", "txid", "vout", "user")
ADDRESSES = ("id", "address", "state", "bound", "paid from", "taken off", "user")
INCOME = ("day", "TH", "gross BTC", "net BTC")


@miner_app.command("list", epilog=example("hashrail miner list --partner 1 --user alice"))
@prints(list[shapes.UserMiner])
def list_miners(
    partner: PartnerOption,
    user: UserOption = None,
    state: StateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    after: AfterOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List miners of a partner's users, the newest first: running ones, and those that a refund has ended."""
    page = Page(limit, state=state_of("miner", state), first=first, last=last, after=after)
    found = _page(data, partner, user, page, lists.miners)
    if as_json:
        show_json([shapes.UserMiner.of(one) for one in found])
        return
    table("Miners", MINERS, [miner_row(one) for one in found])
    hint(found, limit, None if not found else found[-1].id)


@miner_app.command("show", epilog=example("hashrail miner show 1001 --partner 1"))
@prints(shapes.MinerWithStints)
def show_miner(
    miner_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The miner's number (nftId).")],
    partner: PartnerOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a miner with its stints: whose it was from which day on, with which power and discounts."""

    async def work(tx: Tx, _: Deployment) -> tuple[lists.Miner, list[lists.Stint]]:
        partner_id = (await partners.find(tx, partner)).id
        found = await lists.miners(tx, partner_id, Page(1, after=miner_id + 1))
        if not found or found[0].id != miner_id:
            raise MinerNotFoundError(f"no miner {miner_id}", field="nftId")
        return found[0], await lists.stints(tx, partner_id, miner_id)

    miner, stints = in_transaction(data, work)
    if as_json:
        show_json(shapes.MinerWithStints.whole(miner, stints))
        return
    table("Miner", MINERS, [miner_row(miner)])
    show_stints(stints)


@order_app.command("list", epilog=example("hashrail order list --partner 1 --state created"))
@prints(list[shapes.UserOrder])
def list_orders(
    partner: PartnerOption,
    user: UserOption = None,
    state: StateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    after: AfterOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List orders of a partner, the newest first, with the miners that they issued."""
    page = Page(limit, state=state_of("order", state), first=first, last=last, after=after)
    found = _page(data, partner, user, page, lists.orders)
    if as_json:
        show_json([shapes.UserOrder.of(one) for one in found])
        return
    table("Orders", ORDERS, [order_row(one) for one in found])
    hint(found, limit, None if not found else found[-1].id)


@order_app.command("show", epilog=example("hashrail order show order-1001 --partner 1"))
@prints(shapes.UserOrder)
def show_order(
    external_id: Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="The partner's own id of the order.")],
    partner: PartnerOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one order: what it is for, how far it is, which miner it issued."""

    async def work(tx: Tx, _: Deployment) -> lists.Order:
        found = await lists.order(tx, (await partners.find(tx, partner)).id, external_id)
        if found is None:
            raise OrderNotFoundError("the partner has no such order", field="externalId")
        return found

    found = in_transaction(data, work)
    if as_json:
        show_json(shapes.UserOrder.of(found))
    else:
        table("Order", ORDERS, [order_row(found)])


@deposit_app.command("list", epilog=example("hashrail deposit list --partner 1 --state pending"))
@prints(list[shapes.UserDeposit])
def list_deposits(
    partner: PartnerOption,
    user: UserOption = None,
    state: StateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    after: AfterOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List bitcoin that arrived for a partner's users, the newest first."""
    page = Page(limit, state=state_of("deposit", state), first=first, last=last, after=after)
    found = _page(data, partner, user, page, lists.deposits)
    if as_json:
        show_json([shapes.UserDeposit.of(one) for one in found])
        return
    table("Deposits", DEPOSITS, [deposit_row(one) for one in found])
    hint(found, limit, None if not found else found[-1].id)


@address_app.command("list", epilog=example("hashrail address list --partner 1 --user alice"))
@prints(list[shapes.UserAddress])
def list_addresses(
    partner: PartnerOption,
    user: UserOption = None,
    state: StateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    after: AfterOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List addresses that a partner's users have bound, the newest first, and those that they lately took off."""
    page = Page(limit, state=state_of("address", state), first=first, last=last, after=after)
    found = _page(data, partner, user, page, lists.addresses)
    if as_json:
        show_json([shapes.UserAddress.of(one) for one in found])
        return
    table("Addresses", ADDRESSES, [address_row(one) for one in found])
    bound = [one.id for one in found if one.id is not None]
    hint(found, limit, bound[-1] if bound else None)


@income_app.command("list", epilog=example("hashrail income list --partner 1 --user alice --from 2026-09-01"))
@prints(list[shapes.UserIncome])
def list_income(
    partner: PartnerOption,
    user: Annotated[str, typer.Option("--user", help="The user, by the partner's own id.")],
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a user earned day by day, the newest first; adjustments count with the day they were credited with."""

    async def work(tx: Tx, _: Deployment) -> list[lists.IncomeDay]:
        partner_id = (await partners.find(tx, partner)).id
        found = await users.find(tx, partner_id, user)
        return await lists.income(tx, partner_id, found.id, Page(limit, first=first, last=last))

    found = in_transaction(data, work)
    if as_json:
        show_json([shapes.UserIncome.of(one) for one in found])
        return
    table("Income", INCOME, [income_row(one) for one in found])
    if len(found) == limit:
        say(f"There may be more: --to {found[-1].day} goes on, with this day again.")


def show_stints(stints: Sequence[lists.Stint]) -> None:
    """A table of a miner's stints."""
    columns = ("from", "to", "TH", "W/TH", "level", "programmes", "user")
    rows = [
        (
            one.from_day,
            one.to_day,
            one.power,
            one.energy_efficiency,
            one.level_discount,
            one.programmes,
            one.partner_user_id,
        )
        for one in stints
    ]
    table("Stints", columns, rows)


def miner_row(one: lists.Miner) -> tuple[object, ...]:
    """A line of a table of miners."""
    return (one.id, one.power, one.energy_efficiency, one.state, one.created_at, one.name, one.partner_user_id)


def order_row(one: lists.Order) -> tuple[object, ...]:
    """A line of a table of orders."""
    offer = (one.power, one.energy_efficiency, one.value_usd)
    times = (one.created_at, one.paid_at, one.refunded_at)
    return (one.id, *offer, one.state, *times, one.miner_id, one.external_id, one.partner_user_id)


def deposit_row(one: lists.Deposit) -> tuple[object, ...]:
    """A line of a table of deposits."""
    standing = (one.state, one.confirmations, one.created_at, one.credited_at)
    return (one.id, one.amount_btc, one.address, *standing, one.txid, one.vout, one.partner_user_id)


def address_row(one: lists.Address) -> tuple[object, ...]:
    """A line of a table of addresses."""
    return (one.id, one.address, one.state, one.bound_at, one.usable_at, one.unbound_at, one.partner_user_id)


def income_row(one: lists.IncomeDay) -> tuple[object, ...]:
    """A line of a table of days."""
    return (one.day, one.power, one.gross_btc, one.net_btc)


def _page(
    data: Path | None,
    partner: str,
    user: str | None,
    page: Page,
    read: Callable[[Tx, int, Page], Awaitable[list[Row]]],
) -> list[Row]:
    """A page of a partner's, or of one user's."""

    async def work(tx: Tx, _: Deployment) -> list[Row]:
        partner_id = (await partners.find(tx, partner)).id
        user_id = None if user is None else (await users.find(tx, partner_id, user)).id
        return await read(tx, partner_id, page.of(user_id))

    return in_transaction(data, work)
