"""What is on sale: collections of miners, and the capacity that they may promise."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from hashrail import bounds, db
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx, record
from hashrail.errors import NotFoundError
from hashrail.money import USD_DECIMALS, decimals, divide_half_even, is_amount, plain
from hashrail.rewards.formula import POWER_DECIMALS


class CollectionNotFoundError(NotFoundError):
    """Nothing on sale has that id."""

    code = "COLLECTION_NOT_FOUND"
    advice = "Read the ids from the catalogue (#10)."


@dataclass(frozen=True, slots=True)
class Collection:
    """One offer: `power` TH at `energy_efficiency` W/TH for `value_usd`."""

    id: int
    name: str
    power: Decimal
    energy_efficiency: Decimal
    value_usd: Decimal
    active: bool


def doubt_offer(
    power: Decimal, efficiency: Decimal, usd: Decimal, was: Decimal | None, *, since: str = "before"
) -> tuple[Doubt, ...]:
    """Why somebody should look at a price again, by the TH: `was` is the offer's price `since`, if it is on sale.

    Raises ImplausibleFigureError.
    """
    if not all(is_amount(each) and each > 0 for each in (power, efficiency, usd)) or decimals(power) > POWER_DECIMALS:
        return ()  # no offer, which the books refuse
    bounds.check("energy_efficiency", efficiency)
    per_th = divide_half_even(usd, power, USD_DECIMALS)
    bounds.check("usd_per_th", per_th)
    before = None if was is None else divide_half_even(was, power, USD_DECIMALS)
    found = bounds.compare("usd_per_th", per_th, before, f"{since}, by the TH")
    return () if found is None else (replace(found, field="price", figure=plain(usd)),)


async def put(tx: Tx, offers: Iterable[tuple[Decimal, Decimal, Decimal]]) -> None:
    """Offer (power TH, W/TH, USD); an offer of the same power and efficiency gets the new price.

    An order keeps the price that it was created with.
    """
    await tx.executemany(
        """INSERT INTO collection (name, power, energy_efficiency, value_usd) VALUES ($1, $2, $3, $4)
           ON CONFLICT (energy_efficiency, power) DO UPDATE SET value_usd = excluded.value_usd, active = true""",
        [(f"Hashrail {power} TH {efficiency} W/TH", power, efficiency, value) for power, efficiency, value in offers],
    )


async def check(tx: Tx, power: Decimal, efficiency: Decimal, usd: Decimal) -> None:
    """Whether the books take an offer, which gets no number by being asked for. Raises what `put` does."""
    async with db.undone(tx):
        await tx.execute(
            """INSERT INTO collection (id, name, power, energy_efficiency, value_usd) VALUES (0, '', $1, $2, $3)
               ON CONFLICT (energy_efficiency, power) DO UPDATE SET value_usd = excluded.value_usd""",
            power,
            efficiency,
            usd,
        )


async def withdraw(tx: Tx, collection_id: int) -> None:
    """Take an offer off sale; again is a no-op. Raises CollectionNotFoundError.

    Orders of it that are open keep their promise. One that has expired is not taken up again while it is off sale.
    """
    await _set_active(tx, collection_id, active=False)


async def put_back(tx: Tx, collection_id: int) -> None:
    """Put an offer back on sale at the price that it has; again is a no-op. Raises CollectionNotFoundError."""
    await _set_active(tx, collection_id, active=True)


async def every(tx: Reader) -> list[Collection]:
    """Every offer, on sale or not, by id."""
    rows = await tx.fetch("SELECT id, name, power, energy_efficiency, value_usd, active FROM collection ORDER BY id")
    return [record(Collection, row) for row in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open orders of an offer: they keep the price that they have, and hold its TH."""

    orders: int
    power_th: Decimal
    value_usd: Decimal


async def waiting(tx: Reader) -> dict[int, Waiting]:
    """What of each offer is ordered and not paid yet, over all partners; offers of which nothing is are left out."""
    rows = await tx.fetch(
        """SELECT collection_id, count(*) AS orders, sum(power) AS power_th, sum(value_usd) AS value_usd
           FROM purchase WHERE state = 'created' GROUP BY collection_id"""
    )
    return {row["collection_id"]: Waiting(row["orders"], row["power_th"], row["value_usd"]) for row in rows}


async def on_sale(tx: Tx) -> list[Collection]:
    """Every active offer, by id."""
    rows = await tx.fetch(
        "SELECT id, name, power, energy_efficiency, value_usd, active FROM collection WHERE active ORDER BY id"
    )
    return [record(Collection, row) for row in rows]


async def find(tx: Tx, collection_id: int) -> Collection:
    """An active offer. Raises CollectionNotFoundError."""
    row = await tx.fetchrow(
        "SELECT id, name, power, energy_efficiency, value_usd, active FROM collection WHERE id = $1 AND active",
        collection_id,
    )
    if row is None:
        raise CollectionNotFoundError("nothing on sale has that id", field="nftCollectionId")
    return record(Collection, row)


async def _set_active(tx: Tx, collection_id: int, *, active: bool) -> None:
    found = await tx.fetchval("UPDATE collection SET active = $2 WHERE id = $1 RETURNING true", collection_id, active)
    if found is None:
        raise CollectionNotFoundError(f"no collection {collection_id}", field="nftCollectionId")
