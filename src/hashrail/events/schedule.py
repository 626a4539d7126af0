"""When a webhook is sent again: the retry schedule of the Standard Webhooks specification, and how endpoints rest."""

from datetime import datetime, timedelta
from random import SystemRandom

# Behind each attempt the time to the next; behind the last there is none.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
# A tenth of a time is added at random at most, so that what failed together does not come back together.
JITTER = 10
# An endpoint that fails again and again is tried by a single delivery, with growing rests between.
FAILING = 3
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
# Behind so many failures everything that waits leaves at once when an attempt succeeds.
BACK_AFTER = 5
# An endpoint that has only failed for so long is disabled.
GIVEN_UP_AFTER = timedelta(days=5)
_random = SystemRandom()


def next_attempt(at: datetime, made: int) -> datetime | None:
    """When the attempt behind the first `made` ones is due; None where those were all."""
    return at + _jittered(DELAYS[made - 1]) if made <= len(DELAYS) else None


def rest_until(at: datetime, failures: int, wait: timedelta | None) -> datetime | None:
    """Until when an endpoint is left alone after so many failures in a row; `wait` is what it asked for."""
    rest = timedelta(0) if wait is None else wait
    if failures >= FAILING:
        doublings = min(failures - FAILING, 10)
        rest = max(rest, _jittered(min(FIRST_REST * 2**doublings, LONGEST_REST)))
    return at + rest if rest else None


def _jittered(time: timedelta) -> timedelta:
    return time + time / JITTER * _random.random()
