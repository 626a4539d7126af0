"""hashrail payouts policy|approve|refuse|waiting|pause|resume|adopt: what the operator asks of payouts."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from hashrail.acts import payouts as acts
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.cli import payout_shapes as shapes
from hashrail.cli.acting import AsOption, NamedOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.custody import approvals, payout_policy
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners
from hashrail.parties.operators import Operator

app = typer.Typer()
WithdrawalArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The withdrawal's number.")]
T = TypeVar("T")
NONE = "none"


def _limit(text: str) -> Decimal | None:
    """An amount on the command line, or none."""
    return None if text == NONE else amount(text)


def _limited(what: str) -> Any:
    return typer.Option(metavar="BTC", help=f"{what}; or {NONE}.")


@app.command("policy", epilog=example("hashrail payouts policy --approve-above 0.5 --user-daily 1 --as olga"))
@prints(shapes.PayoutPolicy)
def policy(
    approve_above: Annotated[
        str | None, _limited("From this amount on two approve, counted by user and by address in 24 hours")
    ] = None,
    approve_partner_above: Annotated[
        str | None, _limited("From this sum on, of a partner's users in 24 hours, two approve")
    ] = None,
    user_daily: Annotated[str | None, _limited("What leaves for one user in a UTC day")] = None,
    partner_daily: Annotated[str | None, _limited("What leaves for all users of a partner in a day")] = None,
    deployment_daily: Annotated[str | None, _limited("What leaves for everybody in a day")] = None,
    cooldown: Annotated[int | None, typer.Option(metavar="SECONDS", help="How long a new address waits.")] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is asked of payouts, after changing what is given. What loosens it takes two admins."""
    given = {
        "approval_threshold_btc": approve_above,
        "partner_approval_btc": approve_partner_above,
        "user_daily_btc": user_daily,
        "partner_daily_btc": partner_daily,
        "deployment_daily_btc": deployment_daily,
    }
    changes: dict[str, Decimal | int | None] = {n: _limit(text) for n, text in given.items() if text is not None}
    if cooldown is not None:
        changes["cooldown_seconds"] = cooldown

    async def change(tx: Tx, act: Acting) -> PayoutPolicy:
        return await acts.set_policy(tx, act, changes)

    async def show(tx: Tx, _: Deployment) -> PayoutPolicy:
        return await payout_policy.get(tx)

    found = acting(data, "payouts policy", operator, change) if changes else in_transaction(data, show)
    if as_json:
        show_json(
            shapes.PayoutPolicy(
                paused_reason=found.paused_reason,
                approval_threshold_btc=found.approval_threshold_btc,
                partner_approval_btc=found.partner_approval_btc,
                user_daily_btc=found.user_daily_btc,
                partner_daily_btc=found.partner_daily_btc,
                deployment_daily_btc=found.deployment_daily_btc,
                cooldown_seconds=found.cooldown_seconds,
            )
        )
    else:
        table("Payout policy", ("what", "is"), [("paused", found.paused_reason or "no"), *found.rules()])


@app.command("approve", epilog=example("hashrail payouts approve 12 --partner 1 --as olga"))
def approve(
    withdrawal_id: WithdrawalArgument, partner: PartnerOption, operator: NamedOption, data: DataOption = None
) -> None:
    """Approve a large withdrawal; with the second person it goes into the queue.

    Two operators of whom one made or changed the other's account lately count as one: hashrail operator policy
    """

    async def work(tx: Tx, books: OpenBooks, who: Operator) -> tuple[Withdrawal, int]:
        made = await approvals.approve(tx, books, who, withdrawal_id)
        return made, await approvals.count(tx, books.partner_id, withdrawal_id)

    made, given = _as_operator(data, "payouts approve", partner, operator, work)
    if made.state == "awaiting_approval":
        say(f"Withdrawal {withdrawal_id} has {_approvals(given)}: another operator is needed.")
    elif given == 0:
        say(f"Withdrawal {withdrawal_id} needs no approval: it is {made.state}.")
    else:
        say(f"Withdrawal {withdrawal_id} is approved, and {made.state}.")


@app.command(
    "refuse", epilog=example('hashrail payouts refuse 12 --partner 1 --reason "the address is on a list" --as olga')
)
def refuse(
    withdrawal_id: WithdrawalArgument,
    partner: PartnerOption,
    operator: NamedOption,
    reason: Annotated[str, typer.Option(help="Why; the partner can read it.")],
    data: DataOption = None,
) -> None:
    """Refuse a withdrawal that is not signed; what it held is the user's again."""

    async def work(tx: Tx, books: OpenBooks, who: Operator) -> Withdrawal:
        return await approvals.refuse(tx, books, who, withdrawal_id, reason)

    made = _as_operator(data, "payouts refuse", partner, operator, work)
    say(f"Withdrawal {withdrawal_id} is {made.state}.")


@app.command("waiting")
@prints(list[shapes.WaitingWithdrawal])
def waiting(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List withdrawals that wait for approval, and who has approved them."""

    async def work(tx: Tx, _: Deployment) -> list[approvals.Waiting]:
        return await approvals.waiting(tx)

    found = in_transaction(data, work)
    columns = ("id", "BTC", "address", "since", "approved by", "partner", "user")
    rows = [
        (each.id, each.amount_btc, each.address, each.created_at, each.approved_by, each.partner, each.partner_user_id)
        for each in found
    ]
    if as_json:
        show_json([_waiting(each) for each in found])
    else:
        table("Waiting for approval", columns, rows)


@app.command("pause", epilog=example('hashrail payouts pause --reason "the node is looked at"'))
def pause(
    reason: Annotated[str, typer.Option(help="Why; status and log show it.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Stop signing and sending, at once. What was sent is still watched. Every operator may, also a viewer."""

    async def work(tx: Tx, act: Acting) -> None:
        await payout_policy.pause(tx, act.operator, reason)

    acting(data, "payouts pause", operator, work)
    say("Payouts are paused. Go on with: hashrail payouts resume --as NAME")


@app.command("resume", epilog=example("hashrail payouts resume --as olga"))
def resume(operator: NamedOption, data: DataOption = None) -> None:
    """Let payouts go on; again is a no-op. Where somebody else has paused them, it takes two admins."""

    acting(data, "payouts resume", operator, acts.resume)
    say("Payouts go on.")


@app.command("adopt")
def adopt(
    operator: NamedOption,
    reason: Annotated[str, typer.Option(help="Why it is another wallet; it is kept.")],
    data: DataOption = None,
) -> None:
    """Take the wallet that is on the node now for the right one, where WALLET_IS_ANOTHER stops payouts.

    Only where you know everything that the old one has paid: what it paid after these books were saved would be paid
    again. One with the same keys needs no adoption: let it look through the chain (hashrail payouts watch --since).
    It takes two admins.
    """

    async def work(tx: Tx, act: Acting) -> None:
        await acts.adopt(tx, act, reason=reason)

    acting(data, "payouts adopt", operator, work)
    say("The wallet that is read next is the right one.")


def _approvals(given: int) -> str:
    """How many there are, where they are not enough."""
    if given < approvals.NEEDED:
        return f"{given} of {approvals.NEEDED} approvals"
    return f"{given} approvals of operators who made or changed each other's accounts lately, and count as one"


def _waiting(one: approvals.Waiting) -> shapes.WaitingWithdrawal:
    return shapes.WaitingWithdrawal(
        partner=one.partner_id,
        partner_name=one.partner,
        id=one.id,
        partner_user_id=one.partner_user_id,
        wallet_address=one.address,
        amount=one.amount_btc,
        created_at=one.created_at,
        approved_by=one.approved_by,
    )


def _as_operator(
    data: Path | None, act: str, partner: str, name: str, work: Callable[[Tx, OpenBooks, Operator], Awaitable[T]]
) -> T:
    """Do something to a partner's withdrawal as an approver."""

    async def whole(tx: Tx, made: Acting) -> T:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        return await work(tx, books, made.named)

    return acting(data, act, name, whole)
