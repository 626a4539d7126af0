"""What strangers try has some lines in the log, and then one for all the others."""

import pytest
import structlog
from structlog.testing import capture_logs

from hashrail import clock
from hashrail.api.serving import telemetry
from hashrail.api.serving.telemetry import Refusals


def test_so_many_a_minute_of_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 600.0
    # Once an application was set up, the module's log is that one's for good.
    monkeypatch.setattr(telemetry, "log", structlog.get_logger())
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    refusals = Refusals()
    with capture_logs() as said:
        told = [refusals.is_told("192.0.2.1") for _ in range(telemetry.MAX_REFUSALS + 5)]
        assert told == [True] * telemetry.MAX_REFUSALS + [False] * 5
        assert refusals.is_told("192.0.2.2")
        assert said == []
        now = 660.0
        assert refusals.is_told("192.0.2.1")
    assert said == [
        {"event": "refusals left out", "log_level": "warning", "requests": 5, "addresses": {"192.0.2.1": 5}}
    ]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "MAX_ADDRESSES", 3)
    refusals = Refusals()
    assert all(refusals.is_told(f"192.0.2.{number}") for number in range(10))
    assert len(refusals._lines) <= 3
