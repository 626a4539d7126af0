"""How long signed reads take at half of the rate that saturates a server, and at four fifths of it: open-loop load.

Requests are due at fixed times and their time counts from then (`open_load`), so that a server that pauses makes all of
them wait that fell into the pause. Each is measured alone, and while days are published and closed; and the server says
how long its event loop stood still.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from benchmarks import caller as callers
from benchmarks import load, open_load, servers, watched_api
from benchmarks.caller import Caller
from benchmarks.dataset import USUAL, Dataset, Shape
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.stage import Stage
from hashrail import business_clock, db
from hashrail.rewards import closing, rate_classes

LOOK_SECONDS = 1.0
MAX_PAUSE_MS = 50
# Milliseconds up to which answers are counted together.
BOUNDS = (0.5, 1, 2, 5, 10, 20, 50, 100)
BAR = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """Connections, and seconds a run: to find the rate that saturates, and at a part of it."""

    connections: int = 32
    seconds: float = 5
    open_seconds: float = 6
    shape: Shape = USUAL


@dataclass(frozen=True, slots=True)
class Found:
    """One run: requests a second, milliseconds of each answer, sorted, and of the server's longest pause."""

    rate: float
    taken: list[float]
    pause: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the rate that saturates, with days closing or not, what is wanted at most, and what was found.

    The first run does not count.
    """

    name: str
    share: float
    times_median: int
    closes: bool
    found: list[Found] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second: the median of all runs."""
        return statistics.median([run.rate for run in self.found[1:]])

    @property
    def median(self) -> float:
        """What half of the answers took: the median of all runs."""
        return statistics.median([run.taken[len(run.taken) // 2] for run in self.found[1:]])

    @property
    def most(self) -> float:
        """What 99 of 100 answers took: the median of all runs."""
        return statistics.median([run.taken[len(run.taken) * 99 // 100] for run in self.found[1:]])

    @property
    def pause(self) -> float:
        """The longest pause of any run."""
        return max(run.pause for run in self.found[1:])

    def share_of(self, above: float, upto: float) -> float:
        """Which part of all answers took so many milliseconds."""
        every = [taken for run in self.found[1:] for taken in run.taken]
        return sum(above < taken <= upto for taken in every) / len(every)


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The tables: what half and 99 of 100 answers took, and how all of them are spread."""
    data = stage.folder / "latency"
    data.mkdir(exist_ok=True)
    parts = [
        Part(f"{name}{', days closing' if closes else ''}", share, times, closes)
        for closes in (False, True)
        for name, share, times in (("half", 0.5, 5), ("four fifths", 0.8, 10))
    ]
    saturated: list[float] = []
    async with stage.database() as dsn:
        pool = await db.open_pool(dsn)
        made, caller = await callers.grow(pool, data, 1, sizes.shape)
        async with servers.api(dsn, data, 1, program=watched_api.__name__) as server:
            for number in range(stage.runs + 1):
                stage.tell(f"run {number} of {stage.runs}")
                rate = await _saturate(stage, caller, server.port, sizes)
                for part in parts:
                    part.found.append(await _measure(part, made, caller, server.port, rate, sizes))
                saturated.append(rate)
        await pool.close()
    return [_table(saturated, parts, sizes), _spread(parts)]


async def _saturate(stage: Stage, caller: Caller, port: int, sizes: Sizes) -> float:
    found = await load.read(
        port,
        caller.miners(),
        caller.by_key,
        connections=sizes.connections,
        seconds=sizes.seconds,
        folder=stage.folder,
    )
    return found.rate


async def _measure(part: Part, made: Dataset, caller: Caller, port: int, rate: float, sizes: Sizes) -> Found:
    wanted = rate * part.share
    await _longest_pause(port)
    async with _closing(made) if part.closes else nullcontext():
        taken = await at_rate(caller, port, wanted, sizes)
    return Found(wanted, [seconds * 1000 for seconds in taken], await _longest_pause(port))


async def at_rate(caller: Caller, port: int, rate: float, sizes: Sizes) -> list[float]:
    """Seconds from when each request was due until its answer, sorted."""
    job = open_load.Job(port, caller.miners(), caller.by_key, rate, sizes.open_seconds, sizes.connections)
    return sorted(await open_load.run(job))


@asynccontextmanager
async def _closing(made: Dataset) -> AsyncIterator[None]:
    """A day ends, is published and closed every second while the block runs."""

    ends = asyncio.Event()

    async def close() -> None:
        # A day that was begun is published and closed: one that was not would be in the way of the next.
        while not ends.is_set():
            day = made.today
            await made.end_day()
            async with db.transaction(made.pool) as tx:
                await rate_classes.publish(tx, day, now=await business_clock.now(tx))
            await closing.close_due(made.pool, through=day)
            with suppress(TimeoutError):
                await asyncio.wait_for(ends.wait(), LOOK_SECONDS)

    closes = asyncio.create_task(close())
    try:
        yield
    finally:
        ends.set()
        await closes


async def _longest_pause(port: int) -> float:
    """Milliseconds for which the server's event loop stood still, since it was asked last."""
    connection = await Connection.open(port)
    _, told = await connection.get(watched_api.PATH, {})
    await connection.close()
    return float(told)


def _table(saturated: Sequence[float], parts: Sequence[Part], sizes: Sizes) -> Table:
    table = Table(
        "Signed reads at a steady rate: #7",
        ("of the rate that saturates", "asked for", "median", "99 of 100 within", "times the median", "longest pause"),
        notes=[
            f"One worker, which saturates at {statistics.median(saturated[1:]):,.0f} a second.",
            "Requests are due at fixed times, and their time counts from then.",
            f"{sizes.connections} connections, {sizes.open_seconds} s a run; the client is a process beside it.",
            f"Days closing: one of {sizes.shape.classes:,} rate classes is published and closed each second.",
            f"A pause: the server's event loop stood still; none in any run may be longer than {MAX_PAUSE_MS} ms.",
        ],
    )
    for part in parts:
        times, pause = part.most / part.median, part.pause
        table.add(
            part.name,
            f"{part.rate:,.0f} a second",
            f"{part.median:.2f} ms",
            f"{part.most:.2f} ms",
            f"{times:.1f}",
            f"{pause:.1f} ms",
            target=f"at most {part.times_median}, {MAX_PAUSE_MS} ms",
            verdict=times <= part.times_median and pause <= MAX_PAUSE_MS,
        )
    return table


def _spread(parts: Sequence[Part]) -> Table:
    """Of 100 answers how many took how long, all runs together."""
    table = Table(
        "Signed reads at a steady rate: how long they take",
        ("answered within", *(one.name for one in parts)),
        notes=["Each line counts the answers that took longer than the line above it says, of all runs together."],
    )
    before = 0.0
    for bound in (*BOUNDS, float("inf")):
        shares = [part.share_of(before, bound) for part in parts]
        name = f"{bound:g} ms" if bound < float("inf") else "later"
        table.add(name, *(f"{100 * share:.2f} % {'█' * round(BAR * share)}" for share in shares))
        before = bound
    return table
