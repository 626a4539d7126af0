"""Behind pgbouncer: in session mode everything works, in the others nothing begins, and the words say why."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hashrail import db, db_session
from hashrail.db_session import PINS
from hashrail.postgres import job_queue, readiness
from hashrail.postgres.readiness import Readiness
from hashrail.sqlstates import DatabasePooledError
from tests.support.api_client import MASTER_KEY, an_offer, answered, open_api
from tests.support.pooler import pooler
from tests.support.world import World

EXCHANGING = ("transaction", "statement")
READ = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1)"


@pytest.fixture(params=EXCHANGING)
def exchanging(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Iterator[str]:
    with pooler(dsn, tmp_path, request.param) as through:
        yield through


async def test_in_session_mode_everything_is_fixed(dsn: str, tmp_path: Path) -> None:
    """No parameter of a session is refused, and none of another client's is left over."""
    with pooler(dsn, tmp_path, "session") as through:
        assert await db.migrate_in_thread(through) == []
        await asyncio.to_thread(job_queue.install, through)
        await db.reach(through)
        pool = await db.open_pool(through, connections=4)
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.05)") for _ in range(4)))
        names = [pin.name for pin in PINS if not pin.name.endswith("_timeout")]
        found = {row["name"]: row["current_setting"] for row in await pool.fetch(READ, names)}
        assert found == {pin.name: pin.value for pin in PINS if pin.name in found}
        assert len(found) == len(names)
        queue = job_queue.queue(through)
        async with queue.open_async():
            assert list(await queue.job_manager.list_jobs_async()) == []
        await Readiness(through).prove()
        await pool.close()


async def test_in_session_mode_the_api_serves(dsn: str, world: World, tmp_path: Path) -> None:
    with pooler(dsn, tmp_path, "session") as through:
        await world.mine()
        async with open_api(world, through) as api:
            assert (await api.http.get("/readyz")).status_code == 200
            alice = answered(await api.server.call("s2s_login", partnerUserId="alice"))
            offer = await an_offer(world)
            order = {"userId": alice["userId"], "externalId": "one"}
            await api.server.call("s2s_payment_create", nftCollectionId=offer.id, **order)
            assert answered(await api.server.call("s2s_payment_success", **order)) is True
            assert len(answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]) == 1


async def test_a_pooler_without_another_connection_keeps_the_one(dsn: str, tmp_path: Path) -> None:
    """In session mode with room for one the trial finds none, which says that the first one is kept."""
    with pooler(dsn, tmp_path, "session", default_pool_size="1") as through:
        connection = await db.connect(f"{through}?connect_timeout=1")
        assert await connection.fetchval("SHOW search_path") == "public, pg_temp"
        await connection.close()


async def test_a_pooler_that_exchanges_connections_is_refused(exchanging: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without having set anything on a connection that others use as well."""
    # What is refused is looked at here, whatever a busy machine takes for it.
    monkeypatch.setattr(readiness, "READY_SECONDS", 30)
    for refused in (db.open_pool, db.connect, db.reach):
        with pytest.raises(DatabasePooledError):
            await refused(exchanging)
    with pytest.raises(DatabasePooledError):
        await Readiness(exchanging).prove()
    with psycopg.connect(exchanging, autocommit=True, prepare_threshold=None) as other:
        assert other.execute("SHOW lock_timeout").fetchone() == ("0",)


@pytest.mark.parametrize("settings", [{"server_round_robin": "1"}, {"max_prepared_statements": "0"}], ids=str)
async def test_however_it_exchanges_them(dsn: str, tmp_path: Path, settings: dict[str, str]) -> None:
    """Also where others have made it open many connections before, and work on them meanwhile."""
    with pooler(dsn, tmp_path, "transaction", **settings) as through:
        others = [
            await psycopg.AsyncConnection.connect(through, autocommit=True, prepare_threshold=None) for _ in range(6)
        ]
        done = asyncio.Event()

        async def work(other: psycopg.AsyncConnection) -> None:
            while not done.is_set():
                await other.execute("SELECT pg_sleep(0.002)")

        working = [asyncio.create_task(work(other)) for other in others]
        for _ in range(5):
            with pytest.raises(DatabasePooledError):
                await db.open_pool(through)
        done.set()
        await asyncio.gather(*working)
        for _ in range(5):
            with pytest.raises(DatabasePooledError):
                await db.open_pool(through)
        for other in others:
            await other.close()


async def test_two_sessions_that_share_a_process(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trial at the beginning has not seen shows when the pool grows."""

    async def seen_nothing(*_: object) -> None:
        """A pooler that was lucky."""

    monkeypatch.setattr(db_session.Sessions, "_refuse_exchange", seen_nothing)
    with pooler(dsn, tmp_path, "transaction", default_pool_size="1") as through:
        pool = await db.open_pool(through, connections=2)
        with pytest.raises(DatabasePooledError):
            await asyncio.gather(*(pool.fetchval("SELECT 1") for _ in range(2)))
        pool.terminate()


@pytest.mark.parametrize("command", [("serve", "--port", "1"), ("worker",), ("migrate",), ("partner", "list")], ids=str)
def test_what_commands_say(dsn: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    with pooler(dsn, tmp_path, "transaction") as through:
        made = subprocess.run(
            [sys.executable, "-m", "hashrail.cli", *command],
            env=os.environ
            | {"DATABASE_URL": through, "HASHRAIL_DATA": str(tmp_path), "HASHRAIL_MASTER_KEYS": MASTER_KEY},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert made.returncode == 1
    assert made.stderr.splitlines() == [
        "DATABASE_POOLED: a pooler gives each transaction another connection",
        "Connect to PostgreSQL itself, or set the pooler to session mode: docs/how-to/own-postgresql.md.",
    ]
