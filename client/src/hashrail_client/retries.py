"""Trying again: what may be sent once more, after which pause, and until when.

Sent again is what the server refused for now (429, 503) and what nobody answered. A POST keeps its idempotency key and
is signed anew, so it happens once. Everything else is told at once: it would fail again.
"""

import random
from dataclasses import dataclass

import httpx

from hashrail_client.calls import Call
from hashrail_client.clock import monotonic_millis
from hashrail_client.errors import AnswerLostError, HashrailApiError, HashrailError, NetworkError, of_transport

FOR_NOW = (429, 503)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent again, and how long all of its attempts may take.

    The pause before the first repetition is about `first_pause_seconds`, each further one twice as long, up to
    `longest_pause_seconds`, each by chance up to a half shorter so that many clients do not come back at once. An
    answer's Retry-After is waited for in full. When the deadline would pass, the last error is told at once.
    """

    count: int = 2
    deadline_seconds: float = 90
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 8


NO_RETRIES = Retries(count=0)


class Attempts:
    """The attempts of one call: counted, timed, and what is not known about those that failed."""

    def __init__(self, call: Call, retries: Retries, timeout_seconds: float) -> None:
        self._call = call
        self._retries = retries
        self._timeout_seconds = timeout_seconds
        self._began = monotonic_millis()
        self._failed = 0
        self._may_be_done = False

    @property
    def timeout_seconds(self) -> float:
        """How long the next attempt may wait: not beyond the deadline of all of them."""
        return max(min(self._timeout_seconds, self._left_seconds), 1)

    @property
    def _left_seconds(self) -> float:
        passed_ms = monotonic_millis() - self._began
        return self._retries.deadline_seconds - passed_ms / 1000

    def pause_seconds(self, failure: HashrailApiError | httpx.RequestError) -> float:
        """How long to wait until the call is sent once more. Raises the error of this package where it is not."""
        error = of_transport(failure) if isinstance(failure, httpx.RequestError) else failure
        self._failed += 1
        if self._call.idempotency_key is not None:
            self._may_be_done |= error.may_be_done or isinstance(error, AnswerLostError)
        pause_seconds = self._pause_seconds(error)
        if not _is_for_now(error) or self._failed > self._retries.count or pause_seconds > self._left_seconds:
            raise self._told(error) from (failure if failure is not error else None)
        return pause_seconds

    def _pause_seconds(self, error: HashrailError) -> float:
        asked_seconds = error.retry_after_seconds if isinstance(error, HashrailApiError) else None
        if asked_seconds is not None:
            return asked_seconds
        longest_seconds = self._retries.longest_pause_seconds
        full_seconds: float = min(self._retries.first_pause_seconds * 2 ** (self._failed - 1), longest_seconds)
        return full_seconds * (1 + random.random()) / 2  # noqa: S311  spreads clients, guards nothing

    def _told(self, error: NetworkError | HashrailApiError) -> HashrailError:
        """The error with what the caller needs. No connection now says nothing of an attempt before: that is lost."""
        if self._may_be_done and isinstance(error, NetworkError) and not isinstance(error, AnswerLostError):
            error = AnswerLostError(f"an earlier attempt was not answered, and then: {error}")
        error.idempotency_key = self._call.idempotency_key
        error.may_be_done = self._may_be_done
        return error


def _is_for_now(error: HashrailError) -> bool:
    """Whether the same call may be answered a little later."""
    return isinstance(error, NetworkError) or (isinstance(error, HashrailApiError) and error.status in FOR_NOW)
