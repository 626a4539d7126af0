"""Everything about a miner on one page: whose it was from when on, how it was ordered, upgraded and handed over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from hashrail.db import Tx
from hashrail.parties.operators import Action
from hashrail.selling import orders, upgrades
from hashrail.selling.miners import MinerNotFoundError
from hashrail.selling.upgrades import PostPayment
from hashrail.support import histories, lists
from hashrail.support.lists import Miner, Order, Page, Stint

MAX_NUMBER = 2**63 - 1
HISTORY = 50


@dataclass(frozen=True, slots=True)
class Handover:
    """A miner goes from one user to another, by the partner's own ids: the taker earns from `day` on."""

    day: date
    giver: str
    taker: str


@dataclass(frozen=True, slots=True)
class MinerPage:
    """A miner. `order` is None where its buyer gave it away on the day they got it, and was never its earner."""

    miner: Miner
    user_id: int
    stints: Sequence[Stint]
    order: Order | None
    upgrades: Sequence[PostPayment]
    handovers: Sequence[Handover]
    history: Sequence[Action]


async def of(tx: Tx, partner_id: int, miner_id: int) -> MinerPage:
    """The page of a miner, running or ended. Raises MinerNotFoundError."""
    # Nothing stands behind the greatest number, and nothing has it.
    found = [] if miner_id >= MAX_NUMBER else await lists.miners(tx, partner_id, Page(1, after=miner_id + 1))
    if not found or found[0].id != miner_id:
        raise MinerNotFoundError(f"no miner {miner_id}", field="nftId")
    stints = await lists.stints(tx, partner_id, miner_id)
    bought = await orders.of_miner(tx, partner_id, miner_id)
    order = None if bought is None else await lists.order(tx, partner_id, bought)
    named = [f"miner {partner_id}:{miner_id}", *([] if bought is None else [f"order {partner_id}:{bought}"])]
    return MinerPage(
        miner=found[0],
        user_id=await lists.owner(tx, partner_id, miner_id),
        stints=stints,
        order=order,
        upgrades=await upgrades.of_miner(tx, partner_id, miner_id),
        handovers=handovers(stints),
        history=await histories.about(tx, named, limit=HISTORY),
    )


def handovers(stints: Sequence[Stint]) -> list[Handover]:
    """Where a miner's stints, oldest first, change their user."""
    return [
        Handover(then.from_day, was.partner_user_id, then.partner_user_id)
        for was, then in pairwise(stints)
        if was.partner_user_id != then.partner_user_id
    ]
