"""Publishing and closing a day, varied one at a time; beside it an engine that writes one row a miner."""

import asyncio
import itertools
import statistics
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from benchmarks import dataset, servers, writes
from benchmarks.dataset import USUAL, Dataset, Shape
from benchmarks.measure import Table, milliseconds, seconds_of
from benchmarks.stage import CONNECTIONS, Stage
from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.parties import users
from hashrail.rewards import closing, discounts, rate_classes, stints
from hashrail.selling import miners, samples

MANY_CLASSES = Shape(efficiencies=100, levels=1_000)
MANY_PARTNERS = Shape(partners=1_000)
BOUND_SECONDS = 1
FLAT_WITHIN = 2
ROW_TABLE = """
    CREATE TABLE miner_income (
        partner_id bigint, miner_id bigint, day date, user_id bigint, discount numeric,
        pool numeric, c1 numeric, c2 numeric, net numeric, PRIMARY KEY (partner_id, miner_id, day))"""
# The engine that is compared: every miner's discount, rates and amounts anew, each a row.
ROW_PER_MINER = """
    INSERT INTO miner_income
    SELECT partner_id, miner_id, day, user_id, discount, power * pool, power * c1, power * c2, power * (pool - c1 - c2)
    FROM (
        SELECT *, CASE WHEN clamped THEN 0 ELSE pool_btc_per_th END AS pool,
               CASE WHEN clamped THEN 0 ELSE electricity END AS c1, CASE WHEN clamped THEN 0 ELSE service END AS c2
        FROM (
            SELECT *, pool_btc_per_th < electricity + service AS clamped
            FROM (
                SELECT m.partner_id, m.id AS miner_id, d.day, m.user_id, m.power, d.pool_btc_per_th, s.discount,
                       round(d.kwh_usd * 24 * m.energy_efficiency / 1000 * (1 - s.discount) / d.btc_usd, 14)
                           AS electricity,
                       round(d.service_usd_per_th * (1 - s.discount) / d.btc_usd, 14) AS service
                FROM mining_day d CROSS JOIN miner m
                JOIN (SELECT u.partner_id, u.id AS user_id,
                             least(0.35, u.level_discount + coalesce(sum(f.fraction), 0)) AS discount
                      FROM app_user u
                      LEFT JOIN user_programme p ON p.partner_id = u.partner_id AND p.user_id = u.id
                      LEFT JOIN published_fraction f ON f.programme_id = p.programme_id AND f.day = $1
                      GROUP BY u.partner_id, u.id, u.level_discount) AS s
                  ON s.partner_id = m.partner_id AND s.user_id = m.user_id
                WHERE d.day = $1) AS rates) AS checked) AS paid"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large each variation is; the first of `miners` is what the others are compared with."""

    miners: tuple[int, ...] = (100_000, 1_000_000, 5_000_000)
    shape: Shape = USUAL
    many_classes: Shape = MANY_CLASSES
    many_partners: Shape = MANY_PARTNERS
    history_days: int = 1_000
    history_stints: int = 10
    bought_a_day: int = 3_000
    large_user: int = 1_000
    order_clients: int = 128
    order_seconds: float = 2
    buyers: int = 200
    api_workers: int = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """Median seconds of a day."""

    publish: float
    close: float

    @property
    def together(self) -> float:
        """Publishing for everybody and closing for every partner."""
        return self.publish + self.close


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The tables of days, of the row engine beside them, and of what must not cost anything a miner."""
    table = Table(
        "Publishing and closing a day",
        ("miners", "users", "rate classes", "partners", "days before", "publish", "close", "together"),
        notes=[
            f"Every day {sizes.bought_a_day:,} miners are bought before it ends, spread over all classes and partners.",
            "All miners, stints, users and memberships are real rows; users' ledger accounts are left out.",
            f"In {sizes.history_days:,} days before, every miner was upgraded {sizes.history_stints - 1} times.",
        ],
    )
    others = Table("The same day otherwise", ("what", "size", "takes", "ratio"))
    await _more_miners(stage, sizes, table, others)
    for shape, days in ((sizes.many_classes, 0), (sizes.many_partners, 0), (sizes.shape, sizes.history_days)):
        stage.tell(f"{shape.classes:,} classes, {shape.partners:,} partners, {days:,} days before")
        async with stage.pool() as pool:
            made = await dataset.build(pool, shape, days=days)
            await made.register(sizes.miners[0])
            await made.buy(sizes.miners[0], days=days, stints=sizes.history_stints if days else 1)
            if days:
                await dataset.close_past(made)
            cost = await _cost(stage, made, sizes.bought_a_day)
            _show(table, made, days, cost, bound=BOUND_SECONDS)
    await _level_change(stage, sizes, others)
    return [table, others, await _under_orders(stage, sizes)]


async def _more_miners(stage: Stage, sizes: Sizes, table: Table, others: Table) -> None:
    """The same database with more and more miners; with the second size the row engine and a million members."""
    async with stage.pool() as pool:
        made = await dataset.build(pool, sizes.shape)
        await made.register(1)
        await made.buy(sizes.shape.efficiencies)
        alone = await _new_fraction(stage, made)
        costs = []
        for index, size in enumerate(sizes.miners):
            stage.tell(f"building {size:,} miners")
            await made.register(min(size, sizes.miners[1]) - made.users)
            await made.buy(size - made.miners)
            costs.append(await _cost(stage, made, sizes.bought_a_day))
            _show(table, made, 0, costs[-1], bound=BOUND_SECONDS)
            if index == 1:
                await _row_engine(stage, made, costs[-1], others)
                _show_fractions(others, made.users, alone, await _new_fraction(stage, made))
    dearest = max(cost.together for cost in costs[1:])
    ratio = dearest / costs[0].together
    others.add(
        "day, dearest with more miners against fewest",
        f"up to {sizes.miners[-1]:,} : {sizes.miners[0]:,}",
        f"{milliseconds(dearest)} : {milliseconds(costs[0].together)}",
        f"{ratio:.2f}",
        target=f"at most {FLAT_WITHIN}",
        verdict=ratio <= FLAT_WITHIN,
    )


async def _cost(stage: Stage, made: Dataset, bought: int) -> Cost:
    """The medians over as many days as there are runs, after one that does not count."""
    publish, close = [], []
    for number in range(stage.runs + 1):
        stage.tell(f"a day of {made.miners:,} miners, run {number} of {stage.runs}")
        await made.buy(bought)
        day = made.today
        await made.end_day()
        publish.append(await seconds_of(partial(_publish, made, day)))
        close.append(await seconds_of(partial(closing.close_due, made.pool, through=day)))
    closed = await made.pool.fetchval("SELECT count(*) FROM partner_day WHERE closed_through = $1", day)
    assert closed == made.shape.partners, "every partner is closed"
    return Cost(statistics.median(publish[1:]), statistics.median(close[1:]))


async def _publish(made: Dataset, day: date) -> None:
    async with db.transaction(made.pool) as tx:
        assert await rate_classes.publish(tx, day, now=await business_clock.now(tx))


def _show(table: Table, made: Dataset, days: int, cost: Cost, *, bound: int) -> None:
    table.add(
        f"{made.miners:,}",
        f"{made.users:,}",
        f"{made.shape.classes:,}",
        f"{made.shape.partners:,}",
        f"{days:,}",
        milliseconds(cost.publish),
        milliseconds(cost.close),
        milliseconds(cost.together),
        target=f"at most {bound} s",
        verdict=cost.together <= bound,
    )


async def _row_engine(stage: Stage, made: Dataset, ours: Cost, others: Table) -> None:
    """One row a miner for the newest closed day, in an empty table each time: what it costs if it never grows."""
    day = await made.pool.fetchval("SELECT published_through FROM publication WHERE id = 1")
    await made.pool.execute(ROW_TABLE)
    taken = []
    for number in range(stage.runs):
        stage.tell(f"a row a miner, run {number + 1} of {stage.runs}")
        await made.pool.execute("TRUNCATE miner_income")
        taken.append(await seconds_of(partial(made.pool.execute, ROW_PER_MINER, day, timeout=600)))
    rows = await made.pool.fetchval("SELECT count(*) FROM miner_income")
    total = await made.pool.fetchval("SELECT sum(net) FROM miner_income")
    posted = await made.pool.fetchval(
        "SELECT sum(amount) FROM transfer WHERE kind = 'day' AND leg = 1 AND object_id = $1", day.toordinal()
    )
    assert total == posted, "both engines credit the same to the last digit"
    size = await made.pool.fetchval("SELECT pg_total_relation_size('miner_income')")
    class_day = await made.pool.fetchval(
        "SELECT pg_total_relation_size('class_day') / (SELECT count(DISTINCT day) FROM class_day)"
    )
    await made.pool.execute("DROP TABLE miner_income")
    theirs = statistics.median(taken)
    others.add("a row a miner, the same amounts to the last digit", f"{rows:,} miners", milliseconds(theirs), "")
    others.add(
        "publish and close beside it",
        f"{rows:,} miners",
        milliseconds(ours.together),
        f"{ours.together / theirs:.3f}",
        target="less than 1",
        verdict=ours.together < theirs,
    )
    others.notes.append(f"A day takes {size / 1e6:,.1f} MB with a row a miner, {class_day / 1e6:,.2f} MB with classes.")


async def _new_fraction(stage: Stage, made: Dataset) -> float:
    """Median seconds to give a programme a new fraction for a day and to publish that day."""
    taken = []
    for number in range(stage.runs + 1):
        stage.tell(f"a new fraction for {made.users:,} members, run {number} of {stage.runs}")
        day = made.today
        setting = await seconds_of(partial(_set_fraction, made, day, Decimal(2 + number % 2).scaleb(-2)))
        await made.end_day()
        taken.append(setting + await seconds_of(partial(_publish, made, day)))
        await closing.close_due(made.pool, through=day)
    return statistics.median(taken[1:])


async def _set_fraction(made: Dataset, day: date, fraction: Decimal) -> None:
    async with db.transaction(made.pool) as tx:
        await discounts.set_fraction(tx, made.programme, from_day=day, fraction=fraction)


def _show_fractions(others: Table, members: int, alone: float, many: float) -> None:
    others.add("new programme fraction and the day published", "1 member", milliseconds(alone), "")
    others.add(
        "new programme fraction and the day published",
        f"{members:,} members",
        milliseconds(many),
        f"{many / alone:.2f}",
        target=f"at most {FLAT_WITHIN}",
        verdict=many <= FLAT_WITHIN * alone,
    )


async def _level_change(stage: Stage, sizes: Sizes, others: Table) -> None:
    """A user of many miners crosses a level: every one of his stints ends and another begins."""
    count = sizes.large_user
    async with stage.pool() as pool:
        made = await dataset.build(pool, sizes.shape)
        async with db.transaction(pool) as tx:
            await discounts.set_levels(tx, samples.pairs(f"0:0 {count}:0.01"))
            books = await fence.share(tx, made.partner_ids[0])
            user = await users.register(tx, books, partner_user_id="large", email=None)
            ids = [await _one_th(tx, made, user.id, number, books) for number in range(count)]
            await stints.sync_stints(tx, books, [user.id])
        taken = []
        for number in range(stage.runs + 1):
            stage.tell(f"a level change of {count:,} miners, run {number} of {stage.runs}")
            await made.end_day()
            power = Decimal(1) if number % 2 else Decimal("0.5")
            taken.append(await seconds_of(partial(_resize, made, user.id, ids[0], power, count)))
    others.add("level change of a user", f"{count:,} miners", milliseconds(statistics.median(taken[1:])), "")


async def _one_th(tx: db.Tx, made: Dataset, user_id: int, number: int, books: fence.OpenBooks) -> int:
    return await miners.create(
        tx,
        made.partner_ids[0],
        user_id=user_id,
        name=f"miner {number}",
        power=Decimal(1),
        energy_efficiency=Decimal(15),
        at=books.now,
    )


async def _resize(made: Dataset, user_id: int, miner_id: int, power: Decimal, count: int) -> None:
    async with db.transaction(made.pool) as tx:
        books = await fence.share(tx, made.partner_ids[0])
        await miners.improve(tx, made.partner_ids[0], miner_id, power=power)
        written = await stints.sync_stints(tx, books, [user_id], miner_ids=[miner_id])
        assert written == count, "the level counts for every miner"


@dataclass(frozen=True, slots=True)
class _Meanwhile:
    """A close while orders come in: orders a second before, until it has ended and after, and seconds of both."""

    before: float
    during: float
    after: float
    close: float
    longest_order: float


async def _under_orders(stage: Stage, sizes: Sizes) -> Table:
    """Days of many classes that are published and closed while orders come in as fast as they can be taken."""
    table = Table(
        "A day that closes while orders come in",
        (
            *("rate classes", "orders a second before", "while it closes", "after"),
            *("publish and close", "longest order meanwhile", "orders"),
        ),
        notes=[
            f"{sizes.order_clients} clients of one partner order over HTTP; {sizes.api_workers} API worker processes.",
            "Orders that come together share a commit. The days are closed by a process beside them.",
            "Whoever writes stints waits while the partner's day closes, and counts from the day after.",
            "Not one order was refused: one that is ends the benchmark.",
        ],
    )
    async with stage.database() as dsn:
        pool = await db.open_pool(dsn, CONNECTIONS)
        try:
            made = await dataset.build(pool, sizes.many_classes)
            await made.register(sizes.miners[0])
            await made.buy(sizes.miners[0])
            market = await writes.opened(made, sizes.buyers)
            await writes.give_keys(market, made, stage.folder)
            async with (
                servers.api(dsn, stage.folder, sizes.api_workers, HASHRAIL_BODIES_PER_ADDRESS="1000") as server,
                writes.by_http(market, server.port, sizes.order_clients) as order,
            ):
                _show_meanwhile(table, made, *await _closes(stage, sizes, made, order))
        finally:
            await pool.close()
    return table


async def _closes(stage: Stage, sizes: Sizes, made: Dataset, order: writes.Work) -> tuple[list[_Meanwhile], int]:
    """As many closes as there are runs, after one that does not count, and how many orders came in; none is refused."""
    ended: list[tuple[float, float]] = []
    clients = [asyncio.create_task(_ordering(order, number, ended)) for number in range(sizes.order_clients)]
    found = []
    for number in range(stage.runs + 1):
        stage.tell(f"a day closes while orders come in, run {number} of {stage.runs}")
        found.append(await _close_meanwhile(sizes, made, ended))
        if number == 0:
            await made.pool.execute("ANALYZE")
    for client in clients:
        client.cancel()
    for how in await asyncio.gather(*clients, return_exceptions=True):
        assert isinstance(how, asyncio.CancelledError), how
    return found[1:], len(ended)


async def _close_meanwhile(sizes: Sizes, made: Dataset, ended: list[tuple[float, float]]) -> _Meanwhile:
    """Publish and close a day, with some seconds of orders before and after."""
    before = clock.monotonic()
    await asyncio.sleep(sizes.order_seconds)
    day = made.today
    await made.end_day()
    begun = clock.monotonic()
    await _publish(made, day)
    await closing.close_due(made.pool, through=day)
    closed = clock.monotonic()
    await asyncio.sleep(sizes.order_seconds)
    return _Meanwhile(
        _orders_a_second(ended, before, begun),
        _orders_a_second(ended, begun, closed),
        _orders_a_second(ended, closed, clock.monotonic()),
        closed - begun,
        max(took for end, took in ended if end > begun and end - took < closed),
    )


def _show_meanwhile(table: Table, made: Dataset, found: list[_Meanwhile], orders: int) -> None:
    rates = [statistics.median(getattr(each, name) for each in found) for name in ("before", "during", "after")]
    table.add(
        f"{made.shape.classes:,}",
        *(f"{rate:,.0f}" for rate in rates),
        milliseconds(statistics.median(each.close for each in found)),
        milliseconds(max(each.longest_order for each in found)),
        f"{orders:,}",
    )


async def _ordering(order: writes.Work, client: int, ended: list[tuple[float, float]]) -> None:
    """Order until it is cancelled, or an order is refused; when each ended is kept, and how many seconds it took."""
    for number in itertools.count(client):
        begun = clock.monotonic()
        await order(client, number)
        ended.append((clock.monotonic(), clock.monotonic() - begun))


def _orders_a_second(ended: list[tuple[float, float]], begun: float, until: float) -> float:
    return sum(begun < end <= until for end, _ in ended) / (until - begun)
