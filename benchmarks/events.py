"""What the feed costs an order, and how many events are moved and read a second."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal

from benchmarks import load, servers, silent_api, writes
from benchmarks.measure import Table
from benchmarks.meter import Meter
from benchmarks.stage import Stage, postmaster
from hashrail import clock, db
from hashrail.events import feed, looking, mover
from hashrail.events.looking import Wanted

MOST = Decimal("1.05")
SILENT = "benchmarks.silent_api"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who orders, how many short runs with and without events follow each other, and how many events are moved."""

    partners: int = 8
    users: int = 200
    clients: int = 16
    api_workers: int = 2
    pairs: int = 40
    seconds: float = 0.5
    warming_seconds: float = 3
    moved: int = 50_000
    page: int = 100


@dataclass(frozen=True, slots=True)
class Side:
    """Orders with their events or without: what makes one, and what measures it."""

    work: writes.Work
    meter: Meter
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a run: seconds of CPU, seconds that it took, and orders that were made."""

    cpu: float
    elapsed: float
    orders: int


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The tables of what an order costs, and of the feed alone."""
    async with stage.database() as dsn:
        market_sizes = writes.Sizes(partners=sizes.partners, users=sizes.users)
        async with writes.a_market(dsn, stage.folder, market_sizes, sizes.partners) as market:
            return [await _orders(stage, sizes, market, dsn), await _feed(stage, sizes, market.pool)]


async def _orders(stage: Stage, sizes: Sizes, market: writes.Market, dsn: str) -> Table:
    table = Table(
        "Events: what an order costs",
        ("an order, created and told as paid", "with its events", "without", "ratio"),
        notes=[
            f"{sizes.pairs} pairs of runs of {sizes.seconds} s, one with events and one without, in turns: sums.",
            f"{sizes.partners} partners, {sizes.clients} clients; every commit is flushed to disk.",
            f"HTTP: two calls to {sizes.api_workers} API worker processes; CPU is theirs and PostgreSQL's.",
            "The target is for that, as it is what an order costs.",
            "Without events: the same processes, but `benchmarks/silent_api.py` is their program.",
            "Verbs: in this process, without HTTP, signatures and kept answers; CPU is Python's and PostgreSQL's.",
            "The drafts are moved between the runs.",
        ],
    )
    postgres = postmaster(await market.pool.fetchval("SELECT pg_backend_pid()"))
    async with _by_http(stage, sizes, market, dsn, postgres) as sides:
        _compare(table, "HTTP", await _costs(stage, sizes, market, "HTTP", sides), MOST)
    verbs = Side(writes.by_verbs(market), Meter(frozenset([postgres]), with_own=True))
    _compare(
        table,
        "verbs",
        await _costs(stage, sizes, market, "verbs", {True: verbs, False: replace(verbs, silent=True)}),
        None,
    )
    return table


@asynccontextmanager
async def _by_http(
    stage: Stage, sizes: Sizes, market: writes.Market, dsn: str, postgres: int
) -> AsyncIterator[dict[bool, Side]]:
    """Servers of one database, one that notes events and one that does not."""
    async with AsyncExitStack() as open_until_the_end:
        sides = {}
        for noted, program in ((True, "hashrail.cli"), (False, SILENT)):
            server = await open_until_the_end.enter_async_context(
                servers.api(dsn, stage.folder, sizes.api_workers, program=program)
            )
            work = await open_until_the_end.enter_async_context(writes.by_http(market, server.port, sizes.clients))
            sides[noted] = Side(work, Meter(frozenset([postgres, server.pid]), with_own=False))
        yield sides


async def _costs(
    stage: Stage, sizes: Sizes, market: writes.Market, how: str, sides: dict[bool, Side]
) -> dict[bool, list[Cost]]:
    """What orders cost with their events and without, in turns, after one longer run of each that does not count."""
    costs: dict[bool, list[Cost]] = {True: [], False: []}
    for side in sides.values():
        await _cost(sizes, side, sizes.warming_seconds)
    await mover.move_all(market.pool)
    await market.pool.execute("ANALYZE")
    for pair in range(sizes.pairs * stage.runs // 5 or 1):
        stage.tell(f"orders, {how}, pair {pair + 1}")
        # Whichever is first would see the other's wake.
        for noted in (True, False) if pair % 2 else (False, True):
            costs[noted].append(await _cost(sizes, sides[noted], sizes.seconds))
            moved = await mover.move_all(market.pool)
            assert (moved > 0) is noted, "who is silent notes nothing"
    return costs


async def _cost(sizes: Sizes, side: Side, seconds: float) -> Cost:
    with silent_api.silence() if side.silent else nullcontext():
        before = side.meter.seconds()
        done, elapsed = await load.repeat(sizes.clients, seconds, side.work)
        return Cost(side.meter.seconds() - before, elapsed, done)


def _compare(table: Table, how: str, costs: dict[bool, list[Cost]], most: Decimal | None) -> None:
    """Two lines; that of the CPU has the target."""
    measures: list[tuple[str, Decimal | None, Callable[[Cost], float]]] = [
        (f"{how}: CPU", most, lambda run: run.cpu),
        (f"{how}: time, all clients together", None, lambda run: run.elapsed),
    ]
    for what, limit, of in measures:
        with_it, without = (_of_an_order(costs[noted], of) for noted in (True, False))
        ratio = Decimal(with_it / without)
        table.add(
            what,
            f"{with_it * 1000:.3f} ms",
            f"{without * 1000:.3f} ms",
            f"{ratio:.3f}",
            target="" if limit is None else f"at most {limit}",
            verdict=None if limit is None else ratio <= limit,
        )


def _of_an_order(costs: list[Cost], of: Callable[[Cost], float]) -> float:
    """Seconds of an order, of all runs together: a busy machine lets single runs be too short to compare."""
    return sum(map(of, costs)) / sum(each.orders for each in costs)


async def _feed(stage: Stage, sizes: Sizes, pool: db.Pool) -> Table:
    table = Table(
        "Events: moving and reading",
        ("what", "events a second", "CPU an event"),
        notes=[
            f"{sizes.moved:,} drafts of {sizes.partners} partners about {sizes.users} objects, moved by one mover.",
            f"Read in pages of {sizes.page}, as the API reads them; one event that is there each time: a read a page.",
        ],
    )
    meter = Meter(frozenset([postmaster(await pool.fetchval("SELECT pg_backend_pid()"))]), with_own=True)
    partners = [row["id"] for row in await pool.fetch("SELECT id FROM partner ORDER BY id")]
    stage.tell("drafts are written")
    await _drafts(pool, partners, sizes)
    stage.tell("drafts are moved")
    before, started = meter.seconds(), clock.monotonic()
    moved = await mover.move_all(pool)
    _add(table, "moved", moved, clock.monotonic() - started, meter.seconds() - before)
    for what, page in ((f"read, {sizes.page} a page", sizes.page), ("read, 1 a page", 1)):
        stage.tell(what)
        before, started, read = meter.seconds(), clock.monotonic(), 0
        for partner_id in partners:
            after, left = 0, sizes.moved // len(partners) // (1 if page > 1 else 20)
            while left > 0:
                found = await looking.look(pool, partner_id, Wanted(after=after, limit=page))
                after = found.last
                left -= len(found.events)
                read += len(found.events)
        _add(table, what, read, clock.monotonic() - started, meter.seconds() - before)
    return table


def _add(table: Table, what: str, count: int, seconds: float, cpu: float) -> None:
    table.add(what, f"{count / seconds:,.0f}", f"{cpu / count * 1_000_000:,.0f} µs")


async def _drafts(pool: db.Pool, partners: list[int], sizes: Sizes) -> None:
    """As orders leave them."""
    for partner_id in partners:
        await pool.execute(
            """INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
               SELECT $1::bigint, md5($1::bigint || ' ' || n), 'order.created', 1, 'order',
                      'bench ' || n % $3::bigint, $4, now()
               FROM generate_series(1, $2::bigint) n""",
            partner_id,
            sizes.moved // len(partners),
            sizes.users,
            '{"externalId":"bench","userId":1,"nftCollectionId":1,"power":1,"energyEfficiency":15,"value":14.99}',
        )
    assert await feed.with_drafts(pool) == partners
