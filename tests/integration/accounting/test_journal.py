"""Accountants' own programs read the journal and agree with the trial balance, to the last digit."""

import csv
import datetime as dt
import io
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail import business_clock, db
from hashrail.accounting import journal_texts, periods, trial_balance, words
from hashrail.accounting.journal_texts import Format
from hashrail.accounting.trial_balance import Row
from hashrail.books.chart import FIRST_USER_ACCOUNT, TransferKind
from hashrail.money import decimals
from hashrail.rewards import closing
from hashrail.texts import read_cell
from tests.support.bookkeepers import READERS, Balances, JournalRefusedError
from tests.support.books import broken, buy, pay
from tests.support.eventful import live, mine_everywhere
from tests.support.hostile import HOSTILE
from tests.support.world import World

LAST_DIGIT = "1234567.000000000000000001"
MIDDLE = dt.date(2026, 3, 4)


@pytest.fixture(scope="module")
async def books(books: World) -> World:
    """Books in which everything has happened that can happen, and where strangers chose the texts."""
    await live(books)
    await pay(books, LAST_DIGIT, "SEPA 2")
    mallory = await books.user("mallory")
    for number, text in enumerate(HOSTILE.values()):
        await buy(books, mallory.id, "1", f"{text}{number}"[:200])
    await books.miner(mallory.id, "1.2345", "13.37")
    await books.pool.execute("UPDATE partner_capacity SET committed_th = committed_th + 1.2345 WHERE partner_id = 1")
    await mine_everywhere(books, 1)
    await books.next_day(pool_btc_per_th="0.00049000000001")
    await closing.close_due(books.pool)
    assert await broken(books.pool) == {}
    return books


async def trial(world: World, partner_id: int | None, before: dt.datetime | None = None) -> list[Row]:
    async with db.snapshot(world.pool) as tx:
        return await trial_balance.read(tx, partner_id, before=before)


async def exported(
    world: World,
    form: Format,
    partner_id: int | None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> str:
    async with db.snapshot(world.pool) as tx:
        period = periods.of_days(first, last, now=await business_clock.now(tx))
        return "".join([part async for part in journal_texts.write(tx, form, partner_id, period)])


def by_entry(balances: Balances) -> dict[tuple[str, str], Decimal]:
    """What a program has found, by accounts of the chart: those of all partners and users together."""
    found: dict[tuple[str, str], Decimal] = {}
    for (path, currency), amount in balances.items():
        sort, _, name, *rest = path.split(":")
        key = (f"{sort}:Users" if rest else f"{sort}:{name}", currency)
        found[key] = found.get(key, Decimal(0)) + amount
    return {key: amount for key, amount in found.items() if amount}


def expected(rows: list[Row]) -> dict[tuple[str, str], Decimal]:
    """The trial balance, by the same names."""
    found = {}
    for row in rows:
        sort, _, name, *_ = words.path_of(1, row.entry.number or FIRST_USER_ACCOUNT).split(":")
        found[f"{sort}:{name}", row.entry.currency] = row.debits - row.credits
    return {key: amount for key, amount in found.items() if amount}


@pytest.mark.parametrize("form", ["hledger", "beancount"])
@pytest.mark.parametrize("of", ["all", "one"])
@pytest.mark.parametrize("first", [None, MIDDLE])
async def test_the_real_program_agrees_to_the_last_digit(
    books: World, tmp_path: Path, form: Format, of: str, first: dt.date | None
) -> None:
    partner_id = books.partner.id if of == "one" else None
    path = tmp_path / f"journal.{form}"
    path.write_text(await exported(books, form, partner_id, first))
    rows = await trial(books, partner_id)
    assert any(row.debits_pending for row in rows), "what is pending is in no journal"
    assert any(decimals(row.debits) == 18 for row in rows if row.entry.currency == "BTC")
    assert by_entry(READERS[form](path)) == expected(rows)


@pytest.mark.parametrize("form", ["hledger", "beancount"])
async def test_a_period_that_is_over_agrees_with_what_was_then(books: World, tmp_path: Path, form: Format) -> None:
    path = tmp_path / f"journal.{form}"
    path.write_text(await exported(books, form, None, MIDDLE, MIDDLE))
    then = await trial(books, None, before=periods.Period(None, MIDDLE).before)
    assert by_entry(READERS[form](path)) == expected(then) != expected(await trial(books, None))


@pytest.mark.parametrize("form", ["hledger", "beancount"])
async def test_a_file_that_lacks_an_entry_is_refused_by_its_reader(books: World, tmp_path: Path, form: Format) -> None:
    """By what each account must hold in the end: a digit, a line or a part that was lost is told."""
    whole = (await exported(books, form, None)).split("\n\n")
    path = tmp_path / f"journal.{form}"
    lacking = next(number for number, each in enumerate(whole) if "Mining day" in each)
    for damaged in (
        [*whole[:lacking], *whole[lacking + 1 :]],
        [*whole[:lacking], whole[lacking], *whole[lacking:]],
        [each.replace(LAST_DIGIT, LAST_DIGIT[:-1]) for each in whole],
    ):
        path.write_text("\n\n".join(damaged))
        with pytest.raises(JournalRefusedError):
            READERS[form](path)


async def test_the_sheet_adds_up_to_the_trial_balance(books: World) -> None:
    """It holds every posted transfer once, in the order of time, and what strangers wrote as it was."""
    rows = list(csv.DictReader(io.StringIO(await exported(books, "csv", None))))
    moved: dict[tuple[int | None, str], Decimal] = {}
    for row in rows:
        for account, sign in ((row["debit_account"], 1), (row["credit_account"], -1)):
            number = int(account) if int(account) < FIRST_USER_ACCOUNT else None
            key = (number, row["currency"])
            moved[key] = moved.get(key, Decimal(0)) + sign * Decimal(row["amount"])
    trialled = {(row.entry.number, row.entry.currency): row.debits - row.credits for row in await trial(books, None)}
    assert moved == {key: amount for key, amount in trialled.items() if key in moved}
    assert all(amount == 0 for key, amount in trialled.items() if key not in moved)
    posted = await books.pool.fetch("SELECT kind FROM transfer WHERE state = 'posted' ORDER BY resolved_at, posted_seq")
    assert [row["kind"] for row in rows] == [row["kind"] for row in posted]
    references = {read_cell(row["reference"]) for row in rows if row["kind"] == "purchase"}
    written = await books.pool.fetch("SELECT external_id FROM purchase WHERE state = 'issued'")
    assert references == {row["external_id"] for row in written}
    assert {row["words"] for row in rows} <= set(words.KINDS.values())


async def test_everything_that_happens_is_in_the_life_of_these_books(books: World) -> None:
    """A new kind of transfers is read by these programs too."""
    lived = await books.pool.fetch("SELECT DISTINCT kind FROM transfer WHERE state = 'posted'")
    assert {row["kind"] for row in lived} == {kind.value for kind in TransferKind}


async def test_a_trial_balance_of_a_past_moment_is_what_it_was_then(books: World) -> None:
    """Pending transfers included, and whichever way it is read."""
    rows = await trial(books, None)
    # Whatever is written from now on has a later time.
    now = await business_clock.now(books.pool)
    assert await trial(books, None, before=now) == rows
    one = await books.another_partner("afterwards")
    carol = await one.user("carol")
    await buy(one, carol.id, "4")
    await mine_everywhere(books, 1)
    assert await trial(books, None, before=now) == rows
    assert await trial(books, None) != rows
    for total in trial_balance.totals(await trial(books, None)):
        assert (total.debits, total.debit) == (total.credits, total.credit)


async def test_partners_add_up_to_all(books: World) -> None:
    parts = [await trial(books, row["id"]) for row in await books.pool.fetch("SELECT id FROM partner")]
    sums = [(sum(row.debits for row in those), sum(row.credits for row in those)) for those in zip(*parts, strict=True)]
    assert sums == [(row.debits, row.credits) for row in await trial(books, None)]
