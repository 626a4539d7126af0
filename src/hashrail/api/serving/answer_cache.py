"""Answers that are the same for everybody, kept in the process for a few seconds.

However many ask at once, one of them makes the answer and the others wait for it: a crowd costs the database one
reading every few seconds. How stale an answer may be is bounded, and counted from before it was read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hashrail import clock

SECONDS = 5
T = TypeVar("T")


@dataclass
class AnswerCache:
    """Answers by name, each with the moment on the monotonic clock when it is stale."""

    _kept: dict[str, tuple[Any, float]] = field(default_factory=dict)
    _making: dict[str, "asyncio.Task[Any]"] = field(default_factory=dict)

    async def get(self, name: str, make: Callable[[], Awaitable[T]], seconds: int = SECONDS) -> T:
        """The answer of that name, made anew when it is stale. A refusal reaches all who wait, and is not kept.

        With 0 seconds nothing is kept, and still only one of a crowd makes the answer.
        """
        kept = self._kept.get(name)
        if kept is not None and clock.monotonic() < kept[1]:
            known: T = kept[0]
            return known
        making = self._making.get(name)
        if making is None:
            making = asyncio.create_task(self._make(name, make, seconds))
            self._making[name] = making
            making.add_done_callback(lambda done: self._made(name, done))
        # Whoever goes away must not take the answer from the others.
        made: T = await asyncio.shield(making)
        return made

    async def _make(self, name: str, make: Callable[[], Awaitable[T]], seconds: int) -> T:
        stale_at = clock.monotonic() + seconds
        made = await make()
        self._kept[name] = (made, stale_at)
        return made

    def _made(self, name: str, done: "asyncio.Task[Any]") -> None:
        """Make room for the next; a refusal that nobody waits for any more is looked at here."""
        del self._making[name]
        if not done.cancelled():
            done.exception()
