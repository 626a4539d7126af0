"""A visit of the console: who asks for which page, and what a page or a deed is; `door.py` lets visitors in.

A page is a `View` and what changes something is a `Deed`: rows of one table (`pages.py`), which says the least role of
each. A view reads in one snapshot and names whom it shows, which is noted before the page is sent; a deed works in one
transaction, in which who acts is looked up once more, and leads to another page.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import urlencode

from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnauthorizedError
from hashrail.pages import forms
from hashrail.pages.forms import FieldEmptyError
from hashrail.parties.operator_sessions import Session, word_of
from hashrail.parties.operators import Operator, Role, is_more
from hashrail.parties.permissions import ACTS
from hashrail.parties.signing_in import From

ROOT = "/console"
# How a form names a figure again that somebody has to look at once more.
CONFIRM = "confirm:"


class NotSignedInError(UnauthorizedError):
    """Nobody is signed in, or the session has ended."""

    code = "NOT_SIGNED_IN"
    advice = "Sign in; what you had in mind was not done."


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of an operator who is signed in; `path` is the page's, without its query."""

    deployment: Deployment
    operator: Operator
    session: Session
    token: str
    where: From
    numbers: Mapping[str, int] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    told: Any = None
    path: str = ROOT
    # How many changes wait for a second, where the operator sees them.
    changes: int = 0

    def with_told(self, told: Any) -> "Visit":
        """The same, with what the world outside was asked for it."""
        return replace(self, told=told)

    @property
    def confirmed(self) -> list[str]:
        """The figures that were named once more."""
        return [name.removeprefix(CONFIRM) for name, value in self.form.items() if name.startswith(CONFIRM) and value]

    def may(self, least: Role) -> bool:
        """Whether the operator's role suffices."""
        return not is_more(least, self.operator.role)

    def may_do(self, act: str) -> bool:
        """Whether the operator's role suffices for an act of a command."""
        return self.may(ACTS[act].least)

    @property
    def word(self) -> str:
        """What each form of this session's pages sends along."""
        return word_of(self.token)

    def number(self, name: str) -> int | None:
        """A number of the query, None where it is not there. Raises FieldNotANumberError."""
        text = self.query.get(name, "").strip()
        if not text:
            return None
        return forms.number(name, text)

    def asked(self, name: str) -> str:
        """A field of the query that has to be there. Raises FieldEmptyError."""
        return _filled(self.query, name)

    def given(self, name: str) -> str:
        """A field of the form that has to be there. Raises FieldEmptyError."""
        return _filled(self.form, name)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a template shows; `subject` is whom it shows, as the log names them."""

    facts: Mapping[str, Any]
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The page is another one."""

    path: str


Show: TypeAlias = Callable[[Tx, Visit], Awaitable[Shown | Elsewhere]]
Do: TypeAlias = Callable[[Tx, Visit], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class View:
    """A page: its path, the name in metrics and in the log of views, the least role that sees it, its template."""

    path: str
    name: str
    least: Role
    show: Show

    @property
    def template(self) -> str:
        """Where it stands."""
        return f"console/{self.name}.html"


@dataclass(frozen=True, slots=True)
class Deed:
    """What changes something: where its form is sent, and the act of a command that it is (None: one's own session)."""

    path: str
    name: str
    act: str | None
    do: Do

    @property
    def least(self) -> Role:
        """The least role that may do it."""
        return "viewer" if self.act is None else ACTS[self.act].least


def link(path: str, **query: object) -> str:
    """The address of a page of the console, with what is given of the query."""
    pairs = {name: str(value) for name, value in query.items() if value is not None}
    return f"{ROOT}{path}" + (f"?{urlencode(pairs)}" if pairs else "")


def _filled(fields: Mapping[str, str], name: str) -> str:
    found = fields.get(name, "").strip()
    if not found:
        raise FieldEmptyError(f"{name} is empty", field=name)
    return found
