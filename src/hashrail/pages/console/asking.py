"""Forms that ask for an act: filled, looked at, and done once.

    filled -> looked at -> done

What a form comes to is found by doing it and undoing it: the page shows what would change from what to what, which
figures have to be named once more, and whether a second admin has to confirm it. Nothing is changed by looking. Only
then does the same act run for good, with the word of its form, so that a form that is sent twice is done once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hashrail import db
from hashrail.acts.acting import Acting, Noted
from hashrail.bounds import ConfirmationNeededError
from hashrail.db import Tx
from hashrail.deployment import journal_file
from hashrail.errors import HashrailError
from hashrail.pages import forms
from hashrail.pages.console.visit import NotSignedInError, Visit
from hashrail.pages.forms import Field, FieldEmptyError, Values
from hashrail.parties import operator_sessions, operators, sent_forms
from hashrail.parties.changes import Change
from hashrail.parties.operators import Operator, Role
from hashrail.parties.permissions import ACTS


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form asks: its heading, its fields as they stand now, and in words what it comes to.

    `back` is the page that it belongs to, `button` says what pressing it does, `subject` whom the page shows.
    """

    heading: str
    button: str
    back: str
    fields: Sequence[Field] = ()
    words: Sequence[str] = ()
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It is done: the page that shows it; or what is shown this once, by its label, before one goes there."""

    path: str
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a form comes to: what would be changed, and the figures that have to be named once more, with the reason."""

    noted: Sequence[Noted]
    told: Sequence[str] = ()
    doubts: Sequence[str] = ()
    why: str = ""

    @property
    def waits(self) -> bool:
        """Whether a second has to confirm it."""
        return any(each.waits for each in self.noted)


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
    opened by its path alone, so the command palette offers it; say no where it needs something in its query.
    One that does not `look` is done at once: it changes nothing that could be shown before. An act that commits in
    steps notes by `do` what is meant, which is all that a look shows, and `then` does it, unless it waits for a second.
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

    @property
    def least(self) -> Role:
        """The least role that may do it."""
        return ACTS[self.act].least


async def asked(form: Form, visit: Visit) -> Asked:
    """What the form asks now. Raises what the page's verbs do."""
    async with db.snapshot(visit.deployment.pool) as tx:
        return await form.ask(tx, visit)


async def look(form: Form, visit: Visit) -> Looked:
    """What it would come to. Raises what the act refuses."""
    values, visit = await _prepared(form, visit)
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await _begin(tx, form, visit, tries=True)
        try:
            async with db.undone(tx):
                await form.do(tx, acting, visit, values)
        except ConfirmationNeededError as error:
            return Looked(acting.noted, acting.told, [str(each) for each in _listed(error)], error.message)
    return Looked(acting.noted, acting.told)


async def do(form: Form, visit: Visit) -> tuple[Done, Sequence[Change]]:
    """Do it, once; answers what waits for a second too. Raises what the act refuses, and FormSentError."""
    values, visit = await _prepared(form, visit)
    word = visit.form.get("once", "")
    if not 0 < len(word) <= sent_forms.MAX_WORD_LENGTH:
        raise FieldEmptyError("the form has no word of its own", field="once")
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await _begin(tx, form, visit, tries=False)
        await sent_forms.take(tx, acting.named, word)
        done = await form.do(tx, acting, visit, values)
    if form.then is not None and not acting.asked:
        done = await form.then(acting, visit, values, done)
    return done, acting.asked


async def let_in(tx: Tx, act: str | None, visit: Visit) -> Operator:
    """Whoever is signed in still is, and may do the act (None: one's own session). Operators stay what they are.

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
    operators.assert_may(found, "viewer" if act is None else ACTS[act].least)
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
        return await let_in(tx, form.act, visit)

    return Acting(form.act, visit.deployment, await admit(tx), admit, tries=tries)


def _listed(error: HashrailError) -> Sequence[object]:
    found = error.details["confirm"]
    assert isinstance(found, list), "it names the figures"
    return found
