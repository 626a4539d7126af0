"""The statement: every posting to the receivable once, in order, with what was owed after it, page by page."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account
from hashrail.selling import billing, orders, statements
from hashrail.selling.statements import Line
from tests.support.books import (
    HOUR,
    advance,
    broken,
    buy,
    cancel,
    newcomer,
    notify,
    offer,
    order,
    pay,
    receivable,
    upgrade,
)
from tests.support.world import START, World

BEGIN, END = START - dt.timedelta(days=1), START + dt.timedelta(days=3650)


async def read(world: World, **where: Any) -> list[Line]:
    """Lines of the whole time, unless it is said otherwise."""
    facts = {"first": BEGIN, "before": END, "limit": None} | where
    async with db.snapshot(world.pool) as tx:
        return await statements.lines(tx, world.partner.id, **facts)


async def owed_before(world: World, moment: dt.datetime, position: int = 0) -> Decimal:
    async with db.snapshot(world.pool) as tx:
        return await statements.owed_before(tx, world.partner.id, moment, position)


def figures(lines: list[Line]) -> list[tuple[str, str, Decimal, Decimal]]:
    return [(one.kind, one.reference, one.amount_usd, one.balance_usd) for one in lines]


async def test_nothing_was_posted(partner: World) -> None:
    """Nor is anything owed; an order that is open, expired or cancelled is no debt."""
    assert await read(partner) == []
    user = await partner.user()
    await order(partner, user.id, "open", await offer(partner))
    await order(partner, user.id, "over", await offer(partner))
    await cancel(partner, "over")
    assert await read(partner) == []
    assert await owed_before(partner, END) == 0


async def test_every_sort_of_line(partner: World) -> None:
    """A prepaid balance is negative; each line says what it is about, and the last what is owed now."""
    await pay(partner, "100.5", "SEPA 1")
    user = await partner.user()
    bought = await buy(partner, user.id, "2", "order 1")
    upgrade_id = await upgrade(partner, bought.miner_id, "efficiency", "15", "14")
    await pay(partner, "0.000000000000000001", "SEPA 2")
    lines = await read(partner)
    tiny = Decimal("0.000000000000000001")
    assert figures(lines) == [
        ("partner_payment", "SEPA 1", Decimal("-100.5"), Decimal("-100.5")),
        ("purchase", "order 1", Decimal("27.99"), Decimal("-72.51")),
        ("post_payment", str(upgrade_id), Decimal("5.334"), Decimal("-67.176")),
        ("partner_payment", "SEPA 2", -tiny, Decimal("-67.176") - tiny),
    ]
    assert [one.miner_id for one in lines] == [None, bought.miner_id, bought.miner_id, None]
    assert [one.at for one in lines] == sorted(one.at for one in lines)
    assert (await receivable(partner))[0] == lines[-1].balance_usd == await owed_before(partner, END)


async def test_a_line_stands_where_it_was_issued(partner: World) -> None:
    """Not where it was ordered: an attempt that expired is none, and the late one is one."""
    user = await partner.user()
    await order(partner, user.id, "late", await offer(partner))
    await buy(partner, user.id, "2", "soon")
    await advance(partner, 2 * HOUR)
    issued = await notify(partner, user.id, "late")
    lines = await read(partner)
    assert [(one.reference, one.at) for one in lines][1] == ("late", issued.paid_at)
    assert [one.reference for one in lines] == ["soon", "late"]
    assert await broken(partner.pool) == {}


async def test_things_of_one_number_are_not_mixed_up(partner: World) -> None:
    """An order, a post-payment and a payment may have the same id; each line is about its own."""
    user = await partner.user()
    bought = await buy(partner, user.id, "2", "an order")
    other = await buy(partner, user.id, "1", "another")
    await upgrade(partner, other.miner_id, "power", "1", "2")
    await pay(partner, "5", "a payment")
    for statement in (
        "UPDATE post_payment SET id = $2 WHERE partner_id = $1",
        "UPDATE partner_payment SET id = $2 WHERE partner_id = $1",
        "UPDATE transfer SET object_id = $2 WHERE partner_id = $1 AND kind IN ('post_payment', 'partner_payment')",
    ):
        await partner.pool.execute(statement, partner.partner.id, bought.id)
    assert [(one.reference, one.miner_id) for one in await read(partner)] == [
        ("an order", bought.miner_id),
        ("another", other.miner_id),
        (str(bought.id), other.miner_id),
        ("a payment", None),
    ]


async def ten_of_one_moment(world: World) -> list[Line]:
    """Ten orders issued in one transaction, with a payment and an upgrade around them."""
    await pay(world, "50", "before")
    user = await world.user()
    for number in range(10):
        await order(world, user.id, f"o-{number}", await offer(world, "1" if number % 2 else "2"))
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        for number in range(10):
            issued = await orders.notify_paid(tx, books, external_id=f"o-{number}", user_id=user.id)
    await upgrade(world, issued.miner_id, "power", "1", "3")
    return await read(world)


async def test_ten_lines_of_one_moment_have_an_order(partner: World) -> None:
    """That of their posting; each has the balance after it."""
    lines = await ten_of_one_moment(partner)
    assert [one.reference for one in lines[1:11]] == [f"o-{number}" for number in range(10)]
    assert len({one.at for one in lines[1:11]}) == 1
    assert [one.position for one in lines] == sorted({one.position for one in lines})
    owed = Decimal(0)
    for one in lines:
        owed += one.amount_usd
        assert one.balance_usd == owed == await owed_before(partner, one.at, one.position)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 12, 13])
async def test_pages_join_without_a_seam(partner: World, limit: int) -> None:
    """Also in the middle of a moment, balances included."""
    whole = await ten_of_one_moment(partner)
    paged: list[Line] = []
    while page := await read(partner, limit=limit, after=(paged[-1].at, paged[-1].position) if paged else None):
        assert len(page) <= limit
        paged += page
    assert paged == whole
    assert len(whole) == 12


async def test_a_range_begins_with_what_was_owed_before(partner: World) -> None:
    """Both ends to the microsecond: the first moment is in it, the one before which it ends is not."""
    user = await partner.user()
    bought = await buy(partner, user.id, "4", "first")
    await advance(partner, clock.ONE_DAY)
    await upgrade(partner, bought.miner_id, "power", "4", "5")
    await advance(partner, clock.ONE_DAY)
    await pay(partner, "20", "third")
    first, second, third = await read(partner)
    tick = dt.timedelta(microseconds=1)
    assert await read(partner, first=second.at, before=third.at) == [second]
    assert await read(partner, first=second.at + tick, before=third.at + tick) == [third]
    assert await read(partner, first=first.at, before=first.at) == []
    assert await owed_before(partner, second.at) == first.balance_usd
    assert await owed_before(partner, second.at + tick) == second.balance_usd
    assert await owed_before(partner, BEGIN) == 0


async def test_a_position_of_another_range_leaves_nothing_out(partner: World) -> None:
    """A range begins where it begins, with the right balance, whatever position comes with it."""
    user = await partner.user()
    await buy(partner, user.id, "4", "first")
    await advance(partner, clock.ONE_DAY)
    await buy(partner, user.id, "2", "second")
    await advance(partner, clock.ONE_DAY)
    await pay(partner, "20", "third")
    first, second, third = await read(partner)
    for after in ((first.at - clock.ONE_DAY, 10**15), (clock.EPOCH, 0), (first.at, first.position)):
        assert await read(partner, first=second.at, after=after) == [second, third]
    assert await read(partner, after=(third.at, third.position)) == []
    assert await read(partner, before=third.at, after=(END, 1)) == []


async def test_a_partner_reads_its_own(partner: World) -> None:
    """Even when another has the same names and moments."""
    other = await newcomer(partner)
    for one, power in ((partner, "2"), (other, "4")):
        user = await one.user()
        await buy(one, user.id, power, "same")
        await pay(one, power, "same")
    assert [one.amount_usd for one in await read(partner)] == [Decimal("27.99"), -2]
    assert [one.amount_usd for one in await read(other)] == [Decimal("55.99"), -4]


async def test_what_is_owed_is_what_the_ledger_says(partner: World) -> None:
    """Statement, carried balance and balance of the chart are one figure, also at a past moment."""
    lines = await ten_of_one_moment(partner)
    async with db.transaction(partner.pool) as tx:
        now = await billing.receivable(tx, partner.partner.id)
        charted = await ledger.balance(tx, partner.partner.id, Account.PARTNER_RECEIVABLE)
        past = await ledger.balance_at(tx, partner.partner.id, Account.PARTNER_RECEIVABLE.value, lines[0].at)
    assert lines[-1].balance_usd == now.owed == -charted
    assert lines[0].balance_usd == -past == -50
