"""The tests are in order as well: the folder says what a test needs, mirrors what it tests, and gives it its mark.

Each rule is a function from a source to its faults; it runs over the tree and over bad snippets.
"""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.rooms import GROUND, ROOMS

from tests.house.sources import Source, files_below, imports, nodes_of, source
from tests.support.folders import ROOT

TESTS = ROOT / "tests"
TIERS = {"unit", "integration", "api", "node", "simulation", "end_to_end", "failover", "house"}
HELPERS = {"support", "vectors"}
# Tiers whose folders are those of src/hashrail.
MIRRORS = ("unit", "integration", "node")
DATABASE = re.compile(r"asyncpg|psycopg|tests\.support\.(?:databases|world|books|api_client)")
FIXTURE = re.compile(r"pytest\.fixture\b(?!.*autouse)")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def fixtures_of(found: Source) -> set[str]:
    """What tests may ask this file for."""
    return {
        node.name
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS) and any(FIXTURE.match(ast.unparse(each)) for each in node.decorator_list)
    }


SHARED = fixtures_of(source("tests/conftest.py", (TESTS / "conftest.py").read_text()))


def mirrors_the_source(found: Source) -> list[str]:
    """A folder is a package of tools/rooms.py; a file beside the folders is about a module of the ground."""
    *folders, name = found.path.removesuffix(".py").split("/")
    if folders[:1] != ["tests"] or not {*folders[1:2]} & {*MIRRORS} or not name.startswith("test_"):
        return []
    folders = folders[2:]
    known = [room.name for room in ROOMS] if folders else [f"test_{module}" for module in GROUND]
    place = folders[0] if folders else name
    return [] if place in known and len(folders) < 2 else [f"{found.path}:1: {place} is nothing of src/hashrail"]


def needs_nothing(found: Source) -> list[str]:
    """A unit test asks for no fixture that all tiers with a database share, and imports nothing that opens one."""
    if not found.path.startswith(("tests/unit/", "client/tests/")):
        return []
    asked = [
        found.fault(node, f"{node.name} asks for {argument.arg}")
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS)
        for argument in node.args.args
        if argument.arg in SHARED
    ]
    opened = [found.fault(node, f"imports {module}") for node, module in named(found) if DATABASE.match(module)]
    return asked + opened


def helpers_in_support(found: Source) -> list[str]:
    """A test is imported by nobody, nor is a conftest: what two of them need lies in tests/support."""
    return [
        found.fault(node, f"imports {module}")
        for node, module in named(found)
        if re.search(r"(?:^|\.)(?:conftest|test_\w+)(?:\.|$)", module)
    ]


def named(found: Source) -> list[tuple[ast.stmt, str]]:
    """Every module that may be meant by an import."""
    return [(node, f"{module}.{name}" if name else module) for node, module, name in imports(found)]


@pytest.mark.parametrize(
    "rule", [mirrors_the_source, needs_nothing, helpers_in_support], ids=lambda rule: rule.__name__
)
def test_the_tests_keep(rule: Callable[[Source], list[str]]) -> None:
    faults = [fault for found in files_below("tests", "client/tests") for fault in rule(found)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_folder_is_a_tier_with_a_mark() -> None:
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert folders == TIERS | HELPERS
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert {mark.split(":")[0] for mark in declared} == TIERS | {"client", "slow"}


def test_something_of_every_room_is_quick() -> None:
    """`make quick` says something about each: no folder has slow files only."""
    told = {
        found.path.split("/")[2]
        for found in files_below("tests/integration")
        if Path(found.path).name.startswith("test_") and "\npytestmark = pytest.mark.slow\n" not in found.text
    }
    folders = {path.name for path in (TESTS / "integration").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders - told == set()


def test_the_folder_gives_the_mark(request: pytest.FixtureRequest) -> None:
    assert [mark.name for mark in request.node.iter_markers() if mark.name in TIERS] == ["house"]


def test_what_all_tiers_with_a_database_share() -> None:
    assert {"server", "template", "dsn", "pool", "world"} <= SHARED


@pytest.mark.parametrize(
    ("rule", "path", "text", "expected"),
    [
        (mirrors_the_source, "tests/unit/test_money.py", "", 0),
        (mirrors_the_source, "tests/integration/books/test_ledger.py", "", 0),
        (mirrors_the_source, "tests/unit/books/conftest.py", "", 0),
        (mirrors_the_source, "tests/api/test_orders.py", "", 0),
        (mirrors_the_source, "tests/unit/test_ledger.py", "", 1),
        (mirrors_the_source, "tests/integration/ledger/test_books.py", "", 1),
        (mirrors_the_source, "tests/node/money/test_money.py", "", 1),
        (mirrors_the_source, "tests/unit/books/more/test_ledger.py", "", 1),
        (needs_nothing, "tests/unit/test_money.py", "def test_a(tmp_path): ...\nfrom hashrail import money\n", 0),
        (needs_nothing, "tests/unit/test_money.py", "async def test_a(pool, x): ...\n", 1),
        (needs_nothing, "tests/unit/test_money.py", "@pytest.fixture\ndef a(server, dsn): ...\n", 2),
        (needs_nothing, "client/tests/test_wire.py", "def test_a(world): ...\nimport asyncpg\n", 2),
        (needs_nothing, "tests/unit/test_db.py", "from tests.support import world\n", 1),
        (needs_nothing, "tests/api/test_orders.py", "import asyncpg\nasync def test_a(pool): ...\n", 0),
        (helpers_in_support, "tests/api/test_a.py", "from tests.support.world import World\nimport pytest\n", 0),
        (helpers_in_support, "tests/api/test_a.py", "from tests.api.test_b import thing\n", 1),
        (helpers_in_support, "tests/support/a.py", "from tests.conftest import thing\n", 1),
        (helpers_in_support, "tests/support/a.py", "from tests.api import test_b\nimport conftest\n", 2),
    ],
)
def test_the_rules_see(rule: Callable[[Source], list[str]], path: str, text: str, expected: int) -> None:
    assert len(rule(source(path, text))) == expected
