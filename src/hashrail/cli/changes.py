"""hashrail change: what waits for a second admin, its confirmation, and taking it back."""

from typing import Annotated

import typer

from hashrail.acts import changes as acts
from hashrail.acts.acting import Acting
from hashrail.cli import shapes
from hashrail.cli.acting import NamedOption, acting, acting_in_steps
from hashrail.cli.examples import example
from hashrail.cli.printing import in_a_line, in_camel_case, prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import changes
from hashrail.parties.changes import Change

app = typer.Typer()
ChangeArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The change's number.")]


@app.command("list")
@prints(list[shapes.Change])
def list_changes(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the changes that wait for a second admin, with all that is meant."""

    async def work(tx: Tx, _: Deployment) -> list[Change]:
        return await changes.waiting(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json([_shape(one) for one in found])
        return
    columns = ("id", "what", "subject", "before", "after", "asked by", "at", "until")
    rows = [
        (
            one.id,
            one.act,
            one.subject,
            in_a_line(one.before),
            in_a_line(one.after),
            one.asked_by,
            one.asked_at,
            one.expires_at,
        )
        for one in found
    ]
    table("Changes that wait for a second admin", columns, rows)


@app.command("confirm", epilog=example("hashrail change confirm 3 --as otto"))
def confirm(change_id: ChangeArgument, operator: NamedOption, data: DataOption = None) -> None:
    """Confirm a change, which is done at once. Who asked for it may do so alone a week later."""

    async def work(act: Acting) -> Change:
        deployment = act.deployment
        seen = await acts.ready(deployment, change_id)
        async with act.step() as tx:
            found = await acts.confirm(tx, act, change_id, seen)
        if found.act == acts.RECORD:
            await acts.settle(deployment)
        return found

    found = acting_in_steps(data, "change confirm", operator, work)
    say(f"Change {found.id} is done: {found.act}, {found.subject}.")


@app.command("withdraw", epilog=example("hashrail change withdraw 3 --as olga"))
def withdraw(change_id: ChangeArgument, operator: NamedOption, data: DataOption = None) -> None:
    """Take back a change that waits, one's own or another's."""

    async def work(tx: Tx, act: Acting) -> Change:
        return await acts.withdraw(tx, act, change_id)

    found = acting(data, "change withdraw", operator, work)
    say(f"Change {found.id} is taken back: {found.act}, {found.subject}.")


def _shape(one: Change) -> shapes.Change:
    return shapes.Change(
        id=one.id,
        act=one.act,
        subject=one.subject,
        before=in_camel_case(one.before),
        after=in_camel_case(one.after),
        asked_by=one.asked_by,
        asked_at=one.asked_at,
        alone_from=one.alone_from,
        expires_at=one.expires_at,
    )
