"""What one operator does alone within 24 hours is added up, by person."""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.parties import alone
from hashrail.parties.alone import AloneLimitError, Kind
from hashrail.parties.operators import Operator
from tests.support.books import advance
from tests.support.operators import hired, strangers
from tests.support.world import World

USD = (Kind.REFUND, "USD")


@pytest.fixture
async def people(world: World) -> tuple[Operator, Operator]:
    """Olga and otto, who are two people; one refunds up to 100 USD alone."""
    made = await hired(world.pool, "olga"), await hired(world.pool, "otto")
    await strangers(world.pool)
    async with db.transaction(world.pool) as tx:
        await alone.set_limit(tx, *USD, Decimal(100))
    return made


async def do(world: World, by: Operator | None, amount: str) -> bool:
    """Do it alone, if that is not too much; answers whether it was done."""
    async with db.transaction(world.pool) as tx:
        beyond = await alone.is_beyond(tx, by, *USD, Decimal(amount))
        if not beyond:
            await alone.count(tx, by, *USD, Decimal(amount))
        return not beyond


async def test_slices_do_not_pass(world: World, people: tuple[Operator, Operator]) -> None:
    """Up to the limit, to the last digit; another person has a sum of their own."""
    olga, otto = people
    assert [await do(world, olga, "60"), await do(world, olga, "40.000000000000000001")] == [True, False]
    assert [await do(world, olga, "40"), await do(world, olga, "0.000000000000000001")] == [True, False]
    assert await do(world, otto, "100")
    async with db.transaction(world.pool) as tx:
        assert not await alone.is_beyond(tx, olga, Kind.PAYMENT_REVERSAL, "USD", Decimal(1000))
        assert await alone.is_beyond(tx, olga, Kind.CORRECTION, "BTC", Decimal("0.001000000000000001"))


async def test_a_day_later_the_sum_begins_anew(world: World, people: tuple[Operator, Operator]) -> None:
    olga, _ = people
    assert await do(world, olga, "100")
    await advance(world, dt.timedelta(hours=24) - dt.timedelta(minutes=1))
    assert not await do(world, olga, "1")
    await advance(world, dt.timedelta(minutes=1))
    assert await do(world, olga, "100")


async def test_a_puppets_sum_is_its_makers(world: World, people: tuple[Operator, Operator]) -> None:
    """Whoever made an account lately may act by it."""
    olga, otto = people
    sock = await hired(world.pool, "sock", by=olga)
    assert await do(world, olga, "70")
    assert not await do(world, sock, "31")
    assert await do(world, sock, "30")
    assert [await do(world, olga, "1"), await do(world, otto, "100")] == [False, True]


async def test_two_at_once_see_each_other(world: World, people: tuple[Operator, Operator]) -> None:
    olga, _ = people
    assert sorted(await asyncio.gather(*[do(world, olga, "60") for _ in range(8)])) == [False] * 7 + [True]


async def test_whoever_has_the_shell_is_alone_anyhow(world: World) -> None:
    """While there is no admin nobody could confirm anything, and nobody is counted."""
    assert await do(world, None, "1000000")
    assert await world.pool.fetchval("SELECT count(*) FROM alone_done") == 0


@pytest.mark.parametrize("amount", ["-1", "NaN", "sNaN", "Infinity", "1e20", "1e-19"])
async def test_a_limit_is_an_amount(world: World, amount: str) -> None:
    async with db.transaction(world.pool) as tx:
        before = await alone.limits(tx)
        with pytest.raises(AloneLimitError) as caught:
            await alone.set_limit(tx, *USD, Decimal(amount))
        assert (caught.value.code, caught.value.details) == ("ALONE_LIMIT", {"field": "amount"})
        assert await alone.limits(tx) == before
        assert [(one.kind, one.currency) for one in before] == sorted(alone.ADDED_UP)


async def test_only_what_is_added_up_has_a_limit(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        for kind, currency in (("refund", "BTC"), ("refunds", "USD")):
            with pytest.raises(AloneLimitError):
                await alone.set_limit(tx, kind, currency, Decimal(1))
