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
from hashrail import db

CONNECTIONS = 20
SHOWN_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size", "data_checksums")
SHOWN_PACKAGES = ("asyncpg", "granian", "litestar", "msgspec", "uvloop")


@dataclass(frozen=True, slots=True)
class Stage:
    """A server on which databases may be created, a folder for files, how many runs, and where progress is told."""

    server: str
    folder: Path
    tell: Tell
    runs: int = RUNS

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The DSN of a migrated database that is dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        await self._execute(f"CREATE DATABASE {name}")
        dsn = urlunsplit(urlsplit(self.server)._replace(path=f"/{name}"))
        try:
            await db.migrate_in_thread(dsn)
            yield dsn
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[db.Pool]:
        """Connections to a migrated database that is dropped afterwards."""
        async with self.database() as dsn:
            opened = await db.open_pool(dsn, CONNECTIONS)
            try:
                yield opened
            finally:
                await opened.close()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def facts(server: str) -> list[tuple[str, str]]:
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
        ("Load before the run", f"{os.getloadavg()[0]:.1f}"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_version()}, {', '.join(_packages())}"),
        ("PostgreSQL", f"{version}, on the same machine, over a Unix socket"),
        ("PostgreSQL settings", ", ".join(settings)),
    ]


def postmaster(backend_pid: int) -> int:
    """The process that a backend on this machine belongs to."""
    return _stat(Path(f"/proc/{backend_pid}"))[0]


def cpu_seconds(parent: int) -> float:
    """CPU time that a process, those it waited for, and its living children have used."""
    total = _stat(Path(f"/proc/{parent}"))[2]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            owner, own, _ = _stat(folder)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked, and its parent counts it now
        total += own if owner == parent else 0
    return total / os.sysconf("SC_CLK_TCK")


def _stat(process: Path) -> tuple[int, int, int]:
    """The parent of a process, its own clock ticks, and these with those of the children that it waited for."""
    values = (process / "stat").read_text().rpartition(")")[2].split()
    parent, user, system, of_children = int(values[1]), int(values[11]), int(values[12]), values[13:15]
    return parent, user + system, user + system + sum(map(int, of_children))


def _packages() -> list[str]:
    return [f"{name} {importlib.metadata.version(name)}" for name in SHOWN_PACKAGES]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _memory_gib() -> int:
    first = Path("/proc/meminfo").read_text().splitlines()[0]
    return round(int(first.split()[1]) / 1024**2)
