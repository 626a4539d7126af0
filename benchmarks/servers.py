"""Servers under load: started as children, awaited, and stopped again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.caller import Caller
from benchmarks.load import Connection
from hashrail import clock
from hashrail.postgres import tether
from hashrail.settings import MAX_REQUESTS

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 30
LIMITS = (
    "HASHRAIL_RATE_LIMIT_PER_MINUTE",
    "HASHRAIL_RATE_LIMIT_PER_USER_PER_MINUTE",
    "HASHRAIL_RATE_LIMIT_PER_ADDRESS_PER_MINUTE",
    "HASHRAIL_TON_PAYLOADS_PER_ADDRESS_PER_MINUTE",
)
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """A server on this machine: its port and its process."""

    port: int
    pid: int


@asynccontextmanager
async def api(
    dsn: str, data: Path, workers: int, *, limited: bool = False, program: str = "hashrail.cli", **further: str
) -> AsyncIterator[Running]:
    """Our API on a migrated database; `data` holds the master key. Requests are counted, and none is refused unless it
    is to be limited as usual. `program` is the module of another one with the same commands; `further` settings go by
    the names of their variables.
    """
    environment = _deployment(dsn, data) | ({} if limited else dict.fromkeys(LIMITS, str(MAX_REQUESTS))) | further
    port = free_port()
    arguments = ["serve", "--port", str(port), "--workers", str(workers)]
    async with _running(port, program, arguments, environment, data / "api.log") as server:
        yield server


@asynccontextmanager
async def worker(dsn: str, data: Path) -> AsyncIterator[Running]:
    """The worker of the same deployment, which asks no exchange; its port is that of its probes."""
    port = free_port()
    environment = _deployment(dsn, data) | {"HASHRAIL_WORKER_PROBE_PORT": str(port), "HASHRAIL_MARKET_FETCH": "false"}
    async with _running(port, "hashrail.cli", ["worker"], environment, data / "worker.log") as running:
        yield running


def _deployment(dsn: str, data: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": dsn,
        "HASHRAIL_DATA": str(data),
        "HASHRAIL_MODE": "production",
        # Each database has a journal of its own, or it would be taken for an older one.
        "HASHRAIL_JOURNAL": str(data / f"{urlsplit(dsn).path[1:]}.jsonl"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


@asynccontextmanager
async def raw(dsn: str, data: Path, caller: Caller) -> AsyncIterator[Running]:
    """The raw application with one caller's key."""
    environment = {
        "DATABASE_URL": dsn,
        "BENCHMARK_KEY": caller.key,
        "BENCHMARK_SECRET": caller.secret,
        "BENCHMARK_PARTNER": str(caller.partner_id),
        "BENCHMARK_TOKEN_KEY": caller.token_key,
        "PYTHONPATH": str(ROOT),
    }
    port = free_port()
    async with _running(port, "benchmarks.raw_app", [str(port)], environment, data / "raw.log") as server:
        yield server


@asynccontextmanager
async def _running(
    port: int, module: str, arguments: list[str], environment: dict[str, str], log: Path
) -> AsyncIterator[Running]:
    """A child that the kernel ends with us; it is stopped in order when the block ends."""
    facts = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGTERM))]
    program = [sys.executable, "-m", module, *arguments]
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", tether.__file__, *facts, *program],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        await answers(port, child, log)
        yield Running(port, child.pid)
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


async def answers(
    port: int, child: subprocess.Popen[bytes], log: Path, patience_seconds: float = START_SECONDS
) -> None:
    """Wait until the server answers anything at all. Raises RuntimeError with the end of its log."""
    give_up = clock.monotonic() + patience_seconds
    while clock.monotonic() < give_up and child.poll() is None:
        try:
            connection = await Connection.open(port)
            await connection.get("/readyz", {})
            await connection.close()
        except ConnectionError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
