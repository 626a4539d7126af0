"""How long tests wait for what has to happen: one limit for all of them.

A limit that is not reached costs nothing, and one that is reached tells of a fault only if no busy machine reaches it.
Whatever is waited for here takes moments when it has a core of its own.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from hashrail import clock

T = TypeVar("T")

SECONDS = 60
POLL_SECONDS = 0.02


async def within(what: Awaitable[T]) -> T:
    """The result of something that must not hang."""
    return await asyncio.wait_for(what, SECONDS)


async def until(happened: Callable[[], Awaitable[object]], told: Callable[[], object] = lambda: None) -> None:
    """Until something is so; `told` says what there is instead if it never is."""
    for _ in _tries(told):
        if await happened():
            return
        await asyncio.sleep(POLL_SECONDS)


def wait_until(happened: Callable[..., object], told: Callable[[], object] = lambda: None) -> None:
    """The same for tests that have no loop."""
    for _ in _tries(told):
        if happened():
            return
        signal.sigtimedwait([], POLL_SECONDS)


def _tries(told: Callable[[], object]) -> Iterator[None]:
    give_up = clock.monotonic() + SECONDS
    while True:
        # What has happened when the time is up counts: the look at it may have come late.
        late = clock.monotonic() > give_up
        yield
        assert not late, told() or "it does not happen"
