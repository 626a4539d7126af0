"""Every command and process in an environment that says something else of the deployment than its database.

Each is refused before anything is done, by the names of what differs. A node that the environment leaves out is missed
by whatever moves bitcoin or records that it moved, and by nothing else.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from hashrail.cli.main import app
from hashrail.settings import Settings
from tests.support import databases
from tests.support.commands import COMMANDS
from tests.support.deployments import become
from tests.support.programs import clean_environment, free_port
from tests.support.shell import MASTER_KEY

Words = tuple[str, ...]
# They open no deployment.
ALONE: set[Words] = {
    ("signature", "sign"),
    ("signature", "verify"),
    ("ton-proof", "explain"),
    ("verify-backup",),
    ("restore",),
    ("log",),
    *(("verify", name) for name in ("day", "income", "power", "liabilities", "balance", "reserves")),
    *(("login",), ("logout",), ("call",), ("doctor",)),
    *(("events", name) for name in ("listen", "trigger", "types")),
    *(words for words in COMMANDS if words[0] == "sandbox"),
}
# They show what differs, and may change it.
BESIDE: set[Words] = {("deployment", "show"), ("deployment", "change")}
PROCESSES: set[Words] = {("serve",), ("worker",), ("demo",)}
# What moves bitcoin, or records that it moved or will not.
PAYS: set[Words] = {
    *PROCESSES,
    *(("payouts", name) for name in ("run", "bump", "reconcile", "status", "export", "record", "acknowledge")),
    *(("payouts", name) for name in ("cancel", "approve", "refuse", "resume", "adopt")),
    ("withdrawal", "cancel"),
    # It moves nothing, but only a node has what it proves.
    ("proofs", "reserves"),
}
# They ask the node itself, and so say in their own way that it is not named.
ASKS: set[Words] = {("payouts", "node"), ("payouts", "watch")}
# What works beside a node that the environment leaves out: above all whatever stops something.
WITHOUT_A_NODE: set[Words] = {
    *(("payouts", name) for name in ("pause", "policy", "waiting", "batches")),
    *(("withdrawal", name) for name in ("list", "show", "request")),
}
NO_BITCOIN = {
    *("init", "migrate", "audit", "explain", "account", "partner", "user", "catalogue", "order", "rates", "day"),
    *("alarms", "backup", "tariff", "programme", "operator", "restored", "change", "session", "books", "pool", "find"),
    *("miner", "deposit", "address", "income", "export", "webhook", "distribute"),
}
VALUES = {
    "partner": "1",
    "of_day": "2026-03-02",
    "first": "2026-03-02",
    "last": "2026-03-02",
    "exported": "income",
    "domain": "app.example",
    "kind": "kwh_usd",
    "value": "0.05",
    "origin": "https://app.example",
    "fraction": "0.1",
    "from_day": "2026-03-02",
    "efficiency": "15",
    "role": "viewer",
    "txid": "ab" * 32,
}
FURTHER: dict[Words, Words] = {
    ("payouts", "record"): ("--export", "1"),
    ("rates", "set"): ("--pool-btc-per-th", "0.0000005"),
    ("programme", "levels"): ("0:0.01",),
    ("explain", "income"): ("--miner", "1001", "--day", "2026-03-02"),
    ("pool", "receipt", "add"): ("--amount", "0.01", "--reason", "mail", "--reference", "1"),
    ("webhook", "replay"): ("--from-position", "1"),
    ("operator", "add"): ("--generate",),
    ("operator", "password"): ("--generate",),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(scope="module")
def shared(server: str, template: str) -> Iterator[str]:
    """One database for all of them: nobody gets as far as to change it."""
    with databases.database(server, template) as dsn:
        yield dsn


@pytest.fixture(autouse=True)
def _process_of_our_own() -> Iterator[None]:
    """A command takes the process for its own: it sets the log and answers signals. Both are given back."""
    handlers, log = {number: signal.getsignal(number) for number in SIGNALS}, structlog.get_config()
    yield
    structlog.configure(**log)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def line_of(words: Words, folder: Path) -> list[str]:
    """A command with everything that it asks for."""
    file = folder / "rates.csv"
    file.write_text("day,btc_usd,pool_btc_per_th,source\n2026-03-01,80000,4.9e-7,bank\n")
    files = {"file": str(file), "target": str(folder / "of a backup")}
    line = [*words]
    command: Any = COMMANDS[words]
    if words not in {("programme", "levels")}:
        for part in command.params:
            if part.required:
                value = (VALUES | files).get(part.name, "1")
                line += [value] if part.param_type_name == "argument" else [part.opts[0], value]
    if words in {("serve",), ("demo",)}:
        line += ["--port", str(free_port())]
    return [*line, *FURTHER.get(words, ())]


def run(words: Words, dsn: str, folder: Path, **environment: str) -> Result:
    """Run a command, without settings of another deployment; whatever it raises must have become an exit."""
    others: dict[str, str | None] = {name: None for name in os.environ if name not in clean_environment()}
    given = {"DATABASE_URL": dsn, "HASHRAIL_DATA": str(folder), "HASHRAIL_MASTER_KEYS": MASTER_KEY}
    given |= {"HASHRAIL_OPERATOR_PASSWORD": "a long enough one"}
    made = CliRunner().invoke(app, line_of(words, folder), env=others | given | environment)
    assert made.exception is None or isinstance(made.exception, SystemExit), made.exc_info
    assert made.exit_code != 2, made.stderr
    return made


def code_of(made: Result) -> str:
    return next((line for line in made.stderr.splitlines() if not line.startswith("{")), "").partition(":")[0]


def test_every_command_is_of_one_sort() -> None:
    """A command that comes says whether it moves bitcoin."""
    others = {words for words in COMMANDS if words[0] in NO_BITCOIN}
    sorts = (ALONE, BESIDE, PAYS, ASKS, WITHOUT_A_NODE, others)
    assert set().union(*sorts) == set(COMMANDS)
    assert sum(map(len, sorts)) == len(COMMANDS)


@pytest.mark.parametrize("words", sorted({*COMMANDS} - ALONE - BESIDE), ids=" ".join)
def test_another_environment_is_refused(words: Words, shared: str, tmp_path: Path) -> None:
    """Each difference is named, with the variable that makes it and the way out, and nothing is done."""
    become(shared, mode="sandbox", bitcoin_network="signet")
    made = run(words, shared, tmp_path, HASHRAIL_MODE="production", HASHRAIL_BITCOIN_NETWORK="bitcoin")
    assert (made.exit_code, made.stdout) == (1, "")
    lines = [line for line in made.stderr.splitlines() if not line.startswith("{")]
    # A sandbox is what `demo` asks for by itself.
    mode = "mode is sandbox in the database, and production here (HASHRAIL_MODE); "
    network = "network is signet in the database, and bitcoin here (HASHRAIL_BITCOIN_NETWORK)"
    assert lines[0] == f"DEPLOYMENT_DIFFERS: {'' if words == ('demo',) else mode}{network}"
    assert "hashrail deployment change" in "".join(lines[1:])


@pytest.mark.parametrize("words", sorted(PAYS), ids=" ".join)
def test_a_node_that_is_left_out_is_missed(words: Words, shared: str, tmp_path: Path) -> None:
    """Neither an invented payment is recorded nor a guard left out because a shell does not name the node."""
    become(shared, "node", mode="sandbox", bitcoin_network="regtest", bitcoin_wallet="till")
    made = run(words, shared, tmp_path)
    assert (made.exit_code, made.stdout, code_of(made)) == (1, "", "NODE_NOT_NAMED"), made.output
    assert "'till'; HASHRAIL_BITCOIN_RPC_URL is not set" in made.stderr


@pytest.mark.parametrize("words", sorted({*COMMANDS} - ALONE - BESIDE - PAYS - ASKS), ids=" ".join)
def test_a_node_that_is_left_out_is_nobody_elses_matter(words: Words, dsn: str, tmp_path: Path) -> None:
    """Whatever else is refused is refused for its own reason."""
    become(dsn, "node", mode="sandbox", bitcoin_network="regtest", bitcoin_wallet="till")
    made = run(words, dsn, tmp_path)
    assert code_of(made) not in ("NODE_NOT_NAMED", "DEPLOYMENT_DIFFERS", "DEPLOYMENT_UNKNOWN")


@pytest.mark.parametrize("words", sorted(PROCESSES - {("demo",)}), ids=" ".join)
def test_a_sandbox_by_a_variable_is_none(words: Words, dsn: str, tmp_path: Path) -> None:
    """A production's database is not migrated for it either."""
    become(dsn, mode="production")
    made = run(words, dsn, tmp_path, HASHRAIL_MODE="sandbox")
    assert (made.exit_code, code_of(made)) == (1, "DEPLOYMENT_DIFFERS")
    assert "mode is production in the database, and sandbox here (HASHRAIL_MODE)" in made.stderr


def test_demo_seeds_no_production(dsn: str, tmp_path: Path) -> None:
    become(dsn, mode="production")
    made = run(("demo",), dsn, tmp_path)
    assert (made.exit_code, made.stdout, code_of(made)) == (1, "", "NOT_A_SANDBOX")


@pytest.mark.parametrize("words", sorted({*COMMANDS} - ALONE), ids=" ".join)
def test_a_folder_and_a_database_are_two(words: Words, tmp_path: Path) -> None:
    """Neither wins without a word; both are named."""
    given = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere", "HASHRAIL_OPERATOR_PASSWORD": "x" * 12}
    made = CliRunner().invoke(app, [*line_of(words, tmp_path), "--data", str(tmp_path / "folder")], env=given)
    assert (made.exit_code, made.stdout) == (1, "")
    told = made.stderr.splitlines()[0]
    assert told.startswith("TWO_DATABASES: ")
    assert str(tmp_path / "folder") in told
    assert "DATABASE_URL" in told
    assert not (tmp_path / "folder").exists()


def test_an_environment_that_says_nothing_is_the_databases() -> None:
    """So the mode of a process is that of its database, whatever its own default."""
    assert "mode" not in Settings(_env_prefix="NOTHING_").model_fields_set  # type: ignore[call-arg]
