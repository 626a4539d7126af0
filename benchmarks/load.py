"""Load over HTTP: a keep-alive client on several connections, and wrk where the machine has it."""

import asyncio
import json
import math
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hashrail import clock

SCRIPT = Path(__file__).with_name("paths.lua")
INSTALL = "apt-get install wrk"


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of load found: answers, how many a second, and milliseconds that half and 99 of 100 took at most."""

    answers: int
    rate: float
    half_ms: float
    max_ms: float


class Connection:
    """One keep-alive connection: a request goes out when the answer before it is in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of a GET."""
        return await self._exchange("GET", path, headers, b"")

    async def post(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of a POST."""
        sized = headers | {"content-type": "application/json", "content-length": str(len(body))}
        return await self._exchange("POST", path, sized, body)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()

    async def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        lines = [f"{method} {path} HTTP/1.1", "host: benchmark", *(f"{name}: {headers[name]}" for name in headers)]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, _, rest = head.partition(b"\r\n")
        sizes = [line for line in rest.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        assert len(sizes) == 1, "our servers always say how long an answer is"
        return int(status.split()[1]), await self._reader.readexactly(int(sizes[0].partition(b":")[2]))


async def repeat(clients: int, seconds: float, work: Callable[[int, int], Awaitable[None]]) -> tuple[int, float]:
    """Let clients do `work(client, number)` again and again for a while: how often it was done, and in what time."""
    numbers = count()
    done = 0
    started = clock.monotonic()

    async def client(index: int) -> None:
        nonlocal done
        while clock.monotonic() - started < seconds:
            await work(index, next(numbers))
            done += 1

    async with asyncio.TaskGroup() as group:
        for index in range(clients):
            group.create_task(client(index))
    return done, clock.monotonic() - started


async def together(tasks: Sequence[Coroutine[object, None, None]]) -> None:
    """Let all of them run at once until the last one is done."""
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(task)


def has_wrk() -> bool:
    """Whether the machine has wrk; our own client needs a core where wrk needs a part of one."""
    return shutil.which("wrk") is not None


async def read(
    port: int, paths: Sequence[str], headers: dict[str, str], *, connections: int, seconds: float, folder: Path
) -> Load:
    """GET the paths in turn on several connections; every answer must have status 200. wrk takes whole seconds."""
    if has_wrk():
        return await _wrk(port, paths, headers, connections, seconds, folder)
    return await _client(port, paths, headers, connections, seconds)


async def _wrk(
    port: int, paths: Sequence[str], headers: dict[str, str], connections: int, seconds: float, folder: Path
) -> Load:
    listed = folder / "paths.txt"
    listed.write_text("\n".join(paths))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "-s", str(SCRIPT)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [f"http://127.0.0.1:{port}", "--", str(listed)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, "wrk failed"
    found = json.loads(output.splitlines()[-1])
    assert found["errors"] == 0, f"{found['errors']} answers were no success"
    rate = found["requests"] * 1e6 / found["microseconds"]
    return Load(found["requests"], rate, found["half"] / 1000, found["most"] / 1000)


async def _client(port: int, paths: Sequence[str], headers: dict[str, str], clients: int, seconds: float) -> Load:
    open_connections = [await Connection.open(port) for _ in range(clients)]
    taken: list[float] = []

    async def one(index: int, number: int) -> None:
        started = clock.monotonic()
        status, _ = await open_connections[index].get(paths[number % len(paths)], headers)
        assert status == 200, f"status {status}"
        taken.append(clock.monotonic() - started)

    done, elapsed = await repeat(clients, seconds, one)
    for connection in open_connections:
        await connection.close()
    taken.sort()
    return Load(done, done / elapsed, taken[len(taken) // 2] * 1000, taken[len(taken) * 99 // 100] * 1000)
