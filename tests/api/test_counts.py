"""What the API counts of itself for the alarms: answers that failed, and nothing else."""

import pytest

from hashrail.alarms import counts
from hashrail.alarms.counts import Counts
from hashrail.api.serving import telemetry
from hashrail.clock import wall_now
from tests.support.api_client import answered, open_api
from tests.support.world import World


async def test_answers_that_fail_are_counted(world: World, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug, and a database that is away for a moment; a refusal is none, and neither is an answer."""
    seen = Counts()
    monkeypatch.setattr(telemetry, "COUNTS", seen)
    await world.user()
    async with open_api(world, dsn) as api:
        answered(await api.server.call("s2s_login", partnerUserId="alice"))
        assert (await api.server.call("s2s_miners", partnerUserId="nobody")).status_code == 404
        await world.pool.execute("ALTER TABLE app_user RENAME TO lost_user")
        assert (await api.server.call("s2s_miners", partnerUserId="alice")).status_code == 500
        await world.pool.execute("ALTER TABLE lost_user RENAME TO app_user")
        answered(await api.server.call("s2s_miners", partnerUserId="alice"))
    await seen.write_down(world.pool)
    assert await counts.recent(world.pool, now=wall_now()) == {counts.ERRORS: 1}
