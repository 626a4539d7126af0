"""python -m benchmarks: run the benchmarks on a PostgreSQL of their own and write docs/benchmarks.md."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import (
    days,
    events,
    exports,
    latency,
    memory,
    neighbours,
    pages,
    payouts,
    reading,
    report,
    routes,
    signed_read,
    signed_write,
    stage,
    start,
    ton_login,
    transfers,
    vendor,
    vendor_dataset,
    webhooks,
    writes,
)
from benchmarks.dataset import Shape
from benchmarks.measure import RUNS, Table
from benchmarks.stage import Stage
from hashrail.postgres.server import EmbeddedPostgres

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
# The vendor's size takes long, and has a page of its own.
VENDOR_PAGE = DOCS / "benchmarks-vendor.md"
COMMAND = "python -m benchmarks"

Benchmark = Callable[[Stage], Coroutine[object, None, list[Table]]]
app = typer.Typer(add_completion=False)


class Name(StrEnum):
    """The benchmarks."""

    SIGNED_READ = "signed-read"
    SIGNED_WRITE = "signed-write"
    LATENCY = "latency"
    NEIGHBOURS = "neighbours"
    TON_LOGIN = "ton-login"
    DAYS = "days"
    READING = "reading"
    WRITES = "writes"
    TRANSFERS = "transfers"
    ROUTES = "routes"
    PAYOUTS = "payouts"
    EVENTS = "events"
    EXPORTS = "exports"
    WEBHOOKS = "webhooks"
    PAGES = "pages"
    MEMORY = "memory"
    START = "start"
    VENDOR = "vendor"


FULL: dict[Name, Benchmark] = {
    Name.SIGNED_READ: signed_read.run,
    Name.SIGNED_WRITE: signed_write.run,
    Name.LATENCY: latency.run,
    Name.NEIGHBOURS: neighbours.run,
    Name.TON_LOGIN: ton_login.run,
    Name.DAYS: days.run,
    Name.READING: reading.run,
    Name.WRITES: writes.run,
    Name.TRANSFERS: transfers.run,
    Name.ROUTES: routes.run,
    Name.PAYOUTS: payouts.run,
    Name.EVENTS: events.run,
    Name.EXPORTS: exports.run,
    Name.WEBHOOKS: webhooks.run,
    Name.PAGES: pages.run,
    Name.MEMORY: memory.run,
    Name.START: start.run,
    Name.VENDOR: vendor.run,
}
SMALL = Shape(efficiencies=6, levels=5)
QUICK_DAYS = days.Sizes(
    miners=(300, 600, 900),
    shape=SMALL,
    many_classes=Shape(efficiencies=12, levels=5),
    many_partners=Shape(efficiencies=6, levels=5, partners=5),
    history_days=20,
    history_stints=4,
    bought_a_day=30,
    large_user=10,
    order_clients=2,
    order_seconds=0.2,
    buyers=4,
    api_workers=1,
)
QUICK_READING = reading.Sizes(shape=SMALL, days=20, stints=4, others=20, small=10, large=40, whale=80, deep=500)
QUICK_VENDOR = vendor.Sizes(vendor_dataset.Size(4, 400, 120, 300, efficiencies=6, levels=5), part=0.5, calls=2)
QUICK_TRANSFERS = transfers.Sizes(accounts=5, clients=4, many_clients=8, seconds=0.2, together=4)
QUICK_WRITES = writes.Sizes(partners=1, users=20, many_clients=20, seconds=0.2, api_workers=(1,))
QUICK_NEIGHBOURS = neighbours.Sizes(rate=20, seconds=0.5, users=20, bodies=100, unread=5, greedy=2, miners=50, days=5)
QUICK: dict[Name, Benchmark] = {
    Name.SIGNED_READ: lambda place: signed_read.run(place, signed_read.Sizes(connections=4, seconds=0.2, days=30)),
    Name.SIGNED_WRITE: lambda place: signed_write.run(place, signed_write.Sizes(clients=4, seconds=0.2)),
    Name.LATENCY: lambda place: latency.run(
        place, latency.Sizes(connections=4, seconds=0.3, open_seconds=0.5, shape=SMALL)
    ),
    Name.NEIGHBOURS: lambda place: neighbours.run(place, QUICK_NEIGHBOURS),
    Name.TON_LOGIN: lambda place: ton_login.run(place, ton_login.Sizes(logins=20, clients=2)),
    Name.DAYS: lambda place: days.run(place, QUICK_DAYS),
    Name.READING: lambda place: reading.run(place, QUICK_READING),
    Name.WRITES: lambda place: writes.run(place, QUICK_WRITES),
    Name.TRANSFERS: lambda place: transfers.run(place, QUICK_TRANSFERS),
    Name.ROUTES: lambda place: routes.run(place, routes.Sizes(readers=2, buyers=2, seconds=0.3, users=20, days=2)),
    Name.PAYOUTS: lambda place: payouts.run(place, payouts.Sizes(batch=5, queued=12, planned=12, users=2, clients=2)),
    Name.EVENTS: lambda place: events.run(
        place, events.Sizes(api_workers=1, pairs=1, seconds=0.2, warming_seconds=0.2, moved=800)
    ),
    Name.EXPORTS: lambda place: exports.run(place, exports.Sizes(shape=SMALL, users=30, miners=200, days=3)),
    Name.WEBHOOKS: lambda place: webhooks.run(
        place, webhooks.Sizes(deliveries=40, endpoints=(1, 4), with_dead=10, dead=1)
    ),
    Name.VENDOR: lambda place: vendor.run(place, QUICK_VENDOR),
    Name.PAGES: lambda place: pages.run(
        place, pages.Sizes(Shape(efficiencies=6, levels=5, partners=2), users=30, miners=60, days=3, most=8)
    ),
    Name.MEMORY: lambda place: memory.run(replace(place, minutes=0.02), memory.Sizes(partners=1, users=5, clients=2)),
    Name.START: lambda place: start.run(place, start.Sizes(from_clone=False, runs=1, further=("--days", "1"))),
}


@app.command()
def main(
    only: Annotated[list[Name] | None, typer.Option(help="Run only this benchmark; can be repeated.")] = None,
    quick: Annotated[bool, typer.Option(help="Tiny sizes and one run, to see that everything works.")] = False,
    page: Annotated[Path, typer.Option(help="The page that a whole run writes.")] = PAGE,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long the load of `memory` lasts.")] = 2,
    update: Annotated[bool, typer.Option(help="With --only: put its tables into the page as well.")] = False,
    scale: Annotated[float, typer.Option(help="Of --only vendor: which part of the vendor's size.", max=1)] = 1,
) -> None:
    """Measure the platform beside baselines in the same run: medians of five, with targets.

    A whole run at full size writes docs/benchmarks.md; others only print, or put their tables into it. Exit code 1
    when a target was missed.
    """
    chosen = [name for name in Name if (name in only if only else name is not Name.VENDOR)]
    out, err = Console(), Console(stderr=True)
    runs = 1 if quick else RUNS
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="hashrail-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server, Progress(*columns, console=err) as progress:
            facts = asyncio.run(stage.facts(server.dsn))
            template = asyncio.run(stage.migrated(server.dsn))
            tables = []
            for name in chosen:
                task = progress.add_task(name, total=1)

                def tell(text: str, name: Name = name, task: TaskID = task) -> None:
                    progress.update(task, description=f"{name}: {text}")
                    if not err.is_terminal:
                        err.print(f"{name}: {text}", highlight=False)

                place = Stage(server.dsn, template, Path(folder), tell, runs, minutes)
                tables += asyncio.run(_benchmark(name, quick=quick, scale=scale)(place))
                progress.update(task, description=f"{name}: done", completed=1)
    for what, value in facts:
        out.print(f"[bold]{what}[/bold] {value}", highlight=False)
    report.show(out, tables)
    if not quick and not only:
        page.parent.mkdir(exist_ok=True)
        page.write_text(report.markdown(COMMAND, runs, facts, tables))
        out.print(f"Wrote {page}")
    elif update and not quick and chosen == [Name.VENDOR]:
        command = f"{COMMAND} --only vendor --update" + ("" if scale == 1 else f" --scale {scale}")
        VENDOR_PAGE.write_text(report.markdown_of_vendor(command, facts, tables))
        out.print(f"Wrote {VENDOR_PAGE}")
    elif update and not quick:
        alone = f"Measured by itself: `python -m benchmarks {' '.join(f'--only {name}' for name in chosen)} --update`."
        for table in tables:
            table.notes += [alone, report.before_the_run(facts)]
        page.write_text(report.with_tables(page.read_text(), tables))
        out.print(f"Wrote its tables into {page}")
    _judge(err, report.missed(tables), quick=quick)


def _benchmark(name: Name, *, quick: bool, scale: float) -> Benchmark:
    if name is Name.VENDOR and not quick:
        return lambda place: vendor.run(place, vendor.Sizes().scaled(scale))
    return (QUICK if quick else FULL)[name]


def _judge(err: Console, missed: list[str], *, quick: bool) -> None:
    if quick:
        err.print("Tiny sizes: nothing is judged.")
        return
    for line in missed:
        err.print(f"[red]missed[/red] {line}", highlight=False)
    if missed:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
