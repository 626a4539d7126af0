"""What stood a day ago, of a figure that operators change: small steps of one person add up to a large one.

A figure is compared with what stands before it, and up to a bound one person changes it alone. Half a dozen of such
steps in an hour would pass what two look at, so it is compared as well with what stood 24 hours before, by the log of
operators. What two people confirmed since is what counts from then on.
"""

from typing import Any

import msgspec

from hashrail import business_clock, clock
from hashrail.clock import ONE_DAY
from hashrail.db import Reader


async def values(tx: Reader, act: str, subject: str) -> dict[str, Any]:
    """The values that an act's subject had 24 hours ago, as the log has them; none where nothing was changed since."""
    confirmed = await tx.fetchval(
        """SELECT content FROM operator_change
           WHERE act = $1 AND subject = $2 AND state = 'confirmed' AND ended_at > $3 ORDER BY ended_at DESC LIMIT 1""",
        act,
        subject,
        await business_clock.now(tx) - ONE_DAY,
    )
    if confirmed is not None:
        after: dict[str, Any] = msgspec.json.decode(confirmed)["after"]
        return after
    first = await tx.fetchrow(
        """SELECT values_before, values_after FROM operator_action
           WHERE subject = $2 AND action = $1 AND values_before IS NOT NULL AND done_at > $3 ORDER BY id LIMIT 1""",
        act,
        subject,
        clock.wall_now() - ONE_DAY,
    )
    if first is None:
        return {}
    before = msgspec.json.decode(first["values_before"], type=dict[str, Any])
    after = msgspec.json.decode(first["values_after"] or "{}", type=dict[str, Any])
    # What was not there before has stood since it was first set.
    return after | {name: value for name, value in before.items() if value is not None}
