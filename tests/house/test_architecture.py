"""ARCHITECTURE.md is true: its packages are the list's, its arrows reach every import, its names are there.

The glossary is true as well: each of its words is one that the code or another page uses.
"""

import ast
import re
from collections.abc import Mapping
from functools import cache

import pytest
from tools.rooms import GROUND, ROOMS

from tests.house.sources import Source, files_below, module_imports, room_of
from tests.support.folders import ROOT

PAGE = (ROOT / "ARCHITECTURE.md").read_text()
GLOSSARY = ROOT / "docs/why/glossary.md"
NAMES = [room.name for room in ROOMS]
ARROWS = {(found[1], found[2]) for found in re.finditer(r"^    (\w+) --> (\w+)$", PAGE, re.M)}
# `selling.orders.create`, `db.transaction`, `hashrail_client.signing.verify`.
DOTTED = re.compile(r"`((?:\w+\.)+\w+)`")
ENTRY = re.compile(r"^- \*\*(?P<word>[^*]+)\*\*: (?P<meaning>.+(?:\n  .+)*)$", re.M)


def reached(start: str, arrows: set[tuple[str, str]]) -> set[str]:
    """What the arrows lead to, one after the other."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        new = {there for begin, there in arrows if begin == here} - found
        found |= new
        waiting.extend(new)
    return found


def test_the_packages_stand_there_in_their_order() -> None:
    assert re.findall(r"^\| `(\w+)` \| .+ \| `[\w.]+` \|$", PAGE, re.M) == NAMES
    ground = PAGE.split("On the ground stand")[1].split(".")[0]
    assert re.findall(r"`(\w+)`", ground) == list(GROUND)


def test_the_picture_shows_every_import() -> None:
    """An arrow leads to an earlier package; whatever a package imports is reached by arrows."""
    assert {name for arrow in ARROWS for name in arrow} == set(NAMES)
    assert {arrow for arrow in ARROWS if NAMES.index(arrow[0]) <= NAMES.index(arrow[1])} == set()
    missing = {
        (room_of(module), room_of(each))
        for module, imports in module_imports().items()
        for each in imports
        if room_of(module) in NAMES
        and room_of(each) in NAMES
        and room_of(each) not in reached(room_of(module), ARROWS) | {room_of(module)}
    }
    assert missing == set()


def test_arrows_are_followed() -> None:
    arrows = {("a", "b"), ("b", "c"), ("d", "a")}
    assert [reached(name, arrows) for name in "abcd"] == [{"b", "c"}, {"c"}, set(), {"a", "b", "c"}]


@cache
def sources() -> Mapping[str, Source]:
    """Every module by its name; the server's without `hashrail.`"""
    found = files_below("src", "client/src")
    return {each.module.removeprefix("hashrail."): each for each in found}


def is_there(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or what a module defines."""
    if dotted in sources():
        return True
    module, _, name = dotted.rpartition(".")
    if module not in sources():
        return False
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, defined) and node.name == name for node in sources()[module].tree.body)


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/decisions.md", "docs/why"])
def test_the_names_that_pages_use_are_there(page: str) -> None:
    found = ROOT / page
    text = "\n".join(each.read_text() for each in ([found] if found.is_file() else sorted(found.glob("*.md"))))
    known = {*GROUND, *NAMES, "hashrail_client"}
    names = {name for name in DOTTED.findall(text) if name.split(".")[0] in known}
    assert {name for name in names if not is_there(name)} == set()


def test_names_are_looked_up() -> None:
    assert is_there("books.ledger")
    assert is_there("books.ledger.post")
    assert is_there("db.transaction")
    assert is_there("hashrail_client.signing.verify")
    assert not is_there("books.ledger.pots")
    assert not is_there("books.nothing.post")


def test_the_glossary_is_in_order_and_short() -> None:
    text = GLOSSARY.read_text()
    entries = list(ENTRY.finditer(text))
    assert len(entries) == text.count("\n- **") > 50
    words = [entry["word"] for entry in entries]
    assert words == sorted(words, key=str.lower)
    assert [entry["word"] for entry in entries if entry[0].count("\n") > 1] == []


def test_every_word_of_the_glossary_is_used() -> None:
    """In the code, what plays the world in tests included, or on a page beside the glossary; a plural counts."""
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page != GLOSSARY]
    code = files_below("src", "client/src", "tests/support")
    text = "\n".join([*(each.text for each in code), *(page.read_text() for page in pages)])
    used = " ".join(text.replace("-", " ").split())
    words = [entry["word"] for entry in ENTRY.finditer(GLOSSARY.read_text())]
    unused = [word for word in words if not re.search(rf"\b{re.escape(word.replace('-', ' '))}(?:e?s)?\b", used, re.I)]
    assert unused == []
