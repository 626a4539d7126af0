"""What commands print for scripts: every command that has --json, on a deployment where everything has happened."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from msgspec import inspect
from typer.testing import CliRunner, Result

from hashrail import db
from hashrail.access import read_tokens
from hashrail.alarms import states
from hashrail.books import fence
from hashrail.cli.main import app
from hashrail.cli.payout_shapes import Export
from hashrail.custody import bound_wallets
from hashrail.parties import operators
from hashrail.settings import Settings
from tests.support import hooked
from tests.support.books import advance, buy, deployment, offer, order
from tests.support.commands import COMMANDS, SHAPES, has_json, read_strictly
from tests.support.databases import with_database
from tests.support.deployments import become, deployed
from tests.support.operators import hired, strangers
from tests.support.paying import FAST
from tests.support.payouts import ADDRESSES, BINDING, asked, funded
from tests.support.portal import joined
from tests.support.sessions import open_session

PASSWORD = "a long enough one"
MINE = ("--partner", "partner")
# What follows the words of each command; the first key, batch and withdrawals have the numbers of a new deployment.
ARGUMENTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("init",): (),
    ("partner", "show"): MINE[1:],
    ("alarms", "list"): (),
    ("alarms", "test"): (),
    ("alarms", "history"): (),
    ("alarms", "silences"): (),
    ("audit",): (),
    ("distribute",): ("--dry-run",),
    ("deployment", "show"): (),
    ("deployment", "change"): ("--reason", "nothing changes", "--as", "olga"),
    ("explain", "income"): ("--miner", "1001", "--day", "2026-03-02"),
    ("account", "balance"): (*MINE, "--user", "alice"),
    ("account", "chart"): MINE,
    ("partner", "create"): ("--name", "another", "--credit-limit", "5000.50", "--dry-run"),
    ("partner", "list"): (),
    ("partner", "credit-limit"): (*MINE, "5000.5", "--dry-run"),
    ("partner", "payment", "record"): (*MINE, "--amount", "5.25", "--reference", "SEPA 7", "--dry-run"),
    ("partner", "new-users"): (*MINE, "--per-day", "50000"),
    ("partner", "key", "create"): (*MINE, "--allow-ip", "10.0.0.0/8", "--expires", "2030-01-01T00:00:00+02:00"),
    ("partner", "key", "rotate"): ("1", *MINE),
    ("partner", "key", "list"): MINE,
    ("partner", "ton-domain", "list"): MINE,
    ("partner", "origin", "list"): MINE,
    ("partner", "portal", "list"): MINE,
    ("partner", "portal", "invite"): (*MINE, "--email", "bea@partner.example", "--role", "viewer"),
    ("partner", "payment", "list"): MINE,
    ("partner", "refunds"): (*MINE, "--income", "take"),
    ("order", "refund"): ("o-1", *MINE, "--reason", "charged back"),
    ("partner", "payouts"): (*MINE, "--duplicate-seconds", "0"),
    ("session", "list"): MINE,
    ("session", "read-tokens"): ("alice", *MINE),
    ("webhook", "list"): MINE,
    ("webhook", "show"): ("1", *MINE),
    ("webhook", "deliveries"): ("1", *MINE),
    ("webhook", "replay"): ("1", *MINE, "--from-position", "1", "--reason", "case 88"),
    ("user", "show"): ("alice", *MINE),
    ("user", "note", "list"): ("alice", *MINE),
    ("find",): ("alice",),
    ("miner", "list"): MINE,
    ("miner", "show"): ("1001", *MINE),
    ("order", "list"): (*MINE, "--user", "alice", "--state", "issued"),
    ("order", "show"): ("o-alice", *MINE),
    ("deposit", "list"): MINE,
    ("address", "list"): MINE,
    ("income", "list"): (*MINE, "--user", "alice"),
    ("rates", "list"): (),
    ("rates", "set"): ("2026-04-20", "--btc-usd", "78862.65", "--pool-btc-per-th", "4.9e-7"),
    ("rates", "policy"): (),
    ("tariff", "list"): (),
    ("tariff", "set"): ("kwh_usd", "0.046", "--from", "2030-01-02", "--dry-run"),
    ("day", "close"): (),
    ("day", "show"): ("2026-03-02",),
    ("day", "adjust"): ("2026-03-02", "--reason", "typing error", "--btc-usd", "80000", "--dry-run"),
    ("programme", "list"): (),
    ("programme", "fraction"): ("spring", "0.06", "--from", "2030-01-01", "--dry-run"),
    ("programme", "cap"): ("0.3", "--dry-run"),
    ("programme", "levels"): ("0:0", "0.5:0.01", "--dry-run"),
    ("catalogue", "list"): (),
    ("catalogue", "put"): ("--power", "1", "--efficiency", "15", "--price", "15.5", "--dry-run"),
    ("catalogue", "capacity"): ("5000", "--dry-run"),
    ("catalogue", "upgrades"): ("--price", "15.5", "--dry-run"),
    ("withdrawal", "list"): MINE,
    ("withdrawal", "show"): ("1", *MINE),
    ("withdrawal", "cancel"): ("5", *MINE),
    ("payouts", "status"): (),
    ("payouts", "batches"): ("1",),
    ("payouts", "run"): (),
    ("payouts", "reconcile"): (),
    ("payouts", "policy"): (),
    ("payouts", "waiting"): (),
    ("operator", "list"): (),
    ("operator", "log"): (),
    ("operator", "policy"): (),
    ("operator", "alone"): (),
    ("change", "list"): (),
}
# Where the command asks a node: tests/node/cli/test_node.py, tests/node/proofs/test_reserves.py.
ON_A_NODE = {("payouts", "node"), ("proofs", "reserves")}
# Where the command asks exchanges, or shows what they said: tests/integration/cli/test_market.py.
OF_MARKETS = {("rates", "fetch"), ("rates", "sources")}
# With nobody else connected, or with a server of their own: tests/integration/recovery.
ALONE = {("restored",), ("backup",), ("verify-backup",), ("restore",)}
# They take two as soon as there are two, so they are run before the second comes.
OF_TWO = {
    ("partner", "close"): ("leaving", "--reason", "its contract has ended"),
    ("withdrawal", "request"): (
        *("alice", *MINE, "--address", ADDRESSES[4], "--amount", "0.0005"),
        *("--reference", "case 9", "--reason", "they asked for it"),
    ),
}
# Of files, without a deployment: tests/unit/cli/test_request_log.py.
OF_LOGS = {("log",)}
# Of signed documents: tests/unit/cli/test_verify.py.
OF_PROOFS = {("verify", name) for name in ("day", "income", "power", "liabilities", "balance", "reserves")}
# On books where a month is over, and the pool has paid: test_books.py and test_pool.py here.
OF_ACCOUNTANTS = {
    *(("books", "chart"), ("books", "balance"), ("books", "user-statement")),
    *(("books", "invoice", "issue"), ("books", "invoice", "list"), ("books", "invoice", "show")),
    *(("pool", "show"), ("pool", "receipt", "list"), ("pool", "address", "list"), ("export",)),
}
# They call a deployment over HTTP: tests/api/test_terminal.py, tests/api/test_time_machine_commands.py.
OF_INTEGRATORS = {
    *(("login",), ("call",), ("doctor",), *(("events", name) for name in ("listen", "trigger", "types"))),
    *(words for words in COMMANDS if words[0] == "sandbox"),
}
# They print nothing but JSON: tests/unit/cli.
ALWAYS = {("signature", "verify"), ("ton-proof", "explain")}
SETUP = [
    ("partner", "key", "create", *MINE),
    ("partner", "ton-domain", "add", "app.example", *MINE),
    ("partner", "origin", "add", "https://app.example", *MINE),
    ("partner", "payouts", *MINE, "--duplicate-seconds", "0"),
    ("partner", "payment", "record", *MINE, "--amount", "5.25", "--reference", "SEPA 0"),
    ("partner", "payment", "reverse", "1", *MINE, "--reason", "bounced"),
    ("user", "note", "add", "alice", *MINE, "--text", "called, case 88"),
    ("tariff", "set", "kwh_usd", "0.047", "--from", "2030-01-01"),
    ("programme", "create", "spring"),
    ("programme", "fraction", "spring", "0.05", "--from", "2026-03-20"),
    ("alarms", "silence", "NODE_SILENT", "--reason", "it moves"),
    ("day", "adjust", "2026-03-02", "--reason", "typing error", "--btc-usd", "79000.5"),
]


class Terminal:
    """An operator's, in a sandbox."""

    def __init__(self, dsn: str, data: Path) -> None:
        become(dsn, mode="sandbox")
        self.environment = {"DATABASE_URL": dsn, "HASHRAIL_DATA": str(data), "HASHRAIL_MODE": "sandbox"}
        self.environment |= {"HASHRAIL_MASTER_KEYS": Fernet.generate_key().decode()}
        # Where nobody listens.
        self.environment |= {"HASHRAIL_ALARM_URLS": '{"ops": "json://127.0.0.1:9/"}'}
        self.environment |= {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        # What was printed while there was one admin, by command.
        self.while_alone: dict[tuple[str, ...], str] = {}

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, words, env=self.environment)

    def json(self, *words: str) -> Any:
        """What a command prints for scripts, whether it ends with 0 or has something to tell."""
        made = self.run(*words, "--json")
        assert made.exit_code in (0, 1), made.output
        return json.loads(made.stdout)

    async def do(self, *words: str) -> None:
        """A command has an event loop of its own, so it runs in a thread of its own."""
        made = await asyncio.to_thread(self.run, *words)
        assert made.exit_code == 0, made.output


@pytest.fixture(scope="module")
async def terminal(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    """Of alice's withdrawals one is in a batch, one is exported, one waits for approval, one is queued."""
    data = tmp_path_factory.mktemp("data")
    async with deployment(server, template) as world:
        shell = Terminal(with_database(server, await world.pool.fetchval("SELECT current_database()")), data)
        async with db.transaction(world.pool) as tx:
            await operators.add(tx, name="olga", role="admin", password=PASSWORD)
        alice = (await world.user("alice")).id
        await joined(world.pool, world.partner.id, "ada@partner.example")
        await open_session(world, "alice")
        async with db.transaction(world.pool) as tx:
            await read_tokens.create(tx, world.partner.id, alice, label="taxes", days=90, key_id=None)
        await funded(world, alice)
        await hooked.endpoint(world, "https://hooks.partner.example/events", "order.cancelled")
        await hooked.happen(world, "o-hooked")
        async with db.transaction(world.pool) as tx:
            books = await fence.share(tx, world.partner.id)
            await bound_wallets.bind(tx, books, BINDING, user_id=alice, address=ADDRESSES[0])
        await order(world, alice, "o-alice", await offer(world))
        await world.pool.execute(
            """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations,
                                    coinbase, created_at) VALUES ($1, $2, $3, $4, 0, 0.5, 'gone', 0, false, $5)""",
            *(world.partner.id, alice, ADDRESSES[1], "ab" * 32, books.now),
        )
        await buy(world, alice, "1", "o-1")
        for words in SETUP:
            await shell.do(*words)
        await asked(world, alice, "0.01", speed="fast")
        await advance(world, FAST)
        await shell.do("payouts", "run")
        await asked(world, alice, "0.02", ADDRESSES[1])
        await shell.do("payouts", "export", "--out", str(data), "--as", "olga")
        await shell.do("partner", "create", "--name", "leaving")
        await shell.do("partner", "suspend", "partner", "--reason", "a drill")
        for of_two, arguments in OF_TWO.items():
            made = await asyncio.to_thread(shell.run, *of_two, *arguments, "--json")
            assert made.exit_code == 0, made.output
            shell.while_alone[of_two] = made.stdout
        await shell.do("partner", "reopen", "partner", "--reason", "the drill is over")
        await shell.do("payouts", "policy", "--approve-above", "0.061", "--as", "olga")
        await asked(world, alice, "0.062", ADDRESSES[2])
        await asked(world, alice, "0.03", ADDRESSES[3])
        await hired(world.pool, "otto")
        await strangers(world.pool)
        await states.evaluate(deployed(world.pool, Settings(mode="sandbox")))
        waits = await asyncio.to_thread(shell.run, "payouts", "policy", "--approve-above", "none")
        assert "SECOND_NEEDED" in waits.stderr
        yield shell


def field_names(found: inspect.Type) -> Iterator[str]:
    """Every name that a shape has in JSON."""
    if isinstance(found, inspect.StructType):
        for field in found.fields:
            yield field.encode_name
            yield from field_names(field.type)
    elif isinstance(found, inspect.Metadata):
        yield from field_names(found.type)
    elif isinstance(found, inspect.ListType):
        yield from field_names(found.item_type)
    elif isinstance(found, inspect.UnionType):
        for part in found.types:
            yield from field_names(part)


# Every command


def test_every_command_with_json_declares_what_it_prints_and_is_run() -> None:
    with_json = {words for words, command in COMMANDS.items() if has_json(command)}
    assert set(SHAPES) - ALWAYS == with_json
    elsewhere = ON_A_NODE | OF_MARKETS | OF_ACCOUNTANTS | ALONE | set(OF_TWO) | OF_LOGS | OF_PROOFS | OF_INTEGRATORS
    assert set(ARGUMENTS) | elsewhere == with_json
    assert set(SHAPES) >= ALWAYS


@pytest.mark.parametrize("words", SHAPES, ids=" ".join)
def test_every_name_is_in_camel_case(words: tuple[str, ...]) -> None:
    names = set(field_names(inspect.type_info(SHAPES[words])))
    # As the policy of ton-proof names it.
    assert {name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z]*|[0-9])*", name)} <= {"public_key"}


@pytest.mark.parametrize("words", ARGUMENTS, ids=" ".join)
def test_what_it_prints_has_its_shape(terminal: Terminal, words: tuple[str, ...]) -> None:
    """On standard output alone, and there is something of everything that is listed."""
    made = terminal.run(*words, *ARGUMENTS[words], "--json")
    assert made.exit_code in (0, 1), made.output
    found = read_strictly(words, made.stdout)
    assert found


@pytest.mark.parametrize("words", OF_TWO, ids=" ".join)
def test_what_takes_two_prints_its_shape(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert read_strictly(words, terminal.while_alone[words])


# What is nested, and how values are written


def test_what_is_nested_is_there(terminal: Terminal) -> None:
    status = read_strictly(("payouts", "status"), terminal.run("payouts", "status", "--json").stdout)
    assert status.standing
    assert status.exported[0].count == 1
    assert status.last_turn.ended_at is not None
    (batch,) = read_strictly(("payouts", "batches"), terminal.run("payouts", "batches", "1", "--json").stdout)
    assert (len(batch.versions), batch.withdrawals[0].id, batch.simulated) == (1, 1, True)
    day = read_strictly(("day", "show"), terminal.run("day", "show", "2026-03-02", "--json").stdout)
    assert day.classes
    assert day.adjustments[0].reason == "typing error"
    (waiting,) = read_strictly(("payouts", "waiting"), terminal.run("payouts", "waiting", "--json").stdout)
    assert (waiting.amount, waiting.partner_name) == (Decimal("0.062"), "partner")


def test_amounts_and_times_are_texts(terminal: Terminal) -> None:
    """An amount without exponent or trailing zeros; a time in UTC with milliseconds and Z."""
    words = ("partner", "key", "create", *MINE, "--expires", "2030-01-01T00:00:00+02:00")
    assert terminal.json(*words)["expiresAt"] == "2029-12-31T22:00:00.000Z"
    made = terminal.json("partner", "create", "--name", "exact", "--credit-limit", "1e3")
    assert (made["creditLimitUsd"], made["owedUsd"]) == ("1000", "0")
    (row, *_) = terminal.json("rates", "list", "--last", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["day"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["enteredAt"])


def test_a_noun_has_one_shape(terminal: Terminal) -> None:
    """Whichever command shows it."""
    shown = terminal.json("withdrawal", "show", "1", *MINE)
    listed = terminal.json("withdrawal", "list", *MINE)
    assert shown in listed
    (batch,) = terminal.json("payouts", "batches", "1")
    assert batch["withdrawals"] == [{name: shown[name] for name in batch["withdrawals"][0]}]
    (key,) = [one for one in terminal.json("partner", "key", "list", *MINE) if one["keyId"] == 1]
    rotated = terminal.json("partner", "key", "rotate", "1", *MINE)
    assert set(rotated) - set(key) == {"apiSecret"}
    made = terminal.json("partner", "create", "--name", "same")
    assert {name: made[name] for name in made if name not in ("dryRun", "doubts")} in terminal.json("partner", "list")


def test_the_file_of_an_export_has_a_shape_too(terminal: Terminal) -> None:
    text = (Path(terminal.environment["HASHRAIL_DATA"]) / "export-1.json").read_text()
    found = msgspec.json.decode(text, type=Export)
    assert found.outputs == [{ADDRESSES[1]: "0.02"}]
    (one,) = found.withdrawals
    assert (one.partner_name, one.partner_user_id, one.amount, one.state) == (
        "partner",
        "alice",
        Decimal("0.02"),
        "exported",
    )


def test_a_refusal_is_no_json(terminal: Terminal) -> None:
    """It is told on standard error, with what to do, and nothing is printed."""
    made = terminal.run("withdrawal", "show", "999", *MINE, "--json")
    assert (made.exit_code, made.stdout) == (1, "")
    assert made.stderr.splitlines()[0].startswith("WITHDRAWAL_NOT_FOUND: ")
    assert len(made.stderr.splitlines()) == 2
    made = terminal.run("withdrawal", "show", "999", "--json")
    assert (made.exit_code, made.stdout) == (2, "")
    assert "Missing option '--partner'" in made.stderr
