"""Partners on several servers: the main path, commits on two servers, and a server that is lost.

On a real Citus, whose coordinator HASHRAIL_TEST_CITUS_URL names.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from hashrail import db
from hashrail.books import lost_numbers
from hashrail.books.lost_numbers import Gap
from hashrail.cli.main import app
from hashrail.postgres import distributing
from hashrail.recovery import backup_file, backups, restoring, restoring_backup
from hashrail.settings import Settings
from tests.support import citus, served
from tests.support.api_client import Api, answered, check_refused, exact, open_api
from tests.support.books import broken, offer, receivable
from tests.support.databases import database
from tests.support.gate import Gate, gate
from tests.support.patience import wait_until
from tests.support.payouts import ADDRESSES, earn
from tests.support.world import World

pytestmark = pytest.mark.skipif(
    citus.coordinator() is None, reason="HASHRAIL_TEST_CITUS_URL names no coordinator of a Citus cluster"
)
PARTNERS = 8


class Spread:
    """A deployment on several servers, one of which is behind a gate, with a partner on every server."""

    def __init__(self, api: Api, dsn: str, gate: Gate) -> None:
        self.first, self.dsn, self.gate = api, dsn, gate
        self.partners: list[Api] = []
        self.alices: dict[int, int] = {}

    async def open(self) -> None:
        """Eight partners, each with a user."""
        self.partners = [self.first, *[await self.first.another_partner() for _ in range(PARTNERS - 1)]]
        for one in self.partners:
            self.alices[one.world.partner.id] = (await one.world.user("alice")).id

    def alice_of(self, one: Api) -> int:
        """The number of the partner's user."""
        return self.alices[one.world.partner.id]

    async def behind_gate(self, one: Api) -> bool:
        """Whether the partner's rows are on the server behind the gate."""
        port = await self.first.world.pool.fetchval(
            """SELECT p.nodeport FROM citus_shards p
               WHERE p.shardid = get_shard_id_for_distribution_column('purchase', $1::bigint)""",
            one.world.partner.id,
        )
        return bool(port == self.gate.port)


@pytest.fixture
async def spread(server: str, template: str, tmp_path: Path) -> AsyncIterator[Spread]:
    facts = conninfo_to_dict(citus.workers(server)[0])
    with database(server, template) as dsn, gate(str(facts["host"]), int(str(facts["port"]))) as shut:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT citus_update_node(nodeid, '127.0.0.1', %s) FROM pg_dist_node WHERE nodeport = %s",
                (shut.port, facts["port"]),
            )
            synced = "SELECT bool_and(metadatasynced) FROM pg_dist_node"
            wait_until(lambda: connection.execute(synced).fetchone() == (True,))
        pool = await db.open_pool(dsn, connections=20)
        async with open_api(await World.create(pool), dsn, data=tmp_path, bitcoin_network="regtest") as api:
            made = Spread(api, dsn, shut)
            await made.open()
            yield made
        pool.terminate()


async def buys(one: Api, alice: int, external_id: str = "o-1", of: tuple[str, str] = ("16", "15")) -> httpx.Response:
    """An order of so many TH of an efficiency that is paid; the last answer."""
    order = {"userId": alice, "nftCollectionId": await offer(one.world, *of), "externalId": external_id}
    created = await one.server.call("s2s_payment_create", **order)
    if created.status_code != 200:
        return created
    return await one.server.call("s2s_payment_success", userId=alice, externalId=external_id)


async def test_the_main_path(spread: Spread) -> None:
    """Orders, days, balances and withdrawals of eight partners; the books hold."""
    for one in spread.partners:
        answered(await buys(one, spread.alice_of(one)))
    await earn(spread.first.world, "0")
    await earn(spread.first.world)
    for one in spread.partners:
        miners = answered(await one.server.call("s2s_miners", partnerUserId="alice"))
        assert len(miners["array"]) == 1
        wanted = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
        answered(await one.server.call("s2s_withdraw", **wanted))
        assert len(answered(await one.server.call("s2s_income", partnerUserId="alice"))["array"]) == 1
    assert {await spread.behind_gate(one) for one in spread.partners} == {True, False}
    assert await broken(spread.first.world.pool) == {}


async def test_every_table_is_where_it_belongs(spread: Spread, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nowhere else: no row of before is left in the table that was spread.

    Again is a no-op, another number of shards is refused, and the audit and the probe tell the servers.
    """
    behind = """SELECT logicalrelid::text FROM pg_dist_partition
                WHERE (partmethod = 'h' OR repmodel = 't') AND pg_relation_size(logicalrelid) > 0"""
    assert await spread.first.world.pool.fetch(behind) == []
    monkeypatch.setenv("DATABASE_URL", spread.dsn)
    made = await asyncio.to_thread(CliRunner().invoke, app, ["distribute", "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["done"], told["tables"], told["foreignKeys"]) == (True, [], [])
    assert [node["answers"] for node in told["servers"]["nodes"]] == [True] * 3
    refused = await asyncio.to_thread(CliRunner().invoke, app, ["distribute", "--shards", str(citus.SHARDS + 1)])
    assert "SHARDS_DIFFER" in refused.stderr
    ready = await spread.first.http.get("/readyz")
    assert exact(ready) == {"status": "ready", "nodes": 3, "shards": citus.SHARDS, "answering": 3}


async def test_what_a_migration_adds_is_taken_up(spread: Spread) -> None:
    """Also a table that refers to one that is spread."""
    with psycopg.connect(spread.dsn) as connection:
        connection.execute("SET citus.enable_local_reference_table_foreign_keys = off")
        connection.execute(
            """CREATE TABLE tomorrow (
                   partner_id bigint NOT NULL REFERENCES partner (id), user_id bigint NOT NULL,
                   PRIMARY KEY (partner_id, user_id),
                   FOREIGN KEY (partner_id, user_id) REFERENCES app_user (partner_id, id))"""
        )
    assert await distributing.take_up(spread.dsn) == ["tomorrow"]
    assert await distributing.take_up(spread.dsn) == []
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await spread.first.world.pool.execute("INSERT INTO tomorrow VALUES ($1, 99)", spread.first.world.partner.id)


async def test_a_commit_on_the_coordinator_and_another_server_is_one(spread: Spread) -> None:
    """Capacity is on the coordinator, an order with its partner: they are prepared before either is committed."""
    count = "SELECT count(*) FROM pg_dist_transaction"
    before = await spread.first.world.pool.fetchval(count)
    async with db.transaction(spread.first.world.pool) as tx:
        await tx.execute("UPDATE capacity SET cap_th = cap_th")
        await tx.execute("UPDATE app_user SET email = email WHERE partner_id = $1", spread.first.world.partner.id)
    assert await spread.first.world.pool.fetchval(count) == before + 1


async def test_classes_of_rates_may_begin_at_once(spread: Spread) -> None:
    """First orders of miners whose rates nobody had before wait for one another; none is refused."""
    await earn(spread.first.world)
    offers = await spread.first.world.pool.fetch("SELECT power, energy_efficiency FROM collection ORDER BY power, id")
    ordered = (
        buys(one, spread.alice_of(one), of=(str(kind["power"]), str(kind["energy_efficiency"])))
        for one, kind in zip(spread.partners, offers[:: len(offers) // PARTNERS], strict=False)
    )
    for response in await asyncio.gather(*ordered):
        answered(response)
    assert await spread.first.world.pool.fetchval("SELECT count(*) FROM rate_class") > 1
    assert await broken(spread.first.world.pool) == {}


async def test_a_backup_is_of_one_moment(spread: Spread, server: str, tmp_path: Path) -> None:
    """Nobody writes meanwhile, on no server; it is restored on one server, which knows of no others."""
    for one in spread.partners:
        answered(await buys(one, spread.alice_of(one)))
    count = "SELECT (SELECT count(*) FROM purchase), (SELECT count(*) FROM transfer), (SELECT count(*) FROM partner)"
    refused: set[str] = set()

    def told(doing: str, _now: int, _of: int | None) -> None:
        if doing == "dumping" and not refused:
            with psycopg.connect(spread.dsn, autocommit=True) as writer:
                for table in ("purchase", "capacity", "partner"):
                    with pytest.raises(psycopg.errors.LockNotAvailable), writer.transaction():
                        writer.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE NOWAIT".encode())
                    refused.add(table)

    settings = Settings(data=tmp_path)
    made, _ = await backups.make(spread.dsn, settings, tmp_path / "backup.tar", told)
    assert refused == {"purchase", "capacity", "partner"}
    with database(server, None) as dsn:
        with backup_file.Reader(Path(made.path)) as reader:
            restoring_backup.check(reader, lambda *_: None)
            await restoring_backup.restore(dsn, reader, Settings(data=tmp_path / "other"), lambda *_: None)
        pool = await db.open_pool(dsn, connections=2)
        assert await pool.fetchrow(count) == await spread.first.world.pool.fetchrow(count)
        assert await distributing.version(pool) is None
        assert await broken(pool) == {}
        pool.terminate()
    for one in spread.partners:
        answered(await buys(one, spread.alice_of(one), "o-2"))


async def test_numbers_of_a_life_that_is_lost_are_passed_over(
    server: str, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before its commit, `restored` moves no sequence; done, users of every server come behind the gap."""
    real, journal = lost_numbers.move_on, [tmp_path / "journal.jsonl"]
    journal[0].touch()
    height = "SELECT last_value FROM app_user_id_seq"

    async def cut_off(*given: Any, **named: Any) -> list[Gap]:
        await real(*given, **named)
        raise ConnectionResetError

    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=1)
        first = await World.create(pool)
        worlds = [first, *[await first.another_partner(f"partner {number}") for number in range(1, PARTNERS)]]
        before = [(await world.user("alice")).id for world in worlds]
        monkeypatch.setattr(lost_numbers, "move_on", cut_off)
        with pytest.raises(db.DatabaseDownError):
            await restoring.restored(pool, journal, name=None, password=None)
        monkeypatch.undo()
        assert await pool.fetchval(height) == max(before)
        report = await restoring.restored(pool, journal, name=None, password=None)
        (gap,) = [each for each in report.gaps if each.sequence == "app_user_id_seq"]
        assert gap.to_number == max(before) + restoring.MARGIN == await pool.fetchval(height)
        after = [(await world.user("bob")).id for world in worlds]
        assert after == [gap.to_number + number for number in range(1, PARTNERS + 1)]
        assert (await lost_numbers.told(pool, "app_user_id_seq", gap.to_number))["lost"] is True
        assert await broken(pool) == {}
        await pool.close()


async def test_an_audit_asks_by_one_connection(spread: Spread) -> None:
    """A second one would see other servers at a moment of its own."""
    async with db.snapshots(spread.first.world.pool, 2) as taken:
        assert len(taken) == 1


async def test_a_lost_server_is_its_partners_matter(spread: Spread) -> None:
    """They are refused and told to come again; others go on; nothing is lost or done by halves."""
    lost = [one for one in spread.partners if await spread.behind_gate(one)]
    seller, *kept = [one for one in spread.partners if one not in lost]
    # The first miner of a class of rates makes it, on every server.
    answered(await buys(seller, spread.alice_of(seller)))
    spread.gate.shut()
    for one in lost:
        for response in (
            await buys(one, spread.alice_of(one)),
            await one.server.call("s2s_miners", partnerUserId="alice"),
        ):
            check_refused(response, 503, "DATABASE_DOWN")
            assert int(response.headers["retry-after"]) > 0
    assert kept
    for one in kept:
        answered(await buys(one, spread.alice_of(one)))
        assert answered(await one.server.call("s2s_miners", partnerUserId="alice"))["array"]
    ready = await spread.first.http.get("/readyz")
    assert (ready.status_code, exact(ready)["answering"]) == (200, 2)
    spread.gate.open()
    for one in lost:
        assert await receivable(one.world) == (0, 0)
        answered(await buys(one, spread.alice_of(one)))
    assert await broken(spread.first.world.pool) == {}


async def test_a_process_starts_while_a_server_is_lost(
    spread: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves the partners of the others, and those of the lost one when it is back."""
    monkeypatch.setattr(served, "become", lambda *_, **__: None)  # it is so already
    lost = [one for one in spread.partners if await spread.behind_gate(one)]
    spread.gate.shut()
    folder = tmp_path / "process"
    folder.mkdir()
    with served.serving(spread.dsn, folder, "serve", HASHRAIL_BITCOIN_NETWORK="regtest") as process:
        async with process.http() as http:
            assert exact(await http.get("/readyz"))["answering"] == 2
            for one in spread.partners:
                response = await replace(one.server, http=http).call("s2s_miners", partnerUserId="alice")
                if one in lost:
                    check_refused(response, 503, "DATABASE_DOWN")
                else:
                    answered(response)
            spread.gate.open()
            answered(await replace(lost[0].server, http=http).call("s2s_miners", partnerUserId="alice"))
