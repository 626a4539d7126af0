"""Home: how the partner stands, figures of its newest closed day, and what needs attention. It shows no person."""

from datetime import date, timedelta

from hashrail import business_clock, clock
from hashrail.access import call_log
from hashrail.alarms import states
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.events import endpoints
from hashrail.exports import day_totals
from hashrail.exports.day_totals import DayTotals
from hashrail.pages.portal.visit import Visit
from hashrail.pages.visiting import Shown
from hashrail.parties import member_changes, standings
from hashrail.selling import billing
from hashrail.support import balances

# Refusals of so long stand there.
LATELY = timedelta(hours=24)


async def home(tx: Tx, visit: Visit) -> Shown:
    """What a partner looks at first."""
    closed = await fence.closed_through(tx, visit.partner_id)
    hooks = await endpoints.every(tx, visit.partner_id)
    return Shown(
        {
            "business_now": await business_clock.now(tx),
            "standing": await standings.of_partner(tx, visit.partner_id),
            "due": await billing.receivable(tx, visit.partner_id),
            "held": await balances.of_partner(tx, visit.partner_id),
            "day": None if closed is None else await _day(tx, visit.partner_id, closed),
            "ringing": await states.of_partner(tx, visit.partner.name),
            "failing": [one for one in hooks if one.failures or one.state != "enabled"],
            "refused": await call_log.refused_lately(tx, visit.partner_id, since=clock.wall_now() - LATELY),
            "changes": await member_changes.waiting(tx, visit.partner_id),
        }
    )


async def _day(tx: Tx, partner_id: int, day: date) -> DayTotals:
    found, _ = await day_totals.of(tx, partner_id, first=day, last=day)
    return found[0]
