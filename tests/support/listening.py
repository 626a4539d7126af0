"""A partner that listens to its feed."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hashrail import db
from hashrail.custody import deposits, withdrawals
from hashrail.events import feed
from hashrail.events.feed import Told
from tests.support.world import World


@dataclass
class Listener:
    """What a partner has heard so far."""

    world: World
    heard: list[Told] = field(default_factory=list)

    async def hears(self) -> list[tuple[str, dict[str, Any]]]:
        """What is new: type and data, in order."""
        partner_id = self.world.partner.id
        async with db.transaction(self.world.pool) as tx:
            await feed.append_drafts(tx, partner_id, at_most=100_000)
        new = await feed.read(self.world.pool, partner_id, after=len(self.heard), limit=100_000)
        self.heard += new
        return [(each.type, json.loads(each.data, parse_float=str)) for each in new]

    async def types(self) -> list[str]:
        """What is new, by its types."""
        return [name for name, _ in await self.hears()]

    def last(self, kind: str) -> dict[str, dict[str, Any]]:
        """What the last event of each object of a kind said."""
        return {
            each.object_id: json.loads(each.data, parse_float=str) for each in self.heard if each.object_kind == kind
        }

    async def check_states(self) -> None:
        """The last event of each withdrawal and deposit says how it stands."""
        pool, partner_id, everything = self.world.pool, self.world.partner.id, 100_000
        asked = await withdrawals.of_partner(pool, partner_id, limit=everything)
        assert self._states("withdrawal") == {str(each.id): each.state for each in asked}
        assert {number: each["txid"] for number, each in self.last("withdrawal").items()} == {
            str(each.id): each.txid for each in asked
        }
        arrived = await deposits.of_partner(pool, partner_id, limit=everything)
        assert self._states("deposit") == {str(each.id): each.state for each in arrived}

    async def check_balances(self) -> None:
        """What balances were told to change by, and what was settled, is what users have; likewise what is held."""
        has: dict[str, Decimal] = defaultdict(Decimal)
        holds: dict[str, Decimal] = defaultdict(Decimal)
        for each in self.heard:
            if each.type == "balance.changed":
                said = json.loads(each.data, parse_float=str)
                has[each.object_id] += Decimal(said["change"])
                holds[each.object_id] += Decimal(said["reservedChange"])
        rows = await self.world.pool.fetch(
            """SELECT a.user_id || ':' || a.currency AS balance, a.debits_pending,
                      a.credits_posted - a.debits_posted - coalesce((
                          SELECT sum(CASE WHEN t.credit_account = a.id THEN t.amount ELSE -t.amount END)
                          FROM transfer t WHERE t.partner_id = a.partner_id AND t.kind = 'settlement'
                            AND a.id IN (t.credit_account, t.debit_account)), 0) AS moved
               FROM account a WHERE a.partner_id = $1 AND a.user_id IS NOT NULL""",
            self.world.partner.id,
        )
        assert rows
        for row in rows:
            assert (has[row["balance"]], holds[row["balance"]]) == (row["moved"], row["debits_pending"]), row["balance"]

    def _states(self, kind: str) -> dict[str, str]:
        return {number: each["state"] for number, each in self.last(kind).items()}
