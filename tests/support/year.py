"""A deployment that lives for a year: a node, five exchanges, a worker, somebody who is told, and clocks that a test
moves.

It is a production deployment whose business clock was never moved: the clocks of its machine and its database are
those of the test. The worker's jobs run in this process, all that a worker does in an hour at each tick; for some days
real worker processes do them. The API is served by a process of its own.
"""

import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import procrastinate

from hashrail import clock, db
from hashrail.alarms import delivery, observations, states
from hashrail.alarms.delivery import Receivers
from hashrail.bitcoin.node import BitcoinNode
from hashrail.clock import ONE_DAY
from hashrail.deployment import opened
from hashrail.deployment.opened import Deployment
from hashrail.errors import HashrailError
from hashrail.events import mover
from hashrail.market import exchanges as market
from hashrail.postgres import job_queue
from hashrail.processes import delivering, watching, worker
from hashrail.rewards import fetching, rates
from hashrail.settings import Settings
from tests.support import keys, moved_time, patience
from tests.support.bitcoin_node import FUNDING_BLOCKS, LyingNode, Node, lying, running
from tests.support.deployments import become
from tests.support.exchanges import PAIRS, SOURCES, Exchanges, exchanges_open, settings_for
from tests.support.receivers import Receiver, receiving
from tests.support.world import World
from tests.support.year_programs import Office, Programs, variables

FIRST = dt.date(2026, 3, 1)
FIVE = list(PAIRS)[:5]
BLOCKS = 12
# Regtest has almost no difficulty and halves every 150 blocks: what the node tells of both is the main network's, with
# an epoch of ten days, and one halving at the noon of a day.
DIFFICULTY, EPOCH, RISE = 120_000_000_000_000, 10 * BLOCKS, 2_000_000_000_000
# What `begin_node` mines.
BEFORE = FUNDING_BLOCKS + 101
SUBSIDY_SAT, HALVED = 312_500_000, FIRST + 57 * ONE_DAY
HALVING = BEFORE + 1 + (HALVED - FIRST).days * BLOCKS + BLOCKS // 2
WALLET = "hashrail"
KWH_USD = Decimal("0.01")
# What is kept beside the books.
BESIDE = {"observation", "minute_count", "worker_heartbeat", "operator_action", "operator_change", "journal_entry"}
OFTEN = ("fetch_rates", "keep_days", "write_journal", "pay", "forget_stalled", "see_wallet")


class KeptOpen:
    """Exchanges that are asked by one process for a year: their lists of markets are read once."""

    def __init__(self, asked: market.Exchanges) -> None:
        self.asked = asked

    async def __aenter__(self) -> market.Exchanges:
        return self.asked

    async def __aexit__(self, *_: object) -> None:
        """They stay open."""


@dataclass(frozen=True)
class Served:
    """What the world served of a day: its blocks by height, the satoshi that they paid in fees, a price by exchange."""

    heights: range
    fees_sat: int
    prices: dict[str, Decimal]


@dataclass
class Year:
    """The deployment, the world around it, and what time it is."""

    put: moved_time.Put
    world: World
    deployment: Deployment
    node: Node
    mirror: LyingNode
    exchanges: Exchanges
    receiver: Receiver
    queue: procrastinate.App
    programs: Programs
    office: Office
    now: dt.datetime
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    cents: int = 8_000_000
    blocks: dict[dt.date, tuple[range, int]] = field(default_factory=dict)
    # Exchanges whose word of a day does not count, silent or wrong.
    left_out: dict[dt.date, set[str]] = field(default_factory=dict)

    # The world

    async def stand_at(self, moment: dt.datetime) -> None:
        """It is this moment, until the test says that it is another."""
        assert moment >= self.now, "time does not run backwards"
        self.now = moment
        moved_time.machine_reads(self.put, lambda: moment)
        await self.world.pool.execute("UPDATE test_clock SET stands_at = $1", moment)
        moved_time.put_into(self.programs.clock, moment)

    def trade(self, day: dt.date, percent: int, wrong: set[str]) -> None:
        """What a coin cost at each exchange at the end of a day: near to so much of a price that wanders.

        Those that are wrong say a tenth more.
        """
        self.cents = min(max(self.cents * self.dice.randint(9700, 10300) // 10_000, 5_000_000), 15_000_000)
        for name in FIVE:
            cents = self.cents * percent // 100 * self.dice.randint(9970, 10030) // 10_000
            cents += cents // 10 if name in wrong else 0
            self.exchanges.own.setdefault(name, {})[day] = f"{cents // 100}.{cents % 100:02}"
        self.left_out[day] = set(wrong)

    def mine(self, day: dt.date) -> None:
        """The blocks of a day, five minutes after its midnight: they bury those of the day before."""
        waiting = self.node.rpc("getrawmempool", True).values()
        fees_sat = sum(int(each["fees"]["base"].scaleb(8)) for each in waiting)
        first = self.node.rpc("getblockcount") + 1
        self.node.rpc("setmocktime", int(clock.start_of(day).timestamp()) + 300)
        self.node.rpc("generatetodescriptor", BLOCKS, f"raw({day.toordinal():08x}51)")
        self.blocks[day] = (range(first, first + BLOCKS), fees_sat)

    def served(self, day: dt.date) -> Served:
        """What was served of a day, without those who were silent or wrong."""
        counted = set(FIVE) - self.left_out.get(day, set())
        return Served(*self.blocks[day], {name: Decimal(self.exchanges.own[name][day]) for name in counted})

    # The deployment

    async def jobs(self, *names: str) -> None:
        """What a worker does in so many jobs. One that fails is noted by itself, and tried again later."""
        for name in names:
            with suppress(HashrailError):
                await self.queue.tasks[name](timestamp=0)

    async def night(self, day: dt.date, *, is_quiet: bool = False) -> None:
        """Ten past midnight: all that a worker does in an hour; and an hour later what there is to do.

        A quiet one is without payouts and alarms, of which there are none.
        """
        await self.stand_at(clock.start_of(day) + dt.timedelta(minutes=10))
        is_quiet = is_quiet and not await self.has_alarms()
        await self.jobs(*(("fetch_rates", "keep_days", "audit") if is_quiet else (*OFTEN, "audit", "reconcile")))
        for row in await self.world.pool.fetch("SELECT day FROM mining_day WHERE entered_at = $1", self.now):
            self.left_out.setdefault(row["day"], set()).update(self.exchanges.faults)
        if not is_quiet:
            await self.watch()
        await self.stand_at(self.now + dt.timedelta(minutes=70))
        if await self.has_alarms():
            await self.jobs(*OFTEN)
            await self.watch()
        else:
            await self.jobs("keep_days")

    async def has_alarms(self) -> bool:
        """Something rings, or is about to."""
        found: bool = await self.world.pool.fetchval("SELECT EXISTS (SELECT FROM alarm WHERE ended_at IS NULL)")
        return found

    async def watch(self) -> None:
        """What a worker does beside its jobs."""
        await mover.move_all(self.world.pool)
        await delivering.note(self.world.pool, {})  # there are no endpoints of webhooks
        await watching.beat(self.deployment)
        await states.evaluate(self.deployment)
        await delivery.deliver(self.deployment, Receivers(self.deployment.settings.alarm_urls))

    async def rings(self) -> list[str]:
        """What rings since the worker looked last, by code and subject."""
        rows = await self.world.pool.fetch(
            "SELECT code, subject FROM alarm WHERE rings_at IS NOT NULL AND ended_at IS NULL ORDER BY code, subject"
        )
        return [f"{row['code']} {row['subject']}".strip() for row in rows]

    def told(self, what: str) -> Counter[str]:
        """How often which alarm was told to have begun, or ended."""
        lines = [title.partition(": ")[2] for title in self.receiver.titles]
        return Counter(line.removesuffix(f" {what}") for line in lines if line.endswith(f" {what}"))

    async def check(self) -> None:
        """Every invariant held when the worker looked last, and it has looked."""
        seen = (await observations.known(self.world.pool))[observations.AUDIT]
        assert (seen.seen_at, seen.bad_since, seen.message) == (seen.good_at, None, None)
        assert self.now - seen.seen_at < ONE_DAY

    async def books(self) -> dict[str, str]:
        """What stands in every table but those of what was asked and done, counted and seen."""
        rows = await self.world.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        stands = "SELECT coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') FROM {} t"
        names = {row["tablename"] for row in rows} - BESIDE
        return {name: await self.world.pool.fetchval(stands.format(name)) for name in sorted(names)}

    # Processes

    async def run_on(self) -> dt.timedelta:
        """Time goes on by itself; answers how far it is ahead of the time outside."""
        ahead = self.now - moved_time.REAL_NOW()
        moved_time.machine_reads(self.put, lambda: moved_time.REAL_NOW() + ahead)
        await self.world.pool.execute("UPDATE test_clock SET stands_at = NULL, ahead = $1", ahead)
        moved_time.put_into(self.programs.clock, ahead)
        return ahead

    async def night_of_the_killed(self, day: dt.date) -> None:
        """A worker dies while it asks exchanges, and another when it has entered yesterday's figures."""
        await self.stand_at(clock.start_of(day) + dt.timedelta(minutes=6))
        before = len(self.exchanges.asked)

        async def asks() -> bool:
            return len(self.exchanges.asked) > before

        async def has_entered() -> bool:
            async with db.transaction(self.world.pool) as tx:
                return await rates.has_rates(tx, day - ONE_DAY)

        ahead = await self.run_on()
        for done in (asks, has_entered):
            await self.programs.kill_worker(self.world.pool, done)
            await self.forget_the_killed()
        await self.stand_at(moved_time.REAL_NOW() + ahead)

    async def forget_the_killed(self) -> None:
        """Time has passed since a worker was killed: its jobs are ended, and those of a minute may begin anew."""
        await self.world.pool.execute(
            "UPDATE procrastinate.procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 hour'"
        )
        await worker.forget_stalled(self.queue)
        await self.world.pool.execute("DELETE FROM procrastinate.procrastinate_jobs")
        await self.world.pool.execute("DELETE FROM procrastinate.procrastinate_periodic_defers")


def difficulty_at(height: int) -> int:
    """What the node tells of a block."""
    return DIFFICULTY + RISE * (height // EPOCH)


def subsidy_at(height: int) -> int:
    """The same, in satoshi."""
    return SUBSIDY_SAT if height < HALVING else SUBSIDY_SAT // 2


def mirrored(put: moved_time.Put) -> None:
    """What the mirror tells processes is told here without it, which is quicker."""
    real = BitcoinNode.call_many

    async def call_many(node: BitcoinNode, calls: Sequence[tuple[str, tuple[Any, ...]]], *, kind: Any) -> list[Any]:
        found = await real(node, calls, kind=kind)
        method = calls[0][0] if calls else ""
        if method == "getblockheader":
            return [each if isinstance(each, str) else _as_told(each) for each in found]
        if method == "getblockstats":
            return [msgspec.structs.replace(each, subsidy=subsidy_at(each.height)) for each in found]
        return found

    put(BitcoinNode, "call_many", call_many)


def _as_told(header: Any) -> Any:
    return msgspec.structs.replace(header, difficulty=Decimal(difficulty_at(header.height)))


def _header(_: list[Any], real: Any) -> Any:
    # What a payment is proven by are its bytes, which stay.
    return real if isinstance(real, str) else real | {"difficulty": difficulty_at(real["height"])}


def _stats(_: list[Any], real: Any) -> Any:
    return real | {"subsidy": subsidy_at(real["height"])}


def begin_node(node: Node) -> None:
    """A wallet that pays, and enough blocks before the year; its clock stands just before it."""
    node.rpc("setmocktime", int(clock.start_of(FIRST).timestamp()) - 86_400)
    node.wallet(WALLET, coins=6)
    node.rpc("createwallet", "customers")
    assert node.rpc("getblockcount") == BEFORE


@asynccontextmanager
async def year(put: moved_time.Put, dsn: str, folder: Path) -> AsyncIterator[Year]:
    """The first morning."""
    start = clock.start_of(FIRST) + dt.timedelta(minutes=5)
    async with AsyncExitStack() as stack:
        node, receiver = stack.enter_context(running()), stack.enter_context(receiving())
        begin_node(node)
        mirror = await stack.enter_async_context(lying(node))
        mirror.lies = {"getblockheader": _header, "getblockstats": _stats}
        exchanges = await stack.enter_async_context(exchanges_open())
        asked = settings_for(exchanges, market_btc_sources=SOURCES[:5], market_timeout_seconds=patience.SECONDS)
        mirrored(put)
        chain = {"bitcoin_rpc_url": node.url, "bitcoin_rpc_cookie": node.cookie, "bitcoin_wallet": WALLET}
        told = {"alarm_urls": {"ops": receiver.url.get_secret_value()}, "alarm_least": {"ops": "info"}}
        ours = {"bitcoin_network": "regtest", "data": folder, "kwh_usd": KWH_USD, "master_keys": keys.MASTER_KEY}
        values = ours | chain | asked | told
        moved_time.install(dsn)
        moved_time.find_it(put)
        moved_time.machine_reads(put, lambda: start)
        pool = await db.open_pool(dsn, connections=6)
        stack.push_async_callback(pool.close)
        await pool.execute("UPDATE test_clock SET stands_at = $1", start)
        become(dsn, chain="node", mode="production", **values)
        world = await World.create(pool, start)
        settings = Settings(**values)
        deployment = await opened.with_chain(await opened.on_pool(pool, settings), signs=True)
        assert deployment.node is not None
        stack.push_async_callback(deployment.node.close)
        asks = await stack.enter_async_context(market.Exchanges(deployment.settings))
        put(fetching, "Exchanges", lambda _: KeptOpen(asks))
        job_queue.install(dsn)
        queue = job_queue.queue(dsn)
        worker.tasks(queue, deployment)
        await stack.enter_async_context(queue.open_async())
        programs = Programs(folder, dsn, variables(values | {"bitcoin_rpc_url": mirror.url}))
        stack.callback(programs.end)
        office = Office(dsn, folder, variables(values))
        made = Year(put, world, deployment, node, mirror, exchanges, receiver, queue, programs, office, start)
        await made.stand_at(start)
        yield made
