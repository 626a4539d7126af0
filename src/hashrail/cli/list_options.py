"""The options that every list has: of whom, in which state, of which days, how many, behind what."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer

from hashrail.cli.shared import MAX_ID, day, say
from hashrail.support import lists

UserOption = Annotated[str | None, typer.Option("--user", help="Only this user's, by the partner's own id.")]
StateOption = Annotated[str | None, typer.Option("--state", help="Only those in this state.")]
FromOption = Annotated[date | None, typer.Option("--from", parser=day, metavar="DAY", help="From this day on.")]
ToOption = Annotated[date | None, typer.Option("--to", parser=day, metavar="DAY", help="Up to this day, included.")]
AfterOption = Annotated[int | None, typer.Option("--after", max=MAX_ID, help="The last number of the page before.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest.")]


def state_of(noun: str, given: str | None) -> str | None:
    """The state that was asked for, if it is one."""
    if given is not None and given not in lists.STATES[noun]:
        raise typer.BadParameter(f"{given!r} is no state of it: {', '.join(lists.STATES[noun])}")
    return given


def hint(found: Sequence[object], limit: int, last: int | None) -> None:
    """Say how to go on where there may be more."""
    if len(found) == limit and last is not None:
        say(f"There may be more: --after {last} goes on.")
