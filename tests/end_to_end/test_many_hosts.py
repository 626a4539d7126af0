"""One deployment on several hosts: PostgreSQL on one, an API and a worker on each of two others, callers on the fourth.

What docs/how-to/many-hosts.md promises: a key is revoked everywhere, limits are shared, jobs are done once, a clock
that is apart is refused, and a host that is cut off in the middle of its work takes nothing with it.
"""

import asyncio
import datetime as dt
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.books import fence
from hashrail.clock import ONE_DAY
from hashrail.postgres import job_queue
from hashrail.rewards import rates
from hashrail.vault import Vault
from tests.support import folders, moved_time, patience
from tests.support.api_client import MASTER_KEY, UNLIMITED, Caller, answered, check_refused, refused_soon
from tests.support.books import advance, broken, offer
from tests.support.deployments import become
from tests.support.host_program import programs
from tests.support.hosts import Host, at_socket, database_on, network, relayed
from tests.support.patience import until
from tests.support.world import World, inputs

API_PORT, PROBE_PORT = 8080, 9080
LIMIT = 6
# Longer than any part of the test that relies on an announcement.
CACHED_SECONDS = "60"
# How the fence is taken by who writes, and by who closes.
SHARES, HOLDS = "SELECT pg_advisory_xact_lock_shared(", "SELECT pg_advisory_xact_lock("


@dataclass(eq=False)
class Machine:
    """A host with an API and a worker; `clock` is the file that its machine's clock is kept in."""

    host: Host
    clock: Path
    log: Path
    http: httpx.AsyncClient

    def set_ahead(self, seconds: int) -> None:
        """Its clock from now on."""
        moved_time.put_into(self.clock, dt.timedelta(seconds=seconds))

    async def status(self, path: str = "/readyz") -> int:
        """What it answers to whoever asks for its health; 0 for nothing."""
        try:
            return (await self.http.get(path)).status_code
        except httpx.TransportError:
            return 0


@dataclass
class Deployment:
    """All of it, and the test's own way to the books, which no cable cuts."""

    world: World
    one: Machine
    two: Machine

    @property
    def machines(self) -> tuple[Machine, Machine]:
        return self.one, self.two

    def other(self, machine: Machine) -> Machine:
        """The one that is not this."""
        return self.two if machine is self.one else self.one

    async def key(self, *, requests_per_minute: int | None = None) -> api_keys.NewKey:
        """A new key of the partner."""
        async with db.transaction(self.world.pool) as tx:
            made = await api_keys.create_key(tx, self.world.vault, partner_id=self.world.partner.id, kind="full")
            if requests_per_minute is not None:
                facts = {"partner_id": self.world.partner.id, "key_id": made.key_id}
                await api_keys.limit_key(tx, **facts, requests_per_minute=requests_per_minute)
            return made

    def callers(self, made: api_keys.NewKey) -> list[Caller]:
        """The key at each of the hosts."""
        return [Caller(machine.http, made.key, made.secret) for machine in self.machines]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """With a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="hosts-", dir=folders.quick(), ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture(scope="module")
async def deployment(folder: Path) -> AsyncIterator[Deployment]:
    """It has one closed day and sells; the processes are ready."""
    async with AsyncExitStack() as ends:
        database, one, two, callers = ends.enter_context(network("database", "one", "two", "callers"))
        dsn = ends.enter_context(database_on(database, folder)) + "/postgres"
        own = at_socket(folder, "postgres")
        world = await a_world(own)
        ends.push_async_callback(world.pool.close)
        start = ends.enter_context(programs(database))
        machines = [await ends.enter_async_context(a_machine(start, host, folder, dsn)) for host in (one, two)]
        ends.enter_context(relayed(callers, folder, one, two, port=API_PORT))
        made = Deployment(world, *machines)
        for machine in machines:

            async def is_ready(machine: Machine = machine) -> bool:
                return await machine.status() == 200

            await until(is_ready, machine.log.read_text)
        yield made


async def a_world(dsn: str) -> World:
    """The schema with a deployment in it."""
    await asyncio.to_thread(db.migrate, dsn)
    await asyncio.to_thread(job_queue.install, dsn)
    become(dsn, mode="sandbox")
    pool = await db.open_pool(dsn, 6)
    world = await World.create(pool)
    world.vault = Vault([MASTER_KEY])
    await offer(world, "16")
    await world.user()
    await world.mine()
    return world


@asynccontextmanager
async def a_machine(start: Callable[..., None], host: Host, folder: Path, dsn: str) -> AsyncIterator[Machine]:
    """Start what runs on a host."""
    data = folder / f"{host.name}.data"
    data.mkdir()
    kept, log = data / "clock", data / "log"
    moved_time.put_into(kept, dt.timedelta(0))
    environment = {
        "DATABASE_URL": dsn,
        "HASHRAIL_MODE": "sandbox",
        "HASHRAIL_DATA": str(data),
        "HASHRAIL_MASTER_KEYS": MASTER_KEY,
        "HASHRAIL_KEY_CACHE_SECONDS": CACHED_SECONDS,
        "HASHRAIL_PAGES": "false",
        **{f"HASHRAIL_{name.upper()}": str(value) for name, value in UNLIMITED.items()},
    }
    start(host, kept, log, "serve", "--host", host.address, "--port", str(API_PORT), **environment)
    start(host, kept, log, "worker", **environment)
    transport = httpx.AsyncHTTPTransport(uds=str(folder / host.name))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://hashrail.test", timeout=patience.SECONDS
    ) as http:
        yield Machine(host, kept, log, http)


async def test_a_key_that_is_revoked_is_refused_at_every_host(deployment: Deployment) -> None:
    """By the announcement, long before what they remember of it is old."""
    made = await deployment.key()
    callers = deployment.callers(made)
    for caller in callers:
        assert (await caller.call("s2s_miners", partnerUserId="alice")).status_code == 200
    async with asyncio.timeout(int(CACHED_SECONDS) / 2):
        async with db.transaction(deployment.world.pool) as tx:
            await api_keys.revoke_key(tx, partner_id=deployment.world.partner.id, key_id=made.key_id)
        for caller in callers:
            check_refused(await refused_soon(caller, "s2s_miners", partnerUserId="alice"), 401, "API_KEY_REVOKED")


async def test_a_limit_is_one_limit(deployment: Deployment) -> None:
    """Whichever host is asked."""
    callers = deployment.callers(await deployment.key(requests_per_minute=LIMIT))
    found = [(await callers[number % 2].call("s2s_miners", partnerUserId="alice")).status_code for number in range(10)]
    assert found == [200] * LIMIT + [429] * (10 - LIMIT)


async def test_a_host_with_a_wrong_clock_does_nothing(deployment: Deployment) -> None:
    """Until it is right again; the other host goes on."""
    one, two = deployment.machines
    at_one, at_two = deployment.callers(await deployment.key())
    one.set_ahead(120)

    async def is_refused() -> bool:
        refused = await at_one.call("s2s_miners", partnerUserId="alice")
        return bool(refused.json().get("error") == "CLOCK_DIFFERS")

    await until(is_refused)
    assert await one.status() == 503
    assert await two.status() == 200
    assert (await at_two.call("s2s_miners", partnerUserId="alice")).status_code == 200

    async def both_say_so() -> bool:
        return one.log.read_text().count("this machine's clock is wrong") == 2

    await until(both_say_so)
    one.set_ahead(0)

    async def answers() -> bool:
        return (await at_one.call("s2s_miners", partnerUserId="alice")).status_code == 200

    await until(answers)


async def test_a_host_that_is_cut_off_takes_nothing_with_it(deployment: Deployment) -> None:
    """It has an order and a day under way when its cable is pulled: both are done once, by the other."""
    world = deployment.world
    at = dict(zip(deployment.machines, deployment.callers(await deployment.key()), strict=True))
    acknowledged = answered(await order(at[deployment.one], world, "before"))
    async with db.transaction(world.pool) as tx:
        await fence.hold(tx, [world.partner.id])
        day = await day_is_over(world)
        lost = await who_closes(deployment)
        other = deployment.other(lost)
        asked = asyncio.create_task(order(at[lost], world, "in the middle"))
        await until(lambda: waiting(world, SHARES, lost.host))
        lost.host.cut_off()
    asked.cancel()
    for _ in range(2):
        answered(await order(at[other], world, "in the middle"))
        assert answered(await order(at[other], world, "before")) == acknowledged
    orders = [row["external_id"] for row in await world.pool.fetch("SELECT external_id FROM purchase ORDER BY id")]
    assert orders == ["before", "in the middle"]

    async def is_closed() -> bool:
        return bool(await world.pool.fetchval("SELECT closed_through >= $1 FROM partner_day", day))

    await until(is_closed, other.log.read_text)
    days_kept = lost.log.read_text().count("days kept")
    lost.host.plug_in()

    async def goes_on() -> bool:
        return await lost.status() == 200

    async def works() -> bool:
        return lost.log.read_text().count("days kept") > days_kept

    await until(goes_on, lost.log.read_text)
    await until(works, lost.log.read_text)
    for machine in (lost, other):
        answered(await order(at[machine], world, "in the middle"))
        answered(await order(at[machine], world, f"at {machine.host.name} afterwards"))
    assert await world.pool.fetchval("SELECT count(*) FROM purchase") == 4
    assert await broken(world.pool) == {}


async def order(caller: Caller, world: World, external_id: str) -> httpx.Response:
    """Alice's, of the one offer that there is."""
    alice = await world.pool.fetchval("SELECT id FROM app_user WHERE partner_user_id = 'alice'")
    offered = await offer(world, "16")
    return await caller.call("s2s_payment_create", userId=alice, nftCollectionId=offered, externalId=external_id)


async def day_is_over(world: World) -> dt.date:
    """A day has ended and has its rates; answers it. A worker will publish it and close it."""
    day = await world.today()
    now = await advance(world, ONE_DAY)
    async with db.transaction(world.pool) as tx:
        await rates.enter(tx, inputs(day), at=now)
    return day


async def waiting(world: World, lock: str, host: Host) -> bool:
    """Whether somebody at the host waits for the partner's fence in this way."""
    found = """SELECT count(*) FROM pg_stat_activity
               WHERE wait_event_type = 'Lock' AND client_addr = $1 AND starts_with(query, $2)"""
    return bool(await world.pool.fetchval(found, ip_address(host.address), lock))


async def who_closes(deployment: Deployment) -> Machine:
    """Whose worker is in the middle of closing a day, and waits for the fence."""
    found: list[Machine] = []

    async def somebody_does() -> bool:
        found.extend([each for each in deployment.machines if await waiting(deployment.world, HOLDS, each.host)])
        return bool(found)

    await until(somebody_does)
    return found[0]
