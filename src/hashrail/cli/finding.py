"""hashrail find: what a text names, whose it is, and the command that shows it."""

from typing import Annotated

import typer

from hashrail.cli import support_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, in_transaction, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners
from hashrail.support import finding
from hashrail.support.finding import Hit

app = typer.Typer()
COLUMNS = ("kind", "name", "partner", "user", "what", "command")


@app.command("find", epilog=example("hashrail find order-1001", "hashrail find alice --partner 1 --json"))
@prints(list[shapes.FoundThing])
def find(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the customer has sent you, as it is.")],
    partner: Annotated[
        str | None, typer.Option("--partner", help="Only of this one, by name, public id or number.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what a text names: a user, an order, a withdrawal, an address, a txid, a key.

    Of each kind the newest are shown.
    """

    async def work(tx: Tx, _: Deployment) -> list[Hit]:
        partner_id = None if partner is None else (await partners.find(tx, partner)).id
        return await finding.find(tx, text, partner_id=partner_id)

    found = in_transaction(data, work)
    if as_json:
        show_json([_shape(one) for one in found])
        return
    rows = [(one.kind, one.name, one.partner, one.partner_user_id, one.said, one.command) for one in found]
    table("Found", COLUMNS, rows)


def _shape(one: Hit) -> shapes.FoundThing:
    return shapes.FoundThing(
        kind=one.kind,
        partner=one.partner_id,
        partner_name=one.partner,
        name=one.name,
        partner_user_id=one.partner_user_id,
        said=one.said,
        command=one.command,
    )
