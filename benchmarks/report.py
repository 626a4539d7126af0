"""Tables on the terminal and in docs/benchmarks.md."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.measure import Table
from benchmarks.stage import LOAD, SPEED

TITLE, VENDOR_TITLE = "Benchmarks", "Benchmarks at the vendor's size"
INTRODUCTION = """\
# {title}

Written by `{command}`{short}; do not edit. {runs}

"""


def show(console: Console, tables: list[Table]) -> None:
    """Print the tables; a missed target is red."""
    for table in tables:
        grid = Grid(title=table.title, title_justify="left", caption="\n".join(table.notes), caption_justify="left")
        for index, column in enumerate((*table.columns, "target", "result")):
            grid.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
        for line in table.lines:
            colour = {True: "green", False: "red", None: "default"}[line.verdict]
            grid.add_row(*line.cells, line.target, f"[{colour}]{line.result}[/{colour}]")
        console.print(grid)


def markdown(command: str, runs: int, facts: list[tuple[str, str]], tables: list[Table]) -> str:
    """The page: what wrote it, on what, and the tables."""
    how = f"Figures are medians of {runs} runs after one that does not count, unless a line says otherwise."
    return page(INTRODUCTION.format(title=TITLE, command=command, short=" (`make bench`)", runs=how), facts, tables)


def markdown_of_vendor(command: str, facts: list[tuple[str, str]], tables: list[Table]) -> str:
    """The page of the vendor's size, which is measured once."""
    how = "Figures are of one run, and those of operations of as many calls as their table says."
    return page(INTRODUCTION.format(title=VENDOR_TITLE, command=command, short="", runs=how), facts, tables)


def page(introduction: str, facts: list[tuple[str, str]], tables: list[Table]) -> str:
    """A page that begins so."""
    parts = [introduction, _rows(("machine and settings", ""), facts)]
    return "".join([*parts, *map(_section, tables)])


def before_the_run(facts: list[tuple[str, str]]) -> str:
    """How busy and how fast the machine was when tables were measured that stand in a page of other runs."""
    known = dict(facts)
    return f"Before that: load {known[LOAD]}, {known[SPEED]}."


def with_tables(page: str, tables: list[Table]) -> str:
    """The page with these tables in place of what it says under their titles, or at its end."""
    for table in tables:
        before, found, rest = page.partition(f"\n## {table.title}\n")
        _, next_one, behind = rest.partition("\n## ") if found else ("", "", "")
        page = before + _section(table) + next_one + behind
    return page


def missed(tables: list[Table]) -> list[str]:
    """The lines whose target was missed, in words."""
    return [
        f"{table.title}: {', '.join(cell for cell in line.cells if cell)} ({line.target})"
        for table in tables
        for line in table.lines
        if line.verdict is False
    ]


def _section(table: Table) -> str:
    lines = [(*line.cells, line.target, line.result) for line in table.lines]
    notes = "".join(f"- {note}\n" for note in table.notes)
    return f"\n## {table.title}\n\n{_rows((*table.columns, 'target', 'result'), lines)}\n{notes}"


def _rows(columns: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rule = ["---", *["---:" for _ in columns[1:]]] if len(columns) > 2 else ["---" for _ in columns]
    return "".join(f"| {' | '.join(line)} |\n" for line in [columns, tuple(rule), *lines])
