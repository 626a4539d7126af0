"""What rules share that are held against answers: the application in this process."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api_client import Api, open_shared_api


@pytest.fixture(scope="module")
async def api(server: str, template: str) -> AsyncIterator[Api]:
    """With a published day and a user."""
    async with open_shared_api(server, template) as opened:
        await opened.world.mine()
        await opened.world.user()
        yield opened
