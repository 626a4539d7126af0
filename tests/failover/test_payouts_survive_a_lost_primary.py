"""The primary PostgreSQL is lost around the commits of a payout, and its synchronous standby is promoted.

Each case has two processes that pay, each from its own books. Both stand still at the same moment, then the primary is
killed; one process is killed with it, the other one lives on. Nobody helps, and in the end each withdrawal is final,
each address was paid once on a real chain, the books hold, and whatever was broadcast is in the promoted database.

A worker of a deployment runs beside all cases.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from hashrail import db
from hashrail.postgres import job_queue
from tests.failover.cluster import Cluster, Member, new_books, running
from tests.failover.scenes import Payer, Scene, Worker, scene
from tests.support.bitcoin_node import Node
from tests.support.patience import wait_until

CANCELLED_TURNS = 3
PATIENCE_SECONDS = 1
# A worker makes a run a minute, and needs two.
WORKER_SECONDS = 150


@dataclass(frozen=True)
class Case:
    """Books, and the process that pays from them."""

    scene: Scene
    payer: Payer


Cases = tuple[Case, Case]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two servers for every case of this file."""
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def schema(cluster: Cluster) -> str:
    """A database with the whole schema, to copy from."""
    name = new_books(cluster)
    job_queue.install(cluster.dsn(name))
    return name


@pytest.fixture(scope="module", autouse=True)
async def worked(
    cluster: Cluster, schema: str, bitcoin_node: Node, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Scene, Worker]]:
    """Books that a worker pays from while everything else happens."""
    paid = await scene(cluster, schema, bitcoin_node)
    worker = Worker(paid, tmp_path_factory.mktemp("worker"))
    yield paid, worker
    worker.kill()


@asynccontextmanager
async def cases(cluster: Cluster, schema: str, node: Node, folder: Path) -> AsyncIterator[Cases]:
    """One whose process will live on, and one whose process will be killed."""
    cluster.await_standby()
    lives, dies = Payer(folder / "lives.log"), Payer(folder / "dies.log")
    try:
        both = await scene(cluster, schema, node), await scene(cluster, schema, node)
        yield Case(both[0], lives), Case(both[1], dies)
        for each in both:
            cluster.drop_database(each.database)
    finally:
        lives.kill()
        dies.kill()


# The phases: what a process finds when it begins


async def pay(found: Cases) -> None:
    """Withdrawals of two partners are due."""


async def raise_the_fee(found: Cases) -> None:
    """Stuck for so long that the fee is to be raised."""
    for each in found:
        await each.scene.run()
        await each.scene.later()


async def settle(found: Cases) -> None:
    """Six blocks deep: to be decided and posted, for two partners."""
    for each in found:
        await each.scene.run()
    found[0].scene.node.mine(6)


@dataclass(frozen=True)
class Moment:
    """A step of a run, and the books at that moment: versions stored, noted as sent, final batches, withdrawals."""

    phase: Callable[[Cases], Awaitable[None]]
    step: str
    when: str
    books: tuple[int, int, int, int]


MOMENTS = {
    "before a payment is stored": Moment(pay, "commit 2", "before", (0, 0, 0, 0)),
    "after it is stored, before it is sent": Moment(pay, "commit 2", "after", (1, 0, 0, 0)),
    "after it is sent, before that is noted": Moment(pay, "broadcast 1", "after", (1, 0, 0, 0)),
    "before a raised fee is stored": Moment(raise_the_fee, "commit 2", "before", (1, 1, 0, 0)),
    "after a raised fee is stored, before it is sent": Moment(raise_the_fee, "commit 2", "after", (2, 1, 0, 0)),
    "after a raised fee is sent, before that is noted": Moment(raise_the_fee, "broadcast 1", "after", (2, 1, 0, 0)),
    "before a batch is decided": Moment(settle, "commit 2", "before", (1, 1, 0, 0)),
    "after a batch is decided": Moment(settle, "commit 2", "after", (1, 1, 1, 0)),
    "before a partner's books are posted": Moment(settle, "commit 3", "before", (1, 1, 1, 0)),
    "after a partner's books are posted, before another's": Moment(settle, "commit 3", "after", (1, 1, 1, 1)),
}


@pytest.mark.parametrize("name", list(MOMENTS))
async def test_the_primary_is_killed(
    name: str, cluster: Cluster, schema: str, bitcoin_node: Node, tmp_path: Path
) -> None:
    async with cases(cluster, schema, bitcoin_node, tmp_path) as found:
        await reach(found, MOMENTS[name])
        lost = cluster.primary()
        cluster.crash(lost)
        await check_it_goes_on(cluster, lost, found)


async def test_the_machine_is_lost(cluster: Cluster, schema: str, bitcoin_node: Node, tmp_path: Path) -> None:
    """Server, Patroni and data: the standby is promoted when the lease has run out."""
    async with cases(cluster, schema, bitcoin_node, tmp_path) as found:
        await reach(found, MOMENTS["after it is stored, before it is sent"])
        lost = cluster.primary()
        cluster.lose(lost)
        await check_it_goes_on(cluster, lost, found, back=cluster.bring_back)


async def reach(found: Cases, moment: Moment) -> None:
    """Both processes stand still at a moment, which is the one that its name tells."""
    await moment.phase(found)
    for each in found:
        each.payer.pay_until(each.scene, moment.step, moment.when)
        assert each.scene.books() == moment.books


async def check_it_goes_on(
    cluster: Cluster, lost: Member, found: Cases, back: Callable[[Member], None] = lambda lost: None
) -> None:
    """The primary has just been lost: one process is killed, one goes on, and everything is paid once."""
    lives, dies = found
    dies.payer.kill()
    lives.payer.go_on()
    cluster.await_primary(lost)
    for each in found:
        each.scene.check_sent_is_stored()
    back(lost)
    told = lives.payer.outcome()
    assert len(told) > 1, "it has noticed nothing"
    for each in found:
        await each.scene.check_paid_once()


# Commits that the standby does not have


@pytest.mark.parametrize("how", ["the standby is frozen", "the line is cut"])
async def test_a_commit_that_nobody_acknowledged(
    how: str, cluster: Cluster, schema: str, bitcoin_node: Node, tmp_path: Path
) -> None:
    """The storing commit hangs, nothing is sent, and then the primary is lost with it.

    What was sent to a frozen standby it reads when it goes on; over a line that is cut it gets nothing.
    """
    async with cases(cluster, schema, bitcoin_node, tmp_path) as found:
        lost = await hang(cluster, found, how)
        cluster.crash(lost)
        cluster.go_on(cluster.other(lost))
        for each in found:
            each.payer.kill()
        cluster.await_primary(lost)
        for each in found:
            assert each.scene.sent() == set()
            assert how != "the line is cut" or each.scene.books() == (0, 0, 0, 0)
            await each.scene.check_paid_once()


async def test_a_wait_that_is_cancelled(cluster: Cluster, schema: str, bitcoin_node: Node, tmp_path: Path) -> None:
    """PostgreSQL then answers that the commit is done, with a warning. Nothing is sent, in no later run either."""
    async with cases(cluster, schema, bitcoin_node, tmp_path) as found:
        lost = await hang(cluster, found, "the line is cut")
        for _ in range(CANCELLED_TURNS):
            for each in found:
                cluster.cancel_waits(each.scene.database)
                wait_until(lambda case=each: cluster.waits_for_standby(case.scene.database))
                assert each.scene.sent() == set()
                assert each.scene.books() == (1, 0, 0, 0)
        cluster.crash(lost)
        await check_it_goes_on(cluster, lost, found)


async def hang(cluster: Cluster, found: Cases, how: str) -> Member:
    """The storing commit of both processes waits for the standby; answers the primary."""
    await reach(found, MOMENTS["before a payment is stored"])
    primary = cluster.primary()
    if how == "the line is cut":
        cluster.cut_off(primary)
    else:
        cluster.freeze(cluster.other(primary))
    for each in found:
        each.payer.go_on()
    for each in found:
        wait_until(lambda case=each: cluster.waits_for_standby(case.scene.database))
        assert each.scene.sent() == set()
    return primary


# What the program makes of it


async def test_a_commit_without_an_answer_is_not_called_undone(cluster: Cluster, schema: str) -> None:
    """Nobody knows whether it will be there after a failover."""
    cluster.await_standby()
    pool = await asyncpg.create_pool(cluster.dsn(schema), min_size=1, command_timeout=PATIENCE_SECONDS)
    primary = cluster.primary()
    cluster.cut_off(primary)
    with pytest.raises(db.DatabaseDownError):
        async with db.transaction(pool) as tx:
            await tx.execute("UPDATE payout_policy SET paused_reason = NULL")
    cluster.go_on(primary)
    await pool.close()


async def test_a_standby_alone_is_a_database_that_is_down(cluster: Cluster, schema: str) -> None:
    """Between the end of a primary and the promotion there may be nothing else."""
    cluster.await_standby()
    primary = cluster.primary()
    alone = cluster.dsn(schema).replace(f"127.0.0.1:{primary.port}", f"127.0.0.1:{cluster.other(primary).port}")
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched) as caught:
        await asyncpg.connect(alone)
    assert isinstance(db.refusal(caught.value), db.DatabaseDownError)


async def test_a_worker_lives_through_it_all(worked: tuple[Scene, Worker], cluster: Cluster) -> None:
    """It has paid and settled, whatever was lost in the meantime, and still does."""
    paid, worker = worked
    cluster.await_standby()
    give_up = time.monotonic() + WORKER_SECONDS
    while paid.books() != (1, 1, 1, 2):
        assert worker.process.poll() is None, worker.log.read_text()[-4000:]
        assert time.monotonic() < give_up, worker.log.read_text()[-4000:]
        if paid.sent():
            paid.node.mine()
        time.sleep(PATIENCE_SECONDS)
    assert worker.process.poll() is None
    await paid.check_paid_once()
