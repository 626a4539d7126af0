"""The files of the project as the house rules read them: path, text, syntax, imports."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from tests.support.folders import ROOT


@dataclass(frozen=True)
class Source:
    """A file of the project: its path from the root, its text and its syntax."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """`hashrail.api.app` for src/hashrail/api/app.py; a package is named as itself."""
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[parts.index("src") + 1 :]).removesuffix(".__init__")

    def fault(self, node: ast.AST, message: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {message}"


# From a file to its faults, `path:line: what is wrong`.
Rule: TypeAlias = Callable[[Source], list[str]]
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


def files_below(*folders: str) -> list[Source]:
    return [file(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` for a name with attributes, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


@cache
def file(path: Path) -> Source:
    """A file of the project, read and parsed once."""
    return source(path.relative_to(ROOT).as_posix(), path.read_text())


@cache
def nodes_of(found: Source) -> tuple[ast.AST, ...]:
    """Every node of a file."""
    return tuple(ast.walk(found.tree))


@cache
def imports(found: Source) -> tuple[tuple[ast.stmt, str, str], ...]:
    """Each import of a module or of a name from it: the statement, the module, the name ("" for the module itself)."""
    made: list[tuple[ast.stmt, str, str]] = []
    for node in nodes_of(found):
        if isinstance(node, ast.Import):
            made += [(node, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            made += [(node, "." * node.level + (node.module or ""), alias.name) for alias in node.names]
    return tuple(made)


def imported_modules(found: Source, known: set[str]) -> Iterator[tuple[ast.stmt, str]]:
    """The modules that are imported; `from package import module` is an import of the module."""
    for node, module, name in imports(found):
        yield node, f"{module}.{name}" if f"{module}.{name}" in known else module


def product() -> list[Source]:
    return files_below("src")


def room_of(module: str) -> str:
    """`books` for hashrail.books.ledger, `db` for hashrail.db, "" for hashrail itself."""
    return [*module.split("."), ""][1]


def our_imports(found: Source, known: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module) for each import of a module of hashrail."""
    for node, module in imported_modules(found, known):
        if module.startswith(".") or module.split(".")[0] == "hashrail":
            yield node.lineno, module


def module_imports() -> dict[str, set[str]]:
    sources = product()
    known = {found.module for found in sources}
    return {found.module: {module for _, module in our_imports(found, known)} & known for found in sources}
