"""Turns: a partner has fewer places than are free, and those that wait come one after the other."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from hashrail.api.serving import turns
from hashrail.api.serving.turns import PartnerBusyError, Turns


class Crowd:
    """Operations that run until they are let go, by partner."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.running: list[int] = []
        self.tasks: list[tuple[int, asyncio.Task[None], asyncio.Event]] = []

    def begin(self, partner: int, times: int = 1) -> None:
        for _ in range(times):
            end = asyncio.Event()
            self.tasks.append((partner, asyncio.create_task(self._run(partner, end)), end))

    async def _run(self, partner: int, end: asyncio.Event) -> None:
        async with self.turns.turn(partner):
            self.running.append(partner)
            await end.wait()

    async def counts(self) -> list[int]:
        """How many of partners 1 to 5 run."""
        for _ in range(5):
            await asyncio.sleep(0)
        return [self.turns._held[partner] for partner in range(1, 6)]

    def end(self, partner: int) -> None:
        """Let the oldest of a partner that runs go."""
        entry = next(each for each in self.tasks if each[0] == partner and not each[2].is_set())
        entry[2].set()


@pytest.mark.parametrize(
    ("places", "shares"),
    [(1, [1, 0, 0, 0, 0]), (2, [1, 1, 0, 0, 0]), (9, [5, 2, 1, 1, 0]), (18, [9, 5, 2, 1, 1])],
)
async def test_whoever_comes_next_finds_a_place(places: int, shares: list[int]) -> None:
    crowd = Crowd(places)
    for partner in range(1, 6):
        crowd.begin(partner, 50)
        await crowd.counts()
    assert await crowd.counts() == shares
    for _, task, _ in crowd.tasks:
        task.cancel()
    await asyncio.gather(*(task for _, task, _ in crowd.tasks), return_exceptions=True)
    assert (crowd.turns._held.total(), crowd.turns._waiting) == (0, {})


async def test_partners_that_wait_come_one_after_the_other() -> None:
    """However many wait of one: after each of its turns the others have theirs."""
    crowd = Crowd(1)
    crowd.begin(1)
    await crowd.counts()
    crowd.begin(1, 5)
    await crowd.counts()
    crowd.begin(2, 2)
    await crowd.counts()
    crowd.begin(3)
    await crowd.counts()
    for _ in range(9):
        crowd.end(crowd.running[-1])
        await crowd.counts()
    assert crowd.running == [1, 1, 2, 3, 1, 2, 1, 1, 1]


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(turns, "MAX_WAITING", 2)
    places = Turns(1)
    async with places.turn(1):
        waiting = [asyncio.create_task(_once(places)) for _ in range(3)]
        for task in waiting:
            with pytest.raises(PartnerBusyError):
                await task
        assert places._waiting == {}
    await _once(places)


async def test_a_turn_that_nobody_takes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is called off at the moment of their turn leaves no place behind them."""
    monkeypatch.setattr(turns, "WAIT_SECONDS", 60)
    places = Turns(1)
    async with AsyncExitStack() as first:
        await first.enter_async_context(places.turn(1))
        gone, next_one = (asyncio.create_task(_once(places)) for _ in range(2))
        await asyncio.sleep(0)
    gone.cancel()
    await next_one
    assert (places._held.total(), places._waiting) == (0, {})


async def _once(places: Turns) -> None:
    async with places.turn(1):
        pass


async def test_a_user_has_a_lane_or_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(turns, "MAX_WAITING", 4)
    places, running, end = Turns(9), Counter[int](), asyncio.Event()

    async def request(user: int) -> None:
        async with places.lane(1, user):
            running[user] += 1
            await end.wait()

    tasks = [asyncio.create_task(request(user)) for user in (1,) * 5 + (2,)]
    await asyncio.sleep(0.01)
    assert running == {1: turns.LANES_OF_A_USER, 2: 1}
    assert tasks[4].done(), "too many wait"
    refused = await asyncio.gather(*tasks[2:5], return_exceptions=True)
    assert [type(each) for each in refused] == [PartnerBusyError] * 3
    end.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert places._users == {}


def test_a_connection_is_left_for_what_no_partner_asked() -> None:
    assert [Turns.of(connections).places for connections in (1, 2, 8, 10, 20)] == [1, 1, 7, 8, 17]
