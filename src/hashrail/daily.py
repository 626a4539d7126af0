"""The operator's day: publish what is due and close the books of every partner.

Each day is published in one transaction and closed for partners in small groups, so that a process may be killed
between any two of them and another goes on.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail import (
    budgets,
    business_clock,
    clock,
    db,
    ledger,
    once,
    orders,
    rate_classes,
    rates,
    rewards,
    scenarios,
    sessions,
    ton_payloads,
)
from hashrail.db import Tx
from hashrail.scenarios import Scenario
from hashrail.settings import Settings

PARTNERS_AT_ONCE = 100

DayDone = Callable[[date], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the days are: what could be published, what is, and which day lacks rates."""

    published_through: date | None
    due_through: date
    missing_rates: date | None
    closed: int


async def close_due(pool: db.Pool, *, through: date | None = None, done: DayDone | None = None) -> Progress:
    """Publish every day that is due and has rates, and close each for all partners; again does nothing.

    `through` limits how far; `done` is called after each closed day. Stops at the first day without rates.
    """
    now = await business_clock.now(pool)
    due = clock.last_creditable_day(now)
    last = due if through is None else min(due, through)
    closed = await _catch_up(pool, last, done)
    missing = None
    async for day in _publishable(pool, last):
        async with db.transaction(pool) as tx:
            if not await _has_rates(tx, day):
                missing = day
                break
            await rate_classes.publish(tx, day, now=await business_clock.now(tx))
        closed += await _close_everywhere(pool, day)
        if done is not None:
            done(day)
    published = await pool.fetchval("SELECT published_through FROM publication WHERE id = 1")
    return Progress(published, due, missing, closed)


async def enter_generated(pool: db.Pool, settings: Settings, scenario: Scenario, *, first: date | None = None) -> int:
    """A sandbox: enter generated rates for every day that is due and has none; answers how many.

    `first` is where an empty deployment begins; without it nothing is entered before something is published.
    """
    now = await business_clock.now(pool)
    published = await pool.fetchval("SELECT published_through FROM publication WHERE id = 1")
    day = first if published is None else published + clock.ONE_DAY
    entered = 0
    while day is not None and day <= clock.last_creditable_day(now):
        # Somebody else may have published the day since it was looked for.
        with suppress(rates.DayPublishedError):
            async with db.transaction(pool) as tx:
                if not await _has_rates(tx, day):
                    await rates.enter(tx, scenarios.day_inputs(day, scenario, prices(settings)), at=now)
                    entered += 1
        day += clock.ONE_DAY
    return entered


async def housekeeping(pool: db.Pool) -> dict[str, int]:
    """Expire orders, forget old answers, sessions, payloads of logins and what was counted for rate limits."""
    counts = {"orders": 0, "answers": 0, "sessions": 0, "payloads": 0, "budgets": 0}
    async with db.transaction(pool) as tx:
        counts["payloads"] += await ton_payloads.forget_expired(tx)
    async with db.transaction(pool) as tx:
        counts["budgets"] += await budgets.forget_expired(tx)
    for partner_id in await _partners(pool):
        async with db.transaction(pool) as tx:
            counts["orders"] += await orders.expire_due(tx, partner_id)
        async with db.transaction(pool) as tx:
            counts["answers"] += await once.forget_expired(tx, partner_id)
            counts["sessions"] += await sessions.forget_expired(tx, partner_id)
    return counts


async def checkpoint_all(pool: db.Pool) -> None:
    """Sum up the operator-side accounts of every partner."""
    for partner_id in await _partners(pool):
        async with db.transaction(pool) as tx:
            await ledger.checkpoint(tx, partner_id)


def prices(settings: Settings) -> dict[str, Decimal]:
    """The operator's prices where a day's rates name none."""
    return {
        "kwh_usd": settings.kwh_usd,
        "service_usd_per_th": settings.service_usd_per_th,
        "gomining_usd": settings.gomining_usd,
    }


async def _publishable(pool: db.Pool, last: date) -> AsyncIterator[date]:
    """The days to publish, in order: from the first with rates, or the one after the newest published."""
    row = await pool.fetchrow(
        """SELECT p.published_through, (SELECT min(day) FROM mining_day WHERE published_at IS NULL) AS entered
           FROM publication p WHERE p.id = 1"""
    )
    assert row is not None
    if row["published_through"] is None and row["entered"] is None:
        return
    day = row["entered"] if row["published_through"] is None else row["published_through"] + clock.ONE_DAY
    while day <= last:
        yield day
        day += clock.ONE_DAY


async def _catch_up(pool: db.Pool, last: date, done: DayDone | None) -> int:
    """Close published days up to `last` for partners that are behind; answers how many closes that took."""
    row = await pool.fetchrow("SELECT first_day, published_through FROM publication WHERE id = 1")
    assert row is not None
    if row["first_day"] is None:
        return 0
    behind = await pool.fetchval(
        "SELECT min(coalesce(closed_through, $1)) FROM partner_day WHERE closed_through IS DISTINCT FROM $2",
        row["first_day"] - clock.ONE_DAY,
        row["published_through"],
    )
    closed = 0
    while behind is not None and behind < min(last, row["published_through"]):
        behind += clock.ONE_DAY
        closed += await _close_everywhere(pool, behind)
        if done is not None:
            done(behind)
    return closed


async def _close_everywhere(pool: db.Pool, day: date) -> int:
    """Close one published day for all partners, a group a transaction."""
    partner_ids = await _partners(pool)
    closed = 0
    for start in range(0, len(partner_ids), PARTNERS_AT_ONCE):
        async with db.transaction(pool) as tx:
            at = await business_clock.now(tx)
            closed += await rewards.close_day(tx, partner_ids[start : start + PARTNERS_AT_ONCE], day, at=at)
    return closed


async def _partners(pool: db.Pool) -> list[int]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM partner ORDER BY id")]


async def _has_rates(tx: Tx, day: date) -> bool:
    entered: bool = await tx.fetchval("SELECT EXISTS (SELECT 1 FROM mining_day WHERE day = $1)", day)
    return entered
