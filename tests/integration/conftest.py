"""What tests of the verbs share: a deployment for each module, a partner of the test's own in it, a user who earned."""

from collections.abc import AsyncIterator

import pytest

from tests.support.books import broken, deployment, newcomer
from tests.support.payouts import funded, policy
from tests.support.world import World


@pytest.fixture(scope="module")
async def books(server: str, template: str) -> AsyncIterator[World]:
    """One deployment for the module."""
    async with deployment(server, template) as made:
        yield made


@pytest.fixture(scope="module")
async def shop(books: World) -> AsyncIterator[World]:
    """The module's deployment, whose books are in order at the end, whatever happened in it."""
    yield books
    assert await broken(books.pool) == {}


@pytest.fixture
async def partner(shop: World) -> World:
    """A partner of this test's own in the module's deployment."""
    return await newcomer(shop)


@pytest.fixture
async def alice(world: World) -> int:
    """A user who has earned 0.16 BTC and may ask for them at once."""
    user = await world.user("alice")
    await funded(world, user.id)
    await policy(world, 0)
    return user.id
