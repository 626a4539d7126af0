"""The fence around a partner's days: no transaction can slip income into a closed day.

Whoever writes money or stints of a partner shares the fence and learns how far its days are closed; closing holds
it exclusively. It is the first lock of every transaction; users, accounts and class power follow, each in id order.

The lock is an advisory one of PostgreSQL: it queues fairly, so that a busy partner's days still close (a row lock let
new writers overtake the waiting close), and sharing it writes nothing.

Who shares it learns the partner's standing as well: it is changed while the fence is held, so that what is under way is
done before, and what comes after knows.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

from hashrail import business_clock, clock
from hashrail.db import Reader, Tx
from hashrail.errors import ForbiddenError

# Advisory locks have one number space; fences begin here.
FENCES = 1 << 56

_READ = f"""
    SELECT p.closed_through, coalesce(s.standing, 'open') AS standing, c.offset_us,
           {clock.DATABASE_NOW} AS database_now
    FROM partner_day p LEFT JOIN partner_standing s ON s.partner_id = p.partner_id CROSS JOIN business_clock c
    WHERE p.partner_id = $1 AND c.id = 1"""  # noqa: S608
Standing: TypeAlias = Literal["open", "suspended", "closed"]


class PartnerSuspendedError(ForbiddenError):
    """The operator has suspended the partner: its data can be read, and this is not written."""

    code = "PARTNER_SUSPENDED"
    advice = "Ask the operator why; once the partner is open again, the same request is accepted."


class PartnerClosedError(ForbiddenError):
    """The operator has closed the partner for good; what its users hold is still owed to them."""

    code = "PARTNER_CLOSED"
    advice = "Ask the operator, who pays out what the users hold."


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """What holds while the fence is shared: business time, the partner's last closed day (or None), its standing."""

    partner_id: int
    now: datetime
    closed_through: date | None
    standing: Standing = "open"

    @property
    def next_day(self) -> date:
        """The day from which a change made now counts: the next UTC day, never a closed one."""
        from_day = clock.day_of(self.now) + clock.ONE_DAY
        assert self.closed_through is None or from_day > self.closed_through, "the next day is already closed"
        return from_day

    def assert_open(self) -> None:
        """Nothing new is begun for a partner that is not open. Raises PartnerSuspendedError, PartnerClosedError."""
        self.assert_not_closed()
        if self.standing == "suspended":
            raise PartnerSuspendedError("the operator has suspended this partner")

    def assert_not_closed(self) -> None:
        """What was begun before goes on until the partner is closed. Raises PartnerClosedError."""
        if self.standing == "closed":
            raise PartnerClosedError("the operator has closed this partner")


async def share(tx: Tx, partner_id: int) -> OpenBooks:
    """Keep the partner's days from being closed until this transaction ends. Raises ClockDiffersError."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared($1)", FENCES + partner_id)
    # A statement of its own, after the wait: days may have been closed and the clock moved meanwhile.
    row = await tx.fetchrow(_READ, partner_id)
    assert row is not None, "every partner has a fence"
    now = business_clock.at_offset(row["offset_us"], row["database_now"])
    return OpenBooks(partner_id, now, row["closed_through"], row["standing"])


async def closed_through(tx: Reader, partner_id: int) -> date | None:
    """The partner's last closed day, or None; without the fence others may be closed at any moment."""
    closed: date | None = await tx.fetchval("SELECT closed_through FROM partner_day WHERE partner_id = $1", partner_id)
    return closed


async def hold(tx: Tx, partner_ids: list[int]) -> dict[int, date | None]:
    """Lock the fences of several partners exclusively, in id order; answers how far each is closed."""
    keys = sorted(FENCES + partner_id for partner_id in partner_ids)
    await tx.execute("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", keys)
    rows = await tx.fetch(
        "SELECT partner_id, closed_through FROM partner_day WHERE partner_id = ANY($1) ORDER BY partner_id", partner_ids
    )
    return {row["partner_id"]: row["closed_through"] for row in rows}
