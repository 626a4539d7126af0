"""Time: two clocks, UTC, and mining days.

The **wall clock** decides signatures, tokens, replay windows and retries. The **business clock** decides days,
credits and expiry: wall time plus an offset kept in the database (`business_clock.py`), 0 for ever in
production. This is the only module that reads the machine's clock.

A mining day is a UTC date. Day D is over at D+1 00:00 and is credited at D+1 00:05.
"""

import re
import time
from datetime import UTC, date, datetime, timedelta

from hashrail.errors import BadRequestError

CREDIT_DELAY = timedelta(minutes=5)
ONE_DAY = timedelta(days=1)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The offset of a date-time whose plus sign was read as a blank.
BLANK_OFFSET = re.compile(r"[0-9] [0-9]{2}:?[0-9]{2}$")
PLUS_HINT = "In a query a plus sign stands for a blank: send it as %2B."
LOWER_CASE = str.maketrans("tz", "TZ")
# How the database tells its own time, in a statement that reads more besides: it does not stand still in a transaction.
DATABASE_NOW = "clock_timestamp()"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DateTimeWithoutZoneError(BadRequestError):
    """A date without a time zone could mean two days."""

    code = "DATE_WITHOUT_TIME_ZONE"
    advice = "Send ISO 8601 with Z or an offset, for example 2026-09-09T00:00:00.000Z."


class BadDateTimeError(BadRequestError):
    """Not an ISO 8601 date-time."""

    code = "BAD_DATE"
    advice = "Send ISO 8601 with Z or an offset, for example 2026-09-09T00:00:00.000Z."


def wall_now() -> datetime:
    """The machine's time, UTC."""
    return datetime.now(UTC)


def wall_millis() -> int:
    """The machine's time in milliseconds since 1970 UTC: what signatures and `X-Server-Time` use."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds that never go back, for measuring how long something took."""
    return time.monotonic()


def day_of(moment: datetime) -> date:
    """The mining day that `moment` falls into."""
    assert moment.tzinfo is not None, "a time without zone has no day"
    return moment.astimezone(UTC).date()


def start_of(day: date) -> datetime:
    """00:00 UTC of `day`."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def end_of(day: date) -> datetime:
    """The last millisecond of `day`, UTC."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999_000, tzinfo=UTC)


def credited_at(day: date) -> datetime:
    """When the income of mining day `day` is credited: 00:05 UTC of the next day."""
    return start_of(day) + ONE_DAY + CREDIT_DELAY


def last_creditable_day(now: datetime) -> date:
    """The newest mining day whose income may be credited at `now`."""
    return day_of(now - CREDIT_DELAY) - ONE_DAY


def iso(moment: datetime) -> str:
    """`2026-09-09T00:05:00.000Z`: ISO 8601 UTC with milliseconds, as the wire shows every date."""
    assert moment.tzinfo is not None, "a time without zone cannot be shown"
    # The database's moments are UTC already, and an answer shows many of them.
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_iso(text: str, field: str) -> datetime:
    """The moment that an ISO 8601 text names, in UTC, its letters in any case. Refuses a text without time zone, naming
    `field`."""
    try:
        moment = datetime.fromisoformat(text.translate(LOWER_CASE))
    except ValueError as error:
        hint = {"hint": PLUS_HINT} if BLANK_OFFSET.search(text) else {}
        raise BadDateTimeError(f"{field} is not an ISO 8601 date-time", field=field, **hint) from error
    if moment.tzinfo is None:
        raise DateTimeWithoutZoneError(f"{field} has no time zone", field=field)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise BadDateTimeError(f"{field} is outside the calendar", field=field) from error


def day_from(text: str) -> date:
    """The day that a text like 2026-09-09 names; no other way of writing one. Raises ValueError."""
    if DAY.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no day")
    return date.fromisoformat(text)


def from_seconds(seconds: int) -> datetime:
    """The moment `seconds` after 1970 UTC."""
    return EPOCH + timedelta(seconds=seconds)
