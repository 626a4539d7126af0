"""What the platform reads of itself: each figure by what really causes it, and nothing where parts are down."""

import datetime as dt
from decimal import Decimal

import pytest
from procrastinate.tasks import Task

from hashrail import business_clock, clock, db
from hashrail.alarms import counts, observations, readings, workers
from hashrail.alarms.counts import Counts
from hashrail.clock import ONE_DAY
from hashrail.custody import payout_policy
from hashrail.deployment.opened import Deployment
from hashrail.selling import billing, capacity
from tests.support.books import advance, fall_behind, offer, order
from tests.support.payouts import ADDRESSES, asked
from tests.support.world import World

FIRST = dt.date(2026, 3, 1)


async def test_a_young_deployment_misses_nothing(played: Deployment) -> None:
    """No day, no worker, no audit: that is read, and nothing is made up."""
    found = await readings.take(played)
    assert (found.days.waits_for, found.days.open_days, found.days.behind_days) == (None, 0, 0)
    assert (found.heard_at, found.jobs, found.payouts.due_since, found.wallet.available_btc) == (None, {}, None, None)
    assert (found.books.audited_at, found.books.broken, found.books.unexplained_btc) == (None, (), None)
    assert found.answers == readings.Answers(0, 0, 0, 0, 0)
    assert found.standing == []
    assert abs(found.furthest[1]) < dt.timedelta(seconds=5)
    assert found.needed_btc(3) is None


async def test_days_wait_for_rates_and_partners_are_behind(world: World, played: Deployment) -> None:
    """The first day without rates, since it could be credited; and how far the books of the last partner are behind."""
    other = await world.another_partner("other")
    await world.next_day()
    assert await other.close(FIRST)
    assert (await readings.take(played)).days.behind_days == 1
    assert await world.close(FIRST)
    for _ in range(2):
        await world.next_day()
    await advance(world, 3 * ONE_DAY)
    found = (await readings.take(played)).days
    assert (found.published_through, found.waits_for) == (FIRST + 2 * ONE_DAY, FIRST + 3 * ONE_DAY)
    assert found.waits_since == clock.credited_at(FIRST + 3 * ONE_DAY)
    assert (found.open_days, found.behind_days) == (3, 2)


async def test_what_is_due_and_what_waits(world: World, alice: int, played: Deployment) -> None:
    """Fast ones are due minutes after they were asked for, others at the next daily hour, approvals by themselves."""
    asked_at = await business_clock.now(world.pool)
    await asked(world, alice, "0.01", speed="fast")
    await asked(world, alice, "0.02", ADDRESSES[1])
    young = await readings.take(played)
    assert (young.payouts.due_since, young.payouts.backlog.waiting_btc) == (None, Decimal("0.03"))
    await advance(world, dt.timedelta(minutes=30))
    since = (await readings.take(played)).payouts.due_since
    assert since is not None
    assert abs(since - (asked_at + dt.timedelta(minutes=10))) < dt.timedelta(seconds=10)
    async with db.transaction(world.pool) as tx:
        values = (await payout_policy.get(tx)).limits() | {"approval_threshold_btc": "0.01"}
        await payout_policy.put(tx, None, (await payout_policy.get(tx)).with_limits(values))
    await asked(world, alice, "0.05", ADDRESSES[2])
    backlog = (await readings.take(played)).payouts.backlog
    assert (backlog.waiting_btc, backlog.approvals) == (Decimal("0.08"), 1)
    assert backlog.approval_since is not None


async def test_the_jobs_tell_how_they_went(
    world: World, alice: int, played: Deployment, jobs: dict[str, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When each last went well, and since when it fails; audit, wallet and reconciliation by their figures."""
    await asked(world, alice, "0.01", speed="fast")
    await advance(world, dt.timedelta(minutes=30))
    for name in ("pay", "audit", "see_wallet", "reconcile"):
        await jobs[name](timestamp=1)
    found = await readings.take(played)
    assert {name: each.bad_since for name, each in found.jobs.items()} == dict.fromkeys(
        ("pay", "audit", "see_wallet", "reconcile")
    )
    assert found.wallet.available_btc is not None
    assert found.wallet.per_day_btc == Decimal("0.00142857")
    assert found.needed_btc(3) == 3 * found.wallet.per_day_btc
    assert (found.books.broken, found.books.unexplained_btc) == ((), 0)
    await world.pool.execute("UPDATE partner_capacity SET committed_th = committed_th + 1")
    await jobs["audit"](timestamp=2)
    monkeypatch.setattr("hashrail.processes.worker.settlement.settle_final", None)
    monkeypatch.setattr("hashrail.processes.worker.processor.run", None)
    for _ in range(2):
        with pytest.raises(TypeError):
            await jobs["pay"](timestamp=3)
    found = await readings.take(played)
    assert (found.books.broken, found.books.broken_since is None) == (("capacity-is-counted",), False)
    pay = found.jobs["pay"]
    assert (pay.code, pay.bad_since is None, pay.good_at is None) == ("TypeError", False, False)
    assert pay.bad_since is not None
    assert pay.bad_since < pay.seen_at


async def test_workers_are_heard(played: Deployment) -> None:
    """Several, each by its own name; who was not heard for a day is forgotten."""
    pool = played.pool
    for name in ("one:1", "two:2"):
        async with db.transaction(pool) as tx:
            await workers.beat(tx, name)
    found = await readings.take(played)
    assert {each.name for each in found.workers} == {"one:1", "two:2"}
    assert found.heard_at is not None
    await pool.execute("UPDATE worker_heartbeat SET beat_at = beat_at - interval '25 hours', ahead_ms = 90000")
    assert abs((await readings.take(played)).furthest[1]) < dt.timedelta(seconds=5)
    async with db.transaction(pool) as tx:
        await workers.beat(tx, "three:3")
    assert [each.name for each in (await readings.take(played)).workers] == ["three:3"]
    await pool.execute("UPDATE worker_heartbeat SET ahead_ms = -90000")
    assert (await readings.take(played)).furthest == ("three", dt.timedelta(seconds=-90))


async def test_a_clock_that_is_apart_hides_nothing(
    world: World, played: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else is read all the same, though nothing may be written by such a clock."""
    await fall_behind(world)
    wrong = clock.wall_now() + dt.timedelta(minutes=5)
    monkeypatch.setattr(clock, "wall_now", lambda: wrong)
    found = await readings.take(played)
    assert found.furthest[1] > dt.timedelta(minutes=4)
    assert found.days.waits_for == FIRST + ONE_DAY


async def test_answers_are_counted_over_processes(dsn: str, played: Deployment) -> None:
    """Two processes add to the same minute; what is good is not written; what could not be written is kept."""
    one, other = Counts(), Counts()
    for status in (200, 404, 500, 502, 503):
        one.answered(status)
    other.answered(500)
    other.add(counts.TON_SILENT)
    closed = await db.open_pool(dsn, connections=1)
    await closed.close()
    with pytest.raises(db.DatabaseDownError):
        await one.write_down(closed)
    for _ in range(2):
        await one.write_down(played.pool)
        await other.write_down(played.pool)
    assert (await readings.take(played)).answers == readings.Answers(3, 1, 0, 1, 0)
    await played.pool.execute("UPDATE minute_count SET minute = minute - interval '25 hours'")
    assert (await readings.take(played)).answers == readings.Answers(0, 0, 0, 0, 0)
    async with db.transaction(played.pool) as tx:
        await counts.forget_past(tx)
    assert await played.pool.fetchval("SELECT count(*) FROM minute_count") == 0


async def test_credit_and_capacity(world: World, played: Deployment) -> None:
    """The partner nearest to its limit stands first, open orders included; one without a limit has nothing to use."""
    small = await world.another_partner("small", Decimal(100))
    await world.another_partner("none", Decimal(0))
    user = await small.user()
    await order(small, user.id, "o-1", await offer(small, "4"))
    async with db.transaction(world.pool) as tx:
        await capacity.set_capacity(tx, Decimal(5))
    sold = (await readings.take(played)).sold
    assert [each.partner for each in sold.credit] == ["small", "partner"]
    async with db.transaction(world.pool) as tx:
        owed = await billing.receivable(tx, small.partner.id)
    assert sold.credit[0].share == (owed.reserved / 100).quantize(Decimal("0.0001"))
    assert (sold.capacity_th, sold.promised_th) == (5, 4)


async def test_an_observation_is_shown_as_it_may_be(played: Deployment) -> None:
    """A message of somebody else's cannot act on a screen, and is not endless."""
    async with db.transaction(played.pool) as tx:
        await observations.bad(tx, "job x", "CODE", "\x1b[2J" + "x" * 2000)
        found = (await observations.known(tx))["job x"]
    assert found.message is not None
    assert ("\x1b" in found.message, len(found.message)) == (False, observations.MAX_MESSAGE)
