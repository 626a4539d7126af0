"""What changed a user's or a miner's income, from the published days: the parts add up to the last digit."""

import datetime as dt
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.clock import ONE_DAY
from hashrail.rewards import tariffs
from hashrail.rewards.formula import full_pay_per_share
from hashrail.rewards.tariffs import Tariff
from hashrail.selling.miners import MinerNotFoundError
from hashrail.support import income_periods
from hashrail.support.income_change import Split
from hashrail.support.income_periods import MAX_DAYS, Period, PeriodError
from tests.support.books import buy, hand_over, upgrade
from tests.support.payouts import FREE, take_back
from tests.support.world import World


async def change(world: World, before: Period, after: Period, **whose: int) -> Split:
    async with db.snapshot(world.pool) as tx:
        return await income_periods.change(tx, world.partner.id, before, after, **whose)


def one(day: dt.date) -> Period:
    return Period(day, day)


async def test_two_days_of_a_user_and_of_a_miner(world: World) -> None:
    """Bought, upgraded, given away, dearer, adjusted: each in its part, and both sums as the lists have them."""
    alice, bob = await world.user("alice"), await world.user("bob")
    made = await buy(world, alice.id, "4")
    assert made.miner_id is not None
    first = await world.mine()
    second = await world.mine()
    await upgrade(world, made.miner_id, "power", "4", "5")
    third = await world.mine(btc_usd="80000")
    fourth = await world.mine(btc_usd="80000")
    found = await change(world, one(second), one(third), user_id=alice.id)
    assert {name for name, btc in found.parts.items() if btc} == {"price"}
    found = await change(world, one(third), one(fourth), user_id=alice.id)
    # With more power comes a higher level.
    assert {name for name, btc in found.parts.items() if btc} == {"discounts", "power"}
    found = await change(world, one(first), one(fourth), user_id=alice.id)
    assert (found.before_btc, found.parts["power"] == found.difference_btc > 0) == (0, True)
    await hand_over(world, made.miner_id, "alice", "bob")
    await world.mine(btc_usd="80000")
    fifth = await world.mine(btc_usd="80000")
    assert (await change(world, one(fourth), one(fifth), miner_id=made.miner_id)).difference_btc == 0
    for user, sign in ((alice, -1), (bob, 1)):
        moved = await change(world, one(fourth), one(fifth), user_id=user.id)
        assert moved.parts["power"] == moved.difference_btc != 0
        assert (moved.difference_btc > 0) == (sign > 0)


async def test_periods_of_different_lengths_and_adjustments(world: World) -> None:
    alice = await world.user("alice")
    await buy(world, alice.id, "16")
    await world.mine()
    days = [await world.mine(pool_btc_per_th="0.01", **FREE) for _ in range(3)]
    await take_back(world, days[0], "0.005")
    days.append(await world.mine(pool_btc_per_th="0.01", **FREE))
    found = await change(world, one(days[0]), Period(days[1], days[3]), user_id=alice.id)
    daily, taken = Decimal("0.16"), Decimal("-0.08")
    assert (found.before_btc, found.after_btc) == (daily, 3 * daily + taken)
    assert {name: btc for name, btc in found.parts.items() if btc} == {"days": 2 * daily, "adjustments": taken}


async def test_what_the_pool_keeps_is_a_part(world: World) -> None:
    """From the day on that its tariff begins, of a reward that was reckoned with it."""
    alice = await world.user("alice")
    await buy(world, alice.id, "16")
    await world.mine()
    figures = {"difficulty": "95000000000000", "subsidy_btc": "3.125", "fees_btc": "0.05"}
    parts = [Decimal(each) for each in figures.values()]
    days = []
    for fee in (Decimal(0), Decimal("0.02"), Decimal("0.02")):
        async with db.transaction(world.pool) as tx:
            await tariffs.put(tx, Tariff("pool_fee", await world.today(), fee))
        reward = full_pay_per_share(parts[0], parts[1], parts[2], pool_fee=fee)
        days.append(await world.mine(pool_btc_per_th=str(reward), **figures, **FREE))
    found = await change(world, one(days[0]), one(days[1]), user_id=alice.id)
    assert {name for name, btc in found.parts.items() if btc} == {"pool fee"}
    assert found.difference_btc < 0
    assert not any((await change(world, one(days[1]), one(days[2]), user_id=alice.id)).parts.values())


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-09-09:", "2026-09-09:2026-09-08", ":2026-09-08", "2026-01-01:2027-01-02", "1:2:3"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    if text == "2026-09-09:":
        assert income_periods.parse(text, "from") == one(dt.date(2026, 9, 9))
        return
    with pytest.raises(PeriodError) as caught:
        income_periods.parse(text, "from")
    assert caught.value.details["field"] == "from"


def test_a_year_is_a_period() -> None:
    assert len(income_periods.parse("2026-01-01:2027-01-01", "to").days) == MAX_DAYS


async def test_days_that_are_not_closed_are_refused(world: World) -> None:
    alice = await world.user("alice")
    with pytest.raises(PeriodError):
        await change(world, one(await world.today()), one(await world.today()), user_id=alice.id)
    day = await world.mine()
    with pytest.raises(PeriodError) as caught:
        await change(world, one(day), one(day + ONE_DAY), user_id=alice.id)
    assert caught.value.details["field"] == "to"
    assert (await change(world, one(day), one(day - ONE_DAY), user_id=alice.id)).difference_btc == 0


async def test_a_miner_leads_to_its_partner(world: World) -> None:
    alice = await world.user("alice")
    made = await buy(world, alice.id, "4")
    assert made.miner_id is not None
    assert await income_periods.partner_of(world.pool, made.miner_id) == world.partner.id
    with pytest.raises(MinerNotFoundError):
        await income_periods.partner_of(world.pool, 1)
