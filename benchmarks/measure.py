"""How a benchmark measures and what it answers: medians of five runs, and tables whose lines may have a target."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hashrail import clock

RUNS = 5

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. `verdict` says whether its target was met; None where it has none."""

    cells: tuple[str, ...]
    target: str = ""
    verdict: bool | None = None

    @property
    def result(self) -> str:
        """The verdict in a word."""
        return {True: "pass", False: "FAIL", None: ""}[self.verdict]


@dataclass(slots=True)
class Table:
    """What one benchmark found; `notes` are the settings that its figures depend on."""

    title: str
    columns: tuple[str, ...]
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str, target: str = "", verdict: bool | None = None) -> None:
        """One more line."""
        assert len(cells) == len(self.columns), "a cell a column"
        assert bool(target) == (verdict is not None), "a target has a verdict"
        self.lines.append(Line(cells, target, verdict))


async def seconds_of(work: Callable[[], Awaitable[object]], times: int = 1) -> float:
    """Seconds that `work` takes, the mean of `times` in a row."""
    started = clock.monotonic()
    for _ in range(times):
        await work()
    return (clock.monotonic() - started) / times


async def median_of(work: Callable[[], Awaitable[object]], runs: int, times: int = 1) -> float:
    """The median over `runs` of the seconds that `work` takes, after one run that does not count."""
    await work()
    return statistics.median([await seconds_of(work, times) for _ in range(runs)])


def milliseconds(seconds: float) -> str:
    """Seconds as a table shows them."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"
