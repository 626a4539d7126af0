"""Telling partners of withdrawals costs what is told, whatever is known of how large the table is."""

from typing import Any

from hashrail import business_clock, db
from hashrail.custody import withdrawal_telling
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.world import World


class Listening:
    """A transaction that notes for which withdrawals of whom it is asked."""

    def __init__(self, tx: db.Tx) -> None:
        self.tx = tx
        self.heard: list[tuple[int, list[int]]] = []

    async def fetch(self, statement: str, partner_id: int, numbers: list[int]) -> list[db.Row]:
        self.heard.append((partner_id, numbers))
        return await self.tx.fetch(statement, partner_id, numbers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tx, name)


async def test_withdrawals_are_read_partner_by_partner(world: World) -> None:
    """Joined with pairs of partner and number, a plan of an empty table read all of a partner for each of them."""
    alice = (await world.user("alice")).id
    await funded(world, alice)
    mine = [(await asked(world, alice, "0.01", address, "fast")).id for address in ADDRESSES[:2]]
    told, nobody = world.partner.id, world.partner.id + 1
    async with db.transaction(world.pool) as tx, db.undone(tx):
        listening: Any = Listening(tx)
        before = await tx.fetchval("SELECT count(*) FROM event_draft WHERE partner_id = $1", told)
        numbers = [(nobody, 1), *((told, number) for number in reversed(mine))]
        await withdrawal_telling.tell(listening, numbers, now=await business_clock.now(tx))
        assert listening.heard == [(told, mine), (nobody, [1])]
        assert await tx.fetchval("SELECT count(*) FROM event_draft WHERE partner_id = $1", told) == before + 2
