"""How much memory an API process and the worker take, at the start and after minutes of reads and orders."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, servers, writes
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.raw_app import READ_MINERS
from benchmarks.stage import Stage
from benchmarks.writes import Market, Work
from hashrail import clock
from hashrail_client.signing import sign_query

KIB_A_MIB = 1024
# What the kernel shows of a process, in KiB: what is in memory, and this with each shared page in parts.
RESIDENT, PROPORTIONAL = "Rss:", "Pss:"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who asks, and how many reads come with an order; how long is the stage's matter. A look every so many seconds."""

    partners: int = 8
    users: int = 200
    clients: int = 8
    reads: int = 4
    seconds_a_look: float = 5


@dataclass(frozen=True, slots=True)
class Look:
    """A process at a moment: MiB."""

    resident: float
    proportional: float


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table: each process at its first answer, half-way, at the end, and at its highest."""
    market_sizes = writes.Sizes(partners=sizes.partners, users=sizes.users)
    async with (
        stage.database() as dsn,
        writes.a_market(dsn, stage.folder, market_sizes, sizes.partners) as market,
        servers.api(dsn, stage.folder, 1) as api,
        servers.worker(dsn, stage.folder) as worker,
        _mixed(market, api.port, sizes) as work,
    ):
        watched = {
            "an API process": _child(api.pid),
            "what starts the API processes": api.pid,
            "the worker": worker.pid,
        }
        looks = {name: [_look(process)] for name, process in watched.items()}
        watching = asyncio.create_task(_watch(watched, looks, sizes.seconds_a_look))
        stage.tell(f"{stage.minutes:g} minutes of load")
        done, elapsed = await load.repeat(sizes.clients, stage.minutes * 60, work)
        watching.cancel()
        for name, process in watched.items():
            looks[name].append(_look(process))
    return [_table(stage, sizes, done / elapsed, looks)]


def _table(stage: Stage, sizes: Sizes, rate: float, looks: dict[str, list[Look]]) -> Table:
    table = Table(
        "Memory",
        ("process", "at its first answer", "half-way", "at the end", "highest", "at the end, its share"),
        notes=[
            f"{stage.minutes:g} minutes of load by {sizes.clients} clients.",
            f"An order and {sizes.reads} signed reads (#7), {rate:,.0f} times a second.",
            "Resident memory; in the share each page that several processes have counts in parts.",
            f"Longer by `python -m benchmarks --only memory --minutes 60`. A look every {sizes.seconds_a_look:g} s.",
        ],
    )
    for name, seen in looks.items():
        resident = [one.resident for one in seen]
        cells = (resident[0], resident[len(resident) // 2], resident[-1], max(resident), seen[-1].proportional)
        table.add(name, *(f"{cell:,.0f} MiB" for cell in cells))
    return table


@asynccontextmanager
async def _mixed(market: Market, port: int, sizes: Sizes) -> AsyncIterator[Work]:
    """An order, and then reads of its user's miners."""
    connections = [await Connection.open(port) for _ in range(sizes.clients)]
    async with writes.by_http(market, port, sizes.clients) as order:

        async def work(client: int, number: int) -> None:
            await order(client, number)
            place = number % len(market.users)
            key = market.keys[market.users[place][0]]
            for _ in range(sizes.reads):
                pairs = [("partnerUserId", writes.BUYER.format(place)), ("timestamp", str(clock.wall_millis()))]
                path = f"{READ_MINERS}?{sign_query(key.secret or '', pairs)}"
                status, answer = await connections[client].get(path, {"x-partner-api-key": key.key})
                assert status == 200, answer

        yield work
    for connection in connections:
        await connection.close()


async def _watch(processes: dict[str, int], looks: dict[str, list[Look]], pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        for name, process in processes.items():
            looks[name].append(_look(process))


def _look(process: int) -> Look:
    lines = [line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]]
    kib = {words[0]: int(words[1]) for words in lines}
    return Look(kib[RESIDENT] / KIB_A_MIB, kib[PROPORTIONAL] / KIB_A_MIB)


def _child(parent: int) -> int:
    """The only child of a process."""
    found: Sequence[str] = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert len(found) == 1, "one API process was asked for"
    return int(found[0])
