"""A miner's stints as bars on a line of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hashrail.parties.users import User
from hashrail.support.lists import Stint

# The line in its own units.
WIDTH, HEIGHT = 1000, 22
BOX = (WIDTH, HEIGHT)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stint as it is drawn: `x` and `width` in parts of the line's width, `is_other` where it was not this user's."""

    x: int
    width: int
    stint: Stint
    is_other: bool


def first_day(lines: Sequence[Sequence[Stint]], today: date) -> date:
    """Where the line begins for several miners."""
    return min((each.from_day for stints in lines for each in stints), default=today)


def bars(stints: Sequence[Stint], user: User, first: date, today: date) -> list[Bar]:
    """A miner's stints on a line that reaches from the first day to today."""
    whole = max((today - first).days + 1, 1)
    drawn = []
    for one in stints:
        begins = (one.from_day - first).days
        ends = ((one.to_day or today + timedelta(days=1)) - first).days
        x = max(0, begins * WIDTH // whole)
        width = max(2, ends * WIDTH // whole - x - 1)
        drawn.append(Bar(x, width, one, one.user_id != user.id))
    return drawn
