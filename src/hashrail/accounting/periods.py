"""Periods: whole days or months by UTC, as accountants ask for them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hashrail import clock
from hashrail.errors import BadRequestError

MONTH = re.compile(r"(?P<year>[1-9][0-9]{3})-(?P<month>0[1-9]|1[0-2])")


class BadPeriodError(BadRequestError):
    """The last day comes before the first, or the first is still to come."""

    code = "BAD_PERIOD"
    advice = "Give the first day and the last one, in this order, and none that has not begun; both are included."


class BadMonthError(BadRequestError):
    """Not a month."""

    code = "BAD_MONTH"
    advice = "Write a month like 2026-03."


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` (None: from the beginning) to `last`, both included."""

    first: date | None
    last: date

    @property
    def since(self) -> datetime | None:
        """The first moment; None for the beginning."""
        return None if self.first is None else clock.start_of(self.first)

    @property
    def before(self) -> datetime:
        """The first moment after it."""
        return clock.start_of(self.last + clock.ONE_DAY)


def of_days(first: date | None, last: date | None, *, now: datetime) -> Period:
    """The days that are meant; what is to come is not in them. Raises BadPeriodError."""
    today = clock.day_of(now)
    end = today if last is None else min(last, today)
    if first is not None and last is not None and last < first:
        raise BadPeriodError(f"{last} comes before {first}", field="to")
    if first is not None and end < first:
        raise BadPeriodError(f"{first} is still to come", field="from")
    return Period(first, end)


def month(text: str) -> date:
    """The first day of a month like 2026-03, which another one follows. Raises BadMonthError."""
    found = MONTH.fullmatch(text)
    if found is None or text == f"{date.max:%Y-%m}":
        raise BadMonthError(f"{text!r} is no month", field="month")
    return date(int(found["year"]), int(found["month"]), 1)


def next_month(first_day: date) -> date:
    """The first day of the month after."""
    return (first_day + timedelta(days=31)).replace(day=1)
