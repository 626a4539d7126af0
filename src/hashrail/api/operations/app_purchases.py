"""What a user has bought: orders and upgrades in USD, as dashboards of others read them from the vendor's app."""

from typing import Literal

from msgspec import UNSET, UnsetType, field

from hashrail import clock, db
from hashrail.api.operations.upgrades import KINDS, ThOrWattsPerTh
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.app_models import AppBody, AppPart, Rows, Skipping, SkippingBody, Words, chosen, part_of
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Data, Efficiency, Moment, Power, Usd
from hashrail.events.types.payments import UpgradeType
from hashrail.selling import user_purchases
from hashrail.selling.upgrades import TYPES
from hashrail.selling.user_purchases import Purchase, Standing, Upgrade

APP_PURCHASES = Noun("Dashboards")
DEFAULT_ROWS = 20
Status = Literal["pending", "success", "canceled", "refunded"]
STATUSES: dict[Standing, Status] = {
    "created": "pending",
    "paid": "pending",
    "issued": "success",
    "expired": "canceled",
    "cancelled": "canceled",
    "refunded": "refunded",
}


class AppPaymentsFilter(AppPart, kw_only=True):
    """Whether orders that came to nothing are among them."""

    with_canceled: bool | UnsetType = UNSET


class AppPaymentsBody(SkippingBody, kw_only=True):
    """Which orders."""

    filters: AppPaymentsFilter | UnsetType = UNSET


class AppWordsIn(AppPart, kw_only=True):
    """Which words a row may have."""

    in_: Words | UnsetType = field(name="in", default=UNSET)


class AppUpgradesFilter(AppPart, kw_only=True):
    """Which sorts of upgrades, and in which states. Those that are kept are done: their state is `success`."""

    data_type: AppWordsIn | UnsetType = UNSET
    status: AppWordsIn | UnsetType = UNSET


class AppUpgradesBody(AppBody, kw_only=True):
    """Which upgrades; they come newest first, however they are asked to be sorted."""

    filters: AppUpgradesFilter | UnsetType = UNSET
    pagination: Skipping | UnsetType = UNSET


class AppBoughtOut(Answer, kw_only=True):
    """What an order was for; `id` and `name` are null until the miner was issued."""

    id: int | None
    name: str | None
    power: Power
    energy_efficiency: Efficiency
    nft_collection_id: int


class AppPaymentOut(Answer, kw_only=True):
    """An order at the price that the partner owes for it: what the partner took from the user, it knows itself."""

    id: int
    created_at: Moment
    value: Usd
    currency: Literal["USD"] = "USD"
    status: Status
    nfts: list[AppBoughtOut]


class AppUpgradedOut(Answer, kw_only=True):
    """The miner as it is now."""

    id: int
    name: str
    power: Power
    energy_efficiency: Efficiency
    nft_collection_id: int | None


class AppUpgradeOut(Answer, kw_only=True):
    """An upgrade, from and to in TH or W/TH by its sort; its price in USD, under all names that programs read."""

    id: int
    created_at: Moment
    data_type: UpgradeType
    upgrade_type: UpgradeType
    from_value: ThOrWattsPerTh
    to_value: ThOrWattsPerTh
    usdt_value: Usd
    provider_currency: Literal["USD"] = "USD"
    provider_currency_value: Usd
    status: Literal["success"] = "success"
    nft: AppUpgradedOut


@APP_PURCHASES.read(
    None,
    "app_payments",
    "POST",
    "/api/user-payments-history/index",
    Auth.BEARER,
    for_every_site=True,
    from_standbys=True,
)
async def own_payments(call: Call, body: AppPaymentsBody) -> Data[Rows[AppPaymentOut]]:
    """The user's orders, newest first."""
    limit, offset = part_of(body.pagination, DEFAULT_ROWS)
    everything = body.filters is not UNSET and body.filters.with_canceled is True
    async with db.snapshot(call.pool) as tx:
        found, count = await user_purchases.orders(
            tx, call.partner_id, call.user_id, with_cancelled=everything, limit=limit, offset=offset
        )
    return Data(Rows(array=[_payment(one) for one in found], count=count))


@APP_PURCHASES.read(
    None, "app_upgrades", "POST", "/api/internal-payment/get-my", Auth.BEARER, for_every_site=True, from_standbys=True
)
async def own_upgrades(call: Call, body: AppUpgradesBody) -> Data[Rows[AppUpgradeOut]]:
    """Upgrades of the user's miners, those of a time when they were another's left out, newest first."""
    limit, offset = part_of(body.pagination, DEFAULT_ROWS)
    asked = AppUpgradesFilter() if body.filters is UNSET else body.filters
    sorts, states = _words(asked.data_type), _words(asked.status)
    kinds = [kind for name, kind in KINDS.items() if sorts is None or name in sorts]
    if states is not None and "success" not in states:
        kinds = []
    async with db.snapshot(call.pool) as tx:
        found, count = await user_purchases.upgrades(
            tx, call.partner_id, call.user_id, kinds=kinds, limit=limit, offset=offset
        )
    return Data(Rows(array=[_upgrade(one) for one in found], count=count))


def _words(asked: AppWordsIn | UnsetType) -> list[str] | None:
    return None if asked is UNSET else chosen(asked.in_)


def _payment(one: Purchase) -> AppPaymentOut:
    bought = AppBoughtOut(
        id=one.miner_id,
        name=one.miner_name,
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
        nft_collection_id=one.collection_id,
    )
    return AppPaymentOut(
        id=one.id,
        created_at=clock.iso(one.created_at),
        value=number(one.value_usd),
        status=STATUSES[one.standing],
        nfts=[bought],
    )


def _upgrade(one: Upgrade) -> AppUpgradeOut:
    return AppUpgradeOut(
        id=one.id,
        created_at=clock.iso(one.created_at),
        data_type=TYPES[one.kind],
        upgrade_type=TYPES[one.kind],
        from_value=number(one.from_value),
        to_value=number(one.to_value),
        usdt_value=number(one.value_usd),
        provider_currency_value=number(one.value_usd),
        nft=AppUpgradedOut(
            id=one.miner_id,
            name=one.miner_name,
            power=number(one.power),
            energy_efficiency=number(one.energy_efficiency),
            nft_collection_id=one.collection_id,
        ),
    )
