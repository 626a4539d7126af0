"""Reorgs and double spends, made by two nodes that part and meet again; lost mempools.

`ours` is the node of the deployment, `theirs` is the rest of the world: while they are parted each mines a chain of its
own, and when they meet the longer one wins. Nobody tells our node to forget a block.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from hashrail.audit import reconciliation
from hashrail.books.chart import Account
from hashrail.custody import deposit_addresses, deposits
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, fee_bumps, processor
from tests.support import paying
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node, running
from tests.support.books import booked
from tests.support.paying import (
    Asker,
    check_end,
    check_posted,
    customer,
    deployed_on,
    fee_of,
    received,
    run_later,
    start_again,
    state,
    stored,
    txids,
    waits,
    wallet_of,
)
from tests.support.payouts import EARNED, held, spendable
from tests.support.world import World

SIX, THREE = 6, 3
COMMISSION = Decimal("0.00006")
FORGETS = ("-persistmempool=0", "-walletbroadcast=0")
HOURS = 3600


@dataclass
class Nodes:
    """Our node and theirs; ours may have been started again with other flags than usual."""

    ours: Node
    theirs: Node
    flags: tuple[str, ...] = ()

    def start_again(self, *flags: str) -> None:
        """Our node ends in order and starts with these flags."""
        self.ours.stop()
        start_again(self.ours, *flags)
        self.flags = flags

    def part(self) -> None:
        self.theirs.part()

    def meet(self) -> None:
        """Whoever has the longer chain wins."""
        self.theirs.connect(self.ours)

    def overtake(self, blocks: int, *raw: str) -> None:
        """Their chain grows, with these transactions in its first block and nothing else, and then they meet."""
        self.theirs.rpc("generateblock", "raw(51)", list(raw))
        for _ in range(blocks - 1):
            self.theirs.rpc("generateblock", "raw(51)", [])
        self.meet()
        assert self.ours.tip() == self.theirs.tip()


@pytest.fixture(scope="module")
def two() -> Iterator[Nodes]:
    with running(listens=True) as ours, running() as theirs:
        ours.pay(customer(ours))
        yield Nodes(ours, theirs)


@pytest.fixture
def nodes(two: Nodes) -> Iterator[Nodes]:
    """Agreed on one chain; nothing of an earlier test waits."""
    two.ours.mine(1)
    two.meet()
    yield two
    if two.flags:
        two.start_again()


@pytest.fixture
async def alice(world: World, nodes: Nodes) -> Asker:
    return await Asker.create(world, nodes.ours)


@pytest.fixture
async def deployment(world: World, nodes: Nodes) -> AsyncIterator[Deployment]:
    async with deployed_on(world.pool, nodes.ours, bitcoin_final_depth=THREE) as made:
        yield made


# A longer chain without the payment


@pytest.mark.parametrize("depth", [SIX, THREE])
async def test_a_confirmation_is_taken_back(world: World, nodes: Nodes, alice: Asker, depth: int) -> None:
    """On its way again with the same txid, nothing was posted; mined again, it is posted once at final depth."""
    async with deployed_on(world.pool, nodes.ours, bitcoin_final_depth=depth) as deployment:
        made = await alice.asks("0.05")
        nodes.meet()
        nodes.part()
        (batch_id,) = (await run_later(world, deployment)).batches
        (txid,) = await txids(deployment, batch_id)
        nodes.ours.mine(depth - 1)
        assert await state(deployment, batch_id) == ("confirmed", txid, depth - 1)
        nodes.overtake(depth)
        assert await state(deployment, batch_id) == ("broadcast", None, 0)
        shown = await alice.got(made.id)
        assert (shown.state, shown.txid, shown.confirmations) == ("broadcast", txid, 0)
        assert await held(world, alice.user_id) == Decimal("0.05") + COMMISSION
        assert [nodes.ours.rpc("getrawtransaction", txid)] == await stored(deployment, batch_id)
        for seen in range(1, depth):
            nodes.ours.mine(1)
            assert await state(deployment, batch_id) == ("confirmed", txid, seen)
            assert await booked(world, Account.BITCOIN_WALLET) == 0
        nodes.ours.mine(1)
        for _ in range(2):
            assert await state(deployment, batch_id) == ("final", txid, depth)
        await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, txid))


async def test_a_final_payment_falls_out(world: World, nodes: Nodes, deployment: Deployment, alice: Asker) -> None:
    """Deeper than was thought final: it stays posted, an alarm is logged, the same bytes are mined again."""
    made = await alice.asks()
    nodes.meet()
    nodes.part()
    (batch_id,) = (await run_later(world, deployment)).batches
    (txid,) = await txids(deployment, batch_id)
    nodes.ours.mine(THREE)
    assert await state(deployment, batch_id) == ("final", txid, THREE)
    nodes.overtake(THREE + 1)
    done = await processor.run(deployment)
    assert [(each.code, txid in each.message) for each in done.findings] == [("FINAL_PAYMENT_LOST", True)]
    assert (await state(deployment, batch_id))[:2] == ("final", txid)
    assert waits(nodes.ours, txid)
    nodes.ours.mine(2)
    assert await state(deployment, batch_id) == ("final", txid, 2)
    nodes.ours.mine(1)
    assert (await processor.run(deployment)).settled == 0
    await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, txid))


async def test_nothing_is_sent_in_place_of_what_is_posted(
    world: World, nodes: Nodes, deployment: Deployment, alice: Asker
) -> None:
    """The first version is final and falls out; the raised one would replace it in the mempool."""
    made = await alice.asks()
    nodes.meet()
    nodes.part()
    (batch_id,) = (await run_later(world, deployment)).batches
    await fee_bumps.bump(deployment, batch_id, Decimal(40))
    raw, sent = await stored(deployment, batch_id), await txids(deployment, batch_id)
    nodes.ours.rpc("generateblock", "raw(51)", [raw[0]])
    nodes.ours.mine(THREE - 1)
    assert await state(deployment, batch_id) == ("final", sent[0], THREE)
    nodes.overtake(THREE + 1)
    for _ in range(2):
        assert [each.code for each in (await processor.run(deployment)).findings] == ["FINAL_PAYMENT_LOST"]
        assert (waits(nodes.ours, sent[0]), waits(nodes.ours, sent[1])) == (True, False)
    nodes.ours.mine(THREE)
    assert await state(deployment, batch_id) == ("final", sent[0], THREE)
    await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, sent[0]))


# A longer chain with a double spend


def stolen(node: Node, wallet: str) -> str:
    """A transaction with which a thief of the keys takes every coin of the wallet; it is not sent yet."""
    coins = node.rpc("listunspent", 1, 9_999_999, [], True, wallet=wallet)
    spent = [{"txid": coin["txid"], "vout": coin["vout"]} for coin in coins]
    total: Decimal = sum((coin["amount"] for coin in coins), Decimal(0))
    raw = node.rpc("createrawtransaction", spent, {customer(node): total - Decimal("0.001")})
    signed: dict[str, Any] = node.rpc("signrawtransactionwithwallet", raw, wallet=wallet)
    assert signed["complete"]
    return str(signed["hex"])


async def test_a_stolen_key(world: World, nodes: Nodes, alice: Asker, olga: Operator) -> None:
    """Nothing is released before final depth; then it is due again, and paid once the operator has looked at it."""
    async with deployed_on(world.pool, nodes.ours, coins=1) as deployment:
        made = await alice.asks("0.05")
        raw = stolen(nodes.ours, wallet_of(deployment))
        nodes.meet()
        nodes.part()
        (batch_id,) = (await run_later(world, deployment)).batches
        nodes.ours.mine(1)
        assert (await state(deployment, batch_id))[0] == "confirmed"
        nodes.overtake(SIX - 1, raw)
        thief = str(nodes.ours.rpc("decoderawtransaction", raw)["txid"])
        for _ in range(2):
            done = await run_later(world, deployment)
            assert [(each.code, thief in each.message) for each in done.findings] == [("FOREIGN_SPEND", True)]
            assert await state(deployment, batch_id) == ("broadcast", None, 0)
            assert await held(world, alice.user_id) == Decimal("0.05") + COMMISSION
            assert len(await batches.pinned(world.pool)) == 1
        nodes.ours.mine(1)
        assert await state(deployment, batch_id) == ("conflicted", None, 0)
        assert (await alice.got(made.id)).state == "queued"
        nodes.ours.pay(nodes.ours.rpc("getnewaddress", wallet=wallet_of(deployment)))
        done = await run_later(world, deployment)
        assert ([each.code for each in done.findings], done.batches) == (["FOREIGN_SPEND"], [])
        await paying.acknowledged(world.pool, olga, thief, "the key was stolen")
        (second,) = (await run_later(world, deployment)).batches
        nodes.ours.mine(SIX)
        assert (await state(deployment, second))[0] == "final"
        (txid,) = await txids(deployment, second)
        await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, txid))


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_double_spend_that_is_taken_back(
    world: World, nodes: Nodes, alice: Asker, olga: Operator, acknowledged: bool
) -> None:
    """Five blocks deep, and then a longer chain has the payment after all: it was never due again."""
    async with deployed_on(world.pool, nodes.ours, coins=1) as deployment:
        made = await alice.asks()
        raw = stolen(nodes.ours, wallet_of(deployment))
        nodes.meet()
        nodes.part()
        (batch_id,) = (await run_later(world, deployment)).batches
        (txid,) = await txids(deployment, batch_id)
        (honest,) = await stored(deployment, batch_id)
        height = nodes.theirs.rpc("getblockcount")
        nodes.overtake(SIX - 1, raw)
        assert await state(deployment, batch_id) == ("broadcast", None, 0)
        thief = str(nodes.ours.rpc("decoderawtransaction", raw)["txid"])
        if acknowledged:
            await paying.acknowledged(world.pool, olga, thief, "the key was stolen")
            assert (await run_later(world, deployment)).batches == []
        # The rest of the world goes on from before the theft; our node follows it by itself.
        nodes.theirs.rpc("invalidateblock", nodes.theirs.rpc("getblockhash", height + 1))
        nodes.overtake(SIX, honest)
        assert await state(deployment, batch_id) == ("final", txid, SIX)
        assert await world.pool.fetchval("SELECT dead FROM payout_foreign_spend WHERE txid = $1", thief) is True
        assert (await processor.run(deployment)).findings == []
        assert await world.pool.fetchval("SELECT count(*) FROM payout_batch") == 1
        await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, txid))


async def test_what_was_given_up_is_mined(world: World, nodes: Nodes, alice: Asker, olga: Operator) -> None:
    """A reorg deeper than final depth brings back what was paid anew meanwhile: somebody has to be told."""
    async with deployed_on(world.pool, nodes.ours, coins=1, bitcoin_final_depth=THREE) as deployment:
        made = await alice.asks("0.05")
        raw = stolen(nodes.ours, wallet_of(deployment))
        nodes.meet()
        nodes.part()
        (batch_id,) = (await run_later(world, deployment)).batches
        (honest,) = await stored(deployment, batch_id)
        height = nodes.theirs.rpc("getblockcount")
        nodes.overtake(THREE, raw)
        assert await state(deployment, batch_id) == ("conflicted", None, 0)
        nodes.ours.pay(nodes.ours.rpc("getnewaddress", wallet=wallet_of(deployment)))
        thief = str(nodes.ours.rpc("decoderawtransaction", raw)["txid"])
        await paying.acknowledged(world.pool, olga, thief, "the key was stolen")
        assert len((await run_later(world, deployment)).batches) == 1
        nodes.theirs.rpc("invalidateblock", nodes.theirs.rpc("getblockhash", height + 1))
        nodes.overtake(2 * THREE, honest)
        assert "FOREIGN_SPEND" in {each.code for each in (await processor.run(deployment)).findings}
        assert received(nodes.ours, [made.address]) == {made.address: Decimal("0.1")}


async def test_the_coin_itself_is_taken_back(world: World, nodes: Nodes, alice: Asker) -> None:
    """Whoever funded the wallet spends otherwise: the payment can never be mined, so it is paid with another coin."""
    async with deployed_on(world.pool, nodes.ours, coins=0, bitcoin_final_depth=THREE) as deployment:
        made = await alice.asks("0.05")
        to = nodes.ours.rpc("getnewaddress", wallet=wallet_of(deployment))
        funding, otherwise = (signed_by_miner(nodes.ours, address) for address in (to, customer(nodes.ours)))
        nodes.meet()
        nodes.part()
        nodes.ours.rpc("sendrawtransaction", funding)
        nodes.ours.mine(1)
        (batch_id,) = (await run_later(world, deployment)).batches
        (txid,) = await txids(deployment, batch_id)
        assert await state(deployment, batch_id) == ("broadcast", None, 0)
        nodes.overtake(2, otherwise)
        assert await state(deployment, batch_id) == ("broadcast", None, 0)
        assert (await alice.got(made.id)).state == "broadcast"
        nodes.ours.mine(1)
        assert await state(deployment, batch_id) == ("conflicted", None, 0)
        assert (await alice.got(made.id)).state == "queued"
        assert [each.code for each in (await run_later(world, deployment)).findings] == ["BITCOIN_WALLET_SHORT"]
        nodes.ours.pay(nodes.ours.rpc("getnewaddress", wallet=wallet_of(deployment)))
        (second,) = (await run_later(world, deployment)).batches
        nodes.ours.mine(THREE)
        (txid,) = await txids(deployment, second)
        assert await state(deployment, second) == ("final", txid, THREE)
        # The customer's own wallet cannot know that the first payment is dead: only what is mined counts.
        assert nodes.ours.rpc("getreceivedbyaddress", made.address, 1, wallet="customers") == made.amount_btc
        await check_posted(world, deployment, made, fee_btc=await fee_of(deployment, txid))


def signed_by_miner(node: Node, address: str) -> str:
    """A transaction of the miner's first coin, not sent; two of them spend the same one."""
    coin = min(node.rpc("listunspent", wallet="miner"), key=lambda each: (each["txid"], each["vout"]))
    spent = [{"txid": coin["txid"], "vout": coin["vout"]}]
    back = node.rpc("getnewaddress", wallet="miner")
    paid = {address: 1, back: coin["amount"] - Decimal("1.001")}
    raw = node.rpc("createrawtransaction", spent, paid)
    return str(node.rpc("signrawtransactionwithwallet", raw, wallet="miner")["hex"])


# Versions


@pytest.mark.parametrize("winner", [0, 1])
async def test_each_chain_has_another_version(
    world: World, nodes: Nodes, deployment: Deployment, alice: Asker, winner: int
) -> None:
    """The books follow the longer chain, and book the fee of the version that it has, once."""
    made = await alice.asks()
    nodes.meet()
    (batch_id,) = (await run_later(world, deployment)).batches
    await fee_bumps.bump(deployment, batch_id, Decimal(40))
    raw, sent = await stored(deployment, batch_id), await txids(deployment, batch_id)
    nodes.part()
    nodes.ours.rpc("generateblock", "raw(51)", [raw[1 - winner]])
    assert await state(deployment, batch_id) == ("confirmed", sent[1 - winner], 1)
    assert (await alice.got(made.id)).txid == sent[1 - winner]
    nodes.overtake(2, raw[winner])
    assert await state(deployment, batch_id) == ("confirmed", sent[winner], 2)
    assert (await alice.got(made.id)).txid == sent[winner]
    nodes.ours.mine(1)
    assert (await processor.run(deployment)).settled == 1
    assert await state(deployment, batch_id) == ("final", sent[winner], THREE)
    fees = [await fee_of(deployment, each) for each in sent]
    assert fees[0] < fees[1]
    await check_end(world, deployment, nodes.ours, made, fee_btc=fees[winner])


async def test_a_longer_chain_has_another_version_of_a_final_payment(
    world: World, nodes: Nodes, deployment: Deployment, alice: Asker
) -> None:
    """Deeper than was thought final: what is posted stays, and every run tells which transaction is there instead."""
    await alice.asks()
    nodes.meet()
    (batch_id,) = (await run_later(world, deployment)).batches
    await fee_bumps.bump(deployment, batch_id, Decimal(40))
    raw, sent = await stored(deployment, batch_id), await txids(deployment, batch_id)
    nodes.part()
    nodes.ours.mine(THREE)
    assert await state(deployment, batch_id) == ("final", sent[1], THREE)
    nodes.overtake(THREE + 1, raw[0])
    for _ in range(2):
        (finding,) = (await processor.run(deployment)).findings
        assert (finding.code, sent[0] in finding.message) == ("FINAL_PAYMENT_LOST", True)
    assert await state(deployment, batch_id) == ("final", sent[1], THREE)


# Mempools that forget


async def test_a_mempool_is_lost(world: World, nodes: Nodes, deployment: Deployment, alice: Asker) -> None:
    """The node starts without it: the same bytes go out again, of the newest version."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    for number in range(2):
        nodes.start_again(*FORGETS)
        sent = await txids(deployment, batch_id)
        assert nodes.ours.rpc("getrawmempool") == []
        assert await state(deployment, batch_id) == ("broadcast", None, 0)
        assert nodes.ours.rpc("getrawmempool") == [sent[-1]]
        assert nodes.ours.rpc("getrawtransaction", sent[-1]) == (await stored(deployment, batch_id))[-1]
        if number == 0:
            await fee_bumps.bump(deployment, batch_id)
    nodes.ours.mine(THREE)
    assert await state(deployment, batch_id) == ("final", sent[-1], THREE)
    await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, sent[-1]))


async def test_a_payment_expires(world: World, nodes: Nodes, deployment: Deployment, alice: Asker) -> None:
    """It waited for longer than the node keeps it: sent again as it was."""
    nodes.start_again("-mempoolexpiry=1", *FORGETS)
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    (txid,) = await txids(deployment, batch_id)
    sent_at = nodes.ours.rpc("getmempoolentry", txid)["time"]
    nodes.ours.rpc("setmocktime", sent_at + 2 * HOURS)
    # A transaction that comes in lets the node look for what is too old.
    other = nodes.ours.rpc("sendtoaddress", customer(nodes.ours), Decimal(1), wallet="miner")
    raw = nodes.ours.rpc("gettransaction", other, wallet="miner")["hex"]
    nodes.ours.rpc("sendrawtransaction", raw)
    assert not waits(nodes.ours, txid)
    assert await state(deployment, batch_id) == ("broadcast", None, 0)
    assert waits(nodes.ours, txid)
    nodes.ours.rpc("setmocktime", 0)
    assert nodes.ours.rpc("getrawtransaction", txid) == (await stored(deployment, batch_id))[0]
    nodes.ours.mine(THREE)
    assert await state(deployment, batch_id) == ("final", txid, THREE)
    await check_end(world, deployment, nodes.ours, made, fee_btc=await fee_of(deployment, txid))


# Deposits


async def test_a_deposit_is_lost_and_found(world: World, nodes: Nodes, alice: Asker) -> None:
    """After the credit a longer chain lacks it: the operator's loss, once, with an alarm; found again, reversed."""
    quarter = Decimal("0.25")
    async with deployed_on(world.pool, nodes.ours, coins=0, bitcoin_final_depth=THREE) as deployment:
        to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
        nodes.meet()
        nodes.part()
        nodes.ours.pay(to, each_btc=quarter)
        nodes.ours.mine(1)
        await processor.run(deployment)
        assert await standing(world, alice) == ("credited", 0, EARNED + quarter)
        for losses in (1, 2):
            nodes.overtake(3)
            for _ in range(2):
                assert [each.code for each in (await processor.run(deployment)).findings] == ["DEPOSIT_LOST"]
            assert await standing(world, alice) == ("lost", -quarter, EARNED + quarter)
            assert await world.pool.fetchval("SELECT count(*) FROM transfer WHERE kind = 'deposit'") == 2 * losses
            nodes.part()
            for found in ("lost", "credited"):
                nodes.ours.mine(1)
                await processor.run(deployment)
                loss = -quarter if found == "lost" else 0
                assert await standing(world, alice) == (found, loss, EARNED + quarter)
        report = await reconciliation.reconcile(world.pool, deployment.chain)
        assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)
    await check_books(world)


async def standing(world: World, alice: Asker) -> tuple[str, Decimal, Decimal]:
    """State of the one deposit, the operator's loss, what the user may spend."""
    (one,) = await deposits.of_partner(world.pool, world.partner.id, limit=10)
    return one.state, await booked(world, Account.REORG_LOSSES), await spendable(world, alice.user_id)
