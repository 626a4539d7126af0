"""Upgrades: a partner improves a miner of its user, and owes the price as a post-payment.

The miner is better from the next UTC day. The price is that of the moment of the upgrade; a quote asked for earlier
may differ. `from` must be the miner's present value, so that an upgrade sent twice is not bought twice.

Accounts touched: partner receivable, miner sales.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from hashrail import catalogue, ledger, miners, pricing, rewards, users
from hashrail.day_fence import OpenDay
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError, ConflictError, UnavailableError
from hashrail.income import DISCOUNT_DECIMALS, EFFICIENCY_DECIMALS, POWER_DECIMALS
from hashrail.ledger import Chart, Kind, Transfer
from hashrail.miners import Miner
from hashrail.money import decimals, is_amount
from hashrail.pricing import BEST_EFFICIENCY, MOST_POWER, Tariff

UpgradeKind = Literal["power", "efficiency"]


class UpgradeOutOfBoundsError(BadRequestError):
    """Power only grows to 5000 TH, efficiency only improves to 12 W/TH."""

    code = "UPGRADE_OUT_OF_BOUNDS"
    advice = "Raise power up to 5000 TH (4 decimals) or lower W/TH down to 12 (2 decimals)."


class UpgradeStaleError(ConflictError):
    """The miner's present value is another one."""

    code = "UPGRADE_STALE"
    advice = "Read the miner (#7) and ask again from its present value, which details.present names."


class BadTariffError(BadRequestError):
    """Not a tariff: prices are USD from 0 to below 10^9, a level is a whole W/TH, the discount a fraction below 1."""

    code = "BAD_TARIFF"
    advice = "Give prices in USD, steps as 12-14:2.098 15-19:0.772, and the discount as a fraction with 4 decimals."


class UpgradeNotPricedError(ConflictError):
    """The tariff makes this upgrade cost nothing, and nothing is given away."""

    code = "UPGRADE_NOT_PRICED"
    advice = "Ask the operator for a price: the tariff's steps do not reach this miner."


class NoTariffError(UnavailableError):
    """The operator has not set what upgrades cost."""

    code = "NO_UPGRADE_TARIFF"
    advice = "Ask the operator to run: hashrail catalogue seed"


# As much as the pattern of a step allows. What an upgrade costs is then always an amount.
PRICE_LIMIT = Decimal(10) ** 9
# "12-14:2.098" is a price for each of three levels, "12:2.098" for one.
STEP = re.compile(r"(?P<first>[1-9][0-9]{0,2})(-(?P<last>[1-9][0-9]{0,2}))?:(?P<price>[0-9]{1,9}(\.[0-9]{1,18})?)")


def steps(text: str) -> dict[int, Decimal]:
    """`"12-14:2.098 15:0.772"` as prices in USD per TH by the level that a step leads to. Raises BadTariffError."""
    found: dict[int, Decimal] = {}
    for item in text.split():
        step = STEP.fullmatch(item)
        if step is None:
            raise BadTariffError(f"{item} is no step", field="steps")
        first, last = int(step["first"]), int(step["last"] or step["first"])
        if last < first:
            raise BadTariffError(f"{item} ends before it begins", field="steps")
        prices = dict.fromkeys(range(first, last + 1), Decimal(step["price"]))
        if found.keys() & prices.keys():
            raise BadTariffError(f"{item} gives a level a second price", field="steps")
        found |= prices
    return found


# USD of 2026-09-09 (facts of the field): what a new deployment is seeded with.
SAMPLE_TARIFF = Tariff(
    power_price=Decimal("7.626"),
    band_discount=Decimal("0.004"),
    power_steps=steps("12-14:2.098 15-19:0.772 20-27:0.387 28-34:0.379 35-49:0.09"),
    efficiency_steps=steps("12-14:2.667 15-19:1.1 20-27:0.999 28-34:0.5 35-49:0.1"),
)


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
    tx: Tx, day: OpenDay, *, kind: UpgradeKind, miner_id: int, from_value: Decimal, to_value: Decimal
) -> int:
    """Apply an upgrade and book its post-payment; answers the post-payment's id.

    Raises what `quote` raises, and UserBlockedError, UpgradeNotPricedError, CapacityExceededError, CreditLimitError.
    """
    _check_bounds(kind, from_value, to_value)
    miner = await miners.lock(tx, day.partner_id, miner_id)
    owner = (await users.lock(tx, day.partner_id, [miner.user_id]))[miner.user_id]
    users.assert_active(owner)
    quoted = await _quote(tx, miner, kind, from_value, to_value)
    if quoted.value_usd == 0:
        raise UpgradeNotPricedError("the tariff has no price for this upgrade", field="to")
    if kind == "power":
        await miners.improve(tx, day.partner_id, miner_id, power=to_value)
    else:
        await miners.improve(tx, day.partner_id, miner_id, energy_efficiency=to_value)
    await rewards.sync_stints(tx, day, [owner.id], miner_ids=[miner_id])
    if kind == "power":
        await catalogue.commit_capacity(tx, day.partner_id, to_value - from_value)
    return await _owe(tx, day, quoted)


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
    return [PostPayment(*row.values()) for row in rows]


async def load_tariff(tx: Reader) -> Tariff:
    """What upgrades cost. Raises NoTariffError."""
    # One statement, so that the parts belong together.
    rows = await tx.fetch(
        """SELECT t.power_price_usd, t.band_discount, s.kind, s.to_level, s.price_usd
           FROM upgrade_tariff t LEFT JOIN upgrade_step s ON true ORDER BY s.to_level"""
    )
    if not rows:
        raise NoTariffError("the operator has not set what upgrades cost")
    return Tariff(
        rows[0]["power_price_usd"],
        rows[0]["band_discount"],
        {row["to_level"]: row["price_usd"] for row in rows if row["kind"] == "power"},
        {row["to_level"]: row["price_usd"] for row in rows if row["kind"] == "efficiency"},
    )


async def change_tariff(
    tx: Tx,
    *,
    power_price: Decimal | None = None,
    band_discount: Decimal | None = None,
    power_steps: Mapping[int, Decimal] | None = None,
    efficiency_steps: Mapping[int, Decimal] | None = None,
) -> None:
    """Change the given parts of what upgrades cost; a first tariff needs all of them.

    Raises NoTariffError, BadTariffError.
    """
    # Whoever changes another part at the same time waits, or one of the two would be lost.
    await tx.execute("SELECT FROM upgrade_tariff FOR UPDATE")
    if power_price is None or band_discount is None or power_steps is None or efficiency_steps is None:
        present = await load_tariff(tx)
        power_price = present.power_price if power_price is None else power_price
        band_discount = present.band_discount if band_discount is None else band_discount
        power_steps = present.power_steps if power_steps is None else power_steps
        efficiency_steps = present.efficiency_steps if efficiency_steps is None else efficiency_steps
    await set_tariff(tx, Tariff(power_price, band_discount, power_steps, efficiency_steps))


async def set_tariff(tx: Tx, tariff: Tariff) -> None:
    """Replace what upgrades cost from now on. Raises BadTariffError."""
    if not is_amount(tariff.power_price) or not 0 <= tariff.power_price < PRICE_LIMIT:
        raise BadTariffError(f"{tariff.power_price} is no price", field="power_price")
    if not 0 <= tariff.band_discount < 1 or decimals(tariff.band_discount) > DISCOUNT_DECIMALS:
        raise BadTariffError(f"{tariff.band_discount} is no such fraction", field="band_discount")
    await tx.execute(
        """INSERT INTO upgrade_tariff VALUES (1, $1, $2)
           ON CONFLICT (id) DO UPDATE SET power_price_usd = excluded.power_price_usd,
                                          band_discount = excluded.band_discount""",
        tariff.power_price,
        tariff.band_discount,
    )
    await tx.execute("DELETE FROM upgrade_step")
    await tx.executemany(
        "INSERT INTO upgrade_step VALUES ($1, $2, $3)",
        [
            *[("power", level, price) for level, price in tariff.power_steps.items()],
            *[("efficiency", level, price) for level, price in tariff.efficiency_steps.items()],
        ],
    )


async def _quote(tx: Reader, miner: Miner, kind: UpgradeKind, from_value: Decimal, to_value: Decimal) -> Quote:
    """The price of an upgrade within bounds. Raises UpgradeStaleError, NoTariffError."""
    present = miner.power if kind == "power" else miner.energy_efficiency
    if present != from_value:
        raise UpgradeStaleError(f"the miner has {present}", field="from", present=present)
    tariff = await load_tariff(tx)
    if kind == "power":
        price = pricing.power_quote(
            tariff, energy_efficiency=miner.energy_efficiency, from_th=from_value, to_th=to_value
        )
    else:
        price = pricing.efficiency_quote(tariff, power=miner.power, from_w=from_value, to_w=to_value)
    return Quote(miner, kind, from_value, to_value, price)


async def _owe(tx: Tx, day: OpenDay, quoted: Quote) -> int:
    """Open the post-payment and put it on the partner's receivable."""
    post_payment_id: int = await tx.fetchval(
        """INSERT INTO post_payment (partner_id, miner_id, kind, from_value, to_value, value_usd, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        day.partner_id,
        quoted.miner.id,
        quoted.kind,
        quoted.from_value,
        quoted.to_value,
        quoted.value_usd,
        day.now,
    )
    await ledger.post(
        tx,
        day,
        Transfer(Kind.POST_PAYMENT, post_payment_id, 1, Chart.PARTNER_RECEIVABLE, Chart.MINER_SALES, quoted.value_usd),
    )
    return post_payment_id


def _check_bounds(kind: UpgradeKind, from_value: Decimal, to_value: Decimal) -> None:
    places = POWER_DECIMALS if kind == "power" else EFFICIENCY_DECIMALS
    for name, value in (("from", from_value), ("to", to_value)):
        if not value.is_finite() or value <= 0 or value > MOST_POWER or decimals(value) > places:
            raise UpgradeOutOfBoundsError(f"{name} is out of bounds", field=name)
    if kind == "power" and to_value <= from_value:
        raise UpgradeOutOfBoundsError("power only grows", field="to")
    if kind == "efficiency" and not BEST_EFFICIENCY <= to_value < from_value:
        raise UpgradeOutOfBoundsError("efficiency only improves, down to 12 W/TH", field="to")
