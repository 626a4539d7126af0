"""How the simulated chain stood when it was looked at last: the clock brings nothing, so a snapshot may read it."""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.bitcoin.simulated_chain import Scenario
from hashrail.db import Reader

# So many waiting transactions are told.
MOST = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What blocks do, how many there are, and txid and fee in BTC of what waits, the oldest MOST."""

    scenario: Scenario
    height: int
    waiting: list[tuple[str, Decimal]]


async def seen(reader: Reader) -> Seen:
    """The chain as it is kept."""
    row = await reader.fetchrow("SELECT scenario, height FROM sandbox_chain WHERE id = 1")
    rows = await reader.fetch(
        "SELECT txid, fee_btc FROM sandbox_transaction WHERE state = 'mempool' ORDER BY seq LIMIT $1", MOST
    )
    waiting = [(each["txid"], each["fee_btc"]) for each in rows]
    return Seen("confirm", 0, waiting) if row is None else Seen(row["scenario"], row["height"], waiting)
