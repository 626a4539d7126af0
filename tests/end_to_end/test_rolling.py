"""Processes are replaced one by one behind a proxy, by those of another release, while partners work: nobody notices.

The new program is a copy of this one with a migration more, which is applied while the old one serves.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.vault import Vault
from tests.support import patience
from tests.support.api_client import UNLIMITED, Caller, an_offer, answered
from tests.support.books import broken
from tests.support.databases import database
from tests.support.folders import ROOT
from tests.support.keys import MASTER_KEY
from tests.support.payouts import ADDRESSES, funded
from tests.support.programs import clean_environment, free_port
from tests.support.proxies import proxied
from tests.support.served import Served, serving
from tests.support.world import World

TOMORROW = "9999_tomorrow"
# Longer than Caddy takes to see that a process is not ready.
LEAVES = "2"
CLIENTS = 4
# Processes that begin need the machine as well.
PAUSE_SECONDS = 0.1


@dataclass
class Load:
    """Clients of a partner who never ask twice, each with a user; what was acknowledged, and what went wrong."""

    caller: Caller
    offer: int
    users: list[int]
    orders: list[str] = field(default_factory=list)
    withdrawals: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    working: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until the end is set. Raises at the first answer that is none."""
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        call, name, done = self.caller.call, f"user-{number}", 0
        while not self.ended.is_set():
            order = {"userId": self.users[number], "externalId": f"{number}-{done}"}
            answered(await call("s2s_payment_create", nftCollectionId=self.offer, **order))
            assert answered(await call("s2s_payment_success", **order)) is True
            self.orders.append(order["externalId"])
            held = answered(await call("s2s_miners", partnerUserId=name, limit=1))
            assert len(held["array"]) == 1
            amount = Decimal("0.00005") + done * Decimal("0.00000001")  # the same one twice would be refused
            to = {"partnerUserId": name, "walletAddress": ADDRESSES[0], "amount": amount}
            assert answered(await call("s2s_withdraw", **to)) is True
            self.withdrawals += 1
            done += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def goes_on(self) -> None:
        """Until each client has been answered again, more than once."""
        before = len(self.orders)
        async with asyncio.timeout(patience.SECONDS):
            while len(self.orders) < before + 2 * CLIENTS:
                if self.working is not None and self.working.done():
                    await self.working
                await asyncio.sleep(0.02)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """The program of today, and that of tomorrow."""
    new = tmp_path / "new"
    shutil.copytree(ROOT / "src", new)  # what is compiled as well: a program begins in a third of the time
    newest = max(path.name for path in (new / "hashrail/sql").glob("*.sql")).removesuffix(".sql")
    (new / f"hashrail/sql/{TOMORROW}.sql").write_text(
        f"-- What comes.\n-- depends: {newest}\n\nALTER TABLE withdrawal ADD COLUMN later text;\n"
    )
    return {"old": ROOT / "src", "new": new}


@pytest.fixture
async def rich(server: str, template: str) -> AsyncIterator[tuple[str, World, list[int]]]:
    """A partner whose users have bitcoin."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        users = [(await world.user(f"user-{number}")).id for number in range(CLIENTS)]
        await funded(world, *users)
        yield dsn, world, users
        await pool.close()


async def load_of(world: World, users: list[int], http: httpx.AsyncClient) -> Load:
    async with db.transaction(world.pool) as tx:
        key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
    return Load(Caller(http, key.key, key.secret), (await an_offer(world, "1")).id, users)


@dataclass
class Place:
    """The two programs, on one database."""

    dsn: str
    folder: Path
    sources: dict[str, Path]

    def settings(self, version: str) -> dict[str, str]:
        """The variables of a process of one of them."""
        path = os.pathsep.join([str(self.sources[version]), str(ROOT / "client/src")])
        unlimited = {f"HASHRAIL_{name.upper()}": "0" for name in UNLIMITED}
        return {"PYTHONPATH": path, "HASHRAIL_LEAVE_SECONDS": LEAVES, **unlimited}

    def serves(self, version: str, port: int, log: str) -> AbstractContextManager[Served]:
        """An API process at a port."""
        trusted = {"HASHRAIL_TRUSTED_PROXIES": '["127.0.0.1/32"]'}
        return serving(self.dsn, self.folder, log, at=port, **self.settings(version), **trusted)

    @contextmanager
    def works(self, version: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker."""
        log = self.folder / f"worker-{version}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "hashrail.cli", "worker"], env=self._environment(version), stderr=output
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def migrate(self, version: str) -> str:
        """What `hashrail migrate` says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hashrail.cli", "migrate"), env=self._environment(version), stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        return said.decode()

    def _environment(self, version: str) -> dict[str, str]:
        given = {"DATABASE_URL": self.dsn, "HASHRAIL_MASTER_KEYS": MASTER_KEY, "HASHRAIL_DATA": str(self.folder)}
        own = {"HASHRAIL_WORKER_PROBE_PORT": str(free_port()), "HASHRAIL_MODE": "sandbox"}
        return clean_environment(**given, **own, **self.settings(version))


async def test_nobody_notices(rich: tuple[str, World, list[int]], sources: dict[str, Path], tmp_path: Path) -> None:
    """Forth, with the schema first; and one of them back, on the schema that stays."""
    dsn, world, users = rich
    place, ports = Place(dsn, tmp_path, sources), (free_port(), free_port())
    with ExitStack() as running:
        serves = [running.enter_context(place.serves("old", port, f"old-{port}")) for port in ports]
        old_worker = running.enter_context(place.works("old"))
        proxy = running.enter_context(proxied("caddy", serves[0].url, tmp_path / "proxy", second=serves[1].url))
        async with httpx.AsyncClient(base_url=proxy.url, verify=proxy.trust(), timeout=patience.SECONDS) as http:
            load = await load_of(world, users, http)
            load.working = asyncio.create_task(load.run())
            await load.goes_on()
            assert f"applied {TOMORROW}" in await place.migrate("new")
            await load.goes_on()
            running.enter_context(place.works("new"))
            for number, version in ((0, "new"), (1, "new"), (0, "old")):
                await left(serves[number])
                again = place.serves(version, ports[number], f"{version}-{ports[number]}-again")
                serves[number] = await asyncio.to_thread(running.enter_context, again)
                await until_asked(serves[number])
                old_worker.send_signal(signal.SIGTERM)  # one takes over from the other
            load.ended.set()
            await load.working
        assert old_worker.wait(patience.SECONDS) == 0
    await check_done(world, load)


async def until_asked(served: Served) -> None:
    """The proxy has seen that a process is ready, and sends to it."""
    async with asyncio.timeout(patience.SECONDS):
        while '"s2s_withdraw"' not in served.log.read_text():
            await asyncio.sleep(0.05)


async def left(served: Served) -> None:
    """It says that it leaves, and is gone when what it was asked is answered."""
    served.process.send_signal(signal.SIGTERM)
    async with served.http() as http:
        async with asyncio.timeout(patience.SECONDS):
            while (ready := await http.get("/readyz")).status_code == 200:
                await asyncio.sleep(0.02)
        assert (ready.json()["error"], ready.headers["connection"]) == ("LEAVING", "close")
    assert await asyncio.to_thread(served.process.wait, patience.SECONDS) == 0


async def check_done(world: World, load: Load) -> None:
    """Every order and withdrawal that was acknowledged is there, once, and the books are right."""
    rows = await world.pool.fetch("SELECT external_id, state FROM purchase WHERE external_id ~ '^[0-9]+-[0-9]+$'")
    assert {row["external_id"]: row["state"] for row in rows} == dict.fromkeys(load.orders, "issued")
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal") == load.withdrawals
    failed = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'failed'"
    assert await world.pool.fetchval(failed) == 0
    assert await broken(world.pool) == {}
