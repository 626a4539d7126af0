"""The crash table: kill -9 at every step of the payout protocol, and everything is paid exactly once all the same.

For each phase the steps are recorded first; then, for each step, a process is killed before it and another after it,
each on a copy of the same books. Fresh runs go on from there, nobody helps, and at the end each withdrawal is final,
each address was paid once, and the books hold.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hashrail import db
from hashrail.audit import invariants, reconciliation
from hashrail.bitcoin.addresses import from_script
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.custody import withdrawals
from hashrail.db import Pool
from hashrail.deployment.opened import Deployment
from hashrail.payouts import processor
from tests.support.bitcoin_node import Fault, Node, proxy
from tests.support.books import advance
from tests.support.databases import database
from tests.support.deployments import deployed
from tests.support.paying import (
    FAST,
    FEES,
    Asker,
    deployed_on,
    node_chain,
    paid_once,
    settings,
)
from tests.support.payouts import asked, funded, policy
from tests.support.world import World

Phase = Callable[[World, Deployment, SandboxChain], Awaitable[None]]


def deployed_simulated(pool: Pool) -> tuple[Deployment, SandboxChain]:
    chain = SandboxChain(pool, fees=FEES, network="regtest")
    return deployed(pool, settings(payout_bump_minutes=20), chain), chain


class Payers:
    """Where processes to be killed are forked."""

    def __init__(self, told: Path) -> None:
        self.told = told
        command = [sys.executable, "-m", "tests.simulation.crash_payer"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, dsn: str, last: tuple[str, str] | None, node: Node | None = None, wallet: str = "") -> int:
        """Make a run in a process of its own, killed at its last step; answers how it ended."""
        folder, port = (None, 0) if node is None else (str(node.folder), node.rpc_port)
        job = {"dsn": dsn, "last": last, "folder": folder, "rpc_port": port, "wallet": wallet, "told": str(self.told)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def payers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payers]:
    made = Payers(tmp_path_factory.mktemp("crash") / "steps")
    yield made
    made.close()


# The phases: what is to be done when the process is killed


async def pay(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Three withdrawals of two partners are due."""


async def send_again(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Stored, and evicted from the mempool."""
    (batch_id,) = (await processor.run(deployment)).batches
    (row,) = await world.pool.fetch("SELECT txid FROM payout_transaction WHERE batch_id = $1", batch_id)
    await chain.evict(row["txid"])


async def raise_the_fee(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Stuck for so long that the fee is to be raised."""
    await chain.play("stuck")
    await processor.run(deployment)
    await advance(world, 2 * FAST)


async def confirm(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """A block has it, and nobody has looked yet."""
    await processor.run(deployment)
    await chain.mine(1)


async def settle(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Six blocks deep: to be decided and posted, for two partners."""
    await processor.run(deployment)
    await chain.mine(6)


async def take_back(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Confirmed, and then a reorg forgot it."""
    await processor.run(deployment)
    await chain.mine(2)
    await processor.run(deployment)
    await chain.reorg(3, drop=True)


async def give_up(world: World, deployment: Deployment, chain: SandboxChain) -> None:
    """Double-spent six blocks deep: due again."""
    await processor.run(deployment)
    (row,) = await world.pool.fetch("SELECT txid FROM payout_transaction")
    await chain.double_spend(row["txid"])
    await chain.mine(5)


PHASES: dict[str, tuple[Phase, set[str]]] = {
    "pay": (
        pay,
        {"history 1", "coins 1", "refused 1", "sign 1", "acceptance 1", "commit 2", "broadcast 1"},
    ),
    "send again": (send_again, {"transaction 1", "broadcast 1"}),
    "raise the fee": (raise_the_fee, {"sign 1", "acceptance 1", "commit 2", "broadcast 1"}),
    "confirm": (confirm, {"transaction 1", "commit 2"}),
    "settle": (settle, {"transaction 1", "commit 2", "commit 3", "commit 4", "commit 5"}),
    "take back": (take_back, {"transaction 1", "commit 2", "broadcast 1"}),
    "give up": (give_up, {"raw_transaction 1", "decode 1", "commit 1", "commit 2", "commit 3"}),
}


@pytest.mark.parametrize("name", list(PHASES))
async def test_killed_at_every_step(name: str, server: str, template: str, payers: Payers) -> None:
    phase, expected = PHASES[name]
    with database(server, template) as prepared:
        await prepare(prepared, phase)
        books = urlsplit(prepared).path[1:]
        with database(server, books) as dsn:
            assert payers.run(dsn, None) == 0
            steps = payers.told.read_text().splitlines()
            assert expected <= set(steps), steps
            await check(dsn)
        for step in steps:
            for when in ("before", "after"):
                with database(server, books) as dsn:
                    assert payers.run(dsn, (step, when)) == -9, (step, when)
                    await check(dsn)


async def prepare(dsn: str, phase: Phase) -> None:
    """Books with three withdrawals of two partners that are due, as the phase finds them."""
    pool = await db.open_pool(dsn, 10)
    world = await World.create(pool)
    other = await world.another_partner("other")
    deployment, chain = deployed_simulated(pool)
    for each, amounts in ((world, ("0.01", "0.02")), (other, ("0.03",))):
        user = await each.user("alice")
        await funded(each, user.id)
        await policy(each, 0)
        for amount in amounts:
            await asked(each, user.id, amount, stranger(), "fast")
    await chain.tip()
    await advance(world, FAST)
    await phase(world, deployment, chain)
    await pool.close()


def stranger() -> str:
    """An address that nobody else has."""
    return from_script(b"\x00\x14" + b"\xee\xee\xee\xee" + uuid.uuid4().bytes, "regtest")


async def check(dsn: str) -> None:
    """Runs go on by themselves, and at the end everything is paid once."""
    pool = await db.open_pool(dsn, 4)
    world = World(pool, None)
    deployment, chain = deployed_simulated(pool)
    for _ in range(10):
        await processor.run(deployment)
        if await pool.fetchval("SELECT bool_and(state = 'final') FROM withdrawal"):
            break
        # A double spend is somebody's crime: that it was looked at is all that a human adds.
        await pool.execute(
            """UPDATE payout_foreign_spend SET acknowledged_at = now(), acknowledged_by = 'me', reason = 'stolen'
               WHERE acknowledged_at IS NULL AND dead = false AND confirmations >= 6"""
        )
        await advance(world, FAST)
        await chain.mine(2)
    rows = await pool.fetch("SELECT state, address, amount_btc FROM withdrawal")
    assert [row["state"] for row in rows] == ["final"] * 3
    for row in rows:
        paid = await pool.fetch(
            """SELECT o.amount_btc FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
               WHERE o.address = $1 AND t.state <> 'absent'""",
            row["address"],
        )
        assert [each["amount_btc"] for each in paid] == [row["amount_btc"]]
    async with db.snapshot(pool) as tx:
        assert [finding.name async for finding in invariants.audit(tx) if finding.rows] == []
    report = await reconciliation.reconcile(pool, chain)
    assert not report.alarm, report
    await pool.close()


# On a real node

METHODS = [
    *("listsinceblock", "validateaddress", "listunspent", "walletcreatefundedpsbt", "walletprocesspsbt"),
    *("finalizepsbt", "testmempoolaccept", "sendrawtransaction"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["sign 1", "acceptance 1", "commit 2", "broadcast 1", "commit 3"])
async def test_killed_while_a_node_pays(
    world: World, dsn: str, bitcoin_node: Node, payers: Payers, step: str, when: str
) -> None:
    """The same with the wallet of a node: the address has its amount, in one transaction."""
    alice = await Asker.create(world, bitcoin_node)
    made = await alice.asks()
    await advance(world, FAST)
    async with deployed_on(world.pool, bitcoin_node) as deployment:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        assert payers.run(dsn, (step, when), bitcoin_node, wallet) == -9
        await processor.run(deployment)
        bitcoin_node.mine(6)
        await processor.run(deployment)
        assert (await alice.got(made.id)).state == "final"
        paid_once(bitcoin_node, {made.address: made.amount_btc})


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *((method, fault) for method in METHODS for fault in (Fault.LOSE_ANSWER, Fault.LOSE_REQUEST)),
        *(("sendrawtransaction", fault) for fault in (Fault.HALF_ANSWER, Fault.NO_JSON, Fault.OTHER_ANSWER)),
    ],
)
async def test_an_answer_that_is_lost(world: World, bitcoin_node: Node, method: str, fault: Fault) -> None:
    """Each call that a payment makes: a run that knows nothing does nothing twice, and the next one ends it."""
    alice = await Asker.create(world, bitcoin_node)
    made = await alice.asks()
    await advance(world, FAST)
    async with deployed_on(world.pool, bitcoin_node) as deployment, proxy(bitcoin_node) as between:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        chain = node_chain(bitcoin_node, wallet, url=between.url)
        between.faults[method] = fault
        cut_off = deployed(world.pool, deployment.settings, chain)
        for _ in range(2):
            done = await processor.run(cut_off)
            assert done.findings or method == "sendrawtransaction"
        assert method in between.asked
        between.faults.clear()
        await processor.run(cut_off)
        assert (await alice.got(made.id)).state == "broadcast"
        bitcoin_node.mine(6)
        await processor.run(deployment)
        assert (await alice.got(made.id)).state == "final"
        paid_once(bitcoin_node, {made.address: made.amount_btc})
        await chain.close()
    async with db.snapshot(world.pool) as tx:
        assert await withdrawals.withdrawn(tx, world.partner.id, alice.user_id) == Decimal("0.01006")
