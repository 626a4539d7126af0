"""What the feed costs an order, and how many events are moved and read a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from benchmarks import load, writes
from benchmarks.measure import Table
from benchmarks.stage import Stage, postmaster
from hashrail import clock, db
from hashrail.events import drafts, feed, looking, mover
from hashrail.events.looking import Wanted

MOST = Decimal("1.05")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who orders, how many short runs with and without events follow each other, and how many events are moved."""

    partners: int = 8
    users: int = 200
    clients: int = 16
    pairs: int = 40
    seconds: float = 0.5
    moved: int = 50_000
    page: int = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a run: seconds of CPU, of PostgreSQL and this process, seconds that it took, and orders that were made."""

    cpu: float
    elapsed: float
    orders: int


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The tables of what an order costs, and of the feed alone."""
    async with stage.database() as dsn:
        market_sizes = writes.Sizes(partners=sizes.partners, users=sizes.users)
        async with writes.a_market(dsn, stage.folder, market_sizes, sizes.partners) as market:
            return [await _orders(stage, sizes, market), await _feed(stage, sizes, market.pool)]


async def _orders(stage: Stage, sizes: Sizes, market: writes.Market) -> Table:
    table = Table(
        "Events: what an order costs",
        ("an order, created and told as paid", "with its events", "without", "ratio"),
        notes=[
            f"{sizes.pairs} pairs of runs of {sizes.seconds} s, one with events and one without, in turns: sums.",
            f"{sizes.partners} partners, {sizes.clients} clients, by the verbs; every commit is flushed to disk.",
            "CPU is that of PostgreSQL and of Python together. The drafts are moved between the runs.",
        ],
    )
    owner = postmaster(await market.pool.fetchval("SELECT pg_backend_pid()"))
    work = writes.by_verbs(market)
    costs: dict[bool, list[Cost]] = {True: [], False: []}
    await _cost(owner, sizes, work)
    for pair in range(sizes.pairs * stage.runs // 5 or 1):
        stage.tell(f"orders, pair {pair + 1}")
        # Whichever is first would see the other's wake.
        for noted in (True, False) if pair % 2 else (False, True):
            with _noting(on=noted):
                costs[noted].append(await _cost(owner, sizes, work))
            await mover.move_all(market.pool)
    measures: list[tuple[str, bool, Callable[[Cost], float]]] = [
        ("CPU", True, lambda run: run.cpu),
        ("time, all clients together", False, lambda run: run.elapsed),
    ]
    for what, judged, of in measures:
        with_it, without = (_of_an_order(costs[noted], of) for noted in (True, False))
        ratio = Decimal(with_it / without)
        table.add(
            what,
            f"{with_it * 1000:.3f} ms",
            f"{without * 1000:.3f} ms",
            f"{ratio:.3f}",
            target=f"at most {MOST}" if judged else "",
            verdict=ratio <= MOST if judged else None,
        )
    return table


async def _cost(owner: int, sizes: Sizes, work: writes.Work) -> Cost:
    before = _cpu(owner)
    done, elapsed = await load.repeat(sizes.clients, sizes.seconds, work)
    return Cost(_cpu(owner) - before, elapsed, done)


def _of_an_order(costs: list[Cost], of: Callable[[Cost], float]) -> float:
    """Seconds of an order, of all runs together: a busy machine lets single runs be too short to compare."""
    return sum(map(of, costs)) / sum(each.orders for each in costs)


def _cpu(owner: int) -> float:
    """Seconds of CPU of this process and of PostgreSQL's backends, to the microsecond; a tick is too long here."""
    found = time.process_time()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == owner:
                found += int((folder / "schedstat").read_text().split()[0]) / 1e9
    return found


@contextmanager
def _noting(*, on: bool) -> Iterator[None]:
    """Events are noted, or whoever notes them does nothing."""

    async def nothing(*_: object) -> None:
        pass

    if on:
        yield
    else:
        with patch.object(drafts, "note", nothing):
            yield


async def _feed(stage: Stage, sizes: Sizes, pool: db.Pool) -> Table:
    table = Table(
        "Events: moving and reading",
        ("what", "events a second", "CPU an event"),
        notes=[
            f"{sizes.moved:,} drafts of {sizes.partners} partners about {sizes.users} objects, moved by one mover.",
            f"Read in pages of {sizes.page}, as the API reads them; one event that is there each time: a read a page.",
        ],
    )
    owner = postmaster(await pool.fetchval("SELECT pg_backend_pid()"))
    partners = [row["id"] for row in await pool.fetch("SELECT id FROM partner ORDER BY id")]
    stage.tell("drafts are written")
    await _drafts(pool, partners, sizes)
    stage.tell("drafts are moved")
    before, started = _cpu(owner), clock.monotonic()
    moved = await mover.move_all(pool)
    _add(table, "moved", moved, clock.monotonic() - started, _cpu(owner) - before)
    for what, page in ((f"read, {sizes.page} a page", sizes.page), ("read, 1 a page", 1)):
        stage.tell(what)
        before, started, read = _cpu(owner), clock.monotonic(), 0
        for partner_id in partners:
            after, left = 0, sizes.moved // len(partners) // (1 if page > 1 else 20)
            while left > 0:
                found = await looking.look(pool, partner_id, Wanted(after=after, limit=page))
                after = found.last
                left -= len(found.events)
                read += len(found.events)
        _add(table, what, read, clock.monotonic() - started, _cpu(owner) - before)
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
