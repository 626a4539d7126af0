"""What one user has bought: their orders, the upgrades of their miners, and where a miner came from.

For the user's own eyes. An upgrade is shown to whoever had the miner when it was made, and to nobody after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from hashrail.db import Reader, record
from hashrail.selling.upgrades import UpgradeKind

Standing = Literal["created", "paid", "issued", "expired", "cancelled", "refunded"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order: TH, W/TH, USD. `miner_id` and `miner_name` are None until the miner was issued."""

    id: int
    created_at: datetime
    value_usd: Decimal
    standing: Standing
    collection_id: int
    power: Decimal
    energy_efficiency: Decimal
    miner_id: int | None
    miner_name: str | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade of a miner, USD; `kind` says whether the values are TH or W/TH. The miner as it is now."""

    id: int
    created_at: datetime
    kind: UpgradeKind
    from_value: Decimal
    to_value: Decimal
    value_usd: Decimal
    miner_id: int
    miner_name: str
    power: Decimal
    energy_efficiency: Decimal
    collection_id: int | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a miner: the offer that it was bought as, and when it was upgraded last; None where neither was."""

    miner_id: int
    collection_id: int | None
    upgraded_at: datetime | None


async def orders(
    tx: Reader, partner_id: int, user_id: int, *, with_cancelled: bool, limit: int, offset: int
) -> tuple[list[Purchase], int]:
    """A page of the user's orders, newest first, and how many there are."""
    rows = await tx.fetch(
        """SELECT o.id, o.created_at, o.value_usd,
                  CASE WHEN r.purchase_id IS NULL THEN o.state ELSE 'refunded' END AS standing,
                  o.collection_id, o.power, o.energy_efficiency, o.miner_id, m.name AS miner_name
           FROM purchase o
           LEFT JOIN miner m ON m.partner_id = o.partner_id AND m.id = o.miner_id
           LEFT JOIN order_refund r ON r.partner_id = o.partner_id AND r.purchase_id = o.id
           WHERE o.partner_id = $1 AND o.user_id = $2 AND ($3 OR o.state NOT IN ('expired', 'cancelled'))
           ORDER BY o.id DESC LIMIT $4 OFFSET $5""",
        partner_id,
        user_id,
        with_cancelled,
        limit,
        offset,
    )
    count: int = await tx.fetchval(
        """SELECT count(*) FROM purchase
           WHERE partner_id = $1 AND user_id = $2 AND ($3 OR state NOT IN ('expired', 'cancelled'))""",
        partner_id,
        user_id,
        with_cancelled,
    )
    return [record(Purchase, row) for row in rows], count


async def upgrades(
    tx: Reader, partner_id: int, user_id: int, *, kinds: Sequence[UpgradeKind], limit: int, offset: int
) -> tuple[list[Upgrade], int]:
    """A page of the upgrades of these kinds that were made while the user had the miner, newest first; how many."""
    rows = await tx.fetch(
        """SELECT p.id, p.created_at, p.kind, p.from_value, p.to_value, p.value_usd,
                  m.id AS miner_id, m.name AS miner_name, m.power, m.energy_efficiency, o.collection_id
           FROM stint s
           JOIN post_payment p ON p.partner_id = s.partner_id AND p.miner_id = s.miner_id
            AND s.from_day <= (p.created_at AT TIME ZONE 'UTC')::date + 1
            AND (s.to_day IS NULL OR s.to_day > (p.created_at AT TIME ZONE 'UTC')::date + 1)
           JOIN miner m ON m.partner_id = p.partner_id AND m.id = p.miner_id
           LEFT JOIN LATERAL (SELECT collection_id FROM purchase
                              WHERE partner_id = $1 AND miner_id = s.miner_id LIMIT 1) AS o ON true
           WHERE s.partner_id = $1 AND s.user_id = $2 AND p.kind = ANY ($3)
           ORDER BY p.id DESC LIMIT $4 OFFSET $5""",
        partner_id,
        user_id,
        list(kinds),
        limit,
        offset,
    )
    count: int = await tx.fetchval(
        """SELECT count(*) FROM stint s
           JOIN post_payment p ON p.partner_id = s.partner_id AND p.miner_id = s.miner_id
            AND s.from_day <= (p.created_at AT TIME ZONE 'UTC')::date + 1
            AND (s.to_day IS NULL OR s.to_day > (p.created_at AT TIME ZONE 'UTC')::date + 1)
           WHERE s.partner_id = $1 AND s.user_id = $2 AND p.kind = ANY ($3)""",
        partner_id,
        user_id,
        list(kinds),
    )
    return [record(Upgrade, row) for row in rows], count


async def origins(tx: Reader, partner_id: int, miner_ids: Sequence[int]) -> dict[int, Origin]:
    """Where each of the miners came from, by its id."""
    rows = await tx.fetch(
        """SELECT m.id AS miner_id,
                  (SELECT o.collection_id FROM purchase o WHERE o.partner_id = $1 AND o.miner_id = m.id
                   LIMIT 1) AS collection_id,
                  (SELECT max(p.created_at) FROM post_payment p
                   WHERE p.partner_id = $1 AND p.miner_id = m.id) AS upgraded_at
           FROM miner m WHERE m.partner_id = $1 AND m.id = ANY ($2)""",
        partner_id,
        list(miner_ids),
    )
    return {row["miner_id"]: record(Origin, row) for row in rows}
