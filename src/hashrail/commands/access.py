"""hashrail user, and hashrail partner origin: who may do what, and from which pages."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from hashrail import logs, origins, partners, users
from hashrail.commands.common import Books, DataOption, JsonOption, PartnerOption, in_transaction, show_json, table
from hashrail.db import Tx
from hashrail.users import User

users_app = typer.Typer(help="A partner's users: block, unblock, show.", no_args_is_help=True)
origins_app = typer.Typer(
    help="Origins of the pages that may call for a partner's users: add, remove, list.", no_args_is_help=True
)

UserArgument = Annotated[str, typer.Argument(metavar="PARTNER_USER_ID", help="The user by the partner's own id.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the log.")]
OriginArgument = Annotated[
    str, typer.Argument(metavar="ORIGIN", help="Scheme, host and perhaps a port: https://app.example.com.")
]


@users_app.command("block")
def block(user: UserArgument, partner: PartnerOption, reason: ReasonOption = "", data: DataOption = None) -> None:
    """Stop everything that writes for a user. He may still log in and read, and his money stays his.

    Example: hashrail user block user-123 --partner 1 --reason "case 88"
    """
    blocked = _of_user(data, partner, user, users.block)
    _log("user blocked", blocked, reason)
    typer.echo(f"{user} is blocked.")


@users_app.command("unblock")
def unblock(user: UserArgument, partner: PartnerOption, reason: ReasonOption = "", data: DataOption = None) -> None:
    """Let a user write again."""
    unblocked = _of_user(data, partner, user, users.unblock)
    _log("user unblocked", unblocked, reason)
    typer.echo(f"{user} is not blocked.")


@users_app.command("show")
def show(user: UserArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show a user: his number, when he came, whether and since when he is blocked."""
    found = _of_user(data, partner, user, users.find)
    if as_json:
        show_json(
            {
                "userId": found.id,
                "partnerUserId": found.partner_user_id,
                "email": found.email,
                "createdAt": found.created_at,
                "blockedAt": found.blocked_at,
            }
        )
        return
    table(
        "User",
        ("number", "partner's id", "email", "created", "blocked"),
        [(found.id, found.partner_user_id, found.email, found.created_at, found.blocked_at)],
    )


@origins_app.command("add")
def add_origin(origin: OriginArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """Let pages of an origin call the client operations for a partner's users.

    Example: hashrail partner origin add https://app.example.com --partner 1
    """

    async def work(tx: Tx, _: Books) -> bool:
        return await origins.add(tx, (await partners.find(tx, partner)).id, origin)

    added = in_transaction(data, work)
    typer.echo(f"Pages of {origin} may call." if added else f"{origin} was on the list before; nothing changed.")


@origins_app.command("remove")
def remove_origin(origin: OriginArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """Refuse pages of an origin from now on."""

    async def work(tx: Tx, _: Books) -> bool:
        return await origins.remove(tx, (await partners.find(tx, partner)).id, origin)

    removed = in_transaction(data, work)
    typer.echo(f"Pages of {origin} may call no more." if removed else f"{origin} was not on the list; nothing changed.")


@origins_app.command("list")
def list_origins(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the origins whose pages may call; where there is none, no browser may."""

    async def work(tx: Tx, _: Books) -> list[str]:
        return sorted(await origins.load(tx, (await partners.find(tx, partner)).id))

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("Origins", ("origin",), [(origin,) for origin in found])


Verb = Callable[[Tx, int, str], Awaitable[User]]


def _of_user(data: Path | None, partner: str, partner_user_id: str, verb: Verb) -> User:
    """What a verb does with a user of a partner, in a transaction of its own."""

    async def work(tx: Tx, _: Books) -> User:
        return await verb(tx, (await partners.find(tx, partner)).id, partner_user_id)

    return in_transaction(data, work)


def _log(event: str, user: User, reason: str) -> None:
    """A line for whoever asks later who was blocked, and why."""
    logs.one_line(event, partner_id=user.partner_id, user_id=user.id, reason=reason)
