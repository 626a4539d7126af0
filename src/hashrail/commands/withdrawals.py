"""hashrail partner payouts, hashrail withdrawal: what partners ask of withdrawals, and what was asked for."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import typer

from hashrail import day_fence, operators, partners, payout_policy, users, withdrawals
from hashrail.commands.common import (
    MOST_ID,
    Books,
    DataOption,
    JsonOption,
    PartnerOption,
    amount,
    in_transaction,
    show_json,
    table,
)
from hashrail.commands.operators import AdminOption, acting_password
from hashrail.db import Tx
from hashrail.withdrawals import Policy, Withdrawal

app = typer.Typer(help="Withdrawals of a partner's users: list, show, cancel.", no_args_is_help=True)

WithdrawalArgument = Annotated[int, typer.Argument(metavar="ID", max=MOST_ID, help="The withdrawal's number.")]
COLUMNS = ("id", "user", "speed", "BTC", "commission BTC", "address", "state", "created", "changed")


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
    operator: AdminOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a partner asks of its users' withdrawals, after changing what is given.

    Once there is an admin, only he changes what may be withdrawn in a day.

    Example: hashrail partner payouts --partner 1 --duplicate-seconds 300 --bound-only
    """
    mine = "" if daily_btc is None else acting_password(operator)

    async def work(tx: Tx, _: Books) -> tuple[Policy, Decimal | None]:
        partner_id = (await partners.find(tx, partner)).id
        if daily_btc is not None:
            admin = await operators.admit(tx, operator, mine)
            limit = None if daily_btc == "none" else amount(daily_btc)
            await payout_policy.set_partner_limit(tx, admin, partner_id, limit)
        policy = await withdrawals.policy_of(tx, partner_id)
        if duplicate_seconds is not None:
            policy = replace(policy, duplicate_seconds=duplicate_seconds)
        if bound_only is not None:
            policy = replace(policy, bound_addresses_only=bound_only)
        await withdrawals.set_policy(tx, partner_id, policy)
        return policy, await payout_policy.partner_limit(tx, partner_id)

    policy, limit = in_transaction(data, work)
    if as_json:
        facts = {"duplicateSeconds": policy.duplicate_seconds, "boundAddressesOnly": policy.bound_addresses_only}
        show_json(facts | {"dailyBtc": limit})
        return
    addresses = "bound ones" if policy.bound_addresses_only else "any"
    columns = ("duplicates within seconds", "addresses", "BTC a day")
    table("Payouts", columns, [(policy.duplicate_seconds, addresses, "the limit of all" if limit is None else limit)])


@app.command("list")
def list_withdrawals(
    partner: PartnerOption,
    user: Annotated[str | None, typer.Option(help="Only this user's, by the partner's own id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List withdrawals, newest first."""

    async def work(tx: Tx, _: Books) -> list[Withdrawal]:
        partner_id = (await partners.find(tx, partner)).id
        user_id = None if user is None else (await users.find(tx, partner_id, user)).id
        return await withdrawals.of_partner(tx, partner_id, user_id=user_id, limit=limit)

    found = in_transaction(data, work)
    if as_json:
        show_json([_facts(one) for one in found])
    else:
        table("Withdrawals", COLUMNS, [_row(one) for one in found])


@app.command("show")
def show(
    withdrawal_id: WithdrawalArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one withdrawal, with the batch and the transaction that pay it.

    Example: hashrail withdrawal show 12 --partner 1
    """

    async def work(tx: Tx, _: Books) -> Withdrawal:
        return await withdrawals.get(tx, (await partners.find(tx, partner)).id, withdrawal_id)

    _show(in_transaction(data, work), as_json=as_json)


@app.command("cancel")
def cancel(
    withdrawal_id: WithdrawalArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Take back a withdrawal that is still queued; what it reserved is the user's again. Again is a no-op.

    One that was exported is ended by hashrail payouts cancel.
    """

    async def work(tx: Tx, _: Books) -> Withdrawal:
        opened = await day_fence.share(tx, (await partners.find(tx, partner)).id)
        return await withdrawals.cancel(tx, opened, withdrawal_id)

    _show(in_transaction(data, work), as_json=as_json)


def _show(one: Withdrawal, *, as_json: bool) -> None:
    if as_json:
        show_json(_facts(one))
        return
    table(f"Withdrawal {one.id}", ("what", "is"), [(what, is_) for what, is_ in _facts(one).items() if is_ is not None])


def _row(one: Withdrawal) -> tuple[object, ...]:
    return (
        one.id,
        one.partner_user_id,
        one.speed,
        one.amount_btc,
        one.commission_btc,
        one.address,
        one.state,
        one.created_at,
        one.changed_at,
    )


def _facts(one: Withdrawal) -> dict[str, object]:
    return {
        "id": one.id,
        "partnerUserId": one.partner_user_id,
        "speed": one.speed,
        "amountBtc": one.amount_btc,
        "commissionBtc": one.commission_btc,
        "address": one.address,
        "state": one.state,
        "createdAt": one.created_at,
        "changedAt": one.changed_at,
        "batch": one.batch_id,
        "txid": one.txid,
        "confirmations": one.confirmations,
        "reason": one.reason,
    }
