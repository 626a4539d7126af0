"""The walk of a withdrawal reads downhill: the page names functions that are there, and callers stand above callees."""

import ast
import re

import pytest

from tests.house.sources import Source, files_below, source
from tests.support.folders import ROOT

PAGE = ROOT / "docs/why/payouts.md"
CODE_LINK = re.compile(r"\[`(?P<name>[\w.]+)`\]\(\.\./\.\./src/hashrail/(?P<path>[\w/]+)\.py\)")
WALKED = ("src/hashrail/custody", "src/hashrail/payouts")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions(found: Source) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions at the top of a module, in its order."""
    return {node.name: node for node in found.tree.body if isinstance(node, FUNCTIONS)}


def test_the_functions_of_the_walk_are_there() -> None:
    """A link names the module that it leads to, and a function of it."""
    links = list(CODE_LINK.finditer(PAGE.read_text()))
    assert len(links) > 10
    there = {
        f"{found.module.removeprefix('hashrail.')}.{name}" for found in files_below("src") for name in functions(found)
    }
    missing = [link["name"] for link in links if link["name"] not in there]
    astray = [link["name"] for link in links if link["name"].rpartition(".")[0] != link["path"].replace("/", ".")]
    assert (missing, astray) == ([], [])


def climbs(found: Source) -> list[str]:
    """A private function stands below every function of its module that calls it."""
    order = list(functions(found))
    return [
        found.fault(node, f"{caller} calls {node.id}, which stands above it")
        for place, (caller, body) in enumerate(functions(found).items())
        for node in ast.walk(body)
        if isinstance(node, ast.Name) and node.id.startswith("_") and node.id in order[:place]
    ]


def test_callers_stand_above_callees() -> None:
    faults = [fault for found in files_below(*WALKED) for fault in climbs(found)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("def pay():\n    _sign()\ndef _sign(): ...\n", 0),
        ("def _sign(): ...\nasync def pay():\n    await _sign()\n", 1),
        ("def get(): ...\ndef put():\n    get()\n", 0),
        ("def _walk():\n    _walk()\n", 0),
    ],
)
def test_climbing_is_seen(text: str, faults: int) -> None:
    assert len(climbs(source("src/hashrail/payouts/some.py", text))) == faults
