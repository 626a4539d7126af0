"""The processes of a deployment: API workers under Granian, and children that end with their owner."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from hashrail import logs
from hashrail.errors import ConflictError
from hashrail.postgres import tether
from hashrail.processes import doorkeeper, leaving
from hashrail.processes.doorkeeper import Shares
from hashrail.processes.probes import bound
from hashrail.settings import Settings

STOP_SECONDS = 25
MAX_RESTARTS = 20
# Bytes of request line and headers together.
LARGEST_HEAD = 64 * 1024
API = "hashrail.pages.app:create_app"
# Connections that wait to be accepted.
BACKLOG = 1024
MIN_CONNECTIONS = 64
# Open files of a process that are no connections of callers.
OTHER_FILES = 256
MILLISECONDS = 1000
log = structlog.get_logger()


class PortUnavailableError(ConflictError):
    """The port cannot be listened on: another program has it, or this user or machine may not."""

    code = "PORT_UNAVAILABLE"
    advice = "Name another one: --port N, or make run PORT=N. --host takes an IP address of this machine."


@contextmanager
def claimed(host: str, port: int) -> Iterator[None]:
    """Keep a port for the workers of one server. Raises PortUnavailableError.

    Workers share a port (SO_REUSEPORT), and the system would let those of two servers share it as well. So it is bound
    once as if for one socket alone, which fails where any other is. Sharing is allowed after that: with the workers,
    which ask for it, and not with another claim, which does not. Nothing listens on the claim itself.
    """
    with bound(host, port, PortUnavailableError) as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield


@dataclass(frozen=True, slots=True)
class Doors:
    """What one process holds at most, and how long a head may take, beside what an address may have."""

    connections: int
    head_seconds: int
    shares: Shares
    leave_seconds: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Doors":
        """As the operator set them, as far as the limit of open files allows, which is raised as far as we may."""
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        connections = max(MIN_CONNECTIONS, min(settings.connections, files - OTHER_FILES))
        if connections < settings.connections:
            log.warning("fewer connections than set", connections=connections, open_files=files)
        shares = Shares(
            settings.connections_per_address, connections, settings.write_seconds, tuple(settings.trusted_proxies)
        )
        return cls(connections, settings.head_seconds, shares, settings.leave_seconds)


class _Leaving(MPServer):
    """Granian, which goes on for a while after it was told to stop, for those who have not heard yet."""

    def __init__(self, leave_seconds: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._leave_seconds = leave_seconds

    def shutdown(self, exit_code: int = 0) -> None:
        """Say that this server leaves, wait, and then end as ever: what has begun is answered."""
        leaving.begin()
        if self._leave_seconds > 0:
            log.info("leaving", seconds=self._leave_seconds)
            # Whoever insists (a second signal) is not waited with.
            self.main_loop_interrupt.clear()
            self.main_loop_interrupt.wait(self._leave_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def serve(host: str, port: int, workers: int, doors: Doors, *, application: str = API) -> None:
    """Serve the API until SIGINT or SIGTERM; requests that have begun are answered. Settings from the environment.

    One version of HTTP is spoken, so that there is one way to read a request; a proxy in front may speak others.
    `application` names another factory, to measure against.
    """
    _Leaving(
        doors.leave_seconds,
        application,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            max_buffer_size=LARGEST_HEAD, header_read_timeout=doors.head_seconds * MILLISECONDS
        ),
        backlog=BACKLOG,
        # Connections of a process: one more would wait until another ends, and so would health.
        backpressure=doors.connections,
        workers=workers,
        websockets=False,
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_dictconfig=logs.of_granian(),
    ).serve(target_loader=partial(_load, os.getpid(), port, doors.shares))


def _load(server: int, port: int, shares: Shares, application: str) -> Callable[..., Any]:
    """The application of a worker, which ends when the server does, however that ends: it would keep the port.

    Workers are forked by the server's first thread. What they had begun is rolled back, and can be sent again.
    """
    tether.end_with(server, signal.SIGKILL)
    # It inherits the server's own answers, which would do nothing here. Until it serves it has nothing to finish, and
    # Ctrl-C reaches the server too, which stops it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, factory = application.partition(":")
    app: Callable[..., Any] = getattr(import_module(module), factory)()
    doorkeeper.start(port, shares)
    return app


class Supervisor:
    """Children of this process: `hashrail` commands that are started again when they end, and stopped together."""

    def __init__(self, commands: list[list[str]], *, environment: dict[str, str], log: Path) -> None:
        self.commands = commands
        self.environment = environment
        self.log = log
        self.restarts_left = MAX_RESTARTS
        self.children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Supervisor":
        self.children = [self._spawn(command) for command in self.commands]
        return self

    def __exit__(self, *exception: object) -> None:
        """Ask all to stop, wait, and end those that do not."""
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def all_alive(self) -> bool:
        """Whether no child has ended."""
        return all(child.poll() is None for child in self.children)

    def keep_running(self) -> bool:
        """Start again what has ended; False when that happened too often."""
        for index, child in enumerate(self.children):
            if child.poll() is not None:
                if self.restarts_left == 0:
                    return False
                self.restarts_left -= 1
                self.children[index] = self._spawn(self.commands[index])
        return True

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """A child that is killed when this process ends without having stopped it.

        It has a session of its own, so that Ctrl-C reaches the owner only, who stops it in order.
        """
        facts = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGKILL))]
        program = [sys.executable, "-m", "hashrail.cli", *command]
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  # no shell, and every word is ours
                [sys.executable, "-I", "-S", tether.__file__, *facts, *program],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
