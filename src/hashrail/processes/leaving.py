"""Being told that this process is to stop, where somebody stops it in good order: so that nobody is kept waiting.

A server answers what has begun before it lets its application end, and a request that waits for something to happen
would wait on.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
