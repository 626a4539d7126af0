"""A visit of the portal: which member of which partner asks for which page; `door.py` lets visitors in.

Everything that a page shows or does is of the partner of the session, and of no number that the address names: what is
another partner's is not there. Rows of the table (`pages.py`) say the least role of each page, deed and form.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlencode

from hashrail.api.serving.state import Serving
from hashrail.db import Tx
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.visiting import BaseVisit, Download, Elsewhere, Shown
from hashrail.parties.member_sessions import Session
from hashrail.parties.members import Member, Role, is_more
from hashrail.parties.partners import Partner

ROOT = "/portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(BaseVisit):
    """One request of a member who is signed in."""

    serving: Serving
    member: Member
    partner: Partner
    session: Session

    @property
    def partner_id(self) -> int:
        """Whose everything is."""
        return self.partner.id

    def may(self, least: Role) -> bool:
        """Whether the member's role suffices."""
        return not is_more(least, self.member.role)


Show: TypeAlias = Callable[[Tx, Visit], Awaitable[Shown | Elsewhere | Download]]
Do: TypeAlias = Callable[[Tx, MemberActing, Visit], Awaitable[str]]
Ask: TypeAlias = Callable[[Tx, Visit], Awaitable[Asked]]
DoForm: TypeAlias = Callable[[Tx, MemberActing, Visit, Values], Awaitable[Done]]
# What is asked of the world outside before the transaction begins; `Visit.told` has it.
Ready: TypeAlias = Callable[[Visit, Values], Awaitable[Any]]
DeedReady: TypeAlias = Callable[[Visit], Awaitable[None]]
# What goes on once it is committed, in steps of its own; it may lead to another page.
Then: TypeAlias = Callable[[MemberActing, Visit, Values, Done], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class View:
    """A page: its path, the name in metrics and in the log of views, the least role that sees it, its template.

    One that `is_heavy` reads many days of many users: a process shows one of them at a time. Only a sandbox has those
    that are `of_sandbox`.
    """

    path: str
    name: str
    least: Role
    show: Show
    is_heavy: bool = False
    of_sandbox: bool = False

    @property
    def template(self) -> str:
        """Where it stands."""
        return f"portal/{self.name}.html"


@dataclass(frozen=True, slots=True)
class Deed:
    """What one button does. `manages`: it changes members. `while_suspended`: also for a partner that is suspended.

    What takes a connection of its own, like a look at a password, is asked by `ready`, before the transaction begins.
    """

    path: str
    name: str
    least: Role
    do: Do
    manages: bool = False
    while_suspended: bool = False
    ready: DeedReady | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its path, its name in metrics, the least role that may send it, what it asks and does.

    One that does not `look` is done at once: it changes nothing that could be shown before. One that `begins` can be
    opened by its path alone. What commits in steps says by `do` what is meant, and `then` does it, unless it waits for
    a second. `manages` and `while_suspended` are as of a deed, `of_sandbox` as of a page.
    """

    path: str
    name: str
    least: Role
    ask: Ask
    do: DoForm
    looks: bool = True
    grave: bool = False
    ready: Ready | None = None
    begins: bool = True
    then: Then | None = None
    manages: bool = False
    while_suspended: bool = False
    of_sandbox: bool = False


def link(path: str, **query: object) -> str:
    """The address of a page of the portal, with what is given of the query."""
    pairs = {name: str(value) for name, value in query.items() if value is not None}
    return f"{ROOT}{path}" + (f"?{urlencode(pairs)}" if pairs else "")
