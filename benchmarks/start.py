"""How long a sandbox takes from one command to its first answer: from a fresh clone, and once all is installed."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers
from benchmarks.measure import Table
from benchmarks.stage import Stage
from hashrail import clock

# A slow network loads all that Hashrail needs in this time.
GIVE_UP_SECONDS = 900
STOP_SECONDS = 60
# What make and Hashrail would take from our own environment.
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Whether a clone is made, which installs everything anew; how often it is started after that, with which words."""

    from_clone: bool = True
    runs: int = 3
    further: tuple[str, ...] = ()


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of starts."""
    table = Table(
        "From one command to the first answer",
        ("start", "takes"),
        notes=[
            "`make run`: a sandbox with embedded PostgreSQL, seeded with days, serving. The first answer is /readyz's.",
            "A fresh clone loads the packages of requirements.lock and of the pages, and makes an environment: once.",
            f"The others are medians of {sizes.runs}: with a new data folder, and with the one of the start before.",
        ],
    )
    folder = stage.folder / "start"
    folder.mkdir(mode=0o711)
    command = [sys.executable, "-m", "hashrail.cli", "demo", *sizes.further]
    if sizes.from_clone:
        stage.tell("a fresh clone")
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", str(servers.ROOT), str(clone)], check=True)
        table.add("fresh clone, everything is installed", _shown(await _first_answer(clone, folder / "first", None)))
        command = [str(clone / ".venv/bin/hashrail"), "demo"]
    new: list[float] = []
    again: list[float] = []
    for number in range(sizes.runs):
        data = folder / f"data-{number}"
        for kind, seconds in (("new", new), ("again", again)):
            stage.tell(f"{kind}, run {number + 1} of {sizes.runs}")
            seconds.append(await _first_answer(servers.ROOT, data, command))
    table.add("installed, a new sandbox", _shown(statistics.median(new)))
    table.add("installed, the sandbox of before", _shown(statistics.median(again)))
    shutil.rmtree(folder)
    return [table]


async def _first_answer(root: Path, data: Path, command: list[str] | None) -> float:
    """Seconds from the command, or `make run` where there is none, to the first answer; it is stopped again."""
    port = servers.free_port()
    settings = {name: value for name, value in os.environ.items() if name not in OURS}
    if command is None:
        words = ["make", "run", f"PORT={port}", f"DATA={data}"]
    else:
        words = [*command, "--data", str(data), "--port", str(port)]
        settings |= {name: os.environ[name] for name in OURS[:1] if name in os.environ}
    log = data.with_suffix(".log")
    began = clock.monotonic()
    with log.open("ab") as output:
        child = subprocess.Popen(
            words,
            cwd=root,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        await servers.answers(port, child, log, GIVE_UP_SECONDS)
        return clock.monotonic() - began
    finally:
        os.killpg(child.pid, signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s"
