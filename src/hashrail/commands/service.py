"""hashrail serve, worker, migrate, demo: the processes of a deployment."""

import asyncio
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hashrail import bootstrap, clock, logs, processes
from hashrail import demo as sandboxes
from hashrail import worker as working
from hashrail.commands.common import DataOption, err, fail, migrate, out, reach, settings_for
from hashrail.errors import HashrailError
from hashrail.settings import Settings
from hashrail.vault import VaultError, open_vault

START_SECONDS = 60
PATIENCE_SECONDS = 0.2
# Where a sandbox listens.
HERE = "127.0.0.1"
Port = Annotated[int, typer.Option(help="Port of the API.", min=1, max=65535)]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HERE,
    port: Port = 8080,
    workers: Annotated[int, typer.Option(help="API processes.", min=1)] = 1,
    data: DataOption = None,
) -> None:
    """Serve the API. Ctrl-C answers what has begun and stops.

    Without DATABASE_URL an embedded PostgreSQL runs in the data folder, for as long as this command does.
    """
    settings = settings_for(data)
    logs.configure()
    _check_paths(settings)
    with _refusals_shown(), processes.claimed(host, port), _database(settings) as dsn:
        os.environ.update(_environment(settings, dsn))
        processes.serve(host, port, workers)


def worker(data: DataOption = None) -> None:
    """Work off jobs and keep the days: publish, close, expire, audit. One is enough; two are harmless."""
    settings = settings_for(data)
    logs.configure()
    with _refusals_shown(), _database(settings) as dsn:
        asyncio.run(working.run(settings, dsn))


def migrate_command(data: DataOption = None) -> None:
    """Bring the database's schema up to date. Safe to repeat, and while old processes run."""
    settings = settings_for(data)
    logs.configure(command=True)
    with _refusals_shown(), _reached(settings) as database:
        names = migrate(database.dsn)
    for name in names:
        typer.echo(f"applied {name}")
    typer.echo("The schema is up to date.")


def demo(
    port: Port = 8080,
    data: DataOption = None,
    days: Annotated[int, typer.Option(help="How many closed days an empty sandbox begins with.", min=1, max=3650)] = 90,
) -> None:
    """Run a sandbox: a partner with users, miners and closed days, the API, a worker, and a clock you can move.

    Started again on the same data it continues. Ctrl-C stops everything. Rates of its days are generated.
    """
    settings = Settings(mode="sandbox", data=settings_for(data).data)
    logs.configure(command=True)
    _check_paths(settings)
    # SIGINT too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with _refusals_shown(), ExitStack() as claim:
            claim.enter_context(processes.claimed(HERE, port))
            settings.data.mkdir(parents=True, exist_ok=True)
            with _database(settings) as dsn:
                sandbox = _prepare(settings, dsn, f"http://{HERE}:{port}", days)
                claim.close()  # the server claims it now
                _run_sandbox(settings, dsn, port, sandbox)
    except KeyboardInterrupt:
        err.print("Stopped. The sandbox continues when it is started again on the same data.")


def _check_paths(settings: Settings) -> None:
    """Say now what is wrong with the paths that the settings add: a process that has begun only ends again."""
    # Imported here: the other commands need no web framework.
    from hashrail.api.routes import routes  # noqa: PLC0415

    with _refusals_shown():
        routes(settings)


def _run_sandbox(settings: Settings, dsn: str, port: int, sandbox: sandboxes.Sandbox) -> None:
    log = settings.data / "sandbox.log"
    family = processes.Family(
        [["serve", "--port", str(port)], ["worker"]], environment=_environment(settings, dsn), log=log
    )
    with family:
        _wait_until_ready(sandbox.base_url, family, log)
        _show_summary(sandbox)
        while family.keep_running():
            signal.sigtimedwait([], PATIENCE_SECONDS)
    err.print(f"[red]A process of the sandbox ended again and again; its log is {log}.[/red]")
    raise typer.Exit(1)


def _prepare(settings: Settings, dsn: str, base_url: str, days: int) -> sandboxes.Sandbox:
    """Seed the sandbox with a progress bar, which lines of the log would break."""
    logs.configure(command=True, least=logging.ERROR)
    vault = open_vault(settings.data, settings.master_keys)
    columns = (TextColumn("seeding {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("days", total=days)

        def tick(day: date) -> None:
            progress.update(task, advance=1, description=day.isoformat())

        return asyncio.run(sandboxes.prepare(dsn, settings, vault, base_url=base_url, days=days, tick=tick))


def _wait_until_ready(base_url: str, family: processes.Family, log: Path) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline and family.all_alive():
        try:
            if httpx.get(f"{base_url}/readyz", timeout=PATIENCE_SECONDS * 10).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        signal.sigtimedwait([], PATIENCE_SECONDS)
    tail = log.read_text(errors="replace").splitlines()[-15:]
    err.print(f"[red]The API did not start. The end of {log}:[/red]")
    err.print("\n".join(tail), highlight=False, markup=False)
    raise typer.Exit(1)


def _show_summary(sandbox: sandboxes.Sandbox) -> None:
    """What runs and what to try next; the call is printed as it is, so that it can be copied."""
    user = sandbox.users[0][0]
    program, data = _program(), shlex.quote(str(sandbox.data))
    yesterday = clock.day_of(sandbox.clock) - clock.ONE_DAY
    out.print(f"[bold]A sandbox is running at {sandbox.base_url}[/bold]", highlight=False)
    typer.echo(
        f"Partner {sandbox.partner_id}\n"
        f"Users {', '.join(name for name, _ in sandbox.users)}\n"
        f"Business time {clock.iso(sandbox.clock)}; the rates of its days are generated, not recorded\n"
        f"Everything a program needs stands in {sandbox.data / 'demo.json'}\n"
    )
    out.print("[bold]Try a signed call[/bold] (copy and paste):\n", highlight=False)
    typer.echo(
        f"KEY={sandbox.api_key}; SECRET={sandbox.api_secret}\n"
        f'QUERY="partnerUserId={user}&timestamp=$(date +%s%3N)"\n'
        'SIGNATURE=$(printf %s "$QUERY" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d" " -f1)\n'
        'curl -s -H "X-PARTNER-API-KEY: $KEY" '
        f'"{sandbox.base_url}/api/partner/s2s/nft/find-by-user?$QUERY&signature=$SIGNATURE"\n'
    )
    out.print("[bold]Then[/bold], in another terminal:", highlight=False)
    typer.echo(
        f"  {program} audit --data {data}\n"
        f"  {program} explain income --miner 1001 --day {yesterday} --data {data}\n"
        f"  {program} payouts status --data {data}\n"
        f"  {program} --help\n\n"
        f"Every operation, with examples: {sandbox.base_url}/api/docs\n"
        "Ctrl-C stops it; started again on the same data it continues."
    )


def _program() -> str:
    """How this program was called, for a shell."""
    called = sys.argv[0]
    return f"{sys.executable} -m hashrail.cli" if called.endswith(".py") else shlex.quote(called)


@contextmanager
def _refusals_shown() -> Iterator[None]:
    """What is refused is said in a line or two; the program ends with 1."""
    try:
        yield
    except HashrailError as error:
        fail(error)
    except VaultError as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error


@contextmanager
def _reached(settings: Settings) -> Iterator[bootstrap.Database]:
    """The database, embedded or given. One that is given has answered."""
    if settings.database_url is not None:
        asyncio.run(reach(settings.database_url))
    with bootstrap.database(settings) as database:
        yield database


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The database of a deployment, kept running while this process lives if it is embedded.

    It is migrated when it is embedded or a sandbox's; a production's own is migrated by `hashrail migrate`.
    """
    with _reached(settings) as database:
        if database.postgres is not None or settings.mode == "sandbox":
            migrate(database.dsn)
        with _watched(database):
            yield database.dsn


@contextmanager
def _watched(database: bootstrap.Database) -> Iterator[None]:
    """An embedded server that dies under us is started again."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PATIENCE_SECONDS):
            if database.keep_running():
                err.print("The embedded PostgreSQL had died and was started again.")

    watcher = threading.Thread(target=watch, name="database-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _environment(settings: Settings, dsn: str) -> dict[str, str]:
    return {"DATABASE_URL": dsn, "HASHRAIL_MODE": settings.mode, "HASHRAIL_DATA": str(settings.data)}


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
