"""hashrail payouts policy|approve|refuse|waiting|pause|resume|adopt: what the operator asks of payouts."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from hashrail import approvals, day_fence, operators, partners, payout_policy, payout_wallet
from hashrail.commands.common import (
    MOST_ID,
    Books,
    DataOption,
    JsonOption,
    PartnerOption,
    amount,
    in_camel_case,
    in_transaction,
    show_json,
    table,
)
from hashrail.commands.operators import AsOption, ask_password
from hashrail.day_fence import OpenDay
from hashrail.db import Tx
from hashrail.operators import Operator
from hashrail.payout_policy import PayoutPolicy
from hashrail.withdrawals import Withdrawal

WithdrawalArgument = Annotated[int, typer.Argument(metavar="ID", max=MOST_ID, help="The withdrawal's number.")]
T = TypeVar("T")
NONE = "none"


def _limit(text: str) -> Decimal | None:
    """An amount on the command line, or none."""
    return None if text == NONE else amount(text)


def _limited(what: str) -> Any:
    return typer.Option(metavar="BTC", help=f"{what}; or {NONE}.")


def policy(
    approve_above: Annotated[str | None, _limited("From this amount on two operators approve a withdrawal")] = None,
    user_daily: Annotated[str | None, _limited("What leaves for one user in a UTC day")] = None,
    partner_daily: Annotated[str | None, _limited("What leaves for all users of a partner in a day")] = None,
    deployment_daily: Annotated[str | None, _limited("What leaves for everybody in a day")] = None,
    cooldown: Annotated[int | None, typer.Option(metavar="SECONDS", help="How long a new address waits.")] = None,
    operator: Annotated[str | None, typer.Option("--as", help="Your name; changing asks for an admin.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is asked of payouts, after changing what is given.

    Example: hashrail payouts policy --approve-above 0.5 --user-daily 1 --as olga
    """
    given = {
        "approval_threshold_btc": approve_above,
        "user_daily_btc": user_daily,
        "partner_daily_btc": partner_daily,
        "deployment_daily_btc": deployment_daily,
    }
    changes: dict[str, Decimal | int | None] = {n: _limit(text) for n, text in given.items() if text is not None}
    if cooldown is not None:
        changes["cooldown_seconds"] = cooldown
    if changes and operator is None:
        raise typer.BadParameter("--as is needed to change the policy")
    password = ask_password() if changes else ""

    async def work(tx: Tx, _: Books) -> PayoutPolicy:
        if changes and operator is not None:
            admin = await operators.authenticate(tx, operator, password, least="admin")
            await payout_policy.put(tx, admin, replace(await payout_policy.hold(tx), **changes))  # type: ignore[arg-type]
        return await payout_policy.get(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json(in_camel_case(asdict(found)))
    else:
        table("Payout policy", ("what", "is"), [("paused", found.paused_reason or "no"), *found.told()])


def approve(
    withdrawal_id: WithdrawalArgument, partner: PartnerOption, operator: AsOption, data: DataOption = None
) -> None:
    """Approve a large withdrawal; the second operator puts it into the queue. Again is a no-op.

    Example: hashrail payouts approve 12 --partner 1 --as olga
    """

    async def work(tx: Tx, day: OpenDay, who: Operator) -> tuple[Withdrawal, int]:
        made = await approvals.approve(tx, day, who, withdrawal_id)
        return made, await approvals.count(tx, day.partner_id, withdrawal_id)

    made, given = _as_operator(data, partner, operator, work)
    if made.state == "awaiting_approval":
        typer.echo(
            f"Withdrawal {withdrawal_id} has {given} of {approvals.NEEDED} approvals: another operator is needed."
        )
    elif given == 0:
        typer.echo(f"Withdrawal {withdrawal_id} needs no approval: it is {made.state}.")
    else:
        typer.echo(f"Withdrawal {withdrawal_id} is approved, and {made.state}.")


def refuse(
    withdrawal_id: WithdrawalArgument,
    partner: PartnerOption,
    operator: AsOption,
    reason: Annotated[str, typer.Option(help="Why; the partner can read it.")],
    data: DataOption = None,
) -> None:
    """Refuse a withdrawal that is not signed; what it held is the user's again.

    Example: hashrail payouts refuse 12 --partner 1 --reason "the address is on a list" --as olga
    """

    async def work(tx: Tx, day: OpenDay, who: Operator) -> Withdrawal:
        return await approvals.refuse(tx, day, who, withdrawal_id, reason)

    typer.echo(f"Withdrawal {withdrawal_id} is {_as_operator(data, partner, operator, work).state}.")


def waiting(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List withdrawals that wait for approval, and who has approved them."""

    async def work(tx: Tx, _: Books) -> list[approvals.Waiting]:
        return await approvals.waiting(tx)

    found = in_transaction(data, work)
    columns = ("partner", "id", "user", "BTC", "address", "since", "approved by")
    rows = [
        (each.partner, each.id, each.partner_user_id, each.amount_btc, each.address, each.created_at, each.approved_by)
        for each in found
    ]
    if as_json:
        show_json(in_camel_case([asdict(each) for each in found]))
    else:
        table("Waiting for approval", columns, rows)


def pause(reason: Annotated[str, typer.Option(help="Why; status and log show it.")], data: DataOption = None) -> None:
    """Stop signing and sending, at once. What is out already is watched on. Nobody's password is asked for.

    Example: hashrail payouts pause --reason "the node is looked at"
    """

    async def work(tx: Tx, _: Books) -> None:
        await payout_policy.pause(tx, reason)

    in_transaction(data, work)
    typer.echo("Payouts are paused. Go on with: hashrail payouts resume --as NAME")


def resume(operator: AsOption, data: DataOption = None) -> None:
    """Let payouts go on; again is a no-op.

    Example: hashrail payouts resume --as olga
    """
    password = ask_password()

    async def work(tx: Tx, _: Books) -> None:
        await payout_policy.resume(tx, await operators.authenticate(tx, operator, password, least="admin"))

    in_transaction(data, work)
    typer.echo("Payouts go on.")


def adopt(
    operator: AsOption,
    reason: Annotated[str, typer.Option(help="Why it is another wallet; it is kept.")],
    data: DataOption = None,
) -> None:
    """Take the wallet that is on the node now for the right one, where WALLET_IS_ANOTHER stops payouts.

    Only where you know everything that the old one has paid: what it paid after these books were saved would be paid
    again. One with the same keys needs no adoption: let it look through the chain (hashrail payouts watch --since).
    """
    password = ask_password()

    async def work(tx: Tx, _: Books) -> None:
        who = await operators.authenticate(tx, operator, password, least="admin")
        await payout_wallet.adopt(tx, who, reason)

    in_transaction(data, work)
    typer.echo("The wallet that is read next is the right one.")


def _as_operator(
    data: Path | None, partner: str, name: str, work: Callable[[Tx, OpenDay, Operator], Awaitable[T]]
) -> T:
    """Do something to a partner's withdrawal as an approver."""
    password = ask_password()

    async def whole(tx: Tx, _: Books) -> T:
        who = await operators.authenticate(tx, name, password, least="approver")
        day = await day_fence.share(tx, (await partners.find(tx, partner)).id)
        return await work(tx, day, who)

    return in_transaction(data, whole)
