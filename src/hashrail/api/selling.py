"""Selling miners: orders and upgrades, which the partner owes the price of."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from hashrail import catalogue, clock, day_fence, db, ledger, miners, orders, tariffs, upgrades
from hashrail.api import cursors, fields
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import FieldBoundsError, number, page
from hashrail.api.models import (
    ANY_AMOUNT,
    Answer,
    Body,
    Data,
    Efficiency,
    Id,
    Listing,
    Moment,
    PaymentCreateBody,
    PaymentOut,
    PaymentSuccessBody,
    Power,
    SignedBody,
    SignedPageQuery,
    SignedQuery,
    Text,
    Usd,
)
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.orders import Order
from hashrail.upgrades import PostPayment, UpgradeKind
from hashrail.users import UserBlockedError, UserNotFoundError

EFFICIENCY_UPGRADE: Literal["nftEnergyEfficiencyUpgrade"] = "nftEnergyEfficiencyUpgrade"
POWER_UPGRADE: Literal["nftPowerUpgrade"] = "nftPowerUpgrade"
UpgradeType = Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]
KINDS: dict[UpgradeType, UpgradeKind] = {EFFICIENCY_UPGRADE: "efficiency", POWER_UPGRADE: "power"}
TYPES = {kind: name for name, kind in KINDS.items()}
# How a refusal's field is called in the body of #30.
BODY_FIELDS: dict[UpgradeKind, dict[str, str]] = {
    "power": {"from": "data.fromPower", "to": "data.toPower", "nftCollectionId": "data.toPower"},
    "efficiency": {"from": "data.fromEnergyEfficiency", "to": "data.toEnergyEfficiency"},
}

Quantity = Annotated[
    Decimal, Meta(description="TH with at most 4 decimals, or W/TH with at most 2", extra_json_schema=ANY_AMOUNT)
]
QuantityText = Annotated[str, Meta(max_length=20, pattern=fields.QUANTITY)]
ThOrWattsPerTh = Annotated[Decimal, Meta(description="TH/s or W/TH, by the type")]
IdText = Annotated[str, Meta(pattern=fields.ID_DIGITS)]


class EfficiencyUpgrade(Body, kw_only=True, tag_field="type", tag=EFFICIENCY_UPGRADE):
    """From the miner's present W/TH to fewer."""

    nft_id: Id
    from_energy_efficiency: Quantity
    to_energy_efficiency: Quantity


class PowerUpgrade(Body, kw_only=True, tag_field="type", tag=POWER_UPGRADE):
    """From the miner's present TH to more."""

    nft_id: Id
    from_power: Quantity
    to_power: Quantity


class UpgradeBody(SignedBody, kw_only=True):
    """#30: what is upgraded, under `data`."""

    data: EfficiencyUpgrade | PowerUpgrade


class UpgradePriceQuery(SignedQuery, kw_only=True):
    """#31: the upgrade to be priced; from and to are TH or W/TH."""

    type: UpgradeType
    nft_id: IdText
    from_: QuantityText = field(name="from")
    to: QuantityText


class OrderQuery(SignedQuery, kw_only=True):
    """An order by the partner's own id of it."""

    external_id: Text


class UpgradeOut(Answer, kw_only=True):
    """#30: the number of the post-payment."""

    id: str


class PriceOut(Answer, kw_only=True):
    """#31: USD."""

    price: Usd


class OrderOut(Answer, kw_only=True):
    """An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as."""

    external_id: str
    user_id: int
    nft_collection_id: int
    state: orders.State
    value: Usd
    power: Power
    energy_efficiency: Efficiency
    nft_id: int | None
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None


class PostPaymentOut(Answer, kw_only=True):
    """What the partner owes for an upgrade: value USD; from and to are TH or W/TH."""

    id: str
    type: UpgradeType
    nft_id: int
    from_: ThOrWattsPerTh = field(name="from")
    to: ThOrWattsPerTh
    value: Usd
    created_at: Moment


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


async def order(call: Call, query: OrderQuery) -> Data[OrderOut]:
    """An order with its state."""
    return Data(_order(await orders.get(call.pool, call.partner_id, query.external_id)))


async def upgrade(call: Call, tx: Tx, body: UpgradeBody) -> Data[UpgradeOut]:
    """#30: improve a miner from tomorrow on; the partner owes the price."""
    day = await day_fence.share(tx, call.partner_id)
    kind, from_value, to_value = _asked(body.data)
    try:
        post_payment_id = await upgrades.upgrade(
            tx, day, kind=kind, miner_id=body.data.nft_id, from_value=from_value, to_value=to_value
        )
    except HashrailError as refusal:
        if "field" in refusal.details:
            refusal.details["field"] = BODY_FIELDS[kind].get(str(refusal.details["field"]), "data.nftId")
        raise
    return Data(UpgradeOut(id=str(post_payment_id)))


async def upgrade_price(call: Call, query: UpgradePriceQuery) -> Data[PriceOut]:
    """#31: what an upgrade costs at this moment."""
    async with db.snapshot(call.pool) as tx:
        quote = await upgrades.quote(
            tx,
            call.partner_id,
            kind=KINDS[query.type],
            miner_id=int(query.nft_id),
            from_value=Decimal(query.from_),
            to_value=Decimal(query.to),
        )
    return Data(PriceOut(price=number(quote.value_usd)))


async def post_payments(call: Call, query: SignedPageQuery) -> Data[Listing[PostPaymentOut]]:
    """What the partner owes for upgrades, newest first."""
    limit, offset = page(query.limit, query.offset)
    found = await upgrades.post_payments(
        call.pool,
        call.partner_id,
        limit=limit + 1,
        offset=offset,
        before=cursors.last_id(query.cursor, query.offset),
    )
    shown, following = cursors.cut(found, limit, lambda one: (one.id,))
    return Data(Listing([_post_payment(one) for one in shown], following))


def _asked(data: EfficiencyUpgrade | PowerUpgrade) -> tuple[UpgradeKind, Decimal, Decimal]:
    """(kind, from, to) of an upgrade."""
    if isinstance(data, PowerUpgrade):
        return "power", data.from_power, data.to_power
    return "efficiency", data.from_energy_efficiency, data.to_energy_efficiency


def _order(one: Order) -> OrderOut:
    return OrderOut(
        external_id=one.external_id,
        user_id=one.user_id,
        nft_collection_id=one.collection_id,
        state=one.state,
        value=number(one.value_usd),
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        nft_id=one.miner_id,
        created_at=clock.iso(one.created_at),
        expires_at=clock.iso(one.expires_at),
        paid_at=None if one.paid_at is None else clock.iso(one.paid_at),
    )


def _post_payment(one: PostPayment) -> PostPaymentOut:
    return PostPaymentOut(
        id=str(one.id),
        type=TYPES[one.kind],
        nft_id=one.miner_id,
        from_=number(one.from_value),
        to=number(one.to_value),
        value=number(one.value_usd),
        created_at=clock.iso(one.created_at),
    )


ORDERING = (UserBlockedError, catalogue.CapacityExceededError, ledger.CreditLimitError)
PRICING = (
    miners.MinerNotFoundError,
    upgrades.UpgradeOutOfBoundsError,
    upgrades.UpgradeStaleError,
    tariffs.NoTariffError,
)

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
        refuses=(UserNotFoundError, catalogue.CollectionNotFoundError, orders.OrderConflictError, *ORDERING),
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
        refuses=(orders.OrderNotFoundError, orders.OrderCancelledError, orders.OrderExpiredError, *ORDERING),
    ),
    Route(
        None,
        "s2s_payment",
        "GET",
        "/s2s/nft-payment/find-one",
        Auth.SIGNED,
        OrderQuery,
        order,
        refuses=(orders.OrderNotFoundError,),
    ),
    Route(
        30,
        "s2s_upgrade",
        "POST",
        "/s2s/nft-upgrade/create",
        Auth.SIGNED,
        UpgradeBody,
        upgrade,
        writes=True,
        scope="order",
        may_be_unsigned=True,
        # Bounds: for a number of more decimals than any amount has.
        refuses=(FieldBoundsError, upgrades.UpgradeNotPricedError, *PRICING, *ORDERING),
    ),
    Route(
        31,
        "s2s_upgrade_price",
        "GET",
        "/s2s/nft-upgrade/calculate-price",
        Auth.SIGNED,
        UpgradePriceQuery,
        upgrade_price,
        may_be_unsigned=True,
        refuses=PRICING,
    ),
    Route(
        None,
        "s2s_post_payments",
        "GET",
        "/s2s/nft-upgrade/find-all",
        Auth.SIGNED,
        SignedPageQuery,
        post_payments,
        refuses=cursors.REFUSALS,
    ),
)
