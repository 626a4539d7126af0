"""Orders: a partner sells a miner and owes its price (#11 and #12)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    Data,
    Efficiency,
    Id,
    Moment,
    PartnerPageQuery,
    PositionText,
    Power,
    SignedBody,
    SignedQuery,
    Text,
    Usd,
)
from hashrail.api.wire.page import Order as Ordering
from hashrail.api.wire.page import Page
from hashrail.books import ledger
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.events import feed
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError
from hashrail.rewards.stints import StintAheadError
from hashrail.selling import capacity, catalogue, gathered_orders, orders
from hashrail.selling.gathered_orders import Notice, Wish
from hashrail.selling.orders import Order

ORDERS = Noun("Orders")
BY_ID: Ordering[tuple[Order, datetime | None], int] = Ordering(
    lambda one: (one[0].id,), lambda cursor: cursors.decode(cursor, int)[0]
)
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


class OrdersQuery(PartnerPageQuery, kw_only=True):
    """Orders in a state, or that changed since a position of the partner's feed: `position` of an earlier answer."""

    state: orders.Shown | UnsetType = UNSET
    changed_since: PositionText | UnsetType = UNSET


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


class OrdersOut(Answer, kw_only=True):
    """Orders, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[OrderOut]
    position: int
    next_cursor: str | UnsetType = UNSET


async def create_together(
    deployment: Deployment, tx: Tx, books: OpenBooks, bodies: Sequence[PaymentCreateBody]
) -> list[Data[PaymentOut] | None]:
    """#11 of several orders at once."""
    made = await gathered_orders.create(
        tx,
        books,
        [Wish(body.user_id, body.nft_collection_id, body.external_id) for body in bodies],
        ttl=timedelta(seconds=deployment.settings.order_ttl_seconds),
        open_share=deployment.settings.open_orders_share,
    )
    return [None if order is None else _created(order) for order in made]


def _created(order: Order) -> Data[PaymentOut]:
    return Data(PaymentOut(value=number(order.value_usd), external_id=order.external_id))


async def notify_together(
    deployment: Deployment, tx: Tx, books: OpenBooks, bodies: Sequence[PaymentSuccessBody]
) -> list[Data[bool] | None]:
    """#12 of several orders at once."""
    notices = [Notice(body.external_id, body.user_id) for body in bodies]
    return [
        None if order is None else Data(data=True) for order in await gathered_orders.notify_paid(tx, books, notices)
    ]


@ORDERS.write_gathered(
    11,
    "s2s_payment_create",
    "/s2s/nft-payment/create",
    Auth.SIGNED,
    create_together,
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
    return _created(order)


@ORDERS.write_gathered(
    12,
    "s2s_payment_success",
    "/s2s/nft-payment/success",
    Auth.SIGNED,
    notify_together,
    scope="order",
    refuses=(
        *(orders.OrderNotFoundError, orders.OrderCancelledError, orders.OrderExpiredError, orders.OrderRefundedError),
        *(StintAheadError, *ORDERING),
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


@ORDERS.read(
    None,
    "s2s_payment",
    "GET",
    "/s2s/nft-payment/find-one",
    Auth.SIGNED,
    refuses=(orders.OrderNotFoundError,),
    from_standbys=True,
)
async def order(call: Call, query: OrderQuery) -> Data[OrderOut]:
    """An order with its state."""
    found = await orders.get(call.pool, call.partner_id, query.external_id)
    return Data(order_out(found, await orders.refunded_at(call.pool, call.partner_id, found)))


@ORDERS.read(
    None,
    "s2s_payments",
    "GET",
    "/s2s/nft-payment/find-all",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def every_order(call: Call, query: OrdersQuery) -> Data[OrdersOut]:
    """The partner's orders or one user's, newest first: all, those in a state, or those that changed since a position.

    A position is read first, and then the orders. So whoever asks again with the position of the last answer is told
    every change since, some of them perhaps twice.
    """
    page = Page.of(query, BY_ID)
    since = None if query.changed_since is UNSET else int(query.changed_since)
    await call.append_to_feed()
    async with db.snapshot(call.pool) as tx:
        name = query.partner_user_id
        user_id = None if name is UNSET else (await users.find(tx, call.partner_id, name)).id
        position = await feed.last_position(tx, call.partner_id)
        found = await orders.of_partner(
            tx,
            call.partner_id,
            user_id=user_id,
            state=None if query.state is UNSET else query.state,
            changed_since=feed.listed_since(position, since),
            limit=page.to_read,
            offset=page.offset,
            before=page.behind,
        )
    shown, next_cursor = page.cut(found)
    return Data(
        OrdersOut(
            array=[order_out(one, refunded_at) for one, refunded_at in shown],
            position=position,
            next_cursor=next_cursor,
        )
    )


def order_out(one: Order, refunded_at: datetime | None) -> OrderOut:
    """An order as it is answered."""
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
