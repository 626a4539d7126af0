"""hashrail partner payouts, hashrail withdrawal: what partners ask of withdrawals, and what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import typer

from hashrail.acts import payout_terms as term_acts
from hashrail.acts import withdrawals as acts
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.cli import payout_shapes as shapes
from hashrail.cli.acting import AsOption, acting
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
from hashrail.cli.printing import builtins, prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, amount, in_transaction, table
from hashrail.custody import payout_terms, withdrawals
from hashrail.custody.operator_withdrawals import Wanted
from hashrail.custody.payout_terms import PartnerTerms
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users
from hashrail.support import waiting
from hashrail.support.lists import Page
from hashrail.support.waits import Wait, until

app = typer.Typer()
partner_app = typer.Typer()

WithdrawalArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The withdrawal's number.")]
# What a user is called stands last: nothing of theirs is before an amount or an address.
COLUMNS = ("id", "BTC", "address", "commission BTC", "speed", "state", "waits for", "until", "created", "user")


@partner_app.command(
    "payouts", epilog=example("hashrail partner payouts --partner 1 --duplicate-seconds 300 --bound-only")
)
@prints(shapes.PartnerPayouts)
def payouts(
    partner: PartnerOption,
    duplicate_seconds: Annotated[
        int | None,
        typer.Option(help="Refuse the same user, address and amount within so many seconds; 0 lets them pass."),
    ] = None,
    bound_only: Annotated[
        bool | None,
        typer.Option("--bound-only/--any-address", help="Pay to addresses that users have bound, or to any."),
    ] = None,
    daily_btc: Annotated[
        str | None, typer.Option(metavar="BTC", help="What its users may withdraw in a day, or none: the limit of all.")
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a partner asks of its users' withdrawals, after changing what is given.

    What loosens it takes two admins.
    """

    async def change(tx: Tx, act: Acting) -> PartnerTerms:
        partner_id = (await partners.find(tx, partner)).id
        was = await payout_terms.of_partner(tx, partner_id)
        meant = was
        if daily_btc is not None:
            meant = replace(meant, daily_btc=None if daily_btc == "none" else amount(daily_btc))
        if duplicate_seconds is not None:
            meant = replace(meant, duplicate_seconds=duplicate_seconds)
        if bound_only is not None:
            meant = replace(meant, bound_addresses_only=bound_only)
        await term_acts.put(tx, act, partner_id, meant)
        return await payout_terms.of_partner(tx, partner_id)

    async def show_it(tx: Tx, _: Deployment) -> PartnerTerms:
        return await payout_terms.of_partner(tx, (await partners.find(tx, partner)).id)

    if all(given is None for given in (duplicate_seconds, bound_only, daily_btc)):
        found = in_transaction(data, show_it)
    else:
        found = acting(data, "partner payouts", operator, change)
    if as_json:
        show_json(
            shapes.PartnerPayouts(
                duplicate_seconds=found.duplicate_seconds,
                bound_addresses_only=found.bound_addresses_only,
                daily_btc=found.daily_btc,
            )
        )
        return
    addresses = "bound ones" if found.bound_addresses_only else "any"
    limit = "the limit of all" if found.daily_btc is None else found.daily_btc
    columns = ("duplicates within seconds", "addresses", "BTC a day")
    table("Payouts", columns, [(found.duplicate_seconds, addresses, limit)])


@app.command("list", epilog=example("hashrail withdrawal list --partner 1 --user alice"))
@prints(list[shapes.Withdrawal])
def list_withdrawals(
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
    """List withdrawals, newest first, with what each waits for and until when."""

    page = Page(limit, state=state_of("withdrawal", state), first=first, last=last, after=after)

    async def work(tx: Tx, deployment: Deployment) -> list[shapes.Withdrawal]:
        partner_id = (await partners.find(tx, partner)).id
        user_id = None if user is None else (await users.find(tx, partner_id, user)).id
        found = await withdrawals.of_partner(
            *(tx, partner_id),
            user_id=user_id,
            limit=limit,
            before=page.after,
            state=page.state,
            since=page.since,
            until=page.before,
        )
        return await _shapes(tx, deployment, partner_id, found)

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("Withdrawals", COLUMNS, [row_of(one) for one in found])
        hint(found, limit, None if not found else found[-1].id)


@app.command("show", epilog=example("hashrail withdrawal show 12 --partner 1"))
@prints(shapes.Withdrawal)
def show(
    withdrawal_id: WithdrawalArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one withdrawal: what it waits for and until when, the batch and the transaction that pay it."""

    async def work(tx: Tx, deployment: Deployment) -> shapes.Withdrawal:
        partner_id = (await partners.find(tx, partner)).id
        found = await withdrawals.get(tx, partner_id, withdrawal_id)
        return (await _shapes(tx, deployment, partner_id, [found]))[0]

    _show(in_transaction(data, work), as_json=as_json)


@app.command(
    "request",
    epilog=example(
        "hashrail withdrawal request user-123 --partner 1 --address bc1q... --amount 0.01 --reference 'case 88' "
        "--reason 'the partner is closed'"
    ),
)
@prints(shapes.Withdrawal)
def request(
    user: Annotated[str, typer.Argument(metavar="PARTNER_USER_ID", help="The user by the partner's own id.")],
    partner: PartnerOption,
    address: Annotated[str, typer.Option(help="Where the user wants it.")],
    btc: Annotated[Decimal, typer.Option("--amount", parser=amount, metavar="BTC", help="What arrives there.")],
    reference: Annotated[str, typer.Option(help="Yours, a case number for instance; it counts once.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the log.")],
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a withdrawal in the name of a user whose partner is suspended or closed. It takes two admins.

    It is paid within 24 hours, without a commission, as any other withdrawal. Again with the same reference is a no-op.
    """

    async def work(tx: Tx, act: Acting) -> shapes.Withdrawal | None:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        wanted = Wanted((await users.find(tx, books.partner_id, user)).id, address, btc, reference, reason)
        made = await acts.request(tx, act, books, wanted, f"user {books.partner_id}:{user}")
        return None if made is None else (await _shapes(tx, act.deployment, books.partner_id, [made]))[0]

    made = acting(data, "withdrawal request", operator, work)
    assert made is not None, "what waits ends the command"
    _show(made, as_json=as_json)


@app.command("cancel")
@prints(shapes.Withdrawal)
def cancel(
    withdrawal_id: WithdrawalArgument,
    partner: PartnerOption,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back a withdrawal that is still queued; what it reserved is the user's again. Again is a no-op.

    One that was exported is ended by hashrail payouts cancel.
    """

    async def work(tx: Tx, act: Acting) -> shapes.Withdrawal:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        made = await acts.cancel(tx, act, books, withdrawal_id)
        return (await _shapes(tx, act.deployment, books.partner_id, [made]))[0]

    _show(acting(data, "withdrawal cancel", operator, work), as_json=as_json)


def _show(one: shapes.Withdrawal, *, as_json: bool) -> None:
    if as_json:
        show_json(one)
        return
    facts = [(what, is_) for what, is_ in builtins(one).items() if is_ is not None and what != "waits"]
    table(f"Withdrawal {one.id}", ("what", "is"), facts)
    if one.waits:
        rows = [(each.cause, each.reason, each.until, each.detail) for each in one.waits]
        table("It waits for", ("cause", "reason", "until", "detail"), rows)


def row_of(one: shapes.Withdrawal) -> tuple[object, ...]:
    """A line of a table of withdrawals."""
    return (
        one.id,
        one.amount,
        one.wallet_address,
        one.fee,
        one.speed,
        one.state,
        [each.cause for each in one.waits],
        one.waits_until,
        one.created_at,
        one.partner_user_id,
    )


async def _shapes(
    tx: Tx, deployment: Deployment, partner_id: int, found: Sequence[Withdrawal]
) -> list[shapes.Withdrawal]:
    """What is shown of a partner's withdrawals, with what each waits for."""
    waits = await waiting.of(tx, deployment, partner_id, found)
    return shapes_of(partner_id, found, waits, simulated=deployment.simulates_chain)


def shapes_of(
    partner_id: int, found: Sequence[Withdrawal], waits: Mapping[int, Sequence[Wait]], *, simulated: bool
) -> list[shapes.Withdrawal]:
    """The same for scripts."""
    return [_shape(one, partner_id, waits[one.id], simulated=simulated) for one in found]


def _shape(one: Withdrawal, partner_id: int, waits: Sequence[Wait], *, simulated: bool) -> shapes.Withdrawal:
    return shapes.Withdrawal(
        partner=partner_id,
        id=one.id,
        partner_user_id=one.partner_user_id,
        speed=one.speed,
        wallet_address=one.address,
        amount=one.amount_btc,
        fee=one.commission_btc,
        state=one.state,
        batch_id=one.batch_id,
        txid=one.txid,
        confirmations=one.confirmations,
        reason=one.reason,
        waits=[
            shapes.Wait(cause=each.cause, reason=each.words, detail=each.detail, until=each.until) for each in waits
        ],
        waits_until=until(waits),
        simulated=simulated,
        created_at=one.created_at,
        changed_at=one.changed_at,
    )
