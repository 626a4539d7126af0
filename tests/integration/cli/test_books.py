"""hashrail books: what it prints for people, for scripts, and for accountants' programs."""

import csv
import hashlib
import io
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail import clock
from hashrail.cli.printing import as_text
from tests.support.bookkeepers import by_beancount
from tests.support.books import advance, buy, order, pay
from tests.support.commands import read_strictly
from tests.support.databases import with_database
from tests.support.shell import Shell
from tests.support.world import World


@pytest.fixture(scope="module")
async def shell(server: str, books: World, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The operator of a deployment with two partners, a day of income, a payment, and an order that is not paid."""
    alice = await books.user("alice")
    await buy(books, alice.id, "4", "=cmd()")
    await order(books, alice.id, "o-2", await books.pool.fetchval("SELECT min(id) FROM collection"))
    other = await books.another_partner("other")
    bob = await other.user("bob")
    await buy(other, bob.id, "1")
    await books.mine()
    await books.mine()
    await pay(books, "20.25", "SEPA 1")
    name = await books.pool.fetchval("SELECT current_database()")
    return Shell(with_database(server, name), tmp_path_factory.mktemp("data"))


def test_the_chart_shows_what_each_account_holds(shell: Shell) -> None:
    found = shell.json("books", "chart", "--partner", "partner")
    read_strictly(("books", "chart"), shell.ok("books", "chart", "--json"))
    by_id = {one["id"]: one for one in found if one["id"]}
    assert (by_id[1300]["balance"], by_id[1300]["sort"], by_id[1300]["debitIsNormal"]) == ("20.25", "Assets", True)
    assert Decimal(by_id[4300]["balance"]) == Decimal(by_id[1200]["balance"]) + Decimal("20.25") > 0
    assert Decimal(by_id[2100]["balance"]) > 0
    assert [one["currency"] for one in found if one["id"] is None] == ["BTC", "GOMINING"]
    assert "pool receivable" in shell.ok("books", "chart")


def test_the_trial_balance_balances_in_every_currency(shell: Shell) -> None:
    text = shell.ok("books", "balance", "--json")
    found = read_strictly(("books", "balance"), text)
    assert found.partner is None
    for total in found.totals:
        rows = [row for row in found.rows if row.currency == total.currency]
        assert sum(row.debits for row in rows) == total.debits == total.credits == sum(row.credits for row in rows)
        assert sum(row.debit for row in rows) == total.debit == total.credit
    pending = {row.id: (row.debits_pending, row.credits_pending) for row in found.rows}
    assert pending[1200][0] == pending[4300][1] > 0
    shown = shell.ok("books", "balance")
    assert all(as_text(total.debits) in shown for total in found.totals)


def test_a_past_moment_is_asked_for(shell: Shell, books: World) -> None:
    before = shell.json("books", "balance", "--at", "2026-02-01T00:00:00Z", "--partner", 1)
    assert (before["partner"], before["at"]) == (1, "2026-02-01T00:00:00.000Z")
    assert {row["debits"] for row in before["rows"]} == {"0"}
    latest = shell.json("books", "balance", "--at", "9999-12-31T23:59:59.999999Z")
    assert latest["rows"] == shell.json("books", "balance")["rows"]


def test_the_journal_is_printed_for_programs(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    path.write_text(shell.ok("books", "export", "--format", "beancount", "--partner", "partner"))
    assert by_beancount(path)["Assets:Partner-1:Cash", "USD"] == Decimal("20.25")
    rows = list(csv.DictReader(io.StringIO(shell.ok("books", "export"))))
    assert {row["partner"] for row in rows} == {"1", "2"}
    assert "'=cmd()" in {row["reference"] for row in rows}
    today = shell.rows("SELECT max(resolved_at) FROM transfer")[0][0]
    assert shell.ok("books", "export", "--to", clock.day_of(today) - 30 * clock.ONE_DAY).count("\n") == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PARTNER_NOT_FOUND", "books chart --partner nobody"),
        ("PARTNER_NOT_FOUND", "books balance --partner nobody"),
        ("PARTNER_NOT_FOUND", "books export --partner nobody"),
        ("BAD_DATE", "books balance --at yesterday"),
        ("DATE_WITHOUT_TIME_ZONE", "books chart --at 2026-03-01T00:00:00"),
        ("BAD_PERIOD", "books export --from 2026-03-02 --to 2026-03-01"),
        ("BAD_PERIOD", "books export --from 2126-03-02"),
    ],
)
def test_what_cannot_be_asked_is_refused(shell: Shell, code: str, words: str) -> None:
    assert shell.refused(code, *words.split())


def test_no_format_but_ours(shell: Shell) -> None:
    assert shell.run("books", "export", "--format", "xml").exit_code == 2


# Invoices and statements.


@pytest.fixture
async def over(shell: Shell, books: World) -> str:
    """A month of the deployment that is over."""
    month = "2026-03"
    if clock.day_of(await advance(books, timedelta(0))) < date(2026, 4, 2):
        await advance(books, timedelta(days=40))
    return month


def test_an_invoice_is_issued_once_and_shown_in_three_ways(shell: Shell, over: str, tmp_path: Path) -> None:
    asked = ("--partner", "partner", "--month", over)
    made = read_strictly(("books", "invoice", "issue"), shell.ok("books", "invoice", "issue", *asked, "--json"))
    assert (made.number, made.month, made.paid_usd) == ("1-00001", over, Decimal("20.25"))
    assert shell.json("books", "invoice", "issue", *asked) == shell.json("books", "invoice", "list")[0]
    text = shell.ok("books", "invoice", "show", *asked, "--json")
    shown = read_strictly(("books", "invoice", "show"), text)
    assert shown.invoice == made
    assert [line.kind for line in shown.lines] == ["purchase", "partner_payment"]
    assert shown.lines[-1].balance_usd == made.owed_after_usd
    assert made.number in shell.ok("books", "invoice", "show", *asked)
    page = tmp_path / "invoice.html"
    assert str(page) in shell.ok("books", "invoice", "show", *asked, "--html", page, "--issuer", "Mining & Sons")
    assert page.stat().st_mode & 0o777 == 0o600
    assert "Mining &amp; Sons" in page.read_text()
    assert shell.rows("SELECT count(*) FROM operator_action WHERE action = 'books invoice issue'") == [(1,)]
    assert read_strictly(("books", "invoice", "list"), shell.ok("books", "invoice", "list", "--json")) == [made]


def test_a_statement_of_a_user_is_a_sheet_and_data(shell: Shell) -> None:
    asked = ("books", "user-statement", "--partner", "partner", "--user", "alice", "--from", "2026-03-01")
    found = read_strictly(asked[:2], shell.ok(*asked, "--json"))
    rows = list(csv.DictReader(io.StringIO(shell.ok(*asked))))
    assert [Decimal(row["btc"]) for row in rows] == [line.btc for line in found.lines]
    assert found.opening_btc + sum(line.btc for line in found.lines) == found.closing_btc > 0
    assert rows[0]["kind"] == "Mining day"
    assert Decimal(rows[0]["electricity_btc"]) > 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PARTNER_NOT_FOUND", "books invoice issue --partner nobody --month 2026-03"),
        ("PARTNER_NOT_FOUND", "books invoice list --partner nobody"),
        ("PARTNER_NOT_FOUND", "books invoice show --partner nobody --month 2026-03"),
        ("BAD_MONTH", "books invoice issue --partner partner --month March"),
        ("BAD_MONTH", "books invoice show --partner partner --month 2026-13"),
        ("BAD_MONTH", "books invoice issue --partner partner --month 9999-12"),
        ("BAD_MONTH", "books invoice show --partner partner --month 9999-12"),
        ("BAD_MONTH", "pool show --month 9999-12"),
        ("INVOICE_TOO_EARLY", "books invoice issue --partner partner --month 2126-03"),
        ("INVOICE_BEFORE_PARTNER", "books invoice issue --partner partner --month 2026-02"),
        ("INVOICE_NOT_FOUND", "books invoice show --partner partner --month 2026-02"),
        ("PARTNER_NOT_FOUND", "books user-statement --partner nobody --user alice --from 2026-03-01"),
        ("USER_NOT_FOUND", "books user-statement --partner partner --user nobody --from 2026-03-01"),
        ("BAD_PERIOD", "books user-statement --partner partner --user alice --from 2026-03-02 --to 2026-03-01"),
    ],
)
def test_what_cannot_be_billed_or_stated_is_refused(shell: Shell, code: str, words: str) -> None:
    assert shell.refused(code, *words.split())


# hashrail export


DAYS = ("--partner", "partner", "--from", "2026-03-01", "--to", "2026-03-31")


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_days_of_a_partner_become_a_file(shell: Shell, tmp_path: Path, form: str) -> None:
    """Of this partner alone, whole, with its sums and its checksum; one that was there is replaced."""
    path = tmp_path / f"income.{form}"
    path.write_text("of yesterday")
    words = ("export", "income", *DAYS, "--format", form, "--out", path)
    told = read_strictly(("export",), shell.ok(*words, "--json"))
    raw = path.read_bytes()
    assert (told.sha256, told.bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert (told.rows, [one.field for one in told.totals]) == (1, ["c1Value", "c2Value", "value"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    by_field = {one.field: one.total for one in told.totals}
    if form == "csv":
        (row,) = csv.DictReader(io.StringIO(raw.decode()))
        assert {name: Decimal(row[name]) for name in by_field} == by_field
    elif form == "ndjson":
        found = json.loads(raw, parse_float=Decimal)
        assert {name: found[name] for name in by_field} == by_field
    shown = shell.ok(*words)
    assert all(text in shown for text in (told.sha256, "1 rows", *map(as_text, by_field.values())))


def test_a_file_that_cannot_be_written_leaves_what_was_there(shell: Shell, tmp_path: Path) -> None:
    shell.refused("FILE_NOT_WRITTEN", "export", "orders", *DAYS, "--out", tmp_path / "nowhere" / "orders.csv")
    path = tmp_path / "orders.csv"
    path.write_text("of yesterday")
    shell.refused("PARTNER_NOT_FOUND", "export", "orders", "--partner", "nobody", *DAYS[2:], "--out", path)
    assert path.read_text() == "of yesterday"
    backwards = ("--from", "2026-03-02", "--to", "2026-03-01")
    assert shell.run("export", "orders", *DAYS[:2], *backwards, "--out", path).exit_code == 2
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
