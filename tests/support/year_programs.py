"""The programs of a deployment whose clock a test moves: workers that are killed, an API, an operator's terminal."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hashrail.db import Pool
from tests.support import patience
from tests.support.operators import PASSWORD
from tests.support.programs import clean_environment, free_port
from tests.support.served import Served, wait_until_ready
from tests.support.shell import Shell


@dataclass
class Programs:
    """Programs beside the test, with settings by the names of their variables."""

    folder: Path
    dsn: str
    settings: dict[str, str]
    served: Served | None = None

    @property
    def clock(self) -> Path:
        """The file with what the clock of their machine reads."""
        return self.folder / "clock"

    async def kill_worker(self, pool: Pool, done: Callable[[], Awaitable[object]]) -> None:
        """A worker begins, and is killed once this is so."""
        process, log = self._begin("worker", HASHRAIL_WORKER_PROBE_PORT=str(free_port()))

        async def is_done() -> object:
            assert process.poll() is None, log.read_text()
            return await done()

        try:
            await patience.until(is_done, log.read_text)
        finally:
            _kill(process)
        await _until_gone("worker", pool)

    async def serve(self, pool: Pool) -> Served:
        """Serve the API, once nothing goes on of one that was killed."""
        await _until_gone("serve", pool)
        port, probes = free_port(), free_port()
        process, log = self._begin("serve", "--port", str(port), HASHRAIL_PROBE_PORT=str(probes))
        self.served = Served(process, f"http://127.0.0.1:{port}", log, f"http://127.0.0.1:{probes}")
        # It may have to ask whom this loop serves.
        await asyncio.to_thread(wait_until_ready, self.served)
        return self.served

    def kill_server(self) -> None:
        """Whatever it is at."""
        assert self.served is not None
        _kill(self.served.process)
        self.served = None

    def end(self) -> None:
        """The API ends in good order, if it is served."""
        if self.served is not None:
            assert self.served.stop() == 0, self.served.log.read_text()

    def _begin(self, *words: str, **settings: str) -> "tuple[subprocess.Popen[bytes], Path]":
        named = f"{self.dsn}{'&' if '?' in self.dsn else '?'}application_name={words[0]}"
        paths = {"DATABASE_URL": named, "PYTHONPATH": os.pathsep.join(sys.path)}
        log = self.folder / f"{words[0]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.moved_time", str(self.clock), *words],
                env=clean_environment(**self.settings, **paths, **settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return process, log


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """With all that it has begun."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def _until_gone(name: str, pool: Pool) -> None:
    """What a killed program was about to commit is committed or not."""
    nobody = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1)"
    await patience.until(lambda: pool.fetchval(nobody, name), lambda: "a session of a killed program goes on")


@dataclass
class Office(Shell):
    """The terminal of an operator; its commands run in a thread, for they may ask whom the test's loop serves."""

    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.dsn, "HASHRAIL_OPERATOR_PASSWORD": PASSWORD, **self.settings}

    async def does(self, name: str, *words: object) -> str:
        """An operator runs a command that ends well; what it prints."""
        return await asyncio.to_thread(self.ok, *words, "--as", name)

    async def is_refused(self, name: str, code: str, *words: object, **settings: str) -> str:
        """An operator runs a command that is refused; what is said."""
        return await asyncio.to_thread(lambda: self.refused(code, *words, "--as", name, **settings))


def variables(values: dict[str, Any]) -> dict[str, str]:
    """Settings as variables of the environment."""
    return {
        f"HASHRAIL_{name.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
        for name, value in values.items()
    }
