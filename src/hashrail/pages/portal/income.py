"""What the partner's closed days add up to, to hold against its own books: figures, and no person."""

from datetime import date, timedelta
from decimal import Decimal

from hashrail import clock
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.exports import day_totals
from hashrail.exports.day_totals import DayTotals
from hashrail.money import ZERO, plain
from hashrail.pages import forms
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.selling import miners

# So many days may be looked at.
CHOICES = (30, 90, 365)
FIELD = forms.Field("days", "Days", "choice", choices=[(str(each), str(each)) for each in CHOICES], needed=False)
# What is added up, of each day.
SUMMED = (
    *("net", "orders", "orders_usd", "refunds", "refunds_usd", "withdrawals", "withdrawals_btc", "paid_btc"),
    *("deposits", "deposits_btc"),
)


async def income(tx: Tx, visit: Visit) -> Shown:
    """The newest closed days, drawn and exact, and their sums. Raises FieldNotReadError."""
    days = int(forms.read([FIELD], visit.query)["days"] or CHOICES[0])
    closed = await fence.closed_through(tx, visit.partner_id)
    found = [] if closed is None else await _days(tx, visit, closed, days)
    count, power = await miners.running(tx, visit.partner_id)
    facts = {
        "found": found,
        "income": [{"day": one.day.isoformat(), "net": plain(one.net)} for one in reversed(found)],
        "sums": {name: _sum(found, name) for name in SUMMED},
        "running": count,
        "power": power,
        "days": days,
        "choices": [(each, link("/income", days=each)) for each in CHOICES],
    }
    return Shown(facts)


async def _days(tx: Tx, visit: Visit, closed: date, days: int) -> list[DayTotals]:
    """Newest first, none from before the partner was there."""
    first = max(closed - timedelta(days=days - 1), clock.day_of(visit.partner.created_at))
    found, _ = await day_totals.of(tx, visit.partner_id, first=first, last=closed)
    return list(reversed(found))


def _sum(found: list[DayTotals], name: str) -> Decimal:
    return sum((Decimal(getattr(one, name)) for one in found), ZERO)
