"""Orders: a partner sells a miner to its user and owes the operator the price.

    created -> issued            the partner says that its user has paid; the miner exists and earns from tomorrow
    created -> expired           nobody paid in time; a late notice still issues while the offer stands
    created -> cancelled         the operator took it back

Creating fixes the price and reserves it on the partner's receivable (pending transfer receivable -> miner sales)
and the TH on the operator's capacity. Issuing posts the transfer, expiry and cancelling void it. A late notice
reserves anew under the next attempt. An order is known by the partner's `externalId`: creating or notifying twice is
one effect.

Accounts touched: partner receivable, miner sales.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from hashrail import catalogue, day_fence, ledger, miners, rewards, users
from hashrail.day_fence import OpenDay
from hashrail.db import Reader, Row, Tx
from hashrail.errors import ConflictError, NotFoundError
from hashrail.ledger import Chart, Kind, Transfer

State = Literal["created", "issued", "expired", "cancelled"]


class OrderNotFoundError(NotFoundError):
    """The partner has no order with that external id for that user."""

    code = "ORDER_NOT_FOUND"
    advice = "Create the order (#11) first, with the same externalId and userId."


class OrderConflictError(ConflictError):
    """The external id belongs to an order with other content."""

    code = "ORDER_CONFLICT"
    advice = "Use a new externalId for a new purchase."


class OrderExpiredError(ConflictError):
    """The order is over and its offer is not on sale any more."""

    code = "ORDER_EXPIRED"
    advice = "Create a new order for what is on sale now; give the user his money back if he paid."


class OrderCancelledError(ConflictError):
    """The order was cancelled."""

    code = "ORDER_CANCELLED"
    advice = "Create a new order with a new externalId."


class OrderIssuedError(ConflictError):
    """The miner exists: the order cannot be cancelled any more."""

    code = "ORDER_ISSUED"
    advice = "Nothing is left to cancel."


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase; `value_usd` is fixed when it is created."""

    id: int
    external_id: str
    user_id: int
    collection_id: int
    power: Decimal
    energy_efficiency: Decimal
    value_usd: Decimal
    state: State
    attempt: int
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    miner_id: int | None


async def create(tx: Tx, day: OpenDay, *, user_id: int, collection_id: int, external_id: str, ttl: timedelta) -> Order:
    """Open an order and reserve its price; again with the same content answers the same order.

    Raises OrderConflictError, UserNotFoundError, UserBlockedError, CollectionNotFoundError, CapacityExceededError,
    CreditLimitError.
    """
    present = await _find(tx, day.partner_id, external_id)
    if present is None:
        await users.get(tx, day.partner_id, user_id)
        offer = await catalogue.find(tx, collection_id)
        row = await tx.fetchrow(
            """INSERT INTO purchase (partner_id, external_id, user_id, collection_id, power, energy_efficiency,
                                     value_usd, state, created_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', $8, $9)
               ON CONFLICT (partner_id, external_id) DO NOTHING RETURNING *""",
            day.partner_id,
            external_id,
            user_id,
            collection_id,
            offer.power,
            offer.energy_efficiency,
            offer.value_usd,
            day.now,
            day.now + ttl,
        )
        if row is not None:
            order = _order(row)
            await _assert_active(tx, day, order)
            await _reserve(tx, day, order)
            return order
        present = await _find(tx, day.partner_id, external_id)
        assert present is not None, "somebody else has just created it"
    if (present.user_id, present.collection_id) != (user_id, collection_id):
        raise OrderConflictError("this externalId belongs to another order", field="externalId")
    return present


async def get(tx: Reader, partner_id: int, external_id: str) -> Order:
    """The partner's order with that external id. Raises OrderNotFoundError."""
    order = await _find(tx, partner_id, external_id)
    if order is None:
        raise OrderNotFoundError("the partner has no such order", field="externalId")
    return order


async def notify_paid(tx: Tx, day: OpenDay, *, external_id: str, user_id: int) -> Order:
    """The partner's user has paid: issue the miner, once. Again answers the same order.

    Raises OrderNotFoundError, OrderCancelledError, UserBlockedError; for an expired order OrderExpiredError,
    CreditLimitError or CapacityExceededError when it cannot be taken up again.
    """
    order = await _find(tx, day.partner_id, external_id, lock=True)
    if order is None or order.user_id != user_id:
        raise OrderNotFoundError("the partner has no such order for this user", field="externalId")
    if order.state == "issued":
        return order
    if order.state == "cancelled":
        raise OrderCancelledError("the order was cancelled", field="externalId")
    await _assert_active(tx, day, order)
    late = order.state == "expired" or order.expires_at <= day.now
    if late:
        await _assert_still_on_sale(tx, order)
    miner_id = await _make_miner(tx, day, order)
    # After the stints: users and class power are locked before capacity and accounts, here as for any other order.
    if late:
        order = await _reserve_anew(tx, day, order)
    return await _issue(tx, day, order, miner_id)


async def cancel(tx: Tx, day: OpenDay, *, external_id: str) -> None:
    """Take an order back and release what it reserved; again is a no-op. Raises OrderIssuedError."""
    order = await _find(tx, day.partner_id, external_id, lock=True)
    if order is None:
        raise OrderNotFoundError("the partner has no such order", field="externalId")
    if order.state == "issued":
        raise OrderIssuedError("the miner was issued", field="externalId")
    if order.state == "created":
        await _release(tx, day, order)
    await _set_state(tx, day, order, "cancelled")


async def expire_due(tx: Tx, partner_id: int, *, at_most: int = 500) -> int:
    """Release what orders past their time reserved; answers how many expired."""
    day = await day_fence.share(tx, partner_id)
    rows = await tx.fetch(
        """SELECT * FROM purchase WHERE partner_id = $1 AND state = 'created' AND expires_at <= $2
           ORDER BY expires_at, id LIMIT $3 FOR UPDATE SKIP LOCKED""",
        partner_id,
        day.now,
        at_most,
    )
    for row in rows:
        await _expire(tx, day, _order(row))
    return len(rows)


async def _assert_active(tx: Tx, day: OpenDay, order: Order) -> None:
    """The order's user is locked, and not blocked: one who is blocked now buys nothing. Raises UserBlockedError."""
    found = await users.lock(tx, day.partner_id, [order.user_id])
    users.assert_active(found[order.user_id])


async def _reserve(tx: Tx, day: OpenDay, order: Order) -> None:
    await catalogue.commit_capacity(tx, day.partner_id, order.power)
    await ledger.reserve(
        tx,
        day,
        Transfer(Kind.PURCHASE, order.id, order.attempt, Chart.PARTNER_RECEIVABLE, Chart.MINER_SALES, order.value_usd),
    )


async def _release(tx: Tx, day: OpenDay, order: Order) -> None:
    await catalogue.commit_capacity(tx, day.partner_id, -order.power)
    await ledger.void(tx, day, Kind.PURCHASE, order.id, order.attempt)


async def _expire(tx: Tx, day: OpenDay, order: Order) -> None:
    await _release(tx, day, order)
    await _set_state(tx, day, order, "expired")


async def _assert_still_on_sale(tx: Tx, order: Order) -> None:
    try:
        await catalogue.find(tx, order.collection_id)
    except catalogue.CollectionNotFoundError as error:
        raise OrderExpiredError("the order expired and its offer is over", field="externalId") from error


async def _reserve_anew(tx: Tx, day: OpenDay, order: Order) -> Order:
    """A late notice: what the order held is released, if nobody has done so yet, and reserved at the fixed price."""
    if order.state == "created":
        await _release(tx, day, order)
    await tx.execute(
        "UPDATE purchase SET attempt = attempt + 1 WHERE partner_id = $1 AND id = $2", day.partner_id, order.id
    )
    order = await _reload(tx, day, order)
    await _reserve(tx, day, order)
    return order


async def _make_miner(tx: Tx, day: OpenDay, order: Order) -> int:
    """The order's miner, which earns from tomorrow."""
    miner_id = await miners.create(
        tx,
        day.partner_id,
        user_id=order.user_id,
        name=f"Hashrail {order.power:f} TH",
        power=order.power,
        energy_efficiency=order.energy_efficiency,
        at=day.now,
    )
    await rewards.sync_stints(tx, day, [order.user_id], miner_ids=[miner_id])
    return miner_id


async def _issue(tx: Tx, day: OpenDay, order: Order, miner_id: int) -> Order:
    """The order has its miner and its money is posted."""
    await tx.execute(
        """UPDATE purchase SET state = 'issued', paid_at = $3, miner_id = $4
           WHERE partner_id = $1 AND id = $2""",
        day.partner_id,
        order.id,
        day.now,
        miner_id,
    )
    await ledger.post_reserved(tx, day, Kind.PURCHASE, order.id, order.attempt)
    return await _reload(tx, day, order)


async def _find(tx: Reader, partner_id: int, external_id: str, *, lock: bool = False) -> Order | None:
    if lock:
        query = "SELECT * FROM purchase WHERE partner_id = $1 AND external_id = $2 FOR UPDATE"
    else:
        query = "SELECT * FROM purchase WHERE partner_id = $1 AND external_id = $2"
    row = await tx.fetchrow(query, partner_id, external_id)
    return None if row is None else _order(row)


async def _reload(tx: Tx, day: OpenDay, order: Order) -> Order:
    row = await tx.fetchrow("SELECT * FROM purchase WHERE partner_id = $1 AND id = $2", day.partner_id, order.id)
    assert row is not None, "orders are never deleted"
    return _order(row)


async def _set_state(tx: Tx, day: OpenDay, order: Order, state: str) -> None:
    await tx.execute(
        "UPDATE purchase SET state = $3 WHERE partner_id = $1 AND id = $2", day.partner_id, order.id, state
    )


def _order(row: Row) -> Order:
    return Order(
        row["id"],
        row["external_id"],
        row["user_id"],
        row["collection_id"],
        row["power"],
        row["energy_efficiency"],
        row["value_usd"],
        row["state"],
        row["attempt"],
        row["created_at"],
        row["expires_at"],
        row["paid_at"],
        row["miner_id"],
    )
