"""Two clocks, UTC, mining days and dates on the wire."""

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail import clock
from hashrail.errors import BadRequestError

DAY = dt.date(2026, 9, 9)
ZONES = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
SINCE_1970 = st.timedeltas(dt.timedelta(0), dt.timedelta(days=84_000))
MOMENTS = st.builds(lambda passed, zone: (clock.EPOCH + passed).astimezone(zone), SINCE_1970, ZONES)


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> dt.datetime:
    """A moment in UTC."""
    return dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=dt.UTC)


def test_the_machine_is_read_in_utc() -> None:
    """Moment, milliseconds and the stopwatch are of now."""
    before = time.time()
    now, millis = clock.wall_now(), clock.wall_millis()
    after = time.time()
    assert now.tzinfo is dt.UTC
    assert before - 0.001 <= now.timestamp() <= after + 0.001
    assert int(before * 1000) - 1 <= millis <= int(after * 1000) + 1
    first = clock.monotonic()
    assert first <= clock.monotonic() < first + 60


def test_a_day_is_a_utc_day() -> None:
    """Whatever zone the moment is given in."""
    east = dt.timezone(dt.timedelta(hours=9))
    assert clock.day_of(dt.datetime(2026, 9, 10, 8, 59, 59, tzinfo=east)) == DAY
    assert clock.day_of(dt.datetime(2026, 9, 10, 9, 0, tzinfo=east)) == dt.date(2026, 9, 10)
    assert clock.start_of(DAY) == utc(2026, 9, 9)
    assert clock.day_of(clock.start_of(DAY)) == DAY


def test_a_time_without_zone_is_our_bug() -> None:
    """Neither a day nor a text can be made of it."""
    naive = utc(2026, 9, 9).replace(tzinfo=None)
    with pytest.raises(AssertionError, match="has no day"):
        clock.day_of(naive)
    with pytest.raises(AssertionError, match="cannot be shown"):
        clock.iso(naive)


def test_a_day_is_credited_five_minutes_after_it_ends() -> None:
    """At 00:05 and not a microsecond before."""
    assert clock.credited_at(DAY) == utc(2026, 9, 10, 0, 5)
    assert clock.last_creditable_day(utc(2026, 9, 10, 0, 5)) == DAY
    assert clock.last_creditable_day(utc(2026, 9, 10, 0, 4, 59, 999999)) == DAY - clock.ONE_DAY


@given(MOMENTS)
def test_the_last_creditable_day_is_credited_and_the_next_is_not(now: dt.datetime) -> None:
    """Both functions draw the same line, in any zone."""
    day = clock.last_creditable_day(now)
    assert clock.credited_at(day) <= now < clock.credited_at(day + clock.ONE_DAY)


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)))
def test_a_day_can_be_credited_from_its_credit_on(day: dt.date) -> None:
    """The same line, seen from the day."""
    assert clock.last_creditable_day(clock.credited_at(day)) == day
    assert clock.last_creditable_day(clock.credited_at(day) - dt.timedelta(microseconds=1)) == day - clock.ONE_DAY


def test_dates_are_shown_with_milliseconds_and_z() -> None:
    """Microseconds are cut off, another zone becomes UTC."""
    assert clock.iso(utc(2026, 9, 9, 0, 5)) == "2026-09-09T00:05:00.000Z"
    assert clock.iso(utc(2026, 9, 9, 23, 59, 59, 999999)) == "2026-09-09T23:59:59.999Z"
    assert clock.iso(utc(2026, 9, 9, 1, 2, 3, 4567)) == "2026-09-09T01:02:03.004Z"
    india = dt.timezone(dt.timedelta(hours=5, minutes=30))
    assert clock.iso(dt.datetime(2026, 9, 9, 5, 30, tzinfo=india)) == "2026-09-09T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-09T00:00:00.000Z", utc(2026, 9, 9)),
        ("2026-09-09T00:00:00Z", utc(2026, 9, 9)),
        ("2026-09-09T00:00Z", utc(2026, 9, 9)),
        ("2026-09-09T00:00:00+00:00", utc(2026, 9, 9)),
        ("2026-09-09T02:30:00+05:30", utc(2026, 9, 8, 21)),
        ("2026-09-08T22:00:00-0200", utc(2026, 9, 9)),
        ("2026-09-09T12:34:56.5Z", utc(2026, 9, 9, 12, 34, 56, 500000)),
        ("2026-09-09T12:34:56.123456Z", utc(2026, 9, 9, 12, 34, 56, 123456)),
        ("2026-09-09T12:34:56.123456789Z", utc(2026, 9, 9, 12, 34, 56, 123456)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59.999999Z", utc(9999, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_dates_are_read_with_zone(text: str, moment: dt.datetime) -> None:
    """With or without fraction, with Z or an offset; the answer is in UTC."""
    read = clock.parse_iso(text, "startDate")
    assert read == moment
    assert read.tzinfo is dt.UTC


@given(MOMENTS)
def test_what_is_shown_can_be_read(moment: dt.datetime) -> None:
    """Up to the microseconds that are not shown."""
    assert moment - clock.parse_iso(clock.iso(moment), "date") < dt.timedelta(milliseconds=1)
    assert clock.parse_iso(clock.iso(moment), "date") <= moment


@pytest.mark.parametrize("text", ["2026-09-09", "2026-09-09T00:00:00", "2026-09-09T10:00:00.000", "20260909T1000"])
def test_a_date_without_zone_is_refused(text: str) -> None:
    """It could mean two days."""
    with pytest.raises(clock.DateTimeWithoutZoneError, match="startDate has no time zone") as caught:
        clock.parse_iso(text, "startDate")
    assert (caught.value.status, caught.value.code) == (400, "DATE_WITHOUT_TIME_ZONE")
    assert caught.value.details == {"field": "startDate"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an ISO 8601"),
        ("yesterday", "not an ISO 8601"),
        ("1757376000000", "not an ISO 8601"),
        ("2026-02-29T00:00:00Z", "not an ISO 8601"),
        ("2026-09-09T24:00:00Z", "not an ISO 8601"),
        ("2026-09-09T00:00:60Z", "not an ISO 8601"),
        ("2026-09-09T00:00:00Zjunk", "not an ISO 8601"),
        ("\ud800", "not an ISO 8601"),
        ("0001-01-01T00:00:00+01:00", "outside the calendar"),
        ("9999-12-31T23:59:59-00:01", "outside the calendar"),
    ],
)
def test_what_is_no_date_is_refused(text: str, why: str) -> None:
    """And so is a moment before year 1 or after year 9999 in UTC; the field is named."""
    with pytest.raises(clock.BadDateTimeError, match=f"endDate is {why}") as caught:
        clock.parse_iso(text, "endDate")
    assert (caught.value.status, caught.value.code) == (400, "BAD_DATE")
    assert caught.value.details == {"field": "endDate"}


def test_the_refusals_are_different_bad_requests() -> None:
    """A client can tell them apart, and can treat both as a bad request."""
    assert clock.BadDateTimeError.code != clock.DateTimeWithoutZoneError.code
    assert issubclass(clock.BadDateTimeError, BadRequestError)
    assert issubclass(clock.DateTimeWithoutZoneError, BadRequestError)


def test_seconds_since_1970() -> None:
    """As tokens count them."""
    assert clock.from_seconds(0) == utc(1970, 1, 1)
    assert clock.from_seconds(1_757_376_000) == utc(2025, 9, 9)
