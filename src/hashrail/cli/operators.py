"""hashrail operator: the people who look after a deployment, and what they did."""

import os
from typing import Annotated

import typer

from hashrail.acts import operators as acts
from hashrail.acts.acting import Acting
from hashrail.cli import shapes, shared
from hashrail.cli.acting import PASSWORD, AsOption, acting, acting_password, ask
from hashrail.cli.examples import example
from hashrail.cli.printing import in_a_line, in_camel_case, prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import alone, operators, passwords, people
from hashrail.parties.operators import ROLES, Operator, Role

app = typer.Typer()
NEW_PASSWORD = "HASHRAIL_NEW_OPERATOR_PASSWORD"  # noqa: S105

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]
RoleOption = Annotated[str, typer.Option(help=f"What they may do: {', '.join(ROLES)}.")]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password and show it once.")]


@app.command("add", epilog=example("hashrail operator add otto --role approver --generate --as olga"))
def add(
    name: NameArgument,
    role: RoleOption,
    generate: GenerateOption = False,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Add an operator. The password is asked for, or HASHRAIL_NEW_OPERATOR_PASSWORD.

    It takes two admins, once there are two who are two people.
    """
    wanted = _role(role)
    mine = acting_password(operator)
    password = _new_password(operator, generate=generate)

    async def work(tx: Tx, act: Acting) -> None:
        await operators.assert_new(tx, name)
        await acts.add(tx, act, name=name, role=wanted, digest=await passwords.digest_of(password))
        _tell(f"{name} is {wanted}.", act, password, generate=generate)

    acting(data, "operator add", operator, work, password=mine)


@app.command("list")
@prints(list[shapes.Operator])
def list_operators(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List operators."""

    async def work(tx: Tx, _: Deployment) -> list[Operator]:
        return await operators.every(tx)

    found = in_transaction(data, work)
    if as_json:
        show_json([_operator(one) for one in found])
    else:
        columns = ("name", "role", "created", "disabled")
        table("Operators", columns, [(one.name, one.role, one.created_at, one.disabled_at) for one in found])


@app.command("role", epilog=example("hashrail operator role otto --role admin --as olga"))
def set_role(name: NameArgument, role: RoleOption, operator: AsOption = None, data: DataOption = None) -> None:
    """Change what an operator may do. Somebody has to stay admin. To let them do more takes two admins."""
    wanted = _role(role)

    async def work(tx: Tx, act: Acting) -> None:
        await acts.set_role(tx, act, name, wanted)

    acting(data, "operator role", operator, work)
    say(f"{name} is {wanted}.")


@app.command("password", epilog=example("hashrail operator password otto --as otto"))
def set_password(
    name: NameArgument, generate: GenerateOption = False, operator: AsOption = None, data: DataOption = None
) -> None:
    """Give an operator a new password, which is asked for, or HASHRAIL_NEW_OPERATOR_PASSWORD.

    Operators do it for themselves. For somebody else it takes two admins.
    """
    mine = acting_password(operator)
    password = _new_password(operator, generate=generate)

    async def work(tx: Tx, act: Acting) -> None:
        await operators.find(tx, name)
        await acts.set_password(tx, act, name, await passwords.digest_of(password))
        _tell(f"{name} has a new password.", act, password, generate=generate)

    acting(data, "operator password", operator, work, password=mine, about=name)


@app.command("policy", epilog=example("hashrail operator policy --apart 604800 --as olga"))
@prints(shapes.OperatorPolicy)
def policy(
    apart: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="How long an account and who made or changed it count as one person."),
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show when two accounts are two people, after changing what is given. To shorten it takes two.

    So does a time by which all admins would be one person, since nothing would wait for a second any more.
    """

    async def change(tx: Tx, act: Acting) -> tuple[int, bool]:
        assert apart is not None, "it is asked for"
        await acts.set_apart(tx, act, apart)
        return await show(tx, act.deployment)

    async def show(tx: Tx, _: Deployment) -> tuple[int, bool]:
        return await people.apart_seconds(tx), await people.are_two_admins(tx)

    found = in_transaction(data, show) if apart is None else acting(data, "operator policy", operator, change)
    seconds, two = found
    if as_json:
        show_json(shapes.OperatorPolicy(apart_seconds=seconds, two_admins=two))
    else:
        answers = [("apart after", f"{seconds} seconds"), ("two admins are two people", "yes" if two else "no")]
        table("Operators", ("what", "is"), answers)


@app.command("alone", epilog=example("hashrail operator alone refund USD 2500 --as olga"))
@prints(list[shapes.Alone])
def alone_limits(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Which limit to change, as listed.")] = None,
    currency: Annotated[str | None, typer.Argument(metavar="CURRENCY", help="Its currency.")] = None,
    most: Annotated[str | None, typer.Argument(metavar="AMOUNT", help="What needs no second; 0 always asks.")] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show up to which sum of 24 hours one operator reverses, refunds and corrects alone, after changing what is given.

    To raise a limit takes two admins.
    """
    given = [one for one in (kind, currency, most) if one is not None]
    if len(given) not in (0, 3):
        raise typer.BadParameter("give KIND, CURRENCY and AMOUNT, or none of them")

    async def change(tx: Tx, act: Acting) -> list[alone.Limit]:
        await acts.set_alone(tx, act, given[0], given[1], amount(given[2]))
        return await alone.limits(tx)

    async def show(tx: Tx, _: Deployment) -> list[alone.Limit]:
        return await alone.limits(tx)

    found = acting(data, "operator alone", operator, change) if given else in_transaction(data, show)
    if as_json:
        show_json([shapes.Alone(kind=one.kind, currency=one.currency, amount=one.amount) for one in found])
    else:
        rows = [(one.kind, one.amount, one.currency) for one in found]
        table("Alone in 24 hours", ("kind", "at most", "currency"), rows)


@app.command("disable", epilog=example("hashrail operator disable otto --as olga"))
def disable(name: NameArgument, operator: AsOption = None, data: DataOption = None) -> None:
    """Let nothing go by an operator's name any more.

    What they did stays; what they approved counts no more for a withdrawal that still waits.
    """

    async def work(tx: Tx, act: Acting) -> None:
        await acts.disable(tx, act, name)

    acting(data, "operator disable", operator, work)
    say(f"{name} is disabled.")


@app.command("log")
@prints(list[shapes.Action])
def show_log(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what operators did, newest first. Without a name it was whoever had the shell."""

    async def work(tx: Tx, _: Deployment) -> list[operators.Action]:
        return await operators.actions(tx, limit)

    found = in_transaction(data, work)
    if as_json:
        show_json([_action(one) for one in found])
    else:
        columns = ("at", "operator", "action", "subject", "reason", "before", "after")
        rows = [
            (
                one.done_at,
                one.operator,
                one.action,
                one.subject,
                one.reason,
                in_a_line(one.before),
                in_a_line(one.after),
            )
            for one in found
        ]
        table("What operators did", columns, rows)


def _new_password(operator: str | None, *, generate: bool) -> str:
    """The usual variable belongs to who acts; when nobody is named it may be the new one too."""
    if generate:
        return operators.new_password()
    given = os.environ.get(NEW_PASSWORD) or (os.environ.get(PASSWORD) if operator is None else None)
    return given or ask("New password", NEW_PASSWORD, confirm=True)


def _tell(done: str, act: Acting, password: str, *, generate: bool) -> None:
    """Say what is done, and the password, before it is committed: none is given that could not be shown."""
    told = [] if act.asked else [done]
    if generate:
        told.append(f"Password, shown once: {password}")
    if told:
        with shared.shown_whole():
            say(" ".join(told))


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise typer.BadParameter(f"{text!r} is none of {', '.join(ROLES)}")


def _operator(one: Operator) -> shapes.Operator:
    return shapes.Operator(name=one.name, role=one.role, created_at=one.created_at, disabled_at=one.disabled_at)


def _action(one: operators.Action) -> shapes.Action:
    return shapes.Action(
        id=one.id,
        operator=one.operator,
        action=one.action,
        subject=one.subject,
        reason=one.reason,
        done_at=one.done_at,
        before=None if one.before is None else in_camel_case(one.before),
        after=None if one.after is None else in_camel_case(one.after),
    )
