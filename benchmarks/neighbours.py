"""What a partner notices of neighbours that take what they can: bodies half sent, answers not read, a greedy user.

Signed reads are due at fixed times, once alone and once beside all of them at once. Everybody calls from this machine,
and so from one address, which makes it harder: shares of addresses protect nobody here.
"""

import asyncio
import os
import resource
import socket
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from benchmarks import caller as callers
from benchmarks import dataset, latency, servers
from benchmarks.caller import Caller
from benchmarks.dataset import Shape
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.raw_app import READ_INCOME
from benchmarks.stage import Stage
from hashrail import db

MAX_TIMES_QUIET = 5
# The heaviest page that a user may have: a day with all miners.
GREEDY = f"{READ_INCOME}?groupByDays=true&limit=1"
LOGIN = "/api/partner/s2s/auth/login"
READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who is there: the reads a second that are measured, and what the others hold and ask."""

    rate: int = 50
    seconds: float = 20
    users: int = 1_000
    bodies: int = 1_100
    unread: int = 60
    greedy: int = 16
    miners: int = 1_000
    days: int = 60


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table: what 99 of 100 signed reads took, alone and beside the others."""
    data = stage.folder / "neighbours"
    data.mkdir(exist_ok=True)
    quiet, beside = [], []
    async with stage.database() as dsn:
        stage.tell("two partners")
        reader, users = await _prepare(dsn, stage, sizes)
        async with servers.api(dsn, data, 1, limited=True) as server:
            for number, user in enumerate(users):
                stage.tell(f"run {number} of {stage.runs}")
                quiet.append(await _read(reader, server.port, sizes))
                async with _neighbours(server.port, user, sizes):
                    beside.append(await _read(reader, server.port, sizes))
    return [_table(quiet[1:], beside[1:], sizes)]


async def _prepare(dsn: str, stage: Stage, sizes: Sizes) -> tuple[Caller, list[Caller]]:
    """The partner that reads, and for each run a user of the other one with many miners."""
    pool = await db.open_pool(dsn)
    try:
        made = await dataset.build(pool, Shape(efficiencies=12, levels=5, partners=2), days=sizes.days)
        await made.register(sizes.users)
        await made.buy(sizes.users, days=sizes.days)
        numbers = [sizes.users - 1 - run for run in range(stage.runs + 1)]
        for number in numbers:
            await made.buy(sizes.miners, days=sizes.days, user=number)
        await dataset.close_past(made)
        folder = stage.folder / "neighbours"
        one, other = made.partner_ids
        reader = await callers.at(pool, folder, one, 0, sizes.days)
        return reader, [await callers.at(pool, folder, other, number, sizes.days) for number in numbers]
    finally:
        await pool.close()


async def _read(reader: Caller, port: int, sizes: Sizes) -> float:
    """Milliseconds in which 99 of 100 signed reads are answered."""
    found = await latency.at_rate(reader, port, sizes.rate, latency.Sizes(open_seconds=sizes.seconds))
    return found[len(found) * 99 // 100] * 1000


@asynccontextmanager
async def _neighbours(port: int, user: Caller, sizes: Sizes) -> AsyncIterator[None]:
    """All of them at once while the block runs, in a process of their own: the client that measures has its own too."""
    words = (port, user.token, sizes.bodies, sizes.unread, sizes.greedy)
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.neighbours", *map(str, words)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(servers.ROOT), *sys.path])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert crowd.stdin is not None, "it is asked for"
    assert crowd.stdout is not None, "it is asked for"
    try:
        assert await crowd.stdout.readline() == READY, "the neighbours did not come"
        crowd.stdin.write(b"\n")
        yield
    finally:
        crowd.kill()
        await crowd.wait()


async def _crowd(port: int, token: str, bodies: int, unread: int, greedy: int) -> None:
    """The neighbours, until they are killed. They begin when they are told to."""
    _raise_limit()
    print(READY.decode(), end="", flush=True)
    sys.stdin.readline()
    half = f"POST {LOGIN} HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{{".encode()
    whole = f"GET {GREEDY} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    held = _hold(port, [half] * bodies + [whole] * unread)
    await asyncio.gather(asyncio.Event().wait(), *[_ask(port, token) for _ in range(greedy)])
    assert held


def _hold(port: int, requests: Sequence[bytes]) -> list[socket.socket]:
    """A connection for each, on which that much is sent and nothing read."""
    held = []
    for request in requests:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.sendall(request)
        held.append(line)
    return held


async def _ask(port: int, token: str) -> None:
    """The heaviest page again and again, whatever is answered; another connection where one is ended."""
    while True:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            connection = await Connection.open(port)
            while True:
                await connection.get(GREEDY, {"authorization": f"Bearer {token}"})


def _raise_limit() -> None:
    """Let this process hold as many connections as it may."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def _table(quiet: list[float], beside: list[float], sizes: Sizes) -> Table:
    table = Table(
        "A partner's signed reads beside greedy neighbours: #7",
        ("neighbours", "99 of 100 within", "times alone"),
        notes=[
            f"One worker, usual limits; {sizes.rate} reads a second, due at fixed times, {sizes.seconds} s a run.",
            f"Neighbours: {sizes.bodies:,} bodies half sent, {sizes.unread} answers that nobody reads, and a user who",
            f"has {sizes.miners:,} miners and asks for the heaviest page on {sizes.greedy} connections.",
            "They begin with the run, and all call from one address. The client shares the machine.",
        ],
    )
    alone, crowded = statistics.median(quiet), statistics.median(beside)
    times = crowded / alone
    table.add("none", f"{alone:.2f} ms", "")
    table.add(
        "all at once",
        f"{crowded:.2f} ms",
        f"{times:.1f}",
        target=f"less than {MAX_TIMES_QUIET}",
        verdict=times < MAX_TIMES_QUIET,
    )
    return table


if __name__ == "__main__":
    asyncio.run(_crowd(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
