"""Where benchmarks run: databases of their own, and what the machine and the server are."""

import importlib.metadata
import os
import platform
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.measure import RUNS, Tell
from hashrail import clock, db
from hashrail.deployment.establishing import establish
from hashrail.settings import Settings

CONNECTIONS = 20
SHOWN_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size", "data_checksums")
# What a run begins with, by the names of these facts.
LOAD, SPEED = "Load before the run", "Speed before the run"
# How often is looked at how fast the machine is, and how much is added each time.
LOOKS, ADDED = 5, 500_000
SHOWN_PACKAGES = ("asyncpg", "granian", "litestar", "msgspec", "uvloop")


@dataclass(frozen=True, slots=True)
class Stage:
    """A server on which databases may be created, a migrated one there to copy, a folder for files, how many runs,
    where progress is told, and for how many minutes load lasts where it is not runs that count."""

    server: str
    template: str
    folder: Path
    tell: Tell
    runs: int = RUNS
    minutes: float = 2

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The DSN of a migrated database that is dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        await _execute(self.server, f"CREATE DATABASE {name} TEMPLATE {self.template}")
        try:
            yield _with_database(self.server, name)
        finally:
            await _execute(self.server, f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """The DSN of a database without anything in it, which is dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        await _execute(self.server, f"CREATE DATABASE {name}")
        try:
            yield _with_database(self.server, name)
        finally:
            await _execute(self.server, f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[db.Pool]:
        """Connections to a migrated database that is dropped afterwards."""
        async with self.database() as dsn:
            opened = await db.open_pool(dsn, CONNECTIONS)
            try:
                yield opened
            finally:
                await opened.close()


async def migrated(server: str) -> str:
    """The name of a new database with the whole schema, of a production deployment, as the servers under load are."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    await _execute(server, f"CREATE DATABASE {name}")
    await db.migrate_in_thread(_with_database(server, name))
    pool = await db.open_pool(_with_database(server, name), connections=1)
    await establish(pool, Settings(mode="production"))
    await pool.close()
    return name


async def facts(server: str, reached: str = "over a Unix socket") -> list[tuple[str, str]]:
    """What the figures depend on: hardware, versions and the server's settings, by name."""
    connection = await asyncpg.connect(server)
    try:
        version = await connection.fetchval("SELECT current_setting('server_version')")
        rows = await connection.fetch(
            "SELECT name, current_setting(name) FROM unnest($1::text[]) AS name", SHOWN_SETTINGS
        )
        settings = [" ".join(row.values()) for row in rows]
    finally:
        await connection.close()
    return [
        ("CPU", f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores"),
        ("Memory", f"{_memory_gib()} GiB"),
        (LOAD, f"{os.getloadavg()[0]:.1f}"),
        (SPEED, f"{_additions_a_second() / 1e6:.0f} million additions a second by Python"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_version()}, {', '.join(_packages())}"),
        ("PostgreSQL", f"{version}, on the same machine, {reached}"),
        ("PostgreSQL settings", ", ".join(settings)),
    ]


def _additions_a_second() -> float:
    """How fast a core is just now, the best of a few looks: whoever shares the machine makes it faster and slower."""
    fastest = float("inf")
    for _ in range(LOOKS):
        began, total = clock.monotonic(), 0
        for number in range(ADDED):
            total += number
        fastest = min(fastest, clock.monotonic() - began)
    return ADDED / fastest


def postmaster(backend_pid: int) -> int:
    """The process that a backend on this machine belongs to."""
    return _stat(Path(f"/proc/{backend_pid}"))[0]


def cpu_seconds(parent: int) -> float:
    """CPU time that a process, those it waited for, and its living children have used."""
    while True:
        before = _stat(Path(f"/proc/{parent}"))[2]
        living = sum(_ticks_of_child(folder, parent) for folder in Path("/proc").glob("[0-9]*"))
        after = _stat(Path(f"/proc/{parent}"))[2]
        if after == before:  # else a child may have ended while we looked, and be counted twice or not at all
            return (after + living) / os.sysconf("SC_CLK_TCK")


def _ticks_of_child(process: Path, parent: int) -> int:
    """What a process has used if it is a living child of the parent."""
    try:
        owner, own, _ = _stat(process)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return own if owner == parent else 0


def _stat(process: Path) -> tuple[int, int, int]:
    """The parent of a process, its own clock ticks, and these with those of the children that it waited for."""
    values = (process / "stat").read_text().rpartition(")")[2].split()
    parent, user, system, of_children = int(values[1]), int(values[11]), int(values[12]), values[13:15]
    return parent, user + system, user + system + sum(map(int, of_children))


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _packages() -> list[str]:
    return [f"{name} {importlib.metadata.version(name)}" for name in SHOWN_PACKAGES]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _memory_gib() -> int:
    first = Path("/proc/meminfo").read_text().splitlines()[0]
    return round(int(first.split()[1]) / 1024**2)
