"""Orders: a partner sells a miner to its user and owes the operator the price.

    created -> issued            the partner says that its user has paid; the miner exists and earns from tomorrow
    created -> expired           nobody paid in time; a late notice still issues for a day, while the offer is as it was
    created -> cancelled         the operator took it back
    issued -> (refunded)         the money was given back, and the miner ended (`refunds.py`); the table says issued

Creating fixes the price and reserves it on the partner's receivable (pending transfer receivable -> miner sales)
and the TH on the operator's capacity. Issuing posts the transfer, expiry and cancelling void it. A late notice
reserves anew under the next attempt. An order is known by the partner's `externalId`: creating or notifying twice is
one effect.

Accounts touched: partner receivable, miner sales.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from hashrail import clock
from hashrail.books import fence, ledger, lost_numbers
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Reader, Row, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import ConflictError, NotFoundError
from hashrail.events import drafts
from hashrail.events.types.miners import MinerIssued
from hashrail.events.types.orders import (
    OrderCancelled,
    OrderCreated,
    OrderEvent,
    OrderExpired,
    OrderIssued,
    OrderRefunded,
)
from hashrail.parties import users
from hashrail.parties.users import User
from hashrail.rewards import stints
from hashrail.rewards.stints import NewMiner
from hashrail.selling import capacity, catalogue, miners

# How long after its end an order may still be paid at its price, where the deployment says nothing else.
LATE_NOTICE = timedelta(days=1)
# And what a partner's unpaid orders may hold of the capacity that is not sold, where there are several partners.
OPEN_SHARE = Decimal("0.5")
State = Literal["created", "issued", "expired", "cancelled"]
# What callers are told: an order that is issued and refunded since has no state of its own in its row.
Shown = Literal["created", "issued", "expired", "cancelled", "refunded"]


class OrderNotFoundError(NotFoundError):
    """The partner has no order with that external id for that user."""

    code = "ORDER_NOT_FOUND"
    advice = "Create the order (#11) first, with the same externalId and userId."


class OrderConflictError(ConflictError):
    """The external id belongs to an order with other content."""

    code = "ORDER_CONFLICT"
    advice = "Use a new externalId for a new purchase."


class OrderExpiredError(ConflictError):
    """The order is over: its payment was told too late, or its offer is not what it was."""

    code = "ORDER_EXPIRED"
    advice = "Create a new order for what is on sale now; give the user their money back if they paid."


class OrderCancelledError(ConflictError):
    """The order was cancelled."""

    code = "ORDER_CANCELLED"
    advice = "Create a new order with a new externalId."


class OrderRefundedError(ConflictError):
    """The order was issued, and refunded since: its miner has ended."""

    code = "ORDER_REFUNDED"
    advice = "Create a new order with a new externalId if the user has paid again."


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


READ = """
    SELECT id, external_id, user_id, collection_id, power, energy_efficiency, value_usd, state, attempt,
           created_at, expires_at, paid_at, miner_id
    FROM purchase"""


async def create(
    tx: Tx,
    books: OpenBooks,
    *,
    user_id: int,
    collection_id: int,
    external_id: str,
    ttl: timedelta,
    open_share: Decimal = OPEN_SHARE,
) -> Order:
    """Open an order and reserve its price; again with the same content answers the same order.

    `open_share` is what unpaid orders may hold of a capped capacity. Raises OrderConflictError, UserNotFoundError,
    UserBlockedError, CollectionNotFoundError, CapacityExceededError, CapacityPromisedError, CreditLimitError.
    """
    terms = await _terms(tx, books.partner_id, user_id, collection_id)
    if terms is not None and terms["value_usd"] is not None and terms["blocked_at"] is None:
        order = await _open(tx, books, external_id, terms, books.now + ttl)
        if order is not None:
            await drafts.note(tx, books.partner_id, OrderCreated(**facts(order)))
            # All orders of a partner meet from here on: what they need not wait for is done by now.
            if await capacity.commit_capacity(tx, books.partner_id, order.power):
                await capacity.assert_open_orders_bounded(tx, books.partner_id, open_share)
            await ledger.reserve(tx, books, price(order))
            return order
    present = await _find(tx, books.partner_id, external_id)
    if present is None:
        await _refuse(tx, books, user_id, collection_id)
        # What stood in the way has gone meanwhile.
        same: Any = {"user_id": user_id, "collection_id": collection_id, "external_id": external_id}
        return await create(tx, books, **same, ttl=ttl, open_share=open_share)
    if (present.user_id, present.collection_id) != (user_id, collection_id):
        raise OrderConflictError("this externalId belongs to another order", field="externalId")
    return present


async def get(tx: Reader, partner_id: int, external_id: str) -> Order:
    """The partner's order with that external id. Raises OrderNotFoundError."""
    order = await _find(tx, partner_id, external_id)
    if order is None:
        raise OrderNotFoundError("the partner has no such order", field="externalId")
    return order


async def numbered(tx: Reader, partner_id: int, order_id: int) -> Order:
    """The partner's order of that number. Raises OrderNotFoundError."""
    row = await tx.fetchrow(f"{READ} WHERE partner_id = $1 AND id = $2", partner_id, order_id)
    if row is None:
        raise OrderNotFoundError("the partner has no such order", field="order")
    return record(Order, row)


async def of_miner(tx: Reader, partner_id: int, miner_id: int) -> str | None:
    """The external id of the order that issued a miner; None where its buyer never earned with it.

    It is looked for among the orders of those who have earned with it, which is by index.
    """
    found: str | None = await tx.fetchval(
        """SELECT o.external_id FROM purchase o
           WHERE o.partner_id = $1 AND o.miner_id = $2 AND o.user_id IN (
               SELECT s.user_id FROM stint s WHERE s.partner_id = $1 AND s.miner_id = $2
               UNION SELECT m.user_id FROM miner m WHERE m.partner_id = $1 AND m.id = $2)""",
        partner_id,
        miner_id,
    )
    return found


async def of_partner(
    tx: Reader,
    partner_id: int,
    *,
    user_id: int | None = None,
    state: Shown | None = None,
    changed_since: int | None = None,
    limit: int,
    offset: int = 0,
    before: int | None = None,
) -> list[tuple[Order, datetime | None]]:
    """A page of the partner's orders, newest first, each with when it was refunded.

    `changed_since` is a position of the partner's feed: of those orders only of which an event stands behind it.
    `before` is the last page's last id.
    """
    rows = await tx.fetch(
        """SELECT p.id, p.external_id, p.user_id, p.collection_id, p.power, p.energy_efficiency, p.value_usd, p.state,
                  p.attempt, p.created_at, p.expires_at, p.paid_at, p.miner_id, r.refunded_at
           FROM purchase p
           LEFT JOIN order_refund r ON r.partner_id = p.partner_id AND r.purchase_id = p.id
           WHERE p.partner_id = $1 AND ($2::bigint IS NULL OR p.user_id = $2) AND ($3::bigint IS NULL OR p.id < $3)
             AND ($4::text IS NULL OR CASE WHEN r.refunded_at IS NULL THEN p.state ELSE 'refunded' END = $4)
             AND ($5::bigint IS NULL OR p.external_id IN (
                 SELECT e.object_id FROM event e
                 WHERE e.partner_id = $1 AND e.position > $5 AND e.object_kind = $8))
           ORDER BY p.id DESC LIMIT $6 OFFSET $7""",
        *(partner_id, user_id, before, state, changed_since, limit, offset, OrderEvent.KIND),
    )
    return [(_without_refund(row), row["refunded_at"]) for row in rows]


def _without_refund(row: Row) -> Order:
    return Order(**{name: value for name, value in row.items() if name != "refunded_at"})


async def refunded_at(tx: Reader, partner_id: int, order: Order) -> datetime | None:
    """When an order was refunded, if it was."""
    at: datetime | None = await tx.fetchval(
        "SELECT refunded_at FROM order_refund WHERE partner_id = $1 AND purchase_id = $2", partner_id, order.id
    )
    return at


async def notify_paid(
    tx: Tx,
    books: OpenBooks,
    *,
    external_id: str,
    user_id: int,
    late_notice: timedelta = LATE_NOTICE,
) -> Order:
    """The partner's user has paid: issue the miner, once. Again answers the same order.

    An order that is over is taken up again until `late_notice` after its end: a price is no promise for ever.
    Raises OrderNotFoundError, OrderCancelledError, OrderRefundedError, UserBlockedError; for an expired order
    OrderExpiredError, CreditLimitError or CapacityExceededError when it cannot be taken up again.
    """
    order, buyer = await _find_with_buyer(tx, books.partner_id, external_id)
    if order is None or buyer is None or order.user_id != user_id:
        lost = await lost_numbers.told(tx, "app_user_id_seq", user_id)
        raise OrderNotFoundError("the partner has no such order for this user", field="externalId", **lost)
    if order.state == "issued":
        await _assert_not_refunded(tx, books, order)
        return order
    if order.state == "cancelled":
        raise OrderCancelledError("the order was cancelled", field="externalId")
    users.assert_active(buyer)
    late = order.state == "expired" or order.expires_at <= books.now
    if late:
        await _assert_stands(tx, books, order, late_notice)
    miner_id = await _make_miner(tx, books, order)
    issued = await _issue(tx, books, order, miner_id)
    # All orders of a partner meet from here on: what they need not wait for is done by now.
    begun = NewMiner(miner_id, buyer.id, order.power, order.energy_efficiency)
    await stints.begin(tx, books, [begun], {buyer.id: buyer})
    # After the stints: users and class power are locked before capacity and accounts, here as for any other order.
    if late:
        issued = await _reserve_anew(tx, books, order, issued)
    await ledger.post_reserved(tx, books, TransferKind.PURCHASE, issued.id, issued.attempt)
    return issued


async def lock(tx: Tx, books: OpenBooks, external_id: str) -> Order:
    """As `get`, held until the transaction ends. Raises OrderNotFoundError, OrderRefundedError."""
    order = await _find(tx, books.partner_id, external_id, lock=True)
    if order is None:
        raise OrderNotFoundError("the partner has no such order", field="externalId")
    await _assert_not_refunded(tx, books, order)
    return order


async def cancel(tx: Tx, books: OpenBooks, *, external_id: str) -> str:
    """Take an order back and release what it reserved; again is a no-op. Answers the state that it had.

    Raises OrderNotFoundError, OrderIssuedError.
    """
    order = await _find(tx, books.partner_id, external_id, lock=True)
    if order is None:
        raise OrderNotFoundError("the partner has no such order", field="externalId")
    if order.state == "issued":
        raise OrderIssuedError("the miner was issued", field="externalId")
    if order.state == "created":
        await _release(tx, books, order)
    if order.state != "cancelled":
        await journal.note(tx, Kind.ORDER_CANCELLED, partner_id=books.partner_id, order=external_id)
        await drafts.note(tx, books.partner_id, OrderCancelled(**facts(order)))
    await _set_state(tx, books, order, "cancelled")
    return order.state


def refunded(order: Order, miner_id: int, value_usd: Decimal) -> OrderRefunded:
    """What is told of an issued order whose refund brings down by so much what the partner owes."""
    return OrderRefunded(nft_id=miner_id, refunded=value_usd, **facts(order))


async def open_ones(tx: Reader, partner_id: int) -> list[str]:
    """The external ids of the partner's orders that wait to be paid, oldest first."""
    rows = await tx.fetch(
        "SELECT external_id FROM purchase WHERE partner_id = $1 AND state = 'created' ORDER BY id", partner_id
    )
    return [row["external_id"] for row in rows]


async def next_expiry(tx: Reader) -> datetime | None:
    """When the next of all partners' open orders expires; None where none is open."""
    found: datetime | None = await tx.fetchval("SELECT min(expires_at) FROM purchase WHERE state = 'created'")
    return found


async def expire_due(tx: Tx, partner_id: int, *, at_most: int = 500) -> int:
    """Release what orders past their time reserved; answers how many expired."""
    books = await fence.share(tx, partner_id)
    rows = await tx.fetch(
        f"""{READ} WHERE partner_id = $1 AND state = 'created' AND expires_at <= $2
            ORDER BY expires_at, id LIMIT $3 FOR UPDATE SKIP LOCKED""",
        partner_id,
        books.now,
        at_most,
    )
    for row in rows:
        await _expire(tx, books, record(Order, row))
    return len(rows)


async def _terms(tx: Tx, partner_id: int, user_id: int, collection_id: int) -> Row | None:
    """The user, whose row is locked, and what the offer is, where it is on sale; None where there is no such user."""
    return await tx.fetchrow(
        """SELECT u.id AS user_id, u.blocked_at, c.id AS collection_id, c.power, c.energy_efficiency, c.value_usd
           FROM app_user u LEFT JOIN collection c ON c.id = $3 AND c.active
           WHERE u.partner_id = $1 AND u.id = $2 FOR NO KEY UPDATE OF u""",
        partner_id,
        user_id,
        collection_id,
    )


async def _open(tx: Tx, books: OpenBooks, external_id: str, terms: Row, expires_at: datetime) -> Order | None:
    """Write the order; None where the partner has one by that external id."""
    row = await tx.fetchrow(
        """INSERT INTO purchase (partner_id, external_id, user_id, collection_id, power, energy_efficiency,
                                 value_usd, state, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', $8, $9)
           ON CONFLICT (partner_id, external_id) DO NOTHING
           RETURNING id, external_id, user_id, collection_id, power, energy_efficiency, value_usd, state, attempt,
                     created_at, expires_at, paid_at, miner_id""",
        *(books.partner_id, external_id, terms["user_id"], terms["collection_id"]),
        *(terms["power"], terms["energy_efficiency"], terms["value_usd"], books.now, expires_at),
    )
    return None if row is None else record(Order, row)


async def _refuse(tx: Tx, books: OpenBooks, user_id: int, collection_id: int) -> None:
    """Refuse for what is in the way, if it still is: UserNotFoundError, CollectionNotFoundError, UserBlockedError."""
    user = await users.get(tx, books.partner_id, user_id)
    await catalogue.find(tx, collection_id)
    users.assert_active(user)


def price(order: Order) -> Transfer:
    """What the partner owes for an order."""
    accounts = Account.PARTNER_RECEIVABLE, Account.MINER_SALES
    return Transfer(TransferKind.PURCHASE, order.id, order.attempt, *accounts, order.value_usd)


async def _release(tx: Tx, books: OpenBooks, order: Order) -> None:
    await capacity.commit_capacity(tx, books.partner_id, -order.power)
    await ledger.void(tx, books, TransferKind.PURCHASE, order.id, order.attempt)


async def _expire(tx: Tx, books: OpenBooks, order: Order) -> None:
    await _release(tx, books, order)
    await _set_state(tx, books, order, "expired")
    await drafts.note(tx, books.partner_id, OrderExpired(**facts(order)))


async def _assert_not_refunded(tx: Tx, books: OpenBooks, order: Order) -> None:
    """To be asked under the order's lock. Raises OrderRefundedError, with when it was."""
    at = await refunded_at(tx, books.partner_id, order)
    if at is not None:
        raise OrderRefundedError("the order was refunded", field="externalId", refundedAt=clock.iso(at))


async def _assert_stands(tx: Tx, books: OpenBooks, order: Order, late_notice: timedelta) -> None:
    """Raises OrderExpiredError, with what the partner needs to give the money back."""
    facts: dict[str, object] = {"field": "externalId", "expiredAt": clock.iso(order.expires_at)}
    if books.now > order.expires_at + late_notice:
        until = clock.iso(order.expires_at + late_notice)
        raise OrderExpiredError(f"the order expired, and its payment could be told until {until}", **facts, until=until)
    try:
        offer = await catalogue.find(tx, order.collection_id)
    except catalogue.CollectionNotFoundError as error:
        raise OrderExpiredError("the order expired and its offer is over", **facts) from error
    if offer.value_usd != order.value_usd:
        prices = {"value": order.value_usd, "presentValue": offer.value_usd}
        raise OrderExpiredError("the order expired and its offer has another price", **facts, **prices)


async def _reserve_anew(tx: Tx, books: OpenBooks, order: Order, issued: Order) -> Order:
    """A late notice: what the order held is released, if nobody has done so yet, and reserved at the fixed price."""
    if order.state == "created":
        await _release(tx, books, order)
    query = "UPDATE purchase SET attempt = attempt + 1 WHERE partner_id = $1 AND id = $2 RETURNING attempt"
    anew = replace(issued, attempt=await tx.fetchval(query, books.partner_id, order.id))
    await capacity.commit_capacity(tx, books.partner_id, order.power)
    await ledger.reserve(tx, books, price(anew))
    return anew


async def _make_miner(tx: Tx, books: OpenBooks, order: Order) -> int:
    """The order's miner, which has no stint yet."""
    return await miners.create(
        tx,
        books.partner_id,
        user_id=order.user_id,
        name=miner_name(order),
        power=order.power,
        energy_efficiency=order.energy_efficiency,
        at=books.now,
    )


async def _issue(tx: Tx, books: OpenBooks, order: Order, miner_id: int) -> Order:
    """The order has its miner; its money is to be posted."""
    await tx.execute(
        """UPDATE purchase SET state = 'issued', paid_at = $3, miner_id = $4
           WHERE partner_id = $1 AND id = $2""",
        books.partner_id,
        order.id,
        books.now,
        miner_id,
    )
    await drafts.note(tx, books.partner_id, *issued_as(order, miner_id))
    return replace(order, state="issued", paid_at=books.now, miner_id=miner_id)


def miner_name(order: Order) -> str:
    """What the miner of an order is called."""
    return f"Hashrail {order.power:f} TH"


def issued_as(order: Order, miner_id: int) -> tuple[OrderIssued, MinerIssued]:
    """What is told of an order that is issued as a miner."""
    of_miner = {name: facts(order)[name] for name in ("user_id", "external_id", "power", "energy_efficiency")}
    return OrderIssued(nft_id=miner_id, **facts(order)), MinerIssued(nft_id=miner_id, **of_miner)


def facts(order: Order) -> dict[str, Any]:
    """What every event of an order tells."""
    return {
        "external_id": order.external_id,
        "user_id": order.user_id,
        "nft_collection_id": order.collection_id,
        "power": order.power,
        "energy_efficiency": order.energy_efficiency,
        "value": order.value_usd,
    }


async def _find(tx: Reader, partner_id: int, external_id: str, *, lock: bool = False) -> Order | None:
    query = f"{READ} WHERE partner_id = $1 AND external_id = $2"
    row = await tx.fetchrow(f"{query} FOR UPDATE" if lock else query, partner_id, external_id)
    return None if row is None else record(Order, row)


async def _find_with_buyer(tx: Tx, partner_id: int, external_id: str) -> tuple[Order | None, User | None]:
    """An order and its user, both locked, the order first."""
    row = await tx.fetchrow(
        """SELECT o.id, o.external_id, o.user_id, o.collection_id, o.power, o.energy_efficiency, o.value_usd, o.state,
                  o.attempt, o.created_at, o.expires_at, o.paid_at, o.miner_id,
                  u.partner_user_id, u.email, u.created_at AS registered_at, u.level_discount, u.settled_through,
                  u.blocked_at, u.payouts_go_on
           FROM purchase o JOIN app_user u ON u.partner_id = o.partner_id AND u.id = o.user_id
           WHERE o.partner_id = $1 AND o.external_id = $2
           FOR UPDATE OF o FOR NO KEY UPDATE OF u""",
        partner_id,
        external_id,
    )
    if row is None:
        return None, None
    buyer = User(
        partner_id=partner_id,
        id=row["user_id"],
        partner_user_id=row["partner_user_id"],
        email=row["email"],
        created_at=row["registered_at"],
        level_discount=row["level_discount"],
        settled_through=row["settled_through"],
        blocked_at=row["blocked_at"],
        payouts_go_on=row["payouts_go_on"],
    )
    return Order(**{name: row[name] for name in Order.__slots__}), buyer


async def _set_state(tx: Tx, books: OpenBooks, order: Order, state: str) -> None:
    await tx.execute(
        "UPDATE purchase SET state = $3 WHERE partner_id = $1 AND id = $2", books.partner_id, order.id, state
    )
