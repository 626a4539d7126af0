"""Following the feed of events: from a position on, through pages and lost connections, for as long as one likes.

What is the same for the blocking and the async client: which page to ask for next, and how long to pause after an
answer that did not come.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import httpx

PAUSE_SECONDS = 1.0
# The server is there again later.
PASSING = frozenset({429, 502, 503, 504})


class Refusal(Protocol):
    """What a refusal of the API says of itself."""

    @property
    def status(self) -> int:
        """The HTTP status."""


@dataclass(slots=True)
class Following:
    """Where somebody stands in the feed. Without a wait they stop at its end."""

    after: int
    wanted: dict[str, Any]
    wait_seconds: int
    is_at_end: bool = False

    @property
    def ask(self) -> dict[str, Any]:
        """The arguments of the next call of `events.read`."""
        return {"after": self.after, "wait_seconds": self.wait_seconds or None} | self.wanted

    def take(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of a page; from now on the next one is asked for."""
        self.after = page["last"]
        self.is_at_end = not self.wait_seconds and not page["hasMore"]
        events: list[dict[str, Any]] = page["events"]
        return events


def passes(error: httpx.TransportError | Refusal) -> bool:
    """Whether the same call may be answered a little later."""
    return isinstance(error, httpx.TransportError) or error.status in PASSING
