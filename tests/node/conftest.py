"""What tests with a Bitcoin node share: the node, a deployment that pays from a wallet on it, and a user who asks."""

from collections.abc import AsyncIterator

import pytest

from hashrail.deployment.opened import Deployment
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node
from tests.support.paying import Asker, deployed_on
from tests.support.world import World


@pytest.fixture
def node(bitcoin_node: Node) -> Node:
    """The node that all tests share; a module that changes its chain has one of its own."""
    return bitcoin_node


@pytest.fixture
async def deployment(world: World, node: Node) -> AsyncIterator[Deployment]:
    """A deployment on the node, with three coins of one BTC; the books hold when the test is over."""
    async with deployed_on(world.pool, node) as made:
        yield made
    await check_books(world)


@pytest.fixture
async def alice(world: World, node: Node) -> Asker:
    """A user who owns 0.16 BTC and asks for them."""
    return await Asker.create(world, node)
