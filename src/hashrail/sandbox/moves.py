"""How far the business clock may be moved, and by what it is said: days, seconds, or the moment that is to come."""

from datetime import UTC, date, datetime, timedelta

from hashrail import business_clock, clock
from hashrail.errors import BadRequestError

# The clock's offset is held within a hundred years.
FARTHEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_STEP = timedelta(days=3660)


class AdvanceOneWayError(BadRequestError):
    """The step is given in exactly one way."""

    code = "ADVANCE_ONE_WAY"
    advice = "Say how far in exactly one way: by days, by seconds, or until a date."


class ClockTooFarError(BadRequestError):
    """One step is at most 3660 days, and the sandbox's calendar ends in 2100."""

    code = "CLOCK_TOO_FAR"
    advice = "Advance at most 3660 days at a time, to a date before 2100."


# What refuses to move the clock to a moment.
NOT_FAR = (ClockTooFarError, business_clock.ClockBackwardsError)


def assert_one_way(*given: object | None) -> None:
    """Raises AdvanceOneWayError."""
    if sum(each is not None for each in given) != 1:
        raise AdvanceOneWayError("send exactly one of days, seconds, date", field="days")


def step(
    present: datetime, *, days: int | None = None, seconds: int | None = None, until: str | None = None
) -> timedelta:
    """How far the clock is to go, by exactly one of them.

    Raises AdvanceOneWayError, ClockBackwardsError, ClockTooFarError, BadDateTimeError, DateTimeWithoutZoneError.
    """
    assert_one_way(days, seconds, until)
    if until is not None:
        target = _moment(until)
        business_clock.assert_ahead(present, target)
    else:
        try:
            target = present + timedelta(days=days or 0, seconds=seconds or 0)
        except OverflowError as error:
            raise _too_far("days") from error
    check_reach(present, target)
    return target - present


def check_reach(present: datetime, target: datetime, *, field: str = "date") -> None:
    """Raises ClockTooFarError."""
    if target - present > MAX_STEP or target >= FARTHEST:
        raise _too_far(field)


def _too_far(field: str) -> ClockTooFarError:
    return ClockTooFarError("at most 3660 days at a time, and before 2100", field=field)


def _moment(text: str) -> datetime:
    """A date means its credit time, 00:05 UTC, when the day before can be closed; a date-time means itself."""
    try:
        return clock.start_of(date.fromisoformat(text)) + clock.CREDIT_DELAY
    except ValueError:
        return clock.parse_iso(text, "date")
