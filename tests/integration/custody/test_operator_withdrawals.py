"""Users of a partner that is not open are paid by the operator, once a reference."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.access.idempotency import IdempotencyKeyReusedError
from hashrail.books import fence
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody import operator_withdrawals
from hashrail.custody.operator_withdrawals import PartnerIsOpenError, Wanted, WithdrawalReferenceError
from hashrail.custody.withdrawals import Terms
from hashrail.parties.operators import ReasonMissingError
from tests.support.books import broken
from tests.support.corrections import given
from tests.support.locks import until_blocked
from tests.support.payouts import ADDRESSES
from tests.support.standings import closed, suspended
from tests.support.world import World

TERMS = Terms(Decimal("0.0001"), Decimal("0.00005"), "regtest")


async def ask(world: World, wanted: Wanted) -> int:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await operator_withdrawals.request(tx, books, TERMS, wanted)


async def wanted(world: World) -> Wanted:
    """A good one, of a user who has 0.01 BTC."""
    alice = (await world.user()).id
    await given(world, alice, "0.01")
    return Wanted(alice, ADDRESSES[0], Decimal("0.004"), "case 88", "the partner is closed")


async def test_a_reference_counts_once(world: World) -> None:
    asked = await wanted(world)
    await closed(world)
    first = await ask(world, asked)
    assert await ask(world, asked) == first
    for other in (replace(asked, amount_btc=Decimal("0.005")), replace(asked, address=ADDRESSES[1])):
        with pytest.raises(IdempotencyKeyReusedError):
            await ask(world, other)
    assert await ask(world, replace(asked, reference="case 89", address=ADDRESSES[1])) != first
    with pytest.raises(InsufficientFundsError):
        await ask(world, replace(asked, reference="case 90", address=ADDRESSES[2]))
    rows = await world.pool.fetch("SELECT speed, commission_btc, state FROM withdrawal ORDER BY id")
    assert [tuple(row) for row in rows] == [("daily", 0, "queued")] * 2
    assert await broken(world.pool) == {}


async def test_a_reference_at_once_counts_once(world: World) -> None:
    """The second waits for the first, and is answered as if it had come later; with another amount it is refused."""
    asked = await wanted(world)
    await suspended(world)
    async with db.transaction(world.pool) as tx:
        first = await operator_withdrawals.request(tx, await fence.share(tx, world.partner.id), TERMS, asked)
        same = asyncio.create_task(ask(world, asked))
        other = asyncio.create_task(ask(world, replace(asked, amount_btc=Decimal("0.005"))))
        await until_blocked(world.pool, same, other, count=2)
    assert await same == first
    with pytest.raises(IdempotencyKeyReusedError):
        await other
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal") == 1
    assert await broken(world.pool) == {}


async def test_an_open_partner_asks_itself(world: World) -> None:
    asked = await wanted(world)
    with pytest.raises(PartnerIsOpenError):
        await ask(world, asked)
    await suspended(world)
    assert await ask(world, asked) > 0


async def test_what_is_missing_is_told(world: World) -> None:
    asked = await wanted(world)
    await suspended(world)
    with pytest.raises(ReasonMissingError):
        await ask(world, replace(asked, reason=" "))
    for reference in ("", " ", "x" * 201):
        with pytest.raises(WithdrawalReferenceError):
            await ask(world, replace(asked, reference=reference))
    # As long as may be, in letters of several bytes.
    assert await ask(world, replace(asked, reference="ü" * 200)) > 0
