"""Where a user's income goes: the address that a day's income was paid to, or will be.

Bitcoin on an account is all alike, so a rule says which income a withdrawal took: the oldest first. The income of a day
went where the withdrawal went that first covers all income up to it. What no withdrawal covers goes to the newest
address that the user has bound.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from hashrail.custody import bound_wallets
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.rewards import settling


async def of_days(tx: Tx, partner_id: int, user_id: int, earned: Mapping[date, Decimal]) -> dict[date, str | None]:
    """The address of each day; None where the income waits and no address is bound.

    `earned` is BTC by the day it was credited with, of all days between the first and the last that have any.
    """
    if not earned:
        return {}
    first = min(earned)
    total = await settling.income_between(tx, partner_id, user_id, after=None, through=first) - earned[first]
    sums = {}
    for day in sorted(earned):
        total += earned[day]
        sums[day] = total
    left = await _left(tx, partner_id, user_id, min(sums.values()), max(sums.values()))
    bound = await bound_wallets.newest(tx, partner_id, user_id)
    return {day: next((address for address, paid in left if paid >= total), bound) for day, total in sums.items()}


async def _left(tx: Tx, partner_id: int, user_id: int, least: Decimal, most: Decimal) -> list[tuple[str, Decimal]]:
    """(address, BTC that left up to this withdrawal), oldest first: those that reach from one sum to the other."""
    rows = await tx.fetch(
        """SELECT address, paid FROM (
               SELECT id, address, amount_btc + commission_btc AS taken,
                      sum(amount_btc + commission_btc) OVER (ORDER BY id) AS paid
               FROM withdrawal WHERE partner_id = $1 AND user_id = $2 AND state NOT IN ('cancelled', 'refused')) AS w
           WHERE paid >= $3 AND paid - taken <= $4 ORDER BY id""",
        partner_id,
        user_id,
        max(ZERO, least),
        max(ZERO, most),
    )
    return [(row["address"], row["paid"]) for row in rows]
