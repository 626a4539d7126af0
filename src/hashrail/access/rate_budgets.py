"""A budget is how many requests a key, a user or an address may make in a minute, whichever processes it calls.

A request that costs much, by the rows that are read for it and by the size of its answer, counts as several.

The database counts, second by second; a process takes a lease of some requests, spends it from memory for at most one
second and gives back what it did not spend when it takes the next one. So no request is let in that was not counted
before, and a busy subject costs a statement a second, not one a request.

What is counted in a second may be spent until the end of the next one. The sum over the last 62 seconds is kept at or
below the limit, so no 60 seconds see more requests than that, however many processes there are.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hashrail import clock
from hashrail.db import Pool, Tx

WINDOW_SECONDS = 60
# The window, the second that a lease lives, and the part of a second that has passed when it is taken.
COUNTED_SECONDS = WINDOW_SECONDS + 2
LEASE_MILLIS = 1000
LEASES_OF_A_LIMIT = 50
MAX_REMEMBERED = 10_000


class Spent(NamedTuple):
    """Whether one more request is let in, how many more are, and in how many seconds the oldest ones count no more."""

    allowed: bool
    remaining: int
    seconds: int


@dataclass(slots=True)
class Lease:
    """Requests that were counted in the second `second` and may be let in from memory; none means refusals.

    `since` and `until` are milliseconds, `rest` is what the database had left, `renewed_at` the second in which the
    oldest requests are counted no more.
    """

    granted: int
    left: int
    second: int
    since: int
    until: int
    rest: int
    renewed_at: int

    def lasts(self, now: int) -> bool:
        """Whether the next request can be answered from it; a clock that was set back ends it."""
        return self.since <= now < self.until and (self.left > 0 or not self.granted)

    @property
    def is_used_up(self) -> bool:
        """Everything that it held was spent: the database may have more."""
        return self.left == 0 < self.granted

    def spend(self, now: int) -> Spent:
        """Let one request in, or refuse it."""
        allowed = self.left > 0
        if allowed:
            self.left -= 1
        seconds = self.renewed_at - now // 1000
        return Spent(allowed, self.rest + self.left, seconds if seconds > 0 else 1)

    def used_up(self) -> "Lease":
        """A lease that refuses: nothing is left for this second."""
        return replace(self, granted=0, left=0, rest=0, until=min(self.until, self.renewed_at * 1000))

    def next_size(self, limit: int) -> int:
        """What to take next: what was spent of this one, or twice as much if that was not enough."""
        spent = self.granted - self.left
        return min(max(1, spent if self.left else 2 * spent), max(1, limit // LEASES_OF_A_LIMIT))


@dataclass
class Budgets:
    """The leases of one process; memory holds the ones taken last."""

    pool: Pool
    _leases: dict[str, Lease] = field(default_factory=dict)
    _taking: "dict[str, asyncio.Task[Lease]]" = field(default_factory=dict)

    def spend_of_lease(self, subject: str) -> Spent | None:
        """Count one request of a subject as `spend` does, where its lease holds; None where the database has to."""
        now = clock.wall_millis()
        lease = self._leases.get(subject)
        return lease.spend(now) if lease is not None and lease.lasts(now) else None

    async def spend(self, subject: str, limit: int) -> Spent:
        """Count one request of a subject that may make `limit` of them in a minute."""
        while True:
            now = clock.wall_millis()
            lease = self._leases.get(subject)
            if lease is None or not lease.lasts(now):
                lease = await self._take(subject, limit)
            # Whoever waited is served even if that took longer than a lease lives.
            if not lease.is_used_up:
                return lease.spend(now)

    async def charge(self, subject: str, limit: int, units: int) -> int:
        """Count so many requests more for one that was let in and cost more; answers how many are left.

        They come out of the lease first. What the limit does not hold is let go: it is used up in any case.
        """
        lease = self._leases.get(subject)
        if lease is not None and lease.lasts(clock.wall_millis()):
            paid = min(lease.left, units)
            lease.left -= paid
            units -= paid
            if units == 0:
                return lease.rest + lease.left
        counted = await take(self.pool, subject, limit, None, size=units)
        if counted.granted < units:
            self._leases[subject] = counted.used_up()
        elif lease is not None:
            lease.rest = counted.rest
        return counted.rest

    def refused(self, subject: str) -> Spent | None:
        """The refusal of the next request, as far as it is known without asking; None if it may be let in."""
        now = clock.wall_millis()
        lease = self._leases.get(subject)
        if lease is None or not lease.lasts(now) or lease.left > 0:
            return None
        return lease.spend(now)

    async def _take(self, subject: str, limit: int) -> Lease:
        """The next lease of a subject; all who wait for it wait for one statement, which none of them can cancel."""
        task = self._taking.get(subject)
        if task is None:
            task = asyncio.create_task(self._taken(subject, limit))
            self._taking[subject] = task
        return await asyncio.shield(task)

    async def _taken(self, subject: str, limit: int) -> Lease:
        try:
            lease = await take(self.pool, subject, limit, self._leases.pop(subject, None))
        finally:
            del self._taking[subject]
        if len(self._leases) >= MAX_REMEMBERED:
            del self._leases[next(iter(self._leases))]
        self._leases[subject] = lease
        return lease


async def take(pool: Pool, subject: str, limit: int, before: Lease | None, *, size: int = 1) -> Lease:
    """Count the requests of a new lease and give back what is left of the one before, in one statement.

    Without one before it, `size` is how many.

    The row's counts are moved on by the seconds that have passed, relieved of what is given back, and then the new
    lease gets what the limit leaves. Processes may disagree about the time: the row goes by the clock most ahead.
    """
    since = clock.wall_millis()
    row = await pool.fetchrow(
        """INSERT INTO rate_budget AS b (subject, second, used, granted)
           VALUES ($1, $2, $3::bigint || array_fill(0::bigint, ARRAY[61]), $3)
           ON CONFLICT (subject) DO UPDATE SET (second, used, granted) = (
               SELECT present.second, (kept.used[1] + taken.granted) || kept.used[2:], taken.granted
               FROM (SELECT GREATEST(b.second, $2::bigint) AS second) present
               CROSS JOIN LATERAL (
                   SELECT array_fill(0::bigint, ARRAY[LEAST(present.second - b.second, 62)::int]) || b.used AS used
               ) moved
               CROSS JOIN LATERAL (
                   SELECT array_agg(
                       CASE WHEN present.second - number + 1 = $6::bigint THEN GREATEST(0, each - $5::bigint)
                            ELSE each END ORDER BY number) AS used
                   FROM unnest(moved.used[:62]) WITH ORDINALITY AS slot (each, number)
               ) kept
               CROSS JOIN LATERAL (
                   SELECT GREATEST(0, LEAST($3, $4::bigint - sum(each)))::bigint AS granted FROM unnest(kept.used) each
               ) taken)
           RETURNING second, used, granted""",
        subject,
        since // 1000,
        min(size, limit) if before is None else before.next_size(limit),
        limit,
        0 if before is None else before.left,
        0 if before is None else before.second,
    )
    assert row is not None, "a row is written or updated"
    second, used, granted = row["second"], row["used"], row["granted"]
    oldest = max((age for age, count in enumerate(used) if count), default=0)
    renewed_at = second - oldest + COUNTED_SECONDS
    until = since + LEASE_MILLIS
    return Lease(
        granted=granted,
        left=granted,
        second=second,
        since=since,
        until=until if granted else min(until, renewed_at * 1000),
        rest=max(0, limit - sum(used)),
        renewed_at=renewed_at,
    )


async def forget_expired(tx: Tx) -> int:
    """Delete the counts of subjects that were not seen for a minute; answers how many.

    And those that are far in the future: whoever wrote them had a wrong clock, and nobody should wait for it.
    """
    now = clock.wall_millis() // 1000
    deleted: int = await tx.fetchval(
        """WITH gone AS (DELETE FROM rate_budget WHERE second NOT BETWEEN $1 AND $2 RETURNING 1)
           SELECT count(*) FROM gone""",
        now - COUNTED_SECONDS + 1,
        now + COUNTED_SECONDS,
    )
    return deleted
