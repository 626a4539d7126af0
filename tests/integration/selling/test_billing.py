"""What partners owe: payments are recorded once, bring the receivable down, and make room for orders."""

import asyncio
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.books.ledger import CreditLimitError
from hashrail.selling import billing
from tests.support.books import booked, newcomer, notify, offer, order, pay, receivable
from tests.support.world import World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own, with a credit limit of 100 USD."""
    return await newcomer(shop, "100")


async def payments(world: World) -> list[tuple[str, Decimal]]:
    """(reference, USD) as recorded."""
    rows = await world.pool.fetch(
        "SELECT reference, amount_usd FROM partner_payment WHERE partner_id = $1 ORDER BY id", world.partner.id
    )
    return [(row["reference"], row["amount_usd"]) for row in rows]


async def test_a_new_partner_owes_nothing(world: World) -> None:
    """And may owe its limit."""
    async with db.transaction(world.pool) as tx:
        assert await billing.receivable(tx, world.partner.id) == billing.Receivable(
            Decimal(0), Decimal(0), Decimal(100)
        )


async def test_a_payment_brings_down_what_is_owed(world: World) -> None:
    """Cash comes in, to the last digit; what is reserved stays reserved."""
    alice = await world.user()
    await order(world, alice.id, "o-1", await offer(world))
    await notify(world, alice.id, "o-1")
    await order(world, alice.id, "o-2", await offer(world, "2"))
    assert await receivable(world) == (Decimal("14.99"), Decimal("27.99"))
    assert await pay(world, "4.000000000000000001", "SEPA 1") is True
    assert await receivable(world) == (Decimal("10.989999999999999999"), Decimal("27.99"))
    assert await booked(world, Account.CASH) == Decimal("-4.000000000000000001")
    assert await booked(world, Account.PARTNER_RECEIVABLE) == Decimal("-10.989999999999999999")
    recorded = await world.pool.fetchval(
        "SELECT recorded_at FROM partner_payment WHERE partner_id = $1", world.partner.id
    )
    assert recorded.date() == await world.today()


async def test_a_reference_is_recorded_once(world: World) -> None:
    """Again with the same amount changes nothing; with another it is a conflict."""
    assert [await pay(world, "10", "SEPA 1"), await pay(world, "10.00", "SEPA 1")] == [True, False]
    with pytest.raises(billing.PaymentConflictError, match="'SEPA 1' was recorded with 10 USD") as caught:
        await pay(world, "11", "SEPA 1")
    assert (caught.value.status, caught.value.code) == (409, "PAYMENT_CONFLICT")
    assert await pay(world, "11", "SEPA 2")
    assert await payments(world) == [("SEPA 1", 10), ("SEPA 2", 11)]
    assert await receivable(world) == (-21, 0)


async def test_a_reference_at_once_is_recorded_once(world: World) -> None:
    """Twenty clicks on the button."""
    answers = await asyncio.gather(*[pay(world, "10", "SEPA 1") for _ in range(20)])
    assert sorted(answers) == [False] * 19 + [True]
    assert await receivable(world) == (-10, 0)


async def test_references_are_the_partners_own(world: World) -> None:
    """Two partners may pay under the same one."""
    other = await newcomer(world)
    assert [await pay(world, "10", "SEPA 1"), await pay(other, "20", "SEPA 1")] == [True, True]
    assert [await receivable(world), await receivable(other)] == [(-10, 0), (-20, 0)]


async def test_who_pays_in_advance_may_buy_more(world: World) -> None:
    """The limit counts what is owed beyond the prepayment."""
    alice = await world.user()
    big = await offer(world, "8")  # 109.99 USD
    with pytest.raises(CreditLimitError):
        await order(world, alice.id, "o-1", big)
    await pay(world, "9.99", "SEPA 1")
    await order(world, alice.id, "o-1", big)
    assert await receivable(world) == (Decimal("-9.99"), Decimal("109.99"))
    with pytest.raises(CreditLimitError):
        await order(world, alice.id, "o-2", await offer(world))
    await notify(world, alice.id, "o-1")
    assert await receivable(world) == (100, 0)


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "sNaN", "Infinity", "1e20", "0.0000000000000000001"])
async def test_a_payment_is_an_amount(world: World, amount: str) -> None:
    """Positive, and what the books can hold."""
    with pytest.raises(billing.BadAmountError) as caught:
        await pay(world, amount, "SEPA 1")
    assert (caught.value.status, caught.value.details) == (400, {"field": "amount"})
    assert await payments(world) == []


async def test_a_limit_of_zero_sells_for_prepayment_only(world: World) -> None:
    """A partner without credit pays first."""
    async with db.transaction(world.pool) as tx:
        await ledger.set_credit_limit(tx, world.partner.id, Decimal(0))
    alice = await world.user()
    with pytest.raises(CreditLimitError):
        await order(world, alice.id, "o-1", await offer(world))
    await pay(world, "14.99", "SEPA 1")
    assert (await order(world, alice.id, "o-1", await offer(world))).state == "created"
    async with db.transaction(world.pool) as tx:
        found = await billing.receivable(tx, world.partner.id)
    assert (found.owed, found.reserved, found.credit_limit) == (Decimal("-14.99"), Decimal("14.99"), 0)


@pytest.mark.parametrize(
    ("owed", "paid", "doubted"),
    [
        ("0", "5000", None),
        ("0", "5001", False),
        ("0", "10000.01", True),
        ("20000", "25000", None),
        ("-5000", "0.01", False),
        ("-5000", "5000", False),
        ("-9000", "1000.01", True),
    ],
)
def test_what_is_far_more_than_is_owed_is_looked_at(owed: str, paid: str, *, doubted: bool | None) -> None:
    """Also in parts: what was paid in advance before counts."""
    due = billing.Receivable(owed=Decimal(owed), reserved=Decimal(0), credit_limit=Decimal(0))
    found = billing.doubt_payment(due, Decimal(paid))
    assert [each.two for each in found] == ([] if doubted is None else [doubted])
