"""Reads through Granian beside a raw application that answers the same: #7, #16 and #18 over a leap year."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import caller as callers
from benchmarks import load, servers
from benchmarks.caller import MINERS, PAGE, YEAR, Caller
from benchmarks.load import Connection, Load
from benchmarks.measure import Table
from benchmarks.servers import Running
from benchmarks.stage import Stage, cpu_seconds

RAW = "raw ASGI application"
OURS = "the API"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many connections load a server, for how many seconds a run, and the closed days."""

    connections: int = 16
    seconds: float = 5
    days: int = YEAR


@dataclass(frozen=True, slots=True)
class Question:
    """An operation that is read: its paths and headers, and how often `counted` stands in an answer, over how much.

    `wanted` is the least part of the raw application's answers a second.
    """

    title: str
    paths: Callable[[Caller], list[str]]
    headers: Callable[[Caller], dict[str, str]]
    counted: bytes
    times: Callable[[Caller], int]
    wanted: float


QUESTIONS = (
    Question(
        f"Signed read: #7 with {MINERS} miners, one query",
        Caller.miners,
        lambda caller: caller.by_key,
        b'"energyEfficiency"',
        lambda _: MINERS,
        wanted=0.8,
    ),
    Question(
        f"Read with a token: #16, a page of {PAGE} records",
        Caller.income,
        lambda caller: caller.by_token,
        b'"nftId"',
        lambda _: PAGE,
        wanted=0.5,
    ),
    Question(
        "Signed read: #18 over all days",
        Caller.days,
        lambda caller: caller.by_key,
        b'"poolReward"',
        lambda caller: caller.closed_days,
        wanted=0.5,
    ),
)


@dataclass(frozen=True, slots=True)
class Served:
    """One run against one server: what the load saw, and the server's CPU time an answer in microseconds."""

    load: Load
    cpu_us: float


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """A table an operation; runs alternate between the servers, so that whatever disturbs one disturbs the other."""
    data = stage.folder / "signed_read"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        stage.tell(f"{sizes.days} closed days")
        caller = await callers.prepare(dsn, data, sizes.days)
        async with servers.api(dsn, data, 1) as ours, servers.raw(dsn, data, caller) as theirs:
            return [await _measure(stage, sizes, caller, question, ours, theirs) for question in QUESTIONS]


async def _measure(
    stage: Stage, sizes: Sizes, caller: Caller, question: Question, ours: Running, theirs: Running
) -> Table:
    await _assert_same(caller, question, ours.port, theirs.port)
    found: dict[str, list[Served]] = {RAW: [], OURS: []}
    for number in range(stage.runs + 1):
        for name, server in ((RAW, theirs), (OURS, ours)):
            stage.tell(f"{question.title}, {name}, run {number} of {stage.runs}")
            seconds = sizes.seconds if number else min(1, sizes.seconds)
            found[name].append(await _serve(caller, question, server, sizes, seconds, stage))
    return _table(question, {name: served[1:] for name, served in found.items()}, sizes)


def _table(question: Question, found: dict[str, list[Served]], sizes: Sizes) -> Table:
    generator = "wrk" if load.has_wrk() else f"our own client, since wrk is missing ({load.INSTALL})"
    table = Table(
        question.title,
        ("server", "answers a second", "CPU an answer", "median", "99 of 100 within"),
        notes=[
            "Each in a Granian of its own: 1 worker, uvloop, the same settings. Runs alternate.",
            f"Load by {generator}: {sizes.connections} connections, {sizes.seconds} s a run.",
            f"The user has {MINERS} miners and {sizes.days} closed days, so {MINERS * sizes.days:,} records.",
            "Both verify who is calling, run the same queries on the same kind of pool and answer alike.",
        ],
    )
    for name, served in found.items():
        table.add(
            name,
            f"{statistics.median([one.load.rate for one in served]):,.0f}",
            f"{statistics.median([one.cpu_us for one in served]):,.0f} µs",
            f"{statistics.median([one.load.half_ms for one in served]):.1f} ms",
            f"{statistics.median([one.load.max_ms for one in served]):.1f} ms",
        )
    rates = {name: statistics.median([one.load.rate for one in served]) for name, served in found.items()}
    used = {name: statistics.median([one.cpu_us for one in served]) for name, served in found.items()}
    ratio = rates[OURS] / rates[RAW]
    table.add(
        "ratio",
        f"{ratio:.2f}",
        f"{used[RAW] / used[OURS]:.2f}",
        "",
        "",
        target=f"at least {question.wanted}",
        verdict=ratio >= question.wanted,
    )
    return table


async def _serve(
    caller: Caller, question: Question, server: Running, sizes: Sizes, seconds: float, stage: Stage
) -> Served:
    before = cpu_seconds(server.pid)
    found = await load.read(
        server.port,
        question.paths(caller),
        question.headers(caller),
        connections=sizes.connections,
        seconds=seconds,
        folder=stage.folder,
    )
    used = cpu_seconds(server.pid) - before
    return Served(found, used * 1e6 / found.answers)


async def _assert_same(caller: Caller, question: Question, *ports: int) -> None:
    """Every server answers the same bytes, and refuses whoever did not prove who they are."""
    answers = set()
    path, headers = question.paths(caller)[0], question.headers(caller)
    for port in ports:
        connection = await Connection.open(port)
        answers.add(await connection.get(path, headers))
        if "signature" in path:
            status, _ = await connection.get(path.replace("recvWindow=60000", "recvWindow=60001"), headers)
            assert status == 401, "a wrong signature is refused"
        await connection.close()
    assert len(answers) == 1, f"the answers differ: {answers}"
    status, body = answers.pop()
    assert status == 200, body
    assert body.count(question.counted) == question.times(caller), body
