"""Open-loop load: requests go out at fixed times, whoever is slow, and their time counts from when they were due.

A process of its own, so that nothing else is done between two of them; it waits for sockets with `select`, which knows
microseconds where an event loop rounds to milliseconds.

    python -m benchmarks.open_load     reads a job as a line of JSON, prints the seconds of each answer, in order
"""

import asyncio
import gc
import os
import select
import socket
import sys
from collections import deque
from dataclasses import dataclass

import msgspec

from benchmarks import servers
from hashrail import clock

BYTES = 65_536
# How long nothing may be answered.
PATIENCE_SECONDS = 30


class Job(msgspec.Struct, frozen=True):
    """Where to and what: requests a second for so many seconds, over so many connections."""

    port: int
    paths: list[str]
    headers: dict[str, str]
    rate: float
    seconds: float
    connections: int

    @property
    def count(self) -> int:
        """How many requests there are."""
        return max(1, int(self.rate * self.seconds))


@dataclass(slots=True)
class Asked:
    """A request that is on its way, and what has come of its answer."""

    due: float
    answer: bytes = b""

    def is_answered(self) -> bool:
        """Whether the whole answer is there; it has to be a good one."""
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return False
        assert head.startswith(b"HTTP/1.1 200"), head
        size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return len(body) >= int(size)


async def run(job: Job) -> list[float]:
    """Seconds from when each request was due until its answer, in the order of the answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.open_load"),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(servers.ROOT), *sys.path])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(msgspec.json.encode(job))
    assert process.returncode == 0, "the load failed"
    return msgspec.json.decode(output, type=list[float])


def drive(job: Job) -> list[float]:
    """As `run`, in this process."""
    requests = [_request(path, job.headers) for path in job.paths]
    free = deque(socket.create_connection(("127.0.0.1", job.port)) for _ in range(job.connections))
    asked: dict[socket.socket, Asked] = {}
    late: deque[int] = deque()
    taken: list[float] = []
    following, started = 0, clock.monotonic()
    while len(taken) < job.count:
        now = clock.monotonic()
        while following < job.count and started + following / job.rate <= now:
            late.append(following)
            following += 1
        while late and free:
            number, line = late.popleft(), free.popleft()
            asked[line] = Asked(started + number / job.rate)
            line.sendall(requests[number % len(requests)])
        ahead = started + following / job.rate - now if following < job.count else PATIENCE_SECONDS
        ready, _, _ = select.select([*asked], (), (), max(0.0, ahead))
        assert ready or following < job.count or ahead < PATIENCE_SECONDS, "nothing is answered"
        for line in ready:
            if _hear(line, asked[line]):
                taken.append(clock.monotonic() - asked.pop(line).due)
                free.append(line)
    for line in free:
        line.close()
    return taken


def _hear(line: socket.socket, one: Asked) -> bool:
    """Take what has come; whether it is all."""
    one.answer += line.recv(BYTES)
    return one.is_answered()


def _request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: benchmark", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


if __name__ == "__main__":
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    gc.disable()
    sys.stdout.buffer.write(msgspec.json.encode(drive(job)))
