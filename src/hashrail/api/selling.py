"""Selling miners: orders and upgrades, and what the partner owes for them."""

from datetime import timedelta

from hashrail import day_fence, orders
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import number
from hashrail.api.models import Data, PaymentCreateBody, PaymentOut, PaymentSuccessBody
from hashrail.db import Tx


async def payment_create(call: Call, tx: Tx, body: PaymentCreateBody) -> Data[PaymentOut]:
    """#11: fix the price and reserve the partner's credit."""
    day = await day_fence.share(tx, call.partner_id)
    order = await orders.create(
        tx,
        day,
        user_id=body.user_id,
        collection_id=body.nft_collection_id,
        external_id=body.external_id,
        ttl=timedelta(seconds=call.deployment.settings.order_ttl_seconds),
    )
    return Data(PaymentOut(value=number(order.value_usd), external_id=order.external_id))


async def payment_success(call: Call, tx: Tx, body: PaymentSuccessBody) -> Data[bool]:
    """#12: the user has paid; his miner exists from now on and earns from tomorrow."""
    day = await day_fence.share(tx, call.partner_id)
    await orders.notify_paid(tx, day, external_id=body.external_id, user_id=body.user_id)
    return Data(data=True)


ROUTES = (
    Route(
        11,
        "s2s_payment_create",
        "POST",
        "/s2s/nft-payment/create",
        Auth.SIGNED,
        PaymentCreateBody,
        payment_create,
        writes=True,
        scope="order",
    ),
    Route(
        12,
        "s2s_payment_success",
        "POST",
        "/s2s/nft-payment/success",
        Auth.SIGNED,
        PaymentSuccessBody,
        payment_success,
        writes=True,
        scope="order",
    ),
)
