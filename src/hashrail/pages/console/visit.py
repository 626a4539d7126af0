"""A visit of the console: who asks for which page, and what a page or a deed is; `door.py` lets visitors in.

A page is a `View` and what changes something is a `Deed`: rows of one table (`pages.py`), which says the least role of
each. A view reads in one snapshot and names whom it shows, which is noted before the page is sent; a deed works in one
transaction, in which who acts is looked up once more, and leads to another page.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from hashrail.db import Tx
from hashrail.pages.visiting import BaseVisit, Elsewhere, NotSignedInError, Sheet, Shown
from hashrail.parties.operator_sessions import Session
from hashrail.parties.operators import Operator, Role, is_more
from hashrail.parties.permissions import ACTS

__all__ = ["ROOT", "Deed", "Do", "Elsewhere", "NotSignedInError", "Sheet", "Show", "Shown", "View", "Visit", "link"]

ROOT = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(BaseVisit):
    """One request of an operator who is signed in."""

    operator: Operator
    session: Session
    # How many changes wait for a second, where the operator sees them.
    changes: int = 0

    def may(self, least: Role) -> bool:
        """Whether the operator's role suffices."""
        return not is_more(least, self.operator.role)

    def may_do(self, act: str) -> bool:
        """Whether the operator's role suffices for an act of a command."""
        return self.may(ACTS[act].least)


Show: TypeAlias = Callable[[Tx, Visit], Awaitable[Shown | Elsewhere | Sheet]]
Do: TypeAlias = Callable[[Tx, Visit], Awaitable[str]]
DeedReady: TypeAlias = Callable[[Visit], Awaitable[None]]


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
    """What changes something: where its form is sent, and the act of a command that it is.

    None is one's own session, or something that changes no books: then `role` says who may. What takes a connection of
    its own, like a look at a password, is asked by `ready`, before the transaction begins.
    """

    path: str
    name: str
    act: str | None
    do: Do
    role: Role = "viewer"
    ready: DeedReady | None = None

    @property
    def least(self) -> Role:
        """The least role that may do it."""
        return self.role if self.act is None else ACTS[self.act].least


def link(path: str, **query: object) -> str:
    """The address of a page of the console, with what is given of the query."""
    pairs = {name: str(value) for name, value in query.items() if value is not None}
    return f"{ROOT}{path}" + (f"?{urlencode(pairs)}" if pairs else "")
