"""Slices: many small withdrawals are looked at like one that is large, by user, by address and by partner."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

import asyncpg
import pytest

from hashrail import business_clock, db
from hashrail.custody import payout_policy, regime, withdrawal_sums
from hashrail.parties import operators
from hashrail.processes import housekeeping
from tests.support.api_client import check_books
from tests.support.books import advance
from tests.support.payouts import ADDRESSES, asked, cancelled, funded, policy
from tests.support.world import World

pytestmark = pytest.mark.slow

HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR


@dataclass(frozen=True)
class Customer:
    world: World
    id: int

    async def ask(self, amount_btc: str | Decimal, address: str = ADDRESSES[0]) -> str:
        return (await asked(self.world, self.id, amount_btc, address)).state


@pytest.fixture
async def customers(world: World) -> AsyncIterator[list[Customer]]:
    """Two of a partner and one of another, each with 16 BTC; the duplicate guard is off."""
    other = await world.another_partner("other")
    found = [Customer(each, (await each.user(name)).id) for each, name in ((world, "a"), (world, "b"), (other, "c"))]
    await funded(world, found[0].id, found[1].id, pool_btc_per_th="1")
    await funded(other, found[2].id, pool_btc_per_th="1")
    for each in (world, other):
        await policy(each, 0)
    yield found
    await check_books(world)


async def thresholds(world: World, single: str | None, of_partner: str | None) -> None:
    async with db.transaction(world.pool) as tx:
        present = await payout_policy.get(tx)
        values = present.limits() | {"approval_threshold_btc": single, "partner_approval_btc": of_partner}
        await payout_policy.put(tx, None, present.with_limits(values))


# One by one


async def test_slices_of_a_user(world: World, customers: list[Customer]) -> None:
    """To whichever addresses; the first that reaches it waits, smaller ones still pass, until a day has gone by."""
    await thresholds(world, "0.1", None)
    a, b, _ = customers
    assert [await a.ask("0.04", each) for each in ADDRESSES[:3]] == ["queued", "queued", "awaiting_approval"]
    assert await a.ask("0.01999999", ADDRESSES[3]) == "queued"
    assert await a.ask("0.001", ADDRESSES[4]) == "awaiting_approval"
    assert await b.ask("0.099", ADDRESSES[4]) == "queued"
    await advance(world, DAY - HOUR)
    assert await a.ask("0.001") == "awaiting_approval"
    await advance(world, HOUR)
    assert await a.ask("0.09") == "queued"


async def test_slices_to_an_address(world: World, customers: list[Customer]) -> None:
    """Of whichever users, of whichever partners."""
    await thresholds(world, "0.1", None)
    assert [await each.ask("0.04") for each in customers] == ["queued", "queued", "awaiting_approval"]
    assert await customers[2].ask("0.04", ADDRESSES[1]) == "queued"


async def test_slices_of_a_partner(world: World, customers: list[Customer]) -> None:
    """Of whichever users, to whichever addresses; another partner has a sum of its own."""
    await thresholds(world, None, "0.1")
    a, b, c = customers
    assert [await a.ask("0.06"), await b.ask("0.04", ADDRESSES[1])] == ["queued", "awaiting_approval"]
    assert await c.ask("0.09") == "queued"


async def test_what_is_taken_back_counts_no_more(world: World, customers: list[Customer]) -> None:
    await thresholds(world, "0.1", "0.1")
    first = await asked(world, customers[0].id, "0.09")
    assert await customers[0].ask("0.02") == "awaiting_approval"
    await cancelled(world, first.id)
    assert await customers[0].ask("0.09") == "queued"


async def test_what_counts_no_more_is_let_go(world: World, customers: list[Customer]) -> None:
    await customers[0].ask("0.01")
    await advance(world, DAY - HOUR)
    await customers[0].ask("0.02")
    await housekeeping.housekeeping(world.pool)
    kept = "SELECT amount_btc FROM unapproved_withdrawal"
    assert [row[0] for row in await world.pool.fetch(f"{kept} ORDER BY 1")] == [Decimal("0.01"), Decimal("0.02")]
    await advance(world, HOUR)
    await housekeeping.housekeeping(world.pool)
    assert [row[0] for row in await world.pool.fetch(kept)] == [Decimal("0.02")]


# At once


@pytest.mark.parametrize(("single", "of_partner", "spread"), [("0.1", None, False), (None, "0.1", True)])
async def test_at_once(
    world: World, customers: list[Customer], single: str | None, of_partner: str | None, spread: bool
) -> None:
    """Of different users, who do not wait for one another: to one address, or of one partner."""
    await thresholds(world, single, of_partner)
    a, b, _ = customers
    answers = await asyncio.gather(
        *(each.ask("0.03", ADDRESSES[number % 5] if spread else ADDRESSES[0]) for number, each in enumerate([a, b] * 4))
    )
    assert sorted(answers) == ["awaiting_approval"] * 5 + ["queued"] * 3


# Any slices


@dataclass
class Slice:
    customer: Customer
    address: str
    amount_btc: Decimal
    at: dt.datetime
    gone: bool = False


@pytest.mark.parametrize("seed", range(4))
async def test_any_slices(world: World, customers: list[Customer], seed: int) -> None:
    """A withdrawal waits exactly where a sum of the 24 hours before it, and its own amount, reach a threshold."""
    single, of_partner = Decimal("0.3"), Decimal("0.5")
    await thresholds(world, str(single), str(of_partner))
    chance, passed = random.Random(seed), list[tuple[int, Slice]]()
    for _ in range(40):
        await advance(world, chance.choice((0, 1, 5, 11)) * HOUR + dt.timedelta(seconds=1))
        now = await business_clock.now(world.pool)
        one = Slice(chance.choice(customers), chance.choice(ADDRESSES), Decimal(chance.randint(1, 35)) / 100, now)
        before = [each for _, each in passed if not each.gone and each.at > now - DAY]
        sums = {
            of: one.amount_btc + sum((each.amount_btc for each in before if key(each) == key(one)), Decimal(0))
            for of, key in (
                ("user", lambda each: each.customer),
                ("address", lambda each: each.address),
                ("partner", lambda each: each.customer.world.partner.id),
            )
        }
        waits = sums["user"] >= single or sums["address"] >= single or sums["partner"] >= of_partner
        made = await asked(one.customer.world, one.customer.id, one.amount_btc, one.address)
        assert made.state == ("awaiting_approval" if waits else "queued"), sums
        if not waits:
            passed.append((made.id, one))
        if passed and chance.random() < 0.2:
            number, gone = chance.choice(passed)
            await cancelled(gone.customer.world, number)
            gone.gone = True


# What a deployment begins with


async def test_a_new_deployment_has_limits(world: World) -> None:
    """Once, and not where anybody has set some, or where there are partners."""
    before = await payout_policy.get(world.pool)
    async with db.transaction(world.pool) as tx:
        await payout_policy.begin(tx)
    assert await payout_policy.get(world.pool) == before
    assert [each.code for each in await regime.warnings(world.pool, is_sandbox=False)] == [
        "PAYOUTS_UNLIMITED",
        "ONE_PERSON",
    ]
    await world.pool.execute("TRUNCATE partner CASCADE")
    for _ in range(2):
        async with db.transaction(world.pool) as tx:
            await payout_policy.begin(tx)
    found = await payout_policy.get(world.pool)
    assert found.limits() == {**payout_policy.FIRST_LIMITS, "cooldown_seconds": 0}
    assert [each.action for each in await operators.actions(world.pool, 9)] == ["payout policy"]
    assert [each.code for each in await regime.warnings(world.pool, is_sandbox=False)] == ["ONE_PERSON"]
    async with db.transaction(world.pool) as tx:
        await payout_policy.put(tx, None, before)
        await payout_policy.begin(tx)
    assert await payout_policy.get(world.pool) == before


def test_the_window_is_a_day() -> None:
    assert withdrawal_sums.WINDOW == DAY


async def test_what_was_asked_keeps_the_thresholds_of_its_day(world: World, customers: list[Customer]) -> None:
    """Whatever they become; what reached one is not let through by a flag."""
    await thresholds(world, "0.1", "0.15")
    a, b, _ = customers
    assert [await a.ask("0.04"), await b.ask("0.05", ADDRESSES[1]), await a.ask("0.06")] == [
        *("queued", "queued", "awaiting_approval")
    ]
    await thresholds(world, None, "0.01")
    await check_books(world)
    columns = "single_threshold_btc, partner_threshold_btc, sum_of_user_btc, sum_to_address_btc, sum_of_partner_btc"
    rows = await world.pool.fetch(f"SELECT {columns} FROM withdrawal ORDER BY id")
    assert [tuple(map(str, row.values())) for row in rows] == [
        ("0.1", "0.15", "0.04", "0.04", "0.04"),
        ("0.1", "0.15", "0.05", "0.05", "0.09"),
        ("0.1", "0.15", "0.10", "0.10", "0.15"),
    ]
    with pytest.raises(asyncpg.CheckViolationError, match="withdrawal_below_thresholds"):
        await world.pool.execute("UPDATE withdrawal SET needs_approval = false, state = 'queued'")
