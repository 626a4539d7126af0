"""The business clock: wall time plus an offset kept in the database, 0 for ever in production.

It decides days, credits, order expiry, batches, cool-downs and the simulated chain. Only a sandbox moves it, and
only forward.
"""

from datetime import datetime, timedelta

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError


class ClockBackwardsError(BadRequestError):
    """The business clock moves forward only: closed days stay closed."""

    code = "CLOCK_BACKWARDS"
    advice = "Give a moment that is later than the present business time."


async def now(tx: Reader) -> datetime:
    """Business time, UTC."""
    offset_us: int = await tx.fetchval("SELECT offset_us FROM business_clock WHERE id = 1")
    return at_offset(offset_us)


def at_offset(offset_us: int) -> datetime:
    """Business time for an offset that was just read."""
    return clock.wall_now() + timedelta(microseconds=offset_us)


async def advance_by(tx: Tx, step: timedelta) -> datetime:
    """Move the clock forward by `step` >= 0; answers the new business time."""
    assert step >= timedelta(0), "time does not run backwards"
    await tx.execute(
        "UPDATE business_clock SET offset_us = offset_us + $1 WHERE id = 1", step // timedelta(microseconds=1)
    )
    return await now(tx)


def assert_ahead(present: datetime, moment: datetime) -> None:
    """Raises ClockBackwardsError for a moment in the past."""
    if moment < present:
        raise ClockBackwardsError(
            "the business clock only moves forward", field="date", businessTime=clock.iso(present)
        )


async def start(tx: Tx, lead_time: timedelta) -> None:
    """Set how far an empty deployment's clock is ahead of the wall clock; negative lets a sandbox begin in the past."""
    partners: int = await tx.fetchval("SELECT count(*) FROM partner")
    assert partners == 0, "the clock of a deployment in use only moves forward"
    await tx.execute("UPDATE business_clock SET offset_us = $1 WHERE id = 1", lead_time // timedelta(microseconds=1))


async def lead(tx: Tx) -> timedelta:
    """How far business time is ahead of the wall clock."""
    offset_us: int = await tx.fetchval("SELECT offset_us FROM business_clock WHERE id = 1")
    return timedelta(microseconds=offset_us)
