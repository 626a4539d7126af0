"""/readyz proves a write, within two seconds, whatever is wrong; /healthz does not ask the database."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import httpx
import psycopg
import pytest

from hashrail import database_url, db
from hashrail.errors import UnavailableError
from hashrail.postgres import readiness
from hashrail.postgres.readiness import Readiness
from tests.support.api_client import Api, check_refused, exact, open_api, until_journal_is_written
from tests.support.clusters import Cluster, cluster, small_disk, standby
from tests.support.patience import until
from tests.support.world import World

DEADLINE_SECONDS = 20


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture
async def api(own: Cluster) -> AsyncIterator[Api]:
    """A deployment on a server of its own, with two connections."""
    name = f"api_{uuid.uuid4().hex[:8]}"
    own.run(f"CREATE DATABASE {name}")
    dsn = f"postgresql://?{urlencode({**database_url.read(own.dsn).options, 'dbname': name})}"
    await db.migrate_in_thread(dsn)
    pool = await db.open_pool(dsn, connections=4)
    async with open_api(await World.create(pool), dsn, database_connections=2) as opened:
        yield opened
    pool.terminate()


async def ready(api: Api) -> httpx.Response:
    """The answer, which comes in time; the process is alive all the while."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    response = await api.http.get("/readyz")
    assert loop.time() - began < DEADLINE_SECONDS
    alive = await api.http.get("/healthz")
    assert (alive.status_code, exact(alive)) == (200, {"status": "ok"})
    assert loop.time() - began < DEADLINE_SECONDS
    return response


async def until_ready(api: Api) -> None:
    """A server that has just been freed or started may take longer to write than readiness waits."""

    async def is_ready() -> bool:
        return (await ready(api)).status_code == 200

    await until(is_ready)


async def test_a_database_that_writes(api: Api) -> None:
    for _ in range(3):
        assert exact(await ready(api)) == {"status": "ready"}


async def test_a_proof_leaves_nothing_behind(own: Cluster) -> None:
    proofs = Readiness(own.dsn)
    await proofs.prove()
    sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
    with psycopg.connect(own.dsn) as connection:
        before = connection.execute(sizes).fetchone()
        connection.commit()
        for _ in range(20):
            await proofs.prove()
        assert connection.execute(sizes).fetchone() == before
        dead = connection.execute("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = '_yoyo_migration'")
        assert dead.fetchone() == (0,)


async def test_a_crowd_is_one_proof_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    began = 0
    write = Readiness._write

    async def counted(self: Readiness) -> dict[str, int]:
        nonlocal began
        began += 1
        return await write(self)

    monkeypatch.setattr(Readiness, "_write", counted)
    answers = await asyncio.gather(*(api.http.get("/readyz") for _ in range(50)))
    assert {response.status_code for response in answers} == {200}
    assert began == 1


async def test_proofs_do_not_follow_each_other_without_a_pause(own: Cluster) -> None:
    proofs = Readiness(own.dsn)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(3):
        await proofs.prove()
    assert loop.time() - began >= 2 * readiness.PAUSE_SECONDS


async def test_a_pool_that_is_used_up(api: Api) -> None:
    """All connections of the process wait for something: the database is ready all the same."""
    async with db.transaction(api.deployment.pool), db.transaction(api.deployment.pool):
        assert (await ready(api)).status_code == 200


async def test_a_server_that_stands_still(own: Cluster, api: Api) -> None:
    with own.frozen():
        check_refused(await ready(api), 503, "DATABASE_DOWN")
        check_refused(await ready(api), 503, "DATABASE_DOWN")
    await until_ready(api)


async def test_a_postmaster_that_stands_still(own: Cluster, api: Api) -> None:
    """Sessions that are there would still work, and no other could be opened."""
    with own.frozen(postmaster_only=True):
        check_refused(await ready(api), 503, "DATABASE_DOWN")
    await until_ready(api)


async def test_a_server_that_is_stopped(own: Cluster, api: Api) -> None:
    own.stop()
    check_refused(await ready(api), 503, "DATABASE_DOWN")
    own.start()
    await until_ready(api)


async def test_a_standby_that_every_commit_waits_for(own: Cluster, api: Api) -> None:
    """Nothing can be promised; and no session is left waiting by having asked."""
    await until_journal_is_written(api)
    own.wait_for_nobody()
    try:
        for _ in range(3):
            check_refused(await ready(api), 503, "UNKNOWN_OUTCOME")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        with psycopg.connect(own.dsn, autocommit=True) as connection:
            assert connection.execute(waiting).fetchone() == (0,)
    finally:
        own.set("synchronous_standby_names", "''")
    await until_ready(api)


async def test_connections_that_are_used_up(own: Cluster) -> None:
    role = f"role_{uuid.uuid4().hex[:8]}"
    own.run(f"CREATE ROLE {role} LOGIN SUPERUSER")
    limited = f"postgresql://?{urlencode({**database_url.read(own.dsn).options, 'user': role})}"
    proofs = Readiness(limited)
    own.run(f"ALTER ROLE {role} NOSUPERUSER CONNECTION LIMIT 1")
    with psycopg.connect(limited):
        await check_unready(proofs, "DATABASE_FULL")
    own.run(f"ALTER ROLE {role} NOLOGIN")
    await check_unready(proofs, "DATABASE_DOWN")
    own.run(f"ALTER ROLE {role} LOGIN")
    await check_unready(proofs, "DATABASE_RIGHTS")


async def check_unready(proofs: Readiness, code: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        await proofs.prove()
    assert raised.value.code == code


async def test_a_standby() -> None:
    with cluster() as primary:
        primary.stop()
        with standby(primary.data_dir, primary.dsn) as following:
            proofs = Readiness(following.dsn)
            await check_unready(proofs, "DATABASE_READ_ONLY")
            following.run("SELECT pg_promote()")
            await proofs.prove()
        primary.start()


async def test_a_schema_that_is_old(api: Api) -> None:
    await api.world.pool.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0013%'")
    check_refused(await ready(api), 503, "SCHEMA_OUT_OF_DATE")
    await api.world.pool.execute("DROP TABLE _yoyo_migration")
    check_refused(await ready(api), 503, "SCHEMA_OUT_OF_DATE")


async def test_a_disk_that_is_full() -> None:
    with small_disk(200) as place:
        if place is None:
            pytest.skip("a small disk needs the right to mount: run as root")
        with cluster(place) as small:
            proofs = Readiness(small.dsn)
            await proofs.prove()
            filling = small.fill(leave_bytes=100_000)
            await check_unready(proofs, "DATABASE_FULL")
            filling.unlink()
            await proofs.prove()
