"""Sandbox operations that play who is not there: a partner's customers, the bank, and the operator.

Each does what production does when such a thing happens, by the same verbs: the same refusals, bookings and events.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from hashrail import bounds, clock
from hashrail.api.operations.orders import ORDERING, OrderOut, order_out
from hashrail.api.operations.sandbox import NOT_FAR, check_reach, telling_the_time
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.serving.running import Steps
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import ANY_AMOUNT, Answer, Btc, Data, Id, Moment, SignedBody, Text, Usd
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.errors import BadRequestError, ConflictError
from hashrail.parties import operators
from hashrail.parties.users import UserNotFoundError
from hashrail.processes import housekeeping
from hashrail.sandbox import journey
from hashrail.selling import billing, capacity, catalogue, orders, refunds
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.orders import Order
from hashrail.selling.refunds import Refund

SANDBOX_CUSTOMERS = Noun("Sandbox")
Outcome: TypeAlias = Literal["paid", "paid_twice", "never"]
Dollars = Annotated[Decimal, Meta(description="USD, at most 18 decimals", extra_json_schema=ANY_AMOUNT)]
LATE_SECONDS = 60
REASON = "charged back"
# What an operator does who takes a payment back; the log of a sandbox has it too, by nobody's name.
ACT = "order refund"


class OrderHalfOpenedError(BadRequestError):
    """An order is opened for a user and an offer, so both are named, or none."""

    code = "ORDER_HALF_OPENED"
    advice = "Send userId and nftCollectionId to open the order, or neither for one that is there."


class OrderPaidError(ConflictError):
    """The order's payment was told already, so it cannot come late."""

    code = "ORDER_PAID"
    advice = "Send a new externalId, with userId and nftCollectionId, or the externalId of an order that is not paid."


OPENING = (
    *(OrderHalfOpenedError, UserNotFoundError, catalogue.CollectionNotFoundError, orders.OrderConflictError),
    *(capacity.CapacityPromisedError, *ORDERING),
)
NOTICING = (orders.OrderNotFoundError, orders.OrderCancelledError, orders.OrderExpiredError, orders.OrderRefundedError)


class OpeningBody(SignedBody, kw_only=True):
    """Sandbox: an order by the partner's own id of it; opened (as #11 does) where `userId` and `nftCollectionId` are
    given and it is not there."""

    external_id: Text
    user_id: Id | UnsetType = UNSET
    nft_collection_id: Id | UnsetType = UNSET


class PayBody(OpeningBody, kw_only=True):
    """Sandbox: what the customer does: pay, have it told twice, or never pay."""

    outcome: Outcome = "paid"


class LateNoticeBody(OpeningBody, kw_only=True):
    """Sandbox: how many seconds after the order's end its payment is told."""

    late_seconds: Annotated[int, Meta(ge=1, le=316_224_000)] = LATE_SECONDS


class ChargebackBody(SignedBody, kw_only=True):
    """Sandbox: whose payment is taken back, and what the operator's log says of it."""

    external_id: Text
    reason: Text = REASON


class PartnerPaymentBody(SignedBody, kw_only=True):
    """Sandbox: what you paid to the operator, under the bank's reference."""

    amount: Dollars
    reference: Text


class TakingOut(Answer, kw_only=True):
    """What a miner earned in a user's hands, and what of it was there to be taken back, BTC."""

    partner_user_id: str
    earned: Btc
    taken: Btc


class RefundOut(Answer, kw_only=True):
    """A refunded order: its miner has ended, and `value` USD are owed no more, upgrades included.

    `income` says whether what the miner earned stays with the users or is taken back, as `takings` tell.
    """

    external_id: str
    nft_id: int
    value: Usd
    income: Literal["keep", "take"]
    reason: str
    refunded_at: Moment
    takings: list[TakingOut]


class OwedOut(Answer, kw_only=True):
    """What you owe by now, USD: `owed` for issued miners less what you paid, `reserved` by open orders."""

    owed: Usd
    reserved: Usd
    credit_limit: Usd


@SANDBOX_CUSTOMERS.write(
    None,
    "sandbox_pay",
    "/api/sandbox/pay",
    Auth.SIGNED,
    scope="order",
    refuses=(*OPENING, *NOTICING),
    while_suspended=True,
)
async def pay(call: Call, tx: Tx, books: OpenBooks, body: PayBody) -> Data[OrderOut]:
    """Play a customer who buys: the order is opened where it is not there, and its payment told as #12 does."""
    order = await _open(call, tx, books, body)
    for _ in range({"paid": 1, "paid_twice": 2, "never": 0}[body.outcome]):
        order = await _notice(call, tx, books, order)
    return Data(order_out(order, await orders.refunded_at(tx, books.partner_id, order)))


@SANDBOX_CUSTOMERS.write_in_steps(
    None,
    "sandbox_late_notice",
    "/api/sandbox/late-notice",
    Auth.SIGNED,
    scope="order",
    refuses=(*OPENING, *NOTICING, OrderPaidError, *NOT_FAR),
)
async def late_notice(call: Call, steps: Steps, body: LateNoticeBody) -> Data[OrderOut]:
    """Play a payment that is told late: move the clock past the order's end, and tell it then as #12 does.

    In time for a late notice the order is taken up again and issued; later it is 409 ORDER_EXPIRED, and the clock
    stays where it is.
    """

    async def begin(tx: Tx) -> bytes:
        books = await fence.share(tx, call.partner_id)
        books.assert_not_closed()
        await _assert_not_paid(tx, books, await _open(call, tx, books, body))
        return b""

    async def reach(tx: Tx, now: datetime) -> timedelta:
        order = await orders.get(tx, call.partner_id, body.external_id)
        target = max(now, order.expires_at + timedelta(seconds=body.late_seconds))
        check_reach(now, target, field="lateSeconds")
        return target - now

    async def tell(tx: Tx) -> bytes:
        books = await fence.share(tx, call.partner_id)
        books.assert_not_closed()
        await _notice(call, tx, books, await orders.get(tx, call.partner_id, body.external_id))
        return b""

    async with telling_the_time(call):
        await steps.once(begin)
        await journey.go(call.deployment, steps.once, reach)
        await steps.once(tell)
        await housekeeping.housekeeping(call.pool)
    order = await orders.get(call.pool, call.partner_id, body.external_id)
    return Data(order_out(order, await orders.refunded_at(call.pool, call.partner_id, order)))


@SANDBOX_CUSTOMERS.write(
    None,
    "sandbox_chargeback",
    "/api/sandbox/chargeback",
    Auth.SIGNED,
    scope="order",
    refuses=(
        *(orders.OrderNotFoundError, refunds.OrderNotIssuedError, MinerNotFoundError, operators.ReasonMissingError),
    ),
    while_suspended=True,
)
async def chargeback(call: Call, tx: Tx, books: OpenBooks, body: ChargebackBody) -> Data[RefundOut]:
    """Play a customer whose bank takes the payment back, and the operator who refunds the order then.

    The miner ends with this day, and what you owe goes down. Of an order that was refunded before it is only shown.
    """
    try:
        issued = await refunds.lock(tx, books, body.external_id)
    except orders.OrderRefundedError:
        order = await orders.get(tx, books.partner_id, body.external_id)
        found = await refunds.find(tx, books.partner_id, order)
        assert found is not None, "it has just been refused for that"
        return Data(_refund(body.external_id, found))
    made = await refunds.refund(tx, books, issued, reason=body.reason)
    before = refunds.facts(books, issued)
    after = before | {"state": "refunded", "reason": body.reason} | refunds.taken(made)
    subject = f"order {books.partner_id}:{body.external_id}"
    await operators.note(tx, None, ACT, subject, body.reason, before=before, after=after)
    return Data(_refund(body.external_id, made))


@SANDBOX_CUSTOMERS.write(
    None,
    "sandbox_partner_payment",
    "/api/sandbox/partner-payment",
    Auth.SIGNED,
    scope="order",
    refuses=(FieldBoundsError, billing.BadAmountError, billing.PaymentConflictError, bounds.ImplausibleFigureError),
    while_suspended=True,
)
async def partner_payment(call: Call, tx: Tx, books: OpenBooks, body: PartnerPaymentBody) -> Data[OwedOut]:
    """Play your own payment to the operator, who records it: you owe less. A reference is recorded once."""
    billing.doubt_payment(await billing.receivable(tx, books.partner_id), body.amount)
    await billing.record_payment(tx, books.partner_id, amount_usd=body.amount, reference=body.reference)
    due = await billing.receivable(tx, books.partner_id)
    return Data(OwedOut(owed=number(due.owed), reserved=number(due.reserved), credit_limit=number(due.credit_limit)))


async def _open(call: Call, tx: Tx, books: OpenBooks, body: OpeningBody) -> Order:
    """The order, opened where it is not there. Raises OrderHalfOpenedError and what finding or opening it does."""
    if body.user_id is UNSET and body.nft_collection_id is UNSET:
        return await orders.get(tx, books.partner_id, body.external_id)
    if body.user_id is UNSET or body.nft_collection_id is UNSET:
        missing = "userId" if body.user_id is UNSET else "nftCollectionId"
        raise OrderHalfOpenedError(f"{missing} is missing", field=missing)
    # A partner that is suspended sells nothing new.
    books.assert_open()
    settings = call.deployment.settings
    return await orders.create(
        tx,
        books,
        user_id=body.user_id,
        collection_id=body.nft_collection_id,
        external_id=body.external_id,
        ttl=timedelta(seconds=settings.order_ttl_seconds),
        open_share=settings.open_orders_share,
    )


async def _notice(call: Call, tx: Tx, books: OpenBooks, order: Order) -> Order:
    """What #12 does."""
    return await orders.notify_paid(
        tx,
        books,
        external_id=order.external_id,
        user_id=order.user_id,
        late_notice=timedelta(seconds=call.deployment.settings.late_notice_seconds),
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


def _refund(external_id: str, made: Refund) -> RefundOut:
    return RefundOut(
        external_id=external_id,
        nft_id=made.miner_id,
        value=number(made.value_usd),
        income="take" if made.takes_income else "keep",
        reason=made.reason,
        refunded_at=clock.iso(made.refunded_at),
        takings=[
            TakingOut(partner_user_id=one.partner_user_id, earned=number(one.earned_btc), taken=number(one.taken_btc))
            for one in made.takings
        ],
    )
