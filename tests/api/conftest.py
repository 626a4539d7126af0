"""What tests over the wire share: the application in this process, a partner of the test's own, and a past to read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.api_client import Api, Caller, Past, buy, check_books, open_past, open_shared_api


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """Settings of the module's deployment that are not the usual ones; a module that has some says so."""
    return {}


@pytest.fixture(scope="module")
async def deployment(server: str, template: str, settings_changed: dict[str, Any]) -> AsyncIterator[Api]:
    """A deployment for the tests of a module; whatever happened in it, its books are in order at the end."""
    async with open_shared_api(server, template, **settings_changed) as opened:
        yield opened
        await check_books(opened.world)


@pytest.fixture(scope="module")
async def published(deployment: Api) -> None:
    """A day is published and closed, so that there are figures."""
    await deployment.world.mine()


@pytest.fixture
async def api(deployment: Api) -> Api:
    """A partner of this test's own, on the module's deployment."""
    return await deployment.another_partner()


@pytest.fixture
async def miner_id(api: Api) -> int:
    """A miner of 16 TH at 15 W/TH in alice's hands, issued through an order."""
    return await buy(api.world, (await api.world.user()).id)


@pytest.fixture(scope="module")
async def past(server: str, template: str) -> AsyncIterator[Past]:
    """Five closed days of a partner, whose records are known to the last digit."""
    async with open_past(server, template) as opened:
        yield opened


@pytest.fixture(scope="module")
async def alice(past: Past) -> Caller:
    """The client of the past's Alice."""
    return await past.api.user("alice")
