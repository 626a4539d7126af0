"""python -m tools.first_answer: how long `make run` takes from a fresh clone to its first answer, and again.

Needs the network, for the packages; prints seconds, and leaves nothing behind.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).parent.parent
POLL_SECONDS = 0.1
STOP_SECONDS = 60
GIVE_UP_SECONDS = 1_800


def main() -> None:
    """Clone what is committed, and run it twice: the second time everything is installed and the sandbox is there."""
    with tempfile.TemporaryDirectory(prefix="hashrail-first-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o711)
        began = time.monotonic()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(place / "clone")], check=True)  # noqa: S603, S607
        _say("cloned", began)
        with _running(place):
            _say("first answer, from the clone on", began)
        began = time.monotonic()
        with _running(place):
            _say("first answer, started again", began)


@contextmanager
def _running(place: Path) -> Iterator[None]:
    """`make run` in the clone, once it answers; it is stopped as by Ctrl-C."""
    port = _free_port()
    # What the environment says of another deployment is not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HASHRAIL_", "PYTHON"))}
    child = subprocess.Popen(  # noqa: S603  # no shell, and every word is ours
        ["make", "run", f"PORT={port}", f"DATA={place / 'box'}"],  # noqa: S607
        cwd=place / "clone",
        env=environment | {"DATABASE_URL": ""},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
    try:
        _await_answer(port, child)
        yield
    finally:
        os.killpg(child.pid, signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _await_answer(port: int, child: subprocess.Popen[bytes]) -> None:
    """Wait until the sandbox says that it is ready."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up and child.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(POLL_SECONDS)
    raise RuntimeError("make run did not answer; what it said stands above")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _say(what: str, began: float) -> None:
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
