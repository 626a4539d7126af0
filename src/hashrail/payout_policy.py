"""What the operator asks of payouts: the kill switch, limits of a day, from which amount on two must approve.

Limits delay: what a day has no room for is paid on the next. All amounts are BTC; None is without limit.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.db import Reader


@dataclass(frozen=True, slots=True)
class PayoutPolicy:
    """A `paused_reason` stops everything that signs or sends. A new address waits for `cooldown_seconds`."""

    paused_reason: str | None
    approval_threshold_btc: Decimal | None
    user_daily_btc: Decimal | None
    partner_daily_btc: Decimal | None
    deployment_daily_btc: Decimal | None
    cooldown_seconds: int


async def get(tx: Reader) -> PayoutPolicy:
    """The present policy."""
    row = await tx.fetchrow(
        """SELECT paused_reason, approval_threshold_btc, user_daily_btc, partner_daily_btc, deployment_daily_btc,
                  cooldown_seconds FROM payout_policy WHERE id = 1"""
    )
    assert row is not None, "the schema comes with a policy"
    return PayoutPolicy(*row.values())
