"""Rate limits over several real processes: together they let in what one would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.access.rate_budgets import WINDOW_SECONDS
from hashrail.access.signatures import MAX_WINDOW_MS
from hashrail.vault import Vault
from tests.support.api_client import CONTRACT, MASTER_KEY, UNLIMITED, Caller, gather_all
from tests.support.books import newcomer
from tests.support.databases import database
from tests.support.served import serving
from tests.support.world import World

LIMIT, PER_ADDRESS, AT_ONCE = 320, 100, 8


class Processes:
    """Four API processes on one database."""

    def __init__(self, world: World, lines: list[httpx.AsyncClient]) -> None:
        self.world = world
        self.lines = lines

    async def callers(self, count: int) -> list[Caller]:
        """One new key of a new partner, at each of the first processes."""
        world = await newcomer(self.world)
        async with db.transaction(world.pool) as tx:
            made = await api_keys.create_key(tx, self.world.vault, partner_id=world.partner.id, kind="secret")
        return [Caller(line, made.key, made.secret) for line in self.lines[:count]]


@pytest.fixture(scope="module")
async def processes(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    folder = tmp_path_factory.mktemp("limited")
    limits = UNLIMITED | {
        "rate_limit_per_minute": LIMIT,
        "rate_limit_per_user_per_minute": LIMIT,
        "rate_limit_per_address_per_minute": PER_ADDRESS,
    }
    async with AsyncExitStack() as clients:
        dsn = clients.enter_context(database(server, template))
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        await world.mine()
        with ExitStack() as served, pytest.MonkeyPatch.context() as environment:
            for name, value in limits.items():
                environment.setenv(f"HASHRAIL_{name.upper()}", str(value))
            started = [served.enter_context(serving(dsn, folder, name)) for name in ("one", "two", "three", "four")]
            lines = [await clients.enter_async_context(each.http()) for each in started]
            yield Processes(world, lines)
        await pool.close()


async def hammer(callers: list[Caller], requests: int) -> list[int]:
    """Each caller sends as fast as it is answered, eight requests at once; answers what came back."""

    async def one_line(caller: Caller) -> list[int]:
        count = requests // len(callers) // AT_ONCE
        # A busy machine may take longer from the signature to its check than signatures of reads usually live.
        asked = {"partnerUserId": "nobody", "recvWindow": MAX_WINDOW_MS}
        return [(await caller.call("s2s_miners", **asked)).status_code for _ in range(count)]

    found = await asyncio.gather(*(one_line(caller) for caller in callers for _ in range(AT_ONCE)))
    return [status for statuses in found for status in statuses]


@pytest.mark.parametrize("count", [1, 2, 4])
async def test_one_key_gets_its_limit_however_many_processes_it_calls(processes: Processes, count: int) -> None:
    """Neither more, nor much less: what one process holds, another lacks for a second."""
    began = clock.monotonic()
    statuses = await hammer(await processes.callers(count), 2 * LIMIT)
    minutes = 1 + int(clock.monotonic() - began) // WINDOW_SECONDS
    assert set(statuses) == {404, 429}
    assert 0.85 * LIMIT <= statuses.count(404) <= LIMIT * minutes


async def test_a_partner_over_its_limit_does_not_starve_another(processes: Processes) -> None:
    """Both at the same address and the same processes, at the same time."""
    greedy, modest = await processes.callers(2), await processes.callers(2)
    one, other = await asyncio.gather(hammer(greedy, 3 * LIMIT // 2), hammer(modest, LIMIT // 2))
    assert 429 in one
    assert set(other) == {404}


async def test_strangers_use_up_their_address_at_every_process(processes: Processes) -> None:
    path = CONTRACT["market_collections"][2]
    answers = await gather_all(*(line.get(path) for line in processes.lines for _ in range(PER_ADDRESS // 2)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert 0.85 * PER_ADDRESS <= statuses.count(200) <= PER_ADDRESS
    assert set(await hammer(await processes.callers(4), 64)) == {404}
