"""What every command shares: where the books are, how errors and tables look, JSON for scripts."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hashrail import bootstrap, clock, db, jobs, logs
from hashrail.db import Tx
from hashrail.errors import BadRequestError, HashrailError, NotFoundError
from hashrail.money import plain
from hashrail.settings import Settings
from hashrail.vault import Vault, VaultError, open_vault

T = TypeVar("T")
CONNECT_SECONDS = 10
NO_DATABASE_URL = "DATABASE_URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME"
_CAMEL = re.compile("_([a-z])")

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of the deployment [HASHRAIL_DATA, default .hashrail]. DATABASE_URL wins."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
# What the books number things with.
MOST_ID = 2**63 - 1
PartnerOption = Annotated[str, typer.Option("--partner", help="Name, public id or number of the partner.")]

# A figure is never cut: a pipe gets room for it, and a narrow terminal gets more lines.
out = Console(width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True)


# What an operator does, where an error's own advice is for whoever calls the API.
OPERATORS_ADVICE = {
    db.BusyError.code: "Run it again: nothing was changed.",
    db.DatabaseDownError.code: "See whether the PostgreSQL that DATABASE_URL names runs and lets this user in.",
}


class OutOfBoundsError(BadRequestError):
    """A text or number on the command line that the books do not hold."""

    code = "OUT_OF_BOUNDS"
    advice = "Amounts have at most 18 decimals, TH 4, W/TH 2, fractions 4; names have 1 to 255 characters."


class BadSettingError(BadRequestError):
    """A setting of the environment has a value that it cannot have."""

    code = "BAD_SETTING"
    advice = "Correct the environment variable of that name: DATABASE_URL, or HASHRAIL_ and the setting in capitals."


class NoDeploymentError(NotFoundError):
    """The data folder holds no deployment: perhaps a typing error."""

    code = "NO_DEPLOYMENT"
    advice = "Check --data (or HASHRAIL_DATA). A new deployment is made by: hashrail migrate --data FOLDER"


@dataclass(frozen=True, slots=True)
class Books:
    """An open deployment: its settings, connections and vault."""

    settings: Settings
    pool: db.Pool
    vault: Vault


def settings_for(data: Path | None) -> Settings:
    """Settings from the environment; `data` names the folder, if the command line did."""
    try:
        return Settings() if data is None else Settings(data=data)
    except ValidationError as error:
        first = error.errors()[0]
        fail(BadSettingError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
    except SettingsError as error:
        fail(BadSettingError(str(error)))


async def reach(dsn: str) -> None:
    """Connect to DATABASE_URL once. Raises BadSettingError where it is none, DatabaseDownError where nobody answers.

    What is wrong with its text is not repeated where a password could be in it.
    """
    with _connecting():
        conninfo_to_dict(dsn)
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        await connection.close(timeout=CONNECT_SECONDS)


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise BadSettingError(f"DATABASE_URL: {error}") from error
    except (psycopg.ProgrammingError, ValueError, OverflowError) as error:
        raise BadSettingError(NO_DATABASE_URL) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise db.DatabaseDownError(f"cannot connect to the database: {str(error) or 'no answer'}") from error


def migrate(dsn: str) -> list[str]:
    """Bring the whole schema up to date, queue included."""
    return [*db.migrate(dsn), *jobs.install(dsn)]


def run(data: Path | None, work: Callable[[Books], Awaitable[T]]) -> T:
    """Open the books, do the work, and turn refusals into a message and exit code 1."""
    settings = settings_for(data)
    logs.configure(command=True)

    try:
        if settings.database_url is None and not (settings.data / "postgres").exists():
            raise NoDeploymentError(f"there is no deployment in {settings.data}")
        with bootstrap.database(settings) as database:
            if database.postgres is not None:
                migrate(database.dsn)
            return asyncio.run(_opened(settings, database.dsn, work))
    except HashrailError as error:
        fail(error)
    except asyncpg.CheckViolationError as error:
        # Without its detail, which shows the row.
        fail(OutOfBoundsError(f"the books do not hold it: {error.constraint_name}"))
    except asyncpg.DataError as error:
        fail(OutOfBoundsError(error.args[0]))
    except VaultError as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error


async def _opened(settings: Settings, dsn: str, work: Callable[[Books], Awaitable[T]]) -> T:
    with _connecting():
        pool = await db.open_pool(dsn)
    try:
        if settings.database_url is not None:
            await bootstrap.check_schema(pool)
        vault = open_vault(settings.data, settings.master_keys)
        return await work(Books(await _as_it_is(settings, pool), pool, vault))
    finally:
        await pool.close()


async def _as_it_is(settings: Settings, pool: db.Pool) -> Settings:
    """A sandbox whose chain is simulated stays one, also when the environment does not say so."""
    simulated = settings.bitcoin_rpc_url is None and await pool.fetchval("SELECT EXISTS (SELECT FROM sandbox_chain)")
    return settings.model_copy(update={"mode": "sandbox"}) if simulated else settings


def in_transaction(data: Path | None, work: Callable[[Tx, Books], Awaitable[T]]) -> T:
    """Open the books and do the work in one transaction."""

    async def whole(books: Books) -> T:
        async with db.transaction(books.pool) as tx:
            return await work(tx, books)

    return run(data, whole)


def fail(error: HashrailError) -> NoReturn:
    """Show a refusal with its code and what to do next; ends the program with 1."""
    advice = OPERATORS_ADVICE.get(error.code, error.advice)
    err.print(f"[red]{error.code}[/red]: {escape(error.message)}", highlight=False, soft_wrap=True)
    if advice:
        err.print(escape(advice), highlight=False, soft_wrap=True)
    raise typer.Exit(1) from error


def show_json(value: object) -> None:
    """Print a value as JSON; amounts stay exact because they are printed as texts."""
    typer.echo(json.dumps(value, default=_as_text, indent=2))


def in_camel_case(value: Any) -> Any:
    """The same with names as the API writes them: amountBtc."""
    if isinstance(value, dict):
        return {_CAMEL.sub(lambda found: found[1].upper(), name): in_camel_case(each) for name, each in value.items()}
    return [in_camel_case(each) for each in value] if isinstance(value, list) else value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand to the right. What a terminal is too narrow for stands line by line."""
    listed = [list(row) for row in rows]
    texts = [list(columns), *([_as_text(value) for value in row] for row in listed)]
    needed = 1 + sum(3 + max(cell_len(text) for text in column) for column in zip(*texts, strict=True))
    # Not the table's own title, which a narrow table would fold.
    out.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
    if needed > out.width and len(columns) > 2:
        _print_records(columns, texts[1:])
        return
    shown = Table()
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], Decimal | int) for row in listed)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in texts[1:]:
        shown.add_row(*row)
    out.print(shown)


def _print_records(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Each row as lines of a name and a value, whole, so that it can be copied."""
    wide = max(map(cell_len, columns))
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            out.print(f"  {column:<{wide}}  {value}", markup=False, highlight=False, soft_wrap=True)
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
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2026-09-09") from error


def _as_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(each) for each in value)
    return "" if value is None else str(value)
