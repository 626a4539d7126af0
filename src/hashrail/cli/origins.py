"""hashrail partner origin: the pages that may call for a partner's users."""

from typing import Annotated

import typer

from hashrail.access import origins
from hashrail.acts import allowed
from hashrail.acts.acting import Acting
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners

app = typer.Typer(
    name="origin",
    help="Add, remove and list origins of the pages that may call for a partner's users.",
    no_args_is_help=True,
)

OriginArgument = Annotated[
    str, typer.Argument(metavar="ORIGIN", help="Scheme, host and perhaps a port: https://app.example.com.")
]


@app.command("add", epilog=example("hashrail partner origin add https://app.example.com --partner 1"))
def add_origin(
    origin: OriginArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Let pages of an origin call the client operations for a partner's users."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await allowed.add_origin(tx, act, (await partners.find(tx, partner)).id, origin)

    added = acting(data, "partner origin add", operator, work)
    say(f"Pages of {origin} may call." if added else f"{origin} was on the list before; nothing changed.")


@app.command("remove")
def remove_origin(
    origin: OriginArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Refuse pages of an origin from now on."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await allowed.remove_origin(tx, act, (await partners.find(tx, partner)).id, origin)

    removed = acting(data, "partner origin remove", operator, work)
    say(f"Pages of {origin} may call no more." if removed else f"{origin} was not on the list; nothing changed.")


@app.command("list")
@prints(list[str])
def list_origins(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the origins whose pages may call; where there is none, no browser may."""

    async def work(tx: Tx, _: Deployment) -> list[str]:
        return sorted(await origins.load(tx, (await partners.find(tx, partner)).id))

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("Origins", ("origin",), [(origin,) for origin in found])
