"""Who a command acts for: the one door of every command that changes something.

The command names its act, which is its own words, and `permissions` says which role that takes. Whoever acts is let in
by name and password in the transaction of the change, and what they changed is noted in it. While there is no admin,
whoever has the shell may do everything, and the log names nobody.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from hashrail import clock, db
from hashrail.cli.shared import fail, run
from hashrail.db import Tx
from hashrail.deployment import journal_file
from hashrail.deployment.opened import Deployment
from hashrail.parties import alone, changes, operators
from hashrail.parties.alone import Kind
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


@dataclass(frozen=True, slots=True)
class Acting:
    """An act that is under way: on which deployment, and for whom; None is whoever has the shell.

    What waits for a second instead of being done is `asked`; the command ends with it once that is committed.
    """

    act: str
    deployment: Deployment
    operator: Operator | None
    admit: Callable[[Tx], Awaitable[Operator | None]]
    asked: list[Change] = field(default_factory=list)

    @property
    def named(self) -> Operator:
        """Who acts, where the act asks for somebody in any case."""
        assert self.operator is not None, f"{self.act} is not done without a name"
        return self.operator

    @asynccontextmanager
    async def step(self) -> AsyncIterator[Tx]:
        """A transaction of an act that commits in steps. Who acts is let in once more: they may have been disabled."""
        async with db.transaction(self.deployment.pool) as tx:
            await self.admit(tx)
            yield tx

    async def note(
        self,
        tx: Tx,
        subject: str,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep what was changed. What is the same before and after was not."""
        if before is None or before != after:
            await operators.note(tx, self.operator, self.act, subject, reason or None, before=before, after=after)

    async def waits(
        self,
        tx: Tx,
        subject: str,
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
        secret: str | None = None,
    ) -> bool:
        """Let a second confirm it, where it takes two; then it is not done now."""
        made = await changes.ask(tx, self.operator, self.act, subject, before=before, after=after, secret=secret)
        if made is not None:
            self.asked.append(made)
        return made is not None

    async def waits_beyond(
        self,
        tx: Tx,
        subject: str,
        of: tuple[Kind, str, Decimal],
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
    ) -> bool:
        """Let a second confirm what goes beyond what one does alone in a day; what does not is counted.

        `of` says of which kind it is, its currency and how much. Where nobody else could confirm it, it is done.
        """
        if await alone.is_beyond(tx, self.operator, *of) and await self.waits(tx, subject, before=before, after=after):
            return True
        await alone.count(tx, self.operator, *of)
        return False


def acting(
    data: Path | None,
    act: str,
    name: str | None,
    work: Callable[[Tx, Acting], Awaitable[T]],
    *,
    password: str | None = None,
    about: str | None = None,
) -> T:
    """Open the deployment and do the work in one transaction, for the operator of that name.

    The password is asked for where it is not given. Whom alone the work is `about` may do it with any role. What is
    asked for and waits for a second ends the command with 1, once that is committed.
    """
    given = acting_password(name) if password is None else password

    async def whole(deployment: Deployment) -> tuple[T, list[Change]]:
        journal_file.check(deployment.settings.journal_file)
        admit = partial(let_in, act=act, name=name, password=given, about=about)
        async with db.transaction(deployment.pool) as tx:
            made = Acting(act, deployment, await admit(tx), admit)
            return await work(tx, made), made.asked

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
