"""Orders and reads at once, by the way to the database: plain, behind a pooler, with a standby that answers reads."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from benchmarks import beside, dataset, load, servers, writes
from benchmarks import caller as callers
from benchmarks.caller import MINERS, Caller
from benchmarks.dataset import Shape
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.servers import Running
from benchmarks.stage import CONNECTIONS, Stage, cpu_seconds, postmaster
from benchmarks.writes import Market
from hashrail import db
from hashrail.access import api_keys
from hashrail.vault import open_vault

PLAIN, POOLED, FOLLOWED = "plain", "behind pgbouncer", "with a replica"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who reads and who orders at once, for how many seconds a run, and what they have."""

    readers: int = 8
    buyers: int = 4
    seconds: float = 5
    users: int = 200
    days: int = 30


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the database: the API on it, and whose processes answer behind it."""

    name: str
    api: Running
    databases: tuple[int, ...]


@dataclass
class Found:
    """What each run of a way found: a second, and CPU in cores."""

    reads: list[float] = field(default_factory=list)
    orders: list[float] = field(default_factory=list)
    api: list[float] = field(default_factory=list)
    databases: list[list[float]] = field(default_factory=list)


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of ways; runs alternate between them."""
    async with stage.database() as dsn:
        pool = await db.open_pool(dsn, CONNECTIONS)
        try:
            stage.tell(f"{sizes.days} closed days")
            market, caller = await _prepare(stage, pool, sizes)
            async with _ways(stage, pool, dsn) as ways:
                found: dict[str, Found] = {way.name: Found() for way in ways}
                for number in range(stage.runs + 1):
                    for way in ways:
                        stage.tell(f"{way.name}, run {number} of {stage.runs}")
                        await _measure(way, market, caller, sizes, found[way.name])
                    if number == 0:
                        await pool.execute("ANALYZE")
        finally:
            await pool.close()
    return [_table(found, sizes)]


async def _prepare(stage: Stage, pool: db.Pool, sizes: Sizes) -> tuple[Market, Caller]:
    """A partner whose users buy, and a user of the same partner whose miners are read."""
    made = await dataset.build(pool, Shape(efficiencies=1, levels=1), days=sizes.days)
    await made.register(1)
    await made.buy(MINERS, days=sizes.days, user=0)
    await dataset.close_past(made)
    partner_id = made.partner_ids[0]
    caller = await callers.at(pool, stage.folder, partner_id, 0, sizes.days)
    market = await writes.opened(made, sizes.users)
    async with db.transaction(pool) as tx:
        vault = open_vault(stage.folder, None)
        market.keys[partner_id] = await api_keys.create_key(tx, vault, partner_id=partner_id, kind="secret")
    return market, caller


@asynccontextmanager
async def _ways(stage: Stage, pool: db.Pool, dsn: str) -> AsyncIterator[list[Way]]:
    """An API of one process on each way. Without a pgbouncer on this machine there is none behind it."""
    primary = postmaster(await pool.fetchval("SELECT pg_backend_pid()"))
    async with AsyncExitStack() as ends:
        ways = [Way(PLAIN, await ends.enter_async_context(servers.api(dsn, stage.folder, 1)), (primary,))]
        program = beside.pgbouncer()
        if program is None:
            stage.tell("no pgbouncer: tools/get_pgbouncer.sh .venv/pgbouncer")
        else:
            through = await ends.enter_async_context(beside.pooled(dsn, program))
            serving = servers.api(dsn, stage.folder, 1, HASHRAIL_DATABASE_POOLER_URL=through)
            api = await ends.enter_async_context(serving)
            ways.append(Way(POOLED, api, (primary,)))
        standby, pid = await ends.enter_async_context(beside.followed(dsn))
        api = await ends.enter_async_context(servers.api(dsn, stage.folder, 1, DATABASE_READ_URLS=standby))
        ways.append(Way(FOLLOWED, api, (primary, pid)))
        yield ways


async def _measure(way: Way, market: Market, caller: Caller, sizes: Sizes, found: Found) -> None:
    """One run: readers and buyers at once."""
    paths, headers = caller.miners(), caller.by_key
    connections = [await Connection.open(way.api.port) for _ in range(sizes.readers)]

    async def read(client: int, number: int) -> None:
        status, body = await connections[client].get(paths[number % len(paths)], headers)
        assert status == 200, body

    async with writes.by_http(market, way.api.port, sizes.buyers) as order:
        before = [cpu_seconds(pid) for pid in (way.api.pid, *way.databases)]
        (read_count, elapsed), (ordered, _) = await asyncio.gather(
            load.repeat(sizes.readers, sizes.seconds, read), load.repeat(sizes.buyers, sizes.seconds, order)
        )
        after = [cpu_seconds(pid) for pid in (way.api.pid, *way.databases)]
    for connection in connections:
        await connection.close()
    api, *databases = [(end - start) / elapsed for start, end in zip(before, after, strict=True)]
    found.reads.append(read_count / elapsed)
    found.orders.append(ordered / elapsed)
    found.api.append(api)
    found.databases.append(databases)


def _table(found: dict[str, Found], sizes: Sizes) -> Table:
    table = Table(
        "Orders and reads at once, by the way to the database",
        ("way", "reads a second", "orders a second", "the API's CPU", "the primary's CPU", "the standby's CPU"),
        notes=[
            f"{sizes.readers} clients read #7 ({MINERS} miners) and {sizes.buyers} order at once.",
            f"{sizes.seconds} s a run. Runs alternate. No target.",
            "An API of one process each, on one database; a read names no position, so nobody is shown the past.",
            f"CPU in cores. pgbouncer in {beside.POOL_MODE} mode; the standby follows by streaming replication.",
            "All of it shares this machine's cores with the load: elsewhere a replica adds what is spared here.",
        ],
    )
    for name, runs in found.items():
        primary, *standby = [statistics.median(series) for series in zip(*runs.databases[1:], strict=True)]
        table.add(
            name,
            f"{statistics.median(runs.reads[1:]):,.0f}",
            f"{statistics.median(runs.orders[1:]):,.0f}",
            f"{statistics.median(runs.api[1:]):.2f}",
            f"{primary:.2f}",
            f"{standby[0]:.2f}" if standby else "",
        )
    return table
