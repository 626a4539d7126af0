"""Credits and debits by hand: once, never more than is there, against an account of the operator's."""

import asyncio
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody.corrections import CorrectionAmountError, CorrectionConflictError
from hashrail.parties.operators import ReasonMissingError
from tests.support.books import booked, broken, newcomer, picture
from tests.support.corrections import given
from tests.support.payouts import asked, funded, policy, spendable
from tests.support.world import World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own."""
    return await newcomer(shop)


async def test_a_credit_and_a_debit(world: World) -> None:
    """To the last digit, in each currency; the operator bears what is given."""
    user = await world.user()
    for currency, account in (("BTC", Account.CORRECTIONS_BTC), ("GOMINING", Account.CORRECTIONS_GOMINING)):
        assert await given(world, user.id, "0.000000000000000003", currency)
        assert await given(world, user.id, "-0.000000000000000002", currency)
        assert await booked(world, account) == Decimal("-1e-18")
    async with db.transaction(world.pool) as tx:
        balances = await ledger.balances_of_user(tx, world.partner.id, user.id)
    assert [one.spendable for one in balances] == [Decimal("1e-18")] * 2
    assert await broken(world.pool) == {}


async def test_a_reference_is_done_once(world: World) -> None:
    """Twenty at once are one; another correction has another reference, and another partner its own."""
    user, bob = await world.user(), await world.user("bob")
    answers = await asyncio.gather(*[given(world, user.id, "0.5", reference="case 1") for _ in range(20)])
    assert sorted(answers) == [False] * 19 + [True]
    before = await picture(world)
    others = ((user, "0.6", "BTC"), (user, "-0.5", "BTC"), (user, "0.5", "GOMINING"), (bob, "0.5", "BTC"))
    for who, amount, currency in others:
        with pytest.raises(CorrectionConflictError) as caught:
            await given(world, who.id, amount, currency, reference="case 1")
        assert (caught.value.status, caught.value.details) == (409, {"field": "reference"})
    assert await picture(world) == before
    other = await newcomer(world)
    assert await given(other, (await other.user()).id, "0.5", reference="case 1")


async def test_no_more_than_is_there_is_debited(world: World) -> None:
    """Income that is not settled counts, what a withdrawal holds does not."""
    user = await world.user()
    await funded(world, user.id)
    await policy(world, 0)
    await asked(world, user.id, "0.01")
    has = await spendable(world, user.id)
    before = await picture(world)
    with pytest.raises(InsufficientFundsError) as caught:
        await given(world, user.id, str(-has - Decimal("1e-18")))
    assert caught.value.details["available"] == has
    assert await picture(world) == before
    assert await given(world, user.id, str(-has))
    assert await spendable(world, user.id) == 0
    with pytest.raises(InsufficientFundsError):
        await given(world, user.id, "-1", "GOMINING")
    assert await broken(world.pool) == {}


async def test_a_debit_and_a_withdrawal_at_once(world: World) -> None:
    """One of them gets what is there."""
    user = await world.user()
    assert await given(world, user.id, "0.01")
    ended = await asyncio.gather(asked(world, user.id, "0.01"), given(world, user.id, "-0.01"), return_exceptions=True)
    assert sum(isinstance(one, InsufficientFundsError) for one in ended) == 1
    assert await spendable(world, user.id) == 0
    assert await broken(world.pool) == {}


@pytest.mark.parametrize("amount", ["0", "NaN", "sNaN", "Infinity", "1e20", "1e-19"])
async def test_a_correction_is_an_amount(world: World, amount: str) -> None:
    user = await world.user()
    with pytest.raises(CorrectionAmountError) as caught:
        await given(world, user.id, amount)
    assert (caught.value.status, caught.value.details) == (400, {"field": "amount"})
    with pytest.raises(CorrectionAmountError):
        await given(world, user.id, "1", "USD")
    with pytest.raises(ReasonMissingError):
        await given(world, user.id, "1", reason=" ")
