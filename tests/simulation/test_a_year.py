"""A third of a year in the life of a deployment that no human touches but where an alarm asks for somebody; and a year
where HASHRAIL_EXAMPLES is set.

A production deployment on a regtest node has five exchanges, of which some are silent, wrong or slow down for days; the
node is away for a week, the worker for three; a price is wild, the subsidy is halved, figures of every kind are typed
wrongly; worker processes are killed, and the API while a partner orders. Every morning all invariants hold. In the end
every alarm that began has ended, and was told once each time; every published figure is what the node and the exchanges
served; and users have earned what another engine says, to the last digit, which the API has told them all the while.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from hashrail import db
from hashrail.clock import ONE_DAY
from hashrail.custody import payout_policy
from hashrail.rewards import rates, settling
from tests.simulation.happenings import SCRIPT
from tests.simulation.life import Life, expected
from tests.support import citus
from tests.support.books import broken
from tests.support.dull_engine import DullEngine
from tests.support.operators import hired, strangers
from tests.support.paying import paid_once
from tests.support.year import FIRST, year

# All that happens, and as many quiet days as make a year where new examples are looked for.
IS_WHOLE = "HASHRAIL_EXAMPLES" in os.environ
DAYS = 365 if IS_WHOLE else 131
# What begins by the script below, and so ends: how often.
ALARMS = {
    "RATES_MISSING": 2,
    "DAY_HELD": 1,
    "NODE_SILENT": 1,
    "WITHDRAWAL_OVERDUE": 1,
    "PAYOUTS_PAUSED": 1,
    "APPROVAL_WAITS": 1,
    "CREDIT_NEARLY_USED small": 1,
    "CAPACITY_NEARLY_USED": 1,
    "STANDING_FINDING CHANGE_WAITS": 1,
    "STANDING_FINDING POOL_SHORTFALL": 1,
}


@pytest.fixture
async def life(monkeypatch: pytest.MonkeyPatch, dsn: str, tmp_path: Path) -> AsyncIterator[Life]:
    """Two admins, limits for payouts, three users."""
    async with year(monkeypatch.setattr, dsn, tmp_path) as made:
        pool, world = made.world.pool, made.world
        ada, bob = await hired(pool, "ada"), await hired(pool, "bob")
        await strangers(pool)
        async with db.transaction(pool) as tx:
            limits = {"cooldown_seconds": 0, **payout_policy.FIRST_LIMITS, "approval_threshold_btc": Decimal("0.0005")}
            await payout_policy.put(tx, ada, (await payout_policy.get(tx)).with_limits(limits))
        users = [(await world.user(name)).id for name in ("alice", "dora", "emil")]
        dull = DullEngine(FIRST)
        dull.partner_opens(world.partner.id)
        for user_id in users:
            dull.user_registers(world.partner.id, user_id)
        lived = Life(made, ada, bob, users, dull, SCRIPT)
        yield lived
        if lived.partners is not None:
            await lived.partners.close()


@citus.only_without("the time of a year is a function of one server")
@pytest.mark.timeout(0 if IS_WHOLE else 900)
async def test_a_year_without_hands(life: Life) -> None:
    for _ in range(DAYS):
        await life.live()
    life.year.mine(life.day)
    await life.year.night(life.day)
    await life.keep_up()
    assert await life.pool.fetchval("SELECT count(*) FROM alarm WHERE ended_at IS NULL") == 0
    assert life.year.told("begins") == life.year.told("ends") == Counter(ALARMS)
    assert await broken(life.pool) == {}
    await check_figures(life)
    await check_income(life)
    paid_once(life.year.node, {one.address: one.amount_btc for one in life.asked})


async def check_figures(life: Life) -> None:
    """Every day is published, and as the world served it."""
    days = [FIRST + ONE_DAY * count for count in range(DAYS - 1)]
    for day in days:
        found = await rates.find(life.pool, day)
        assert found.published_at is not None
        wanted, (difficulty, subsidy, fees) = expected(life.year.served(day))
        told = found.inputs
        assert (told.difficulty, told.subsidy_btc, told.fees_btc) == (difficulty, subsidy, fees), day
        assert (told.pool_btc_per_th, told.btc_usd) == (wanted.pool, wanted.btc_usd), day
        assert (told.kwh_usd, told.service_usd_per_th) == (wanted.kwh_usd, wanted.service_usd), day


async def check_income(life: Life) -> None:
    """What users earned is what the dull engine says."""
    through = life.dull.published_through
    assert through is not None
    for user_id in life.users:
        async with db.snapshot(life.pool) as tx:
            found = await settling.income_between(tx, life.year.world.partner.id, user_id, after=None, through=through)
        assert found == life.dull.income(user_id, None, through) > 0
