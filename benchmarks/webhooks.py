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
# Endpoints that a transaction makes.
ENDPOINTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many deliveries a run, over how many endpoints; and over how many of which some are dead."""

    deliveries: int = 500
    endpoints: tuple[int, ...] = (1, 10, 500)
    with_dead: int = 500
    dead: int = 100


@dataclass(frozen=True, slots=True)
class Case:
    """Endpoints that live, and those that never answer."""

    living: int
    dead: int

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.living + self.dead:,} endpoints" + (f", {self.dead} of them hang" if self.dead else "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where all of this happens: the books, the partner whose events these are, and the receiver's port."""

    pool: db.Pool
    vault: Vault
    partner_id: int
    port: int


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of all cases; runs of both alternate."""
    cases = [*(Case(count, 0) for count in sizes.endpoints), Case(sizes.with_dead - sizes.dead, sizes.dead)]
    table = Table(
        "Webhooks: events delivered to a receiver on the same machine",
        ("endpoints", "plain httpx a second", "delivered a second", "ratio"),
        notes=[
            f"{sizes.deliveries:,} deliveries a run, and one for each endpoint at least, all planned before.",
            "The receiver is a process of its own.",
            "Ours signs, sends, and keeps each attempt and its outcome on disk. Plain httpx posts the same bodies.",
            f"Ours {delivering.BESIDE_EACH_OTHER} at once for each endpoint, and at most {delivering.ATTEMPTS}.",
            f"Plain httpx {delivering.BESIDE_EACH_OTHER} at once: over more connections its pool slows down.",
            "With endpoints that hang only deliveries to the others are counted. No target.",
        ],
    )
    data = stage.folder / "webhooks"
    data.mkdir(exist_ok=True)
    with _receiver() as port:
        async with stage.database() as dsn:
            partner_id = (await callers.prepare(dsn, data, days=1)).partner_id
            pool = await db.open_pool(dsn, delivering.CONNECTIONS)
            place = Place(pool, open_vault(data, None), partner_id, port)
            for case in cases:
                await _prepare(place, case)
                plain, ours = [], []
                for number in range(stage.runs + 1):
                    stage.tell(f"{case.name}, run {number} of {stage.runs}")
                    bodies, seconds = await _deliver(place, case, sizes.deliveries)
                    ours.append(len(bodies) / seconds)
                    plain.append(len(bodies) / await _post(bodies, port))
                rates = [statistics.median(series[1:]) for series in (plain, ours)]
                table.add(case.name, *(f"{rate:,.0f}" for rate in rates), f"{rates[1] / rates[0]:.2f}")
            await pool.close()
    return [table]


async def _deliver(place: Place, case: Case, deliveries: int) -> tuple[list[bytes], float]:
    """(the bodies, seconds) of one run."""
    events = await _plan(place, max(deliveries // case.living, 1))
    sender = Sender(ANYWHERE)
    started = clock.monotonic()
    working = asyncio.create_task(delivering.deliver(place.pool, place.vault, sender))
    while await place.pool.fetchval(
        """SELECT EXISTS (
               SELECT FROM webhook_delivery d
               JOIN webhook_endpoint e ON e.partner_id = d.partner_id AND e.id = d.endpoint_id
               WHERE d.partner_id = $1 AND d.state = 'waiting' AND e.url NOT LIKE '%/dead')""",
        place.partner_id,
    ):
        await asyncio.sleep(ASKING_SECONDS)
    seconds = clock.monotonic() - started
    working.cancel()
    await asyncio.wait([working])
    await sender.close()
    return [sending.body(event) for event in events] * case.living, seconds


async def _prepare(place: Place, case: Case) -> None:
    """The endpoints of a case, and no others."""
    await place.pool.execute("TRUNCATE webhook_attempt, webhook_delivery, webhook_endpoint")
    count = case.living + case.dead
    for first in range(0, count, ENDPOINTS_AT_ONCE):
        async with db.transaction(place.pool) as tx:
            for number in range(first, min(first + ENDPOINTS_AT_ONCE, count)):
                # Those that hang stand among the others.
                path = "dead" if case.dead and number % (count // case.dead) == 0 else "hook"
                wanted = Wanted(f"http://127.0.0.1:{place.port}/{path}")
                await endpoints.create(tx, place.vault, ANYWHERE, place.partner_id, wanted)


async def _plan(place: Place, count: int) -> list[feed.Told]:
    """So many events for each endpoint, planned, and nothing of a run before; answers the events."""
    pool, partner_id = place.pool, place.partner_id
    async with db.transaction(pool) as tx:
        while await feed.append_drafts(tx, partner_id):
            pass
        last = await feed.last_position(tx, partner_id)
        await tx.execute("TRUNCATE webhook_attempt, webhook_delivery")
        await tx.execute(
            """UPDATE webhook_endpoint
               SET planned_through = $2, failures = 0, failing_since = NULL, paused_until = NULL, due_at = NULL
               WHERE partner_id = $1""",
            partner_id,
            last,
        )
        await drafts.note(tx, partner_id, *(_event(number) for number in range(count)))
        while await feed.append_drafts(tx, partner_id):
            pass
    while await planning.plan(pool):
        pass
    await pool.execute("ANALYZE webhook_delivery, webhook_endpoint")
    return await feed.read(pool, partner_id, after=last, limit=count)


async def _post(bodies: list[bytes], port: int) -> float:
    """Seconds that plain httpx takes for the bodies."""
    waiting = iter(bodies)
    beside = delivering.BESIDE_EACH_OTHER
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
