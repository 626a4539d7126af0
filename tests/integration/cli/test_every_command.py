"""The operator's command line: what it prints, what it writes, how it ends."""

import io
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.fernet import Fernet
from rich.console import Console
from typer.testing import CliRunner

from hashrail.audit import invariants
from hashrail.cli import main, shared
from hashrail.clock import ONE_DAY
from tests.support import citus
from tests.support.books import advance, buy, deployment, newcomer, offer, order
from tests.support.databases import with_database
from tests.support.shell import MASTER_KEY, Shell
from tests.support.world import World

CSV = "day,btc_usd,pool_btc_per_th,source\n2026-03-01,80000,4.9e-7,bank\n2026-03-02,81000.5,4.8e-7,\n"


@pytest.fixture(scope="module")
def world(books: World) -> World:
    """The module's deployment."""
    return books


@pytest.fixture(scope="module")
async def shell(server: str, world: World, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The deployment's operator."""
    name = await world.pool.fetchval("SELECT current_database()")
    return Shell(with_database(server, name), tmp_path_factory.mktemp("data"))


@pytest.fixture
async def closed(server: str, template: str, tmp_path: Path) -> AsyncIterator[tuple[Shell, World]]:
    """A deployment of a test's own: on 1 March 2026 alice bought 4 TH, bob nothing; it is 4 March."""
    async with deployment(server, template) as made:
        alice, _ = await made.user("alice"), await made.user("bob")
        await buy(made, alice.id, "4")
        await advance(made, 3 * ONE_DAY)
        name = await made.pool.fetchval("SELECT current_database()")
        yield Shell(with_database(server, name), tmp_path), made


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, groups included."""
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*words, name))


COMMANDS = dict(leaves(typer.main.get_command(main.app)))


# Every command.


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    """--help says what it does in a sentence, and every option what it is; in colours on a terminal only."""
    made = CliRunner().invoke(main.app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "xterm-256color"})
    assert made.exit_code == 0, made.output
    assert "\x1b" not in made.output
    command = COMMANDS[words]
    said = command.help or ""
    assert len(said) >= 15
    assert said.strip().splitlines()[0].rstrip().endswith((".", "demo"))
    assert said.split()[0] in made.output
    for part in command.params:
        assert part.help
        assert max(part.opts, key=len) in made.output or part.param_type_name == "argument"
    for line in (command.epilog or "").split("\n\n"):
        assert line in made.output


def test_every_command_that_reads_the_books_takes_data() -> None:
    """And what shows something also shows it to scripts."""
    with_books = {words: each for words, each in COMMANDS.items() if not hasattr(each, "commands")}
    options = {words: {opt for param in each.params for opt in param.opts} for words, each in with_books.items()}
    without = {words for words, known in options.items() if "--data" not in known}
    assert without <= {("signature", "sign"), ("signature", "verify"), ("reference",), ("log",)} | {
        *(("verify", name) for name in ("day", "income", "power", "liabilities", "balance", "reserves")),
        # They call a deployment, as integrators do.
        *(("login",), ("logout",), ("call",), ("doctor",)),
        *(("events", name) for name in ("listen", "trigger", "types")),
        *(words for words in options if words[0] == "sandbox"),
    } | {words for words in without if "ton" in " ".join(words)}
    showing = [words for words in with_books if words[-1] in ("list", "show", "balance", "chart", "audit", "income")]
    assert len(showing) >= 9
    assert all("--json" in options[words] for words in showing)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PARTNER_NOT_FOUND", "partner show nobody"),
        ("PARTNER_NOT_FOUND", "partner close nobody --reason x"),
        ("REASON_MISSING", "partner close partner --reason= "),
        (
            "PARTNER_NOT_FOUND",
            "withdrawal request a --partner nobody --address x --amount 1 --reference x --reason x",
        ),
        (
            "USER_NOT_FOUND",
            "withdrawal request a --partner partner --address x --amount 1 --reference x --reason x",
        ),
        ("PARTNER_NOT_FOUND", "partner suspend nobody --reason x"),
        ("PARTNER_NOT_FOUND", "partner reopen nobody --reason x"),
        ("REASON_MISSING", "partner suspend partner --reason= "),
        ("REASON_MISSING", "partner reopen partner --reason= "),
        ("PARTNER_NOT_FOUND", "partner key list --partner nobody"),
        ("PARTNER_NOT_FOUND", "partner key create --partner nobody"),
        ("PARTNER_NOT_FOUND", "partner credit-limit --partner nobody 5"),
        ("PARTNER_NOT_FOUND", "partner payment record --partner nobody --amount 1 --reference x"),
        ("PARTNER_NOT_FOUND", "account chart --partner nobody"),
        ("PARTNER_NOT_FOUND", "order cancel o-1 --partner nobody"),
        ("PARTNER_NOT_FOUND", "programme join spring --partner nobody"),
        ("USER_NOT_FOUND", "account balance --partner partner --user nobody"),
        ("BAD_DATE", "account balance --partner partner --user nobody --at yesterday"),
        ("DATE_WITHOUT_TIME_ZONE", "account balance --partner partner --user nobody --at 2026-03-01T00:00:00"),
        ("BAD_DATE", "partner key create --partner partner --expires soon"),
        ("BAD_SCOPE", "partner key create --partner partner --scope admin"),
        ("KEY_NOT_FOUND", "partner key rotate 999 --partner partner"),
        ("KEY_NOT_FOUND", "partner key revoke 999 --partner partner"),
        ("KEY_NOT_FOUND", "partner key revoke-old 999 --partner partner"),
        ("OUT_OF_BOUNDS", "partner key revoke 99999999999999999999 --partner partner"),
        ("PARTNER_EXISTS", "partner create --name partner"),
        ("OUT_OF_BOUNDS", f"partner create --name {'x' * 256}"),
        ("OUT_OF_BOUNDS", "partner create --name costly --credit-limit 1e20"),
        ("OUT_OF_BOUNDS", "partner credit-limit --partner partner 0.0000000000000000001"),
        ("CREDIT_LIMIT_EXCEEDED", "partner credit-limit --partner partner -- -1"),
        ("BAD_AMOUNT", "partner payment record --partner partner --amount -1 --reference x"),
        ("BAD_AMOUNT", "partner payment record --partner partner --amount 1e-19 --reference x"),
        ("OUT_OF_BOUNDS", f"partner payment record --partner partner --amount 1 --reference {'x' * 256}"),
        ("PARTNER_NOT_FOUND", "partner payment reverse 1 --partner nobody --reason x"),
        ("PARTNER_PAYMENT_NOT_FOUND", "partner payment reverse 999 --partner partner --reason x"),
        ("PARTNER_NOT_FOUND", "order refund o-0 --partner nobody --reason x"),
        ("PARTNER_NOT_FOUND", "partner refunds --partner nobody"),
        ("ORDER_NOT_FOUND", "order refund o-0 --partner partner --reason x"),
        ("PARTNER_NOT_FOUND", "user credit nobody --partner nobody --amount 1 --reference x --reason x"),
        ("USER_NOT_FOUND", "user debit nobody --partner partner --amount 1 --reference x --reason x"),
        ("COLLECTION_NOT_FOUND", "catalogue withdraw 99999"),
        ("COLLECTION_NOT_FOUND", "catalogue offer 99999"),
        ("ALONE_LIMIT", "operator alone refunds USD 5"),
        ("ALONE_LIMIT", "operator alone refund EUR 5"),
        ("ALONE_LIMIT", "operator alone refund USD 1e-19"),
        ("OUT_OF_BOUNDS", "catalogue put --power 0 --efficiency 15 --price 1"),
        ("OUT_OF_BOUNDS", "catalogue put --power 1.00001 --efficiency 15 --price 1"),
        ("OUT_OF_BOUNDS", "catalogue put --power 1 --efficiency 15 --price -1"),
        ("OUT_OF_BOUNDS", "catalogue capacity 0.00001"),
        ("ORDER_NOT_FOUND", "order cancel o-0 --partner partner"),
        ("PROGRAMME_NOT_FOUND", "programme fraction nothing 0.1 --from 2026-03-05"),
        ("PROGRAMME_NOT_FOUND", "programme join nothing --partner partner"),
        ("OUT_OF_BOUNDS", f"programme create {'x' * 256}"),
        ("BAD_RATES", "rates set 2026-03-01 --btc-usd 80000"),
        ("BAD_RATES", "rates set 2026-03-01 --btc-usd -1 --pool-btc-per-th 1e-7"),
        ("BAD_RATES", "rates set 2026-03-01 --btc-usd 1e30 --pool-btc-per-th 1e-7"),
        ("BAD_RATES", "rates set 2026-03-01 --btc-usd 80000 --pool-btc-per-th 1e-15"),
        ("OUT_OF_BOUNDS", "rates list --last -1"),
        ("DAY_NOT_OVER", "rates fetch --day 2030-01-01"),
        ("DAY_NOT_OVER", "rates fetch --day 2030-01-01 --dry-run"),
        ("RATES_MISSING", "rates sources 2030-01-01"),
        ("BAD_DATED_TARIFF", "tariff set pool_fee 2 --from 2030-01-01"),
        ("IMPLAUSIBLE_FIGURE", "tariff set kwh_usd 4.7 --from 2030-01-01"),
        ("CONFIRMATION_NEEDED", "tariff set kwh_usd 0.47 --from 2030-01-01"),
        ("RATES_MISSING", "day show 2030-01-01"),
        ("DAY_NOT_PUBLISHED", "day adjust 2030-01-01 --reason x --btc-usd 1"),
        ("RECORD_NOT_FOUND", "explain income --miner 1 --day 2026-03-01"),
        ("OUT_OF_BOUNDS", "explain income --miner 99999999999999999999 --day 2026-03-01"),
    ],
)
def test_a_refusal_has_a_code_and_advice(shell: Shell, code: str, words: str) -> None:
    """And ends with 1, without a traceback."""
    assert shell.refused(code, *words.split())


@pytest.mark.parametrize(
    "words",
    [
        "partner create",
        "partner create --name x --credit-limit much",
        "partner create --name x --credit-limit NaN",
        "partner payment reverse 99999999999999999999 --partner partner --reason x",
        "operator alone refund",
        "user credit nobody --partner partner --amount 0 --reference x --reason x",
        "user debit nobody --partner partner --amount -1 --reference x --reason x",
        "user credit nobody --partner partner --amount 1 --currency USD --reference x --reason x",
        "user block nobody --partner partner --payouts perhaps",
        "partner refunds --partner partner --income all",
        "operator alone refund USD much",
        "partner key create --partner partner --kind golden",
        "partner key create --partner partner --allow-ip 10.0.0.1/8",
        "programme fraction spring 1.1 --from 2026-03-05",
        "programme fraction spring 0.12345 --from 2026-03-05",
        "programme fraction spring 0.1 --from tomorrow",
        "catalogue capacity much",
        "rates set 01.03.2026 --btc-usd 1",
        "rates import /nonexistent.csv",
        "tariff set rent 5 --from 2030-01-01",
        "tariff set kwh_usd 0.05",
        "day close --through never",
        "explain income --miner one --day 2026-03-01",
        "demo --days 0",
        "no-such-command",
    ],
)
def test_a_slip_of_the_keyboard_shows_the_usage(shell: Shell, words: str) -> None:
    """Before anything is opened; it ends with 2."""
    made = shell.run(*words.split())
    assert made.exit_code == 2
    assert "Usage:" in made.stderr
    assert "Traceback" not in made.output


def test_what_the_environment_names_wrongly_is_said(shell: Shell, server: str) -> None:
    """A database that is not there or not migrated, a master key that is none, a setting out of range."""
    postgres = with_database(server, "postgres")
    assert "hashrail migrate" in shell.refused("SCHEMA_OUT_OF_DATE", "audit", DATABASE_URL=postgres)
    for dsn in (with_database(server, "nowhere"), "postgresql://x@127.0.0.1:1/x"):
        shell.refused("DATABASE_DOWN", "audit", DATABASE_URL=dsn)
    assert "DATABASE_URL" in shell.refused("BAD_SETTING", "audit", DATABASE_URL="mysql://x@y/z")
    for keys in (" ", "secret"):
        assert "HASHRAIL_MASTER_KEYS" in shell.refused("MASTER_KEY", "partner", "list", HASHRAIL_MASTER_KEYS=keys)
    for name, value in (("MODE", "toy"), ("TRUSTED_PROXIES", "10.0.0.0/8"), ("ORDER_TTL_SECONDS", "0")):
        said = shell.refused("BAD_SETTING", "audit", **{f"HASHRAIL_{name}": value})
        assert name.lower() in said


def test_what_a_terminal_is_too_narrow_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands line by line, so that it can be copied; a title is never folded, and brackets are no markup."""
    columns, row = ("id", "txid", "BTC"), (7, "ab" * 32, Decimal("0.5"))
    shown = {}
    for width in (60, 100):
        paper = io.StringIO()
        monkeypatch.setattr(shared, "out", Console(file=paper, width=width))
        shared.table("The last run, [2026-11-26T17:51:00.545Z]", columns, [row])
        shown[width] = paper.getvalue().splitlines()
    assert shown[60] == [
        "The last run, [2026-11-26T17:51:00.545Z]",
        "  id    7",
        f"  txid  {'ab' * 32}",
        "  BTC   0.5",
        "",
    ]
    assert shown[100][0] == shown[60][0]
    assert sum("ab" * 32 in line and "0.5" in line for line in shown[100]) == 1


# Partners.


def test_partners_are_created_and_listed(shell: Shell) -> None:
    """For people and for scripts; amounts stay exact."""
    name = uuid.uuid4().hex
    shown = shell.ok("partner", "create", "--name", name, "--credit-limit", "12.345678901234567891")
    listed = {each["name"]: each for each in shell.json("partner", "list")}
    made = listed[name]
    assert made["partnerId"] in shown
    assert f"hashrail partner key create --partner {made['id']}" in shown
    assert made == {
        "id": made["id"],
        "partnerId": made["partnerId"],
        "name": name,
        "createdAt": made["createdAt"],
        "owedUsd": "0",
        "reservedUsd": "0",
        "creditLimitUsd": "12.345678901234567891",
        "standing": "open",
        "standingReason": None,
        "standingSince": None,
    }
    assert "12.345678901234567891" in shell.ok("partner", "list")
    assert shell.json("partner", "create", "--name", f"{name}-2")["partnerId"].startswith("partner-")
    assert {each["name"]: each["creditLimitUsd"] for each in shell.json("partner", "list")}[f"{name}-2"] == "10000"


def test_a_closed_partner_gets_no_key(shell: Shell) -> None:
    """Nor a new secret for one that it had."""
    number = shell.partner()
    key = str(shell.json("partner", "key", "create", "--partner", number)["keyId"])
    shell.ok("partner", "suspend", number, "--reason", "a drill")
    shell.ok("partner", "key", "create", "--partner", number)
    shell.ok("partner", "close", number, "--reason", "its contract has ended")
    shell.refused("PARTNER_CLOSED", "partner", "key", "create", "--partner", number)
    shell.refused("KEY_IS_REVOKED", "partner", "key", "rotate", key, "--partner", number)
    assert all(each["revokedAt"] for each in shell.json("partner", "key", "list", "--partner", number))


def test_a_credit_limit_is_changed(shell: Shell) -> None:
    """By number, public id or name."""
    number = shell.partner()
    assert shell.ok("partner", "credit-limit", "--partner", number, "77.5").startswith("The limit is set.\n")
    (found,) = [each for each in shell.json("partner", "list") if str(each["id"]) == number]
    assert found["creditLimitUsd"] == "77.5"
    shell.ok("partner", "credit-limit", "--partner", found["partnerId"], "78")
    shell.ok("partner", "credit-limit", "--partner", found["name"], "79")
    assert shell.rows("SELECT credit_limit FROM account WHERE id = 1200 AND partner_id = %s", number) == [(79,)]


def test_a_payment_is_recorded_once(shell: Shell) -> None:
    """Again says that nothing changed; with another amount it is refused."""
    number = shell.partner()
    record = ("partner", "payment", "record", "--partner", number, "--reference", "SEPA 8821", "--amount")
    first = shell.ok(*record, "1500.25")
    assert first.startswith("Recorded.\n")
    assert "-1500.25" in first
    again = shell.ok(*record, "1500.250")
    assert again.startswith("This reference was recorded before; nothing changed.\n")
    assert "was recorded with 1500.25 USD" in shell.refused("PAYMENT_CONFLICT", *record, "1500.26")
    assert [each["owedUsd"] for each in shell.json("partner", "list") if str(each["id"]) == number] == ["-1500.25"]


# Keys.


def test_a_secret_is_shown_once_and_sealed(shell: Shell) -> None:
    """The table holds it under the master key only; the list never shows it."""
    number = shell.partner()
    made = shell.json(
        *("partner", "key", "create", "--partner", number, "--label", "till", "--scope", "read", "--scope", "order"),
        *("--allow-ip", "203.0.113.0/24", "--expires", "2030-01-01T00:00:00Z"),
    )
    ((sealed,),) = shell.rows("SELECT sealed FROM api_secret WHERE key_id = %s", made["keyId"])
    assert made["apiSecret"].encode() not in sealed
    assert Fernet(MASTER_KEY).decrypt(sealed).decode() == made["apiSecret"]
    (listed,) = shell.json("partner", "key", "list", "--partner", number)
    assert (listed["keyId"], listed["apiKey"], listed["kind"]) == (made["keyId"], made["apiKey"], "secret")
    assert (listed["label"], listed["scopes"], listed["allowedIps"]) == ("till", ["read", "order"], ["203.0.113.0/24"])
    assert (listed["expiresAt"], listed["revokedAt"]) == ("2030-01-01T00:00:00.000Z", None)
    table = shell.ok("partner", "key", "list", "--partner", number)
    assert made["apiKey"] in table
    assert made["apiSecret"] not in table + json.dumps(listed)


def test_a_key_for_people_is_a_table_with_a_warning(shell: Shell) -> None:
    """The warning goes beside it; a publishable key has no secret to store."""
    number = shell.partner()
    made = shell.run("partner", "key", "create", "--partner", number, "--kind", "full")
    ((sealed,),) = shell.rows("SELECT sealed FROM api_secret WHERE partner_id = %s", number)
    assert Fernet(MASTER_KEY).decrypt(sealed).decode() in made.stdout
    assert "not shown again" in made.stderr
    public = shell.run("partner", "key", "create", "--partner", number, "--kind", "publishable")
    assert public.exit_code == 0
    assert "not shown again" not in public.stderr
    key_id = shell.json("partner", "key", "list", "--partner", number)[1]["keyId"]
    shell.refused("KEY_HAS_NO_SECRET", "partner", "key", "rotate", key_id, "--partner", number)


def test_a_key_is_rotated_and_revoked(shell: Shell) -> None:
    """Two secrets live until the rotation is ended; a revoked key cannot be rotated."""
    number = shell.partner()
    made = shell.json("partner", "key", "create", "--partner", number)
    key = ("--partner", number)
    renewed = shell.json("partner", "key", "rotate", made["keyId"], *key)
    assert (renewed["apiKey"], renewed["keyId"]) == (made["apiKey"], made["keyId"])
    assert renewed["apiSecret"] != made["apiSecret"]
    live = lambda: [each["liveSecrets"] for each in shell.json("partner", "key", "list", *key)]  # noqa: E731
    assert live() == [2]
    assert shell.ok("partner", "key", "revoke-old", made["keyId"], *key) == "1 old secret(s) revoked.\n"
    assert live() == [1]
    ((sealed,),) = shell.rows("SELECT sealed FROM api_secret WHERE key_id = %s AND revoked_at IS NULL", made["keyId"])
    assert Fernet(MASTER_KEY).decrypt(sealed).decode() == renewed["apiSecret"]
    assert shell.ok("partner", "key", "revoke", made["keyId"], *key) == f"Key {made['keyId']} is revoked.\n"
    shell.refused("KEY_IS_REVOKED", "partner", "key", "rotate", made["keyId"], *key)
    shell.refused("KEY_NOT_FOUND", "partner", "key", "revoke", made["keyId"], "--partner", shell.partner())


# Catalogue and orders.


def test_the_catalogue_is_seeded_changed_and_listed(closed: tuple[Shell, World]) -> None:
    """And capped."""
    shell, _ = closed
    for table in ("transfer", "purchase", "collection"):
        shell.rows(f"DELETE FROM {table}")
    shell.rows("DELETE FROM discount_level")
    assert shell.json("catalogue", "list") == []
    assert shell.ok("catalogue", "seed") == "42 offers are on sale.\n"
    assert shell.rows("SELECT count(*), max(discount) FROM discount_level") == [(21, Decimal("0.06"))]
    for price in ("41.5", "41.25"):
        said = shell.ok("catalogue", "put", "--power", "3", "--efficiency", "13.5", "--price", price)
        assert said.startswith("Offered.\n")
    found = [each for each in shell.json("catalogue", "list") if each["power"] == "3"]
    assert [(each["energyEfficiency"], each["value"]) for each in found] == [("13.5", "41.25")]
    assert "41.25" in shell.ok("catalogue", "list")
    for text, stored in (("5000.5", Decimal("5000.5")), ("none", None)):
        said = shell.ok("catalogue", "capacity", text, "--confirm", text)
        assert said.startswith(f"Capacity is {text}.\n4 TH are sold and 0 promised")
        assert shell.rows("SELECT cap_th FROM capacity") == [(stored,)]


@pytest.fixture
async def ordered(world: World) -> str:
    """The number of a partner with an open order o-1."""
    partner = await newcomer(world)
    await order(partner, (await partner.user()).id, "o-1", await offer(partner))
    return str(partner.partner.id)


def test_an_order_is_cancelled(shell: Shell, ordered: str) -> None:
    """By its external id; what it reserved is free, and again is a no-op."""
    reserved = "SELECT debits_pending FROM account WHERE id = 1200 AND partner_id = %s"
    assert shell.rows(reserved, ordered) == [(Decimal("14.99"),)]
    for _ in range(2):
        assert shell.ok("order", "cancel", "o-1", "--partner", ordered) == "Cancelled.\n"
    assert shell.rows(reserved, ordered) == [(0,)]
    assert shell.rows("SELECT state FROM purchase WHERE partner_id = %s", ordered) == [("cancelled",)]


# Days.


def test_rates_are_entered_imported_and_listed(closed: tuple[Shell, World], tmp_path: Path) -> None:
    """A bad line is named and enters nothing; a spreadsheet's mark at the beginning does not matter."""
    shell, _ = closed
    shown = shell.ok(
        *("rates", "set", "2026-03-09", "--btc-usd", "78862.65", "--difficulty", "95.67e12"),
        *("--subsidy-btc", "3.125", "--fees-btc", "0", "--kwh-usd", "0.06"),
    )
    assert "0.00000065709495" in shown
    assert "0.06" in shown
    file = tmp_path / "rates.csv"
    file.write_text(CSV + "2026-03-03,-1,4.8e-7,\n")
    assert "line 4: -1 is out of range" in shell.refused("BAD_RATES", "rates", "import", file)
    assert shell.rows("SELECT count(*) FROM mining_day") == [(1,)]
    file.write_bytes(b"day,btc_usd\n\xff\xfe")
    assert "is not UTF-8" in shell.refused("BAD_RATES", "rates", "import", file)
    file.write_text("\ufeff" + CSV, encoding="utf-8")
    for _ in range(2):
        assert shell.ok("rates", "import", file) == "2 days entered.\n"
    listed = shell.json("rates", "list")
    assert [(each["day"], each["btcRate"], each["source"]) for each in listed] == [
        ("2026-03-09", "78862.65", "entered"),
        ("2026-03-02", "81000.5", "entered"),
        ("2026-03-01", "80000", "bank"),
    ]
    assert (listed[1]["kWh"], listed[1]["publishedAt"]) == ("0.05", None)
    assert [each["day"] for each in shell.json("rates", "list", "--last", "1")] == ["2026-03-09"]
    assert "81000.5" in shell.ok("rates", "list")


def test_days_are_closed_shown_and_adjusted(closed: tuple[Shell, World], tmp_path: Path) -> None:
    """Up to the day whose rates are missing; an adjustment is credited with the next day."""
    shell, _ = closed
    file = tmp_path / "rates.csv"
    file.write_text(CSV)
    shell.ok("rates", "import", file)
    first = shell.json("day", "close", "--through", "2026-03-01")
    assert first == {
        "publishedThrough": "2026-03-01",
        "dueThrough": "2026-03-03",
        "missingRates": None,
        "waiting": None,
        "daysClosed": 1,
    }
    said = shell.run("day", "close", "--json")
    assert said.exit_code == 1
    assert json.loads(said.stdout)["missingRates"] == "2026-03-03"
    assert "RATES_MISSING: no rates for 2026-03-03\nEnter them with: hashrail rates set" in said.stderr
    said = shell.run("day", "close")
    assert (said.exit_code, said.stdout) == (1, "0 closes; published through 2026-03-02, due through 2026-03-03.\n")
    shell.refused("DAY_PUBLISHED", "rates", "set", "2026-03-02", "--btc-usd", "1", "--pool-btc-per-th", "0")
    adjust = ("day", "adjust", "2026-03-02", "--reason", "typing error", "--btc-usd", "79000.5")
    assert shell.ok(*adjust).endswith("Adjustment 1 is published.\n")
    shell.refused("NOTHING_TO_ADJUST", *adjust)
    shell.ok("rates", "set", "2026-03-03", "--btc-usd", "80000", "--pool-btc-per-th", "4.9e-7")
    assert shell.json("day", "close")["daysClosed"] == 1
    shown = shell.json("day", "show", "2026-03-02")
    assert shown["inputs"]["btcRate"] == "81000.5"
    assert [(each["btcRate"], each["reason"]) for each in shown["adjustments"]] == [("79000.5", "typing error")]
    assert len(shown["classes"]) == 1
    assert "typing error" in shell.ok("day", "show", "2026-03-02")
    assert shell.ok("day", "close") == "0 closes; published through 2026-03-03, due through 2026-03-03.\n"


def test_programmes_are_opened_joined_and_left(closed: tuple[Shell, World]) -> None:
    """One user, or everybody and whoever registers later; a fraction counts from its day."""
    shell, world = closed
    number = str(world.partner.id)
    assert shell.ok("programme", "create", "spring") == "Programme 1 is open.\n"
    shell.refused("PROGRAMME_EXISTS", "programme", "create", "spring")
    assert shell.json("programme", "list") == [{"name": "spring", "fromDay": None, "fraction": None}]
    said = shell.ok("programme", "fraction", "spring", "0.05", "--from", "2026-03-05")
    assert said == "spring gives 0.05 from 2026-03-05 on.\n"
    assert shell.json("programme", "list") == [{"name": "spring", "fromDay": "2026-03-05", "fraction": "0.05"}]
    assert "0.05" in shell.ok("programme", "list")
    members = """
        SELECT u.partner_user_id FROM user_programme p
        JOIN app_user u ON u.partner_id = p.partner_id AND u.id = p.user_id
        ORDER BY 1"""
    join = ("programme", "join", "spring", "--partner", number)
    for words, said, left in (
        (("--user", "alice"), "1 user(s) take part.\n", ["alice"]),
        ((), "2 user(s) take part.\n", ["alice", "bob"]),
        (("--user", "alice", "--leave"), "1 user(s) left.\n", ["bob"]),
        (("--user", "alice", "--leave"), "1 user(s) left.\n", ["bob"]),
    ):
        assert shell.ok(*join, *words) == said
        assert [name for (name,) in shell.rows(members)] == left
    assert shell.rows("SELECT partner_id, programme_id FROM partner_programme") == [(world.partner.id, 1)]
    assert shell.ok(*join, "--leave") == "2 user(s) left.\n"
    for table in ("partner_programme", "user_programme"):
        assert shell.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    shell.refused("USER_NOT_FOUND", *join, "--user", "nobody")
    assert shell.json("audit")["ok"] is True


@citus.only_without("a spread table has no triggers, which play the commit that waited in vain")
@pytest.mark.parametrize("table", ["partner_programme", "user_programme"])
def test_a_programme_is_not_joined_before_a_standby_knows(closed: tuple[Shell, World], table: str) -> None:
    """PostgreSQL warns at the commit, of the partner's part or of a user's: it is told, and again ends well."""
    shell, world = closed
    shell.ok("programme", "create", "spring")
    shell.rows(
        """CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; RETURN NULL; END $$"""
    )
    shell.rows(
        f"""CREATE CONSTRAINT TRIGGER warned AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION warn()"""
    )
    join = ("programme", "join", "spring", "--partner", str(world.partner.id))
    shell.refused("UNKNOWN_OUTCOME", *join)
    shell.rows(f"DROP TRIGGER warned ON {table}")
    assert shell.ok(*join) == "2 user(s) take part.\n"
    assert shell.rows("SELECT (SELECT count(*) FROM partner_programme), count(*) FROM user_programme") == [(1, 2)]


def test_balances_and_explanations_lead_to_the_same_income(closed: tuple[Shell, World], tmp_path: Path) -> None:
    """A record's numbers multiply to its value, the values add up to the balance, the chart balances."""
    shell, world = closed
    file = tmp_path / "rates.csv"
    file.write_text(CSV + "2026-03-03,80000,4.9e-7,\n")
    shell.ok("rates", "import", file)
    shell.ok("day", "close")
    values = []
    for day in ("2026-03-02", "2026-03-03"):
        made = shell.json("explain", "income", "--miner", "1001", "--day", day)
        assert (made["nftId"], made["partnerUserId"], made["day"]) == (1001, "alice", day)
        steps = {each["name"]: each for each in made["steps"]}
        pool, c1, c2, net = (
            Decimal(steps[name]["result"]) for name in ("pool reward", "C1 electricity", "C2 service", "net per TH")
        )
        assert pool - c1 - c2 == net > 0
        for name, rate in (("gross", pool), ("c1Value", c1), ("c2Value", c2), ("value", net)):
            power, times = (Decimal(part.split()[0]) for part in steps[name]["reckoning"].split(" x "))
            assert (power, times, Decimal(steps[name]["result"])) == (4, rate, 4 * rate)
        assert Decimal(made["value"]) == 4 * net
        assert made["value"] in shell.ok("explain", "income", "--miner", "1001", "--day", day)
        values.append(Decimal(made["value"]))
    balance = ("account", "balance", "--partner", str(world.partner.id), "--user", "alice")
    assert Decimal(shell.json(*balance)["balance"]) == sum(values)
    then = shell.json(*balance, "--at", "2026-03-03T00:05:00Z")
    assert then == {
        "partnerUserId": "alice",
        "at": "2026-03-03T00:05:00.000Z",
        "currency": "BTC",
        "balance": f"{values[0]:f}",
        "held": None,
        "spendable": None,
    }
    assert shell.json(*balance, "--at", "2026-03-03T00:04:59Z")["balance"] == "0"
    assert f"{sum(values):f}" in shell.ok(*balance)
    change = ("explain", "income", "--partner", str(world.partner.id), "--user", "alice")
    told = shell.json(*change, "--from", "2026-03-02", "--to", "2026-03-02:2026-03-03")
    assert (Decimal(told["before"]), Decimal(told["after"])) == (values[0], sum(values))
    assert sum(Decimal(part["value"]) for part in told["parts"]) == Decimal(told["value"]) == values[1]
    assert "adjustments" in shell.ok(*change, "--from", "2026-03-02", "--to", "2026-03-03")
    assert (
        shell.json("explain", "income", "--miner", "1001", "--from", "2026-03-02", "--to", "2026-03-02")["value"] == "0"
    )
    for words in (change, (*change, "--from", "2026-03-02"), (*change, "--day", "2026-03-02"), change[:2]):
        assert shell.run(*words).exit_code == 2
    shell.refused("BAD_INCOME_PERIOD", *change, "--from", "2026-03-02", "--to", "2031-03-02")
    chart = {each["name"]: each for each in shell.json("account", "chart", "--partner", str(world.partner.id))}
    assert Decimal(chart["income_control"]["balance"]) == sum(values)
    assert chart["miner_sales"] == {"id": 4300, "name": "miner_sales", "currency": "USD", "balance": "55.99"}
    assert len(chart) == 16
    btc = [Decimal(each["balance"]) for each in chart.values() if each["currency"] == "BTC"]
    assert sum(btc) == 0
    assert "55.99" in shell.ok("account", "chart", "--partner", str(world.partner.id))


# The audit.


def test_the_audit_ends_with_one_at_the_first_broken_invariant(closed: tuple[Shell, World]) -> None:
    """It names the invariant and its rows, to people and to scripts; later ones are not looked at."""
    shell, world = closed
    sound = shell.json("audit")
    assert sound["ok"] is True
    assert [each["rows"] for each in sound["invariants"]] == [[]] * len(invariants.names())
    # Of several servers it marks nothing, and each audit is whole.
    spread = citus.coordinator() is not None
    assert (sound["whole"], sound["since"], sound["marked"], sound["written"]) == (True, None, not spread, {})
    shell.rows("UPDATE app_user SET level_discount = level_discount WHERE partner_user_id = 'alice'")
    since = shell.json("audit", "--since-last")
    assert (since["ok"], since["whole"], since["written"]) == (True, spread, {} if spread else {"app_user": 1})
    assert ("what was written since" in shell.ok("audit", "--since-last")) is not spread
    shown = shell.ok("audit", "--full")
    assert all(each["name"] in shown and each["rule"] in shown for each in sound["invariants"])
    assert len(re.findall(r"│ yes +│", shown)) == len(invariants.names())
    shell.rows("UPDATE partner_capacity SET committed_th = committed_th + 1")
    shell.rows("UPDATE purchase SET value_usd = value_usd + 1")
    made = shell.run("audit", "--json")
    assert (made.exit_code, made.exception.__class__) == (1, SystemExit)
    found = json.loads(made.stdout)
    assert found["ok"] is False
    assert [each["name"] for each in found["invariants"] if not each["holds"]] == ["orders-match-ledger"]
    assert found["invariants"][-1]["rows"] == [
        {"partner_id": str(world.partner.id), "purchase_id": "1", "state": "issued", "transfer": "posted"}
    ]
    made = shell.run("audit")
    assert made.exit_code == 1
    assert "orders-match-ledger is broken by these rows:" in made.stderr
    assert "'purchase_id': '1'" in made.stderr
    assert len(re.findall(r"│ no +│", made.stdout)) == 1
