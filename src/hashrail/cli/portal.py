"""hashrail partner portal: the people of a partner who use its portal; the operator invites the first owner."""

from typing import Annotated

import typer

from hashrail.acts import members as acts
from hashrail.acts.acting import Acting
from hashrail.acts.members import Invited
from hashrail.cli import shapes, shared
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import members, partners
from hashrail.parties.members import ROLES, Member, Role

app = typer.Typer(
    name="portal", help="Invite, list and disable the people of a partner who use its portal.", no_args_is_help=True
)

MemberArgument = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="Their number, from: portal list.")]


@app.command(
    "invite",
    epilog=example('hashrail partner portal invite --partner 1 --email ada@partner.example --name "Ada" --role owner'),
)
@prints(shapes.InvitedMember)
def invite(
    partner: PartnerOption,
    email: Annotated[str, typer.Option(help="The address by which they sign in.")],
    name: Annotated[str | None, typer.Option(help="What the team calls them. Without: the address up to @.")] = None,
    role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(ROLES)}.")] = "owner",
    at: Annotated[
        str, typer.Option(metavar="URL", help="Where people reach this deployment, as https://hashrail.example.")
    ] = "",
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite somebody of a partner into its portal, by a link that is shown once and counts once, for seven days.

    Where there are two admins, another one confirms an owner; until then the link opens nothing.
    """
    wanted = _role(role)

    async def work(tx: Tx, act: Acting) -> None:
        partner_id = (await partners.find(tx, partner)).id
        called = email.partition("@")[0] if name is None else name
        made = await acts.invite(tx, act, partner_id, email=email, name=called, role=wanted)
        _show(made, at.rstrip("/"), as_json=as_json)

    acting(data, "partner portal invite", operator, work)


@app.command("list")
@prints(list[shapes.Member])
def list_members(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List a partner's people, with what each may do in the portal."""

    async def work(tx: Tx, _: Deployment) -> list[Member]:
        return await members.every(tx, (await partners.find(tx, partner)).id)

    found = in_transaction(data, work)
    if as_json:
        show_json([_shape(one) for one in found])
        return
    rows = [(one.id, one.email, one.name, one.role, one.created_at, one.disabled_at) for one in found]
    table("People of the partner", ("id", "e-mail", "name", "role", "since", "disabled"), rows)


@app.command("disable")
def disable(member: MemberArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None) -> None:
    """End somebody's account in the portal for good, and their sessions; also the last owner's.

    Who comes back is invited anew.
    """

    async def work(tx: Tx, act: Acting) -> Member:
        return await acts.disable(tx, act, (await partners.find(tx, partner)).id, member)

    made = acting(data, "partner portal disable", operator, work)
    say(f"The account of {made.email} has ended.")


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise typer.BadParameter(f"{text!r} is none of {', '.join(ROLES)}")


def _show(made: Invited, at: str, *, as_json: bool) -> None:
    """Before it is committed: a link that could not be shown is nobody's."""
    with shared.shown_whole():
        if as_json:
            told = shapes.InvitedMember(email=made.email, name=made.name, role=made.role, link=f"{at}{made.path}")
            show_json(told)
            return
        say(f"{made.email} is invited as {made.role}. The link, shown once, counts once and for seven days:")
        say(f"{at}{made.path}")


def _shape(one: Member) -> shapes.Member:
    return shapes.Member(
        id=one.id,
        email=one.email,
        name=one.name,
        role=one.role,
        created_at=one.created_at,
        disabled_at=one.disabled_at,
    )
