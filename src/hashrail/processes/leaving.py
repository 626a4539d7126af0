"""Being told that this process is to stop, where somebody stops it in good order: so that nobody is kept waiting.

A server that leaves says so before it ends: for `HASHRAIL_LEAVE_SECONDS` it is not ready, and ends each connection
with its answer, so that a proxy before it goes elsewhere. Meanwhile it answers as ever. Its processes share one mark of
that, which stands in memory that they have from the one that started them.

Then it answers what has begun before it lets its application end, and a request that waits for something to happen
would wait on.
"""

import mmap
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hashrail.errors import UnavailableError

_LEAVES = b"\1"
_mark = mmap.mmap(-1, 1)


class LeavingError(UnavailableError):
    """This process is to be stopped, and answers what is still sent to it."""

    code = "LEAVING"
    advice = "Send new requests to another process; a proxy that asks /readyz does so by itself."


def begin() -> None:
    """From now on this process, and those that it has started, are leaving."""
    _mark[:1] = _LEAVES


def has_begun() -> bool:
    """Whether this process is leaving."""
    return _mark[:1] == _LEAVES


def assert_stays() -> None:
    """Raises LeavingError."""
    if has_begun():
        raise LeavingError("this process is leaving")


@contextmanager
def told(hear: Callable[[], object]) -> Iterator[None]:
    """While the block runs, SIGTERM is heard too, beside whoever answers it: they have to have said so before.

    `hear` is called in the first thread, between any two steps of it.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        before(number, frame)
        hear()

    # An event loop that answers the signal reads of it from a pipe, whoever else is called.
    signal.signal(signal.SIGTERM, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
