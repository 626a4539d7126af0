"""This machine's clocks, read in one place: the SDK signs with the present time, and counts how long it has tried."""

import time


def wall_millis() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_millis() -> int:
    """Milliseconds since some moment: only differences mean something."""
    return time.monotonic_ns() // 1_000_000
