"""The program's commands, and what they print for scripts held against what they declare."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import typer

from hashrail.cli.main import app
from hashrail.cli.printing import as_json, shape_of

TREE: Any = typer.main.get_command(app)


def leaves(command: Any = TREE, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words."""
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, below in command.commands.items():
        yield from leaves(below, (*words, name))


def has_json(command: Any) -> bool:
    """Whether it prints for scripts when it is asked to."""
    return any("--json" in part.opts for part in command.params)


COMMANDS = dict(leaves())
SHAPES = {words: shape_of(command) for words, command in COMMANDS.items() if shape_of(command) is not None}


def read_strictly(words: tuple[str, ...], text: str) -> Any:
    """What a command printed, as its shape; every field known and there, every amount and time written as is said."""
    found = msgspec.json.decode(text, type=SHAPES[words], strict=True)
    assert json.loads(as_json(found)) == json.loads(text), "it is written otherwise than it is read"
    return found
