"""Commands that are imported when they are named: the program's help costs none of them.

A table says of each command and group what the help shows, and where it is: `module:name` of a Typer instance in this
package. `LazyGroup` shows the table, panel by panel, and imports what is called.
"""

from collections import UserDict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its line in the help, which is the first sentence of its own help, and the instance that has it."""

    help: str
    place: str

    def load(self, name: str) -> Any:
        """The command itself."""
        return _instance(self.place).commands[name]


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its help, and the instances whose commands it has. One with a name is a group within the group.

    Called without one of its commands it is `usual`, where it has one.
    """

    help: str
    places: tuple[str, ...]
    usual: str | None = None

    def load(self, name: str) -> Any:
        """The group with all its commands."""
        commands: dict[str, Any] = {}
        for part in map(_instance, self.places):
            commands |= {part.name: part} if part.name else part.commands
        if self.usual is None:
            return TyperGroup(name=name, commands=commands, help=self.help, no_args_is_help=True)
        made = UsualGroup(name=name, commands=commands, help=self.help)
        made.usual = self.usual
        return made


class UsualGroup(TyperGroup):
    """A group with a command that is meant where none is named."""

    usual = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options alone are the usual command's, but for the question for help."""
        is_named = args and (not args[0].startswith("-") or "--help" in args)
        return super().parse_args(ctx, args if is_named else [self.usual, *args])


class LazyGroup(TyperGroup):
    """A group that knows of its commands only what its table says, until one is called.

    A command is resolved when it is called, and looked up when it is only shown: by the help, and by completion.
    Whoever goes through `commands` loads them. Typer's own copy of Click is private, so its types are not named here.
    """

    panels: ClassVar[Mapping[str, Mapping[str, Command | Group]]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._shown = {
            name: TyperCommand(name, help=known.help, rich_help_panel=panel)
            for panel, table in self.panels.items()
            for name, known in table.items()
        }
        self.commands = _Loaded({name: known for table in self.panels.values() for name, known in table.items()})

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the panels."""
        return list(self._shown)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """What the help shows of a command."""
        return self._shown.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, loaded; an error where there is none."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else self.commands[name], rest


class _Loaded(UserDict[str, Any]):
    """The commands by name, each loaded when it is looked at."""

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, Command | Group):
            self.data[name] = found = found.load(name)
        return found


def _instance(place: str) -> TyperGroup:
    """The Typer instance at `module:name`, as a group."""
    module, _, name = place.partition(":")
    made: typer.Typer = getattr(import_module(f"{__package__}.{module}"), name)
    return get_group(made)
