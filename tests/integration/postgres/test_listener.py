"""Who listens for revoked keys notices a server that is silent, and listens anew."""

import asyncio
from collections.abc import Iterator

import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.api.serving import state
from tests.support import patience
from tests.support.api_client import check_refused, open_api
from tests.support.clusters import Cluster, cluster
from tests.support.databases import LISTENERS
from tests.support.patience import until
from tests.support.world import World


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


async def test_a_revocation_after_a_silence(own: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is dead without a word would announce nothing, and a key be trusted for as long as it is kept."""
    monkeypatch.setattr(state, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(state, "RECONNECT_SECONDS", 0.1)
    pool = await db.open_pool(own.dsn, connections=2)
    world = await World.create(pool)
    await world.user()
    async with open_api(world, own.dsn, key_cache_seconds=60) as api:
        made = await api.key()
        caller = await api.caller()
        assert (await caller.call("s2s_miners", partnerUserId="alice")).status_code == 200
        before = {row["pid"] for row in await pool.fetch(LISTENERS)}
        with own.frozen():
            await asyncio.sleep(0.5)

        async def listens_anew() -> bool:
            return not {row["pid"] for row in await pool.fetch(LISTENERS)} <= before

        await until(listens_anew)
        key_id = await pool.fetchval("SELECT max(id) FROM api_key")
        assert key_id > made.key_id
        async with db.transaction(pool) as tx:
            await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=key_id)
        give_up = clock.monotonic() + patience.SECONDS
        while (
            answer := await caller.call("s2s_miners", partnerUserId="alice")
        ).status_code == 200 and clock.monotonic() < give_up:
            await asyncio.sleep(0.05)
        check_refused(answer, 401, "API_KEY_REVOKED")
    await pool.close()
