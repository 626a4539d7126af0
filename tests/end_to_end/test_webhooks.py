"""A worker that is killed while it delivers: another one sends what was on its way, under the same name."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from hashrail import clock
from hashrail.events import deliveries
from hashrail.postgres import job_queue
from tests.support.deployments import become
from tests.support.hooked import endpoint, happen, hooked
from tests.support.keys import MASTER_KEY
from tests.support.programs import free_port
from tests.support.world import World


def worker(dsn: str, data: Path) -> "subprocess.Popen[str]":
    """`hashrail worker` of a sandbox."""
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "HASHRAIL_MODE": "sandbox",
        "HASHRAIL_DATA": str(data),
        "HASHRAIL_MASTER_KEYS": MASTER_KEY,
        "HASHRAIL_WORKER_PROBE_PORT": str(free_port()),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "hashrail.cli", "worker"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_a_worker_is_killed_while_it_delivers(world: World, dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(job_queue.install, dsn)
    become(dsn, mode="sandbox")
    deadline = clock.monotonic() + 120
    with hooked() as receiver:
        made, _ = await endpoint(world, receiver.url())
        receiver.held.clear()
        await happen(world, "a", "a", "b")
        first = worker(dsn, tmp_path)
        second = None
        try:
            while len(receiver.hooks) < 2:
                assert clock.monotonic() < deadline
                assert first.poll() is None
                await asyncio.sleep(0.05)
            first.kill()
            first.wait()
            on_their_way = {hook.headers["webhook-id"]: hook.body for hook in receiver.hooks}
            receiver.held.set()
            # The turn of the one that is dead is over when nobody has renewed it in time: here at once.
            await world.pool.execute("UPDATE webhook_endpoint SET turn_ends_at = now()")
            second = worker(dsn, tmp_path)
            while await deliveries.counts(world.pool, world.partner.id, made.id) != {"delivered": 3}:
                assert clock.monotonic() < deadline
                assert second.poll() is None
                await asyncio.sleep(0.05)
            second.terminate()
            said = (await asyncio.to_thread(second.communicate, timeout=60))[0]
        finally:
            for each in (first, second):
                if each is not None:
                    each.kill()
                    each.wait()
                    assert each.stdout is not None
                    each.stdout.close()
    assert "Traceback" not in said
    again = [hook for hook in receiver.hooks[2:] if hook.headers["webhook-id"] in on_their_way]
    assert {hook.headers["webhook-id"]: hook.body for hook in again} == on_their_way
    assert [hook.of_object for hook in receiver.hooks if hook.of_object[0] == "a"] == [("a", 1), ("a", 1), ("a", 2)]
