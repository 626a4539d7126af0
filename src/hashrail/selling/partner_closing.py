"""Closing a partner, for good: what it sold earns no more, its keys end, and what its users hold stays owed to them.

    miners           earn this day for the last time; their TH can be sold again
    open orders      are cancelled
    keys, sessions   end
    books            stay: what users hold is paid out by the operator (`custody.operator_withdrawals`), and what the
                     partner owes is still to be recorded as a payment

Nothing is refunded by it: an order whose money went back is refunded before or after. It is one transaction, in which
the partner's fence is held, so that whatever was under way is done before, and nothing comes after.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.access import api_keys, session_grants
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.events import drafts
from hashrail.events.types.miners import MinerEnded
from hashrail.money import ZERO
from hashrail.parties import operators, standings
from hashrail.rewards import stints
from hashrail.selling import capacity, miners, orders


@dataclass(frozen=True, slots=True)
class Closed:
    """What ended with the partner: so many miners with so many TH, orders, keys and sessions."""

    miners: int
    power_th: Decimal
    orders: int
    keys: int
    sessions: int


async def close(tx: Tx, partner_id: int, *, reason: str) -> Closed:
    """Close a partner, open or suspended; again is a no-op. Raises ReasonMissingError."""
    operators.assert_reason(reason)
    present = await standings.hold(tx, partner_id)
    if present.standing == "closed":
        return Closed(0, ZERO, 0, 0, 0)
    books = await fence.share(tx, partner_id)
    count, power_th = await _end_miners(tx, books)
    cancelled = await orders.open_ones(tx, partner_id)
    for external_id in cancelled:
        await orders.cancel(tx, books, external_id=external_id)
    live = [row["id"] for row in await api_keys.list_keys(tx, partner_id) if row["revoked_at"] is None]
    for key_id in live:
        await api_keys.revoke_key(tx, partner_id=partner_id, key_id=key_id)
    sessions = await session_grants.end(tx, partner_id)
    await standings.close(tx, partner_id, reason=reason)
    return Closed(count, power_th, len(cancelled), len(live), sessions)


async def outlook(tx: Tx, partner_id: int) -> Closed:
    """What would end with a partner now; nothing with one that is closed."""
    count, power_th = await miners.running(tx, partner_id)
    live = [row for row in await api_keys.list_keys(tx, partner_id) if row["revoked_at"] is None]
    open_orders = await orders.open_ones(tx, partner_id)
    return Closed(count, power_th, len(open_orders), len(live), await session_grants.count_open(tx, partner_id))


async def _end_miners(tx: Tx, books: OpenBooks) -> tuple[int, Decimal]:
    """Let all miners be nobody's from the next day on; answers how many, and their TH."""
    ended = await miners.end_all(tx, books.partner_id, at=books.now)
    if not ended:
        return 0, ZERO
    holders = sorted({one.user_id for one in ended})
    await stints.sync_stints(tx, books, holders, miner_ids=[], ended=[one.id for one in ended])
    power_th = sum((one.power for one in ended), ZERO)
    await capacity.commit_capacity(tx, books.partner_id, -power_th)
    told = [MinerEnded(nft_id=one.id, user_id=one.user_id, cause="partner_closed") for one in ended]
    await drafts.note(tx, books.partner_id, *told)
    return len(ended), power_th
