"""Orders: a partner sells a miner and owes its price (#11 and #12)."""

from datetime import datetime, timedelta

from hashrail import clock
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    Data,
    Efficiency,
    Id,
    Moment,
    Power,
    SignedBody,
    SignedQuery,
    Text,
    Usd,
)
from hashrail.books import ledger
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.parties.users import UserBlockedError, UserNotFoundError
from hashrail.selling import capacity, catalogue, orders
from hashrail.selling.orders import Order

ORDERS = Noun("Orders")
ORDERING = (UserBlockedError, capacity.CapacityExceededError, ledger.CreditLimitError)


class PaymentCreateBody(SignedBody, kw_only=True):
    """#11: `userId` is the internal id."""

    user_id: Id
    nft_collection_id: Id
    external_id: Text


class PaymentSuccessBody(SignedBody, kw_only=True):
    """#12."""

    external_id: Text
    user_id: Id


class OrderQuery(SignedQuery, kw_only=True):
    """An order by the partner's own id of it."""

    external_id: Text


class PaymentOut(Answer, kw_only=True):
    """value USD, fixed."""

    value: Usd
    external_id: str


class OrderOut(Answer, kw_only=True):
    """An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as.

    A refunded order was issued, and its miner has ended since.
    """

    external_id: str
    user_id: int
    nft_collection_id: int
    state: orders.Shown
    value: Usd
    power: Power
    energy_efficiency: Efficiency
    nft_id: int | None
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None
    refunded_at: Moment | None


@ORDERS.write(
    11,
    "s2s_payment_create",
    "/s2s/nft-payment/create",
    Auth.SIGNED,
    scope="order",
    refuses=(
        UserNotFoundError,
        catalogue.CollectionNotFoundError,
        orders.OrderConflictError,
        capacity.CapacityPromisedError,
        *ORDERING,
    ),
)
async def payment_create(call: Call, tx: Tx, books: OpenBooks, body: PaymentCreateBody) -> Data[PaymentOut]:
    """#11: fix the price and reserve the partner's credit."""
    order = await orders.create(
        tx,
        books,
        user_id=body.user_id,
        collection_id=body.nft_collection_id,
        external_id=body.external_id,
        ttl=timedelta(seconds=call.deployment.settings.order_ttl_seconds),
        open_share=call.deployment.settings.open_orders_share,
    )
    return Data(PaymentOut(value=number(order.value_usd), external_id=order.external_id))


@ORDERS.write(
    12,
    "s2s_payment_success",
    "/s2s/nft-payment/success",
    Auth.SIGNED,
    scope="order",
    refuses=(
        *(orders.OrderNotFoundError, orders.OrderCancelledError, orders.OrderExpiredError, orders.OrderRefundedError),
        *ORDERING,
    ),
    # The user has paid for what was promised before.
    while_suspended=True,
)
async def payment_success(call: Call, tx: Tx, books: OpenBooks, body: PaymentSuccessBody) -> Data[bool]:
    """#12: the user has paid; their miner exists from now on and earns from tomorrow."""
    await orders.notify_paid(
        tx,
        books,
        external_id=body.external_id,
        user_id=body.user_id,
        late_notice=timedelta(seconds=call.deployment.settings.late_notice_seconds),
    )
    return Data(data=True)


@ORDERS.read(None, "s2s_payment", "GET", "/s2s/nft-payment/find-one", Auth.SIGNED, refuses=(orders.OrderNotFoundError,))
async def order(call: Call, query: OrderQuery) -> Data[OrderOut]:
    """An order with its state."""
    found = await orders.get(call.pool, call.partner_id, query.external_id)
    return Data(_order(found, await orders.refunded_at(call.pool, call.partner_id, found)))


def _order(one: Order, refunded_at: datetime | None) -> OrderOut:
    return OrderOut(
        external_id=one.external_id,
        user_id=one.user_id,
        nft_collection_id=one.collection_id,
        state=one.state if refunded_at is None else "refunded",
        value=number(one.value_usd),
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        nft_id=one.miner_id,
        created_at=clock.iso(one.created_at),
        expires_at=clock.iso(one.expires_at),
        paid_at=None if one.paid_at is None else clock.iso(one.paid_at),
        refunded_at=None if refunded_at is None else clock.iso(refunded_at),
    )
