"""What tests of alarms share: a deployment that plays its chain, the jobs of its worker, somebody who is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import procrastinate
import pytest

from hashrail.alarms.delivery import Receivers
from hashrail.bitcoin.opening import open_for
from hashrail.deployment.opened import Deployment
from hashrail.postgres import job_queue
from hashrail.processes import worker
from hashrail.settings import Settings
from tests.support.deployments import become, deployed
from tests.support.receivers import Receiver, receiving
from tests.support.watched import Watched
from tests.support.world import World


@pytest.fixture
def journal_folder(tmp_path: Path) -> Path:
    """Where the journal is to be; there is nothing yet."""
    return tmp_path / "journal"


@pytest.fixture
def played(dsn: str, world: World, journal_folder: Path) -> Deployment:
    """A sandbox on a simulated chain."""
    become(dsn, mode="sandbox")
    settings = Settings(mode="sandbox", journal=journal_folder / "journal.jsonl")
    return deployed(world.pool, settings, open_for(world.pool, settings, "simulated", signs=True))


@pytest.fixture
def jobs(dsn: str, played: Deployment) -> dict[str, procrastinate.tasks.Task]:
    """The worker's jobs, by name."""
    job_queue.install(dsn)
    queue = job_queue.queue(dsn)
    worker.tasks(queue, played)
    return dict(queue.tasks)


@pytest.fixture
def ops() -> Iterator[Receiver]:
    """Who is told of everything."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def watched(played: Deployment, ops: Receiver) -> Watched:
    """A deployment of which `ops` is told everything."""
    urls, least = {"ops": ops.url}, {"ops": "info"}
    settings = played.settings.model_copy(update={"alarm_urls": urls, "alarm_least": least})
    return Watched(replace(played, settings=settings), Receivers(urls))
