"""Upgrades: a partner improves a miner of its user, and owes the price as a post-payment.

The miner is better from the next UTC day. The price is that of the moment of the upgrade; a quote asked for earlier
may differ. `from` must be the miner's present value, so that an upgrade sent twice is not bought twice.

Accounts touched: partner receivable, miner sales.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from hashrail.books import ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError, ConflictError
from hashrail.events import drafts
from hashrail.events.types.miners import MinerUpgraded
from hashrail.events.types.payments import PostPaymentCreated, UpgradeType
from hashrail.money import decimals
from hashrail.parties import users
from hashrail.rewards import stints
from hashrail.rewards.formula import EFFICIENCY_DECIMALS, POWER_DECIMALS
from hashrail.selling import capacity, miners, upgrade_prices, upgrade_tariff
from hashrail.selling.miners import Miner
from hashrail.selling.upgrade_prices import BEST_EFFICIENCY, MAX_POWER

UpgradeKind = Literal["power", "efficiency"]
# As partners name them.
TYPES: dict[UpgradeKind, UpgradeType] = {"power": "nftPowerUpgrade", "efficiency": "nftEnergyEfficiencyUpgrade"}


class UpgradeOutOfBoundsError(BadRequestError):
    """Power only grows to 5000 TH, efficiency only improves to 12 W/TH."""

    code = "UPGRADE_OUT_OF_BOUNDS"
    advice = "Raise power up to 5000 TH (4 decimals) or lower W/TH down to 12 (2 decimals)."


class UpgradeStaleError(ConflictError):
    """The miner's present value is another one."""

    code = "UPGRADE_STALE"
    advice = "Read the miner (#7) and ask again from its present value, which details.present names."


class UpgradeNotPricedError(ConflictError):
    """The tariff makes this upgrade cost nothing, and nothing is given away."""

    code = "UPGRADE_NOT_PRICED"
    advice = "Ask the operator for a price: the tariff's steps do not reach this miner."


@dataclass(frozen=True, slots=True)
class PostPayment:
    """What a partner owes for an upgrade; `kind` says whether the values are TH or W/TH."""

    id: int
    miner_id: int
    kind: UpgradeKind
    from_value: Decimal
    to_value: Decimal
    value_usd: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """What an upgrade costs now, USD."""

    miner: Miner
    kind: UpgradeKind
    from_value: Decimal
    to_value: Decimal
    value_usd: Decimal


async def quote(
    tx: Reader, partner_id: int, *, kind: UpgradeKind, miner_id: int, from_value: Decimal, to_value: Decimal
) -> Quote:
    """The price of an upgrade of one of the partner's miners.

    Raises MinerNotFoundError, UpgradeOutOfBoundsError, UpgradeStaleError, NoTariffError.
    """
    _check_bounds(kind, from_value, to_value)
    return await _quote(tx, await miners.get(tx, partner_id, miner_id), kind, from_value, to_value)


async def upgrade(
    tx: Tx, books: OpenBooks, *, kind: UpgradeKind, miner_id: int, from_value: Decimal, to_value: Decimal
) -> int:
    """Apply an upgrade and book its post-payment; answers the post-payment's id.

    Raises what `quote` raises, and UserBlockedError, UpgradeNotPricedError, CapacityExceededError, CreditLimitError.
    """
    _check_bounds(kind, from_value, to_value)
    miner = await miners.lock(tx, books.partner_id, miner_id)
    owner = (await users.lock(tx, books.partner_id, [miner.user_id]))[miner.user_id]
    users.assert_active(owner)
    quoted = await _quote(tx, miner, kind, from_value, to_value)
    if quoted.value_usd == 0:
        raise UpgradeNotPricedError("the tariff has no price for this upgrade", field="to")
    if kind == "power":
        await miners.improve(tx, books.partner_id, miner_id, power=to_value)
    else:
        await miners.improve(tx, books.partner_id, miner_id, energy_efficiency=to_value)
    await stints.sync_stints(tx, books, [owner.id], miner_ids=[miner_id])
    if kind == "power":
        await capacity.commit_capacity(tx, books.partner_id, to_value - from_value)
    post_payment_id = await _owe(tx, books, quoted)
    await _tell(tx, books, quoted, post_payment_id)
    return post_payment_id


async def post_payments(
    tx: Reader, partner_id: int, *, limit: int, offset: int = 0, before: int | None = None
) -> list[PostPayment]:
    """A page of the partner's post-payments, newest first; `before` is the last id of the page before."""
    rows = await tx.fetch(
        """SELECT id, miner_id, kind, from_value, to_value, value_usd, created_at FROM post_payment
           WHERE partner_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4""",
        partner_id,
        before,
        limit,
        offset,
    )
    return [record(PostPayment, row) for row in rows]


async def of_miner(tx: Reader, partner_id: int, miner_id: int) -> list[PostPayment]:
    """A miner's upgrades, oldest first."""
    rows = await tx.fetch(
        """SELECT id, miner_id, kind, from_value, to_value, value_usd, created_at FROM post_payment
           WHERE partner_id = $1 AND miner_id = $2 ORDER BY id""",
        partner_id,
        miner_id,
    )
    return [record(PostPayment, row) for row in rows]


async def _quote(tx: Reader, miner: Miner, kind: UpgradeKind, from_value: Decimal, to_value: Decimal) -> Quote:
    """The price of an upgrade within bounds. Raises UpgradeStaleError, NoTariffError."""
    present = miner.power if kind == "power" else miner.energy_efficiency
    if present != from_value:
        raise UpgradeStaleError(f"the miner has {present}", field="from", present=present)
    tariff = await upgrade_tariff.load(tx)
    if kind == "power":
        price = upgrade_prices.power_quote(
            tariff, energy_efficiency=miner.energy_efficiency, from_th=from_value, to_th=to_value
        )
    else:
        price = upgrade_prices.efficiency_quote(tariff, power=miner.power, from_w=from_value, to_w=to_value)
    return Quote(miner, kind, from_value, to_value, price)


async def _owe(tx: Tx, books: OpenBooks, quoted: Quote) -> int:
    """Open the post-payment and put it on the partner's receivable."""
    post_payment_id: int = await tx.fetchval(
        """INSERT INTO post_payment (partner_id, miner_id, kind, from_value, to_value, value_usd, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        books.partner_id,
        quoted.miner.id,
        quoted.kind,
        quoted.from_value,
        quoted.to_value,
        quoted.value_usd,
        books.now,
    )
    await ledger.post(
        tx,
        books,
        Transfer(
            TransferKind.POST_PAYMENT,
            post_payment_id,
            1,
            Account.PARTNER_RECEIVABLE,
            Account.MINER_SALES,
            quoted.value_usd,
        ),
    )
    return post_payment_id


async def _tell(tx: Tx, books: OpenBooks, quoted: Quote, post_payment_id: int) -> None:
    miner, to_value = quoted.miner, quoted.to_value
    upgraded = MinerUpgraded(
        nft_id=miner.id,
        user_id=miner.user_id,
        post_payment_id=str(post_payment_id),
        power=to_value if quoted.kind == "power" else miner.power,
        energy_efficiency=miner.energy_efficiency if quoted.kind == "power" else to_value,
    )
    owed = PostPaymentCreated(id=str(post_payment_id), nft_id=miner.id, value=quoted.value_usd, type=TYPES[quoted.kind])
    await drafts.note(tx, books.partner_id, upgraded, owed)


def _check_bounds(kind: UpgradeKind, from_value: Decimal, to_value: Decimal) -> None:
    places = POWER_DECIMALS if kind == "power" else EFFICIENCY_DECIMALS
    for name, value in (("from", from_value), ("to", to_value)):
        if not value.is_finite() or value <= 0 or value > MAX_POWER or decimals(value) > places:
            raise UpgradeOutOfBoundsError(f"{name} is out of bounds", field=name)
    if kind == "power" and to_value <= from_value:
        raise UpgradeOutOfBoundsError("power only grows", field="to")
    if kind == "efficiency" and not BEST_EFFICIENCY <= to_value < from_value:
        raise UpgradeOutOfBoundsError("efficiency only improves, down to 12 W/TH", field="to")
