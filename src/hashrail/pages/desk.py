"""A desk: what stands around each page of somebody who is signed in, in the console and in the portal alike.

Its navigation is a table of groups, from which the command palette and the letters that lead somewhere after `g` come
too, so that each page stands in one place. What a role may not see is left out by whoever makes the desk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A page to go to: its words, its address, and the letter that leads there after `g`; or a form to begin.

    Pages below its address belong to it, and those below `also`. `count` is how many things wait there for somebody.
    """

    words: str
    path: str
    key: str = ""
    also: Sequence[str] = ()
    is_current: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Pages under one heading; the first group needs none."""

    words: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Desk:
    """The navigation of somebody's pages, the forms they may begin, and who they are.

    `search` is the page that looks a text up, where there is one; `sign_out` is where the form that ends the session is
    sent, with the `word` of the session.
    """

    name: str
    home: str
    groups: Sequence[Group]
    acts: Sequence[Entry]
    who: str
    role: str
    own: str
    sign_out: str
    word: str
    search: str | None = None
    search_words: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """What the script of the page is told: pages and acts to choose from, by name."""
        return {
            "search": self.search,
            "pages": [_given(each) for group in self.groups for each in group.entries],
            "acts": [_given(each) for each in self.acts],
        }


def at(groups: Sequence[Group], path: str, *, home: str) -> list[Group]:
    """The same without empty groups, with the entry marked that the page of a path belongs to.

    That is the one whose address the path begins with for longest; home has no pages below it.
    """
    entries = [each for group in groups for each in group.entries]
    nearest = max(entries, key=lambda each: _belongs(each, path, home), default=None)
    if nearest is not None and not _belongs(nearest, path, home):
        nearest = None
    return [
        replace(group, entries=[replace(each, is_current=each is nearest) for each in group.entries])
        for group in groups
        if group.entries
    ]


def _belongs(entry: Entry, path: str, home: str) -> int:
    """How much of a path an entry's addresses are."""
    if entry.path == home:
        return len(home) if path == home else 0
    return max(len(each) if f"{path}/".startswith(f"{each}/") else 0 for each in (entry.path, *entry.also))


def _given(entry: Entry) -> dict[str, str]:
    return {"words": entry.words, "path": entry.path, "key": entry.key}
