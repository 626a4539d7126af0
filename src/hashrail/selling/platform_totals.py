"""The platform in figures: users, miners and TH of all partners together, and what came within a day.

Reading them reads every user and miner, so whoever asks keeps the answer for a while.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.db import Reader, record


@dataclass(frozen=True, slots=True)
class Totals:
    """`miners` that somebody has, of all that were `made`; TH of the former; what came since a moment."""

    users: int
    new_users: int
    miners: int
    made: int
    new_miners: int
    holders: int
    power_th: Decimal
    new_power_th: Decimal
    purchases: int
    upgrades: int
    new_upgrades: int


async def totals(tx: Reader, since: datetime) -> Totals:
    """The figures now, and of them what came after `since`. TH that came are those of new miners."""
    row = await tx.fetchrow(
        """SELECT u.users, u.new_users, m.miners, m.made, m.new_miners, m.holders, m.power_th, m.new_power_th,
                  o.purchases, p.upgrades, p.new_upgrades
           FROM (SELECT count(*) AS users, count(*) FILTER (WHERE created_at > $1) AS new_users FROM app_user) AS u
           CROSS JOIN (
               SELECT count(*) AS made, count(*) FILTER (WHERE ended_at IS NULL) AS miners,
                      count(*) FILTER (WHERE ended_at IS NULL AND created_at > $1) AS new_miners,
                      count(DISTINCT (partner_id, user_id)) FILTER (WHERE ended_at IS NULL) AS holders,
                      coalesce(sum(power) FILTER (WHERE ended_at IS NULL), 0) AS power_th,
                      coalesce(sum(power) FILTER (WHERE ended_at IS NULL AND created_at > $1), 0) AS new_power_th
               FROM miner) AS m
           CROSS JOIN (SELECT count(*) AS purchases FROM purchase WHERE state = 'issued') AS o
           CROSS JOIN (SELECT count(*) AS upgrades, count(*) FILTER (WHERE created_at > $1) AS new_upgrades
                       FROM post_payment) AS p""",
        since,
    )
    assert row is not None, "aggregates are one row"
    return record(Totals, row)
