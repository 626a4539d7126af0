"""Where every statement goes that the tests send, if partners were kept on several servers: `make routing`.

Runs the tests that ask a database in their own process, which takes a while, and writes the page. Statements that the
program puts together from parts are in it as they were sent.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pglast.parser import fingerprint
from tests.support.statements import OF_ALL_PARTNERS, ROUTES

TESTS = ("tests/integration", "tests/api", "tests/simulation")
MADE = "<!-- Written by `make routing`; do not edit. -->"


def routing(
    page: Annotated[Path, typer.Option("--out", dir_okay=False, help="The page to write.")],
    kept: Annotated[
        Path | None, typer.Option("--kept", file_okay=False, help="What a run kept; without it, the tests are run.")
    ] = None,
) -> None:
    """Write which statements ask one partner, the global tables, or all partners."""
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            run = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *TESTS]
            subprocess.run(run, check=True, env={**os.environ, "KEEP_STATEMENTS": folder})  # noqa: S603
            lines = written(read(Path(folder)))
    else:
        lines = written(read(kept))
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(f"{page}")


def read(folder: Path) -> dict[str, tuple[str, str]]:
    """From each statement, whatever figures stand in it, to the module that sent it and its route."""
    sent = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            made = json.loads(line)
            sent[fingerprint(made["statement"])] = (made["module"], made["route"])
    return sent


def written(sent: dict[str, tuple[str, str]]) -> list[str]:
    """The page's lines."""
    counts = Counter((module.partition(".")[0], route) for module, route in sent.values())
    rooms = sorted({room for room, _ in counts})
    totals = [sum(counts[room, route] for room in rooms) for route in ROUTES]
    return [
        MADE,
        "# Where statements go",
        "",
        "Owned tables have a partner in every key, so an engine that spreads them by partner, such as Citus, answers a",
        "statement that names its partner on one server. Of the statements that the tests send, counted by what they",
        "ask of:",
        "",
        *_table(
            ("room", *ROUTES),
            [(f"`{room}`", *(counts[room, route] or "" for route in ROUTES)) for room in rooms] + [("all", *totals)],
        ),
        "",
        "What may ask of all partners, and why. Any other statement that does fails the test that sends it:",
        "",
        *_table(("where", "why"), [(f"`{name}`", why) for name, why in OF_ALL_PARTNERS.items()]),
    ]


def _table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in lines]


if __name__ == "__main__":
    typer.run(routing)
