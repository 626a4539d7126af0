"""The business clock: wall time plus an offset kept in the database, 0 for ever in production.

It decides days, credits, order expiry, batches, cool-downs and the simulated chain. Only a sandbox moves it, and
only forward.

It is the database's clock that is read, which all processes share, and the machine's is its witness: where both are far
apart one of them is wrong, nobody knows which, and nothing is written by either.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, UnavailableError

# A statement that waits for its answer makes a difference too, and NTP keeps machines within less than a second.
MAX_DIFFERENCE = timedelta(seconds=60)
log = structlog.get_logger()

_READ = f"SELECT offset_us, {clock.DATABASE_NOW} AS database_now FROM business_clock WHERE id = 1"  # noqa: S608


class ClockBackwardsError(BadRequestError):
    """The business clock moves forward only: closed days stay closed."""

    code = "CLOCK_BACKWARDS"
    advice = "Give a moment that is later than the present business time."


class ClockDiffersError(UnavailableError):
    """The machine's clock and the database's are more than a minute apart, so one of them is wrong."""

    code = "CLOCK_DIFFERS"
    advice = "Send the same request again later; the operator has to set the clocks of the machines (NTP)."


class Witness:
    """How far this machine's clock was from the database's when a process last read both.

    What is judged by the machine's clock alone, as tokens and signatures are, is judged only while they agree.
    """

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def saw(self, database_now: datetime) -> None:
        """The database's time was read just now. A change for better or worse is logged."""
        before, self._ahead = self._ahead, clock.wall_now() - database_now
        did_agree, agrees = abs(before) <= MAX_DIFFERENCE, abs(self._ahead) <= MAX_DIFFERENCE
        seconds = round(self._ahead.total_seconds())
        if did_agree and not agrees:
            log.error("this machine's clock is wrong, or the database's: nothing is done", seconds_ahead=seconds)
        elif agrees and not did_agree:
            log.warning("the clocks agree again", seconds_ahead=seconds)

    def assert_agrees(self) -> None:
        """Raises ClockDiffersError."""
        assert_near(self._ahead)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the clocks read at one moment, UTC; the machine's is `ahead` of the database's by so much."""

    business_now: datetime
    database_now: datetime
    ahead: timedelta


async def now(tx: Reader) -> datetime:
    """Business time, UTC. Raises ClockDiffersError."""
    row = await tx.fetchrow(_READ)
    assert row is not None, "the schema comes with it"
    return at_offset(row["offset_us"], row["database_now"])


async def read(tx: Reader) -> Moment:
    """All clocks, for who watches them and writes nothing by them: however far they are apart."""
    row = await tx.fetchrow(_READ)
    assert row is not None, "the schema comes with it"
    database_now: datetime = row["database_now"]
    business_now = database_now + timedelta(microseconds=row["offset_us"])
    return Moment(business_now, database_now, clock.wall_now() - database_now)


def at_offset(offset_us: int, database_now: datetime) -> datetime:
    """Business time for an offset and the database's time, both just read. Raises ClockDiffersError."""
    assert_near(clock.wall_now() - database_now)
    return database_now + timedelta(microseconds=offset_us)


def assert_near(ahead: timedelta) -> None:
    """For who read both clocks: the machine's was `ahead` of the database's. Raises ClockDiffersError."""
    if abs(ahead) > MAX_DIFFERENCE:
        seconds = round(ahead.total_seconds())
        which = "ahead of" if seconds > 0 else "behind"
        raise ClockDiffersError(f"this machine's clock is {abs(seconds)} s {which} the database's", seconds=seconds)


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
