"""The fence around a partner's days: no transaction can slip income into a closed day.

Whoever writes money or stints of a partner shares the fence and learns how far its days are closed; closing holds
it exclusively. It is the first lock of every transaction; users, accounts and class power follow, each in id order.

The lock is an advisory one of PostgreSQL: it queues fairly, so that a busy partner's days still close (a row lock let
new writers overtake the waiting close), and sharing it writes nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime

from hashrail import business_clock, clock
from hashrail.db import Tx

# Advisory locks have one number space; fences begin here.
FENCES = 1 << 56


@dataclass(frozen=True, slots=True)
class OpenDay:
    """What holds while the fence is shared: business time and the partner's last closed day (or None)."""

    partner_id: int
    now: datetime
    closed_through: date | None

    @property
    def next_day(self) -> date:
        """The day from which a change made now counts: the next UTC day, never a closed one."""
        from_day = clock.day_of(self.now) + clock.ONE_DAY
        assert self.closed_through is None or from_day > self.closed_through, "the next day is already closed"
        return from_day


async def share(tx: Tx, partner_id: int) -> OpenDay:
    """Keep the partner's days from being closed until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared($1)", FENCES + partner_id)
    # A statement of its own, after the wait: days may have been closed and the clock moved meanwhile.
    row = await tx.fetchrow(
        """SELECT p.closed_through, c.offset_us FROM partner_day p CROSS JOIN business_clock c
           WHERE p.partner_id = $1 AND c.id = 1""",
        partner_id,
    )
    assert row is not None, "every partner has a fence"
    return OpenDay(partner_id, business_clock.at_offset(row["offset_us"]), row["closed_through"])


async def hold(tx: Tx, partner_ids: list[int]) -> dict[int, date | None]:
    """Lock the fences of several partners exclusively, in id order; answers how far each is closed."""
    keys = sorted(FENCES + partner_id for partner_id in partner_ids)
    await tx.execute("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", keys)
    rows = await tx.fetch(
        "SELECT partner_id, closed_through FROM partner_day WHERE partner_id = ANY($1) ORDER BY partner_id", partner_ids
    )
    return {row["partner_id"]: row["closed_through"] for row in rows}
