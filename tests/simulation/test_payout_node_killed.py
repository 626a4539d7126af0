"""The node is killed at every call that a run of payouts makes, and everything is paid exactly once all the same.

`kill -9`: its mempool is gone, and so is every block that it had not flushed. A run that it dies under ends with a
finding, or leaves a payment that was stored and that nobody knows to be sent; the next runs go on with the same bytes.
One node and one deployment for the whole module, so that what one death left behind would meet the next one.
"""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Literal

import pytest

from hashrail.audit import reconciliation
from hashrail.books.chart import Account
from hashrail.custody.withdrawals import Withdrawal
from hashrail.deployment.opened import Deployment
from hashrail.payouts import batches, processor, stops
from hashrail.payouts.batches import WATCHED_DEPTH
from hashrail.payouts.run_report import Run
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node, running
from tests.support.books import advance, booked, deployment
from tests.support.deployments import deployed
from tests.support.paying import (
    DEPTH,
    FAST,
    Asker,
    deployed_on,
    interrupted,
    node_chain,
    paid_once,
    run_later,
    settings,
    start_again,
    txids,
    wallet_of,
)
from tests.support.world import World

When = Literal["before", "after"]
WHEN: tuple[When, When] = ("before", "after")
STUCK = dt.timedelta(minutes=61)
# The wallet of the node sends its own transactions again when it starts; without, only we do.
FORGETS = ("-persistmempool=0", "-walletbroadcast=0")
# What a run may say while the node dies or is dead.
DEAD = {"BITCOIN_NODE_UNREACHABLE", "BITCOIN_NODE_UNKNOWN"}
LOOKING = ("findings", "history", "transaction")
PAYING = (*LOOKING, "refused", "fee_rate", "coins", "sign", "acceptance", "broadcast")
RAISING = ("fee_rate", "coins", "sign", "acceptance", "broadcast")
# From here on what was signed is stored. A new payment looks at the node once more before; a raised fee does not.
STORED = {("broadcast", "before"), ("broadcast", "after")}
RAISED = {("acceptance", "after"), *STORED}


@dataclass
class Post:
    """A deployment, a user who asks, and a deployment whose wallet is on a node that may be killed."""

    world: World
    alice: Asker
    deployment: Deployment
    node: Node

    async def asked(self) -> Withdrawal:
        """Due now."""
        made = await self.alice.asks("0.001")
        await advance(self.world, FAST)
        return made

    def die(self) -> None:
        """kill -9, with whatever is not flushed."""
        assert self.node.process is not None
        self.node.process.kill()
        self.node.process.wait()
        self.node.process = None

    def flush(self) -> None:
        """Whatever the node has by now survives."""
        self.node.rpc("gettxoutsetinfo")

    async def run_killed(self, name: str, when: When) -> Run:
        """A run under which the node dies at its first call of a name, and another while it is dead."""

        async def dies() -> None:
            self.die()

        dying, chain = interrupted(self.deployment, name, when, dies)
        done = await processor.run(dying)
        assert chain.happened
        assert {each.code for each in done.findings} <= DEAD
        assert [each.code for each in (await processor.run(self.deployment)).findings] == ["BITCOIN_NODE_UNREACHABLE"]
        return done

    async def final(self, *made: Withdrawal) -> None:
        """Runs and blocks until these are final: each was paid once, with the bytes that were stored.

        Further blocks bury them so deeply that the next test's runs ask for its own payments only.
        """
        for blocks in (DEPTH, WATCHED_DEPTH):
            self.node.rpc("generatetodescriptor", blocks, "raw(51)")
            assert (await processor.run(self.deployment)).findings == []
        assert await batches.watched(self.world.pool) == []
        shown = [await self.alice.got(one.id) for one in made]
        assert [one.state for one in shown] == ["final"] * len(made)
        paid_once(self.node, {one.address: one.amount_btc for one in made})
        for one in shown:
            stored = await self.world.pool.fetchval("SELECT raw FROM payout_transaction WHERE txid = $1", one.txid)
            assert self.node.rpc("getrawtransaction", one.txid) == stored
        fees = """SELECT -sum(t.fee_btc) FROM payout_batch b JOIN payout_transaction t ON t.txid = b.txid
                  WHERE b.state = 'final'"""
        assert await booked(self.world, Account.NETWORK_FEES) == await self.world.pool.fetchval(fees)
        await check_books(self.world)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running() as made:
        yield made


@pytest.fixture(scope="module")
async def shared(server: str, template: str, node: Node) -> AsyncIterator[Post]:
    """The wallet is opened as `hashrail payouts node` opens it."""
    async with deployment(server, template) as world:
        alice = await Asker.create(world, node)
        chain = node_chain(node, uuid.uuid4().hex)
        await chain._node.open_wallet(watch_only=False)
        node.pay(*[await chain._node.new_address() for _ in range(4)])
        yield Post(world, alice, deployed(world.pool, settings(), chain), node)
        await chain.close()


@pytest.fixture
def post(shared: Post) -> Post:
    """With a node that lives, also after a test that failed."""
    if shared.node.process is None:
        start_again(shared.node)
    shared.flush()
    return shared


# Every call


@pytest.mark.parametrize(
    ("name", "when", "flags"),
    [
        *((name, when, ()) for name, when in product(PAYING, WHEN)),
        *((name, when, FORGETS) for name, when in product(("acceptance", "broadcast"), WHEN)),
    ],
)
async def test_killed_while_it_pays(post: Post, name: str, when: When, flags: tuple[str, ...]) -> None:
    """One batch is on its way, another is to be made."""
    first = await post.asked()
    assert len((await processor.run(post.deployment)).batches) == 1
    second = await post.asked()
    done = await post.run_killed(name, when)
    stored = (name, when) in STORED
    assert (len(done.batches), bool(done.findings)) == ((1, False) if stored else (0, True))
    loaded = start_again(post.node, *flags)
    assert wallet_of(post.deployment) in loaded, "the node loads the wallet by itself"
    done = await processor.run(post.deployment)
    assert (len(done.batches), done.findings) == (0 if stored else 1, [])
    waiting = post.node.rpc("getrawmempool")
    assert {(await post.alice.got(one.id)).txid for one in (first, second)} <= set(waiting)
    await post.final(first, second)


@pytest.mark.parametrize(
    ("name", "when", "flags"),
    [
        *((name, when, ()) for name, when in product(RAISING, WHEN)),
        *(("broadcast", when, FORGETS) for when in WHEN),
    ],
)
async def test_killed_while_it_raises_a_fee(post: Post, name: str, when: When, flags: tuple[str, ...]) -> None:
    """The version that is mined is one of the stored ones, and its fee is what is booked."""
    made = await post.asked()
    (batch_id,) = (await processor.run(post.deployment)).batches
    await advance(post.world, STUCK)
    await post.run_killed(name, when)
    stored = len(await txids(post.deployment, batch_id))
    assert stored == (2 if (name, when) in RAISED else 1)
    start_again(post.node, *flags)
    assert (await processor.run(post.deployment)).bumped == ([] if stored == 2 else [batch_id])
    newest = (await txids(post.deployment, batch_id))[1]
    assert newest in post.node.rpc("getrawmempool")
    await post.final(made)
    assert (await post.alice.got(made.id)).txid == newest


@pytest.mark.parametrize(("name", "when"), list(product(LOOKING, WHEN)))
async def test_killed_between_blocks_and_posting(post: Post, name: str, when: When) -> None:
    """The blocks are flushed, nobody has looked yet: nothing is posted but by what the node has told."""
    made = await post.asked()
    (batch_id,) = (await processor.run(post.deployment)).batches
    post.node.mine(DEPTH)
    post.flush()
    done = await post.run_killed(name, when)
    told = (name, when) == ("transaction", "after")
    assert (await batches.get(post.world.pool, batch_id)).state == ("final" if told else "broadcast")
    assert done.settled == (1 if told else 0)
    start_again(post.node)
    assert (await processor.run(post.deployment)).settled == (0 if told else 1)
    await post.final(made)


# Blocks that it had not flushed


@pytest.mark.parametrize("flags", [(), FORGETS])
async def test_it_comes_back_without_the_block(post: Post, flags: tuple[str, ...]) -> None:
    """Confirmed twice, then the node knows nothing of it: on its way again, with the same bytes."""
    made = await post.asked()
    await processor.run(post.deployment)
    height = post.node.rpc("getblockcount")
    post.node.mine(2)
    await processor.run(post.deployment)
    shown = await post.alice.got(made.id)
    assert (shown.state, shown.confirmations) == ("confirmed", 2)
    post.die()
    start_again(post.node, *flags)
    assert post.node.rpc("getblockcount") == height
    assert (await processor.run(post.deployment)).findings == []
    again = await post.alice.got(made.id)
    assert (again.state, again.confirmations, again.txid) == ("broadcast", 0, shown.txid)
    assert shown.txid in post.node.rpc("getrawmempool")
    await post.final(made)


async def test_it_comes_back_without_what_was_never_mined(post: Post) -> None:
    """Killed again and again, the mempool lost each time: the same bytes each time."""
    made = await post.asked()
    await processor.run(post.deployment)
    txid = (await post.alice.got(made.id)).txid
    for _ in range(3):
        post.die()
        start_again(post.node, *FORGETS)
        assert post.node.rpc("getrawmempool") == []
        await processor.run(post.deployment)
        assert post.node.rpc("getrawmempool") == [txid]
    await post.final(made)


# Wallets


async def test_a_wallet_that_nobody_loads(post: Post) -> None:
    """One that was not made to be loaded at the start: payouts stand, say so, and go on once it is loaded."""
    async with deployed_on(post.world.pool, post.node, coins=0) as deployment:
        wallet = wallet_of(deployment)
        made = await post.asked()
        post.flush()
        post.die()
        post.node.start()
        done = await processor.run(deployment)
        assert ([each.code for each in done.findings], done.batches) == (["WALLET_NOT_LOADED"], [])
        assert wallet not in post.node.rpc("listwallets")
        post.node.stop()
        start_again(post.node)
        assert wallet in post.node.rpc("listwallets")
        assert [each.code for each in await stops.findings(deployment)] == ["WALLET_IS_ANOTHER"]
    assert len((await run_later(post.world, post.deployment)).batches) == 1
    await post.final(made)
    assert await booked(post.world, Account.PAYOUTS_IN_FLIGHT) == Decimal(0)


# After all of that


async def test_nothing_is_unexplained(post: Post) -> None:
    """The wallet, the chain and the books of everything above; a node that died in between changes nothing."""
    assert {each["state"] for each in await post.world.pool.fetch("SELECT state FROM withdrawal")} <= {"final"}
    report = await reconciliation.reconcile(post.world.pool, post.deployment.chain)
    assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)
    assert len(report.wallet) > 3


async def test_it_comes_back_without_the_final_block(post: Post) -> None:
    """Posted at final depth, and the node has lost all of it: sent again, mined again, posted once.

    The block up to which the wallet's history was read is gone as well, and nobody will ever find it again.
    """
    made = await post.asked()
    (batch_id,) = (await processor.run(post.deployment)).batches
    height = post.node.rpc("getblockcount")
    post.node.mine(DEPTH)
    assert (await processor.run(post.deployment)).settled == 1
    txid = (await post.alice.got(made.id)).txid
    post.die()
    start_again(post.node, *FORGETS)
    assert post.node.rpc("getblockcount") == height
    assert {each.code for each in (await processor.run(post.deployment)).findings} <= {"FINAL_PAYMENT_LOST"}
    assert txid in post.node.rpc("getrawmempool")
    assert (await batches.get(post.world.pool, batch_id)).state == "final"
    await post.final(made)
