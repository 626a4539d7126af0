"""A signed write (#22) beside a raw application that verifies the same signature and writes the same row.

Two kinds: binding an address that the user has not bound, so that both write, and every commit is on disk; and binding
one again, where the raw application writes nothing and ours still keeps its answer.
"""

import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks import caller as callers
from benchmarks import load, servers
from benchmarks.caller import USERS, Caller
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.raw_app import BIND
from benchmarks.servers import Running
from benchmarks.signed_read import OURS, RAW
from benchmarks.stage import Stage, cpu_seconds, postmaster
from benchmarks.writes import Work
from hashrail import clock, db
from hashrail.bitcoin import addresses
from hashrail_client.signing import sign_body

WANTED = 0.5
# A published example address: the generator point's witness program on mainnet.
ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
# As many as a user may have.
ADDRESSES = 50
PROGRAM = 20
# What both servers write of addresses: nothing of a run is left for the next.
FORGET = "TRUNCATE wallet, wallet_unbound, answered_write, event_draft, api_call"

# Whose address is bound by the request of a number, and which one.
Names = Callable[[int], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many clients write, and for how many seconds a run."""

    clients: int = 16
    seconds: float = 5


@dataclass(frozen=True, slots=True)
class Served:
    """One run against one server: answers a second, and CPU an answer in microseconds, its own and PostgreSQL's."""

    rate: float
    cpu_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True)
class Kind:
    """What is bound, and whether that is judged."""

    title: str
    names: Names
    is_judged: bool
    found: dict[str, list[Served]] = field(default_factory=lambda: {RAW: [], OURS: []})


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of both servers; runs alternate."""
    data = stage.folder / "signed_write"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        caller = await callers.prepare(dsn, data, days=1)
        kinds = _kinds(caller)
        async with servers.api(dsn, data, 1) as ours, servers.raw(dsn, data, caller) as theirs:
            pool = await db.open_pool(dsn, connections=1)
            for kind in kinds:
                for number in range(stage.runs + 1):
                    for name, server in ((RAW, theirs), (OURS, ours)):
                        stage.tell(f"{kind.title}, {name}, run {number} of {stage.runs}")
                        kind.found[name].append(await _serve(pool, caller, kind, server, sizes))
            await pool.close()
    return [_table(kinds, sizes)]


def _kinds(caller: Caller) -> Sequence[Kind]:
    known = [addresses.from_script(bytes([0, PROGRAM, *[number] * PROGRAM]), "bitcoin") for number in range(ADDRESSES)]
    return (
        Kind("an address that is new", lambda n: (f"user {n % USERS + 1}", known[n // USERS % ADDRESSES]), True),
        Kind("the same address again", lambda _: (caller.user, ADDRESS), False),
    )


async def _serve(pool: db.Pool, caller: Caller, kind: Kind, server: Running, sizes: Sizes) -> Served:
    await pool.execute(FORGET)
    owner = postmaster(await pool.fetchval("SELECT pg_backend_pid()"))
    before = cpu_seconds(server.pid), cpu_seconds(owner)
    async with binding(caller, server.port, sizes.clients, kind.names) as work:
        done, elapsed = await load.repeat(sizes.clients, sizes.seconds, work)
    after = cpu_seconds(server.pid), cpu_seconds(owner)
    used, used_by_postgres = ((late - early) * 1e6 / done for early, late in zip(before, after, strict=True))
    return Served(done / elapsed, used, used_by_postgres)


@asynccontextmanager
async def binding(caller: Caller, port: int, clients: int, names: Names) -> AsyncIterator[Work]:
    """Bind addresses, each time signed anew."""
    connections = [await Connection.open(port) for _ in range(clients)]
    started = clock.wall_millis()

    async def bind(client: int, number: int) -> None:
        user, address = names(number)
        # The clients together sign once a millisecond, so that no two requests are the same.
        body = sign_body(
            caller.secret,
            {
                "partnerUserId": user,
                "address": address,
                "timestamp": started - number % 50_000,
                "recvWindow": 60_000 - number // 50_000,
            },
        )
        status, answer = await connections[client].post(BIND, caller.by_key, body)
        assert (status, answer) == (200, b'{"data":true}'), answer

    yield bind
    for connection in connections:
        await connection.close()


def _table(kinds: Sequence[Kind], sizes: Sizes) -> Table:
    table = Table(
        "Signed write: #22 binds an address",
        ("bound is", "server", "answers a second", "CPU an answer", "PostgreSQL's CPU an answer"),
        notes=[
            "Each in a Granian of its own: 1 worker, uvloop, the same settings. Runs alternate. fsync is on.",
            f"Load by our own client: {sizes.clients} connections, {sizes.seconds} s a run; it shares the machine.",
            "The raw application finds the user and inserts the row; again, it writes nothing and flushes nothing.",
            "The API also shares the partner's fence, locks the user, counts their addresses, keeps the answer for",
            "repetitions, notes the address in the journal and tells it as an event, in the same commit.",
        ],
    )
    for kind in kinds:
        found = {name: _medians(served[1:]) for name, served in kind.found.items()}
        for name in (RAW, OURS):
            one = found[name]
            table.add(kind.title, name, f"{one.rate:,.0f}", f"{one.cpu_us:,.0f} µs", f"{one.postgres_us:,.0f} µs")
        ratio = found[OURS].rate / found[RAW].rate
        table.add(
            kind.title,
            "ratio",
            f"{ratio:.2f}",
            f"{found[RAW].cpu_us / found[OURS].cpu_us:.2f}",
            f"{found[RAW].postgres_us / found[OURS].postgres_us:.2f}",
            target=f"at least {WANTED}" if kind.is_judged else "",
            verdict=ratio >= WANTED if kind.is_judged else None,
        )
    return table


def _medians(served: Sequence[Served]) -> Served:
    return Served(
        statistics.median([one.rate for one in served]),
        statistics.median([one.cpu_us for one in served]),
        statistics.median([one.postgres_us for one in served]),
    )
