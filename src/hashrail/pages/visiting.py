"""What visits of console and portal have in common: the query, the form, numbers of the path, the word of the session.

A page is a `View` and what changes something is a `Deed`, or a `Form` that asks first: rows of one table a door, with
the least role of each. A view reads in one snapshot and names whom it shows, which is noted before the page is sent; a
deed works in one transaction, in which who acts is looked up once more, and leads to another page.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hashrail.api.serving.call import File
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnauthorizedError
from hashrail.pages import forms
from hashrail.pages.forms import FieldEmptyError, FieldNotANumberError
from hashrail.parties.browser_sessions import word_of
from hashrail.parties.signing_in import From

# How a form names a figure again that somebody has to look at once more.
CONFIRM = "confirm:"
# What a sheet is sent as.
CSV = "text/csv"
V = TypeVar("V", bound="BaseVisit")


class NotSignedInError(UnauthorizedError):
    """Nobody is signed in, or the session has ended."""

    code = "NOT_SIGNED_IN"
    advice = "Sign in; what you had in mind was not done."


@dataclass(frozen=True, slots=True)
class Came:
    """How a request came: from where, by which address of ours, and with what.

    `site` is like https://here.example, `path` is the page's, without its query. It `is_click` unless the page has
    looked by itself whether something is new.
    """

    where: From
    site: str
    path: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    is_click: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseVisit:
    """One request of somebody who is signed in."""

    deployment: Deployment
    token: str
    came: Came
    told: Any = None

    def with_told(self: V, told: Any) -> V:
        """The same, with what the world outside was asked for it."""
        return replace(self, told=told)

    @property
    def where(self) -> From:
        """From where it came."""
        return self.came.where

    @property
    def path(self) -> str:
        """The page's path, without its query."""
        return self.came.path

    @property
    def numbers(self) -> Mapping[str, int]:
        """The numbers of the path, by name."""
        return self.came.numbers

    @property
    def query(self) -> Mapping[str, str]:
        """The fields of the address."""
        return self.came.query

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of the form that was sent."""
        return self.came.form

    @property
    def confirmed(self) -> list[str]:
        """The figures that were named once more."""
        return [name.removeprefix(CONFIRM) for name, value in self.form.items() if name.startswith(CONFIRM) and value]

    @property
    def word(self) -> str:
        """What each form of this session's pages sends along."""
        return word_of(self.token)

    def number(self, name: str) -> int | None:
        """A number of the query, None where it is not there. Raises FieldNotANumberError, NoSuchNumberError."""
        text = self.query.get(name, "").strip()
        if not text:
            return None
        found = forms.numeral(text)
        if found is None:
            raise FieldNotANumberError(f"{name} is no number", field=name)
        return forms.numbered(name, found)

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
class Sheet:
    """What is downloaded in place of a page: a file of texts, read as it is sent, in a snapshot of its own."""

    name: str
    media_type: str
    parts: Callable[[Tx], AsyncIterator[str]]
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """What is downloaded in place of a page: a file whose size is known, whole or in parts.

    It is read as it is sent, by what opens the database itself: whoever takes long holds no snapshot.
    """

    file: File
    media_type: str
    subject: str | None = None

    @classmethod
    def of(cls, name: str, media_type: str, content: bytes) -> "Download":
        """A file that was made already, in one piece."""

        async def read(first: int, last: int) -> AsyncIterator[bytes]:
            yield content[first : last + 1]

        return cls(File(len(content), f'"{hashlib.sha256(content).hexdigest()}"', name, read), media_type)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The page is another one."""

    path: str


def _filled(fields: Mapping[str, str], name: str) -> str:
    found = fields.get(name, "").strip()
    if not found:
        raise FieldEmptyError(f"{name} is empty", field=name)
    return found
