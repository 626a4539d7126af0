"""Payments that are taken back: once, owed again to the last digit, whatever the limit."""

import asyncio
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.books.ledger import CreditLimitError
from hashrail.clock import ONE_DAY
from hashrail.parties.operators import ReasonMissingError
from hashrail.selling import billing, payment_reversals, statements
from hashrail.selling.payment_reversals import PartnerPaymentNotFoundError, Payment
from tests.support.books import booked, broken, newcomer, notify, offer, order, pay, picture, receivable
from tests.support.world import START, World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own, with a credit limit of 100 USD."""
    return await newcomer(shop, "100")


async def payments(world: World) -> list[Payment]:
    async with db.transaction(world.pool) as tx:
        return await payment_reversals.of_partner(tx, world.partner.id, limit=100)


async def reverse(world: World, payment_id: int, reason: str = "bounced") -> bool:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await payment_reversals.reverse(tx, books, payment_id, reason=reason)


async def test_it_is_owed_again(world: World) -> None:
    """To the last digit, once; both stand in the statement and in the list."""
    await pay(world, "4.000000000000000001", "SEPA 1")
    await pay(world, "5", "SEPA 2")
    second, first = await payments(world)
    assert [await reverse(world, first.id), await reverse(world, first.id, "again")] == [True, False]
    assert await receivable(world) == (-5, 0)
    assert await booked(world, Account.CASH) == -5
    listed = await payments(world)
    assert [(one.reference, one.reason, one.reversed_at is None) for one in listed] == [
        ("SEPA 2", None, True),
        ("SEPA 1", "bounced", False),
    ]
    assert listed[0] == second
    async with db.snapshot(world.pool) as tx:
        found = await statements.lines(tx, world.partner.id, first=START, before=START + ONE_DAY, limit=None)
    assert [(one.kind, one.reference, one.amount_usd) for one in found] == [
        ("partner_payment", "SEPA 1", Decimal("-4.000000000000000001")),
        ("partner_payment", "SEPA 2", Decimal(-5)),
        ("payment_reversal", "SEPA 1", Decimal("4.000000000000000001")),
    ]
    assert await broken(world.pool) == {}


async def test_it_is_owed_whatever_the_limit(world: World) -> None:
    """The limit rises to what is owed and reserved, so that nothing more is sold; it is not lowered by this."""
    alice = await world.user()
    await pay(world, "50", "SEPA 1")
    (payment,) = await payments(world)
    await order(world, alice.id, "o-1", await offer(world, "8"))
    await notify(world, alice.id, "o-1")
    await order(world, alice.id, "o-2", await offer(world, "2"))
    assert await reverse(world, payment.id)
    async with db.transaction(world.pool) as tx:
        due = await billing.receivable(tx, world.partner.id)
    assert (due.owed, due.reserved, due.credit_limit) == (Decimal("109.99"), Decimal("27.99"), Decimal("137.98"))
    with pytest.raises(CreditLimitError):
        await order(world, alice.id, "o-3", await offer(world))
    await notify(world, alice.id, "o-2")
    await pay(world, "100", "SEPA 2")
    assert await receivable(world) == (Decimal("37.98"), 0)
    assert await broken(world.pool) == {}


async def test_a_reversed_reference_is_still_recorded(world: World) -> None:
    """Recording it again is no new payment; what was right of it has another reference."""
    await pay(world, "50", "SEPA 1")
    (payment,) = await payments(world)
    await reverse(world, payment.id)
    assert await pay(world, "50", "SEPA 1") is False
    assert await pay(world, "5", "SEPA 1, corrected")
    assert await receivable(world) == (-5, 0)


async def test_twenty_at_once_are_one(world: World) -> None:
    await pay(world, "50", "SEPA 1")
    (payment,) = await payments(world)
    assert sorted(await asyncio.gather(*[reverse(world, payment.id) for _ in range(20)])) == [False] * 19 + [True]
    assert await receivable(world) == (0, 0)


async def test_it_is_a_payment_of_this_partner_with_a_reason(world: World) -> None:
    """Nothing is written otherwise."""
    other = await newcomer(world)
    await pay(other, "50", "SEPA 1")
    (payment,) = await payments(other)
    before = await picture(other)
    with pytest.raises(PartnerPaymentNotFoundError) as caught:
        await reverse(world, payment.id)
    assert (caught.value.status, caught.value.code) == (404, "PARTNER_PAYMENT_NOT_FOUND")
    for reason in ("", " \n"):
        with pytest.raises(ReasonMissingError):
            await reverse(other, payment.id, reason)
    async with db.transaction(world.pool) as tx:
        with pytest.raises(PartnerPaymentNotFoundError, match="'SEPA 2'"):
            await payment_reversals.find(tx, other.partner.id, reference="SEPA 2")
        assert await payment_reversals.find(tx, other.partner.id, reference="SEPA 1") == payment
    assert await picture(other) == before
