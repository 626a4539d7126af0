"""The feed of events: followed from a position on, through pages and lost connections, for as long as one likes.

Whoever is done with an event asks for the next one; a `Positions` keeps how far they are, so that a program that is
started again goes on where it was. An event that was being worked on when the program ended comes again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hashrail_client.answers import Events as Page
from hashrail_client.errors import HashrailApiError, NetworkError
from hashrail_client.event_data import Event
from hashrail_client.nouns.events import AsyncEventsVerbs, EventsVerbs

PAUSE_SECONDS = 1
# The server is there again later.
PASSING = frozenset({429, 502, 503, 504})


class Positions(Protocol):
    """Keeps how far somebody is in the feed, such as a row of their own database."""

    def load(self) -> int | None:
        """The position of the last event that was done; None where there is none yet."""

    def save(self, position: int, /) -> None:
        """Everything up to this position is done."""


class PositionFile:
    """The position as a number in a file, which is replaced as a whole."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self) -> int | None:
        """What stands in the file; None where there is none. Raises ValueError for something else than a number."""
        return int(self._path.read_text()) if self._path.exists() else None

    def save(self, position: int, /) -> None:
        """Write it beside the file, and put that in its place."""
        beside = self._path.with_name(f"{self._path.name}.new")
        with beside.open("w") as file:
            file.write(f"{position}\n")
        beside.replace(self._path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of these types (`order.` means all that begin so), of one kind of object, of one object."""

    types: str | None
    object_kind: str | None
    object_id: str | None


@dataclass(slots=True)
class Following:
    """Where somebody stands in the feed. Without a wait they stop at its end."""

    after: int
    wait_seconds: int
    positions: Positions | None
    is_at_end: bool = False

    @classmethod
    def begin(cls, after: int | None, wait_seconds: int, positions: Positions | None) -> "Following":
        """From `after` on; without it from where the kept position says, or the beginning of the feed."""
        if after is None and positions is not None:
            after = positions.load()
        return cls(after or 0, wait_seconds, positions)

    def done(self, event: Event) -> None:
        """The event was worked on."""
        if self.positions is not None:
            self.positions.save(event["position"])

    def turn(self, page: Page) -> None:
        """All events of the page were worked on: the next page is asked for. Other types may lie before its end."""
        if self.positions is not None and page["last"] > self.after:
            self.positions.save(page["last"])
        self.after = page["last"]
        self.is_at_end = not self.wait_seconds and not page["hasMore"]


class FollowedEvents(EventsVerbs):
    """The feed, for code that blocks."""

    def follow(
        self,
        after: int | None = None,
        *,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        wait_seconds: int = 25,
        positions: Positions | None = None,
    ) -> Iterator[Event]:
        """Every event after a position, one after another, and then those that happen; it never ends by itself.

        Keep the `position` of each that you are done with and begin there the next time, or give `positions`, which
        does so. A server that is away for a while is asked again. With `wait_seconds=0` it ends where the feed does.
        Raises HashrailApiError.
        """
        wanted, at = Wanted(types, object_kind, object_id), Following.begin(after, wait_seconds, positions)
        while not at.is_at_end:
            try:
                page = self._page(at, wanted)
            except (HashrailApiError, NetworkError) as error:
                if not passes(error):
                    raise
                time.sleep(PAUSE_SECONDS)
                continue
            for event in page["events"]:
                yield event
                at.done(event)
            at.turn(page)

    def _page(self, at: Following, wanted: Wanted) -> Page:
        return self.read(
            after=at.after,
            types=wanted.types,
            object_kind=wanted.object_kind,
            object_id=wanted.object_id,
            wait_seconds=at.wait_seconds or None,
        )


class AsyncFollowedEvents(AsyncEventsVerbs):
    """The feed, for async code."""

    async def follow(
        self,
        after: int | None = None,
        *,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        wait_seconds: int = 25,
        positions: Positions | None = None,
    ) -> AsyncIterator[Event]:
        """The same as `FollowedEvents.follow`, for `async for`. Raises HashrailApiError."""
        wanted, at = Wanted(types, object_kind, object_id), Following.begin(after, wait_seconds, positions)
        while not at.is_at_end:
            try:
                page = await self._page(at, wanted)
            except (HashrailApiError, NetworkError) as error:
                if not passes(error):
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            for event in page["events"]:
                yield event
                at.done(event)
            at.turn(page)

    async def _page(self, at: Following, wanted: Wanted) -> Page:
        return await self.read(
            after=at.after,
            types=wanted.types,
            object_kind=wanted.object_kind,
            object_id=wanted.object_id,
            wait_seconds=at.wait_seconds or None,
        )


def passes(error: HashrailApiError | NetworkError) -> bool:
    """Whether the same call may be answered a little later."""
    return isinstance(error, NetworkError) or error.status in PASSING
