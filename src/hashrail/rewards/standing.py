"""How the days stand: which one waits for rates or an operator, and how far the books of partners are behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hashrail import clock
from hashrail.db import Reader
from hashrail.rewards import rates
from hashrail.rewards.rates import MiningDay


@dataclass(frozen=True, slots=True)
class Standing:
    """`waits_for` rates is the first day that is due and has none; `open_days` are due and not published.

    `behind_days` is how many published days the books of the partner that is furthest behind have not closed.
    `publishable_since` is when the next day could have been published; None where none is due, or it has to wait.
    `held` are days that wait for an operator.
    """

    published_through: date | None
    waits_for: date | None
    open_days: int
    behind_days: int
    publishable_since: datetime | None
    held: Sequence[MiningDay]

    @property
    def waits_since(self) -> datetime | None:
        """Since when the day could have been credited, by the business clock."""
        return None if self.waits_for is None else clock.credited_at(self.waits_for)


async def read(tx: Reader, *, now: datetime) -> Standing:
    """How the days stand at a business time. Before the first day has rates, no day waits."""
    row = await tx.fetchrow(
        """SELECT p.published_through, p.first_day, b.next_day,
                  (SELECT min(g.day)::date FROM generate_series(b.next_day, $1::date, interval '1 day') AS g (day)
                   WHERE NOT EXISTS (SELECT 1 FROM mining_day m WHERE m.day = g.day::date)) AS waits_for,
                  greatest(0, coalesce($1 - b.next_day + 1, 0)) AS open_days
           FROM publication p CROSS JOIN LATERAL (
               SELECT coalesce(p.published_through + 1,
                               (SELECT min(day) FROM mining_day WHERE published_at IS NULL)) AS next_day) AS b
           WHERE p.id = 1""",
        clock.last_creditable_day(now),
    )
    assert row is not None, "the schema comes with it"
    return Standing(
        row["published_through"],
        row["waits_for"],
        row["open_days"],
        await _behind(tx, row["published_through"], row["first_day"]),
        await _publishable_since(tx, row["next_day"], now) if row["open_days"] else None,
        await rates.held(tx),
    )


async def _behind(tx: Reader, published_through: date | None, first_day: date | None) -> int:
    """How many published days the partner has not closed that is furthest behind."""
    if published_through is None or first_day is None:
        return 0
    closed: date | None = await tx.fetchval(
        "SELECT min(coalesce(closed_through, $1::date - 1)) FROM partner_day", first_day
    )
    return 0 if closed is None else (published_through - closed).days


async def _publishable_since(tx: Reader, day: date, now: datetime) -> datetime | None:
    try:
        found = await rates.find(tx, day)
        rates.assert_publishable(found, now)
    except (rates.RatesMissingError, rates.DayHeldError, rates.DayDelayedError):
        return None
    return found.publishes_at
