"""What the program imports before a command does anything: nothing for its own help, one group for a group's."""

import os
import subprocess
import sys
from typing import Any

import pytest
import typer

from hashrail.cli.lazy import Command
from hashrail.cli.main import PANELS, app
from hashrail.version import VERSION

PROGRAM = """
import sys
from hashrail.cli.main import app
try:
    app(sys.argv[1:], prog_name="hashrail")
finally:
    print("imported", *sorted(sys.modules), file=sys.stderr)
"""
HEAVY = {"asyncpg", "bdkpython", "cryptography", "granian", "httpx", "litestar", "procrastinate", "psycopg"}
HEAVY |= {"pydantic", "pydantic_settings", "pytoniq_core", "structlog", "uvloop", "yoyo"}
COMMANDS = {name: known for table in PANELS.values() for name, known in table.items()}
TREE: Any = typer.main.get_command(app)


def started(*words: str, **environment: str) -> tuple[str, set[str]]:
    """What a command prints in a process of its own, and the modules that it imported."""
    program = [sys.executable, "-c", PROGRAM, *words]
    made = subprocess.run(program, capture_output=True, text=True, check=True, env=os.environ | environment)
    return made.stdout, set(made.stderr.splitlines()[-1].split()[1:])


def ours(modules: set[str]) -> set[str]:
    return {module.removeprefix("hashrail.cli.") for module in modules if module.startswith("hashrail.cli.")}


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_the_program_itself_needs_nothing(words: tuple[str, ...]) -> None:
    said, modules = started(*words)
    assert said.strip()
    assert modules & HEAVY == set()
    assert ours(modules) == {"main", "lazy"}


def test_a_group_brings_itself_alone() -> None:
    said, modules = started("day", "--help")
    assert all(f" {name} " in said for name in TREE.commands["day"].commands)
    shared = {"main", "lazy", "acting", "examples", "printing", "shapes", "distribution_shapes", "shared"}
    of_days = {"days", "rates", "market", "market_shapes", "preview_shapes", "second_look"}
    assert {"days"} <= ours(modules) <= shared | of_days
    assert "hashrail.api" not in modules


def test_signing_needs_no_deployment() -> None:
    said, modules = started("signature", "--help")
    assert "sign" in said
    # What the client brings.
    assert modules & HEAVY <= {"httpx", "pydantic"}
    assert ours(modules) == {"main", "lazy", "examples", "printing", "signature"}


@pytest.mark.parametrize(("typed", "found"), [("pa", ["partner", "payouts"]), ("partner k", ["key"])])
def test_what_is_typed_is_completed(typed: str, found: list[str]) -> None:
    """Of the program's own commands nothing is imported."""
    asked = {"COMP_WORDS": f"hashrail {typed}", "COMP_CWORD": str(len(typed.split()))}
    said, modules = started(_HASHRAIL_COMPLETE="complete_bash", **asked)
    assert said.split() == found
    assert ("partners" in ours(modules)) == typed.startswith("partner ")


def test_the_version_is_the_distributions() -> None:
    assert started("--version")[0] == f"hashrail {VERSION}\n"
    assert VERSION.count(".") == 2


def test_the_help_shows_every_command() -> None:
    said = " ".join(started("--help")[0].replace("│", " ").split())
    for name, known in COMMANDS.items():
        assert f" {name} {known.help} " in said
    assert [said.index(f"─ {panel} ─") for panel in PANELS] == sorted(said.index(f"─ {panel} ─") for panel in PANELS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_is_there(name: str) -> None:
    """The line of a command is the beginning of its own help; a group has commands, and shows its line."""
    loaded, known = TREE.commands[name], COMMANDS[name]
    assert loaded.name == name
    if isinstance(known, Command):
        assert " ".join(loaded.help.split()).startswith(known.help)
        assert known.help.endswith(".")
    else:
        assert loaded.commands
        assert loaded.help == known.help


def test_an_unknown_command_is_said_with_what_it_could_be() -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM, "partnr"], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout) == (2, "")
    assert "Did you mean 'partner'?" in made.stderr
    assert "hashrail.cli.partners" not in made.stderr
