"""What is on sale: collections of miners, and the capacity that they may promise."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from hashrail.db import Row, Tx
from hashrail.errors import ConflictError, NotFoundError

# USD by TH of 2026-09-09 (facts of the field): what a new deployment is seeded with.
SAMPLE_PRICES: dict[str, str] = {
    "15": (
        "1:14.99 2:27.99 4:55.99 8:109.99 16:216.99 32:429.99 48:637.99 64:841.99 96:1250.99 128:1650.99 192:2451.99 "
        "256:3235.99 384:4804.99 512:6342.99 768:9419.99 1024:12434.99 1536:18465.99 2560:30469.99 3584:42233.99 "
        "5000:58333.99"
    ),
    "12": (
        "0.75:12.99 1:18.99 2:37.79 4:75.19 8:149.99 16:297.99 32:592.99 48:884.99 64:1172.99 96:1750.99 128:2322.99 "
        "192:3465.99 256:4597.99 384:6861.99 512:9102.99 768:13584.99 1024:18020.99 1536:26894.99 2560:44597.99 "
        "3584:62121.99 5000:86228.99"
    ),
    "20": "1:20.99",
}
SAMPLE_LEVELS = (
    "0:0 5:.003 10:.006 25:.009 50:.012 100:.015 200:.018 500:.021 1000:.024 2500:.027 5000:.03 7000:.033 9000:.036 "
    "12000:.039 20000:.042 50000:.045 100000:.048 250000:.051 400000:.054 750000:.057 1000000:.06"
)


class CollectionNotFoundError(NotFoundError):
    """Nothing on sale has that id."""

    code = "COLLECTION_NOT_FOUND"
    advice = "Read the ids from the catalogue (#10)."


class CapacityExceededError(ConflictError):
    """The operator owns no more terahash."""

    code = "CAPACITY_EXCEEDED"
    advice = "Offer a smaller miner, or ask the operator when capacity is added."


@dataclass(frozen=True, slots=True)
class Collection:
    """One offer: `power` TH at `energy_efficiency` W/TH for `value_usd`."""

    id: int
    name: str
    power: Decimal
    energy_efficiency: Decimal
    value_usd: Decimal
    active: bool


def pairs(text: str) -> dict[Decimal, Decimal]:
    """`"1:14.99 2:27.99"` as numbers."""
    return {Decimal(left): Decimal(right) for left, _, right in (item.partition(":") for item in text.split())}


def sample_collections() -> list[tuple[Decimal, Decimal, Decimal]]:
    """(power TH, W/TH, USD) of the sample catalogue."""
    return [
        (power, Decimal(efficiency), value)
        for efficiency, prices in SAMPLE_PRICES.items()
        for power, value in pairs(prices).items()
    ]


async def put(tx: Tx, offers: Iterable[tuple[Decimal, Decimal, Decimal]]) -> None:
    """Offer (power TH, W/TH, USD); an offer of the same power and efficiency gets the new price.

    An order keeps the price that it was created with.
    """
    await tx.executemany(
        """INSERT INTO collection (name, power, energy_efficiency, value_usd) VALUES ($1, $2, $3, $4)
           ON CONFLICT (energy_efficiency, power) DO UPDATE SET value_usd = excluded.value_usd, active = true""",
        [(f"Hashrail {power} TH {efficiency} W/TH", power, efficiency, value) for power, efficiency, value in offers],
    )


async def withdraw(tx: Tx, collection_id: int) -> None:
    """Take an offer off sale. Raises CollectionNotFoundError."""
    found = await tx.fetchval("UPDATE collection SET active = false WHERE id = $1 RETURNING true", collection_id)
    if found is None:
        raise CollectionNotFoundError(f"no collection {collection_id}", field="nftCollectionId")


async def on_sale(tx: Tx) -> list[Collection]:
    """Every active offer, by id."""
    rows = await tx.fetch("SELECT * FROM collection WHERE active ORDER BY id")
    return [_collection(row) for row in rows]


async def find(tx: Tx, collection_id: int) -> Collection:
    """An active offer. Raises CollectionNotFoundError."""
    row = await tx.fetchrow("SELECT * FROM collection WHERE id = $1 AND active", collection_id)
    if row is None:
        raise CollectionNotFoundError("nothing on sale has that id", field="nftCollectionId")
    return _collection(row)


async def set_capacity(tx: Tx, cap_th: Decimal | None) -> None:
    """The TH that the operator owns; None sells without a cap. Waits for orders that are being written.

    Raises CapacityExceededError when more is promised already.
    """
    await tx.execute("SELECT 1 FROM capacity WHERE id = 1 FOR UPDATE")
    committed = await committed_th(tx)
    if cap_th is not None and committed > cap_th:
        raise CapacityExceededError(f"{committed} TH are promised already", field="capacity")
    await tx.execute("UPDATE capacity SET cap_th = $1 WHERE id = 1", cap_th)


async def committed_th(tx: Tx) -> Decimal:
    """TH of all miners and open orders of all partners."""
    total: Decimal = await tx.fetchval("SELECT coalesce(sum(committed_th), 0) FROM partner_capacity")
    return total


async def commit_capacity(tx: Tx, partner_id: int, power: Decimal) -> None:
    """Promise TH, or release them with a negative `power`. Raises CapacityExceededError.

    Without a cap only the partner's own row is written; with one, promises are made one at a time.
    """
    capped = await tx.fetchval("SELECT cap_th IS NOT NULL FROM capacity WHERE id = 1")
    if not capped:
        capped = await tx.fetchval("SELECT cap_th IS NOT NULL FROM capacity WHERE id = 1 FOR SHARE")
    cap = None
    if capped and power > 0:
        # Also when the cap was set while we waited: sharing it, two promises could not see each other.
        cap = await tx.fetchval("SELECT cap_th FROM capacity WHERE id = 1 FOR UPDATE")
    await tx.execute(
        "UPDATE partner_capacity SET committed_th = committed_th + $2 WHERE partner_id = $1", partner_id, power
    )
    if cap is not None and await committed_th(tx) > cap:
        raise CapacityExceededError("the operator's capacity is sold out", field="nftCollectionId")


def _collection(row: Row) -> Collection:
    return Collection(row["id"], row["name"], row["power"], row["energy_efficiency"], row["value_usd"], row["active"])
