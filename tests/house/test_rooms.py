"""The layout: packages in one order, each with a public face, no cycle; and who commits.

The list is tools/rooms.py. Each rule is a function from the sources to its faults; it runs over the tree and over bad
snippets, so that it is known to see what it should.
"""

from collections.abc import Mapping, Sequence

import pytest
from tools.rooms import API_ROOMS, GROUND, ROOMS, Room

from tests.house.sources import Source, files_below, module_imports, our_imports, product, room_of, source

OUTSIDE = len(GROUND) + len(ROOMS)


def height(room: str, rooms: Sequence[Room] = ROOMS) -> int:
    """How high a room stands; one that is in no list stands outside of all."""
    names = [*GROUND, *(each.name for each in rooms)]
    return names.index(room) if room in names else OUTSIDE


def imports_uphill(found: Source, known: set[str], rooms: Sequence[Room] = ROOMS) -> list[str]:
    """A module imports rooms before its own, and of a package only what it shows; the SDK imports nothing of ours."""
    here = room_of(found.module)
    if not found.module.startswith("hashrail.") or found.path.endswith("/__init__.py"):
        return [f"{found.path}:{line}: must not import {module}" for line, module in our_imports(found, known)]
    if height(here, rooms) == OUTSIDE:
        return [f"{found.path}:1: {here} is in no list of tools/rooms.py"]
    faces = {each.name: {f"hashrail.{each.name}.{name}" for name in each.face} for each in rooms}
    faults = []
    for line, module in our_imports(found, known):
        there = room_of(module)
        if there == here:
            continue
        if height(there, rooms) > height(here, rooms) or there == "":
            faults.append(f"{found.path}:{line}: {here} imports {module}, which does not stand before it")
        elif there in faces and module not in faces[there]:
            faults.append(f"{found.path}:{line}: {module} is not in the face of {there}")
    return faults


def cycle(imports: Mapping[str, set[str]]) -> list[str]:
    """A chain of modules that import each other in a ring; empty where there is none."""
    done: set[str] = set()

    def walk(module: str, chain: list[str]) -> list[str]:
        if module in chain:
            return [*chain[chain.index(module) :], module]
        if module in done:
            return []
        for each in sorted(imports.get(module, ())):
            if ring := walk(each, [*chain, module]):
                return ring
        done.add(module)
        return []

    for module in sorted(imports):
        if ring := walk(module, []):
            return ring
    return []


def test_every_import_keeps_the_order_and_the_faces() -> None:
    sources = [*product(), *files_below("client/src")]
    known = {found.module for found in sources}
    faults = [fault for found in sources for fault in imports_uphill(found, known)]
    assert not faults, "\n" + "\n".join(faults)


def test_no_module_imports_itself_by_others() -> None:
    assert cycle(module_imports()) == []


def test_the_rooms_of_the_api_keep_their_order() -> None:
    faults = [
        f"{module} imports {each}"
        for module, imports in module_imports().items()
        for each in imports
        if module.startswith("hashrail.api.")
        and each.startswith("hashrail.api.")
        and API_ROOMS.index(each.split(".")[2]) > API_ROOMS.index(module.split(".")[2])
    ]
    assert faults == []


def test_what_is_shown_is_there_and_used() -> None:
    """A face holds what others import, and nothing else: in the product, or by the tests, tools and benchmarks."""
    imports = module_imports()
    outside = files_below("tests", "tools", "benchmarks")
    used = {each for module, found in imports.items() for each in found if room_of(each) != room_of(module)}
    used |= {module for found in outside for _, module in our_imports(found, set(imports))}
    shown = {f"hashrail.{room.name}.{name}" for room in ROOMS for name in room.face}
    assert shown <= set(imports)
    assert shown <= used


def test_every_room_is_there() -> None:
    rooms = {room_of(found.module) for found in product()} - {""}
    assert rooms == {*GROUND, *(room.name for room in ROOMS)}


SMALL = (Room("books", "Books", ("ledger",)), Room("selling", "Selling", ()))


@pytest.mark.parametrize(
    ("path", "text", "faults"),
    [
        ("src/hashrail/money.py", "from hashrail import errors\nfrom hashrail.errors import X\n", 0),
        ("src/hashrail/money.py", "from hashrail import clock\n", 1),
        ("src/hashrail/books/ledger.py", "import hashrail.db\nfrom hashrail.books.fence import X\n", 0),
        ("src/hashrail/books/ledger.py", "from hashrail.selling.orders import X\n", 1),
        ("src/hashrail/books/ledger.py", "def f():\n    import hashrail.selling.orders\n", 1),
        ("src/hashrail/books/ledger.py", "from . import fence\n", 1),
        ("src/hashrail/books/ledger.py", "import hashrail\n", 1),
        ("src/hashrail/selling/orders.py", "from hashrail.books import ledger\n", 0),
        ("src/hashrail/selling/orders.py", "from hashrail.books import fence\n", 1),
        ("src/hashrail/selling/orders.py", "from hashrail.books.fence import X\n", 1),
        ("src/hashrail/selling/orders.py", "from hashrail_client import signing\nimport asyncpg\n", 0),
        ("src/hashrail/selling/__init__.py", "from hashrail import money\n", 1),
        ("src/hashrail/nowhere/x.py", "", 1),
        ("client/src/hashrail_client/wire.py", "from hashrail import money\nimport hashrail_client.x\n", 1),
    ],
)
def test_the_order_is_seen(path: str, text: str, faults: int) -> None:
    known = {f"hashrail.{name}" for name in (*GROUND, "books.ledger", "books.fence", "selling.orders")}
    assert len(imports_uphill(source(path, text), known, SMALL)) == faults


def test_a_cycle_is_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
