"""A user's statement: its lines lead from balance to balance, and all of them together are the books."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.accounting import periods, user_statement
from hashrail.accounting.user_statement import Statement
from hashrail.books.chart import Account, TransferKind
from hashrail.money import ZERO, round_half_even
from hashrail.rewards import settling
from tests.support.books import booked
from tests.support.eventful import FIRST, live
from tests.support.world import World


@pytest.fixture(scope="module")
async def books(books: World) -> World:
    """Books in which everything has happened that can happen."""
    await live(books)
    return books


async def statement(world: World, partner_id: int, user_id: int, first: dt.date, last: dt.date | None) -> Statement:
    async with db.snapshot(world.pool) as tx:
        period = periods.of_days(first, last, now=clock.start_of(await world.today()))
        return await user_statement.read(tx, partner_id, user_id, period)


async def everybody(world: World) -> list[Statement]:
    rows = await world.pool.fetch("SELECT partner_id, id FROM app_user ORDER BY id")
    return [await statement(world, row["partner_id"], row["id"], FIRST, None) for row in rows]


async def test_all_statements_together_are_the_books(books: World) -> None:
    """Electricity and service that users bore are the operator's revenue, and what they have is what the books owe."""
    lines = [line for found in await everybody(books) for line in found.lines]
    for account, name in (
        (Account.ELECTRICITY_REVENUE, "electricity_btc"),
        (Account.SERVICE_REVENUE, "service_btc"),
    ):
        revenue = await books.pool.fetchval(
            """SELECT sum(CASE WHEN credit_account = $1 THEN amount ELSE -amount END) FROM transfer
               WHERE $1 IN (debit_account, credit_account) AND state = 'posted'""",
            account.value,
        )
        assert sum((getattr(line, name) for line in lines), ZERO) == revenue > 0
    async with db.snapshot(books.pool) as tx:
        users = await tx.fetch("SELECT partner_id, id FROM app_user ORDER BY id")
        held = [await settling.balance_at(tx, row["partner_id"], row["id"], await end_of(books)) for row in users]
    assert [found.closing_btc for found in await everybody(books)] == held
    assert sum((line.btc for line in lines), ZERO) == sum(held, ZERO)
    kinds = {line.kind for line in lines}
    assert kinds >= {TransferKind.DAY, TransferKind.ADJUSTMENT, TransferKind.WITHDRAWAL, TransferKind.DEPOSIT}
    assert TransferKind.SETTLEMENT not in kinds
    assert await booked(books, Account.INCOME_CONTROL) > 0, "some of it is not settled"


async def end_of(world: World) -> dt.datetime:
    """The last moment of the business day."""
    return clock.start_of(await world.today() + clock.ONE_DAY) - user_statement.TICK


async def test_a_period_joins_the_one_before_it(books: World) -> None:
    """Wherever a statement is cut in two, what the first ends with is what the second begins with."""
    alice = await books.pool.fetchval("SELECT id FROM app_user WHERE partner_user_id = 'alice'")
    whole = await statement(books, 1, alice, FIRST, None)
    day, today = FIRST, await books.today()
    while day < today:
        one = await statement(books, 1, alice, FIRST, day)
        other = await statement(books, 1, alice, day + clock.ONE_DAY, None)
        assert one.closing_btc == other.opening_btc
        assert [*one.lines, *other.lines] == whole.lines
        day += clock.ONE_DAY


async def test_a_line_says_how_it_came_about(books: World) -> None:
    """Income is pool less costs, at the mined day's published price; each value in USD is rounded once."""
    alice = await books.pool.fetchval("SELECT id FROM app_user WHERE partner_user_id = 'alice'")
    found = await statement(books, 1, alice, FIRST, None)
    prices = {row["day"]: row["btc_usd"] for row in await books.pool.fetch("SELECT day, btc_usd FROM mining_day")}
    balance = found.opening_btc
    for line in found.lines:
        balance += line.btc
        assert line.balance_btc == balance
        if line.kind in (TransferKind.DAY, TransferKind.ADJUSTMENT):
            assert line.btc == line.pool_btc - line.electricity_btc - line.service_btc
            assert line.at == clock.credited_at(line.day)
            assert line.price_usd == prices[line.day]
        else:
            assert line.pool_btc == line.electricity_btc == line.service_btc == 0
        if line.price_usd is not None:
            assert line.usd == round_half_even(line.btc * line.price_usd, 8)
    withdrawn = [line.btc for line in found.lines if line.kind is TransferKind.WITHDRAWAL]
    assert withdrawn
    assert all(btc < 0 for btc in withdrawn)


async def test_a_day_without_a_price_says_so(books: World) -> None:
    """Nobody knows the price of the day that runs."""
    dora = await books.user("dora")
    found = await statement(books, 1, dora.id, FIRST, None)
    assert found == Statement(ZERO, [], ZERO)
    line = user_statement.Line(
        at=clock.start_of(FIRST),
        day=FIRST,
        kind=TransferKind.DEPOSIT,
        reference="x",
        btc=Decimal(1),
        pool_btc=ZERO,
        electricity_btc=ZERO,
        service_btc=ZERO,
        price_usd=None,
        balance_btc=Decimal(1),
    )
    assert (line.usd, line.electricity_usd, line.service_usd) == (None, None, None)
