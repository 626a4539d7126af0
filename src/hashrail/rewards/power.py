"""Power on any day: TH by partner and class, from what is kept of the last closed day and its changes.

It reads a row a class, never a miner, so it costs the same for one miner and for a million. A day that is over changes
no more: what anybody buys counts from a later one. So nothing has to be locked.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hashrail.db import Reader, Row


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many partners, miners and TH earn on a day."""

    partners: int
    miners: int
    power_th: Decimal


async def by_class(tx: Reader, day: date) -> list[Row]:
    """(partner_id, class_id, power, energy_efficiency, level_discount, programmes) of who earns on a day."""
    return await tx.fetch(
        """SELECT x.partner_id, x.class_id, sum(x.power) AS power, c.energy_efficiency, c.level_discount, c.programmes
           FROM (
               SELECT partner_id, class_id, power FROM class_power
               UNION ALL
               SELECT e.partner_id, e.class_id, CASE WHEN e.day <= $1 THEN e.power ELSE -e.power END
               FROM partner_day d JOIN class_power_delta e
                 ON e.partner_id = d.partner_id AND e.day > least($1, coalesce(d.closed_through, '-infinity'))
                AND e.day <= greatest($1, coalesce(d.closed_through, '-infinity'))) AS x
           JOIN rate_class c ON c.id = x.class_id
           GROUP BY x.partner_id, x.class_id, c.energy_efficiency, c.level_discount, c.programmes
           HAVING sum(x.power) <> 0 ORDER BY x.partner_id, x.class_id""",
        day,
    )


async def by_partner(tx: Reader, day: date) -> list[Row]:
    """(partner_id, power) of who earns on a day."""
    return await tx.fetch(
        """SELECT x.partner_id, sum(x.power) AS power FROM (
               SELECT partner_id, power FROM class_power
               UNION ALL
               SELECT e.partner_id, CASE WHEN e.day <= $1 THEN e.power ELSE -e.power END
               FROM partner_day d JOIN class_power_delta e
                 ON e.partner_id = d.partner_id AND e.day > least($1, coalesce(d.closed_through, '-infinity'))
                AND e.day <= greatest($1, coalesce(d.closed_through, '-infinity'))) AS x
           GROUP BY x.partner_id""",
        day,
    )


async def crowd(tx: Reader, day: date) -> Crowd:
    """Who earns on a day. Counting miners reads them all, so this is for people who ask."""
    rows = await by_class(tx, day)
    miners: int = await tx.fetchval(
        "SELECT count(*) FROM stint WHERE from_day <= $1 AND (to_day IS NULL OR to_day > $1)", day
    )
    total = sum((row["power"] for row in rows), Decimal(0))
    return Crowd(partners=len({row["partner_id"] for row in rows}), miners=miners, power_th=total)
