"""What `serve`, `worker`, `migrate` and `demo` say of a database that is not there, as every command does.

The commands run in this process; two are started as programs, where nothing is written beside the two lines either.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from hashrail.cli.main import app
from tests.support import programs
from tests.support.databases import with_database
from tests.support.programs import free_port

COMMANDS = ("serve", "worker", "migrate", "demo")
FORM = "DATABASE_URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _process_of_our_own() -> Iterator[None]:
    """A command takes the process for its own: it sets the log and answers signals. Both are given back."""
    handlers, log = {number: signal.getsignal(number) for number in SIGNALS}, structlog.get_config()
    yield
    structlog.configure(**log)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def words_of(command: str) -> list[str]:
    port = ("--port", str(free_port())) if command in ("serve", "demo") else ()
    return [command, *port]


def run(command: str, data: Path, **settings: str) -> Result:
    """Run a command without settings of another deployment; whatever it raises must have become an exit."""
    others: dict[str, str | None] = {name: None for name in os.environ if name not in programs.clean_environment()}
    made = CliRunner().invoke(app, words_of(command), env=others | {"HASHRAIL_DATA": str(data)} | settings)
    assert made.exception is None or isinstance(made.exception, SystemExit), made.exc_info
    return made


def refused(command: str, dsn: str, data: Path) -> tuple[str, str]:
    """The two lines that a command says before it ends with 1: what, and what to do."""
    made = run(command, data, DATABASE_URL=dsn)
    assert (made.exit_code, made.stdout) == (1, ""), made.stderr
    error, advice = made.stderr.splitlines()
    return error, advice


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_is_down(command: str, server: str, tmp_path: Path) -> None:
    """What an operator does is said, not what a caller of the API does."""
    for dsn in (f"postgresql://x@127.0.0.1:{free_port()}/x", with_database(server, "nowhere")):
        error, advice = refused(command, dsn, tmp_path)
        assert error.startswith("DATABASE_DOWN: cannot connect to the database: ")
        assert advice == "See whether the PostgreSQL that DATABASE_URL names runs and lets this user in."


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_the_program_says_the_same(command: str, tmp_path: Path) -> None:
    dsn = f"postgresql://x@127.0.0.1:{free_port()}/x"
    made = programs.hashrail(*words_of(command), DATABASE_URL=dsn, HASHRAIL_DATA=str(tmp_path))
    assert (made.returncode, made.stdout) == (1, ""), made.stderr
    error, advice = made.stderr.splitlines()
    assert error.startswith("DATABASE_DOWN: cannot connect to the database: ")
    assert advice.startswith("See whether the PostgreSQL that DATABASE_URL names runs")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_url_that_is_none(command: str, tmp_path: Path) -> None:
    """The setting is named; what could be a password is not repeated."""
    for dsn in ("garbage", "mysql://x:secret@y/z", "postgresql://x:secret@y:port/z"):
        error, _ = refused(command, dsn, tmp_path)
        assert error == f"BAD_SETTING: {FORM}"
    error, _ = refused(command, "postgresql://x@y/z?sslmode=perhaps", tmp_path)
    assert error.startswith("BAD_SETTING: DATABASE_URL: `sslmode` parameter must be one of: ")


def test_a_master_key_that_is_none(dsn: str, tmp_path: Path) -> None:
    made = run("demo", tmp_path, DATABASE_URL=dsn, HASHRAIL_MASTER_KEYS="x")
    assert (made.exit_code, made.stdout) == (1, "")
    assert "not a master key" in made.stderr
    assert "Traceback" not in made.stderr


def test_a_port_of_a_database_url_that_is_none(tmp_path: Path) -> None:
    """Commands that open the books say it as well."""
    for port in ("port", "99999999"):
        error, _ = refused("audit", f"postgresql://x@127.0.0.1:{port}/z", tmp_path)
        assert error == f"BAD_SETTING: {FORM}"


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1"])
def test_a_port_that_is_none(command: str, port: str) -> None:
    refused = CliRunner().invoke(app, [command, "--port", port])
    assert (refused.exit_code, "Usage:" in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr
