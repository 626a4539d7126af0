"""`hashrail distribute` on a PostgreSQL that is one server: what it would do, and what it says it lacks."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashrail import db
from hashrail.cli.main import app
from hashrail.postgres import distributing
from hashrail.postgres.distributing import NoCitusError
from tests.support import citus

pytestmark = pytest.mark.skipif(citus.coordinator() is not None, reason="the server of this run is a Citus cluster")


@pytest.fixture
def beside(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names the test's database."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("HASHRAIL_DATA", str(tmp_path))
    return dsn


def test_a_dry_run_says_what_would_be_done(beside: str) -> None:
    made = CliRunner().invoke(app, ["distribute", "--dry-run", "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    kinds = {one["name"]: one["kind"] for one in told["tables"]}
    assert (told["done"], told["servers"]) == (False, None)
    assert (kinds["purchase"], kinds["partner"], kinds["capacity"]) == ("owned", "reference", "local")
    assert "rate_budget" not in kinds
    assert len(told["foreignKeys"]) > 100


def test_words_for_people(beside: str) -> None:
    made = CliRunner().invoke(app, ["distribute", "--dry-run"])
    assert "The database has no Citus: every table is on one server." in made.stdout


def test_without_the_extension_it_is_refused(beside: str) -> None:
    made = CliRunner().invoke(app, ["distribute"])
    assert made.exit_code == 1
    assert made.stderr.lstrip().startswith("NO_CITUS: the database has no Citus\nInstall Citus on every server")


async def test_one_server_stays_one(pool: db.Pool, dsn: str) -> None:
    """A migration spreads nothing, and nobody is told of servers."""
    assert await distributing.take_up(dsn) == []
    assert await distributing.find(pool) is None
    with pytest.raises(NoCitusError):
        await distributing.assert_ready(pool)
