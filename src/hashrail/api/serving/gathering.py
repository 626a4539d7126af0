"""Gathering: requests of one kind and partner that come while another one is at work go together after it.

Whoever comes first goes at once and by itself, so that nobody waits for company. Those who come meanwhile share one
transaction and one flush to disk. One of them that cannot be done with the others is done by itself afterwards, with
its own answer. One by itself that takes long, since its user is held by somebody, is not waited for any longer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from hashrail.api.serving.turns import MAX_WAITING, WAIT_SECONDS, PartnerBusyError
from hashrail.errors import HashrailError

# In one transaction.
MOST = 64
# So long those behind wait for one that goes by itself.
PATIENCE_SECONDS = 1.0

M = TypeVar("M")
R = TypeVar("R")
Key: TypeAlias = tuple[int, str]
Alone: TypeAlias = Callable[[], Awaitable[R]]
# An answer or a refusal each, in the same order; None for what is to be done by itself.
Together: TypeAlias = Callable[[Sequence[M]], Awaitable[Sequence[R | HashrailError | None]]]


@dataclass(frozen=True)
class _By(Generic[R]):
    """How a request goes on: with its outcome, or by itself; then others may wait for it to end."""

    outcome: R | HashrailError | None = None
    leads: bool = False


@dataclass(eq=False)
class _Waiting(Generic[M, R]):
    member: M
    together: Together[M, R]
    turn: "asyncio.Future[_By[R]]"
    is_taken: bool = False


@dataclass
class _Once:
    """Does something when it is first called."""

    work: Callable[[], None]
    is_done: bool = False

    def __call__(self) -> None:
        if not self.is_done:
            self.is_done = True
            self.work()


@dataclass
class Gatherings:
    """The requests of a process that are gathered, by partner and kind."""

    _lanes: dict[Key, "deque[_Waiting[Any, Any]]"] = field(default_factory=dict)
    _at_work: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def waiting(self) -> int:
        """How many requests wait for the one before them."""
        return sum(map(len, self._lanes.values()))

    async def run(self, key: Key, member: M, alone: Alone[R], together: Together[M, R]) -> R:
        """The answer to a request: by itself where it is the first, else with those that wait with it.

        Whoever is called off while they wait is left out; once it is at work, it is done all the same. Raises what
        `alone` and `together` refuse, and PartnerBusyError.
        """
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = deque()
            return await self._lead(key, alone)
        if len(lane) >= MAX_WAITING:
            raise PartnerBusyError("too many requests of the partner wait already", retryAfterSeconds=1)
        waiting = _Waiting(member, together, asyncio.get_running_loop().create_future())
        lane.append(waiting)
        by = await self._wait(key, waiting)
        if by.leads:
            return await self._lead(key, alone)
        if isinstance(by.outcome, HashrailError):
            raise by.outcome
        return await alone() if by.outcome is None else by.outcome

    async def _lead(self, key: Key, alone: Alone[R]) -> R:
        going_on = _Once(partial(self._go_on, key))
        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, going_on)
        try:
            return await alone()
        finally:
            patience.cancel()
            going_on()

    async def _wait(self, key: Key, waiting: _Waiting[M, R]) -> _By[R]:
        """How a request goes on that waits; nobody waits for long until it is taken along."""
        came = False
        try:
            await asyncio.wait([waiting.turn], timeout=WAIT_SECONDS)
            if waiting.turn.done() or waiting.is_taken:
                by = await waiting.turn
                came = True
                return by
        finally:
            if not came:
                self._give_up(key, waiting)
        raise PartnerBusyError("no request of the partner ended", retryAfterSeconds=1)

    def _give_up(self, key: Key, waiting: _Waiting[Any, Any]) -> None:
        """Wait no longer; a lead that came at the same moment goes to the next."""
        if not waiting.turn.done():
            waiting.turn.cancel()
        elif not waiting.turn.cancelled() and waiting.turn.result().leads:
            self._go_on(key)

    def _go_on(self, key: Key) -> None:
        """Let those go that wait."""
        lane = self._lanes[key]
        taken: list[_Waiting[Any, Any]] = []
        while lane and len(taken) < MOST:
            waiting = lane.popleft()
            if not waiting.turn.done():
                waiting.is_taken = True
                taken.append(waiting)
        if not taken:
            del self._lanes[key]
        elif len(taken) == 1:
            taken[0].turn.set_result(_By(leads=True))
        else:
            # No request's own: what it logs is nobody's, and whoever hangs up does not end it.
            task = asyncio.get_running_loop().create_task(self._together(key, taken), context=Context())
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _together(self, key: Key, taken: Sequence[_Waiting[Any, Any]]) -> None:
        outcomes: Sequence[Any] = [None] * len(taken)
        try:
            outcomes = await taken[0].together([waiting.member for waiting in taken])
        finally:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                if not waiting.turn.done():
                    waiting.turn.set_result(_By(outcome))
            self._go_on(key)
