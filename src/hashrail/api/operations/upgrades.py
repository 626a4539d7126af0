"""Upgrades: a miner gets more power or fewer W/TH, and the partner owes the price (#30 and #31)."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from hashrail import clock, db
from hashrail.api.operations.orders import ORDERING
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors, texts
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number, quantity, whole
from hashrail.api.wire.models import (
    ANY_AMOUNT,
    Answer,
    Body,
    Data,
    Id,
    IdText,
    Listing,
    Moment,
    SignedBody,
    SignedPageQuery,
    SignedQuery,
    Usd,
)
from hashrail.api.wire.page import Page, by_id
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.events.types.payments import UpgradeType
from hashrail.rewards.stints import StintAheadError
from hashrail.selling import miners, upgrade_tariff, upgrades
from hashrail.selling.upgrades import PostPayment, UpgradeKind

UPGRADES = Noun("Upgrades")
BY_ID = by_id(PostPayment)
PRICING = (
    miners.MinerNotFoundError,
    upgrades.UpgradeOutOfBoundsError,
    upgrades.UpgradeStaleError,
    upgrade_tariff.NoTariffError,
)

EFFICIENCY_UPGRADE: Literal["nftEnergyEfficiencyUpgrade"] = "nftEnergyEfficiencyUpgrade"
POWER_UPGRADE: Literal["nftPowerUpgrade"] = "nftPowerUpgrade"
KINDS: dict[UpgradeType, UpgradeKind] = {EFFICIENCY_UPGRADE: "efficiency", POWER_UPGRADE: "power"}
# How a refusal's field is called in the body of #30.
BODY_FIELDS: dict[UpgradeKind, dict[str, str]] = {
    "power": {"from": "data.fromPower", "to": "data.toPower", "nftCollectionId": "data.toPower"},
    "efficiency": {"from": "data.fromEnergyEfficiency", "to": "data.toEnergyEfficiency"},
}

Quantity = Annotated[
    Decimal, Meta(description="TH with at most 4 decimals, or W/TH with at most 2", extra_json_schema=ANY_AMOUNT)
]
QuantityText = Annotated[str, Meta(max_length=20, pattern=texts.QUANTITY)]
ThOrWattsPerTh = Annotated[Decimal, Meta(description="TH/s or W/TH, by the type")]


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


class UpgradeOut(Answer, kw_only=True):
    """#30: the number of the post-payment."""

    id: str


class PriceOut(Answer, kw_only=True):
    """#31: USD."""

    price: Usd


class PostPaymentOut(Answer, kw_only=True):
    """What the partner owes for an upgrade: value USD; from and to are TH or W/TH."""

    id: str
    type: UpgradeType
    nft_id: int
    from_: ThOrWattsPerTh = field(name="from")
    to: ThOrWattsPerTh
    value: Usd
    created_at: Moment


@UPGRADES.write(
    30,
    "s2s_upgrade",
    "/s2s/nft-upgrade/create",
    Auth.SIGNED,
    scope="order",
    may_be_unsigned=True,
    # Bounds: for a number of more decimals than any amount has.
    refuses=(FieldBoundsError, upgrades.UpgradeNotPricedError, StintAheadError, *PRICING, *ORDERING),
)
async def upgrade(_call: Call, tx: Tx, books: OpenBooks, body: UpgradeBody) -> Data[UpgradeOut]:
    """#30: improve a miner from tomorrow on; the partner owes the price."""
    kind, from_value, to_value = _asked(body.data)
    try:
        post_payment_id = await upgrades.upgrade(
            tx, books, kind=kind, miner_id=body.data.nft_id, from_value=from_value, to_value=to_value
        )
    except HashrailError as refusal:
        if "field" in refusal.details:
            refusal.details["field"] = BODY_FIELDS[kind].get(str(refusal.details["field"]), "data.nftId")
        raise
    return Data(UpgradeOut(id=str(post_payment_id)))


@UPGRADES.read(
    31,
    "s2s_upgrade_price",
    "GET",
    "/s2s/nft-upgrade/calculate-price",
    Auth.SIGNED,
    may_be_unsigned=True,
    # Bounds: for what no amount and no id can be, however it was written.
    refuses=(FieldBoundsError, *PRICING),
)
async def upgrade_price(call: Call, query: UpgradePriceQuery) -> Data[PriceOut]:
    """#31: what an upgrade costs at this moment."""
    async with db.snapshot(call.pool) as tx:
        quote = await upgrades.quote(
            tx,
            call.partner_id,
            kind=KINDS[query.type],
            miner_id=whole(query.nft_id, "nftId"),
            from_value=quantity(query.from_, "from"),
            to_value=quantity(query.to, "to"),
        )
    return Data(PriceOut(price=number(quote.value_usd)))


@UPGRADES.read(
    None,
    "s2s_post_payments",
    "GET",
    "/s2s/nft-upgrade/find-all",
    Auth.SIGNED,
    refuses=cursors.REFUSALS,
    from_standbys=True,
)
async def post_payments(call: Call, query: SignedPageQuery) -> Data[Listing[PostPaymentOut]]:
    """What the partner owes for upgrades, newest first."""
    page = Page.of(query, BY_ID)
    found = await upgrades.post_payments(
        call.pool, call.partner_id, limit=page.to_read, offset=page.offset, before=page.behind
    )
    return Data(page.listing(found, _post_payment))


def _asked(data: EfficiencyUpgrade | PowerUpgrade) -> tuple[UpgradeKind, Decimal, Decimal]:
    """(kind, from, to) of an upgrade."""
    if isinstance(data, PowerUpgrade):
        return "power", data.from_power, data.to_power
    return "efficiency", data.from_energy_efficiency, data.to_energy_efficiency


def _post_payment(one: PostPayment) -> PostPaymentOut:
    return PostPaymentOut(
        id=str(one.id),
        type=upgrades.TYPES[one.kind],
        nft_id=one.miner_id,
        from_=number(one.from_value),
        to=number(one.to_value),
        value=number(one.value_usd),
        created_at=clock.iso(one.created_at),
    )
