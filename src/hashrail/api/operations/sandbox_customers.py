"""Sandbox operations that play who is not there: a partner's customers, the bank, and the operator.

Each does what production does when such a thing happens, by the same verbs: the same refusals, bookings and events.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from hashrail import bounds, clock
from hashrail.api.operations.orders import ORDERING, OrderOut, order_out
from hashrail.api.operations.sandbox import telling_the_time
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.serving.running import Steps
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import ANY_AMOUNT, Answer, Btc, Data, Id, Moment, SignedBody, Text, Usd
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.parties import operators
from hashrail.parties.users import UserNotFoundError
from hashrail.processes import housekeeping
from hashrail.rewards.stints import StintAheadError
from hashrail.sandbox import customers, journey
from hashrail.sandbox.customers import Opening, OrderHalfOpenedError, OrderPaidError, Outcome
from hashrail.sandbox.moves import NOT_FAR
from hashrail.selling import billing, capacity, catalogue, orders, refunds
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.refunds import Refund

SANDBOX_CUSTOMERS = Noun("Sandbox")
Dollars = Annotated[Decimal, Meta(description="USD, at most 18 decimals", extra_json_schema=ANY_AMOUNT)]
LATE_SECONDS = 60
REASON = "charged back"

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
    order = await customers.pay(tx, books, call.deployment.settings, _opening(body), body.outcome)
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
    settings = call.deployment.settings

    async def begin(tx: Tx) -> bytes:
        books = await fence.share(tx, call.partner_id)
        books.assert_not_closed()
        await customers.open_unpaid(tx, books, settings, _opening(body))
        return b""

    async def reach(tx: Tx, now: datetime) -> timedelta:
        return await customers.until_late(tx, call.partner_id, body.external_id, now, late_seconds=body.late_seconds)

    async def tell(tx: Tx) -> bytes:
        books = await fence.share(tx, call.partner_id)
        books.assert_not_closed()
        await customers.tell_late(tx, books, settings, body.external_id)
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
        StintAheadError,
    ),
    while_suspended=True,
)
async def chargeback(call: Call, tx: Tx, books: OpenBooks, body: ChargebackBody) -> Data[RefundOut]:
    """Play a customer whose bank takes the payment back, and the operator who refunds the order then.

    The miner ends with this day, and what you owe goes down. Of an order that was refunded before it is only shown.
    """
    made = await customers.charge_back(tx, books, body.external_id, body.reason)
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
    due = await customers.pay_operator(tx, books, amount_usd=body.amount, reference=body.reference)
    return Data(OwedOut(owed=number(due.owed), reserved=number(due.reserved), credit_limit=number(due.credit_limit)))


def _opening(body: OpeningBody) -> Opening:
    return Opening(
        body.external_id,
        None if body.user_id is UNSET else body.user_id,
        None if body.nft_collection_id is UNSET else body.nft_collection_id,
    )


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
