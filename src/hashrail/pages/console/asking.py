"""The console's forms: each is an act of a command, for which the operator is let in once more (`pages/asking.py`)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from hashrail import db
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.deployment import journal_file
from hashrail.pages import asking, forms
from hashrail.pages.asking import Asked, Done, Looked
from hashrail.pages.console.visit import NotSignedInError, Visit, link
from hashrail.pages.forms import Values
from hashrail.parties import operator_sessions, operators, sent_forms, tasks
from hashrail.parties.changes import Change
from hashrail.parties.operators import Operator, Role
from hashrail.parties.permissions import ACTS
from hashrail.parties.tasks import Kind

__all__ = ["Ask", "Asked", "Do", "Done", "Form", "Looked", "Ready", "asked", "do", "let_in", "look"]

Ask: TypeAlias = Callable[[Tx, Visit], Awaitable[Asked]]
Do: TypeAlias = Callable[[Tx, Acting, Visit, Values], Awaitable[Done]]
# What is asked of the world outside before the transaction begins, like the node; `Visit.told` has it.
Ready: TypeAlias = Callable[[Visit, Values], Awaitable[Any]]
# What goes on once it is committed, in steps of its own (`Acting.step`); it may lead to another page.
Then: TypeAlias = Callable[[Acting, Visit, Values, Done], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its path, its name in metrics, the act of a command that it is, what it asks and does.

    One that does not `look` is done at once: it changes nothing that could be shown before. One that `begins` can be
    opened by its path alone, so the command palette offers it; say no where it needs something in its query. An act
    that commits in steps notes by `do` what is meant, which is all that a look shows, and `then` does it, unless it
    waits for a second. What is `own` everybody does for their own account, whatever the act takes for another's.
    """

    path: str
    name: str
    act: str
    ask: Ask
    do: Do
    looks: bool = True
    grave: bool = False
    ready: Ready | None = None
    begins: bool = True
    then: Then | None = None
    own: bool = False

    @property
    def least(self) -> Role:
        """The least role that may do it."""
        return "viewer" if self.own else ACTS[self.act].least


async def asked(form: Form, visit: Visit) -> Asked:
    """What the form asks now. Raises what the page's verbs do."""
    async with db.snapshot(visit.deployment.pool) as tx:
        return await form.ask(tx, visit)


async def look(form: Form, visit: Visit) -> Looked:
    """What it would come to. Raises what the act refuses."""
    values, visit = await _prepared(form, visit)
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await _begin(tx, form, visit, tries=True)
        return await asking.look(tx, acting, partial(form.do, tx, acting, visit, values))


async def do(form: Form, visit: Visit) -> tuple[Done, Sequence[Change]]:
    """Do it, once; answers what waits for a second too. Raises what the act refuses, and FormSentError."""
    values, visit = await _prepared(form, visit)
    word = asking.once(visit.form)
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await _begin(tx, form, visit, tries=False)
        await sent_forms.take(tx, acting.named, word)
        done = await form.do(tx, acting, visit, values)
    if form.then is not None and not acting.asked:
        done = await form.then(acting, visit, values, done)
    return done, acting.asked


async def hand_over(tx: Tx, act: Acting, kind: Kind, subject: str, **meant: object) -> Done:
    """Leave long work to the worker, noted with who asked; answers the page that shows how far it is.

    A form that does so does not look: what it comes to is told while it is done.
    """
    await act.note(tx, subject, after=meant)
    task = await tasks.ask(tx, act.named, kind, meant)
    return Done(task_page(task.id))


def task_page(number: int) -> str:
    """The page of a task."""
    return link("/tasks", id=number)


async def let_in(tx: Tx, act: str | None, visit: Visit, *, least: Role) -> Operator:
    """Whoever is signed in still is, and their role suffices for the act. Operators stay as they are.

    Raises NotSignedInError, OperatorRoleError.
    """
    if act is not None and ACTS[act].manages:
        await operators.hold_alone(tx)
    else:
        await operators.hold(tx)
    session = await operator_sessions.find(tx, visit.token)
    if session is None or session.stage != "whole":
        raise NotSignedInError("your session has ended")
    found = await operators.by_id(tx, session.operator_id)
    operators.assert_may(found, least)
    return found


async def _prepared(form: Form, visit: Visit) -> tuple[Values, Visit]:
    """What was filled in, and what the world outside says to it."""
    deployment = visit.deployment
    journal_file.check(deployment.settings.journal_file)
    if ACTS[form.act].pays:
        deployment.assert_node_named()
    values = forms.read((await asked(form, visit)).fields, visit.form)
    return values, visit if form.ready is None else visit.with_told(await form.ready(visit, values))


async def _begin(tx: Tx, form: Form, visit: Visit, *, tries: bool) -> Acting:
    async def admit(tx: Tx) -> Operator:
        return await let_in(tx, form.act, visit, least=form.least)

    return Acting(form.act, visit.deployment, await admit(tx), admit, tries=tries)
