"""Everything about a user on one page: what is theirs, what was done and said, and where there is more."""

from decimal import Decimal
from typing import Any

from hashrail import db
from hashrail.parties import operators, users
from hashrail.parties.operators import Operator
from hashrail.settings import Settings
from hashrail.support import notes, user_pages
from hashrail.support.user_pages import UserPage
from tests.support.books import buy
from tests.support.deployments import deployed
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.sessions import open_session
from tests.support.world import World


async def page(world: World, limit: int = 10) -> UserPage:
    async with db.snapshot(world.pool) as tx:
        user = await users.find(tx, world.partner.id, "alice")
        return await user_pages.of(tx, deployed(world.pool, Settings()), user, limit=limit)


async def note(world: World, who: Operator, subject: str, **values: Any) -> None:
    async with db.transaction(world.pool) as tx:
        await operators.note(tx, who, "something", subject, **values)


async def test_the_page_has_everything_of_the_user_and_nothing_of_others(world: World, olga: Operator) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    await funded(world, alice.id, bob.id)
    await open_session(world, "alice")
    one = await asked(world, alice.id, "0.01", ADDRESSES[0], "fast")
    other = await asked(world, bob.id, "0.01", ADDRESSES[1])
    async with db.transaction(world.pool) as tx:
        await notes.add(tx, olga, world.partner.id, alice.id, "called")
    mine = world.partner.id
    for subject in (f"user {mine}:alice", f"user {mine}:bob", f"{mine}:{one.id}", f"{mine}:{other.id}"):
        await note(world, olga, subject, reason="case 88")
    await note(world, olga, f"user {mine + 1}:alice")
    found = await page(world)
    assert (found.user.id, found.more) == (alice.id, [])
    assert [each.id for each in found.withdrawals] == [one.id]
    assert [each.cause for each in found.waits[one.id]] == ["NO_NODE", "RHYTHM"]
    assert found.balances[0].held == Decimal("0.01006")
    assert [(miner.power, len(stints)) for miner, stints in found.miners] == [(16, 1)]
    assert (len(found.orders), len(found.sessions), found.notes[0].text) == (1, 1, "called")
    assert found.income[0].net_btc == Decimal("0.16")
    assert [(each.operator, each.subject, each.reason) for each in found.history] == [
        ("olga", f"{mine}:{one.id}", "case 88"),
        ("olga", f"user {mine}:alice", "case 88"),
    ]


async def test_lists_that_are_longer_are_named(world: World, olga: Operator) -> None:
    alice = await world.user("alice")
    for number in range(3):
        await buy(world, alice.id, "1", f"o-{number}")
        async with db.transaction(world.pool) as tx:
            await notes.add(tx, olga, world.partner.id, alice.id, f"note {number}")
    found = await page(world, limit=2)
    assert found.more == ["miners", "orders", "notes"]
    assert [each.external_id for each in found.orders] == ["o-2", "o-1"]
    assert [each.text for each in found.notes] == ["note 2", "note 1"]
    assert (await page(world, limit=3)).more == []
