"""What a client has seen of a deployment with read replicas, so that no later answer shows it less.

Answers name how far the deployment's log was, in `X-Hashrail-Position`. The client keeps the greatest and sends it
along. A write that ended in an error may be done all the same, at a position that nobody told: from then on nothing is
sent, which asks for everything that is committed, until an answer to a later call names a position again. So it is
where an answer that should name one does not: what it has done or shown is at none that the client knows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

HEADER = "X-Hashrail-Position"


class Seen:
    """The greatest position that a client was told. Threads may share one."""

    def __init__(self) -> None:
        self._position: str | None = None
        self._losses = 0
        self._lock = threading.Lock()

    def sent(self) -> tuple[dict[str, str], int]:
        """The headers of the next call, and what `told` is to be given with its answer."""
        with self._lock:
            return ({} if self._position is None else {HEADER: self._position}), self._losses

    def told(self, response: httpx.Response, losses: int, *, is_expected: bool) -> None:
        """A success came to a call that was sent after so many losses.

        A position `is_expected` of what writes, and of what was sent one.
        """
        position = response.headers.get(HEADER)
        if position is None and is_expected:
            self.lost()
        with self._lock:
            if position is not None and losses == self._losses:
                self._position = max(position, self._position or "")

    @contextmanager
    def sending(self, *, writes: bool) -> Iterator[None]:
        """While a call is on its way: a write that ends in an error, or is given up, is lost."""
        is_answered = False
        try:
            yield
            is_answered = True
        finally:
            if writes and not is_answered:
                self.lost()

    def lost(self) -> None:
        """What is committed is not known any more."""
        with self._lock:
            self._losses += 1
            self._position = None
