"""Taking back a published day that nobody has closed: the way out where one was published that cannot be.

A day is published and closed within seconds, and tried before (`trial.py`), so this is for days of before, and for
deployments in which nobody earned by the day. It is then entered again as if it had never been published, and held, so
that an operator enters it anew, deletes it or lets it go.

The fences of all partners are held, before the row of publication: nobody closes the day meanwhile.
"""

from datetime import date

from hashrail import clock
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.parties import partners
from hashrail.rewards import rates


class DayClosedError(ConflictError):
    """Partners have closed the day, so what was earned by it is theirs."""

    code = "DAY_CLOSED"
    advice = "Correct it by an adjustment: hashrail day adjust"


class NotNewestError(ConflictError):
    """Only the newest published day can be taken back."""

    code = "DAY_NOT_NEWEST"
    advice = "See which day that is: hashrail rates list"


async def take_back(tx: Tx, day: date) -> None:
    """Make the newest published day one that is entered and held. Raises NotNewestError, DayClosedError."""
    partner_ids = await partners.ids(tx)
    await fence.hold(tx, partner_ids)
    state = await tx.fetchrow("SELECT first_day, published_through FROM publication WHERE id = 1 FOR UPDATE")
    assert state is not None, "the schema comes with it"
    if state["published_through"] != day:
        raise NotNewestError(f"{day} is not the newest published day", field="day")
    closed = await tx.fetchval(
        """SELECT min(d.partner_id) FROM partner_day d WHERE d.closed_through >= $1
           AND (EXISTS (SELECT 1 FROM class_power p WHERE p.partner_id = d.partner_id)
                OR EXISTS (SELECT 1 FROM class_power_delta e WHERE e.partner_id = d.partner_id AND e.day <= $1))""",
        day,
    )
    if closed is not None:
        raise DayClosedError(f"partner {closed} has closed {day}", field="day")
    before = None if state["first_day"] == day else day - clock.ONE_DAY
    # Who sells nothing has closed nothing either, and goes on with the day when it is published again.
    await tx.execute("UPDATE partner_day SET closed_through = $2 WHERE closed_through >= $1", day, before)
    await _unpublish(tx, day)
    if before is None:
        await tx.execute("UPDATE rate_class SET first_day = NULL")
        await tx.execute("UPDATE publication SET first_day = NULL, published_through = NULL WHERE id = 1")
    else:
        await tx.execute("UPDATE publication SET published_through = $1 WHERE id = 1", before)
    await rates.hold(tx, day, ["it was taken back"])


async def _unpublish(tx: Tx, day: date) -> None:
    """Forget what publishing wrote for the day, and what corrected it: nobody was credited with either."""
    await tx.execute(
        "DELETE FROM class_adjustment WHERE adjustment_id IN (SELECT id FROM adjustment WHERE day = $1)", day
    )
    await tx.execute("DELETE FROM adjustment WHERE day = $1", day)
    await tx.execute("DELETE FROM class_day WHERE day = $1", day)
    await tx.execute("DELETE FROM published_fraction WHERE day = $1", day)
    await tx.execute("UPDATE mining_day SET published_at = NULL, discount_cap = NULL WHERE day = $1", day)
