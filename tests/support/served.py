"""`hashrail serve` as a process of its own, on a free port."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from hashrail import clock
from tests.support import patience
from tests.support.api_client import (
    MASTER_KEY,
)
from tests.support.deployments import become
from tests.support.patience import wait_until
from tests.support.programs import free_port


def members_of(session: int) -> list[int]:
    """The living processes of a session, by number."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            facts = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(facts[3]) == session and facts[0] != "Z":
            found.append(int(entry.name))
    return found


@dataclass
class Served:
    """One `hashrail serve`: its process, the leader of a session of its own, and what it writes."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    probes: str

    def stop(self) -> int:
        """SIGTERM, as a service manager does; answers the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience.SECONDS)

    def http(self) -> httpx.AsyncClient:
        """Calls to it, which wait as long as a busy machine takes."""
        return httpx.AsyncClient(base_url=self.url, timeout=patience.SECONDS)

    async def line_of(self, request_id: str) -> dict[str, object]:
        """The one line of the log about a request; it is written after the answer is sent."""
        deadline = clock.monotonic() + patience.SECONDS
        found: list[dict[str, object]] = []
        while not found and clock.monotonic() < deadline:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            found = [line for line in lines if line.get("request_id") == request_id]
            await asyncio.sleep(0.01)
        (line,) = found
        return line

    def send_raw(self, request: bytes) -> bytes:
        """Bytes that no client library would send."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=patience.SECONDS) as line:
            line.sendall(request)
            parts = []
            # The server may have hung up already.
            with suppress(OSError):
                line.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while part := line.recv(65536):
                    parts.append(part)
            return b"".join(parts)


@contextmanager
def serving(
    dsn: str, folder: Path, name: str, *options: str, at: int | None = None, **settings: str
) -> Iterator[Served]:
    """A process that serves the API until the block ends, on a free port or `at` one; settings by their variables."""
    become(dsn, mode="sandbox")
    port, probes, log = at or free_port(), free_port(), folder / f"{name}.log"
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "HASHRAIL_MODE": "sandbox",
        "HASHRAIL_MASTER_KEYS": MASTER_KEY,
        "HASHRAIL_DATA": str(folder),
        "HASHRAIL_KEY_CACHE_SECONDS": "60",
        "HASHRAIL_PROBE_PORT": str(probes),
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "hashrail.cli", "serve", "--port", str(port), *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    served = Served(process, f"http://127.0.0.1:{port}", log, f"http://127.0.0.1:{probes}")
    try:
        wait_until_ready(served)
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience.SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(served: Served) -> None:
    def is_ready() -> bool:
        assert served.process.poll() is None, served.log.read_text()
        return answers(int(served.url.rpartition(":")[2]), "/readyz")

    wait_until(is_ready, served.log.read_text)


def answers(port: int, path: str) -> bool:
    """Whether a page of this machine is there, and well; asked often, so without a client that costs as much."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=patience.SECONDS)
    try:
        line.request("GET", path)
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
