"""hashrail distribute: spreading partners over several servers."""

import asyncio
from contextlib import ExitStack
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hashrail import db, logs
from hashrail.cli import distribution_shapes as shapes
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, err, reached, refusals_shown, say, settings_for, table
from hashrail.deployment import establishing
from hashrail.postgres import bootstrap, distributing
from hashrail.postgres.distributing import Cluster, Plan
from hashrail.settings import Settings

app = typer.Typer()


@app.command(
    "distribute",
    epilog=example("hashrail distribute --dry-run", "hashrail distribute --shards 32"),
)
@prints(shapes.Distributed)
def distribute(
    shards: Annotated[
        int | None,
        typer.Option(
            help="Into how many parts partners are divided, 32 without it; settled with the first run.",
            min=1,
            max=distributing.MOST_SHARDS,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Spread the rows of partners over the servers of a Citus cluster, in one transaction.

    Stop all processes before: every table is locked until it is done. Run again, it takes up what is new.
    """
    settings = settings_for(data)
    logs.configure(command=True)
    with refusals_shown(), reached(settings) as database:
        planned, found = asyncio.run(
            _look(settings, database.dsn, shards) if dry_run else _spread(settings, database.dsn, shards, quiet=as_json)
        )
    if as_json:
        show_json(_shape(planned, found, done=not dry_run))
        return
    if planned.tables:
        title = "To be spread" if dry_run else "Spread"
        table(title, ("table", "kind"), [(name, _KINDS[kind]) for name, kind in planned.tables])
    else:
        say("Every table is where it belongs.")
    for line in words(found):
        say(line)


_KINDS = {
    "owned": "by partner",
    "reference": "whole on every server",
    "local": "on the coordinator",
}


async def _look(
    settings: Settings, dsn: str, shards: int | None, *, spreads: bool = False
) -> tuple[Plan, Cluster | None]:
    """What there is to do, and the servers; where it `spreads` all of them have to be there.

    The settings are compared first: nothing is done to a database of another deployment.
    """
    pool = await db.open_pool(dsn, connections=1)
    try:
        await establishing.compare(pool, settings)
        await bootstrap.check_schema(pool)
        found: Cluster | None = None
        if spreads:
            found = await distributing.assert_ready(pool)
        elif await distributing.version(pool) is not None:
            found = await distributing.cluster(pool)
        return await distributing.plan(pool, shards), found
    finally:
        await pool.close()


async def _spread(settings: Settings, dsn: str, shards: int | None, *, quiet: bool) -> tuple[Plan, Cluster]:
    """Do it with a progress bar. Raises what `distributing.distribute` does."""
    planned, _ = await _look(settings, dsn, shards, spreads=True)
    columns = (TextColumn("spreading {task.description}"), BarColumn(), MofNCompleteColumn())
    with ExitStack() as ends:
        progress = ends.enter_context(Progress(*columns, console=err, transient=True, disable=quiet))
        task = progress.add_task("tables", total=sum(1 for _ in planned.statements()))
        done = await distributing.distribute(
            dsn, shards, lambda about: progress.update(task, advance=1, description=about)
        )
    pool = await db.open_pool(dsn, connections=1)
    try:
        return done, await distributing.cluster(pool)
    finally:
        await pool.close()


def words(found: Cluster | None) -> list[str]:
    """How the servers stand, for people."""
    if found is None:
        return ["The database has no Citus: every table is on one server."]
    spread = f"owned tables have {found.shards} shards each" if found.shards else "nothing is spread yet"
    lines = [f"Citus {found.version}, {len(found.nodes)} servers; {spread}."]
    lines += [f"No answer from {node.name}: its partners are refused until it is back." for node in found.silent()]
    return lines


def say_of(found: Cluster | None) -> None:
    """Say how the servers stand, where there are several."""
    for line in [] if found is None else words(found):
        say(line)


def shape(found: Cluster | None) -> shapes.Servers | None:
    """How the servers stand, for scripts; None where there is one."""
    if found is None:
        return None
    return shapes.Servers(
        version=found.version,
        shards=found.shards,
        nodes=[
            shapes.Node(name=node.name, coordinator=node.coordinator, has_shards=node.has_shards, answers=node.answers)
            for node in found.nodes
        ],
    )


def _shape(planned: Plan, found: Cluster | None, *, done: bool) -> shapes.Distributed:
    return shapes.Distributed(
        done=done,
        tables=[shapes.SpreadTable(name=name, kind=kind) for name, kind in planned.tables],
        foreign_keys=[key.name for key in planned.foreign_keys],
        servers=shape(found),
    )
