"""How long signed reads take at half of the rate that saturates a server, whoever is slow: open-loop load.

Requests are due at fixed times and their time counts from then, so that a server that pauses makes all of them wait
that fell into the pause. A closed loop would send fewer and never notice.
"""

import asyncio
import gc
import statistics
from dataclasses import dataclass

from benchmarks import caller as callers
from benchmarks import load, servers
from benchmarks.caller import Caller
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.stage import Stage
from hashrail import clock

MAX_TIMES_MEDIAN = 5


@dataclass(frozen=True, slots=True)
class Sizes:
    """Connections, and seconds a run: to find the rate that saturates, and then at half of it."""

    connections: int = 32
    seconds: int = 5
    open_seconds: int = 10


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table: the rates, and what half and 99 of 100 answers took."""
    data = stage.folder / "latency"
    data.mkdir(exist_ok=True)
    halves, mosts, rates = [], [], []
    async with stage.database() as dsn:
        caller = await callers.prepare(dsn, data, days=1)
        async with servers.api(dsn, data, 1) as server:
            for number in range(stage.runs + 1):
                stage.tell(f"run {number} of {stage.runs}")
                closed = await load.read(
                    server.port,
                    caller.miners(),
                    caller.by_key,
                    connections=sizes.connections,
                    seconds=sizes.seconds,
                    folder=stage.folder,
                )
                taken = await at_rate(caller, server.port, closed.rate / 2, sizes)
                halves.append(taken[len(taken) // 2] * 1000)
                mosts.append(taken[len(taken) * 99 // 100] * 1000)
                rates.append(closed.rate)
    return [_table(rates[1:], halves[1:], mosts[1:], sizes)]


async def at_rate(caller: Caller, port: int, rate: float, sizes: Sizes) -> list[float]:
    """Seconds from when each request was due until its answer, sorted."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(sizes.connections):
        idle.put_nowait(await Connection.open(port))
    paths, taken = caller.miners(), []
    started = clock.monotonic()

    async def one(number: int) -> None:
        connection = await idle.get()
        status, _ = await connection.get(paths[number % len(paths)], caller.by_key)
        assert status == 200, f"status {status}"
        taken.append(clock.monotonic() - started - number / rate)
        idle.put_nowait(connection)

    gc.disable()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * sizes.open_seconds)):
                ahead = started + number / rate - clock.monotonic()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                group.create_task(one(number))
    finally:
        gc.enable()
    while not idle.empty():
        await idle.get_nowait().close()
    return sorted(taken)


def _table(rates: list[float], halves: list[float], mosts: list[float], sizes: Sizes) -> Table:
    table = Table(
        "Signed reads at half of the rate that saturates: #7",
        ("saturates at", "asked for", "median", "99 of 100 within", "times the median"),
        notes=[
            "One worker. Requests are due at fixed times, and their time counts from then.",
            f"{sizes.connections} connections, {sizes.open_seconds} s a run; the client shares the machine.",
        ],
    )
    rate, half, most = statistics.median(rates), statistics.median(halves), statistics.median(mosts)
    times = most / half
    table.add(
        f"{rate:,.0f} a second",
        f"{rate / 2:,.0f} a second",
        f"{half:.2f} ms",
        f"{most:.2f} ms",
        f"{times:.1f}",
        target=f"at most {MAX_TIMES_MEDIAN}",
        verdict=times <= MAX_TIMES_MEDIAN,
    )
    return table
