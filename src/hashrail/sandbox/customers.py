"""Playing who is not there: a partner's customers, the bank, and the operator.

Each does what production does when such a thing happens, by the same verbs: the same refusals, bookings and events.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from hashrail import clock
from hashrail.books.fence import OpenBooks
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.parties import operators
from hashrail.sandbox import moves
from hashrail.selling import billing, orders, refunds
from hashrail.selling.billing import Receivable
from hashrail.selling.orders import Order
from hashrail.selling.refunds import Refund
from hashrail.settings import Settings

Outcome: TypeAlias = Literal["paid", "paid_twice", "never"]
TIMES: dict[Outcome, int] = {"paid": 1, "paid_twice": 2, "never": 0}
# What an operator does who takes a payment back; the log of a sandbox has it too, by nobody's name.
ACT = "order refund"


class OrderHalfOpenedError(BadRequestError):
    """An order is opened for a user and an offer, so both are named, or none."""

    code = "ORDER_HALF_OPENED"
    advice = "Name a user and an offer (userId, nftCollectionId) to open the order, or neither for one that is there."


class OrderPaidError(ConflictError):
    """The order's payment was told already, so it cannot come late."""

    code = "ORDER_PAID"
    advice = "Name an order (externalId) that is not paid, or a new one with user and offer (userId, nftCollectionId)."


@dataclass(frozen=True, slots=True)
class Opening:
    """An order by the partner's own id of it; for a user and an offer, where it is to be opened if it is not there."""

    external_id: str
    user_id: int | None = None
    collection_id: int | None = None


async def pay(tx: Tx, books: OpenBooks, settings: Settings, opening: Opening, outcome: Outcome) -> Order:
    """A customer who buys: the order is opened where it is not there, and its payment told as often as they let it be.

    Raises OrderHalfOpenedError, and what opening an order and telling its payment do.
    """
    order = await _open(tx, books, settings, opening)
    for _ in range(TIMES[outcome]):
        order = await _notice(tx, books, settings, order)
    return order


async def open_unpaid(tx: Tx, books: OpenBooks, settings: Settings, opening: Opening) -> Order:
    """An order whose payment will be told late. Raises OrderPaidError, and what opening an order does."""
    order = await _open(tx, books, settings, opening)
    await _assert_not_paid(tx, books, order)
    return order


async def until_late(tx: Reader, partner_id: int, external_id: str, now: datetime, *, late_seconds: int) -> timedelta:
    """How far the clock has to go until the payment comes so late. Raises OrderNotFoundError, ClockTooFarError."""
    order = await orders.get(tx, partner_id, external_id)
    target = max(now, order.expires_at + timedelta(seconds=late_seconds))
    moves.check_reach(now, target, field="lateSeconds")
    return target - now


async def tell_late(tx: Tx, books: OpenBooks, settings: Settings, external_id: str) -> Order:
    """Its payment is told. Raises what telling a payment does."""
    return await _notice(tx, books, settings, await orders.get(tx, books.partner_id, external_id))


async def charge_back(tx: Tx, books: OpenBooks, external_id: str, reason: str) -> Refund:
    """A customer's bank takes the payment back, and the operator refunds the order; one refunded before is answered.

    Raises OrderNotFoundError, OrderNotIssuedError, MinerNotFoundError, ReasonMissingError.
    """
    try:
        issued = await refunds.lock(tx, books, external_id)
    except orders.OrderRefundedError:
        order = await orders.get(tx, books.partner_id, external_id)
        found = await refunds.find(tx, books.partner_id, order)
        assert found is not None, "it has just been refused for that"
        return found
    made = await refunds.refund(tx, books, issued, reason=reason)
    before = refunds.facts(books, issued)
    after = before | {"state": "refunded", "reason": reason} | refunds.taken(made)
    subject = f"order {books.partner_id}:{external_id}"
    await operators.note(tx, None, ACT, subject, reason, before=before, after=after)
    return made


async def pay_operator(tx: Tx, books: OpenBooks, *, amount_usd: Decimal, reference: str) -> Receivable:
    """The partner pays the operator, who records it; a reference is recorded once. Answers what is owed then.

    Raises BadAmountError, PaymentConflictError, ImplausibleFigureError.
    """
    billing.doubt_payment(await billing.receivable(tx, books.partner_id), amount_usd)
    await billing.record_payment(tx, books.partner_id, amount_usd=amount_usd, reference=reference)
    return await billing.receivable(tx, books.partner_id)


async def _open(tx: Tx, books: OpenBooks, settings: Settings, opening: Opening) -> Order:
    """The order, opened where it is not there. Raises OrderHalfOpenedError and what finding or opening it does."""
    if opening.user_id is None and opening.collection_id is None:
        return await orders.get(tx, books.partner_id, opening.external_id)
    if opening.user_id is None or opening.collection_id is None:
        missing = "userId" if opening.user_id is None else "nftCollectionId"
        raise OrderHalfOpenedError(f"{missing} is missing", field=missing)
    # A partner that is suspended sells nothing new.
    books.assert_open()
    return await orders.create(
        tx,
        books,
        user_id=opening.user_id,
        collection_id=opening.collection_id,
        external_id=opening.external_id,
        ttl=timedelta(seconds=settings.order_ttl_seconds),
        open_share=settings.open_orders_share,
    )


async def _notice(tx: Tx, books: OpenBooks, settings: Settings, order: Order) -> Order:
    """What #12 does."""
    return await orders.notify_paid(
        tx,
        books,
        external_id=order.external_id,
        user_id=order.user_id,
        late_notice=timedelta(seconds=settings.late_notice_seconds),
    )


async def _assert_not_paid(tx: Tx, books: OpenBooks, order: Order) -> None:
    """The clock is not moved for an order whose payment nobody can tell. Raises OrderPaidError and its kin."""
    refunded_at = await orders.refunded_at(tx, books.partner_id, order)
    if refunded_at is not None:
        raise orders.OrderRefundedError("the order was refunded", field="externalId", refundedAt=clock.iso(refunded_at))
    if order.state == "issued":
        raise OrderPaidError("the order is paid and issued", field="externalId")
    if order.state == "cancelled":
        raise orders.OrderCancelledError("the order was cancelled", field="externalId")
