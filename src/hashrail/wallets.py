"""Wallets: bitcoin addresses that a user has bound for his withdrawals.

Binding the same address again changes nothing. Addresses are checked for the deployment's network.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail import users
from hashrail.addresses import parse
from hashrail.day_fence import OpenDay
from hashrail.db import Reader, Tx
from hashrail.settings import Network


@dataclass(frozen=True, slots=True)
class Wallet:
    """A bound address."""

    id: int
    user_id: int
    address: str
    created_at: datetime


async def bind(
    tx: Tx, day: OpenDay, *, user_id: int, address: str, network: Network, field: str = "partnerUserId"
) -> bool:
    """Bind an address to a user; False when it was bound before. Raises AddressInvalidError, UserBlockedError.

    `field` is what the caller named the user in.
    """
    checked = parse(address, network, field="address")
    users.assert_active((await users.lock(tx, day.partner_id, [user_id]))[user_id], field=field)
    bound = await tx.fetchval(
        """INSERT INTO wallet (partner_id, user_id, address, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, user_id, address) DO NOTHING RETURNING true""",
        day.partner_id,
        user_id,
        checked.text,
        day.now,
    )
    return bound is not None


async def of_user(
    tx: Reader, partner_id: int, user_id: int, *, limit: int, offset: int = 0, after: int = 0
) -> list[Wallet]:
    """A page of the user's bound addresses, by id; `after` is the last id of the page before."""
    rows = await tx.fetch(
        """SELECT id, user_id, address, created_at FROM wallet
           WHERE partner_id = $1 AND user_id = $2 AND id > $5 ORDER BY id LIMIT $3 OFFSET $4""",
        partner_id,
        user_id,
        limit,
        offset,
        after,
    )
    return [Wallet(*row.values()) for row in rows]


async def count(tx: Reader, partner_id: int, user_id: int) -> int:
    """How many addresses the user has bound."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM wallet WHERE partner_id = $1 AND user_id = $2", partner_id, user_id
    )
    return found


async def is_bound(tx: Reader, partner_id: int, user_id: int, address: str) -> bool:
    """Whether the user has bound this very address."""
    bound: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM wallet WHERE partner_id = $1 AND user_id = $2 AND address = $3)",
        partner_id,
        user_id,
        address,
    )
    return bound
