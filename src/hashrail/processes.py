"""The processes of a deployment: API workers under Granian, and children that end with their owner."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from hashrail.embedded import tether

STOP_SECONDS = 25
MOST_RESTARTS = 20
# Bytes of request line and headers together.
LARGEST_HEAD = 64 * 1024
API = "hashrail.api.app:create_app"


def serve(host: str, port: int, workers: int, *, application: str = API) -> None:
    """Serve the API until SIGINT or SIGTERM; requests that have begun are answered. Settings from the environment.

    One version of HTTP is spoken, so that there is one way to read a request; a proxy in front may speak others.
    `application` names another factory, to measure against.
    """
    Server(
        application,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=LARGEST_HEAD),
        workers=workers,
        websockets=False,
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
    ).serve()


class Family:
    """Children of this process: `hashrail` commands that are started again when they end, and stopped together."""

    def __init__(self, commands: list[list[str]], *, environment: dict[str, str], log: Path) -> None:
        self.commands = commands
        self.environment = environment
        self.log = log
        self.restarts_left = MOST_RESTARTS
        self.children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Family":
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
        """A child that gets SIGTERM when this process ends, however it ends.

        It has a session of its own, so that Ctrl-C reaches the owner only, who stops it in order.
        """
        facts = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGTERM))]
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
