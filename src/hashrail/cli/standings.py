"""hashrail partner suspend, reopen, close, show: whether a partner may go on, and what is owed."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import typer

from hashrail.acts import standings as acts
from hashrail.acts.acting import Acting
from hashrail.cli import standing_shapes as shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.partners import Seen, seen, shape
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners
from hashrail.parties.partners import Partner
from hashrail.selling.partner_closing import Closed
from hashrail.support import balances
from hashrail.support.balances import Owed

app = typer.Typer()

PartnerArgument = Annotated[str, typer.Argument(metavar="PARTNER", help="Name, public id or number of the partner.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the log.")]


@dataclass(frozen=True, slots=True)
class Page:
    """A partner, what it owes and how it stands, and what its users hold."""

    partner: Partner
    seen: Seen
    users_hold: list[Owed]


@app.command("suspend", epilog=example('hashrail partner suspend 1 --reason "its key was stolen"'))
def suspend(partner: PartnerArgument, reason: ReasonOption, operator: AsOption = None, data: DataOption = None) -> None:
    """Stop what is new for a partner, at once: its users go on earning, and everything can be read. Again is a no-op.

    No logins, users, orders, upgrades, miner transfers or withdrawals that its server asks for; an order that was made
    before is issued when it is paid, and withdrawals that were asked for go their way.
    """

    async def work(tx: Tx, act: Acting) -> str:
        found = await partners.find(tx, partner)
        await acts.suspend(tx, act, found.id, reason=reason)
        return found.name

    say(f"{acting(data, 'partner suspend', operator, work)} is suspended.")


@app.command("reopen", epilog=example('hashrail partner reopen 1 --reason "it has new keys"'))
def reopen(partner: PartnerArgument, reason: ReasonOption, operator: AsOption = None, data: DataOption = None) -> None:
    """Let a suspended partner go on. It takes two admins. For an open one a no-op."""

    async def work(tx: Tx, act: Acting) -> str:
        found = await partners.find(tx, partner)
        await acts.reopen(tx, act, found.id, reason=reason)
        return found.name

    say(f"{acting(data, 'partner reopen', operator, work)} is open.")


@app.command("close", epilog=example('hashrail partner close 1 --reason "its contract has ended"'))
@prints(shapes.PartnerClosed)
def close(
    partner: PartnerArgument,
    reason: ReasonOption,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a partner for good. It takes two admins. What its users hold stays owed to them. Again is a no-op.

    Its miners earn this day for the last time, open orders are cancelled, its keys and sessions end. Users are paid by
    hashrail withdrawal request.
    """

    async def work(tx: Tx, act: Acting) -> tuple[Closed | None, Page]:
        found = await partners.find(tx, partner)
        made = await acts.close(tx, act, found.id, reason=reason)
        return made, await page(tx, found)

    made, shown = acting(data, "partner close", operator, work)
    assert made is not None, "what waits ends the command"
    if as_json:
        facts = {name: getattr(made, name) for name in ("miners", "power_th", "orders", "keys", "sessions")}
        show_json(shapes.PartnerClosed(**facts, partner=_shape(shown)))
        return
    say(f"{shown.partner.name} is closed.")
    rows = [("miners", made.miners), ("TH", made.power_th), ("open orders", made.orders), ("keys", made.keys)]
    table("What ended", ("what", ""), [*rows, ("sessions", made.sessions)])
    _table(shown)


@app.command("show", epilog=example('hashrail partner show "Demo partner"'))
@prints(shapes.PartnerPage)
def show(partner: PartnerArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show a partner: how it stands and why, what it owes, and what is owed to its users."""

    async def work(tx: Tx, _: Deployment) -> Page:
        return await page(tx, await partners.find(tx, partner))

    shown = in_transaction(data, work)
    if as_json:
        show_json(_shape(shown))
    else:
        _table(shown)


async def page(tx: Tx, partner: Partner) -> Page:
    """All that is shown of a partner."""
    return Page(partner, await seen(tx, partner), await balances.of_partner(tx, partner.id))


def _shape(shown: Page) -> shapes.PartnerPage:
    hold = [shapes.UsersHold(currency=each.currency, owed=each.owed, held=each.held) for each in shown.users_hold]
    return shapes.PartnerPage(**msgspec.structs.asdict(shape(*shown.seen)), users_hold=hold)


def _table(shown: Page) -> None:
    found, due, present = shown.seen
    rows = [
        ("number", found.id),
        ("public id", found.public_id),
        ("is", present.standing),
        *([] if present.since is None else [("since", present.since), ("because", present.reason)]),
        ("owes USD", due.owed),
        ("reserved USD", due.reserved),
        ("limit USD", due.credit_limit),
    ]
    table(found.name, ("what", ""), rows)
    hold = [(each.currency, each.owed, each.held) for each in shown.users_hold]
    table("What is owed to its users", ("currency", "owed", "held by withdrawals"), hold)
