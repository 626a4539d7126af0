"""What a user sees is what the API answers, taken apart to the last digit."""

from decimal import Decimal

from hashrail import db
from hashrail.support import balances
from hashrail.support.balances import Sight
from tests.support.payouts import EARNED, asked, earn, funded, spendable, take_back
from tests.support.world import World


async def seen(world: World, user_id: int) -> Sight:
    async with db.snapshot(world.pool) as tx:
        return (await balances.of_user(tx, world.partner.id, user_id))[0]


async def test_income_is_unsettled_then_settled_then_held(world: World) -> None:
    alice = await world.user("alice")
    await funded(world, alice.id)
    found = await seen(world, alice.id)
    assert (found.settled, found.unsettled, found.held, found.spendable) == (0, EARNED, 0, EARNED)
    await asked(world, alice.id, "0.05", speed="fast")
    await earn(world)
    found = await seen(world, alice.id)
    held = Decimal("0.05006")
    assert (found.settled, found.unsettled, found.held) == (EARNED, EARNED, held)
    assert found.spendable == found.owned - held == await spendable(world, alice.id)


async def test_what_was_taken_back_beyond_the_account_shows_nothing(world: World) -> None:
    alice = await world.user("alice")
    day = await funded(world, alice.id)
    await asked(world, alice.id, "0.1")
    await take_back(world, day, "0")
    await earn(world, "0.001")
    found = await seen(world, alice.id)
    assert (found.spendable, found.owned < found.held) == (0, True)
