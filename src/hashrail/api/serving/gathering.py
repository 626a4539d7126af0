"""Gathering: requests of one kind and partner that come while others are at work go together after them.

Whoever comes first goes at once and by itself. Those who come meanwhile share one transaction and one flush to disk.
One of them that cannot be done with the others is done by itself afterwards, with its own answer. One by itself that
takes long, since its user is held by somebody, is not waited for any longer.

Where several have shared a transaction others follow at once, so the next one waits a moment for as many: else every
second one would be of few. Nobody else waits for company.

A transaction costs much the same whether it does one request or many, so no more than a few are at work in a process,
of whatever partners: each lane has its turn after the others, and gathers until then. Nobody waits long for a turn, and
who takes long keeps nobody else from theirs.
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
# At work in a process, as long as none takes longer than a turn: so long at most lanes wait for one another.
AT_WORK = 2
TURN_SECONDS = 0.2
# So long those wait for company who follow several that were at work together.
COMPANY_SECONDS = 0.003

M = TypeVar("M")
R = TypeVar("R")
Key: TypeAlias = tuple[int, str]
Alone: TypeAlias = Callable[[], Awaitable[R]]
# An answer or a refusal each, in the same order; None for what is to be done by itself.
Together: TypeAlias = Callable[[Sequence[M]], Awaitable[Sequence[R | HashrailError | None]]]


@dataclass(frozen=True)
class _By(Generic[R]):
    """How a request goes on: with its outcome, or by itself; in a turn of its own, others wait for it to end."""

    outcome: R | HashrailError | None = None
    turn: "_Once | None" = None


@dataclass(eq=False)
class _Waiting(Generic[M, R]):
    member: M
    together: Together[M, R]
    turn: "asyncio.Future[_By[R]]"
    is_taken: bool = False

    def give_up(self) -> None:
        """It has waited too long, unless it is at work by now."""
        if not self.is_taken and not self.turn.done():
            self.turn.set_exception(PartnerBusyError("no request of the partner ended", retryAfterSeconds=1))


@dataclass
class _Once:
    """Does something when it is first called."""

    work: Callable[[], None]
    is_done: bool = False

    def __call__(self) -> None:
        if not self.is_done:
            self.is_done = True
            self.work()


@dataclass(frozen=True)
class _Company:
    """How many of a lane are to be there until it goes on, and what lets it go on without them."""

    wanted: int
    timer: asyncio.TimerHandle


@dataclass
class Gatherings:
    """The requests of a process that are gathered, by partner and kind.

    A lane is there while one of its requests is at work or waits, or it waits for company; those that are due wait for
    nothing but their turn.
    """

    _lanes: dict[Key, "deque[_Waiting[Any, Any]]"] = field(default_factory=dict)
    _company: dict[Key, _Company] = field(default_factory=dict)
    _due: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _turns: int = 0
    _at_work: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def waiting(self) -> int:
        """How many requests wait for the one before them, or for their turn."""
        return sum(map(len, self._lanes.values()))

    async def run(self, key: Key, member: M, alone: Alone[R], together: Together[M, R]) -> R:
        """The answer to a request: by itself where it is the first, else with those that wait with it.

        Whoever is called off while they wait is left out; once it is at work, it is done all the same. Raises what
        `alone` and `together` refuse, and PartnerBusyError.
        """
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            if self._turns < AT_WORK:
                return await self._lead(key, alone, self._take_turn())
            self._let_wait(key)
        if len(lane) >= MAX_WAITING:
            raise PartnerBusyError("too many requests of the partner wait already", retryAfterSeconds=1)
        waiting = _Waiting(member, together, asyncio.get_running_loop().create_future())
        lane.append(waiting)
        if (company := self._company.get(key)) is not None and len(lane) >= company.wanted:
            self._end_company(key)
        by = await self._wait(key, waiting)
        if by.turn is not None:
            return await self._lead(key, alone, by.turn)
        if isinstance(by.outcome, HashrailError):
            raise by.outcome
        return await alone() if by.outcome is None else by.outcome

    async def _lead(self, key: Key, alone: Alone[R], turn: _Once) -> R:
        going_on = _Once(partial(self._go_on, key))
        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, going_on)
        try:
            return await alone()
        finally:
            patience.cancel()
            going_on()
            turn()

    async def _wait(self, key: Key, waiting: _Waiting[M, R]) -> _By[R]:
        """How a request goes on that waits; nobody waits for long until it is taken along."""
        too_long = asyncio.get_running_loop().call_later(WAIT_SECONDS, waiting.give_up)
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            self._hand_on(key, waiting)
            raise
        finally:
            too_long.cancel()

    def _hand_on(self, key: Key, waiting: _Waiting[Any, Any]) -> None:
        """A lead that came as its request was called off goes to the next."""
        came = waiting.turn
        if came.cancelled() or came.exception() is not None:
            return
        end_turn = came.result().turn
        if end_turn is not None:
            self._go_on(key)
            end_turn()

    def _look_for_company(self, key: Key, before: int) -> None:
        """So many have been at work together: the lane goes on with as many, or after a moment."""
        if len(self._lanes[key]) >= before:
            self._go_on(key)
        else:
            timer = asyncio.get_running_loop().call_later(COMPANY_SECONDS, self._end_company, key)
            self._company[key] = _Company(before, timer)

    def _end_company(self, key: Key) -> None:
        self._company.pop(key).timer.cancel()
        self._go_on(key)

    def _go_on(self, key: Key) -> None:
        """Nothing of a lane is at work any more: it is due, behind the others, if somebody waits."""
        if self._lanes[key]:
            self._let_wait(key)
            self._let_in()
        else:
            del self._lanes[key]

    def _let_wait(self, key: Key) -> None:
        """A lane is due, at the latest after the time of a turn."""
        self._due[key] = asyncio.get_running_loop().call_later(TURN_SECONDS, self._let_go, key)

    def _take_turn(self) -> _Once:
        """One more is at work; answers what ends its turn, which ends in time by itself."""
        self._turns += 1
        ended = _Once(self._end_turn)
        asyncio.get_running_loop().call_later(TURN_SECONDS, ended)
        return ended

    def _end_turn(self) -> None:
        self._turns -= 1
        self._let_in()

    def _let_in(self) -> None:
        """Let those lanes go whose turn it is."""
        while self._due and self._turns < AT_WORK:
            self._let_go(next(iter(self._due)))

    def _let_go(self, key: Key) -> None:
        """Let those of a lane go that wait."""
        self._due.pop(key).cancel()
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
            taken[0].turn.set_result(_By(turn=self._take_turn()))
        else:
            # No request's own: what it logs is nobody's, and whoever hangs up does not end it.
            work = self._together(key, taken, self._take_turn())
            task = asyncio.get_running_loop().create_task(work, context=Context())
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _together(self, key: Key, taken: Sequence[_Waiting[Any, Any]], turn: _Once) -> None:
        outcomes: Sequence[Any] = [None] * len(taken)
        try:
            outcomes = await taken[0].together([waiting.member for waiting in taken])
        finally:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                if not waiting.turn.done():
                    waiting.turn.set_result(_By(outcome))
            self._look_for_company(key, len(taken))
            turn()
