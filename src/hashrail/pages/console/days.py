"""Days: which are entered, held, published and closed; one with its inputs, their sources, rates and adjustments."""

from datetime import date

from hashrail import business_clock
from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages.console.visit import Shown, Visit
from hashrail.rewards import day_sources, day_waits, rate_classes, rates, standing

LISTED = 60


async def listed(tx: Tx, _: Visit) -> Shown:
    """The newest days that have figures, and those that wait for some."""
    now = await business_clock.now(tx)
    return Shown(
        {
            "found": await rates.newest(tx, LISTED),
            "waits_of": await day_waits.waiting(tx),
            "standing": await standing.read(tx, now=now),
        }
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """Everything that was published for a day."""
    day = asked(visit)
    return Shown(
        {
            "one": await rates.find(tx, day),
            "sources": await day_sources.of_day(tx, day),
            "classes": await rate_classes.of_day(tx, day),
            "adjustments": await rate_classes.adjustments_of(tx, day),
        }
    )


def asked(visit: Visit) -> date:
    """The day of the query. Raises FieldEmptyError, DayNotReadError."""
    return listing.day(visit.asked("day"), "day")
