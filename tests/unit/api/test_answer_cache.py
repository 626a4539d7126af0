"""The cache of answers: one maker at a time, a bound on staleness, refusals that are not kept."""

import asyncio
import gc

import pytest

from hashrail import clock
from hashrail.api.serving.answer_cache import SECONDS, AnswerCache


class Maker:
    """Makes 1, 2, 3 ... as it is let; fails when told so."""

    def __init__(self) -> None:
        self.made = 0
        self.may_go = asyncio.Event()
        self.failing: Exception | None = None

    async def __call__(self) -> int:
        self.made += 1
        number = self.made
        await self.may_go.wait()
        if self.failing is not None:
            raise self.failing
        return number


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which the test moves."""
    moment = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    return moment


async def test_an_answer_is_kept_for_seconds_and_no_longer(now: list[float]) -> None:
    cache, make = AnswerCache(), Maker()
    make.may_go.set()
    assert SECONDS == 5
    assert [await cache.get("a", make) for _ in range(3)] == [1, 1, 1]
    assert await cache.get("b", make) == 2
    now[0] += SECONDS - 0.001
    assert await cache.get("a", make) == 1
    now[0] += 0.001
    assert [await cache.get("a", make) for _ in range(2)] == [3, 3]


async def test_the_age_counts_from_before_the_reading(now: list[float]) -> None:
    """What took long to read is old when it arrives."""
    cache, make = AnswerCache(), Maker()
    waiting = asyncio.create_task(cache.get("a", make))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    now[0] += SECONDS
    make.may_go.set()
    assert await waiting == 1
    assert await cache.get("a", make) == 2


async def test_what_is_not_kept_is_made_once_for_a_crowd() -> None:
    cache, make = AnswerCache(), Maker()
    crowd = [asyncio.create_task(cache.get("a", make, seconds=0)) for _ in range(50)]
    await asyncio.sleep(0)
    make.may_go.set()
    assert await asyncio.gather(*crowd) == [1] * 50
    assert [await cache.get("a", make, seconds=0) for _ in range(2)] == [2, 3]


async def test_one_makes_it_for_all_who_wait() -> None:
    cache, make = AnswerCache(), Maker()
    crowd = [asyncio.create_task(cache.get("a", make)) for _ in range(50)]
    await asyncio.sleep(0)
    make.may_go.set()
    assert await asyncio.gather(*crowd) == [1] * 50
    assert make.made == 1


async def test_whoever_goes_away_takes_nothing_from_the_others() -> None:
    cache, make = AnswerCache(), Maker()
    first, second = (asyncio.create_task(cache.get("a", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    make.may_go.set()
    assert await second == 1
    assert make.made == 1


async def test_a_refusal_reaches_all_and_is_not_kept() -> None:
    cache, make = AnswerCache(), Maker()
    make.failing = LookupError("no figures")
    crowd = [asyncio.create_task(cache.get("a", make)) for _ in range(3)]
    await asyncio.sleep(0)
    make.may_go.set()
    assert await asyncio.gather(*crowd, return_exceptions=True) == [make.failing] * 3
    make.failing = None
    assert await cache.get("a", make) == 2


async def test_a_refusal_that_nobody_waits_for_is_no_alarm() -> None:
    """asyncio complains of exceptions that nobody looked at."""
    loop, complaints = asyncio.get_running_loop(), []
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    cache, make = AnswerCache(), Maker()
    make.failing = LookupError("no figures")
    waiting = asyncio.create_task(cache.get("a", make))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    make.may_go.set()
    for _ in range(3):
        await asyncio.sleep(0)
    del waiting
    gc.collect()
    assert complaints == []
    loop.set_exception_handler(before)
    make.failing = None
    assert await cache.get("a", make) == 2
