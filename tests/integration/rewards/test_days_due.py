"""The operator's day: what is due is published and closed, once, however often and by however many it is tried."""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

from hashrail import business_clock, clock, db
from hashrail.access import rate_budgets
from hashrail.books import fence, ledger
from hashrail.books.chart import Account
from hashrail.clock import ONE_DAY
from hashrail.processes import housekeeping
from hashrail.rewards import closing, rate_classes, rates
from hashrail.rewards.closing import Progress
from hashrail.sandbox import rates as sandbox_rates
from hashrail.sandbox import scenarios
from hashrail.sandbox.scenarios import Scenario
from hashrail.settings import Settings
from tests.support.books import HOUR, advance, booked, broken, buy, offer, order, receivable
from tests.support.world import World, inputs

FIRST = dt.date(2026, 3, 1)


def day(number: int) -> dt.date:
    """Day 0 is the one on which the world begins."""
    return FIRST + number * ONE_DAY


async def enter(world: World, *numbers: int) -> None:
    """Enter the rates of some days."""
    async with db.transaction(world.pool) as tx:
        for number in numbers:
            await rates.enter(tx, inputs(day(number)), at=clock.start_of(FIRST))


async def closed(*worlds: World) -> list[dt.date | None]:
    """How far each partner is closed."""
    query = "SELECT closed_through FROM partner_day WHERE partner_id = $1"
    return [await world.pool.fetchval(query, world.partner.id) for world in worlds]


class KilledError(Exception):
    """What a test raises where a process might be killed."""


class Bell:
    """Counts the days that are done, and dies on one of them if told so."""

    def __init__(self, dies_on: int | None = None) -> None:
        self.days: list[dt.date] = []
        self.dies_on = None if dies_on is None else day(dies_on)

    def __call__(self, done: dt.date) -> None:
        self.days.append(done)
        if done == self.dies_on:
            raise KilledError


# What is due.


async def test_what_is_due_is_published_and_closed(world: World) -> None:
    """Every day that is over, once; again there is nothing to do."""
    alice = await world.user()
    await buy(world, alice.id, "4")
    await enter(world, 0, 1, 2, 3)
    await advance(world, 3 * ONE_DAY)
    bell = Bell()
    assert await closing.close_due(world.pool, done=bell) == Progress(day(2), day(2), None, 3)
    assert bell.days == [day(0), day(1), day(2)]
    assert await closed(world) == [day(2)]
    assert await booked(world, Account.INCOME_CONTROL) > 0
    assert await closing.close_due(world.pool, done=bell) == Progress(day(2), day(2), None, 0)
    assert len(bell.days) == 3
    assert await world.pool.fetchval("SELECT published_at FROM mining_day WHERE day = $1", day(3)) is None
    published = await world.pool.fetchval("SELECT published_at FROM mining_day WHERE day = $1", day(2))
    assert published.date() == day(3)
    assert await broken(world.pool) == {}


async def test_a_day_is_due_five_minutes_after_it_ended(world: World) -> None:
    """By the business clock."""
    await enter(world, 0)
    midnight = clock.start_of(day(1))
    for minutes, through in ((4, None), (6, day(0))):
        async with db.transaction(world.pool) as tx:
            now = await business_clock.now(tx)
            await business_clock.advance_by(tx, midnight + dt.timedelta(minutes=minutes) - now)
        assert (await closing.close_due(world.pool)).published_through == through
    assert await closed(world) == [day(0)]


async def test_it_stops_at_the_first_day_without_rates_and_says_so(world: World) -> None:
    """Later days wait, though their rates are there; entered later, they follow."""
    await enter(world, 0, 1, 3)
    await advance(world, 4 * ONE_DAY)
    assert await closing.close_due(world.pool) == Progress(day(1), day(3), day(2), 2)
    assert await closing.close_due(world.pool) == Progress(day(1), day(3), day(2), 0)
    assert await closed(world) == [day(1)]
    await enter(world, 2)
    assert await closing.close_due(world.pool) == Progress(day(3), day(3), None, 2)


async def test_through_limits_how_far(world: World) -> None:
    """Also what is caught up; a day that is not due is not closed because somebody names it."""
    await enter(world, 0, 1, 2)
    await advance(world, 3 * ONE_DAY)
    assert await closing.close_due(world.pool, through=day(-1)) == Progress(None, day(2), None, 0)
    assert await closing.close_due(world.pool, through=day(0)) == Progress(day(0), day(2), None, 1)
    await world.pool.execute("UPDATE publication SET published_through = $1", day(0))
    assert await closing.close_due(world.pool, through=day(9)) == Progress(day(2), day(2), None, 2)
    assert await closing.close_due(world.pool, through=day(0)) == Progress(day(2), day(2), None, 0)


async def test_without_any_rates_nothing_is_published(world: World) -> None:
    """An empty deployment names no missing day: nobody has said where it begins."""
    await advance(world, 3 * ONE_DAY)
    assert await closing.close_due(world.pool) == Progress(None, day(2), None, 0)
    await enter(world, 1)
    assert await closing.close_due(world.pool) == Progress(day(1), day(2), day(2), 1)
    assert await closed(world) == [day(1)]


# Cut off.


async def test_a_run_that_is_killed_is_caught_up(world: World) -> None:
    """Killed after a close, or between publishing and closing: the next run does the rest, each day once."""
    other = await world.another_partner("other")
    alice = await world.user()
    await buy(world, alice.id, "4")
    await enter(world, 0, 1, 2, 3)
    await advance(world, 4 * ONE_DAY)
    with pytest.raises(KilledError):
        await closing.close_due(world.pool, done=Bell(dies_on=1))
    assert await closed(world, other) == [day(1), day(1)]
    await publish(world, 2)
    assert await closed(world, other) == [day(1), day(1)]
    bell = Bell()
    assert await closing.close_due(world.pool, done=bell) == Progress(day(3), day(3), None, 4)
    assert bell.days == [day(2), day(3)]
    assert await closed(world, other) == [day(3), day(3)]
    assert await broken(world.pool) == {}


async def publish(world: World, number: int) -> None:
    """Publish a day whose rates are entered, and close it for nobody."""
    async with db.transaction(world.pool) as tx:
        now = await business_clock.now(tx)
        assert await rate_classes.publish(tx, day(number), now=now)


async def test_partners_that_are_behind_by_different_days_are_caught_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each from where it stands, also in groups; `through` holds here too, and a kill in between is caught up."""
    monkeypatch.setattr(closing, "PARTNERS_AT_ONCE", 2)
    ahead, behind, far_behind, late = [await world.another_partner(name) for name in "abcd"]
    carol = await far_behind.user("carol")
    await buy(far_behind, carol.id, "2")
    await enter(world, 0, 1, 2, 3)
    await advance(world, 4 * ONE_DAY)
    for number in range(4):
        await publish(world, number)
    for partner, days in ((world, 4), (ahead, 4), (behind, 2)):
        for number in range(days):
            assert await partner.close(day(number))
    newest = await world.another_partner("newest")
    everybody = (world, ahead, behind, far_behind, late, newest)
    assert await closed(*everybody) == [day(3), day(3), day(1), None, None, day(3)]
    assert (await closing.close_due(world.pool, through=day(0))).closed == 2
    assert await closed(*everybody) == [day(3), day(3), day(1), day(0), day(0), day(3)]
    with pytest.raises(KilledError):
        await closing.close_due(world.pool, done=Bell(dies_on=2))
    assert await closed(*everybody) == [day(3), day(3), day(2), day(2), day(2), day(3)]
    assert await closing.close_due(world.pool) == Progress(day(3), day(3), None, 3)
    assert await closed(*everybody) == [day(3)] * 6
    assert await far_behind.settle(carol.id) > 0
    assert await broken(world.pool) == {}


async def test_two_that_close_at_once_close_each_day_once(world: World) -> None:
    """And a third; between them they have done everything."""
    other = await world.another_partner("other")
    alice = await world.user()
    await buy(world, alice.id, "4")
    await enter(world, *range(6))
    await advance(world, 6 * ONE_DAY)
    runs = await asyncio.gather(*[closing.close_due(world.pool) for _ in range(3)])
    assert sum(each.closed for each in runs) == 12
    assert await closed(world, other) == [day(5), day(5)]
    assert await broken(world.pool) == {}


# Generated rates.


async def test_a_sandbox_enters_what_is_missing(world: World) -> None:
    """From the day it begins with, for every day that is due; what somebody entered stays."""
    settings = Settings()
    await advance(world, 3 * ONE_DAY)
    assert await sandbox_rates.enter_generated(world.pool, settings, Scenario.STEADY) == 0
    await enter(world, 1)
    assert await sandbox_rates.enter_generated(world.pool, settings, Scenario.CRASH, first=day(0)) == 2
    assert await sandbox_rates.enter_generated(world.pool, settings, Scenario.STEADY, first=day(0)) == 0
    async with db.transaction(world.pool) as tx:
        made = [await rates.of_day(tx, day(number)) for number in range(3)]
    prices = rates.prices(settings)
    assert made[0] == scenarios.day_inputs(day(0), Scenario.CRASH, prices)
    assert made[1].source == "entered"
    assert made[2] == scenarios.day_inputs(day(2), Scenario.CRASH, prices)
    assert await closing.close_due(world.pool) == Progress(day(2), day(2), None, 3)
    await advance(world, 2 * ONE_DAY)
    assert await sandbox_rates.enter_generated(world.pool, settings, Scenario.HALVING) == 2
    assert await sandbox_rates.enter_generated(world.pool, settings, Scenario.HALVING, first=day(0)) == 0
    assert await closing.close_due(world.pool) == Progress(day(4), day(4), None, 2)


def test_the_prices_of_the_settings() -> None:
    """Where a day's rates name none."""
    made = Settings(kwh_usd=Decimal("0.07"), service_usd_per_th=Decimal("0.01"), gomining_usd=Decimal("0.4"))
    expected = {"kwh_usd": Decimal("0.07"), "service_usd_per_th": Decimal("0.01"), "gomining_usd": Decimal("0.4")}
    assert rates.prices(made) == expected


# Housekeeping.


async def test_housekeeping_forgets_what_is_past_its_time(world: World) -> None:
    """Orders by the business clock, answers, sessions and payloads by the wall clock, of every partner."""
    other = await world.another_partner("other")
    for partner in (world, other):
        user = await partner.user()
        await order(partner, user.id, "short", await offer(partner), ttl=HOUR)
        await order(partner, user.id, "long", await offer(partner), ttl=9 * HOUR)
        for name, ends in (("old", -HOUR), ("new", HOUR)):
            await partner.pool.execute(
                "INSERT INTO answered_write VALUES ($1, 's', $2, 'o', '', '', $3, $3)",
                partner.partner.id,
                name.encode(),
                clock.wall_now() + ends,
            )
            await partner.pool.execute(
                """INSERT INTO refresh_family (partner_id, user_id, created_at, rotated_at, expires_at)
                   VALUES ($1, $2, $3, $3, $3)""",
                partner.partner.id,
                user.id,
                clock.wall_now() + ends,
            )
            await partner.pool.execute(
                "INSERT INTO ton_payload VALUES ($1, $2, $3, $4)",
                f"{name} {partner.partner.id}",
                partner.partner.id,
                clock.wall_now() - 3 * HOUR,
                clock.wall_now() + ends,
            )
        await rate_budgets.take(partner.pool, f"key:{partner.partner.id}", 10, None)
    age = "UPDATE rate_budget SET second = second - 62 WHERE subject = $1"
    await world.pool.execute(age, f"key:{other.partner.id}")
    first = {"orders": 0, "answers": 2, "sessions": 2, "wallets": 0, "payloads": 2, "budgets": 1}
    first |= {"deliveries": 0, "exports": 0, "console": 0, "portal": 0}
    assert await housekeeping.housekeeping(world.pool) == first
    await advance(world, HOUR)
    assert await housekeeping.housekeeping(world.pool) == {**dict.fromkeys(first, 0), "orders": 2}
    assert await housekeeping.housekeeping(world.pool) == dict.fromkeys(first, 0)
    assert [await receivable(partner) for partner in (world, other)] == [(0, Decimal("14.99"))] * 2
    for table in ("answered_write", "refresh_family", "ton_payload"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}") == 2
    assert await world.pool.fetchval("SELECT subject FROM rate_budget") == f"key:{world.partner.id}"


async def test_checkpoints_are_written_for_every_partner(world: World) -> None:
    """One an account of the chart that moved; they follow what is posted, of whoever has moved."""
    other = await world.another_partner("other")
    alice, carol = await world.user(), await other.user("carol")
    await buy(world, alice.id, "4")
    await buy(other, carol.id, "2")
    await world.next_day()
    await world.next_day()
    await closing.close_due(world.pool)
    await housekeeping.checkpoint_all(world.pool)
    summed = await world.pool.fetch("SELECT partner_id, account_id FROM account_checkpoint ORDER BY 1, 2")
    moved = await world.pool.fetch(
        """SELECT DISTINCT t.partner_id, a.id FROM transfer t JOIN account a ON a.partner_id = t.partner_id
              AND a.id IN (t.debit_account, t.credit_account)
           WHERE t.state = 'posted' AND a.user_id IS NULL ORDER BY 1, 2"""
    )
    assert [tuple(row) for row in summed] == [tuple(row) for row in moved]
    assert {row["partner_id"] for row in moved} == {world.partner.id, other.partner.id}
    assert await ledger.behind(world.pool) == []
    await buy(other, carol.id, "1", "of one alone")
    assert await ledger.behind(world.pool) == [other.partner.id]
    before = [await booked(each, Account.INCOME_CONTROL) for each in (world, other)]
    assert before[0] == 2 * before[1] > 0
    await world.next_day()
    await closing.close_due(world.pool)
    await housekeeping.checkpoint_all(world.pool)
    assert [await booked(each, Account.INCOME_CONTROL) for each in (world, other)] == [2 * each for each in before]
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        assert books.closed_through == day(2)
        assert await ledger.balance_at(tx, world.partner.id, Account.INCOME_CONTROL, books.now) == 2 * before[0]
    assert await broken(world.pool) == {}
