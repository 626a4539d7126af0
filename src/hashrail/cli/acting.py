"""Who a command acts for: the one door of every command that changes something.

The command names its act, which is its own words, and `permissions` says which role that takes. Whoever acts is let in
by name and password in the transaction of the change, and what they changed is noted in it. While there is no admin,
whoever has the shell may do everything, and the log names nobody.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from hashrail import clock, db
from hashrail.acts.acting import Acting
from hashrail.cli.shared import fail, run
from hashrail.db import Tx
from hashrail.deployment import journal_file
from hashrail.deployment.opened import Deployment
from hashrail.parties import operators
from hashrail.parties.changes import Change, SecondNeededError
from hashrail.parties.operators import Operator
from hashrail.parties.permissions import ACTS

T = TypeVar("T")
NAME = "HASHRAIL_OPERATOR"
PASSWORD = "HASHRAIL_OPERATOR_PASSWORD"  # noqa: S105

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar=NAME,
        show_envvar=False,
        help=f"Your name as an operator [{NAME}], once there is an admin; the password is asked for, or {PASSWORD}.",
    ),
]
NamedOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar=NAME,
        show_envvar=False,
        help=f"Your name as an operator [{NAME}]; the password is asked for, or {PASSWORD}.",
    ),
]


def acting(
    data: Path | None,
    act: str,
    name: str | None,
    work: Callable[[Tx, Acting], Awaitable[T]],
    *,
    password: str | None = None,
    about: str | None = None,
    tries: bool = False,
) -> T:
    """Open the deployment and do the work in one transaction, for the operator of that name.

    The password is asked for where it is not given. Whom alone the work is `about` may do it with any role. What is
    asked for and waits for a second ends the command with 1, once that is committed. What only `tries` is undone.
    """
    given = acting_password(name) if password is None else password

    async def whole(deployment: Deployment) -> tuple[T, list[Change]]:
        journal_file.check(deployment.settings.journal_file)
        admit = partial(let_in, act=act, name=name, password=given, about=about)
        async with db.transaction(deployment.pool) as tx:
            made = Acting(act, deployment, await admit(tx), admit, tries=tries)
            if not tries:
                return await work(tx, made), made.asked
            async with db.undone(tx):
                return await work(tx, made), []

    return _done_or_asked(*run(data, whole, pays=ACTS[act].pays))


def second_needed(change: Change) -> NoReturn:
    """End with the refusal of what one has asked for and another has to confirm."""
    until = clock.iso(change.expires_at)
    fail(SecondNeededError(f"change {change.id} waits for another admin until {until}", change=change.id))


def acting_in_steps(
    data: Path | None,
    act: str,
    name: str | None,
    work: Callable[[Acting], Awaitable[T]],
    *,
    subject: str | None = None,
    after: Mapping[str, object] | None = None,
) -> T:
    """Open the deployment and do work that commits in steps of its own, for the operator of that name.

    Where the work notes nothing itself, `subject` and `after` say what is meant, which is noted before it begins. What
    waits for a second ends the command as in `acting`.
    """
    password = acting_password(name)

    async def whole(deployment: Deployment) -> tuple[T, list[Change]]:
        journal_file.check(deployment.settings.journal_file)
        admit = partial(let_in, act=act, name=name, password=password)
        async with db.transaction(deployment.pool) as tx:
            made = Acting(act, deployment, await admit(tx), admit)
            if subject is not None:
                await made.note(tx, subject, after=after)
        return await work(made), made.asked

    return _done_or_asked(*run(data, whole, pays=ACTS[act].pays))


def _done_or_asked(answer: T, asked: list[Change]) -> T:
    for change in asked:
        second_needed(change)
    return answer


async def let_in(tx: Tx, act: str, name: str | None, password: str, about: str | None = None) -> Operator | None:
    """Who does an act. Raises what `operators.admit` does."""
    asked = ACTS[act]
    if asked.manages:
        who = await operators.admit_manager(tx, name, password, about=about)
    else:
        who = await operators.admit(tx, name, password, least=asked.least)
    if asked.named:
        # Also while there is no admin, and everybody may do everything else.
        operators.assert_may(who, asked.least)
    return who


def acting_password(name: str | None) -> str:
    """The password of who is named by `--as`; nobody is asked when nobody is named."""
    if name is None:
        return ""
    given = os.environ.get(PASSWORD)
    return given if given is not None else ask("Password", PASSWORD)


def ask(what: str, variable: str, *, confirm: bool = False) -> str:
    """Ask on the terminal; a script gives a line of its input, or is told what to set."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise typer.BadParameter(f"there is no terminal to ask for the password: set {variable}")
    return line
