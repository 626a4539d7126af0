"""Forms that ask for an act: filled, looked at, and done once; the same for console and portal.

    filled -> looked at -> done

What a form comes to is found by doing it and undoing it: the page shows what would change from what to what, which
figures have to be named once more, and whether a second person has to confirm it. Nothing is changed by looking. Only
then does the same act run for good, with the word of its form, so that a form that is sent twice is done once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hashrail import db
from hashrail.acts.acting import Noted
from hashrail.bounds import ConfirmationNeededError
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.pages.forms import Field, FieldEmptyError
from hashrail.parties import sent_forms


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


class Acts(Protocol):
    """Who acts, and what the act has noted and told by now."""

    @property
    def noted(self) -> Sequence[Noted]:
        """What was changed."""

    @property
    def told(self) -> Sequence[str]:
        """What it comes to, in sentences."""


def once(form: Mapping[str, str]) -> str:
    """The word by which a form counts once. Raises FieldEmptyError."""
    word = form.get("once", "")
    if not 0 < len(word) <= sent_forms.MAX_WORD_LENGTH:
        raise FieldEmptyError("the form has no word of its own", field="once")
    return word


async def look(tx: Tx, acting: Acts, act: Callable[[], Awaitable[object]]) -> Looked:
    """What an act would come to: it is done and undone. Raises what it refuses."""
    try:
        async with db.undone(tx):
            await act()
    except ConfirmationNeededError as error:
        return Looked(acting.noted, acting.told, _doubts_of(error), error.message)
    return Looked(acting.noted, acting.told)


def _doubts_of(error: HashrailError) -> list[str]:
    found = error.details["confirm"]
    assert isinstance(found, list), "it names the figures"
    return [str(each) for each in found]
