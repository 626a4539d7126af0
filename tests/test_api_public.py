"""What everybody may ask: the time."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from hashrail import business_clock, clock
from tests.api import Api, answered, open_shared_api


@pytest.fixture(scope="module")
async def api(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template) as made:
        yield made


async def test_the_time_is_both_clocks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for, and the answer is the very clock that signatures are held against."""
    monkeypatch.setattr(clock, "wall_millis", lambda: 1_789_000_000_123)
    response = await api.http.get("/api/time")
    data = answered(response)
    assert data["serverTime"] == 1_789_000_000_123
    assert response.headers["x-server-time"] == "1789000000123"
    assert response.headers["cache-control"] == "no-store"
    assert sorted(data) == ["businessTime", "serverTime"]


async def test_the_business_clock_is_the_sandboxs(api: Api) -> None:
    before = clock.parse_iso(answered(await api.http.get("/api/time"))["businessTime"], "businessTime")
    assert abs(before - await business_clock.now(api.world.pool)) < dt.timedelta(minutes=5)
    await api.server.call("sandbox_advance", seconds=7200)
    after = clock.parse_iso(answered(await api.http.get("/api/time"))["businessTime"], "businessTime")
    assert dt.timedelta(hours=2) <= after - before < dt.timedelta(hours=3)
