"""hashrail user: a partner's users, and who of them may write."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

import typer

from hashrail import logs
from hashrail.acts.acting import Acting
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.shared import DataOption, PartnerOption, say
from hashrail.db import Tx
from hashrail.parties import partners, users
from hashrail.parties.users import User

app = typer.Typer()

UserArgument = Annotated[str, typer.Argument(metavar="PARTNER_USER_ID", help="The user by the partner's own id.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the log.")]


@app.command("block", epilog=example('hashrail user block user-123 --partner 1 --reason "case 88"'))
def block(
    user: UserArgument,
    partner: PartnerOption,
    reason: ReasonOption = "",
    payouts: Annotated[
        Literal["stop", "go-on"],
        typer.Option(help="What becomes of withdrawals that wait: stopped until the unblocking, or paid all the same."),
    ] = "stop",
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Stop everything that writes for a user. They may still log in and read, and their money stays theirs."""
    verb = partial(users.block, payouts_go_on=payouts == "go-on")
    _log("user blocked", acting(data, "user block", operator, _changed(partner, user, verb, reason)), reason)
    say(f"{user} is blocked." + (" What waits in the queue is paid." if payouts == "go-on" else ""))


@app.command("unblock")
def unblock(
    user: UserArgument,
    partner: PartnerOption,
    reason: ReasonOption = "",
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Let a user write again."""
    work = _changed(partner, user, users.unblock, reason)
    _log("user unblocked", acting(data, "user unblock", operator, work), reason)
    say(f"{user} is not blocked.")


Verb = Callable[[Tx, int, str], Awaitable[User]]


def _changed(partner: str, partner_user_id: str, verb: Verb, reason: str) -> Callable[[Tx, Acting], Awaitable[User]]:
    """What a verb does with a user of a partner, noted."""

    async def work(tx: Tx, act: Acting) -> User:
        partner_id = (await partners.find(tx, partner)).id
        was = await users.find(tx, partner_id, partner_user_id)
        made = await verb(tx, partner_id, partner_user_id)
        before = {"blocked_at": was.blocked_at, "payouts_go_on": was.payouts_go_on}
        after = {"blocked_at": made.blocked_at, "payouts_go_on": made.payouts_go_on}
        await act.note(tx, f"user {partner_id}:{partner_user_id}", before=before, after=after, reason=reason)
        return made

    return work


def _log(event: str, user: User, reason: str) -> None:
    """A line for whoever asks later who was blocked, and why."""
    logs.one_line(event, partner_id=user.partner_id, user_id=user.id, reason=reason)
