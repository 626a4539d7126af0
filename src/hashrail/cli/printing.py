"""JSON for scripts: how commands write it, and which command prints what.

Names are in camelCase. An amount is a text with every digit, so that no program rounds it; a time is ISO 8601, UTC,
with milliseconds and Z; a day is like 2026-09-09. Every field is always there: null is what there is none of.

A command declares its shape with `prints`. The reference shows its fields with what is said of them, and a test holds
what every command prints against its shape.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self, TypeVar

import msgspec
import typer
from msgspec import Meta, Struct

from hashrail import clock, texts
from hashrail.money import plain

C = TypeVar("C", bound=Callable[..., None])
USAGE_ERROR = 2
NOT_PLAIN = re.compile(r"[^\n -~]")


class Shape(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Something that commands print."""

    @classmethod
    def of(cls, one: Any) -> Self:
        """A record as it is printed, where the fields of the shape have the names of its own."""
        return msgspec.convert(one, cls, from_attributes=True)


def about(text: str) -> Meta:
    """What a field of a shape means."""
    return Meta(description=text)


def prints(shape: Any) -> Callable[[C], C]:
    """Say what a command prints for scripts: a shape, or a list of one."""

    def declare(command: C) -> C:
        command.__dict__["prints"] = shape
        return command

    return declare


def shape_of(command: Any) -> Any:
    """What a command of the program declares that it prints; None where it declares nothing."""
    return getattr(command.callback, "prints", None)


def show_json(value: Shape | Sequence[Shape] | Sequence[str], *, indent: int | None = 2, error: bool = False) -> None:
    """Print what a command has declared; on standard error where it is an error."""
    typer.echo(as_json(value, indent=indent), err=error)


def show_wire(json_text: str) -> None:
    """Print JSON as a server sent it, digit for digit, and in ASCII."""
    typer.echo(in_ascii(json_text))


def as_json(value: Shape | Sequence[Shape] | Sequence[str], *, indent: int | None = 2) -> str:
    """The text of it, in ASCII that prints: it may be looked at on a terminal."""
    return json.dumps(builtins(value), default=as_text, indent=indent).replace("\x7f", "\\u007f")


def in_ascii(json_text: str) -> str:
    """The same JSON with every character written out that is not ASCII, or could act on a terminal; no number is
    touched."""
    return NOT_PLAIN.sub(_written_out, json_text)


def _written_out(found: re.Match[str]) -> str:
    # Only texts have such characters; a pair of surrogates stands for what is beyond 16 bits.
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def builtins(value: Any) -> Any:
    """A shape as dicts and lists, under the names that JSON has; amounts and times are still what they are."""
    return msgspec.to_builtins(value, builtin_types=(Decimal, datetime, date))


def in_a_line(values: dict[str, Any] | None) -> str | None:
    """What the log keeps, as a table shows it."""
    return None if values is None else json.dumps(in_camel_case(values), ensure_ascii=False)


def in_camel_case(value: Any) -> Any:
    """What the log keeps by the program's names, by names as JSON has them; what is no such name stays as it is."""
    if isinstance(value, dict):
        return {_camel(name): in_camel_case(each) for name, each in value.items()}
    return [in_camel_case(each) for each in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_") if name.isidentifier() else [name]
    return first + "".join(each.capitalize() for each in rest)


def as_text(value: Any) -> str:
    """A value as JSON and tables show it: exact, without exponent or trailing zeros; nothing for None."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, list | tuple):
        return ", ".join(as_text(each) for each in value)
    return "" if value is None else str(value)


def usage_error(message: str) -> typer.Exit:
    """Says on standard error what is wrong with the call, and is the exit to raise."""
    typer.echo(f"Error: {texts.shown(message)}", err=True)
    return typer.Exit(USAGE_ERROR)
