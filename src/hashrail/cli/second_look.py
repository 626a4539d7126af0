"""How commands ask for a second look at figures that become final (`acts/second_look.py`)."""

from collections.abc import Collection, Iterator
from typing import Annotated

import typer

ConfirmOption = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="FIGURE", help="A figure that was refused as doubtful and is meant, each digit."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what it would come to, and change nothing.")]


class _Everything(Collection[str]):
    """As if every figure in doubt had been named: a dry run says what is doubtful, and refuses none of it."""

    def __contains__(self, figure: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(("everything",))

    def __len__(self) -> int:
        return 1


EVERYTHING: Collection[str] = _Everything()


def named(confirm: list[str] | None, *, dry_run: bool) -> Collection[str]:
    """The figures that are named again."""
    return EVERYTHING if dry_run else confirm or ()
