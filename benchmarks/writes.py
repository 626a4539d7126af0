"""Orders a second, every commit on disk, and whose CPU time they take."""

import os
import statistics
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks import dataset, load, servers
from benchmarks.dataset import Dataset, Shape
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.stage import CONNECTIONS, Stage, cpu_seconds, postmaster
from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.books import fence
from hashrail.parties import users
from hashrail.rewards import discounts
from hashrail.selling import catalogue, orders, samples
from hashrail.vault import open_vault
from hashrail_client.signing import sign_body

CREATE = "/api/partner/s2s/nft-payment/create"
SUCCESS = "/api/partner/s2s/nft-payment/success"
TTL = timedelta(hours=1)
# What the partner calls a user, by the place in the market.
BUYER = "buyer {}"

# Orders a second, by partners.
TARGETS = {1: 600, 8: 1_000}

Work = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Who writes, and for how many seconds a run."""

    partners: int = 8
    users: int = 200
    order_clients: int = 16
    many_clients: int = 128
    seconds: float = 5
    api_workers: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Market:
    """Where orders are made: the partner and number of each user, what is on sale, and a key a partner."""

    pool: db.Pool
    users: list[tuple[int, int]]
    offer: int
    keys: dict[int, api_keys.NewKey]


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of orders."""
    table = Table(
        "Writes",
        ("what", "partners", "clients", "a second", "PostgreSQL's CPU", "the API's CPU", "the clients' CPU"),
        notes=[
            f"Every commit is flushed to disk. {sizes.seconds} s a run.",
            "After the run that does not count the tables are analysed, as autovacuum does within a minute.",
            "CPU of one core, an order; the clients share the machine. Verbs run in the clients' process.",
            "An order is two transactions: it is created, and notified as paid, which issues its miner.",
            "What a partner owes stands in one row, so the orders of one partner commit one after the other.",
            "Over HTTP, those that come to a process while one of the same partner is at work share the next commit.",
            "Of two processes each has a part of them, so fewer share one: on two cores, with PostgreSQL beside it,",
            "one does more. To which of the two a connection comes is left to the kernel: it may be one for all.",
        ],
    )
    for count in sorted({1, sizes.partners}):
        async with stage.database() as dsn, a_market(dsn, stage.folder, sizes, count) as market:
            figures = "orders, verbs", count, sizes.order_clients
            await _measure(stage, sizes, table, figures, market.pool, by_verbs(market))
            for workers in sizes.api_workers:
                # All clients call from one address.
                async with servers.api(dsn, stage.folder, workers, HASHRAIL_BODIES_PER_ADDRESS="1000") as server:
                    for clients in (sizes.order_clients, sizes.many_clients):
                        figures = f"orders, HTTP, API worker processes: {workers}", count, clients
                        wanted = TARGETS.get(count) if (workers, clients) == (1, sizes.many_clients) else None
                        async with by_http(market, server.port, clients) as work:
                            await _measure(stage, sizes, table, figures, market.pool, work, server.pid, wanted)
    return [table]


async def _measure(
    stage: Stage,
    sizes: Sizes,
    table: Table,
    figures: tuple[str, int, int],
    pool: db.Pool,
    work: Work,
    server: int | None = None,
    wanted: int | None = None,
) -> None:
    """One line: medians over the runs, after one that does not count."""
    what, partner_count, clients = figures
    owner = postmaster(await pool.fetchval("SELECT pg_backend_pid()"))
    rates: list[float] = []
    of_postgres: list[float] = []
    of_api: list[float] = []
    of_clients: list[float] = []
    for number in range(stage.runs + 1):
        stage.tell(f"{what}, {partner_count} partners, run {number} of {stage.runs}")
        before = _seconds_used(owner, server)
        done, elapsed = await load.repeat(clients, sizes.seconds, work)
        used = [(now - then) / done for then, now in zip(before, _seconds_used(owner, server), strict=True)]
        if number == 0:
            await pool.execute("ANALYZE")
        rates.append(done / elapsed)
        for series, seconds in zip((of_postgres, of_api, of_clients), used, strict=True):
            series.append(seconds)
    rate, *used = (statistics.median(series[1:]) for series in (rates, of_postgres, of_api, of_clients))
    table.add(
        what,
        f"{partner_count:,}",
        f"{clients:,}",
        f"{rate:,.0f}",
        *(f"{seconds * 1000:.2f} ms" if seconds else "" for seconds in used),
        target="" if wanted is None else f"at least {wanted:,} a second",
        verdict=None if wanted is None else rate >= wanted,
    )


def _seconds_used(postgres: int, server: int | None) -> tuple[float, float, float]:
    """CPU time of PostgreSQL, of the API if it is under load, and of this process, whose clients these are."""
    own = os.times()
    return cpu_seconds(postgres), 0 if server is None else cpu_seconds(server), own.user + own.system


@asynccontextmanager
async def a_market(dsn: str, data: Path, sizes: Sizes, count: int) -> AsyncIterator[Market]:
    """Partners with users and keys, and one offer; nobody has bought anything."""
    pool = await db.open_pool(dsn, CONNECTIONS)
    try:
        made = await dataset.build(pool, Shape(efficiencies=1, levels=1, partners=count))
        market = await opened(made, sizes.users)
        await give_keys(market, made, data)
        yield market
    finally:
        await pool.close()


async def opened(made: Dataset, count: int) -> Market:
    """An offer in a deployment, and so many new users who could buy it, without keys of their partners."""
    async with db.transaction(made.pool) as tx:
        await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        await catalogue.put(tx, [(Decimal(1), Decimal(15), Decimal("14.99"))])
        (offer,) = await catalogue.on_sale(tx)
        buyers = []
        for number in range(count):
            books = await fence.share(tx, made.partner_ids[number % len(made.partner_ids)])
            user = await users.register(tx, books, partner_user_id=BUYER.format(number), email=None)
            buyers.append((books.partner_id, user.id))
    return Market(made.pool, buyers, offer.id, {})


async def give_keys(market: Market, made: Dataset, data: Path) -> None:
    """A key for each partner; `data` is the folder with the master key of the API."""
    vault = open_vault(data, None)
    async with db.transaction(made.pool) as tx:
        for partner_id in made.partner_ids:
            market.keys[partner_id] = await api_keys.create_key(tx, vault, partner_id=partner_id, kind="secret")


def by_verbs(market: Market) -> Work:
    async def order(_client: int, number: int) -> None:
        partner_id, user_id = market.users[number % len(market.users)]
        external_id = f"verb {uuid.uuid4()}"
        async with db.transaction(market.pool) as tx:
            books = await fence.share(tx, partner_id)
            await orders.create(
                tx, books, user_id=user_id, collection_id=market.offer, external_id=external_id, ttl=TTL
            )
        async with db.transaction(market.pool) as tx:
            books = await fence.share(tx, partner_id)
            await orders.notify_paid(tx, books, external_id=external_id, user_id=user_id)

    return order


@asynccontextmanager
async def by_http(market: Market, port: int, clients: int) -> AsyncIterator[Work]:
    """Orders over keep-alive connections, one a client."""
    connections = [await Connection.open(port) for _ in range(clients)]

    async def post(client: int, key: api_keys.NewKey, path: str, members: dict[str, object]) -> None:
        assert key.secret is not None
        body = sign_body(key.secret, members | {"timestamp": clock.wall_millis()})
        status, answer = await connections[client].post(path, {"x-partner-api-key": key.key}, body)
        assert status == 200, answer

    async def order(client: int, number: int) -> None:
        partner_id, user_id = market.users[number % len(market.users)]
        members: dict[str, object] = {"userId": user_id, "externalId": f"http {uuid.uuid4()}"}
        key = market.keys[partner_id]
        await post(client, key, CREATE, members | {"nftCollectionId": market.offer})
        await post(client, key, SUCCESS, members)

    yield order
    for connection in connections:
        await connection.close()
