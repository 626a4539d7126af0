"""Books on a cluster with withdrawals that are due, a wallet on a real node, and a process that pays them."""

import json
import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from hashrail import db
from hashrail.audit import invariants, reconciliation
from hashrail.deployment.opened import Deployment
from hashrail.payouts import processor
from hashrail.postgres import tether
from tests.failover.cluster import Cluster
from tests.failover.payer import BUMP_MINUTES, PAY_SECONDS
from tests.failover.processes import ROOT
from tests.support.bitcoin_node import Node
from tests.support.books import advance
from tests.support.deployments import deployed
from tests.support.paying import (
    FAST,
    Asker,
    node_chain,
    paid_once,
    settings,
)
from tests.support.world import World

HEAR_SECONDS = 60
COINS = 3
MAX_RUNS = 10


class Program:
    """A module that runs as a process of its own, which ends with this one."""

    def __init__(self, *module: str, log: Path, answers: int | None = None, **environment: str) -> None:
        tied = [str(os.getpid()), str(os.getuid()), str(os.getgid()), str(int(signal.SIGKILL))]
        command = [sys.executable, "-I", "-S", tether.__file__, *tied, sys.executable, "-m", *module]
        self.log = log
        with log.open("ab") as told:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=answers or told,
                stderr=told,
                text=True,
                bufsize=1,
            )

    def kill(self) -> None:
        """kill -9, wherever it is."""
        self.process.kill()
        self.process.communicate(timeout=HEAR_SECONDS)


class Payer(Program):
    """Pays when it is told to: see payer.py."""

    def __init__(self, log: Path) -> None:
        super().__init__("tests.failover.payer", log=log, answers=subprocess.PIPE)

    def pay_until(self, paid: "Scene", step: str, when: str) -> None:
        """Let it pay, and stand still at a step."""
        job = {"dsn": paid.dsn, "folder": str(paid.node.folder), "rpc_port": paid.node.rpc_port}
        self.say({**job, "wallet": paid.wallet, "step": step, "when": when})
        assert self.hear() == "here"

    def say(self, what: object) -> None:
        """A line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")

    def hear(self, seconds: float = HEAR_SECONDS) -> Any:
        """Its next line."""
        assert self.process.stdout is not None
        heard, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if heard else ""
        assert line, f"the payer says nothing\n{self.log.read_text()[-4000:]}"
        return json.loads(line)

    def go_on(self) -> None:
        """From the step where it waits."""
        self.say("go on")

    def outcome(self) -> list[list[str]]:
        """What spoke against a payment in each of its runs; it is over then."""
        told: list[list[str]] = self.hear(PAY_SECONDS + HEAR_SECONDS)
        assert self.process.wait(HEAR_SECONDS) == 0
        return told


class Worker(Program):
    """The worker of a deployment."""

    def __init__(self, paid: "Scene", folder: Path) -> None:
        super().__init__(
            *("hashrail.cli", "worker"),
            log=folder / "worker.log",
            DATABASE_URL=paid.dsn,
            HASHRAIL_DATA=str(folder / "data"),
            HASHRAIL_BITCOIN_NETWORK="regtest",
            HASHRAIL_BITCOIN_RPC_URL=paid.node.url,
            HASHRAIL_BITCOIN_RPC_COOKIE=str(paid.node.cookie),
            HASHRAIL_BITCOIN_WALLET=paid.wallet,
        )


@dataclass
class Scene:
    """Books of two partners, each with a user who asked for bitcoin."""

    cluster: Cluster
    node: Node
    database: str
    wallet: str
    owed_btc: dict[str, Decimal] = field(default_factory=dict)

    @property
    def dsn(self) -> str:
        return self.cluster.dsn(self.database)

    @asynccontextmanager
    async def deployment(self) -> AsyncIterator[Deployment]:
        """A fresh deployment, as a process that has just started has it."""
        pool, chain = await db.open_pool(self.dsn, 4), node_chain(self.node, self.wallet)
        yield deployed(pool, settings(payout_bump_minutes=BUMP_MINUTES), chain)
        await chain.close()
        await pool.close()

    async def fill(self) -> None:
        """Two partners, and a withdrawal of each that is due."""
        async with self.deployment() as deployment:
            world = await World.create(deployment.pool)
            askers = [await Asker.create(each, self.node) for each in (world, await world.another_partner("other"))]
            for asker, amount_btc in zip(askers, ("0.01", "0.02"), strict=True):
                made = await asker.asks(amount_btc)
                self.owed_btc[made.address] = made.amount_btc
            await advance(world, FAST)
            await deployment.pool.execute(
                "UPDATE deployment SET network = 'regtest', chain = 'node', wallet = $1", self.wallet
            )

    async def later(self) -> None:
        """Time passes."""
        async with self.deployment() as deployment:
            await advance(World(deployment.pool, None), 2 * FAST)

    async def run(self) -> None:
        """A run that nothing speaks against."""
        async with self.deployment() as deployment:
            assert (await processor.run(deployment)).findings == []

    def books(self) -> tuple[int, ...]:
        """What the primary has: versions stored, those noted as sent, final batches, final withdrawals."""
        query = """SELECT (SELECT count(*) FROM payout_transaction),
                               (SELECT count(*) FROM payout_transaction WHERE broadcast_at IS NOT NULL),
                               (SELECT count(*) FROM payout_batch WHERE state = 'final'),
                               (SELECT count(*) FROM withdrawal WHERE state = 'final')"""
        (row,) = self.cluster.ask(query, self.database)
        return row

    def sent(self) -> set[str]:
        """Every transaction that the node knows to spend from the wallet, replaced ones included."""
        entries = self.node.rpc("listtransactions", "*", 1000, wallet=self.wallet)
        return {each["txid"] for each in entries if each["category"] == "send"}

    def check_sent_is_stored(self) -> None:
        """Whatever was broadcast is in the books of the primary."""
        sent = self.sent()  # before the books are read: a process may be paying
        stored = {txid for (txid,) in self.cluster.ask("SELECT txid FROM payout_transaction", self.database)}
        assert sent <= stored

    async def check_paid_once(self) -> None:
        """Fresh runs go on by themselves; in the end everything is final, paid once, and the books hold."""
        async with self.deployment() as deployment:
            for _ in range(MAX_RUNS):
                await processor.run(deployment)
                if await deployment.pool.fetchval("SELECT bool_and(state = 'final') FROM withdrawal"):
                    break
                self.node.mine(2)
                await advance(World(deployment.pool, None), FAST)
            rows = await deployment.pool.fetch("SELECT state FROM withdrawal")
            assert [row["state"] for row in rows] == ["final"] * len(self.owed_btc)
            paid_once(self.node, self.owed_btc)
            async with db.snapshot(deployment.pool) as tx:
                assert [finding async for finding in invariants.audit(tx) if finding.rows] == []
            report = await reconciliation.reconcile(deployment.pool, deployment.chain)
            assert not report.alarm, report
        self.check_sent_is_stored()


async def scene(cluster: Cluster, schema: str, node: Node) -> Scene:
    """Books of their own, made on the primary of the moment."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    cluster.create_database(database, schema)
    made = Scene(cluster, node, database, node.wallet(uuid.uuid4().hex, coins=COINS))
    await made.fill()
    return made
