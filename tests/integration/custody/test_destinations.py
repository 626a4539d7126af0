"""Where the income of each day goes: what a withdrawal took, oldest first, then the newest bound address."""

import datetime as dt
from decimal import Decimal

from hashrail import db
from hashrail.books import fence
from hashrail.custody import bound_wallets, destinations
from hashrail.rewards import income_records
from tests.support.payouts import ADDRESSES, BINDING, EARNED, asked, cancelled, earn, funded
from tests.support.world import World

FIRST, SECOND, BOUND = ADDRESSES[0], ADDRESSES[2], ADDRESSES[3]
EVER = {"first": dt.date(2000, 1, 1), "last": dt.date(2100, 1, 1)}


async def shown(world: World, user_id: int, limit: int | None = None, offset: int = 0) -> list[str | None]:
    """The addresses of the user's days, newest first."""
    async with db.snapshot(world.pool) as tx:
        held = await income_records.holdings(tx, world.partner.id, user_id)
        found, _ = await income_records.day_totals(tx, held, limit=limit, offset=offset, with_records=False, **EVER)
        earned = {one.day: one.net for one in found}
        goes_to = await destinations.of_days(tx, world.partner.id, user_id, earned)
    return [goes_to[day] for day in earned]


async def bind(world: World, user_id: int, address: str) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await bound_wallets.bind(tx, books, BINDING, user_id=user_id, address=address)


async def test_income_goes_where_withdrawals_went_and_will_go(world: World) -> None:
    user = await world.user("alice")
    assert await shown(world, user.id) == []
    await funded(world, user.id)
    await earn(world)
    await earn(world)
    # Three days of 0.16 BTC each.
    assert await shown(world, user.id) == [None, None, None]
    await bind(world, user.id, SECOND)
    await bind(world, user.id, BOUND)
    assert await shown(world, user.id) == [BOUND, BOUND, BOUND]
    # Not all of the first day yet.
    await asked(world, user.id, EARNED - Decimal("0.00001"), address=FIRST)
    assert await shown(world, user.id) == [BOUND, BOUND, BOUND]
    taken = await asked(world, user.id, EARNED, address=SECOND)
    assert await shown(world, user.id) == [BOUND, BOUND, SECOND]
    assert await shown(world, user.id, limit=1, offset=2) == [SECOND]
    assert await shown(world, user.id, limit=2) == [BOUND, BOUND]
    await cancelled(world, taken.id)
    assert await shown(world, user.id) == [BOUND, BOUND, BOUND]
    await asked(world, user.id, 2 * EARNED + Decimal("0.00001"), address=FIRST)
    assert await shown(world, user.id) == [FIRST, FIRST, FIRST]
    # A day without income changes nothing of the days before it.
    await earn(world, "0")
    await earn(world)
    assert await shown(world, user.id) == [BOUND, FIRST, FIRST, FIRST, FIRST]


async def test_another_users_addresses_are_not_shown(world: World) -> None:
    alice, bob = (await world.user("alice")).id, (await world.user("bob")).id
    await funded(world, alice, bob)
    await bind(world, bob, BOUND)
    await asked(world, bob, EARNED, address=SECOND)
    assert await shown(world, alice) == [None]
    assert await shown(world, bob) == [SECOND]
