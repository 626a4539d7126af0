"""Continuous archiving by pgBackRest, as docs/how-to/archive-continuously.md says: to a moment, and to the newest.

What happened after the moment happened all the same for the chain and for whoever was answered.
"""

import asyncio
import datetime as dt
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.books import lost_numbers
from hashrail.custody.withdrawals import Withdrawal
from hashrail.deployment import journal_file
from hashrail.deployment.opened import Deployment
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.payouts import processor
from hashrail.postgres import job_queue, server_processes
from hashrail.recovery import archiving
from tests.support import folders
from tests.support.archives import Archive, archived, await_archived
from tests.support.bitcoin_node import Node
from tests.support.books import broken, buy
from tests.support.clusters import Cluster
from tests.support.patience import until
from tests.support.paying import Asker, deployed_on, paid_once, recorded, run_later, txids
from tests.support.shell import Shell
from tests.support.world import World

ORDERS = "SELECT external_id FROM purchase WHERE starts_with(external_id, 'after') ORDER BY id"
ADMIN = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": "a long enough one"}


@dataclass
class Life:
    """A deployment with a past: what had happened at the moment, and what happened after it."""

    world: World
    deployment: Deployment
    olga: Operator
    journal: Path
    moment: dt.datetime
    waiting: Withdrawal
    txid: str
    late_user: int
    revoked: api_keys.NewKey


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user can reach."""
    with tempfile.TemporaryDirectory(
        prefix="hashrail-archive-", dir=folders.quick(), ignore_cleanup_errors=True
    ) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@asynccontextmanager
async def living(own: Cluster, archive: Archive, node: Node, folder: Path) -> AsyncIterator[Life]:
    """A base backup in the middle of it, and everything in the archive at the end."""
    await asyncio.to_thread(job_queue.install, own.dsn)
    pool = await db.open_pool(own.dsn, 4)
    world = await World.create(pool)
    alice = await Asker.create(world, node)
    async with db.transaction(pool) as tx:
        olga = await operators.add(tx, name="olga", role="admin", password=ADMIN["HASHRAIL_OPERATOR_PASSWORD"])
        key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="secret")
    await asyncio.to_thread(archive.run, "--type=full", "backup")
    await buy(world, alice.user_id, "2", "after the base backup")
    async with deployed_on(pool, node, bitcoin_final_depth=1) as deployment:
        waiting = await alice.asks("0.01")
        # pgBackRest knows to the second when the backup ended, and restores it to later moments alone.
        await asyncio.sleep(1)
        moment = await pool.fetchval("SELECT clock_timestamp()")
        late_user = (await world.user("mallory")).id
        await buy(world, late_user, "1", "after the moment")
        async with db.transaction(pool) as tx:
            await api_keys.revoke_key(tx, partner_id=world.partner.id, key_id=key.key_id)
        (batch_id,) = (await run_later(world, deployment)).batches
        (txid,) = await txids(deployment, batch_id)
        await journal_file.write_down(pool, folder / "journal.jsonl", with_heights=True)
        await asyncio.to_thread(await_archived, own.dsn)
        await pool.close()
        yield Life(world, deployment, olga, folder / "journal.jsonl", moment, waiting, txid, late_user, key)


@asynccontextmanager
async def opened(life: Life, dsn: str) -> AsyncIterator[tuple[World, Deployment]]:
    """The deployment on restored books, with the wallet as it is now."""
    pool = await db.open_pool(dsn, 4)
    yield replace(life.world, pool=pool), replace(life.deployment, pool=pool)
    await pool.close()


async def test_back_to_a_moment_and_to_the_newest(node: Node, folder: Path) -> None:
    with archived(folder) as (own, archive):
        async with living(own, archive, node, folder) as life:
            at = life.moment.isoformat(sep=" ")
            to_moment = ("--type=time", f"--target={at}", "--target-action=promote")
            with archive.restored(folder / "beside", *to_moment) as dsn:
                await check_moment(life, dsn, node, folder / "beside")
            await check_it_is_noticed(own.dsn, archive)
            # The machine is lost: nothing is ended in good order.
            for process in server_processes.processes_of(own.home):
                # Some end by themselves when they see that the first of them is gone.
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            with archive.restored(folder / "newest") as dsn:
                await check_newest(life, dsn, node)


async def check_it_is_noticed(dsn: str, archive: Archive) -> None:
    """An archive that refuses a file is told by the readings, and nothing is missing when it takes it again."""
    repository, away = archive.folder / "repo", archive.folder / "away"
    pool = await db.open_pool(dsn, 1)

    async def failing() -> bool:
        found = await archiving.look(pool)
        assert found is not None
        return found.failing is not None

    async def whole() -> bool:
        return not await failing()

    assert await whole()
    repository.rename(away)
    await pool.execute("SELECT pg_logical_emit_message(false, 'test', ''), pg_switch_wal()")
    await until(failing)
    away.rename(repository)
    await until(whole)
    await pool.close()


async def check_moment(life: Life, dsn: str, node: Node, folder: Path) -> None:
    """What came after is not there; what was taken away since is taken away, what was paid since is found."""
    shell = Shell(dsn, folder)
    assert await rows(shell, ORDERS) == [("after the base backup",)]
    assert await rows(shell, "SELECT state FROM withdrawal") == [("queued",)]
    report = await restored(shell, life.journal)
    assert [one["kind"] for one in report["taken"]] == ["key revoked"]
    audited = await asyncio.to_thread(shell.ok, "audit")
    assert "class-days-run-on" in audited
    async with opened(life, dsn) as (world, deployment):
        told = await lost_numbers.told(world.pool, "app_user_id_seq", life.late_user)
        assert told["lost"] is True
        # Without the newest books nobody knows that it was paid; the wallet does.
        done = await run_later(world, deployment)
        assert done.batches == []
        told_of = {each.code: each.message for each in done.findings}
        assert told_of.keys() == {"PAYOUTS_PAUSED", "FOREIGN_SPEND"}
        assert life.txid in told_of["FOREIGN_SPEND"]
        await recorded(deployment, life.olga, life.txid, [(world.partner.id, life.waiting.id)])
        node.mine(1)
        await asyncio.to_thread(shell.run, "payouts", "resume", **ADMIN)
        done = await run_later(world, deployment)
        assert (done.batches, done.findings) == ([], [])
        assert await world.pool.fetchval("SELECT state FROM withdrawal") == "final"
        paid_once(node, {life.waiting.address: life.waiting.amount_btc})
        assert await broken(world.pool) == {}


async def check_newest(life: Life, dsn: str, node: Node) -> None:
    """Everything that was acknowledged is there, and the payment goes on to its end."""
    async with opened(life, dsn) as (world, deployment):
        orders = [row["external_id"] for row in await world.pool.fetch(ORDERS)]
        assert orders == ["after the base backup", "after the moment"]
        assert await world.pool.fetchval(
            "SELECT revoked_at IS NOT NULL FROM api_key WHERE id = $1", life.revoked.key_id
        )
        assert (await processor.run(deployment)).findings == []
        assert await world.pool.fetchval("SELECT state FROM withdrawal") == "final"
        assert await broken(world.pool) == {}


async def restored(shell: Shell, journal: Path) -> Any:
    """`hashrail restored`, by the journal of the machine."""

    def run() -> str:
        made = shell.run("restored", "--journal", journal, "--json", **ADMIN)
        assert made.exit_code == 0, made.output
        return made.stdout

    return json.loads(await asyncio.to_thread(run))


async def rows(shell: Shell, query: str) -> list[tuple[Any, ...]]:
    return await asyncio.to_thread(shell.rows, query)
