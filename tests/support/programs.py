"""`hashrail` as a program: run to its end, or a sandbox that goes on; without the settings of another deployment."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from hashrail import clock

SECONDS = 90


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**added: str) -> dict[str, str]:
    """Ours, without settings of another deployment."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("HASHRAIL_", "DATABASE_", "PG"))}
    return ours | added


def hashrail(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command beside the sandbox."""
    return subprocess.run(
        [sys.executable, "-m", "hashrail.cli", *words],
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def processes_naming(data: Path) -> list[str]:
    """The command lines of processes that name the data folder, in their words or their environment."""
    needle, found = str(data).encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words, settings = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if needle in words or needle in settings:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


class Running:
    """`hashrail demo` as a process; what it says goes to a file.

    Beside a DATABASE_URL the folder is named by HASHRAIL_DATA: by --data it would be another database.
    """

    def __init__(self, data: Path, port: int, log: Path, *, days: int = 5, **settings: str) -> None:
        self.port, self.log = port, log
        command = [sys.executable, "-m", "hashrail.cli", "demo", "--port", str(port)]
        if "DATABASE_URL" in settings:
            settings = {"HASHRAIL_DATA": str(data), **settings}
        else:
            command += ["--data", str(data)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--days", str(days)],
                env=clean_environment(**settings),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def summary(self) -> str:
        """What it says when it is ready."""
        give_up = clock.monotonic() + SECONDS
        while "Ctrl-C stops it" not in (said := self.log.read_text()):
            assert self.process.poll() is None, said
            assert clock.monotonic() < give_up, said
            signal.sigtimedwait([], 0.1)
        return said

    def stop(self, number: signal.Signals) -> str:
        """What it has said when a signal has ended it."""
        self.process.send_signal(number)
        assert self.process.wait(SECONDS) == 0, self.log.read_text()
        return self.log.read_text()
