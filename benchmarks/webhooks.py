"""Webhooks: deliveries a second to a receiver on the same machine, beside plain POSTs of the same bodies by httpx."""

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import httpx

from benchmarks import caller as callers
from benchmarks.measure import Table
from benchmarks.stage import Stage
from hashrail import clock, db
from hashrail.events import drafts, endpoints, feed, planning, sending
from hashrail.events.endpoints import Wanted
from hashrail.events.sending import Sender
from hashrail.events.targets import Rules
from hashrail.events.types.orders import OrderCancelled
from hashrail.processes import delivering
from hashrail.vault import Vault, open_vault

ANYWHERE = Rules(anywhere=True)
ASKING_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many deliveries a run, over how many endpoints; and over how many with a tenth of them dead."""

    deliveries: int = 2000
    endpoints: tuple[int, ...] = (1, 10, 1000)
    with_dead: int = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """Endpoints that live, and those that never answer."""

    living: int
    dead: int

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.living + self.dead:,} endpoints" + (f", {self.dead} of them hang" if self.dead else "")


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of all cases; runs of both alternate."""
    dead = sizes.with_dead // 10
    cases = [*(Case(count, 0) for count in sizes.endpoints), Case(sizes.with_dead - dead, dead)]
    table = Table(
        "Webhooks: events delivered to a receiver on the same machine",
        ("endpoints", "plain httpx a second", "delivered a second", "ratio"),
        notes=[
            f"{sizes.deliveries:,} deliveries a run, planned before; the receiver is a process of its own.",
            "Ours signs, sends, and keeps each attempt and its outcome on disk. Plain httpx posts the same bodies.",
            f"Both {delivering.BESIDE_EACH_OTHER} at once for each endpoint, and at most {delivering.ATTEMPTS}.",
            "With endpoints that hang only deliveries to the others are counted. No target.",
        ],
    )
    with _receiver() as port:
        for case in cases:
            plain, ours = [], []
            for number in range(stage.runs + 1):
                stage.tell(f"{case.name}, run {number} of {stage.runs}")
                bodies, seconds = await _deliver(stage, case, sizes.deliveries, port)
                ours.append(len(bodies) / seconds)
                plain.append(len(bodies) / await _post(bodies, case, port))
            rates = [statistics.median(series[1:]) for series in (plain, ours)]
            table.add(case.name, *(f"{rate:,.0f}" for rate in rates), f"{rates[1] / rates[0]:.2f}")
    return [table]


async def _deliver(stage: Stage, case: Case, deliveries: int, port: int) -> tuple[list[bytes], float]:
    """(the bodies, seconds) of one run on a database of its own."""
    data = stage.folder / "webhooks"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        partner_id = (await callers.prepare(dsn, data, days=1)).partner_id
        pool = await db.open_pool(dsn, delivering.CONNECTIONS)
        vault, sender = open_vault(data, None), Sender(ANYWHERE)
        count = max(deliveries // case.living, 1)
        events = await _plan(pool, vault, partner_id, case, count, port)
        started = clock.monotonic()
        working = asyncio.create_task(delivering.deliver(pool, vault, sender))
        while await pool.fetchval(
            """SELECT count(*) FROM webhook_delivery d
               JOIN webhook_endpoint e ON e.partner_id = d.partner_id AND e.id = d.endpoint_id
               WHERE d.partner_id = $1 AND d.state = 'waiting' AND e.url NOT LIKE '%/dead'""",
            partner_id,
        ):
            await asyncio.sleep(ASKING_SECONDS)
        seconds = clock.monotonic() - started
        working.cancel()
        await asyncio.wait([working])
        await sender.close()
        await pool.close()
    return [sending.body(event) for event in events] * case.living, seconds


async def _plan(pool: db.Pool, vault: Vault, partner_id: int, case: Case, count: int, port: int) -> list[feed.Told]:
    """Endpoints, and so many events for each of them, planned; answers the events."""
    async with db.transaction(pool) as tx:
        while await feed.append_drafts(tx, partner_id):
            pass
        last = await feed.last_position(tx, partner_id)
        for number in range(case.living + case.dead):
            # Those that hang stand among the others.
            path = "dead" if case.dead and number % 10 == 0 else "hook"
            await endpoints.create(tx, vault, ANYWHERE, partner_id, Wanted(f"http://127.0.0.1:{port}/{path}"))
        await drafts.note(tx, partner_id, *(_event(number) for number in range(count)))
    async with db.transaction(pool) as tx:
        while await feed.append_drafts(tx, partner_id):
            pass
    planned = 1
    while planned:
        async with db.transaction(pool) as tx:
            planned = await planning.plan(tx)
    await pool.execute("ANALYZE")
    return await feed.read(pool, partner_id, after=last, limit=count)


async def _post(bodies: list[bytes], case: Case, port: int) -> float:
    """Seconds that plain httpx takes for the bodies."""
    waiting = iter(bodies)
    beside = min(delivering.BESIDE_EACH_OTHER * case.living, delivering.ATTEMPTS)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=beside), trust_env=False) as client:

        async def one_after_the_other() -> None:
            for content in waiting:
                response = await client.post(f"http://127.0.0.1:{port}/hook", content=content)
                assert response.is_success, response.text

        started = clock.monotonic()
        await asyncio.gather(*(one_after_the_other() for _ in range(beside)))
        return clock.monotonic() - started


@contextmanager
def _receiver() -> Iterator[int]:
    """The port of a receiver in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.hook_server"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _event(number: int) -> OrderCancelled:
    return OrderCancelled(
        external_id=f"order-{number}",
        user_id=1,
        nft_collection_id=1,
        power=Decimal(16),
        energy_efficiency=Decimal(20),
        value=Decimal(320),
    )
