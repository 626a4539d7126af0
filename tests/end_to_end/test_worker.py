"""Worker processes keep the days, two at once do everything once, and they stop when told."""

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from hashrail import clock
from hashrail.clock import ONE_DAY
from hashrail.events import feed
from hashrail.postgres import job_queue
from tests.support import patience
from tests.support.books import fall_behind
from tests.support.deployments import become
from tests.support.programs import free_port
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)


async def test_worker_processes_keep_the_days_and_stop(world: World, dsn: str, tmp_path: Path) -> None:
    """Two at once do everything once; SIGTERM and SIGINT end them in order."""
    await asyncio.to_thread(job_queue.install, dsn)
    await fall_behind(world)
    become(dsn, mode="sandbox")
    environment = os.environ | {"DATABASE_URL": dsn, "HASHRAIL_MODE": "sandbox", "HASHRAIL_DATA": str(tmp_path)}
    ports = [free_port(), free_port()]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "hashrail.cli", "worker"],
            env=environment | {"HASHRAIL_WORKER_PROBE_PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for port in ports
    ]
    try:
        deadline = clock.monotonic() + patience.SECONDS
        closed, waiting = "SELECT closed_through FROM partner_day", "SELECT 1 FROM purchase WHERE state = 'created'"
        while (
            await world.pool.fetchval(closed) != FIRST + 3 * ONE_DAY
            or await world.pool.fetch(waiting)
            or "order.expired" not in [one.type for one in await feed.read(world.pool, world.partner.id, after=0)]
        ):
            assert clock.monotonic() < deadline
            assert all(each.poll() is None for each in running)
            await asyncio.sleep(0.1)
        started = "SELECT count(*) FROM procrastinate.procrastinate_workers"
        while await world.pool.fetchval(started) < 2:
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.1)
        async with httpx.AsyncClient(timeout=patience.SECONDS) as http:
            assert [(await http.get(f"http://127.0.0.1:{port}/readyz")).status_code for port in ports] == [200, 200]
            counted = [(await http.get(f"http://127.0.0.1:{port}/metrics")).text for port in ports]
        assert all("hashrail_books_readable 1.0" in page for page in counted)
        assert any('hashrail_jobs_total{outcome="done",task="keep_days"}' in page for page in counted)
        for process, number in zip(running, (signal.SIGTERM, signal.SIGINT), strict=True):
            process.send_signal(number)
        said = [(await asyncio.to_thread(process.communicate, timeout=patience.SECONDS))[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0, 0], said
    assert all("worker started" in each and "worker stopped" in each for each in said)
    assert "".join(said).count("days kept") >= 1
    assert "Traceback" not in "".join(said)
