"""What the pool has paid is divided among partners by what is open, the oldest day first, exactly."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail import business_clock, clock, db
from hashrail.accounting import pool_promises, pool_receipts
from hashrail.accounting.pool_promises import Open
from hashrail.accounting.pool_receipts import (
    Entered,
    PoolReceiptConflictError,
    PoolReceiptError,
    PoolReceiptNotFoundError,
    Receipt,
)
from hashrail.books.chart import Account
from hashrail.money import ZERO
from hashrail.parties.operators import ReasonMissingError
from hashrail.rewards import rate_classes
from tests.support.books import booked, broken, buy
from tests.support.eventful import mine_everywhere
from tests.support.world import World

FIRST = dt.date(2026, 3, 2)  # the first day on which the miners of these tests earn
DIGIT = Decimal("0.000000000000000001")


@pytest.fixture
async def two(world: World) -> tuple[World, World]:
    """Two partners with miners, and three closed days."""
    other = await world.another_partner("other")
    await buy(world, (await world.user("alice")).id, "4")
    await buy(other, (await other.user("bob")).id, "1")
    await mine_everywhere(world, 4)
    return world, other


async def entered(world: World, *those: Entered) -> list[Receipt]:
    async with db.transaction(world.pool) as tx:
        return await pool_receipts.add(tx, those)


def word(amount: Decimal | str, reference: str = "r", day: dt.date = FIRST) -> Entered:
    return pool_receipts.by_word(day=day, amount_btc=Decimal(amount), reference=reference, reason="by mail")


async def open_parts(world: World) -> list[Open]:
    async with db.snapshot(world.pool) as tx:
        return await pool_promises.open_days(tx)


def whole(parts: Sequence[Open]) -> Decimal:
    return sum((each.open_btc for each in parts), ZERO)


async def owed(*worlds: World) -> Decimal:
    """What the pool owes by the books."""
    return -sum([await booked(each, Account.POOL_RECEIVABLE) for each in worlds], ZERO)


async def test_what_is_open_is_what_the_pool_owes(two: tuple[World, World]) -> None:
    parts = await open_parts(two[0])
    assert [each.day for each in parts] == sorted(each.day for each in parts)
    assert whole(parts) == await owed(*two) > 0
    assert {each.partner_id for each in parts} == {each.partner.id for each in two}


async def test_a_receipt_pays_the_oldest_days_first(two: tuple[World, World]) -> None:
    """A day and a half: the first is paid, the second in proportion to the last digit."""
    before = await open_parts(two[0])
    days = sorted({each.day for each in before})
    first, second = ([each for each in before if each.day == day] for day in days[:2])
    amount = whole(first) + whole(second) / 2 + DIGIT
    (made,) = await entered(two[0], word(amount))
    assert made.undivided_btc == 0
    after = await open_parts(two[0])
    assert whole(before) - whole(after) == amount
    assert [each.day for each in after if each.day == days[0]] == []
    left = [each for each in after if each.day == days[1]]
    assert all(abs(each.open_btc - was.open_btc / 2) <= 2 * DIGIT for each, was in zip(left, second, strict=True))
    assert await owed(*two) == whole(after)
    assert sum([-await booked(each, Account.TREASURY) for each in two], ZERO) == amount
    assert await broken(two[0].pool) == {}


async def test_what_is_left_waits_for_the_days_to_come(two: tuple[World, World]) -> None:
    due = whole(await open_parts(two[0]))
    (made,) = await entered(two[0], word(due + 1))
    assert made.undivided_btc == 1
    assert await open_parts(two[0]) == []
    assert await owed(*two) == 0
    await mine_everywhere(two[0], 1)
    due = whole(await open_parts(two[0]))
    async with db.transaction(two[0].pool) as tx:
        await pool_receipts.divide(tx)
        assert (await pool_receipts.get(tx, made.id)).undivided_btc == 1 - due
    assert await owed(*two) == 0
    assert await broken(two[0].pool) == {}


async def test_again_it_is_the_same_and_another_amount_is_refused(two: tuple[World, World]) -> None:
    assert len(await entered(two[0], word("0.5"))) == 1
    before = await owed(*two)
    assert await entered(two[0], word("0.5"), word("0.50")) == []
    for other in (word("0.6"), word("0.5", day=FIRST + clock.ONE_DAY)):
        with pytest.raises(PoolReceiptConflictError) as refused:
            await entered(two[0], other)
        assert refused.value.details["field"] == "reference"
    assert await owed(*two) == before


async def test_two_at_once_record_one(two: tuple[World, World]) -> None:
    made = await asyncio.gather(*(entered(two[0], word("0.00001")) for _ in range(4)))
    assert sum(map(len, made)) == 1
    assert await broken(two[0].pool) == {}


async def test_a_transaction_is_known_from_one_source(two: tuple[World, World]) -> None:
    """Lines of a file that name one which the chain has shown are it; the other way round it is refused."""
    one, other = "ab" * 32, "cd" * 32
    shown = Entered("chain", f"tx {one}", FIRST, Decimal("0.5"), txid=one)
    with pytest.raises(Exception, match="pool_receipt_is_witnessed"):
        await entered(two[0], shown)
    await two[0].pool.execute(
        """INSERT INTO pool_receipt (source, key, day, amount_btc, undivided_btc, txid, reference, depth, recorded_at)
           VALUES ('chain', $1, '2026-03-02', 0.5, 0.5, $2, '', 6, now())""",
        f"tx {one}",
        one,
    )
    assert await entered(two[0], Entered("file", "file 1", FIRST, Decimal("0.5"), txid=one)) == []
    assert len(await entered(two[0], Entered("file", "file 2", FIRST, Decimal("0.5"), txid=other))) == 1
    with pytest.raises(PoolReceiptConflictError) as refused:
        await entered(two[0], Entered("chain", f"tx {other}", FIRST, Decimal("0.5"), txid=other))
    assert refused.value.details["field"] == "txid"


async def test_a_receipt_that_is_taken_back_is_owed_again(two: tuple[World, World]) -> None:
    """And what waits of another covers it as far as it goes; once."""
    due = await owed(*two)
    (first,) = await entered(two[0], word(due))
    (second,) = await entered(two[0], word("0.00001", "s"))
    assert second.undivided_btc == Decimal("0.00001")
    async with db.transaction(two[0].pool) as tx:
        assert await pool_receipts.reverse(tx, first.id, reason="entered twice")
        assert not await pool_receipts.reverse(tx, first.id, reason="entered twice")
        assert (await pool_receipts.get(tx, first.id)).reversed_reason == "entered twice"
        assert (await pool_receipts.get(tx, second.id)).undivided_btc == max(Decimal("0.00001") - due, ZERO)
    assert await owed(*two) == max(due - Decimal("0.00001"), ZERO)
    assert await broken(two[0].pool) == {}
    # What was taken back may be recorded anew.
    assert len(await entered(two[0], word(due))) == 1
    assert await broken(two[0].pool) == {}


@pytest.mark.parametrize(
    ("amount", "day", "field"),
    [
        ("0", FIRST, "amount"),
        ("-1", FIRST, "amount"),
        ("10000.1", FIRST, "amount"),
        ("1e-19", FIRST, "amount"),
        ("1", dt.date(2126, 1, 1), "day"),
    ],
)
async def test_what_no_pool_pays_is_refused(world: World, amount: str, day: dt.date, field: str) -> None:
    with pytest.raises(PoolReceiptError) as refused:
        await entered(world, word(amount, day=day))
    assert refused.value.details["field"] == field
    with pytest.raises(ReasonMissingError):
        pool_receipts.by_word(day=FIRST, amount_btc=Decimal(1), reference="r", reason=" ")
    async with db.transaction(world.pool) as tx:
        with pytest.raises(PoolReceiptNotFoundError):
            await pool_receipts.reverse(tx, 77, reason="x")
        assert await pool_receipts.newest(tx, 10) == []


async def test_promised_and_received_stand_side_by_side(two: tuple[World, World]) -> None:
    """By the day that each is for; an adjustment belongs to the day that it corrects."""
    async with db.transaction(two[0].pool) as tx:
        at = clock.start_of(FIRST)
        await rate_classes.adjust(tx, FIRST, reason="typing error", btc_usd=Decimal(70_000), at=at)
        await rate_classes.adjust(tx, FIRST, reason="the pool said less", pool_btc_per_th=Decimal("0.00048"), at=at)
    await mine_everywhere(two[0], 1)
    await entered(two[0], word("0.001"), word("0.002", "s", FIRST + clock.ONE_DAY))
    async with db.snapshot(two[0].pool) as tx:
        days = await pool_promises.of_month(tx, dt.date(2026, 3, 1))
        (month,) = await pool_promises.months(tx)
    by_day = {each.day: each for each in days}
    assert by_day[FIRST].received_btc == Decimal("0.001")
    # Whatever a TH costs, the pool owes its reward: 5 TH were sold.
    assert by_day[FIRST].promised_btc == 5 * Decimal("0.00048")
    assert by_day[FIRST + clock.ONE_DAY].promised_btc == 5 * Decimal("0.00049")
    assert by_day[FIRST].more_btc == Decimal("0.001") - by_day[FIRST].promised_btc
    assert sum(each.promised_btc for each in days) == month.promised_btc
    assert month.promised_btc - month.received_btc == month.open_btc == await owed(*two)
    assert (month.day, month.received_btc) == (dt.date(2026, 3, 1), Decimal("0.003"))


async def test_days_that_a_pool_should_have_paid_are_a_finding(two: tuple[World, World]) -> None:
    """After a few days of patience, until they are paid."""
    now = await business_clock.now(two[0].pool)
    async with db.snapshot(two[0].pool) as tx:
        assert await pool_promises.findings(tx, now=now + dt.timedelta(days=9)) == [], "nobody keeps receipts here"
    await entered(two[0], word(DIGIT, "first"))
    async with db.snapshot(two[0].pool) as tx:
        late = await pool_promises.shortfall(tx, now=now, patience_days=0)
        assert late is not None
        assert (late.since, late.open_btc) == (FIRST, await owed(*two))
        assert await pool_promises.shortfall(tx, now=now, patience_days=30) is None
        (finding,) = await pool_promises.findings(tx, now=now + dt.timedelta(days=9))
        assert (finding.code, finding.stops) == ("POOL_SHORTFALL", False)
    await entered(two[0], word(await owed(*two)))
    async with db.snapshot(two[0].pool) as tx:
        assert await pool_promises.findings(tx, now=now + dt.timedelta(days=9)) == []


AMOUNTS = st.integers(1, 10**30).map(lambda number: Decimal(number).scaleb(-18))


@given(st.lists(AMOUNTS, min_size=1, max_size=6), AMOUNTS)
def test_no_digit_is_lost_or_invented(parts: list[Decimal], amount: Decimal) -> None:
    day = [Open(number, FIRST, part) for number, part in enumerate(parts)]
    paid = pool_receipts.shares(amount, day)
    left = pool_receipts.still_open(day, paid)
    assert whole(paid) == min(amount, whole(day))
    assert whole(paid) + whole(left) == whole(day)
    assert all(each.open_btc > 0 for each in [*paid, *left])
    assert all(each.open_btc == each.open_btc.quantize(DIGIT) for each in paid)
