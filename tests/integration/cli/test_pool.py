"""hashrail pool: what the pool has paid, by a file, by word, and against what was credited."""

from decimal import Decimal
from pathlib import Path

import pytest

from hashrail import db
from hashrail.parties import operators
from tests.support.books import buy
from tests.support.commands import read_strictly
from tests.support.databases import with_database
from tests.support.shell import Shell
from tests.support.world import World

ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
PASSWORD = "a long enough one"
BY_WORD = ("pool", "receipt", "add", "--day", "2026-03-02", "--reason", "by mail", "--as", "olga")


@pytest.fixture
async def shell(server: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The operators of a deployment with two closed days on which 4 TH earned: olga and otto."""
    monkeypatch.setenv("HASHRAIL_OPERATOR_PASSWORD", PASSWORD)
    monkeypatch.setenv("HASHRAIL_OPERATOR", "olga")
    await buy(world, (await world.user("alice")).id, "4")
    for _ in range(3):
        await world.mine()
    async with db.transaction(world.pool) as tx:
        for name in ("olga", "otto"):
            await operators.add(tx, name=name, role="admin", password=PASSWORD)
        await tx.execute("DELETE FROM operator_tie")
    name = await world.pool.fetchval("SELECT current_database()")
    return Shell(with_database(server, name), tmp_path)


def test_a_file_is_recorded_once_and_all_or_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "pool.csv"
    file.write_text("day,amount_btc\n2026-03-02,0.0000004\n2026-03-03,0.0000004\n2026-03-02,0.0000004\n")
    assert "0.0000008" in shell.ok("pool", "receipt", "import", file)
    assert "nothing changed" in shell.ok("pool", "receipt", "import", file)
    found = read_strictly(("pool", "receipt", "list"), shell.ok("pool", "receipt", "list", "--json"))
    assert [(one.source, str(one.day), one.amount_btc) for one in found] == [
        ("file", "2026-03-03", Decimal("0.0000004")),
        ("file", "2026-03-02", Decimal("0.0000004")),
    ]
    for text in ("day,amount_btc\n2026-03-04,1\n2026-03-05,0,5\n", "\xff"):
        file.write_bytes(text.encode("latin-1"))
        shell.refused("BAD_POOL_FILE", "pool", "receipt", "import", file)
    file.write_text("day,amount_btc\n2126-03-04,1\n")
    shell.refused("BAD_POOL_RECEIPT", "pool", "receipt", "import", file)
    assert len(shell.json("pool", "receipt", "list")) == 2


def test_a_large_one_by_word_takes_two(shell: Shell) -> None:
    """A small one is one person's; again it is the same, in either case."""
    assert "0.00001" in shell.ok(*BY_WORD, "--amount", "0.00001", "--reference", "small")
    assert "nothing changed" in shell.ok(*BY_WORD, "--amount", "0.00001", "--reference", "small")
    shell.refused("SECOND_NEEDED", *BY_WORD, "--amount", "0.2", "--reference", "large")
    assert len(shell.json("pool", "receipt", "list")) == 1
    (change,) = shell.json("change", "list")
    assert change["after"]["amountBtc"] == "0.2"
    shell.refused("SAME_PERSON", "change", "confirm", change["id"], "--as", "olga")
    shell.ok("change", "confirm", change["id"], "--as", "otto")
    (large, _) = shell.json("pool", "receipt", "list")
    assert (large["amountBtc"], large["reason"], large["source"]) == ("0.2", "by mail", "word")
    assert "nothing changed" in shell.ok(*BY_WORD, "--amount", "0.2", "--reference", "large")
    shell.refused("POOL_RECEIPT_CONFLICT", *BY_WORD, "--amount", "0.3", "--reference", "large")
    assert shell.rows("SELECT count(*) FROM operator_action WHERE action = 'pool receipt add'") == [(2,)]


def test_no_door_leads_round_what_one_does_alone(shell: Shell, tmp_path: Path) -> None:
    """By word, by a file and back: it is one sum. What waits for a second is done once, and not over something else."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("day,amount_btc\n2026-03-02,0.03\n2026-03-03,0.03\n")
    second.write_text("day,amount_btc\n2026-03-02,0.03\n2026-03-02,0.001\n2026-03-03,0.00000001\n")
    shell.ok(*BY_WORD, "--amount", "0.01", "--reference", "one")
    shell.ok("pool", "receipt", "import", first)
    assert "Reversed" in shell.ok("pool", "receipt", "reverse", "2", "--reason", "x")
    for words in (("reverse", "3", "--reason", "x"), ("import", second), ("import", second)):
        shell.refused("SECOND_NEEDED", "pool", "receipt", *words)
    assert len(shell.json("pool", "receipt", "list")) == 3
    reversal, file = shell.json("change", "list")
    assert [line["amountBtc"] for line in file["after"]["lines"]] == ["0.03", "0.001", "0.00000001"]
    shell.ok("change", "confirm", reversal["id"], "--as", "otto")
    second.write_text("day,amount_btc\n2026-03-03,0.00000001\n")
    assert "nothing changed" in shell.ok("pool", "receipt", "reverse", "3", "--reason", "x")
    shell.rows("UPDATE alone_limit SET amount = 1 WHERE kind = 'pool_receipt'")
    shell.ok("pool", "receipt", "import", second)
    shell.refused("CHANGE_OUTDATED", "change", "confirm", file["id"], "--as", "otto")
    assert len(shell.json("pool", "receipt", "list")) == 4
    shell.refused("REASON_MISSING", "pool", "receipt", "reverse", "4", "--reason", " ")


def test_what_was_credited_stands_beside_what_was_paid(shell: Shell) -> None:
    """And what is still open once a receipt was taken back."""
    shell.ok(*BY_WORD, "--amount", "0.000001", "--reference", "one")
    text = shell.ok("pool", "show", "--month", "2026-03", "--json")
    found = read_strictly(("pool", "show"), text)
    assert {line.when: line.received_btc for line in found.lines} == {
        "2026-03-02": Decimal("0.000001"),
        "2026-03-03": 0,
    }
    assert found.total is not None
    assert found.total.promised_btc == sum(line.promised_btc for line in found.lines) > 0
    (month,) = read_strictly(("pool", "show"), shell.ok("pool", "show", "--json")).lines
    assert (month.when, month.open_btc) == ("2026-03", month.promised_btc - month.received_btc)
    assert "2026-03-02" in shell.ok("pool", "show", "--month", "2026-03")
    (receipt,) = shell.json("pool", "receipt", "list")
    assert "Reversed" in shell.ok("pool", "receipt", "reverse", receipt["id"], "--reason", "entered twice")
    assert "nothing changed" in shell.ok("pool", "receipt", "reverse", receipt["id"], "--reason", "entered twice")
    (after,) = read_strictly(("pool", "show"), shell.ok("pool", "show", "--json")).lines
    assert (after.received_btc, after.open_btc) == (0, month.promised_btc)
    assert shell.json("audit")["ok"]


def test_addresses_are_named(shell: Shell) -> None:
    assert "is named" in shell.ok("pool", "address", "add", ADDRESS)
    assert "nothing changed" in shell.ok("pool", "address", "add", ADDRESS)
    assert shell.json("pool", "address", "list") == [ADDRESS]
    shell.ok("pool", "address", "remove", ADDRESS)
    assert "nothing changed" in shell.ok("pool", "address", "remove", ADDRESS)
    assert shell.json("pool", "address", "list") == []


def test_what_cannot_be_recorded_is_refused(shell: Shell) -> None:
    shell.refused("REASON_MISSING", *BY_WORD[:5], "--reason", " ", "--as", "olga", "--amount", "1", "--reference", "r")
    shell.refused("BAD_POOL_RECEIPT", *BY_WORD, "--amount", "0", "--reference", "r")
    shell.refused("BAD_POOL_RECEIPT", *BY_WORD, "--amount", "10001", "--reference", "r")
    shell.refused("POOL_RECEIPT_NOT_FOUND", "pool", "receipt", "reverse", "77", "--reason", "x")
    shell.refused("BAD_MONTH", "pool", "show", "--month", "March")
    for words in ((), ("--amount", "1"), ("--amount", "1", "--reference", "r", "--txid", "ab" * 32)):
        assert shell.run(*BY_WORD, *words).exit_code == 2
    assert shell.json("pool", "receipt", "list") == []
