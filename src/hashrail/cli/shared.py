"""What every command shares: how a deployment is opened, how errors, lines and tables look.

Whatever is shown to people goes through here, where no text of somebody else acts on the terminal; `printing.py` has
what scripts read.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hashrail import clock, db, logs, texts
from hashrail.cli.printing import as_text
from hashrail.custody import payout_policy
from hashrail.db import Tx
from hashrail.deployment import comparing, establishing, facts, journal_file
from hashrail.deployment.facts import Facts
from hashrail.deployment.opened import Deployment, on_pool
from hashrail.errors import BadRequestError, ConflictError, HashrailError, NotFoundError, UnavailableError
from hashrail.postgres import binaries, bootstrap, distributing, job_queue, replicas
from hashrail.settings import BadSettingError, Settings, assert_names_known
from hashrail.vault import VaultError

T = TypeVar("T")

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder of the deployment [HASHRAIL_DATA, default .hashrail]; not beside DATABASE_URL."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
# What the books number things with.
MAX_ID = 2**63 - 1
PartnerOption = Annotated[str, typer.Option("--partner", help="Name, public id or number of the partner.")]


def console(**where: Any) -> Console:
    """A console for which a text is a text: brackets in it are no markup, and names between colons no pictures."""
    return Console(markup=False, emoji=False, highlight=False, **where)


# A figure is never cut: a pipe gets room for it, and a narrow terminal gets more lines.
out = console(width=None if sys.stdout.isatty() else 240)
err = console(stderr=True)


# What an operator does, where an error's own advice is for whoever calls the API.
OPERATORS_ADVICE = {
    db.BusyError.code: "Run it again: nothing was changed.",
    db.DatabaseDownError.code: "See whether the PostgreSQL that DATABASE_URL names runs and lets this user in.",
    db.UnknownOutcomeError.code: "Look first whether it was done, and run it again only if it was not.",
    db.DatabaseReadOnlyError.code: "Name the server that writes in DATABASE_URL, or add target_session_attrs=primary.",
    db.DatabaseFullError.code: "Make room on the database's disk, or let it have more memory or connections.",
}


class OutOfBoundsError(BadRequestError):
    """A text or number on the command line that the books do not hold."""

    code = "OUT_OF_BOUNDS"
    advice = "Amounts have at most 18 decimals, TH 4, W/TH 2, fractions 4; names have 1 to 255 characters."


class NotShownError(UnavailableError):
    """What is shown once could not be written to where the output goes, so nothing was done."""

    code = "NOT_SHOWN"
    advice = "Look where the output goes: a full disk, a program that has ended. Then run it again."


class MasterKeyError(ConflictError):
    """A master key is none, or none of them opens what was sealed."""

    code = "MASTER_KEY"
    advice = "Name the keys in HASHRAIL_MASTER_KEYS, newest first, or put master.key back into the data folder."


class TwoDatabasesError(BadRequestError):
    """The command line names a data folder, and the environment another database: only one of them can be meant."""

    code = "TWO_DATABASES"
    advice = (
        "For the folder: unset DATABASE_URL. For that database: leave out --data; HASHRAIL_DATA has the master key."
    )


class NoDeploymentError(NotFoundError):
    """The data folder holds no deployment: perhaps a typing error."""

    code = "NO_DEPLOYMENT"
    advice = "Check --data (or HASHRAIL_DATA). A new deployment is made by: hashrail migrate --data FOLDER"


def settings_for(data: Path | None) -> Settings:
    """Settings from the environment; `data` names the folder, if the command line did. Ends with 1 for two."""
    try:
        assert_names_known(os.environ)
        settings = Settings() if data is None else Settings(data=data)
    except ValidationError as error:
        first = error.errors()[0]
        fail(BadSettingError(": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))))
    except BadSettingError as error:
        fail(error)
    except SettingsError as error:
        fail(BadSettingError(str(error)))
    if data is not None and settings.database_url is not None:
        fail(TwoDatabasesError(f"--data names {data}, and DATABASE_URL names another database"))
    return settings


async def reach(dsn: str) -> None:
    """Connect to DATABASE_URL once, as a process that writes. Raises what `db.reach` does, in an operator's words."""
    with _connecting():
        await db.reach(dsn)


@contextmanager
def _connecting() -> Iterator[None]:
    """What stands in the way is told whole: an operator may know the server's words, a caller of the API not."""
    try:
        yield
    except db.DATABASE_ERRORS as error:
        refused = db.refusal(error)
        kind = db.DatabaseDownError if refused is None else type(refused)
        raise kind(f"cannot connect to the database: {str(error) or 'no answer'}") from error


@contextmanager
def reached(settings: Settings, *, least_major: int = binaries.OLDEST_MAJOR) -> Iterator[bootstrap.Database]:
    """The database, embedded or given. One that is given has answered, and what standbys are named can be read."""
    replicas.targets(settings)
    if settings.database_url is not None:
        asyncio.run(reach(settings.database_url))
    with bootstrap.database(settings, least_major=least_major) as database:
        yield database


async def migrate(settings: Settings, dsn: str, *, asks_node: bool = False) -> tuple[list[str], Facts]:
    """Bring the whole schema up to date, queue included, and write what the deployment is if nobody has.

    Answers the names of what was applied, and of new tables that were spread over servers. The settings are compared
    first: nothing is done to a database of another deployment. Raises what `establishing.compare` and
    `distributing.take_up` do, SchemaTooNewError, and where the node is asked what `comparing.check_node` does.
    """
    pool = await db.open_pool(dsn, connections=1)
    try:
        wanted = await establishing.compare(pool, settings)
        if asks_node:
            await comparing.check_node(wanted, settings)
        names = [*await db.migrate_in_thread(dsn), *await asyncio.to_thread(job_queue.install, dsn)]
        await bootstrap.check_schema(pool)
        names += await distributing.take_up(dsn)
        return names, await _established(pool, settings)
    finally:
        await pool.close()


async def _established(pool: db.Pool, settings: Settings) -> Facts:
    """What the deployment is, with the limits that one in production begins with."""
    found = await establishing.establish(pool, settings)
    if found.mode == "production":
        async with db.transaction(pool) as tx:
            await payout_policy.begin(tx)
    return found


def run(data: Path | None, work: Callable[[Deployment], Awaitable[T]], *, pays: bool = False) -> T:
    """Open the deployment, do the work, and turn refusals into a message and exit code 1.

    A command that `pays`, or records that something was paid, needs the deployment's node, also beside it.
    """
    settings = settings_for(data)
    logs.configure(command=True)

    async def opened(pool: db.Pool) -> T:
        deployment = await on_pool(pool, settings)
        if pays:
            deployment.assert_node_named()
        done = await work(deployment)
        await journal_file.write_down(pool, settings.journal_file)
        return done

    with refusals_shown():
        return _in_database(settings, opened)


def run_beside(data: Path | None, work: Callable[[db.Pool, Settings], Awaitable[T]]) -> T:
    """The same for what looks at a deployment from outside: the settings may contradict its facts."""
    settings = settings_for(data)
    logs.configure(command=True)

    async def opened(pool: db.Pool) -> T:
        return await work(pool, settings)

    with refusals_shown():
        return _in_database(settings, opened, beside=True)


def compared(settings: Settings) -> tuple[Settings, Facts | None]:
    """For what may come before a deployment: its settings and facts, if there is one; else the settings as they are.

    Ends with 1 where they differ.
    """

    async def work(pool: db.Pool) -> tuple[Settings, Facts | None]:
        known = await facts.find(pool)
        return (settings, None) if known is None else (comparing.resolve(known, settings), known)

    with refusals_shown():
        return _in_database(settings, work) if has_database(settings) else (settings, None)


def has_database(settings: Settings) -> bool:
    """Whether there is a deployment where the settings look for one."""
    return settings.database_url is not None or (settings.data / "postgres").exists()


@contextmanager
def refusals_shown() -> Iterator[None]:
    """What is refused is said in a line or two; the program ends with 1."""
    try:
        yield
    except HashrailError as error:
        fail(error)
    except asyncpg.CheckViolationError as error:
        # Without its detail, which shows the row.
        fail(OutOfBoundsError(f"the books do not hold it: {db.constraint_of(error)}"))
    except asyncpg.DataError as error:
        fail(OutOfBoundsError(error.args[0]))
    except db.DATABASE_ERRORS as error:
        refused = db.refusal(error)
        if refused is None:
            raise
        fail(refused)
    except VaultError as error:
        fail(MasterKeyError(str(error)))


def _in_database(settings: Settings, work: Callable[[db.Pool], Awaitable[T]], *, beside: bool = False) -> T:
    if not has_database(settings):
        raise NoDeploymentError(f"there is no deployment in {settings.data}")
    with bootstrap.database(settings) as database:
        migrates = database.postgres is not None and not beside
        return asyncio.run(_on_pool(settings, database.dsn, work, migrates=migrates))


async def _on_pool(settings: Settings, dsn: str, work: Callable[[db.Pool], Awaitable[T]], *, migrates: bool) -> T:
    if migrates:
        await migrate(settings, dsn)
    with _connecting():
        pool = await db.open_pool(dsn)
    try:
        if not migrates:
            await bootstrap.check_schema(pool)
        return await work(pool)
    finally:
        await pool.close()


def in_transaction(data: Path | None, work: Callable[[Tx, Deployment], Awaitable[T]], *, pays: bool = False) -> T:
    """Open the deployment and do the work in one transaction; `pays` as in `run`."""

    async def whole(deployment: Deployment) -> T:
        async with db.transaction(deployment.pool) as tx:
            return await work(tx, deployment)

    return run(data, whole, pays=pays)


def fail(error: HashrailError) -> NoReturn:
    """Show a refusal with its code and what to do next; ends the program with 1."""
    advice = OPERATORS_ADVICE.get(error.code, error.advice)
    mark(error.code, "red", f": {texts.shown_lines(error.message)}", error=True)
    if advice:
        warn(advice)
    raise typer.Exit(1) from error


def say(text: str, style: str = "") -> None:
    """Print a line for people."""
    out.print(Text(texts.shown(text), style), soft_wrap=True)


def warn(text: str, style: str = "", *, limit: int = texts.MAX_SHOWN) -> None:
    """Print a line for people on standard error."""
    err.print(Text(texts.shown(text, limit), style), soft_wrap=True)


def mark(word: str, style: str, text: str, *, error: bool = False) -> None:
    """Print lines that begin with a word in a style of its own, on standard error where it is an error."""
    line = Text.assemble((texts.shown(word), style), texts.shown_lines(text))
    (err if error else out).print(line, soft_wrap=True)


@contextmanager
def shown_whole() -> Iterator[None]:
    """Let what is printed reach its place before the work goes on. Raises NotShownError."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _give_up_output()
        raise NotShownError(f"the output cannot be written: {error.strerror}") from error


def _give_up_output() -> None:
    """What could not be written is tried once more when Python ends, which would end with a code of its own."""
    with suppress(OSError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand to the right. What a terminal is too narrow for stands line by line."""
    listed = [list(row) for row in rows]
    cells = [list(columns), *([texts.shown(as_text(value)) for value in row] for row in listed)]
    needed = 1 + sum(3 + max(cell_len(text) for text in column) for column in zip(*cells, strict=True))
    # Not the table's own title, which a narrow table would fold.
    say(title, "italic")
    if needed > out.width and len(columns) > 2:
        _print_records(columns, cells[1:])
        return
    shown = Table()
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], Decimal | int) for row in listed)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells[1:]:
        shown.add_row(*map(Text, row))
    out.print(shown)


def _print_records(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Each row as lines of a name and a value, whole, so that it can be copied."""
    wide = max(map(cell_len, columns))
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            out.print(Text(f"  {column:<{wide}}  {value}"), soft_wrap=True)
        out.print()


def amount(text: str) -> Decimal:
    """A number on the command line."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no number") from error
    if not number.is_finite():
        raise typer.BadParameter(f"{text!r} is no number")
    return number


def day(text: str) -> date:
    """A day on the command line, as 2026-09-09."""
    try:
        return clock.day_from(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2026-09-09") from error
