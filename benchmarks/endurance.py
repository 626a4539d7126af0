"""python -m benchmarks.endurance: mixed work at half of what saturates, for as long as is asked, and everything happens
meanwhile that happens to a deployment. Nothing that was acknowledged may be missing, and no process may grow.

    python -m benchmarks.endurance --minutes 15      # writes docs/endurance.md; 480 is a day of work

Two API processes behind Caddy, a worker, a simulated chain, and two PostgreSQL servers under Patroni, of which one is
the synchronous standby of the other. Days pass and are closed, payouts made; both API processes are replaced one by
one, twice; the worker is killed; the primary is killed, and its standby takes over.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from tests.failover import cluster as clusters
from tests.failover.cluster import Cluster
from tests.support.api_client import UNLIMITED, an_offer, buy
from tests.support.api_client import Caller as Partner
from tests.support.keys import MASTER_KEY
from tests.support.payouts import earn
from tests.support.programs import free_port
from tests.support.proxies import proxied
from tests.support.served import Served, members_of, serving
from tests.support.world import World

from benchmarks import report, stage
from benchmarks.endurance_clients import Client, Journal
from benchmarks.measure import Table
from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.audit import invariants
from hashrail.postgres import job_queue
from hashrail.vault import Vault

PAGE = Path(__file__).parent.parent / "docs" / "endurance.md"
INTRODUCTION = """\
# A day of load

Written by `{command}`; do not edit. Two API processes behind Caddy, a worker, a primary PostgreSQL
with its synchronous standby, and the clients share one machine.

"""
CREDIT_LIMIT_USD = Decimal(10) ** 12
CLIENTS = 8
# Of the whole, to find the rate that saturates.
CALIBRATION = 0.1
MAX_CALIBRATION_SECONDS = 20
BUCKETS_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 5000)
MIB = 1024 * 1024
# What a process may grow from a third of its life to its end.
MAX_GROWTH = 1.25
SAMPLES = 15
LONG_LIFE = 4
API, WORKER = "API process", "worker"
PRIMARY_LOST = "the primary is killed, and its standby takes over"
KEPT = {
    **{f"HASHRAIL_{name.upper()}": "0" for name in UNLIMITED},
    "HASHRAIL_ORDER_TTL_SECONDS": str(31 * 86400),  # the clock jumps over a day while orders are under way
    "HASHRAIL_LEAVE_SECONDS": "3",
    "HASHRAIL_TRUSTED_PROXIES": '["127.0.0.1/32"]',
    "HASHRAIL_MODE": "sandbox",
}


@dataclass
class Site:
    """What runs: two servers at their ports, a worker, and the cluster under them."""

    cluster: Cluster
    dsn: str
    folder: Path
    running: ExitStack
    ports: tuple[int, int]
    served: list[Served] = field(default_factory=list)
    worker: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    def serve(self, port: int) -> Served:
        """An API process at a port."""
        self.starts += 1
        return self.running.enter_context(serving(self.dsn, self.folder, f"api-{self.starts}", at=port, **KEPT))

    def work(self) -> None:
        """A worker."""
        given = {"DATABASE_URL": self.dsn, "HASHRAIL_MASTER_KEYS": MASTER_KEY, "HASHRAIL_DATA": str(self.folder)}
        self.starts += 1
        with (self.folder / f"worker-{self.starts}.log").open("wb") as output:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "hashrail.cli", "worker"],
                env=os.environ | given | KEPT | {"HASHRAIL_WORKER_PROBE_PORT": str(free_port())},
                stderr=output,
            )

    def stop_working(self) -> None:
        """At the end."""
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()

    def keep_working(self) -> None:
        """As a service manager does: one that ended is started again."""
        if self.worker is not None and self.worker.poll() is not None:
            self.work()

    async def replace(self) -> None:
        """Both API processes, one after the other, as docs/how-to/rolling-deploys.md has it."""
        for number, port in enumerate(self.ports):
            await asyncio.to_thread(self.served[number].stop)
            self.served[number] = await asyncio.to_thread(self.serve, port)
            await asyncio.sleep(2)

    async def kill_worker(self) -> None:
        """By -9; another one begins."""
        self.stop_working()
        self.work()

    async def lose_primary(self) -> None:
        """By -9; its standby takes over, and it comes back as the standby, without which nothing is committed."""
        lost = await asyncio.to_thread(self.cluster.primary)
        await asyncio.to_thread(self.cluster.crash, lost)
        await asyncio.to_thread(self.cluster.await_primary, lost)
        await asyncio.to_thread(self.cluster.await_standby)

    def resident(self) -> dict[tuple[str, int], float]:
        """MiB of each process, by what it is and its number: of a server the ones that answer."""
        answering = [pid for each in self.served for pid in members_of(each.process.pid) if pid != each.process.pid]
        assert self.worker is not None
        processes = [*((API, pid) for pid in answering), (WORKER, self.worker.pid)]
        return {process: _resident_mib(process[1]) for process in processes}


def _resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@dataclass
class Day:
    """The work of a while: what happens at which part of it, and what was seen."""

    site: Site
    journal: Journal
    clients: list[Client]
    seconds: float
    tell: Callable[[str], None]
    memory: list[tuple[float, dict[tuple[str, int], float]]] = field(default_factory=list)
    happened: list[tuple[float, str, int]] = field(default_factory=list)
    began: float = 0.0

    async def live(self, pause: float) -> None:
        """All of it."""
        self.began = clock.monotonic()
        ends = self.began + self.seconds
        async with asyncio.TaskGroup() as group:
            for client in self.clients:
                group.create_task(client.work(ends, pause))
            group.create_task(self._sample(ends))
            group.create_task(self._events())

    async def _events(self) -> None:
        days = [(part / 12, "a day passes, and is closed", self._day) for part in (1, 3, 5, 9, 11)]
        others: list[tuple[float, str, Callable[[], Awaitable[None]]]] = [
            (0.20, "both API processes are replaced", self.site.replace),
            (0.50, "the worker is killed", self.site.kill_worker),
            (0.60, PRIMARY_LOST, self.site.lose_primary),
            (0.80, "both API processes are replaced", self.site.replace),
        ]
        for part, what, happen in sorted([*days, *others], key=lambda each: each[0]):
            await asyncio.sleep(max(0.0, self.began + part * self.seconds - clock.monotonic()))
            before, at = self.journal.troubles.total(), clock.monotonic() - self.began
            self.tell(f"{at:.0f} s: {what}")
            await happen()
            await asyncio.sleep(1)
            self.happened.append((at, what, self.journal.troubles.total() - before))

    async def _day(self) -> None:
        await self.clients[0].again("sandbox_advance", days=1)

    async def _sample(self, ends: float) -> None:
        while clock.monotonic() < ends:
            self.site.keep_working()
            self.memory.append((clock.monotonic() - self.began, self.site.resident()))
            await asyncio.sleep(self.seconds / SAMPLES)


async def run(cluster: Cluster, folder: Path, seconds: float, tell: Callable[[str], None]) -> list[Table]:
    """Begin, find the rate, work, look."""
    dsn = cluster.dsn(await asyncio.to_thread(clusters.new_books, cluster))
    await asyncio.to_thread(job_queue.install, dsn)
    pool = await db.open_pool(dsn)
    world = await (await World.create(pool)).another_partner("load", CREDIT_LIMIT_USD)
    world.vault = Vault([MASTER_KEY])
    with ExitStack() as running:
        site = Site(cluster, dsn, folder, running, (free_port(), free_port()))
        site.served = [await asyncio.to_thread(site.serve, port) for port in site.ports]
        site.work()
        running.callback(site.stop_working)
        proxy = running.enter_context(proxied("caddy", site.served[0].url, folder / "proxy", second=site.served[1].url))
        async with httpx.AsyncClient(base_url=proxy.url, verify=proxy.trust(), timeout=60) as http:
            journal = Journal()
            clients = await _clients(world, http, journal)
            await pool.close()
            calibration = min(MAX_CALIBRATION_SECONDS, seconds * CALIBRATION)
            tell(f"for {calibration:.0f} s as fast as it goes")
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.work(clock.monotonic() + calibration, 0.0))
            answers = journal.answers.total()
            journal.forget()
            day = Day(site, journal, clients, seconds, tell)
            # Half of what saturates: each client begins twice as seldom.
            await day.live(CLIENTS * calibration / max(1, sum(client.turns for client in clients)) * 2)
            wrong, paid = await _wrong(dsn, clients, folder), await _paid(dsn)
    return [
        _work(day, answers / calibration),
        _events(day),
        _latency(journal),
        _memory(day),
        _end(journal, wrong, paid),
    ]


async def _clients(world: World, http: httpx.AsyncClient, journal: Journal) -> list[Client]:
    """Each with two users, of whom the first has two miners and a day's income."""
    async with db.transaction(world.pool) as tx:
        key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
    offer, partner, clients = await an_offer(world, "1"), Partner(http, key.key, key.secret), []
    for number in range(CLIENTS):
        user, _ = (await world.user(f"user-{number}")).id, await world.user(f"friend-{number}")
        upgraded, ball = await buy(world, user), await buy(world, user)
        clients.append(Client(partner, journal, number, user, offer.id, upgraded, ball))
    await earn(world, "0")
    await earn(world, "1")
    return clients


async def _wrong(dsn: str, clients: list[Client], folder: Path) -> list[str]:
    """What the books do not have of what was acknowledged, or what is wrong with them."""
    pool = await db.open_pool(dsn)
    found = [fault for client in clients for fault in await client.missing(pool)]
    async with db.snapshot(pool) as tx:
        found += [f"audit: {each.name}" async for each in invariants.audit(tx) if each.rows]
    await pool.close()
    environment = (
        os.environ | KEPT | {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": MASTER_KEY, "HASHRAIL_DATA": str(folder)}
    )
    made = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "hashrail.cli", "payouts", "reconcile"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return found if made.returncode == 0 else [*found, f"reconcile: {made.stdout[-500:]}{made.stderr[-500:]}"]


async def _paid(dsn: str) -> str:
    """How many withdrawals are in which state."""
    pool = await db.open_pool(dsn, connections=1)
    rows = await pool.fetch("SELECT state, count(*) AS count FROM withdrawal GROUP BY state ORDER BY state")
    await pool.close()
    return ", ".join(f"{row['count']:,} {row['state']}" for row in rows)


def _work(day: Day, saturated: float) -> Table:
    table = Table(
        "What was done",
        ("operation", "answers", "a second"),
        notes=[
            f"{CLIENTS} clients. As fast as it went: {saturated:,.0f} answers a second, found in a while before.",
            "Each client works at half of that pace, and sends again what was not answered.",
        ],
    )
    for operation, count in day.journal.answers.most_common():
        table.add(operation, f"{count:,}", f"{count / day.seconds:,.1f}")
    total = day.journal.answers.total()
    table.add("all", f"{total:,}", f"{total / day.seconds:,.1f}")
    return table


def _events(day: Day) -> Table:
    table = Table(
        "What happened meanwhile",
        ("after", "what", "requests not answered at first"),
        notes=[
            "Where the primary is lost some are not answered, and are sent again; elsewhere none may be.",
            "A worker that ends since no primary was there when it began is started again, as a service manager does.",
        ],
    )
    for at, what, troubles in day.happened:
        may = what == PRIMARY_LOST
        judged = {} if may else {"target": "none", "verdict": troubles == 0}
        table.add(f"{at:,.0f} s", what, f"{troubles:,}", **judged)  # type: ignore[arg-type]
    return table


def _latency(journal: Journal) -> Table:
    table = Table(
        "How long answers took",
        ("within", "answers", "of all"),
        notes=["As the client waited, through the proxy; what was sent again counts from its last time."],
    )
    taken, before = sorted(journal.taken_ms), 0
    for bucket in (*BUCKETS_MS, None):
        upto = len(taken) if bucket is None else sum(1 for each in taken if each <= bucket)
        name = "longer" if bucket is None else f"{bucket:,} ms"
        table.add(name, f"{upto - before:,}", f"{100 * upto / max(1, len(taken)):.2f} %")
        before = upto
    return table


def _memory(day: Day) -> Table:
    table = Table(
        "Memory by time",
        ("after", "each API process", "worker"),
        notes=[
            "Resident, in MiB; the largest of the API processes. Processes that were replaced or killed begin anew.",
            "Growth is from a third of the life of a process to its end, of those that lived for long.",
        ],
    )
    lives: dict[tuple[str, int], list[float]] = {}
    for at, seen in day.memory:
        kinds = {
            kind: max((mib for (each, _), mib in seen.items() if each == kind), default=0) for kind in (API, WORKER)
        }
        table.add(f"{at:,.0f} s", f"{kinds[API]:.0f}", f"{kinds[WORKER]:.0f}")
        for process, mib in seen.items():
            lives.setdefault(process, []).append(mib)
    grown = max(_growth(life) for life in lives.values())
    table.add("grown", f"{grown:.2f} times", "", target=f"at most {MAX_GROWTH}", verdict=grown <= MAX_GROWTH)
    return table


def _growth(life: list[float]) -> float:
    """How many times as large a process is at its end as at a third of its life; 1 for one that lived for moments."""
    seen = [mib for mib in life if mib > 0]
    return seen[-1] / seen[len(seen) // 3] if len(seen) >= LONG_LIFE else 1.0


def _end(journal: Journal, wrong: list[str], paid: str) -> Table:
    table = Table(
        "At the end",
        ("what", "found"),
        notes=[
            "Every order, withdrawal, upgrade and transfer that was acknowledged is looked for; then audit, reconcile.",
            f"Withdrawals at the end: {paid}.",
        ],
    )
    for what, found in (("refused, though nothing was wrong with it", journal.refused), ("lost or wrong", wrong)):
        table.add(what, "; ".join(found[:5]) or "nothing", target="nothing", verdict=not found)
    return table


def main(
    minutes: Annotated[float, typer.Option(help="How long to work, in minutes; 480 is a day.", min=0.5)] = 15,
    page: Annotated[Path, typer.Option(help="The page that is written.")] = PAGE,
) -> None:
    """Work for a while at half of what saturates, and write docs/endurance.md. Exit code 1 when a target was missed."""
    out, err = Console(), Console(stderr=True)
    if reason := clusters.missing():
        err.print(reason, highlight=False)
        raise typer.Exit(1)
    with tempfile.TemporaryDirectory(prefix="hashrail-endurance-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with clusters.running() as cluster:
            facts = asyncio.run(stage.facts(cluster.dsn(), "to its standby and to clients over TCP"))
            tables = asyncio.run(run(cluster, Path(folder), minutes * 60, err.print))
        shutil.rmtree(folder, ignore_errors=True)
    report.show(out, tables)
    command = f"python -m benchmarks.endurance --minutes {minutes:g}"
    page.write_text(report.page(INTRODUCTION.format(command=command), facts, tables))
    missed = report.missed(tables)
    for line in missed:
        err.print(f"[red]missed[/red] {line}", highlight=False)
    if missed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
