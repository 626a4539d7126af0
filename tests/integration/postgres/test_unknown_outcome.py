"""A write whose commit no standby knows of: it is not told as done until one does, however often it is sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from hashrail import db
from hashrail.api.serving.running import REPEATED_HEADER
from tests.support.acting import act_on_waiting_commit
from tests.support.api_client import Api, answered, check_refused, open_api, until_journal_is_written
from tests.support.clusters import Cluster, cluster
from tests.support.world import World


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture
async def api(own: Cluster) -> AsyncIterator[Api]:
    pool = await db.open_pool(own.dsn, connections=4)
    # A key that is read again would be the one whose commit waits.
    async with open_api(await World.create(pool), own.dsn, key_cache_seconds=60) as opened:
        yield opened
    await pool.close()


async def cut_off(api: Api, own: Cluster, request: httpx.Request) -> httpx.Response:
    """Send it, and end the wait of its commit: what is written stays, and the standby does not know."""
    own.wait_for_nobody()
    sending = asyncio.create_task(api.server.send_again(request))
    try:
        await act_on_waiting_commit(api.world.pool, "pg_cancel_backend", "answered_write")
        return await sending
    finally:
        own.set("synchronous_standby_names", "''")


async def test_it_is_told_as_done_when_a_standby_knows(api: Api, own: Cluster) -> None:
    await api.server.call("s2s_collections")  # the key is known to the process
    await until_journal_is_written(api)
    request = api.server.request("s2s_login", {"Idempotency-Key": "one"}, partnerUserId="alice")
    for _ in range(3):
        response = await cut_off(api, own, request)
        check_refused(response, 503, "UNKNOWN_OUTCOME")
    done = await api.server.send_again(request)
    assert answered(done)["partnerUserId"] == "alice"
    assert done.headers[REPEATED_HEADER] == "true"
    anew = await api.server.call("s2s_login", {"Idempotency-Key": "one"}, partnerUserId="alice")
    assert answered(anew) == answered(done)
    assert await api.world.pool.fetchval("SELECT count(*) FROM refresh_family") == 1
