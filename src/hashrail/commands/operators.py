"""hashrail operator: the people who approve payouts, and what they did; and who a command acts for."""

import os
from typing import Annotated

import typer

from hashrail import operators
from hashrail.commands.common import Books, DataOption, JsonOption, in_transaction, show_json, table
from hashrail.db import Tx
from hashrail.operators import ROLES, Operator, Role

app = typer.Typer(help="Operators: who approves payouts, and what they did.", no_args_is_help=True)
PASSWORD = "HASHRAIL_OPERATOR_PASSWORD"  # noqa: S105

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]
RoleOption = Annotated[str, typer.Option(help=f"What he may do: {', '.join(ROLES)}.")]
AsOption = Annotated[
    str, typer.Option("--as", help=f"Your name as an operator; the password is asked for, or {PASSWORD}.")
]
COLUMNS = ("name", "role", "created", "disabled")


@app.command("add")
def add(
    name: NameArgument,
    role: RoleOption,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password and show it once.")] = False,
    data: DataOption = None,
) -> None:
    """Add an operator.

    Example: hashrail operator add olga --role approver --generate
    """
    password = operators.new_password() if generate else _new_password()

    async def work(tx: Tx, _: Books) -> Operator:
        return await operators.add(tx, name=name, role=_role(role), password=password)

    made = in_transaction(data, work)
    typer.echo(f"{made.name} is {made.role}." + (f" Password, shown once: {password}" if generate else ""))


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
def set_role(name: NameArgument, role: RoleOption, data: DataOption = None) -> None:
    """Change what an operator may do."""

    async def work(tx: Tx, _: Books) -> Operator:
        return await operators.set_role(tx, name, _role(role))

    typer.echo(f"{name} is {in_transaction(data, work).role}.")


@app.command("password")
def set_password(name: NameArgument, data: DataOption = None) -> None:
    """Give an operator a new password."""
    password = _new_password()

    async def work(tx: Tx, _: Books) -> None:
        await operators.set_password(tx, name, password)

    in_transaction(data, work)
    typer.echo(f"{name} has a new password.")


@app.command("disable")
def disable(name: NameArgument, data: DataOption = None) -> None:
    """Let nothing go by an operator's name any more. What he did stays."""

    async def work(tx: Tx, _: Books) -> None:
        await operators.disable(tx, name)

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
    return given if given is not None else str(typer.prompt("Password", hide_input=True))


def _new_password() -> str:
    given = os.environ.get(PASSWORD)
    return given or str(typer.prompt("New password", hide_input=True, confirmation_prompt=True))


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise typer.BadParameter(f"{text!r} is none of {', '.join(ROLES)}")


def _row(one: Operator) -> tuple[object, ...]:
    return one.name, one.role, one.created_at, one.disabled_at
