"""Users of many stints are settled when days were closed; what they have stays the same."""

from decimal import Decimal

import pytest

from hashrail import db
from hashrail.rewards import portfolios, settling
from tests.support.books import broken
from tests.support.eventful import mine_everywhere
from tests.support.world import World


async def settled_through(world: World, user_id: int) -> object:
    """The day through which a user was settled."""
    return await world.pool.fetchval("SELECT settled_through FROM app_user WHERE id = $1", user_id)


async def has(world: World, user_id: int) -> Decimal:
    """BTC that a user has in all, settled or not."""
    async with db.snapshot(world.pool) as tx:
        account = await world.pool.fetchval(
            "SELECT credits_posted - debits_posted FROM account WHERE user_id = $1 AND currency = 'BTC'", user_id
        )
        assert await settling.credited(tx, world.partner.id, user_id) == account + await settling.unsettled(
            tx, world.partner.id, user_id
        )
        return Decimal(account) + await settling.unsettled(tx, world.partner.id, user_id)


async def test_who_has_many_new_stints_is_settled(world: World) -> None:
    """Once for each lot of them; nobody else is, and nobody has more or less."""
    large, small = (await world.user("large")).id, (await world.user("small")).id
    for _ in range(3):
        await world.miner(large)
    await world.miner(small)
    await world.mine()
    day = await world.mine()
    before = await has(world, large), await has(world, small)
    assert await portfolios.settle_large(world.pool, most=3) == 1
    assert (await settled_through(world, large), await settled_through(world, small)) == (day, None)
    assert (await has(world, large), await has(world, small)) == before
    assert min(before) > 0
    assert await portfolios.settle_large(world.pool, most=1) == 0


async def test_stints_are_counted_since_the_user_was_settled(world: World) -> None:
    """However long ago the first of them began, and whoever looked at them then."""
    user = (await world.user("alice")).id
    for count in range(3):
        await world.miner(user, "0.01")
        day = await world.mine()
        assert await portfolios.settle_large(world.pool, most=3) == (count == 2)
    assert await settled_through(world, user) == day
    await world.miner(user, "0.01")
    await world.mine()
    # The one that was bought on the day that was settled, and the one after it.
    assert await portfolios.settle_large(world.pool, most=3) == 0
    await world.miner(user, "0.01")
    assert await portfolios.settle_large(world.pool, most=3) == 1
    assert not {"settled-equals-income", "control-equals-unsettled"} & set(await broken(world.pool))


async def test_before_the_first_close_nobody_is_settled(world: World) -> None:
    """What is looked at then is not lost: the next stint counts it as well."""
    user = (await world.user("alice")).id
    await world.miner(user)
    assert await portfolios.settle_large(world.pool, most=1) == 0
    assert await settled_through(world, user) is None
    await world.mine()
    await world.mine()
    await world.miner(user)
    assert await portfolios.settle_large(world.pool, most=2) == 1


async def test_every_partner_with_new_stints_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group after the other; those without new ones are not asked of again."""
    monkeypatch.setattr(portfolios, "PARTNERS_AT_ONCE", 1)
    others = [await world.another_partner(name) for name in ("one", "two", "idle")]
    users = [(each, (await each.user(f"of {each.partner.id}")).id) for each in (world, *others[:2])]
    for each, user in users:
        await each.miner(user)
    await mine_everywhere(world, 2)
    assert await portfolios.settle_large(world.pool, most=1) == 3
    assert None not in [await settled_through(world, user) for _, user in users]
    looked = "SELECT count(*) FROM partner_day WHERE looked_at_stint > 0"
    assert await world.pool.fetchval(looked) == 3
    await others[2].miner((await others[2].user("late")).id)
    assert await portfolios.settle_large(world.pool, most=2) == 0
    assert await world.pool.fetchval(looked) == 4
