"""How commands ask for a second look at figures that become final (`acts/second_look.py`)."""

from typing import Annotated

import typer

ConfirmOption = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="FIGURE", help="A figure that was refused as doubtful and is meant, each digit."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what it would come to, and change nothing.")]
