"""hashrail operator: the people who approve payouts, and what they did; and who a command acts for."""

import os
import sys
from typing import Annotated

import typer

from hashrail import operators
from hashrail.commands.common import Books, DataOption, JsonOption, in_transaction, show_json, table
from hashrail.db import Tx
from hashrail.operators import ROLES, Operator, Role

app = typer.Typer(help="Operators: who approves payouts, and what they did.", no_args_is_help=True)
PASSWORD = "HASHRAIL_OPERATOR_PASSWORD"  # noqa: S105
NEW_PASSWORD = "HASHRAIL_NEW_OPERATOR_PASSWORD"  # noqa: S105

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]
RoleOption = Annotated[str, typer.Option(help=f"What he may do: {', '.join(ROLES)}.")]
AsOption = Annotated[
    str, typer.Option("--as", help=f"Your name as an operator; the password is asked for, or {PASSWORD}.")
]
AdminOption = Annotated[
    str | None,
    typer.Option("--as", help=f"Your name, once there is an admin; the password is asked for, or {PASSWORD}."),
]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password and show it once.")]
COLUMNS = ("name", "role", "created", "disabled")


@app.command("add")
def add(
    name: NameArgument,
    role: RoleOption,
    generate: GenerateOption = False,
    operator: AdminOption = None,
    data: DataOption = None,
) -> None:
    """Add an operator. His password is asked for, or HASHRAIL_NEW_OPERATOR_PASSWORD.

    Example: hashrail operator add otto --role approver --generate --as olga
    """
    wanted = _role(role)
    mine = acting_password(operator)
    password = _new_password(operator, generate=generate)

    async def work(tx: Tx, _: Books) -> Operator:
        by = await operators.admit(tx, operator, mine)
        return await operators.add(tx, name=name, role=wanted, password=password, by=by)

    made = in_transaction(data, work)
    typer.echo(f"{made.name} is {made.role}.{_shown(password, generate=generate)}")


@app.command("list")
def list_operators(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List operators."""

    async def work(tx: Tx, _: Books) -> list[Operator]:
        return await operators.every(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json([dict(zip(COLUMNS, _row(one), strict=True)) for one in found])
    else:
        table("Operators", COLUMNS, [_row(one) for one in found])


@app.command("role")
def set_role(name: NameArgument, role: RoleOption, operator: AdminOption = None, data: DataOption = None) -> None:
    """Change what an operator may do. Somebody has to stay admin.

    Example: hashrail operator role otto --role admin --as olga
    """
    wanted = _role(role)
    mine = acting_password(operator)

    async def work(tx: Tx, _: Books) -> Operator:
        by = await operators.admit(tx, operator, mine)
        return await operators.set_role(tx, name, wanted, by=by)

    typer.echo(f"{name} is {in_transaction(data, work).role}.")


@app.command("password")
def set_password(
    name: NameArgument, generate: GenerateOption = False, operator: AdminOption = None, data: DataOption = None
) -> None:
    """Give an operator a new password: he himself, or an admin. It is asked for, or HASHRAIL_NEW_OPERATOR_PASSWORD.

    Example: hashrail operator password otto --as otto
    """
    mine = acting_password(operator)
    password = _new_password(operator, generate=generate)

    async def work(tx: Tx, _: Books) -> None:
        by = await operators.admit(tx, operator, mine, himself=name)
        await operators.set_password(tx, name, password, by=by)

    in_transaction(data, work)
    typer.echo(f"{name} has a new password.{_shown(password, generate=generate)}")


@app.command("disable")
def disable(name: NameArgument, operator: AdminOption = None, data: DataOption = None) -> None:
    """Let nothing go by an operator's name any more.

    What he did stays; what he approved counts no more for a withdrawal that still waits.

    Example: hashrail operator disable otto --as olga
    """
    mine = acting_password(operator)

    async def work(tx: Tx, _: Books) -> None:
        await operators.disable(tx, name, by=await operators.admit(tx, operator, mine))

    in_transaction(data, work)
    typer.echo(f"{name} is disabled.")


@app.command("log")
def show_log(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what operators did, newest first. Without a name it was whoever had the shell."""

    async def work(tx: Tx, _: Books) -> list[operators.Action]:
        return await operators.actions(tx, limit)

    columns = ("at", "operator", "action", "subject", "reason")
    rows = [(one.done_at, one.operator, one.action, one.subject, one.reason) for one in in_transaction(data, work)]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table("What operators did", columns, rows)


def ask_password() -> str:
    """The password of the operator that a command acts for."""
    given = os.environ.get(PASSWORD)
    return given if given is not None else _prompt("Password", PASSWORD)


def acting_password(operator: str | None) -> str:
    """The password of who is named by `--as`; nobody is asked when nobody is named."""
    return "" if operator is None else ask_password()


def _new_password(operator: str | None, *, generate: bool) -> str:
    """The usual variable belongs to who acts; when nobody is named it may be the new one too."""
    if generate:
        return operators.new_password()
    given = os.environ.get(NEW_PASSWORD) or (os.environ.get(PASSWORD) if operator is None else None)
    return given or _prompt("New password", NEW_PASSWORD, confirm=True)


def _prompt(what: str, variable: str, *, confirm: bool = False) -> str:
    """Ask on the terminal; a script gives a line of its input, or is told what to set."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise typer.BadParameter(f"there is no terminal to ask for the password: set {variable}")
    return line


def _shown(password: str, *, generate: bool) -> str:
    return f" Password, shown once: {password}" if generate else ""


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise typer.BadParameter(f"{text!r} is none of {', '.join(ROLES)}")


def _row(one: Operator) -> tuple[object, ...]:
    return one.name, one.role, one.created_at, one.disabled_at
