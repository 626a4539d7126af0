"""Another time of this machine: of tokens, proofs and signatures, while the database's stays as it is."""

import datetime as dt
from collections.abc import Callable

import pytest

from hashrail import business_clock, clock


def wall_reads(monkeypatch: pytest.MonkeyPatch, reading: Callable[[], dt.datetime]) -> None:
    """The machine's clock reads so, and nobody minds that the database's reads otherwise."""
    monkeypatch.setattr(clock, "wall_now", reading)
    monkeypatch.setattr(business_clock, "MAX_DIFFERENCE", dt.timedelta.max)
