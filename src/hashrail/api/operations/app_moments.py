"""Where a program of others says now: it means the deployment's, whose clock a sandbox may have moved ahead.

Such programs ask for what is before their own clock's time. In a sandbox that was moved a year ahead they would see
nothing of that year, so a moment that is about now on the wall stands for the deployment's now.
"""

from datetime import datetime, timedelta

from hashrail import business_clock, clock
from hashrail.db import Reader

ABOUT = timedelta(minutes=1)


async def until(tx: Reader, asked: datetime) -> datetime:
    """The end of a range: one that is now or later reaches up to the deployment's now."""
    now = await business_clock.now(tx)
    return max(asked, now) if asked >= clock.wall_now() - ABOUT else asked


async def before(tx: Reader, asked: datetime) -> datetime | None:
    """Where a list goes on: from a moment, or from its newest row (None) where it is about now.

    Later moments stand as they are: they are those of rows that were shown already.
    """
    wall = clock.wall_now()
    is_ahead = await business_clock.now(tx) > wall + ABOUT
    return None if is_ahead and abs(asked - wall) <= ABOUT else asked
