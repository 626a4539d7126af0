"""Capacity: the terahash that the operator owns and may promise.

Without a cap an order writes only its partner's own row. With one, promises are made one at a time, because the sum
over all partners has to be right; and what a partner's unpaid orders hold has a bound, so that others can sell.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import bounds
from hashrail.bounds import Doubt
from hashrail.db import Reader, Tx
from hashrail.errors import ConflictError
from hashrail.money import ZERO, plain

_ROOM = """
    SELECT c.cap_th, c.cap_th - p.committed_th AS left_th, p.partners, o.open_th, o.orders
    FROM capacity c CROSS JOIN (SELECT sum(committed_th) AS committed_th, count(*) AS partners FROM partner_capacity) p
    CROSS JOIN (SELECT coalesce(sum(power), 0) AS open_th, count(*) AS orders FROM purchase
                WHERE partner_id = $1 AND state = 'created') o
    WHERE c.id = 1"""


class CapacityExceededError(ConflictError):
    """The operator owns no more terahash."""

    code = "CAPACITY_EXCEEDED"
    advice = "Offer a smaller miner, or ask the operator when capacity is added."


class CapacityPromisedError(ConflictError):
    """The partner's unpaid orders hold as much of the capacity as they may: others sell too."""

    code = "CAPACITY_PROMISED"
    advice = "Tell the payment of open orders or let them expire; details say how many TH they hold and may hold."


def doubt_capacity(was: Decimal | None, cap_th: Decimal | None, *, since: str = "before") -> tuple[Doubt, ...]:
    """Why somebody should look at a capacity again: more than twice what it was, or none at all from now on.

    Raises ImplausibleFigureError.
    """
    if cap_th is None:
        return () if was is None else (Doubt("capacity", "none", f"{plain(was)} TH {since}", two=True),)
    if cap_th <= (was or ZERO):
        return ()
    bounds.check("capacity_th", cap_th)
    found = bounds.compare("capacity_th", cap_th, was, since)
    return () if found is None else (found,)


async def set_capacity(tx: Tx, cap_th: Decimal | None) -> None:
    """The TH that the operator owns; None sells without a cap. Waits for orders that are being written.

    Raises CapacityExceededError when more is promised already.
    """
    # Who promises writes this table first and looks for a cap then: all who saw none have committed by now.
    await tx.execute("LOCK TABLE partner_capacity IN SHARE MODE")
    await tx.execute("SELECT 1 FROM capacity WHERE id = 1 FOR UPDATE")
    committed = await committed_th(tx)
    if cap_th is not None and committed > cap_th:
        raise CapacityExceededError(f"{committed} TH are promised already", field="capacity")
    await tx.execute("UPDATE capacity SET cap_th = $1 WHERE id = 1", cap_th)


async def cap_th(tx: Reader) -> Decimal | None:
    """The TH that the operator owns; None where as much is sold as is asked for."""
    cap: Decimal | None = await tx.fetchval("SELECT cap_th FROM capacity WHERE id = 1")
    return cap


async def committed_th(tx: Tx) -> Decimal:
    """TH of all miners and open orders of all partners."""
    total: Decimal = await tx.fetchval("SELECT coalesce(sum(committed_th), 0) FROM partner_capacity")
    return total


@dataclass
class Room:
    """What is left of a capped capacity, and what a partner's unpaid orders hold of it and may hold, before a lock."""

    left_th: Decimal
    open_th: Decimal
    most_th: Decimal
    open_orders: int
    partners: int

    def take(self, power: Decimal) -> bool:
        """Whether another unpaid order of so many TH fits; then it is counted."""
        alone = self.partners == 1 or self.open_orders == 0
        if power > self.left_th or not (alone or self.open_th + power <= self.most_th):
            return False
        self.left_th -= power
        self.open_th += power
        self.open_orders += 1
        return True


async def room(tx: Tx, partner_id: int, share: Decimal) -> Room | None:
    """The room for unpaid orders of a partner, of which it may take a `share`; None without a cap.

    Nothing is locked: what it says is asked again when TH are promised.
    """
    if await cap_th(tx) is None:
        return None
    row = await tx.fetchrow(_ROOM, partner_id)
    if row is None or row["cap_th"] is None:
        return None
    most_th = (row["left_th"] + row["open_th"]) * share
    return Room(row["left_th"], row["open_th"], most_th, row["orders"], row["partners"])


async def commit_capacity(tx: Tx, partner_id: int, power: Decimal) -> bool:
    """Promise TH, or release them with a negative `power`; answers whether there is a cap.

    Without a cap only the partner's own row is written; with one, promises are made one at a time.
    Raises CapacityExceededError.
    """
    await tx.execute(
        "UPDATE partner_capacity SET committed_th = committed_th + $2 WHERE partner_id = $1", partner_id, power
    )
    if await cap_th(tx) is None:
        return False
    if power > 0:
        cap = await tx.fetchval("SELECT cap_th FROM capacity WHERE id = 1 FOR UPDATE")
        if cap is not None and await committed_th(tx) > cap:
            raise CapacityExceededError("the operator's capacity is sold out", field="nftCollectionId")
    return True


async def assert_open_orders_bounded(tx: Tx, partner_id: int, share: Decimal) -> None:
    """What a partner's unpaid orders hold is at most a share of what would be free without them.

    Otherwise they would keep everybody else from selling, for nothing, as long as they are made anew. Asked after the
    TH of an order are promised, under the same lock. Without a cap, or with one partner, nobody is in the way of
    anybody; and one order may always be open, or the last TH could not be sold. Raises CapacityPromisedError.
    """
    row = await tx.fetchrow(_ROOM, partner_id)
    if row is None or row["cap_th"] is None or row["partners"] == 1 or row["orders"] == 1:
        return
    most_th = (row["left_th"] + row["open_th"]) * share
    if row["open_th"] > most_th:
        raise CapacityPromisedError(
            "unpaid orders hold as much of the capacity as they may",
            field="nftCollectionId",
            openTh=row["open_th"],
            mostTh=most_th,
        )
