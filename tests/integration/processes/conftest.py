"""What tests of the processes share: a queue, and what the worker logs."""

import procrastinate
import pytest
import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict

from hashrail.postgres import job_queue
from hashrail.processes import worker


@pytest.fixture
def queue(dsn: str) -> procrastinate.App:
    """A queue that is installed, without tasks."""
    job_queue.install(dsn)
    return job_queue.queue(dsn)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[EventDict]:
    """What the worker logs in this process."""
    capture = LogCapture()
    monkeypatch.setattr(worker, "log", structlog.wrap_logger(structlog.PrintLogger(), processors=[capture]))
    return capture.entries
