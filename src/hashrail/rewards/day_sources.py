"""What a day's figures rest on: every source that was asked for them, with what it said.

The rows are written with the figures and stay for good. They belong to the entry of one moment: where a day is entered
again, by hand or by another fetch, the earlier rows stay and are no longer the day's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from hashrail.db import Reader, Tx

Figure = Literal["chain", "btc_usd", "gomining_usd", "kwh_usd", "service_usd_per_th", "pool_fee"]


@dataclass(frozen=True, slots=True)
class DaySource:
    """A source of one of a day's figures.

    `sha256` is of the answer as it came, from `url`; of the chain it is of a line a block (`market.chain_days`).
    `left_out` says why the figure does not rest on it.
    """

    figure: Figure
    source: str
    value: Decimal | None = None
    url: str | None = None
    sha256: str | None = None
    left_out: str | None = None


async def keep(tx: Tx, day: date, sources: Iterable[DaySource], *, entered_at: datetime) -> None:
    """Keep what the figures that are entered at this moment rest on."""
    for each in sources:
        await tx.execute(
            """INSERT INTO day_source (day, entered_at, figure, source, value, url, sha256, left_out)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            day,
            entered_at,
            each.figure,
            each.source,
            each.value,
            each.url,
            each.sha256,
            each.left_out,
        )


async def of_day(tx: Reader, day: date) -> list[DaySource]:
    """The sources of a day's figures as they stand; none where they were entered by hand."""
    rows = await tx.fetch(
        """SELECT s.figure, s.source, s.value, s.url, s.sha256, s.left_out
           FROM day_source s JOIN mining_day d ON d.day = s.day AND d.entered_at = s.entered_at
           WHERE s.day = $1 ORDER BY s.figure, s.source""",
        day,
    )
    return [DaySource(**dict(row)) for row in rows]


async def are_of_node(tx: Reader, day: date) -> bool:
    """Whether a day's difficulty, subsidy and fees stand as the operator's node said them when they were fetched."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (
               SELECT 1 FROM day_source s JOIN mining_day d ON d.day = s.day AND d.entered_at = s.entered_at
               WHERE s.day = $1 AND s.figure = 'chain')""",
        day,
    )
    return found
