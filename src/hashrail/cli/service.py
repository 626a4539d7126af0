"""hashrail serve, worker, migrate, demo: the processes of a deployment."""

import asyncio
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hashrail import clock, db, logs
from hashrail.cli.examples import example
from hashrail.cli.shared import DataOption, err, migrate, reached, refusals_shown, say, settings_for, warn
from hashrail.deployment import comparing, facts, journal_file
from hashrail.postgres import bootstrap
from hashrail.processes import probes, server
from hashrail.recovery import lost
from hashrail.sandbox import demo as sandboxes
from hashrail.settings import Settings

app = typer.Typer()
START_SECONDS = 60
PATIENCE_SECONDS = 0.2
# Where a sandbox listens.
HERE = "127.0.0.1"
WORKER_PROBE_PORT = 9070
CALL = "/api/partner/s2s/nft/find-by-user"
Port = Annotated[int, typer.Option(help="Port of the API.", min=1, max=65535)]


@app.command("serve", epilog=example("hashrail serve --port 8080 --workers 4"))
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
    with probes.counted_together(), ExitStack() as opened:
        _check_paths_of_any(settings)
        opened.enter_context(refusals_shown())
        opened.enter_context(server.claimed(host, port))
        dsn, resolved = opened.enter_context(_database(settings))
        _check_paths(resolved)
        pooler = resolved.database_pooler_url
        if pooler is not None:
            asyncio.run(db.prove_pooler(pooler, dsn))
        os.environ.update(_environment(resolved, dsn))
        with _probes(resolved, dsn, settings.probe_port, probes.port_beside(port), pooler=pooler):
            server.serve(host, port, workers, server.Doors.of(resolved))


@app.command("worker", epilog=example("hashrail worker --data .hashrail"))
def worker(data: DataOption = None) -> None:
    """Work off jobs and keep the days: publish, close, expire, audit. One is enough; two are harmless."""
    settings = settings_for(data)
    logs.configure()
    # Imported here, for it counts: what an API counts has another place.
    from hashrail.processes import worker as working  # noqa: PLC0415

    with (
        refusals_shown(),
        _database(settings) as (dsn, resolved),
        _probes(resolved, dsn, settings.worker_probe_port, WORKER_PROBE_PORT),
    ):
        asyncio.run(working.run(resolved, dsn))


@app.command("migrate", epilog=example("hashrail migrate --data .hashrail"))
def migrate_command(data: DataOption = None) -> None:
    """Bring the database's schema up to date. Safe to repeat, and while old processes run."""
    settings = settings_for(data)
    logs.configure(command=True)
    with refusals_shown(), reached(settings) as database:
        names, known = asyncio.run(migrate(settings, database.dsn))
    for name in names:
        say(f"applied {name}")
    say("The schema is up to date.")
    say(f"The deployment is {known.words()}.")


@app.command("demo", epilog=example("hashrail demo", "hashrail demo --port 8081 --days 365 --data other"))
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
    _check_paths_of_any(settings)
    # SIGINT too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with refusals_shown(), ExitStack() as claim:
            claim.enter_context(server.claimed(HERE, port))
            settings.data.mkdir(parents=True, exist_ok=True)
            with _database(settings, sandbox=True) as (dsn, resolved):
                _check_paths(resolved)
                sandbox = _prepare(resolved, dsn, f"http://{HERE}:{port}", days)
                claim.close()  # the server claims it now
                _run_sandbox(resolved, dsn, port, sandbox)
    except KeyboardInterrupt:
        warn("Stopped. The sandbox continues when it is started again on the same data.")


def _check_paths_of_any(settings: Settings) -> None:
    """The same before the database is asked whether this is a sandbox, which has further operations."""
    with refusals_shown():
        _check_paths(settings.model_copy(update={"mode": "sandbox"}))


def _check_paths(settings: Settings) -> None:
    """Say now what is wrong with the paths that the settings add: a process that has begun only ends again."""
    # Imported here: the other commands need no web framework.
    from hashrail.api.operations.routes import routes  # noqa: PLC0415

    routes(settings)


def _run_sandbox(settings: Settings, dsn: str, port: int, sandbox: sandboxes.Sandbox) -> None:
    log = settings.data / "sandbox.log"
    family = server.Supervisor(
        [["serve", "--port", str(port)], ["worker"]], environment=_environment(settings, dsn), log=log
    )
    with family:
        _wait_until_ready(sandbox.base_url, family, log)
        _show_summary(sandbox, beside=settings.database_url is not None)
        while family.keep_running():
            signal.sigtimedwait([], PATIENCE_SECONDS)
    warn(f"A process of the sandbox ended again and again; its log is {log}.", "red")
    raise typer.Exit(1)


def _prepare(settings: Settings, dsn: str, base_url: str, days: int) -> sandboxes.Sandbox:
    """Seed the sandbox with a progress bar, which lines of the log would break."""
    logs.configure(command=True, least=logging.ERROR)
    columns = (TextColumn("seeding {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("days", total=days)

        def tick(day: date) -> None:
            progress.update(task, advance=1, description=day.isoformat())

        return asyncio.run(sandboxes.prepare(dsn, settings, base_url=base_url, days=days, tick=tick))


def _wait_until_ready(base_url: str, family: server.Supervisor, log: Path) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline and family.all_alive():
        try:
            if httpx.get(f"{base_url}/readyz", timeout=PATIENCE_SECONDS * 10).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        signal.sigtimedwait([], PATIENCE_SECONDS)
    tail = log.read_text(errors="replace").splitlines()[-15:]
    warn(f"The API did not start. The end of {log}:", "red")
    for line in tail:
        warn(line)
    raise typer.Exit(1)


def _show_summary(sandbox: sandboxes.Sandbox, *, beside: bool) -> None:
    """What runs and what to try next; the call is printed as it is, so that it can be copied.

    `beside` a DATABASE_URL, which the other terminal has as well, no folder is named.
    """
    user = sandbox.users[0][0]
    program, data = _program(), "" if beside else f" --data {shlex.quote(str(sandbox.data))}"
    yesterday = clock.day_of(sandbox.clock) - clock.ONE_DAY
    say(f"A sandbox is running at {sandbox.base_url}", "bold")
    for line in (
        "Open it in a browser: it shows what happens here, and moves its clock.",
        f"Partner {sandbox.partner_id}",
        f"Users {', '.join(name for name, _ in sandbox.users)}",
        f"Business time {clock.iso(sandbox.clock)}; the rates of its days are generated, not recorded",
        f"Everything a program needs stands in {sandbox.data / 'demo.json'}",
        *(
            f"Console {sandbox.base_url}/console: sign in as {name} with {password}"
            for name, password in sandbox.operators
        ),
        *(
            f"Portal {sandbox.base_url}/portal: sign in as {email} with {password}"
            for email, password in sandbox.members
        ),
        "",
        "Try a signed call (copy and paste):",
        "",
        f"KEY={sandbox.api_key}; SECRET={sandbox.api_secret}",
        f'QUERY="partnerUserId={user}&timestamp=$(date +%s%3N)"',
        'SIGNATURE=$(printf %s "$QUERY" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d" " -f1)',
        f'curl -s -H "X-PARTNER-API-KEY: $KEY" "{sandbox.base_url}{CALL}?$QUERY&signature=$SIGNATURE"',
        "",
        "Then, in another terminal:",
        f"  {program} audit{data}",
        f"  {program} explain income --miner 1001 --day {yesterday}{data}",
        f"  {program} payouts status{data}",
        f"  {program} sandbox clock --from {shlex.quote(str(sandbox.data / 'demo.json'))}",
        f"  {program} --help",
        "",
        f"Every operation, with examples: {sandbox.base_url}/api/docs",
        "Ctrl-C stops it; started again on the same data it continues.",
    ):
        say(line)


def _program() -> str:
    """How this program was called, for a shell."""
    called = sys.argv[0]
    return f"{sys.executable} -m hashrail.cli" if called.endswith(".py") else shlex.quote(called)


@contextmanager
def _database(settings: Settings, *, sandbox: bool = False) -> Iterator[tuple[str, Settings]]:
    """The database of a deployment and its settings, compared with what the database says that it is.

    An embedded one is kept running while this process lives. It is migrated when it is embedded or is to be a
    sandbox's; a production's own is migrated by `hashrail migrate`.
    """
    with reached(settings) as database:
        resolved = asyncio.run(_compared(settings, database, sandbox=sandbox))
        asyncio.run(_check_journal(settings, database.dsn))
        with _watched(database):
            yield database.dsn, resolved


async def _compared(settings: Settings, database: bootstrap.Database, *, sandbox: bool) -> Settings:
    """The settings of a process of the deployment. Raises what `comparing.resolve` does, and NodeNotNamedError.

    One that is to be a `sandbox` and is not raises NotASandboxError.
    """
    pool = await db.open_pool(database.dsn, connections=1)
    try:
        if sandbox:
            sandboxes.assert_may_be_one(await facts.find(pool))
        if database.postgres is not None or settings.mode == "sandbox":
            await migrate(settings, database.dsn)
        known = await facts.read(pool)
    finally:
        await pool.close()
    resolved = comparing.resolve(known, settings)
    comparing.assert_node_named(known, resolved)
    return resolved


async def _check_journal(settings: Settings, dsn: str) -> None:
    """Say now what would stop every process. Raises JournalNotWriteableError, BooksAreOlderError."""
    journal_file.check(settings.journal_file)
    pool = await db.open_pool(dsn, connections=1)
    try:
        with suppress(bootstrap.SchemaOutOfDateError):
            await bootstrap.check_schema(pool)
            await lost.assert_none(pool, settings.journal_file)
    finally:
        await pool.close()


@contextmanager
def _watched(database: bootstrap.Database) -> Iterator[None]:
    """An embedded server that dies under us is started again."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PATIENCE_SECONDS):
            if database.keep_running():
                warn("The embedded PostgreSQL had died and was started again.")

    watcher = threading.Thread(target=watch, name="database-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


@contextmanager
def _probes(
    settings: Settings, dsn: str, named: int | None, usual: int, *, pooler: str | None = None
) -> Iterator[None]:
    """Health, readiness, metrics and alarms of this command, on a listener of their own."""
    # Imported here: it looks where to count when it is imported.
    from hashrail.processes.alarm_page import AlarmPage  # noqa: PLC0415
    from hashrail.processes.metrics_page import MetricsPage  # noqa: PLC0415
    from hashrail.processes.onlooker import Onlooker  # noqa: PLC0415

    onlooker = Onlooker(settings, dsn)
    rings = probes.ForMonitoring(AlarmPage(onlooker).page, settings.admin_token_digest)
    pages: probes.Pages = {
        "/healthz": probes.healthy,
        "/readyz": probes.Ready(dsn, pooler=pooler).page,
        "/metrics": MetricsPage(onlooker).page,
        "/api/admin/alarms": rings,
    }
    with probes.answering(settings.probe_host, named, usual, pages):
        yield


def _environment(settings: Settings, dsn: str) -> dict[str, str]:
    return {"DATABASE_URL": dsn, "HASHRAIL_MODE": settings.mode, "HASHRAIL_DATA": str(settings.data)}


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
