"""The house style, held over the source tree.

Each rule is a small function from a source file to its faults, `path:line: what is wrong`. It runs over the tree, and
over a bad snippet, so that it is known to see what it should. Exceptions are listed with their reason, and an
exception that nothing needs any more is a fault as well.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import FUNCTIONS, Function, Rule, Source, dotted, files_below, imports, nodes_of, source
from tests.support.folders import ROOT

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 520
WRITTEN_BY_A_TOOL = "# Written by `python -m tools."

CLOCK_MODULES = {
    "src/hashrail/clock.py": "the one module that reads the machine's clock",
    "client/src/hashrail_client/clock.py": "the SDK is a distribution of its own and signs with the present time",
}
PRINTING_MODULES = re.compile(r"src/hashrail/(cli/\w+|sandbox/demo)\.py")
# What shows texts or writes files: where it may be called, and what to call elsewhere.
SHOWING = {
    r"typer\.(s?echo)|print": (
        {
            "src/hashrail/cli/printing.py": "JSON, which has nothing that acts, and a fault of the call, made harmless",
            "src/hashrail/cli/signature.py": "the bytes that are to be sent",
            "src/hashrail/cli/main.py": "the version",
        },
        "use say or warn of cli/shared.py",
    ),
    r"(out|err|console|shared\.(out|err))\.(print|log)|(Console|Table)": (
        {"src/hashrail/cli/shared.py": "the one place"},
        "use say, warn or table of cli/shared.py",
    ),
    r"csv\.(Dict)?[wW]riter": ({"src/hashrail/sheets.py": "the one place"}, "use sheets.sheet"),
    r".*\.write_(text|bytes)": (set[str](), "use private_files.write"),
}
FLOATS_ALLOWED = {
    ("src/hashrail/clock.py", "monotonic"): "seconds that passed, not an amount",
    (
        "src/hashrail/api/serving/state.py",
        "Cache",
    ): "the moment on the monotonic clock when what was read is stale",
    (
        "src/hashrail/api/serving/answer_cache.py",
        "AnswerCache",
    ): "the moment on the monotonic clock when an answer is stale",
    ("client/src/hashrail_client/wire.py", "javascript_number"): "prints a number as JavaScript would",
    ("client/src/hashrail_client/mistakes.py", "_number_of_python"): "prints a number as Python would",
}
ASSERTING_CALLS = {"pytest.raises", "run_state_machine_as_test"}
CATCH_ALL_ALLOWED = {
    ("src/hashrail/processes/delivering.py", "again_and_again"): "a bug in webhooks must not end what pays",
    ("src/hashrail/processes/watching.py", "_again_and_again"): "a bug in what watches must not end what pays",
    ("src/hashrail/access/ton_wallet.py", "_roots"): "pytoniq-core refuses bytes with a plain Exception",
    ("src/hashrail/api/serving/endpoints.py", "_answer"): "a bug is answered, logged and counted like any refusal",
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

QUESTION = re.compile(r"_?(?:is|has)_")
# Users, operators and engineers are they, or have a name.
GENDERED = re.compile(r"\b(?:he|him|his|himself|she|her|hers|herself)\b", re.I)
WRITTEN = ("*.py", "*.sql", "*.md", "*.html", "*.js")
# At the beginning of a statement, or of a part of one: WITH gone AS (DELETE ...
SQL_WRITE = re.compile(r"(?:^|\()\s*(?:INSERT|UPDATE|DELETE)\b", re.I)
SQL = re.compile(r"\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH \w+ AS|LOCK TABLE|TRUNCATE|NOTIFY)\b")
# Doors: they ask verbs, and the noun's package has the SQL.
WITHOUT_SQL = ("src/hashrail/api/", "src/hashrail/cli/")


def scopes(found: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every node with the name of the function or class around it, "" at the top of the module."""
    waiting: list[tuple[ast.AST, str]] = [(found.tree, "")]
    while waiting:
        node, scope = waiting.pop()
        yield node, scope
        inside = node.name if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else scope
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


# Rules


def no_floats(found: Source) -> list[str]:
    """No float, unless it is seconds by its name or stands in FLOATS_ALLOWED."""
    return [
        found.fault(node, "float: money is Decimal, and a time in seconds says so by its name")
        for node, scope in floats(found)
        if (found.path, scope) not in FLOATS_ALLOWED
    ]


def floats(found: Source) -> Iterator[tuple[ast.AST, str]]:
    fine = {id(inner) for node in nodes_of(found) for time in times(node) for inner in ast.walk(time)}
    for node, scope in scopes(found):
        is_float = (isinstance(node, ast.Name) and node.id == "float") or (
            isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        )
        if is_float and id(node) not in fine:
            yield node, scope


def times(node: ast.AST) -> Iterator[ast.AST]:
    """Values and annotations below `node` whose name says that they are seconds, and what such a function answers."""
    if isinstance(node, ast.keyword) and node.arg and SECONDS.fullmatch(node.arg):
        yield node.value
    elif isinstance(node, ast.arguments):
        positional = node.posonlyargs + node.args
        defaults = [*[None] * (len(positional) - len(node.defaults)), *node.defaults, *node.kw_defaults]
        for argument, default in zip(positional + node.kwonlyargs, defaults, strict=True):
            if SECONDS.fullmatch(argument.arg):
                yield from (part for part in (argument.annotation, default) if part is not None)
    elif isinstance(node, FUNCTIONS) and SECONDS.fullmatch(node.name) and node.returns is not None:
        yield node.returns
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, ast.Name) and SECONDS.fullmatch(target.id.lower()) for target in targets):
            yield from (part for part in (node.value, getattr(node, "annotation", None)) if part is not None)


def no_clock(found: Source) -> list[str]:
    """The machine's clock, and the database's, are read through clock.py."""
    if found.path in CLOCK_MODULES:
        return []
    documentation = {id(node.value) for node in nodes_of(found) if isinstance(node, ast.Expr)}
    faults = []
    real: dict[str | None, str] = {
        alias.asname: alias.name for alias in nodes_of(found) if isinstance(alias, ast.alias)
    }
    for node in nodes_of(found):
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
        found.fault(node, f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}")
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS) and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]


def short_modules(found: Source) -> list[str]:
    """A module is a page about one noun; one that a tool writes is looked up, not read."""
    lines = 0 if found.text.startswith(WRITTEN_BY_A_TOOL) else found.text.count("\n")
    return [f"{found.path}:1: {lines} lines, at most {MAX_MODULE_LINES}"] if lines > MAX_MODULE_LINES else []


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
    calls = [node for node in nodes_of(found) if isinstance(node, ast.Call)]
    return [found.fault(node, "print outside the command line") for node in calls if dotted(node.func) == "print"]


def shown_in_one_place(found: Source) -> list[str]:
    """What people look at goes through cli/shared.py, and sheets and files through their modules: no text acts."""
    return [
        found.fault(node, f"{dotted(node.func)}: {way_out}")
        for node in nodes_of(found)
        if isinstance(node, ast.Call)
        for called, (allowed, way_out) in SHOWING.items()
        if re.fullmatch(called, dotted(node.func)) and found.path not in allowed
    ]


def no_private_imports(found: Source) -> list[str]:
    """What begins with _ is used in its own module only."""
    faults, modules = [], set()
    for node, module, name in imports(found):
        if module.split(".")[0] in ("hashrail", "hashrail_client"):
            modules |= {name or module}
            if any(re.match(r"_(?!_)", part) for part in (*module.split("."), name)):
                faults.append(found.fault(node, f"imports the private {module}.{name}"))
    for inner in nodes_of(found):
        if isinstance(inner, ast.Attribute) and re.match(r"_(?!_)", inner.attr) and dotted(inner.value) in modules:
            faults += [found.fault(inner, f"uses the private {dotted(inner)}")]
    return faults


def one_connection(found: Source) -> list[str]:
    """A transaction works on its own connection: who has `tx` takes no `pool`, and who opens one names none within."""
    faults = []
    for node in nodes_of(found):
        if isinstance(node, FUNCTIONS):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            if {"tx", "pool"} <= {argument.arg for argument in arguments}:
                faults.append(found.fault(node, f"{node.name} takes a transaction and a pool"))
        elif isinstance(node, ast.AsyncWith) and any(map(opens_transaction, node.items)):
            inside = [inner for statement in node.body for inner in ast.walk(statement)]
            pools = [inner for inner in inside if dotted(inner).split(".")[-1] in ("pool", "_pool")]
            faults += [found.fault(inner, "another connection within a transaction") for inner in pools]
    return faults


def opens_transaction(item: ast.withitem) -> bool:
    called = dotted(item.context_expr.func) if isinstance(item.context_expr, ast.Call) else ""
    return called in ("db.transaction", "db.snapshot")


def nobody_below_commits(found: Source) -> list[str]:
    """Who is handed `tx` opens no transaction: the caller commits. `Tx | None` says that there may be none yet."""
    return [
        found.fault(inner, f"{node.name} is in its caller's transaction and opens another")
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS) and is_handed_a_transaction(node)
        for inner in ast.walk(node)
        if isinstance(inner, ast.AsyncWith) and any(map(opens_transaction, inner.items))
    ]


def is_handed_a_transaction(function: Function) -> bool:
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    annotations = [ast.unparse(each.annotation) for each in arguments if each.arg == "tx" and each.annotation]
    return any("None" not in annotation for annotation in annotations)


def one_door(found: Source) -> list[str]:
    """Only db.py takes a connection or opens a transaction by hand: the others hear of refusals and lost standbys.

    Below it are the connections that have other sessions in each transaction. A chain's `transaction` is awaited; what
    opens one on a connection never is.
    """
    if found.path in ("src/hashrail/db.py", "src/hashrail/db_pooled.py"):
        return []
    awaited = {id(node.value) for node in nodes_of(found) if isinstance(node, ast.Await)}
    calls = [node for node in nodes_of(found) if isinstance(node, ast.Call)]
    attributes = [(node, node.func) for node in calls if isinstance(node.func, ast.Attribute)]
    return [
        found.fault(node, f"{called.attr} by hand: use db.transaction or db.snapshot")
        for node, called in attributes
        if called.attr == "acquire"
        or (called.attr == "transaction" and dotted(called) != "db.transaction" and id(node) not in awaited)
    ]


def questions_write_nothing(found: Source) -> list[str]:
    """What is named as a question, is_... or has_..., only reads."""
    return [
        found.fault(inner, f"{node.name} writes: name it as what it does, or let somebody else write")
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS) and QUESTION.match(node.name)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and SQL_WRITE.search(inner.value)
    ]


def doors_ask_verbs(found: Source) -> list[str]:
    """A door holds no SQL."""
    if not found.path.startswith(WITHOUT_SQL):
        return []
    documentation = {id(node.value) for node in ast.walk(found.tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(found.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [
        found.fault(node, "SQL in a door: let a verb of the noun's package read or write it")
        for node in texts
        if SQL.match(str(node.value)) and id(node) not in documentation
    ]


def classes_are_statements(found: Source) -> list[str]:
    """A class has a statement of its own, so that a search for its name or its code finds it."""
    makers = ("dataclasses.make_dataclass", "make_dataclass", "msgspec.defstruct", "types.new_class")
    return [
        found.fault(node, "write a class statement: nobody finds this one")
        for node in ast.walk(found.tree)
        if isinstance(node, ast.Call)
        and ((dotted(node.func) == "type" and len(node.args) == 3) or dotted(node.func) in makers)
    ]


def asserts_do_nothing(found: Source) -> list[str]:
    """No assertion waits for something: `python -O` leaves assertions out, and what they do with them."""
    return [
        found.fault(node, "an assertion that does something: do it first, and assert what came of it")
        for node in nodes_of(found)
        if isinstance(node, ast.Assert) and any(isinstance(part, ast.Await) for part in ast.walk(node))
    ]


def asserts_something(found: Source) -> list[str]:
    """Every test has an assertion: `assert`, a call in ASSERTING_CALLS, or of a name like assert_... or check_..."""

    def asserts(node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            return name in ASSERTING_CALLS or name.split(".")[-1].startswith(("assert_", "check_"))
        return isinstance(node, ast.Assert)

    return [
        found.fault(node, f"{node.name} asserts nothing")
        for node in nodes_of(found)
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and not any(map(asserts, ast.walk(node)))
    ]


def gendered_words(path: str, text: str) -> list[str]:
    """Lines that speak of people as he or she."""
    return [
        f"{path}:{number}: {seen[0]}: say they, or who it is"
        for number, line in enumerate(text.splitlines(), 1)
        for seen in GENDERED.finditer(line)
    ]


SOURCE_RULES: tuple[Rule, ...] = (
    *(no_floats, no_clock, short_functions, short_modules, documented, named_exceptions, no_print),
    *(shown_in_one_place, no_private_imports, asserts_do_nothing),
    *(one_connection, nobody_below_commits, one_door, questions_write_nothing, classes_are_statements, doors_ask_verbs),
)


# The tree


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps(rule: Rule) -> None:
    sources = files_below("src", "client/src")
    assert len(sources) > 30
    faults = [fault for found in sources for fault in rule(found)]
    assert not faults, "\n" + "\n".join(faults)


def test_migrations_read_no_clock() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "src/hashrail/sql").glob("*.sql"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SQL_CLOCK.search(line.split("--")[0])
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_people_are_they() -> None:
    below = [path for folder in ("src", "client", "docs") for kind in WRITTEN for path in (ROOT / folder).rglob(kind)]
    ours = [path for path in below if not {"node_modules", "built"} & {*path.parts}]
    pages = sorted([*ours, *ROOT.glob("*.md")])
    faults = [fault for path in pages for fault in gendered_words(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert not faults, "\n" + "\n".join(faults)


def test_every_test_asserts() -> None:
    faults = [fault for found in files_below("tests", "client/tests") for fault in asserts_something(found)]
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
        (asserts_do_nothing, "async def f():\n    assert await g()\n    done = await g()\n    assert done\n", [2]),
        (no_floats, "def pay(x: float) -> 'int':\n    return x\n", [1]),
        (no_floats, "def pay(x):\n    return [\n        float(x)]\n", [3]),
        (no_floats, "wait(0.5, timeout=1.5, amount=2.5)\n", [1, 1]),
        (no_floats, "sleep(delay=-1.5); sleep(delay_seconds=0.5)\nPOLL_SECONDS = 0.01\nlong: int = 1\n", []),
        (no_floats, "def f(a, timeout: float = 1.5, *, b=2, interval: float = 0.5): ...\n", []),
        (no_floats, "def f(a=1.5, timeout=1, *, b=0.5, period: float): ...\n", [1, 1]),
        (no_floats, "POLL_SECONDS, RATE = 0.01, 0.5\n", [1, 1]),
        (no_floats, "def pause_seconds() -> float: ...\ndef rate() -> float: ...\n", [2]),
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
        (
            shown_in_one_place,
            "typer.echo(a)\nout.print(a)\nTable()\ncsv.writer(a)\npath.write_text(a)\n",
            [1, 2, 3, 4, 5],
        ),
        (shown_in_one_place, "shared.err.print(a)\nprint(a)\ncsv.reader(a)\nsay(a)\n", [1, 2]),
        (no_private_imports, "from hashrail.money import _secret\nfrom hashrail._x import y\n", [1, 2]),
        (no_private_imports, "from hashrail import money\nimport hashrail.db\nmoney._x\nhashrail.db._y\n", [3, 4]),
        (no_private_imports, "from hashrail import money\nself._x\nmoney.__file__\nfrom os import _exit\n", []),
        (
            nobody_below_commits,
            "async def f(tx: Tx, books):\n    async with db.transaction(books.pool) as inner: x\n",
            [2],
        ),
        (nobody_below_commits, "async def f(tx: Tx | None):\n    async with db.transaction(p) as inner: x\n", []),
        (nobody_below_commits, "async def f(pool):\n    async with db.snapshot(pool) as tx: x\n", []),
        (one_connection, "async def f(tx, pool): ...\nasync def g(pool, *, tx=None): ...\n", [1, 2]),
        (one_connection, "async def f(tx): ...\nasync def g(pool): ...\n", []),
        (one_connection, "async with db.transaction(pool) as tx:\n    await g(tx)\n    await h(pool)\n", [3]),
        (one_connection, "async with db.snapshot(a.pool) as tx:\n    b(tx, a.pool, self._pool)\n", [2, 2]),
        (one_connection, "async with db.transaction(pool) as tx:\n    await g(tx)\nawait h(pool)\n", []),
        (one_connection, "async with open(pool) as line:\n    await g(pool, spool.pool_size)\n", []),
        (one_door, "async with pool.acquire() as a, a.transaction():\n    await a.execute('')\n", [1, 1]),
        (one_door, "undo = a.b.transaction(readonly=True)\nawait undo.start()\nx = await a.acquire()\n", [1, 3]),
        (one_door, "async with made(a).transaction(): ...\n", [1]),
        (one_door, "async with db.transaction(pool) as tx:\n    (await chain.transaction(txid)).state\n", []),
        (questions_write_nothing, "def is_a(tx): tx.execute('UPDATE a SET b = 1')\n", [1]),
        (questions_write_nothing, "def _has_a(tx):\n    tx.execute('\\n  insert INTO a')\n", [2]),
        (questions_write_nothing, "def _is_a(tx):\n    q = f'WITH b AS (DELETE FROM {a}) SELECT'\n", [2]),
        (questions_write_nothing, "def is_a(tx): tx.fetch('SELECT a FROM b FOR UPDATE')\n", []),
        (questions_write_nothing, "def island(tx): tx.execute('UPDATE a')\n", []),
        (classes_are_statements, "A = type('A', (B,), {'code': 'A'})\nB = make_dataclass('B', [])\n", [1, 2]),
        (classes_are_statements, "class A(B): ...\nkind = type(a)\n", []),
        (asserts_something, "def test_a():\n    f()\nasync def test_b():\n    'assert'\n", [1, 3]),
        (asserts_something, "def test_a():\n    with pytest.raises(A): f()\ndef test_b():\n    page.check_it()\n", []),
        (asserts_something, "def test_a():\n    run_state_machine_as_test(A)\n", []),
        (asserts_something, "class TestA:\n    def test_a(self):\n        x.recheck_it()\n", [2]),
    ],
)
def test_the_rules_see(rule: Rule, text: str, expected: list[int]) -> None:
    assert sorted(lines(rule(source("src/hashrail/some.py", text)))) == expected


def test_gendered_words_are_seen() -> None:
    assert gendered_words("a.md", "they\nHis miner, and he\nthis, her_e, chemist\n") == [
        *("a.md:2: His: say they, or who it is", "a.md:2: he: say they, or who it is"),
    ]


def test_where_things_are_allowed() -> None:
    for path in CLOCK_MODULES:
        assert no_clock(source(path, "import time\ntime.time()\n")) == []
    assert one_door(source("src/hashrail/db.py", "a = pool.acquire()\n")) == []
    for path in ("cli/main", "cli/days"):
        assert no_print(source(f"src/hashrail/{path}.py", "print(1)\n")) == []
    for path, scope in FLOATS_ALLOWED:
        assert no_floats(source(path, f"def {scope}(): return 0.5\n")) == []
        assert lines(no_floats(source(path, f"def {scope}_(): return 0.5\n"))) == [1]
    for path, scope in CATCH_ALL_ALLOWED:
        assert named_exceptions(source(path, f"def {scope}():\n    try: x\n    except: y\n")) == []
        assert lines(named_exceptions(source(path, f"def {scope}_():\n    try: x\n    except: y\n"))) == [3]


def test_doors_have_no_sql() -> None:
    text = "'SELECT: a story'\na = 'SELECT 1'\nb = f'  UPDATE {a}'\nc = 'WITH x AS (y) z'\nd = 'SELECTED, UPDATES'\n"
    for folder in WITHOUT_SQL:
        assert sorted(lines(doors_ask_verbs(source(f"{folder}some.py", text)))) == [2, 3, 4]
    assert doors_ask_verbs(source("src/hashrail/selling/some.py", text)) == []


def test_a_fault_names_file_and_line() -> None:
    assert no_print(source("src/hashrail/some.py", "\nprint(1)\n")) == [
        "src/hashrail/some.py:2: print outside the command line"
    ]
