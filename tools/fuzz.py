"""Random input for as long as it is told to: `python -m tools.fuzz --minutes 10`.

The targets are those of the suite (tests/support/fuzz_targets.py). Each round takes the next seed, so that a run is
repeated by naming its seed. The first example that fails ends the run: it is printed, made as small as it gets, as a
test to paste.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Annotated

import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tests.support.fuzz_targets import TARGETS, Target

EXAMPLES = 500
PHASES = (Phase.generate, Phase.shrink)
__all__ = ["as_test", "failing", "fuzz", "st"]


@dataclass(frozen=True)
class Failure:
    """The smallest example that fails, and what it says."""

    value: object
    error: Exception


def failing(target: Target, *, seed: int, examples: int) -> Failure | None:
    """The smallest example of a seed's that fails; None if none does."""
    last: list[Failure] = []

    @_seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(target.drawn)
    def drive(value: object) -> None:
        try:
            target.check(value)
        except Exception as error:
            last.append(Failure(value, error))
            raise

    try:
        drive()
    except Exception:
        # Whatever it was: the last example that failed is the smallest.
        if not last:
            raise
        return last[-1]
    return None


_seeded = seed


def as_test(name: str, failure: Failure, seed: int) -> str:
    """A test that fails as the example did."""
    return (
        "from tests.support.fuzz_targets import TARGETS\n\n\n"
        f"def test_found_by_fuzzing() -> None:\n"
        f'    """{type(failure.error).__name__}, found with seed {seed}."""\n'
        f'    TARGETS["{name}"].check({failure.value!r})\n'
    )


def fuzz(
    minutes: Annotated[float, typer.Option(min=0, help="How long to look.")] = 10,
    start: Annotated[int | None, typer.Option("--seed", help="The first seed; a new one without it.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Targets; all of them without it.")] = None,
) -> None:
    """Fuzz what reads the input of others, until the time is over or something fails."""
    console = Console(stderr=True)
    first = secrets.randbelow(2**32) if start is None else start
    chosen = {name: TARGETS[name] for name in only or TARGETS}
    console.print(f"seed {first}")
    began, number = time.monotonic(), first
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        shown = progress.add_task("", total=minutes * 60)
        while (taken := time.monotonic() - began) < minutes * 60 or number == first:
            for name, target in chosen.items():
                progress.update(shown, description=f"{name}, seed {number}", completed=taken)
                failure = failing(target, seed=number, examples=EXAMPLES)
                if failure is not None:
                    typer.echo(as_test(name, failure, number))
                    console.print(f"{name} failed: {failure.error!r}", markup=False)
                    raise typer.Exit(1)
            number += 1
    console.print(f"{number - first} rounds of {len(chosen)} targets; nothing failed")


if __name__ == "__main__":
    typer.run(fuzz)
