"""The partner's statement: what it owes the operator over some days, line by line, on a page and as a sheet."""

import asyncio
from datetime import date, datetime

from hashrail import business_clock, clock
from hashrail.accounting import periods
from hashrail.accounting.periods import Period
from hashrail.db import Tx
from hashrail.pages import listing
from hashrail.pages import statement_lines as lines
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.pages.visiting import CSV, Download, Shown
from hashrail.selling import billing, statement_files, statements


async def statement(tx: Tx, visit: Visit) -> Shown:
    """The lines of some days, of this month where none are named; what was owed before, and what is owed now.

    Raises DayNotReadError, BadPeriodError, and for a cursor that is none BadDateTimeError, FieldNotANumberError.
    """
    period, since = await _asked(tx, visit)
    found = await statements.lines(
        tx, visit.partner_id, first=since, before=period.before, limit=lines.LISTED + 1, after=lines.after(visit)
    )
    days = {"from": period.first, "to": period.last}
    following = lines.following(found)
    begins = clock.day_of(since).replace(day=1)
    facts = {
        "period": period,
        "now": await business_clock.now(tx),
        "lines": lines.named(found[: lines.LISTED]),
        "more": None if following is None else link("/statement", **days, **following),
        "is_first": not visit.query.get("at"),
        "opening": await statements.owed_before(tx, visit.partner_id, since),
        "moved": await statements.moved(tx, visit.partner_id, first=since, before=period.before),
        "due": await billing.receivable(tx, visit.partner_id),
        "sheet": link("/statement.csv", **days),
        "earlier": _month(max(begins, date.min + clock.ONE_DAY) - clock.ONE_DAY),
        "ways": WAYS,
    }
    return Shown(facts)


async def sheet(tx: Tx, visit: Visit) -> Download:
    """The same lines as a sheet, all of them. Raises StatementTooLongError too."""
    period, since = await _asked(tx, visit)
    found = await statement_files.lines(tx, visit.partner_id, first=since, before=period.before, field="to")
    name = f"statement-{clock.day_of(since)}-{period.last}.csv"
    return Download.of(name, CSV, await asyncio.to_thread(statement_files.sheet, found))


async def _asked(tx: Tx, visit: Visit) -> tuple[Period, datetime]:
    """The days that are asked for, and their first moment: this month, and none from before the partner was there."""
    now = await business_clock.now(tx)
    first, last = _day(visit, "from"), _day(visit, "to")
    if first is None and last is None:
        first = clock.day_of(now).replace(day=1)
    period = periods.of_days(first, last, now=now)
    return period, period.since or clock.start_of(clock.day_of(visit.partner.created_at))


def _day(visit: Visit, name: str) -> date | None:
    text = visit.query.get(name, "").strip()
    return listing.day(text, name) if text else None


def _month(day: date) -> str:
    """The page of the month that a day is of."""
    first = day.replace(day=1)
    return link("/statement", **{"from": first, "to": periods.next_month(first) - clock.ONE_DAY})
