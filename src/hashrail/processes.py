"""The processes of a deployment: API workers under Granian, and children that end with their owner."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from granian.constants import Interfaces, Loops
from granian.server import Server

from hashrail.embedded import tether

STOP_SECONDS = 25


def serve(host: str, port: int, workers: int) -> None:
    """Serve the API until SIGINT or SIGTERM; requests that have begun are answered. Settings from the environment."""
    Server(
        "hashrail.api.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=workers,
        websockets=False,
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
    ).serve()


def spawn(arguments: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start `hashrail ARGUMENTS` as a child that gets SIGTERM when this process ends, however it ends.

    It has a session of its own, so that Ctrl-C reaches the owner only, who stops it in order.
    """
    facts = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGTERM))]
    command = [sys.executable, "-m", "hashrail.cli", *arguments]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  # no shell, and every word is ours
            [sys.executable, "-I", "-S", tether.__file__, *facts, *command],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask all children to stop, wait, and end those that do not."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    for child in children:
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
