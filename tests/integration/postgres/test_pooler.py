"""Behind pgbouncer: in session mode everything works; in transaction mode API processes do, by a setting of their own,
and nothing else begins, and the words say why.
"""

import asyncio
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from hashrail import db, db_session
from hashrail.access import api_keys
from hashrail.api.serving import growth
from hashrail.db_pooled import DatabasePoolerElsewhereError, DatabasePoolerForgetsError
from hashrail.db_session import PINS
from hashrail.postgres import job_queue, readiness
from hashrail.postgres.readiness import Readiness
from hashrail.selling import orders
from hashrail.settings import BadSettingError
from hashrail.sqlstates import DatabasePooledError
from tests.support.api_client import (
    MASTER_KEY,
    Api,
    Caller,
    an_offer,
    answered,
    check_refused,
    open_api,
    refused_soon,
)
from tests.support.books import advance, broken
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.payouts import ADDRESSES, funded
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
        made = said(*command, folder=tmp_path, DATABASE_URL=through)
    assert made.returncode == 1
    assert made.stderr.splitlines() == [
        "DATABASE_POOLED: a pooler gives each transaction another connection",
        DatabasePooledError.advice,
    ]


def said(*command: str, folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """What a command says to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hashrail.cli", *command],
        env=os.environ | {"HASHRAIL_DATA": str(folder), "HASHRAIL_MASTER_KEYS": MASTER_KEY, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# By way of a pooler in transaction mode

# What a transaction is fixed to, as PostgreSQL shows it.
FIXED = {pin.name: pin.value for pin in PINS if not pin.name.startswith(("default_", "idle_session_timeout"))}
FIXED["idle_in_transaction_session_timeout"] = "1min"


@pytest.fixture
def beside(dsn: str, tmp_path: Path) -> Iterator[str]:
    """A pooler in transaction mode that has few connections for many."""
    with pooler(dsn, tmp_path, "transaction", default_pool_size="3", max_prepared_statements="50") as through:
        yield through


async def test_a_transaction_is_as_others_are_whatever_a_connection_was_left_with(dsn: str, beside: str) -> None:
    """Everything that a session is fixed to holds in each transaction, and leaves nothing behind."""
    left = [
        *("default_transaction_isolation = serializable", "default_transaction_read_only = on"),
        *("synchronous_commit = off", "TimeZone = 'Asia/Kolkata'", "search_path = ''", "lock_timeout = 0"),
    ]
    with psycopg.connect(beside, autocommit=True, prepare_threshold=None) as other:
        for setting in left:
            other.execute(f"SET {setting}".encode())
        pool = await db.open_pooled(beside, connections=1)
        for begun, isolation, read_only in (
            (db.transaction(pool), "read committed", "off"),
            (db.transaction(pool, one_moment=True), "repeatable read", "off"),
            (db.snapshot(pool), "repeatable read", "on"),
        ):
            async with begun as tx:
                found = {row["name"]: row["current_setting"] for row in await tx.fetch(READ, list(FIXED))}
                assert found == {name: value for name, value in FIXED.items() if name in found}
                assert len(found) > 10
                shown = [await tx.fetchval(f"SHOW transaction_{what}") for what in ("isolation", "read_only")]
                assert shown == [isolation, read_only]
        assert await pool.fetchval("SHOW lock_timeout") == "20s"
        await pool.close()
        assert other.execute("SHOW search_path").fetchone() == ('""',)


async def test_the_moment_of_a_transaction_is_its_first_query(beside: str) -> None:
    """What fixes it is none: whoever locks first reads what was there when the lock was had."""
    pool, other = await db.open_pooled(beside, connections=1), await db.open_pooled(beside, connections=1)
    await pool.execute("CREATE TABLE moment (id bigint)")
    async with db.transaction(pool, one_moment=True) as tx:
        await other.execute("INSERT INTO moment (id) VALUES (1)")
        await tx.execute("LOCK TABLE moment IN EXCLUSIVE MODE")
        assert await tx.fetchval("SELECT count(*) FROM moment") == 1
    await pool.close()
    await other.close()


async def test_two_transactions_read_one_moment(beside: str) -> None:
    pool = await db.open_pooled(beside, connections=3)
    await pool.execute("CREATE TABLE moments (id bigint)")
    async with db.snapshots(pool, 2) as taken:
        await pool.execute("INSERT INTO moments (id) VALUES (1)")
        assert [await each.fetchval("SELECT count(*) FROM moments") for each in taken] == [0, 0]
    await pool.close()


async def test_what_ends_a_transaction_that_is_none_ends_nothing(beside: str) -> None:
    """One that was called off before it had begun is rolled back all the same, when its connection is given back."""
    pool = await db.open_pooled(beside, connections=1)
    async with pool.acquire() as connection:
        for ending in ("ROLLBACK", "COMMIT"):
            assert await connection.execute(ending) == ending
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def test_the_api_serves_many_by_few_connections(
    dsn: str, world: World, beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logins, orders, withdrawals and who waits for events, all at once; and a revoked key is heard of."""
    monkeypatch.setattr(growth, "LOOK_SECONDS", 60)  # whoever waits is woken, or not at all
    names = [f"user-{number}" for number in range(6)]
    users = [(await world.user(name)).id for name in names]
    await funded(world, *users)
    offer = await an_offer(world, "1")
    async with open_api(world, dsn, database_pooler_url=beside, key_cache_seconds=60) as api:
        assert (await api.http.get("/readyz")).status_code == 200
        waits = asyncio.create_task(api.server.call("s2s_events", types="order.expired", waitSeconds=25))

        async def lives(name: str) -> None:
            user = answered(await api.server.call("s2s_login", partnerUserId=name))
            order = {"userId": user["userId"], "externalId": name}
            await api.server.call("s2s_payment_create", nftCollectionId=offer.id, **order)
            assert answered(await api.server.call("s2s_payment_success", **order)) is True
            to = {"partnerUserId": name, "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
            for _ in range(2):  # the second one is answered as the first
                assert answered(await api.server.call("s2s_withdraw", {"Idempotency-Key": name}, **to)) is True
            held = answered(await api.server.with_token(user["jwtToken"]).call("c2s_miners"))["array"]
            assert len(held) == 2

        await asyncio.gather(*map(lives, names))
        await api.server.call("s2s_payment_create", nftCollectionId=offer.id, userId=users[0], externalId="late")
        await advance(world, dt.timedelta(days=2))
        async with db.transaction(world.pool) as tx:
            await orders.expire_due(tx, world.partner.id)
        # Another reader takes it into the feed, which is announced.
        answered(await api.server.call("s2s_events", types="order.expired"))
        assert [told["object"]["id"] for told in answered(await waits)["events"]] == ["late"]
        await revoked_is_heard_of(api)
    assert await world.pool.fetchval("SELECT count(*) FROM withdrawal") == len(names)
    assert await broken(world.pool) == {}


async def revoked_is_heard_of(api: Api) -> None:
    """An announcement comes by the connection that leads to PostgreSQL itself."""
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    answered(await caller.call("s2s_miners", partnerUserId="user-1"))
    async with db.transaction(api.world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=api.world.partner.id, key_id=made.key_id)
    check_refused(await refused_soon(caller, "s2s_miners", partnerUserId="user-1"), 401, "API_KEY_REVOKED")


@pytest.mark.parametrize(
    ("mode", "settings", "refused"),
    [
        ("transaction", {"max_prepared_statements": "0"}, DatabasePoolerForgetsError),
        ("statement", {}, DatabasePooledError),
    ],
    ids=str,
)
async def test_a_pooler_that_cannot_be_worked_with(
    dsn: str, tmp_path: Path, mode: str, settings: dict[str, str], refused: type[Exception]
) -> None:
    with pooler(dsn, tmp_path, mode, **settings) as through, pytest.raises(refused):
        await db.prove_pooler(through, dsn)


async def test_a_pooler_that_leads_elsewhere(dsn: str, server: str, beside: str) -> None:
    await db.prove_pooler(beside, dsn)
    with pytest.raises(DatabasePoolerElsewhereError):
        await db.prove_pooler(beside, server)
    with pytest.raises(BadSettingError, match="HASHRAIL_DATABASE_POOLER_URL: target_session_attrs"):
        await db.prove_pooler(f"{beside}?target_session_attrs=read-write", dsn)


def test_a_server_says_so_before_it_serves(dsn: str, server: str, beside: str, tmp_path: Path) -> None:
    become(dsn, mode="production")
    elsewhere = with_database(beside, "postgres")
    made = said("serve", "--port", "1", folder=tmp_path, DATABASE_URL=dsn, HASHRAIL_DATABASE_POOLER_URL=elsewhere)
    assert (made.returncode, made.stderr.splitlines()[-2:]) == (
        1,
        [
            "DATABASE_POOLER_ELSEWHERE: the pooler leads to another database than DATABASE_URL",
            "Let HASHRAIL_DATABASE_POOLER_URL lead to the very database that DATABASE_URL names.",
        ],
    )


async def test_not_ready_where_the_pooler_has_gone(dsn: str, world: World, tmp_path: Path) -> None:
    """Though PostgreSQL itself is there."""
    with pooler(dsn, tmp_path, "transaction") as through:
        await Readiness(dsn, pooler=through).prove()
    await Readiness(dsn).prove()
    with pytest.raises(db.DatabaseDownError):
        await Readiness(dsn, pooler=through).prove()
