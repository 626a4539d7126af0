"""What `serve`, `worker`, `migrate` and `demo` say of a database that is not there, as every command does."""

from pathlib import Path

import pytest

from tests.conftest import with_database
from tests.test_demo import free_port, hashrail

COMMANDS = ("serve", "worker", "migrate", "demo")
FORM = "DATABASE_URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME"


def refused(command: str, dsn: str, data: Path) -> tuple[str, str]:
    """The two lines that a command says before it ends with 1: what, and what to do."""
    port = ("--port", str(free_port())) if command in ("serve", "demo") else ()
    made = hashrail(command, *port, "--data", str(data), DATABASE_URL=dsn)
    assert (made.returncode, made.stdout) == (1, ""), made.stderr
    error, advice = made.stderr.splitlines()
    return error, advice


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_is_down(command: str, server: str, tmp_path: Path) -> None:
    """What an operator does is said, not what a caller of the API does."""
    for dsn in (f"postgresql://x@127.0.0.1:{free_port()}/x", with_database(server, "nowhere")):
        error, advice = refused(command, dsn, tmp_path)
        assert error.startswith("DATABASE_DOWN: cannot connect to the database: ")
        assert advice == "See whether the PostgreSQL that DATABASE_URL names runs and lets this user in."


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_url_that_is_none(command: str, tmp_path: Path) -> None:
    """The setting is named; what could be a password is not repeated."""
    for dsn in ("garbage", "mysql://x:secret@y/z", "postgresql://x:secret@y:port/z"):
        error, _ = refused(command, dsn, tmp_path)
        assert error == f"BAD_SETTING: {FORM}"
    error, _ = refused(command, "postgresql://x@y/z?sslmode=perhaps", tmp_path)
    assert error.startswith("BAD_SETTING: DATABASE_URL: `sslmode` parameter must be one of: ")


def test_a_master_key_that_is_none(dsn: str, tmp_path: Path) -> None:
    made = hashrail(
        "demo", "--port", str(free_port()), "--data", str(tmp_path), DATABASE_URL=dsn, HASHRAIL_MASTER_KEYS="x"
    )
    assert (made.returncode, made.stdout) == (1, "")
    assert "not a master key" in made.stderr
    assert "Traceback" not in made.stderr


def test_a_port_of_a_database_url_that_is_none(tmp_path: Path) -> None:
    """Commands that open the books say it as well."""
    for port in ("port", "99999999"):
        error, _ = refused("audit", f"postgresql://x@127.0.0.1:{port}/z", tmp_path)
        assert error == f"BAD_SETTING: {FORM}"
