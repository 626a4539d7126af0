"""A worker that is killed while it delivers, and a receiver: what was on its way is sent again, under the same name."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashrail import clock
from hashrail.events import deliveries, schedule
from hashrail.events.sending import Sender
from hashrail.postgres import job_queue
from hashrail.processes import delivering
from tests.support import patience
from tests.support.deployments import become
from tests.support.folders import ROOT
from tests.support.hooked import ANYWHERE, endpoint, happen, hooked
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


@contextmanager
def receiver(port: int, kept: Path, mood: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A receiver as a process of its own, which is killed at the end."""
    words = ["-m", "tests.end_to_end.hook_receiver", str(port), str(kept), mood]
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def arrived(kept: Path) -> list[tuple[str, str, int, str]]:
    """What receivers have written down: (id, object, sequence, digest of the body)."""
    lines = kept.read_text().splitlines() if kept.exists() else []
    return [tuple(json.loads(line)) for line in lines]


async def test_a_receiver_is_killed_while_it_is_sent_to(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back at its port, and gets what it had not answered, and the rest, in order."""
    soon = dt.timedelta(seconds=0.2)
    monkeypatch.setattr(schedule, "DELAYS", (soon,) * 1000)
    monkeypatch.setattr(schedule, "FIRST_REST", soon)
    port, kept = free_port(), tmp_path / "kept"
    made, _ = await endpoint(world, f"http://127.0.0.1:{port}/hooks")
    await happen(world, "a", "a", "b")
    sender = Sender(ANYWHERE)
    working = asyncio.create_task(delivering.deliver(world.pool, world.vault, sender))

    async def has_some() -> bool:
        return bool(arrived(kept))

    async def is_done() -> bool:
        return await deliveries.counts(world.pool, world.partner.id, made.id) == {"delivered": 3}

    with receiver(port, kept, "holds"):
        await patience.until(has_some)
    unanswered = arrived(kept)
    with receiver(port, kept, "answers"):
        await patience.until(is_done)
    working.cancel()
    await asyncio.wait([working])
    await sender.close()
    again = arrived(kept)[len(unanswered) :]
    assert set(unanswered) <= set(again)
    assert [of[1:3] for of in again if of[1] == "a"] == [("a", 1), ("a", 2)]
    assert {of[1:3] for of in again} == {("a", 1), ("a", 2), ("b", 1)}


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
