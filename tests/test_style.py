"""The house style, held over the source tree.

Each rule is a small function from a source file to its faults, `path:line: what is wrong`. It runs over the tree, and
over a bad snippet, so that it is known to see what it should. Exceptions are listed with their reason, and an
exception that nothing needs any more is a fault as well.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parent.parent
MOST_FUNCTION_LINES = 60
MOST_MODULE_LINES = 520

# A module imports only lower floors, or modules before it on its own floor. Names that end in .* stand for a package
# whose modules may import each other in alphabetic order.
FLOORS = (
    ("errors", "money", "clock", "income", "pricing"),
    (
        *("settings", "db", "embedded.tether", "embedded.files", "embedded.binaries", "embedded.processes"),
        *("embedded_postgres", "auth.signature", "auth.token", "auth.ton_wallet", "auth.ton_proof"),
        *("gateways.bitcoin_records", "gateways.bitcoin_rpc", "gateways.bitcoin", "gateways.bitcoin_guards"),
        "gateways.coins",
        *("gateways.ton", "vault", "scenarios", "logs", "addresses", "gateways.signer"),
        "gateways.chain",
    ),
    (
        "business_clock",
        "gateways.sandbox_blocks",
        "gateways.sandbox",
        "gateways.chains",
        "jobs",
        "once",
        "day_fence",
        "budgets",
    ),
    ("ledger", "operators", "payout_policy", "partners", "origins", "billing", "users", "sessions", "ton_payloads"),
    ("rates", "tariffs", "rate_classes", "discounts", "catalogue", "miners", "wallets"),
    (
        *(
            "rewards",
            "incomes",
            "explain",
            "orders",
            "handovers",
            "upgrades",
            "statements",
            "foreign_spends",
            "payout_wallet",
            "withdrawals",
            "approvals",
            "payout_batches",
            "payout_queue",
            "payout_watch",
            "payout_settlement",
            "payout_exports",
            "deposits",
            "payouts",
            *("reconciliation_lines", "reconciliation_books", "reconciliation_wallet", "reconciliation_bridge"),
            "reconciliation",
        ),
        "daily",
    ),
    (
        *("checks", "api.errors", "api.fields", "api.cursors", "api.answer_cache", "api.deployment"),
        *("api.limits", "api.guards", "api.call"),
    ),
    (
        *(
            "api.models",
            "api.render",
            "api.reads",
            "api.telemetry",
            "api.cors",
            "api.logins",
            "api.ton_login",
            "api.c2s",
            "api.s2s",
            "api.selling",
            "api.statement",
        ),
        *(
            "api.paying",
            "api.depositing",
            "api.public",
            "api.market",
            "api.sandbox",
            "worker",
        ),
    ),
    (
        "bootstrap",
        "api.routes",
        *("api.refusals", "api.schemas", "api.openapi_words", "api.openapi", "api.reference_page"),
        "api.endpoints",
        "api.app",
        "demo",
        "processes",
        "signature_command",
        "ton_proof_command",
        "commands.common",
        "commands.*",
        "cli",
    ),
)

CLOCK_MODULES = {
    "src/hashrail/clock.py": "the one module that reads the machine's clock",
    "client/src/hashrail_client/client.py": "the SDK is a distribution of its own and signs with the present time",
}
PRINTING_MODULES = re.compile(r"src/hashrail/(cli|demo|signature_command|ton_proof_command|commands/\w+)\.py")
FLOATS_ALLOWED = {
    ("src/hashrail/clock.py", "monotonic"): "seconds that passed, not an amount",
    ("src/hashrail/api/deployment.py", "Cache"): "the moment on the monotonic clock when what was read is stale",
    ("src/hashrail/api/answer_cache.py", "AnswerCache"): "the moment on the monotonic clock when an answer is stale",
    ("client/src/hashrail_client/wire.py", "javascript_number"): "prints a number as JavaScript would",
}
ASSERTING_CALLS = {"pytest.raises", "run_state_machine_as_test"}
CATCH_ALL_ALLOWED = {
    ("src/hashrail/auth/ton_wallet.py", "_roots"): "pytoniq-core refuses bytes with a plain Exception",
}

SECONDS = re.compile(r"(?:.*_)?(?:timeout|delay|interval|period|seconds)")
CLOCK_READERS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"),
        *("localtime", "gmtime", "ctime", "asctime", "clock_gettime", "clock_gettime_ns"),
    },
}
SQL_CLOCK = re.compile(
    r"\b(?:now|(?:clock|statement|transaction)_timestamp)\(\)|\b(?:current|local)_?(?:timestamp|date|time)\b", re.I
)


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


Rule: TypeAlias = Callable[[Source], list[str]]
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


@cache
def files_below(*folders: str) -> list[Source]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in found]


def place(module: str) -> tuple[int, int, str] | None:
    """Where a module of hashrail stands: its floor, its place on it, and its name; None if nowhere."""
    name = module.removeprefix("hashrail.")
    package = name.rpartition(".")[0] + ".*"
    for floor, names in enumerate(FLOORS):
        for wanted in (name, package):
            if wanted in names:
                return floor, names.index(wanted), name
    return None


def imports(found: Source) -> Iterator[tuple[ast.stmt, str, str]]:
    """Each import of a module or of a name from it: the statement, the module, the name ("" for the module itself)."""
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, "." * node.level + (node.module or ""), alias.name


def imported_modules(found: Source, known: set[str]) -> Iterator[tuple[ast.stmt, str]]:
    """The modules that are imported; `from package import module` is an import of the module."""
    for node, module, name in imports(found):
        yield node, f"{module}.{name}" if f"{module}.{name}" in known else module


def scopes(found: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every node with the name of the function or class around it, "" at the top of the module."""
    waiting: list[tuple[ast.AST, str]] = [(found.tree, "")]
    while waiting:
        node, scope = waiting.pop()
        yield node, scope
        inside = node.name if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else scope
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` for a name with attributes, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


# Rules


def floors(found: Source, known: set[str] | None = None) -> list[str]:
    """A module stands in the list and imports downhill; a package's own file and the SDK import nothing of hashrail."""
    ours = [
        (node, module)
        for node, module in imported_modules(found, known or set())
        if module.split(".")[0] == "hashrail" or module.startswith(".")
    ]
    if found.path.endswith("/__init__.py") or not found.path.startswith("src/hashrail/"):
        return [found.fault(node, f"{found.module} must not import {module}") for node, module in ours]
    here = place(found.module)
    if here is None:
        return [f"{found.path}:1: {found.module} stands on no floor: add it to FLOORS"]
    faults = []
    for node, module in ours:
        there = place(module)
        if there is None:
            faults.append(found.fault(node, f"{module} stands on no floor; import a module by its full name"))
        elif there >= here:
            faults.append(found.fault(node, f"{found.module} (floor {here[0]}) imports {module} (floor {there[0]})"))
    return list(dict.fromkeys(faults))  # once for a statement with many names


def no_floats(found: Source) -> list[str]:
    """No float, unless it is seconds by its name or stands in FLOATS_ALLOWED."""
    return [
        found.fault(node, "float: money is Decimal, and a time in seconds says so by its name")
        for node, scope in floats(found)
        if (found.path, scope) not in FLOATS_ALLOWED
    ]


def floats(found: Source) -> Iterator[tuple[ast.AST, str]]:
    fine = {id(inner) for node in ast.walk(found.tree) for time in times(node) for inner in ast.walk(time)}
    for node, scope in scopes(found):
        is_float = (isinstance(node, ast.Name) and node.id == "float") or (
            isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        )
        if is_float and id(node) not in fine:
            yield node, scope


def times(node: ast.AST) -> Iterator[ast.AST]:
    """Values and annotations below `node` whose name says that they are seconds."""
    if isinstance(node, ast.keyword) and node.arg and SECONDS.fullmatch(node.arg):
        yield node.value
    elif isinstance(node, ast.arguments):
        positional = node.posonlyargs + node.args
        defaults = [*[None] * (len(positional) - len(node.defaults)), *node.defaults, *node.kw_defaults]
        for argument, default in zip(positional + node.kwonlyargs, defaults, strict=True):
            if SECONDS.fullmatch(argument.arg):
                yield from (part for part in (argument.annotation, default) if part is not None)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, ast.Name) and SECONDS.fullmatch(target.id.lower()) for target in targets):
            yield from (part for part in (node.value, getattr(node, "annotation", None)) if part is not None)


def no_clock(found: Source) -> list[str]:
    """The machine's clock, and the database's, are read through clock.py."""
    if found.path in CLOCK_MODULES:
        return []
    documentation = {id(node.value) for node in ast.walk(found.tree) if isinstance(node, ast.Expr)}
    faults = []
    real: dict[str | None, str] = {
        alias.asname: alias.name for alias in ast.walk(found.tree) if isinstance(alias, ast.alias)
    }
    for node in ast.walk(found.tree):
        base, _, name = dotted(node).rpartition(".")
        base = base.split(".")[-1]
        if name in CLOCK_READERS.get(real.get(base, base), ()):
            faults.append(found.fault(node, f"{base}.{name} reads a clock: use hashrail.clock"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            faults += [found.fault(node, f"SQL reads a clock: {seen[0]}") for seen in SQL_CLOCK.finditer(node.value)]
    for node, module, name in imports(found):
        if module == "time" and name in CLOCK_READERS["time"]:
            faults.append(found.fault(node, f"time.{name} reads a clock: use hashrail.clock"))
    return faults


def short_functions(found: Source) -> list[str]:
    """A function fits a screen."""
    return [
        found.fault(node, f"{node.name} has {lines} lines, at most {MOST_FUNCTION_LINES}")
        for node in ast.walk(found.tree)
        if isinstance(node, FUNCTIONS) and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]


def short_modules(found: Source) -> list[str]:
    """A module is a page about one noun."""
    lines = found.text.count("\n")
    return [f"{found.path}:1: {lines} lines, at most {MOST_MODULE_LINES}"] if lines > MOST_MODULE_LINES else []


def documented(found: Source) -> list[str]:
    """A module, and every public class, function and method in it, has a docstring; overloads share one."""
    faults = [] if ast.get_docstring(found.tree) else [f"{found.path}:1: the module has no docstring"]
    waiting: list[ast.Module | ast.ClassDef] = [found.tree]
    while waiting:
        for node in waiting.pop().body:
            if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name.startswith("_"):
                continue
            is_overload = any(ast.unparse(each) == "overload" for each in node.decorator_list)
            if not ast.get_docstring(node) and not is_overload:
                faults.append(found.fault(node, f"{node.name} has no docstring"))
            if isinstance(node, ast.ClassDef):
                waiting.append(node)
    return faults


def named_exceptions(found: Source) -> list[str]:
    """Nobody catches what he cannot name, unless CATCH_ALL_ALLOWED says why."""
    return [
        found.fault(node, "catches everything: name the exceptions")
        for node, scope in catch_alls(found)
        if (found.path, scope) not in CATCH_ALL_ALLOWED
    ]


def catch_alls(found: Source) -> Iterator[tuple[ast.AST, str]]:
    for node, scope in scopes(found):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or dotted(kind) in ("Exception", "BaseException") for kind in kinds):
                yield node, scope
        elif isinstance(node, ast.Call) and dotted(node.func) in ("suppress", "contextlib.suppress"):
            yield from ((node, scope) for kind in node.args if dotted(kind) in ("Exception", "BaseException"))


def no_print(found: Source) -> list[str]:
    """Only the command line prints; the rest logs."""
    if PRINTING_MODULES.fullmatch(found.path):
        return []
    calls = [node for node in ast.walk(found.tree) if isinstance(node, ast.Call)]
    return [found.fault(node, "print outside the command line") for node in calls if dotted(node.func) == "print"]


def no_private_imports(found: Source) -> list[str]:
    """What begins with _ is used in its own module only."""
    faults, modules = [], set()
    for node, module, name in imports(found):
        if module.split(".")[0] in ("hashrail", "hashrail_client"):
            modules |= {name or module}
            if any(re.match(r"_(?!_)", part) for part in (*module.split("."), name)):
                faults.append(found.fault(node, f"imports the private {module}.{name}"))
    for inner in ast.walk(found.tree):
        if isinstance(inner, ast.Attribute) and re.match(r"_(?!_)", inner.attr) and dotted(inner.value) in modules:
            faults += [found.fault(inner, f"uses the private {dotted(inner)}")]
    return faults


def asserts_something(found: Source) -> list[str]:
    """Every test has an assertion: `assert`, a call in ASSERTING_CALLS, or of a name like assert_... or check_..."""

    def asserts(node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            return name in ASSERTING_CALLS or name.split(".")[-1].startswith(("assert_", "check_"))
        return isinstance(node, ast.Assert)

    return [
        found.fault(node, f"{node.name} asserts nothing")
        for node in ast.walk(found.tree)
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and not any(map(asserts, ast.walk(node)))
    ]


SOURCE_RULES: tuple[Rule, ...] = (
    *(no_floats, no_clock, short_functions, short_modules, documented, named_exceptions, no_print, no_private_imports),
)


# The tree


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps(rule: Rule) -> None:
    sources = files_below("src", "client/src")
    assert len(sources) > 30
    faults = [fault for found in sources for fault in rule(found)]
    assert not faults, "\n" + "\n".join(faults)


def test_imports_go_downhill() -> None:
    sources = files_below("src", "client/src")
    known = {found.module for found in sources}
    faults = [fault for found in sources for fault in floors(found, known)]
    assert not faults, "\n" + "\n".join(faults)


def test_no_module_stands_twice() -> None:
    names = [name for floor in FLOORS for name in floor]
    assert sorted(set(names)) == sorted(names)


def test_every_name_on_a_floor_is_there() -> None:
    modules = {found.module.removeprefix("hashrail.") for found in files_below("src")}
    packages = {f"{module.rpartition('.')[0]}.*" for module in modules}
    assert [name for floor in FLOORS for name in floor if name not in modules | packages] == []


def test_migrations_read_no_clock() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "src/hashrail/sql").glob("*.sql"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SQL_CLOCK.search(line.split("--")[0])
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_every_test_asserts() -> None:
    faults = [fault for found in files_below("tests") for fault in asserts_something(found)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_exception_is_still_needed() -> None:
    sources = files_below("src", "client/src")
    needed = {(found.path, scope) for found in sources for _, scope in floats(found)}
    assert set(FLOATS_ALLOWED) <= needed
    needed = {(found.path, scope) for found in sources for _, scope in catch_alls(found)}
    assert set(CATCH_ALL_ALLOWED) <= needed
    assert set(CLOCK_MODULES) <= {found.path for found in sources}


# The rules themselves


def lines(faults: list[str]) -> list[int]:
    return [int(fault.split(":")[1]) for fault in faults]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (no_floats, "rate = 0.5\n", [1]),
        (no_floats, "def pay(x: float) -> 'int':\n    return x\n", [1]),
        (no_floats, "def pay(x):\n    return [\n        float(x)]\n", [3]),
        (no_floats, "wait(0.5, timeout=1.5, amount=2.5)\n", [1, 1]),
        (no_floats, "sleep(delay=-1.5); sleep(delay_seconds=0.5)\nPOLL_SECONDS = 0.01\nlong: int = 1\n", []),
        (no_floats, "def f(a, timeout: float = 1.5, *, b=2, interval: float = 0.5): ...\n", []),
        (no_floats, "def f(a=1.5, timeout=1, *, b=0.5, period: float): ...\n", [1, 1]),
        (no_floats, "POLL_SECONDS, RATE = 0.01, 0.5\n", [1, 1]),
        (no_floats, "patience_seconds: float = 0.1\nfee: float\n", [2]),
        (no_floats, "z = 1j\n", [1]),
        (no_clock, "import datetime\ndatetime.datetime.now(datetime.UTC)\n", [2]),
        (no_clock, "from datetime import date, datetime\ndate.today()\ndatetime.utcnow()\n", [2, 3]),
        (no_clock, "import time\nstart = time.monotonic\ntime.sleep(1)\ntime.time_ns()\n", [2, 4]),
        (no_clock, "from time import perf_counter, sleep\n", [1]),
        (no_clock, "import time as t\nfrom datetime import datetime as d\nt.time()\nd.now()\nx.now()\n", [3, 4]),
        (no_clock, "import datetime as dt\ndt.date.today()\ndt.datetime.fromisoformat('')\n", [2]),
        (no_clock, "tx.execute('UPDATE a SET b = now()')\nq = 'SELECT CURRENT_DATE'\n", [1, 2]),
        (no_clock, "'''Not SQL: now().'''\nfrom hashrail import clock\nclock.now()\nq = 'SELECT known()'\n", []),
        (short_functions, "def f():\n" + "    x\n" * 60 + "def g():\n" + "    x\n" * 59, [1]),
        (short_functions, "class A:\n    async def f():\n" + "        x\n" * 60, [2]),
        (short_modules, "x\n" * 521, [1]),
        (short_modules, "x\n" * 520, []),
        (documented, "def f(): ...\n", [1, 1]),
        (documented, "'''A'''\nclass A:\n    '''B'''\n    def f(self): ...\n    def _g(self): ...\n", [4]),
        (documented, "'''A'''\nclass A: ...\ndef f():\n    '''B'''\n    def inner(): ...\ndef _g(): ...\n", [2]),
        (named_exceptions, "try: x\nexcept: y\ntry: x\nexcept Exception: y\n", [2, 4]),
        (named_exceptions, "try: x\nexcept (OSError, BaseException): y\ntry: x\nexcept* Exception: y\n", [2, 4]),
        (named_exceptions, "with contextlib.suppress(Exception): x\n", [1]),
        (named_exceptions, "try: x\nexcept (OSError, KeyError): y\nwith suppress(OSError): z\n", []),
        (no_print, "def f():\n    print(1)\n", [2]),
        (no_print, "console.print(1)\nfingerprint()\n", []),
        (no_private_imports, "from hashrail.money import _secret\nfrom hashrail._x import y\n", [1, 2]),
        (no_private_imports, "from hashrail import money\nimport hashrail.db\nmoney._x\nhashrail.db._y\n", [3, 4]),
        (no_private_imports, "from hashrail import money\nself._x\nmoney.__file__\nfrom os import _exit\n", []),
        (asserts_something, "def test_a():\n    f()\nasync def test_b():\n    'assert'\n", [1, 3]),
        (asserts_something, "def test_a():\n    with pytest.raises(A): f()\ndef test_b():\n    page.check_it()\n", []),
        (asserts_something, "def test_a():\n    run_state_machine_as_test(A)\n", []),
        (asserts_something, "class TestA:\n    def test_a(self):\n        x.recheck_it()\n", [2]),
    ],
)
def test_the_rules_see(rule: Rule, text: str, expected: list[int]) -> None:
    assert sorted(lines(rule(source("src/hashrail/some.py", text)))) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/hashrail/money.py", "from hashrail import errors\nfrom hashrail.errors import X\n", []),
        ("src/hashrail/money.py", "from hashrail.money import X\n", [1]),
        ("src/hashrail/money.py", "from hashrail import clock\n", [1]),
        ("src/hashrail/ledger.py", "from hashrail.orders import X\nimport hashrail.db\n", [1]),
        ("src/hashrail/ledger.py", "def f():\n    import hashrail.orders\n", [2]),
        ("src/hashrail/ledger.py", "from . import orders\n", [1]),
        ("src/hashrail/ledger.py", "from .money import X\n", [1]),
        ("src/hashrail/ledger.py", "import hashrail\n", [1]),
        ("src/hashrail/ledger.py", "from hashrail_client import signing\nimport asyncpg\n", []),
        ("src/hashrail/commands/day.py", "from hashrail.commands import common, book\n", []),
        ("src/hashrail/commands/day.py", "from hashrail.commands import service\n", [1]),
        ("src/hashrail/nowhere.py", "", [1]),
        ("src/hashrail/api/__init__.py", "from hashrail import money\n", [1]),
        ("src/hashrail/api/__init__.py", "import asyncpg\n", []),
        ("client/src/hashrail_client/wire.py", "from hashrail import money\nimport hashrail_client.x\n", [1]),
    ],
)
def test_the_floors_see(path: str, text: str, expected: list[int]) -> None:
    known = {"hashrail.errors", "hashrail.clock", "hashrail.orders", "hashrail.commands.service", "hashrail.money"}
    known |= {"hashrail.commands.common", "hashrail.commands.book"}
    assert lines(floors(source(path, text), known)) == expected


def test_where_things_are_allowed() -> None:
    for path in CLOCK_MODULES:
        assert no_clock(source(path, "import time\ntime.time()\n")) == []
    for path in ("cli", "commands/day"):
        assert no_print(source(f"src/hashrail/{path}.py", "print(1)\n")) == []
    for path, scope in FLOATS_ALLOWED:
        assert no_floats(source(path, f"def {scope}(): return 0.5\n")) == []
        assert lines(no_floats(source(path, f"def {scope}_(): return 0.5\n"))) == [1]
    for path, scope in CATCH_ALL_ALLOWED:
        assert named_exceptions(source(path, f"def {scope}():\n    try: x\n    except: y\n")) == []
        assert lines(named_exceptions(source(path, f"def {scope}_():\n    try: x\n    except: y\n"))) == [3]


def test_a_fault_names_file_and_line() -> None:
    assert no_print(source("src/hashrail/some.py", "\nprint(1)\n")) == [
        "src/hashrail/some.py:2: print outside the command line"
    ]
