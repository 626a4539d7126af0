"""A signed write (#22, binding an address) beside a raw application that does the same, every commit on disk."""

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks import caller as callers
from benchmarks import load, servers
from benchmarks.caller import Caller
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.raw_app import BIND
from benchmarks.signed_read import OURS, RAW
from benchmarks.stage import Stage, cpu_seconds
from benchmarks.writes import Work
from hashrail import clock
from hashrail_client.signing import sign_body

# A published example address: the generator point's witness program on mainnet.
ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many clients write, and for how many seconds a run."""

    clients: int = 16
    seconds: float = 5


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of both servers; runs alternate."""
    data = stage.folder / "signed_write"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        caller = await callers.prepare(dsn, data, days=1)
        async with servers.api(dsn, data, 1) as ours, servers.raw(dsn, data, caller) as theirs:
            rates: dict[str, list[float]] = {RAW: [], OURS: []}
            used: dict[str, list[float]] = {RAW: [], OURS: []}
            for number in range(stage.runs + 1):
                for name, server in ((RAW, theirs), (OURS, ours)):
                    stage.tell(f"{name}, run {number} of {stage.runs}")
                    before = cpu_seconds(server.pid)
                    async with _binding(caller, server.port, sizes.clients) as work:
                        done, elapsed = await load.repeat(sizes.clients, sizes.seconds, work)
                    rates[name].append(done / elapsed)
                    used[name].append((cpu_seconds(server.pid) - before) * 1e6 / done)
    return [_table(rates, used, sizes)]


@asynccontextmanager
async def _binding(caller: Caller, port: int, clients: int) -> AsyncIterator[Work]:
    """Bind the address again and again, each time signed anew."""
    connections = [await Connection.open(port) for _ in range(clients)]
    started = clock.wall_millis()

    async def bind(client: int, number: int) -> None:
        # The clients together sign once a millisecond, so that no two requests are the same.
        body = sign_body(
            caller.secret,
            {
                "partnerUserId": caller.user,
                "address": ADDRESS,
                "timestamp": started - number % 50_000,
                "recvWindow": 60_000 - number // 50_000,
            },
        )
        status, answer = await connections[client].post(BIND, caller.by_key, body)
        assert (status, answer) == (200, b'{"data":true}'), answer

    yield bind
    for connection in connections:
        await connection.close()


def _table(rates: dict[str, list[float]], used: dict[str, list[float]], sizes: Sizes) -> Table:
    table = Table(
        "Signed write: #22 binds an address",
        ("server", "answers a second", "CPU an answer"),
        notes=[
            "Each in a Granian of its own: 1 worker, uvloop, the same settings. Runs alternate. fsync is on.",
            f"Load by our own client: {sizes.clients} connections, {sizes.seconds} s a run. No target.",
            "The API also checks the address, locks the user and keeps the answer for repetitions.",
        ],
    )
    rate = {name: statistics.median(series[1:]) for name, series in rates.items()}
    cpu = {name: statistics.median(series[1:]) for name, series in used.items()}
    for name in (RAW, OURS):
        table.add(name, f"{rate[name]:,.0f}", f"{cpu[name]:,.0f} µs")
    table.add("ratio", f"{rate[OURS] / rate[RAW]:.2f}", f"{cpu[RAW] / cpu[OURS]:.2f}")
    return table
