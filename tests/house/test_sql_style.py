"""How SQL is written and its answers are read: with names, so that no two amounts change places silently.

As in `test_style.py`, each rule runs over the tree and over bad snippets, and exceptions stand in lists with reasons.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from hashrail.books.chart import Account
from tests.house.closed_lists import CLOSED
from tests.house.sources import FUNCTIONS, Function, Rule, Source, dotted, files_below, source

SQL_TEXT = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|RETURNING|WHERE)\b")
UNNAMED_COLUMNS = re.compile(
    r"\b(?:SELECT|RETURNING)\s+(?:DISTINCT\s+)?\*"
    r"|\b\w+\.\*"
    r"|\bINSERT INTO \w+(?:\s+AS\s+\w+)?\s+(?:VALUES|SELECT)\b"
)
# What answers one row, and what answers several.
READS = {"fetchrow": "row", "fetch": "rows", "cursor": "rows"}
HINTS = {"Row": "row", "list[Row]": "rows", "Sequence[Row]": "rows", "Iterable[Row]": "rows"}
# `kind = 'day'`, `o.state NOT IN ('final', 'refused')`, `SET state = 'queued'`.
WORDS = re.compile(r"\b(currency|kind|role|scenario|speed|state)\s*(?:=|<>|(?:NOT )?IN)\s*(\(?'[\w', ]*)")
ACCOUNT_NUMBER = re.compile(rf"\b(?:{'|'.join(str(account.value) for account in Account)})\b")
NUMBERS_ALLOWED = {"src/hashrail/selling/statements.py": "the index of these transfers is of this account alone"}
POSITIONAL_ALLOWED = {("src/hashrail/db.py", "tuples"): "it has compared the columns with the fields"}


def sql_texts(found: Source) -> Iterator[ast.Constant]:
    """The texts of a file that hold SQL, parts of f-strings among them; docstrings are none."""
    told = {id(node.value) for node in ast.walk(found.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield from [node] if SQL_TEXT.search(node.value) else []


# Rules


def named_columns(found: Source) -> list[str]:
    """A query names the columns that it reads or writes, so that one more of them changes nothing."""
    return [
        found.fault(node, f"names no columns: {seen[0]}")
        for node in sql_texts(found)
        for seen in UNNAMED_COLUMNS.finditer(str(node.value))
    ]


def rows_by_name(found: Source) -> list[str]:
    """What a query answers is read by the names of its columns: db.record, db.tuples, or row["name"]."""
    return [
        found.fault(node, f"{scope} takes a row by position: use db.record, or name the column")
        for node, scope in positional_reads(found)
        if (found.path, scope) not in POSITIONAL_ALLOWED
    ]


def positional_reads(found: Source) -> Iterator[tuple[ast.AST, str]]:
    for function in ast.walk(found.tree):
        if isinstance(function, FUNCTIONS):
            known = rows_known(function)
            yield from ((node, function.name) for node in positional(function, known))


def rows_known(function: Function) -> dict[str, str]:
    """The names in a function that hold a `row` or `rows`: what queries answer, and arguments that are annotated so."""
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    hints = {each.arg: ast.unparse(each.annotation).split(" | ")[0] for each in arguments if each.annotation}
    known = {name: HINTS[hint] for name, hint in hints.items() if hint in HINTS}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and (kind := kind_of(node.value, known)):
            known |= {target.id: kind for target in node.targets if isinstance(target, ast.Name)}
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)]
    rows = [loop.target for loop in loops if kind_of(loop.iter, known) == "rows"]
    return known | {target.id: "row" for target in rows if isinstance(target, ast.Name)}


def kind_of(node: ast.AST, known: dict[str, str]) -> str | None:
    """Whether an expression is a `row` or `rows`, as far as its text tells."""
    node = node.value if isinstance(node, ast.Await) else node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return READS.get(node.func.attr)
    return known.get(node.id) if isinstance(node, ast.Name) else None


def positional(function: Function, known: dict[str, str]) -> Iterator[ast.AST]:
    """Where a row is unpacked, or its values are asked for without their names."""
    for node in ast.walk(function):
        match node:
            case ast.For(target=ast.Tuple(), iter=taken) | ast.AsyncFor(target=ast.Tuple(), iter=taken):
                kind = "rows"
            case ast.comprehension(target=ast.Tuple() as target, iter=taken):
                node, kind = target, "rows"  # noqa: PLW2901  a comprehension has no line
            case ast.Assign(targets=[ast.Tuple()], value=taken) | ast.Starred(value=taken):
                kind = "row"
            case ast.Subscript(slice=ast.Constant(value=int()) | ast.UnaryOp() | ast.Slice(), value=taken):
                kind = "row"
            case ast.Call(func=ast.Attribute(attr="values", value=taken)):
                kind = "row"
            case ast.Call(func=called, args=[taken]) if dotted(called).split(".")[-1] in ("tuple", "list", "_make"):
                kind = "row"
            case _:
                continue
        if kind_of(taken, known) == kind:
            yield node


def account_numbers(found: Source) -> list[str]:
    """Accounts have their numbers in chart.py, and a query gets them from there."""
    return [
        found.fault(node, f"{seen[0]} is an account: pass it as a parameter")
        for node in sql_texts(found)
        for seen in ACCOUNT_NUMBER.finditer(str(node.value))
        if found.path not in NUMBERS_ALLOWED
    ]


def known_words(found: Source) -> list[str]:
    """A kind, state or role in a query is one that a table can have: a wrong one would never be found."""
    return [
        found.fault(node, f"no {seen[1]} is called {word}")
        for node in sql_texts(found)
        for seen in WORDS.finditer(str(node.value))
        for word in re.findall(r"'(\w+)'", seen[2])
        if word not in words_of(seen[1])
    ]


def words_of(name: str) -> set[str]:
    """What columns of that name may hold, in any table."""
    return {word for column, words in CLOSED.items() if column.endswith(f".{name}") for word in words}


RULES: tuple[Rule, ...] = (named_columns, rows_by_name, account_numbers, known_words)


# The tree


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps(rule: Rule) -> None:
    faults = [fault for found in files_below("src") for fault in rule(found)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_exception_is_still_needed() -> None:
    needed = {(found.path, scope) for found in files_below("src") for _, scope in positional_reads(found)}
    assert set(POSITIONAL_ALLOWED) <= needed
    for path in NUMBERS_ALLOWED:
        (found,) = [found for found in files_below("src") if found.path == path]
        numbers = {int(number) for node in sql_texts(found) for number in ACCOUNT_NUMBER.findall(str(node.value))}
        assert numbers == {Account.PARTNER_RECEIVABLE}


# The rules themselves


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (named_columns, "tx.fetch('SELECT * FROM a')\ntx.fetch('SELECT DISTINCT\\n * FROM a')\n", [1, 2]),
        (named_columns, "q = 'SELECT a.b, c.* FROM a'\nq = 'INSERT INTO a (b) VALUES (1) RETURNING *'\n", [1, 2]),
        (named_columns, "q = 'INSERT INTO a VALUES (1)'\nq = 'INSERT INTO a AS b SELECT c FROM d'\n", [1, 2]),
        (named_columns, "tx.fetch(f'SELECT {columns} FROM (SELECT * FROM a) b')\n", [1]),
        (named_columns, "q = 'SELECT count(*), a.b * 2, c*d FROM a'\nq = 'INSERT INTO a (b) SELECT c FROM d'\n", []),
        (named_columns, "'''SELECT * is bad.'''\nq = re.compile(r'a.*b')\n", []),
        (
            rows_by_name,
            "async def f(tx):\n    row = await tx.fetchrow('')\n    return A(*row), B(*row.values())\n",
            [3, 3],
        ),
        (rows_by_name, "async def f(tx):\n    rows = await tx.fetch('')\n    return [A._make(r) for r in rows]\n", [3]),
        (rows_by_name, "async def f(tx):\n    return {a: b for a, b in await tx.fetch('')}\n", [2]),
        (rows_by_name, "async def f(tx):\n    async for a, *b in tx.cursor(''):\n        pass\n", [2]),
        (rows_by_name, "async def f(tx):\n    a, b = await tx.fetchrow('')\n", [2]),
        (rows_by_name, "def f(row: Row | None):\n    return row[0], row[-1], row[1:]\n", [2, 2, 2]),
        (rows_by_name, "def f(rows: Sequence[Row]):\n    return [list(each.values()) for each in rows]\n", [2]),
        (rows_by_name, "async def f(tx):\n    row = await tx.fetchrow('')\n    return tuple(row)\n", [3]),
        (rows_by_name, "async def f(tx):\n    row = await tx.fetchrow('')\n    return A(**row), row['a']\n", []),
        (
            rows_by_name,
            "async def f(tx):\n    rows = await tx.fetch('')\n    return rows[0]['a'], rows[1:], len(rows)\n",
            [],
        ),
        (
            rows_by_name,
            "def f(found, row: tuple):\n    return [a for a, b in found.items()], found.values(), *row\n",
            [],
        ),
        (account_numbers, "q = 'SELECT a FROM transfer WHERE debit_account = 1200 OR 2100 IN (b, c)'\n", [1, 1]),
        (account_numbers, "q = 'SELECT a FROM transfer LIMIT 12000'\nport = 1200\n", []),
        (known_words, "q = 'SELECT a FROM b WHERE kind = \\'dya\\' AND c.state <> \\'opened\\''\n", [1, 1]),
        (known_words, "q = \"SELECT a FROM b WHERE state NOT IN ('final', 'over')\"\n", [1]),
        (known_words, "q = \"SELECT a FROM b WHERE kind = 'day' AND mankind = 'good' AND c = 'd'\"\n", []),
    ],
)
def test_the_rules_see(rule: Rule, text: str, expected: list[int]) -> None:
    assert [int(fault.split(":")[1]) for fault in rule(source("src/hashrail/some.py", text))] == expected


def test_where_things_are_allowed() -> None:
    for path, scope in POSITIONAL_ALLOWED:
        text = "(rows: Sequence[Row]): return [kind._make(row) for row in rows]\n"
        assert rows_by_name(source(path, f"def {scope}{text}")) == []
        assert len(rows_by_name(source(path, f"def {scope}_{text}"))) == 1
