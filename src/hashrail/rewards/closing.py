"""Closing days: publish what is due, and close it in the books of every partner.

Each day is published in one transaction and closed for partners in small groups, so that a process may be killed
between any two of them and another goes on. Closing posts the day's control total (class power x net, summed over
classes) from pool receivable to income control, and electricity and service to revenue. Days close in order, once, all
or nothing.

Accounts touched: pool receivable, income control, electricity and service revenue.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hashrail import business_clock, clock, db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.db import Row, Tx
from hashrail.events import drafts
from hashrail.events.event import Event
from hashrail.events.types.days import AdjustmentPublished, DayClosed
from hashrail.parties import partners
from hashrail.rewards import rate_classes
from hashrail.rewards.rates import DayDelayedError, DayHeldError, has_rates
from hashrail.rewards.trial import DayUnclosableError

PARTNERS_AT_ONCE = 100

DayDone = Callable[[date], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the days are: what could be published, what is, and what the next one waits for.

    `missing_rates` is a day that lacks rates; `waiting` says why one that has them is not published.
    """

    published_through: date | None
    due_through: date
    missing_rates: date | None
    closed: int
    waiting: DayHeldError | DayDelayedError | DayUnclosableError | None = None


async def close_due(pool: db.Pool, *, through: date | None = None, done: DayDone | None = None) -> Progress:
    """Publish every day that is due and has rates, and close each for all partners; again does nothing.

    `through` limits how far; `done` is called after each closed day. Stops at the first day that lacks rates, or waits.
    """
    now = await business_clock.now(pool)
    due = clock.last_creditable_day(now)
    last = due if through is None else min(due, through)
    closed = await _catch_up(pool, last, done)
    missing, waiting = None, None
    async for day in _publishable(pool, last):
        try:
            async with db.transaction(pool) as tx:
                if not await has_rates(tx, day):
                    missing = day
                    break
                await rate_classes.publish(tx, day, now=await business_clock.now(tx))
        except (DayHeldError, DayDelayedError, DayUnclosableError) as error:
            waiting = error
            break
        closed += await _close_everywhere(pool, day)
        if done is not None:
            done(day)
    published = await rate_classes.published_through(pool)
    return Progress(published, due, missing, closed, waiting)


async def days_due(pool: db.Pool, *, through: date | None = None) -> int | None:
    """How many days `close_due` would publish if all had rates; None where it would publish the first ones."""
    published = await rate_classes.published_through(pool)
    if published is None:
        return None
    due = clock.last_creditable_day(await business_clock.now(pool))
    return max(0, (min(due, through or due) - published).days)


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
    partner_ids = await partners.ids(pool)
    closed = 0
    for start in range(0, len(partner_ids), PARTNERS_AT_ONCE):
        async with db.transaction(pool) as tx:
            at = await business_clock.now(tx)
            closed += await close_day(tx, partner_ids[start : start + PARTNERS_AT_ONCE], day, at=at)
    return closed


async def close_day(tx: Tx, partner_ids: list[int], day: date, *, at: datetime) -> int:
    """Close a published day for those of the partners whose next day it is; answers how many were closed.

    Holds their fences. A partner that is ahead is left alone (it is closed), one that is behind too.
    """
    held = await fence.hold(tx, partner_ids)
    first_day = await tx.fetchval("SELECT first_day FROM publication WHERE id = 1 AND published_through >= $1", day)
    assert first_day is not None, "only a published day can be closed"
    due = [partner for partner, through in held.items() if day == _next_to_close(through, first_day)]
    if not due:
        return 0
    # The first close takes up what was bought before any day was published; later ones read their own day's deltas.
    since = date.min if day == first_day else day
    await tx.execute(
        """INSERT INTO class_power (partner_id, class_id, power)
           SELECT d.partner_id, d.class_id, coalesce(max(c.power), 0) + sum(d.power)
           FROM class_power_delta d
           LEFT JOIN class_power c ON c.partner_id = d.partner_id AND c.class_id = d.class_id
           WHERE d.partner_id = ANY($1) AND d.day BETWEEN $2 AND $3
           GROUP BY d.partner_id, d.class_id
           ON CONFLICT (partner_id, class_id) DO UPDATE SET power = excluded.power""",
        due,
        since,
        day,
    )
    await tx.execute("DELETE FROM class_power WHERE partner_id = ANY($1) AND power = 0", due)
    # The day, and perhaps the power, were written just now.
    async with db.joined_in_bulk(tx):
        of_day = await _day_sums(tx, due, day)
    of_adjustments = await _adjustment_sums(tx, due, day)
    await ledger.post_control(tx, at, [*_day_transfers(of_day, day), *_adjustment_transfers(of_adjustments)])
    await tx.execute("UPDATE partner_day SET closed_through = $2 WHERE partner_id = ANY($1)", due, day)
    await drafts.note_all(tx, [*_day_events(of_day, day), *_adjustment_events(of_adjustments, day)])
    return len(due)


def _next_to_close(closed_through: date | None, first_day: date) -> date:
    """The day that a partner closes next: never one before the first published day."""
    return first_day if closed_through is None else closed_through + clock.ONE_DAY


async def _day_sums(tx: Tx, partner_ids: list[int], day: date) -> list[Row]:
    """What a day brought to each partner's users together, whose miners had so much power."""
    rows = await tx.fetch(
        """SELECT p.partner_id, sum(p.power) AS power, sum(p.power * d.pool) AS pool, sum(p.power * d.c1) AS c1,
                  sum(p.power * d.c2) AS c2, sum(p.power * d.net) AS net, count(*) - count(d.class_id) AS missing
           FROM class_power p LEFT JOIN class_day d ON d.day = $2 AND d.class_id = p.class_id
           WHERE p.partner_id = ANY($1) GROUP BY p.partner_id""",
        partner_ids,
        day,
    )
    for row in rows:
        assert row["missing"] == 0, f"partner {row['partner_id']} has power in classes without rates for {day}"
    return rows


async def _adjustment_sums(tx: Tx, partner_ids: list[int], day: date) -> list[Row]:
    """What the adjustments that are credited with `day` change for each partner, by the power of the adjusted days."""
    return await tx.fetch(
        """SELECT a.id, a.day, s.partner_id, sum(s.power) AS power, sum(s.power * d.pool) AS pool,
                  sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2, sum(s.power * d.net) AS net
           FROM adjustment a
           JOIN stint s ON s.partner_id = ANY($1) AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
           WHERE a.effective_day = $2 GROUP BY a.id, s.partner_id ORDER BY a.id, s.partner_id""",
        partner_ids,
        day,
    )


def _day_transfers(sums: Sequence[Row], day: date) -> list[tuple[int, Transfer]]:
    """The control postings of a day: net to the users' control account, costs to revenue."""
    return [
        transfer for row in sums for transfer in _postings(row["partner_id"], TransferKind.DAY, day.toordinal(), row)
    ]


def _adjustment_transfers(sums: Sequence[Row]) -> list[tuple[int, Transfer]]:
    """The control postings of adjustments."""
    return [
        transfer for row in sums for transfer in _postings(row["partner_id"], TransferKind.ADJUSTMENT, row["id"], row)
    ]


def _day_events(sums: Sequence[Row], day: date) -> list[tuple[int, Event]]:
    return [(row["partner_id"], DayClosed(day=day.isoformat(), **_figures(row))) for row in sums]


def _adjustment_events(sums: Sequence[Row], effective_day: date) -> list[tuple[int, Event]]:
    effective = effective_day.isoformat()
    return [
        (
            row["partner_id"],
            AdjustmentPublished(
                day=row["day"].isoformat(), adjustment_id=row["id"], effective_day=effective, **_figures(row)
            ),
        )
        for row in sums
    ]


def _figures(sums: Row) -> dict[str, Any]:
    return {
        "power": sums["power"],
        "pool_reward": sums["pool"],
        "value": sums["net"],
        "c1_value": sums["c1"],
        "c2_value": sums["c2"],
    }


def _postings(partner_id: int, kind: TransferKind, object_id: int, sums: Row) -> list[tuple[int, Transfer]]:
    """Legs 1 net, 2 electricity, 3 service, from the pool's receivable; a negative sum goes back to it."""
    legs = (
        (1, Account.INCOME_CONTROL, sums["net"]),
        (2, Account.ELECTRICITY_REVENUE, sums["c1"]),
        (3, Account.SERVICE_REVENUE, sums["c2"]),
    )
    transfers = []
    for leg, account, amount in legs:
        if amount > 0:
            transfers.append((partner_id, Transfer(kind, object_id, leg, Account.POOL_RECEIVABLE, account, amount)))
        elif amount < 0:
            transfers.append((partner_id, Transfer(kind, object_id, leg, account, Account.POOL_RECEIVABLE, -amount)))
    return transfers
