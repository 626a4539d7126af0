"""Who waits for a feed to grow: requests that hold no connection to the database, and no turn of their partner's.

They are woken by PostgreSQL's announcement of what was appended, and look again now and then where that was lost.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from hashrail.errors import HashrailError

# Requests of one key, and of everybody, that may wait in a process at once.
WAITING_OF_A_KEY = 20
WAITING_OF_ALL = 1000
# Nobody waits longer without a look.
LOOK_SECONDS = 3.0


class TooManyWaitError(HashrailError):
    """As many requests as may wait for events in a process are waiting already."""

    status = 429
    code = "TOO_MANY_WAIT"
    advice = "Let one reader of yours wait at a time, and share what it reads; or ask without waitSeconds."


@dataclass
class Growth:
    """The feeds of a process's callers."""

    is_closing: bool = False
    _waiting: dict[int, set[asyncio.Event]] = field(default_factory=dict)
    _of_keys: Counter[int | None] = field(default_factory=Counter)

    @contextmanager
    def watched(self, partner_id: int, key_id: int | None) -> Iterator[asyncio.Event]:
        """Something that is set whenever the partner's feed grows, while the block runs. Raises TooManyWaitError."""
        if self._of_keys[key_id] >= WAITING_OF_A_KEY or self._of_keys.total() >= WAITING_OF_ALL:
            raise TooManyWaitError("too many requests wait for events already", retryAfterSeconds=1)
        news = asyncio.Event()
        self._of_keys[key_id] += 1
        self._waiting.setdefault(partner_id, set()).add(news)
        try:
            yield news
        finally:
            self._of_keys[key_id] -= 1
            if not self._of_keys[key_id]:
                del self._of_keys[key_id]
            self._waiting[partner_id].discard(news)
            if not self._waiting[partner_id]:
                del self._waiting[partner_id]

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Until there is something to look at, but so long at most."""
        if not self.is_closing:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, LOOK_SECONDS)):
                    await news.wait()

    def grew(self, partner_id: int) -> None:
        """Wake who waits for the partner's feed."""
        for news in self._waiting.get(partner_id, ()):
            news.set()

    def close(self) -> None:
        """Nobody waits any more, from now on."""
        self.is_closing = True
        for partner_id in self._waiting:
            self.grew(partner_id)
