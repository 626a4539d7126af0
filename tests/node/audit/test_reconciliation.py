"""Reconciliation: every satoshi of the wallet and of the books has a line, and what has none is told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from typer.testing import CliRunner

from hashrail import db
from hashrail.audit import reconciliation
from hashrail.audit.reconciliation import Report
from hashrail.audit.reconciliation_lines import Line
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import Coin
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.cli import main
from hashrail.custody import deposit_addresses
from hashrail.custody.withdrawals import Withdrawal
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, exports, fee_bumps, processor, settlement, watch
from hashrail.payouts.batches import Standing
from tests.support import paying
from tests.support.bitcoin_node import Node, running
from tests.support.deployments import become, deployed, on
from tests.support.paying import (
    DEPTH,
    FEES,
    Asker,
    customer,
    deployed_on,
    interrupted,
    run_later,
    settings,
    start_again,
    txids,
    wallet_of,
)
from tests.support.payouts import asked, funded, policy
from tests.support.world import World

BTC, QUARTER, SATOSHI = Decimal(1), Decimal("0.25"), Decimal("0.00000001")
FUNDING = "the operator's own funding"
ON_CHAIN = "deposits on the chain"
PAID = "payouts and their fees"
FOREIGN = "spends that no batch knows"
CHANGE = "change that waits for a block"
HELD = "coins of payments that the mempool has lost"
NOT_CREDITED = "deposits not credited yet"
MEMPOOL, NOT_FINAL = "payments in the mempool", "payments confirmed, not final yet"
NOT_POSTED, FEES_LATER = "payments final, not posted yet", "network fees not booked yet"
ELSEWHERE = "payments that another wallet made"
BESIDES = "what recorded payments paid besides"
FORGETS = ("-persistmempool=0", "-walletbroadcast=0")
Lines = dict[str, tuple[Decimal, int]]


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
def simulated(world: World) -> Deployment:
    return deployed(world.pool, settings(mode="sandbox"), SandboxChain(world.pool, fees=FEES, network="regtest"))


@pytest.fixture(params=["sandbox", "node"])
async def deployment(
    request: pytest.FixtureRequest, world: World, simulated: Deployment, bitcoin_node: Node
) -> AsyncIterator[Deployment]:
    if request.param == "sandbox":
        yield simulated
        return
    async with deployed_on(world.pool, bitcoin_node) as made:
        yield made


def sandbox(deployment: Deployment) -> SandboxChain:
    assert isinstance(deployment.chain, SandboxChain)
    return deployment.chain


async def mine(deployment: Deployment, node: Node, blocks: int = 1) -> None:
    if deployment.chain.simulated:
        await sandbox(deployment).mine(blocks)
    else:
        node.mine(blocks)


async def send(deployment: Deployment, node: Node, address: str) -> None:
    """Somebody pays an address of the wallet a quarter; it waits in the mempool."""
    if deployment.chain.simulated:
        await sandbox(deployment).receive(address, QUARTER)
    else:
        node.rpc("sendtoaddress", address, QUARTER, wallet="miner")


async def take_back(deployment: Deployment, node: Node, blocks: int) -> None:
    """A reorg: what the last blocks held waits again."""
    if deployment.chain.simulated:
        await sandbox(deployment).reorg(blocks)
    else:
        height = node.rpc("getblockcount")
        node.rpc("invalidateblock", node.rpc("getblockhash", height - blocks + 1))


async def exported(world: World, olga: Operator) -> None:
    async with db.transaction(world.pool) as tx:
        await exports.export(tx, olga)


async def recorded(deployment: Deployment, chain: Chain | None, olga: Operator, txid: str, *made: Withdrawal) -> None:
    partner_id = await deployment.pool.fetchval("SELECT min(id) FROM partner")
    paid = [(partner_id, one.id) for one in made]
    await paying.recorded(on(deployment, chain), olga, txid, paid)


def named(lines: list[Line]) -> Lines:
    return {line.what: (line.amount_btc, line.count) for line in lines}


def between(report: Report) -> Lines:
    """What lies between the wallet and the books, without what the operator has put in."""
    booked, whole, funding, *others = report.bridge
    assert (booked.what, funding.what) == ("the wallet in the partners' books", FUNDING)
    assert whole.amount_btc == sum((line.amount_btc for line in report.wallet[1:5]), Decimal(0))
    return named(others)


def left_over(report: Report) -> tuple[Decimal, Decimal, Decimal]:
    return report.unexplained_btc, report.bridge_unexplained_btc, report.books_unexplained_btc


async def explained(deployment: Deployment) -> Report:
    """A report that leaves nothing over."""
    report = await reconciliation.reconcile(deployment.pool, deployment.chain)
    assert (left_over(report), report.alarm, report.simulated) == ((0, 0, 0), False, deployment.chain.simulated)
    return report


# The life of a payment, and of a deposit


async def test_at_every_moment_of_a_payment(
    world: World, deployment: Deployment, alice: Asker, bitcoin_node: Node
) -> None:
    """Queued, in the mempool, one to five blocks deep, final, posted: before the worker looks, and after."""
    made = await alice.asks("0.05")
    amount = made.amount_btc
    assert between(await explained(deployment)) == {}
    (batch_id,) = (await run_later(world, deployment)).batches
    (fee,) = [row["fee_btc"] for row in await world.pool.fetch("SELECT fee_btc FROM payout_transaction")]
    later = {FEES_LATER: (fee, 1)}
    waiting = await explained(deployment)
    if not deployment.chain.simulated:  # there a block has come with the time
        assert between(waiting) == {MEMPOOL: (amount, 1)} | later
        assert named(waiting.wallet)[PAID] == (-amount - fee, 1)
        assert named(waiting.wallet)[CHANGE] == (-(BTC - amount - fee), 1)
    for depth in range(1, DEPTH):
        await mine(deployment, bitcoin_node)
        for _ in range(2):
            report = await explained(deployment)
            assert between(report) == {NOT_FINAL: (amount, 1)} | later, depth
            assert named(report.wallet)[PAID] == (-amount - fee, 1)
            assert CHANGE not in named(report.wallet)
            await watch.everything(deployment)
    await mine(deployment, bitcoin_node, 2)
    await watch.everything(deployment)
    assert await world.pool.fetchval("SELECT state FROM payout_batch WHERE id = $1", batch_id) == "final"
    assert between(await explained(deployment)) == {NOT_POSTED: (amount, 1)} | later
    assert (await processor.run(deployment)).settled == 1
    posted = await explained(deployment)
    assert between(posted) == {}
    assert named(posted.books) == {
        "the wallet in the partners' books": (-amount - fee, 2),
        "deposits credited": (0, 0),
        "credited deposits that were lost, which the operator bears": (0, 0),
        "withdrawals that are final": (-amount, 1),
        "network fees of settled batches": (-fee, 1),
    }


async def test_at_every_moment_of_a_deposit(
    world: World, deployment: Deployment, alice: Asker, bitcoin_node: Node
) -> None:
    """In the mempool, one and two blocks deep, credited; lost in a reorg, and found again."""
    to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
    await send(deployment, bitcoin_node, to)
    assert between(await explained(deployment)) == {}
    await watch.everything(deployment)
    for _ in range(2):
        await mine(deployment, bitcoin_node)
        for _ in range(2):
            pending = await explained(deployment)
            assert between(pending) == {NOT_CREDITED: (-QUARTER, 1)}
            assert named(pending.wallet)[ON_CHAIN] == (QUARTER, 1)
            if await world.pool.fetchval("SELECT confirmations FROM deposit") == 0:
                await watch.everything(deployment)
    await watch.everything(deployment)
    assert between(await explained(deployment)) == {}
    await take_back(deployment, bitcoin_node, 2)
    taken = await explained(deployment)
    assert between(taken) == {"credited deposits that a reorg took, not booked as lost yet": (QUARTER, 1)}
    await watch.everything(deployment)
    lost = await explained(deployment)
    assert between(lost) == {}
    assert named(lost.books)["deposits credited"] == (QUARTER, 1)
    assert named(lost.books)["credited deposits that were lost, which the operator bears"] == (-QUARTER, 1)
    await mine(deployment, bitcoin_node)
    await watch.everything(deployment)
    again = await explained(deployment)
    assert between(again) == {"lost deposits that the chain has again, not credited yet": (-QUARTER, 1)}
    await mine(deployment, bitcoin_node)
    await watch.everything(deployment)
    found = await explained(deployment)
    assert between(found) == {}
    assert named(found.books)["the wallet in the partners' books"] == (QUARTER, 3)


async def test_a_raised_fee(world: World, deployment: Deployment, alice: Asker, bitcoin_node: Node) -> None:
    """Only the version that waits or was mined counts, with its own fee."""
    if deployment.chain.simulated:
        await sandbox(deployment).play("stuck")
    await alice.asks("0.05")
    (batch_id,) = (await run_later(world, deployment)).batches
    signed = await fee_bumps.bump(deployment, batch_id, Decimal(40))
    report = await explained(deployment)
    assert between(report) == {MEMPOOL: (Decimal("0.05"), 1), FEES_LATER: (signed.fee_btc, 1)}
    assert HELD not in named(report.wallet)
    await mine(deployment, bitcoin_node, DEPTH)
    assert between(await explained(deployment)) == {NOT_FINAL: (Decimal("0.05"), 1), FEES_LATER: (signed.fee_btc, 1)}
    await processor.run(deployment)
    posted = await explained(deployment)
    assert between(posted) == {}
    assert named(posted.wallet)[PAID] == (-Decimal("0.05") - signed.fee_btc, 1)


async def test_a_block_comes_while_it_looks(
    world: World, deployment: Deployment, alice: Asker, bitcoin_node: Node
) -> None:
    """Between two questions of the node: it asks again, and nothing is told that never was."""
    if deployment.chain.simulated:
        await sandbox(deployment).play("stuck")
    await alice.asks("0.05")
    await run_later(world, deployment)
    if deployment.chain.simulated:
        await sandbox(deployment).play("confirm")
    for name in ("coins", "transaction", "locked"):
        other, chain = interrupted(deployment, name, "before", lambda: mine(deployment, bitcoin_node))
        report = await reconciliation.reconcile(deployment.pool, other.chain)
        assert (left_over(report), NOT_FINAL in between(report)) == ((0, 0, 0), True)
        assert chain.happened or name == "transaction"


async def test_partners_are_posted_one_by_one(
    world: World, simulated: Deployment, alice: Asker, bitcoin_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two of them: the share of the fee that is booked is booked, the rest is not."""
    other = await world.another_partner("other")
    bob = await other.user("bob")
    await funded(other, bob.id)
    await policy(other, 0)
    await alice.asks("0.05")
    await asked(other, bob.id, "0.01", customer(bitcoin_node), "fast")
    await run_later(world, simulated)
    await sandbox(simulated).mine(DEPTH)
    posted = settlement._post

    async def once(tx: db.Tx, *args: Any) -> None:
        monkeypatch.setattr(settlement, "_post", killed)
        await posted(tx, *args)

    async def killed(*_: Any) -> None:
        raise KilledError

    monkeypatch.setattr(settlement, "_post", once)
    with pytest.raises(KilledError):
        await processor.run(simulated)
    half = await explained(simulated)
    fee = await world.pool.fetchval("SELECT sum(fee_btc) FROM payout_transaction")
    assert named(half.books)["withdrawals that are final"] == (-Decimal("0.05"), 1)
    booked, _ = named(half.books)["network fees of settled batches"]
    assert -fee < booked < 0
    assert between(half) == {NOT_POSTED: (Decimal("0.01"), 1), FEES_LATER: (fee + booked, 1)}
    monkeypatch.setattr(settlement, "_post", posted)
    await processor.run(simulated)
    assert between(await explained(simulated)) == {}


async def test_to_the_wallet_itself(world: World, deployment: Deployment, alice: Asker, bitcoin_node: Node) -> None:
    """A withdrawal to another user's deposit address, and one to an address of the operator's: no coin is lost."""
    bob = await world.user("bob")
    to_bob = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, bob.id)
    chain: Any = deployment.chain
    to_us = await chain.new_address() if chain.simulated else await chain._node.new_address()
    before = named((await explained(deployment)).wallet)[FUNDING][0]
    for to in (to_bob, to_us):
        await asked(world, alice.user_id, "0.05", to, "fast")
    await run_later(world, deployment)
    await explained(deployment)
    await mine(deployment, bitcoin_node, DEPTH)
    fee = await world.pool.fetchval("SELECT fee_btc FROM payout_transaction")
    mined = await explained(deployment)
    assert between(mined)[NOT_CREDITED] == (-Decimal("0.05"), 1)
    assert named(mined.wallet)[PAID] == (-Decimal("0.1") - fee, 1)
    assert named(mined.wallet)[FUNDING][0] == before + Decimal("0.05")
    await processor.run(deployment)
    done = await explained(deployment)
    assert between(done) == {}
    assert done.bridge[0].amount_btc == -Decimal("0.05") - fee


# What the wallet does not list


async def test_locked_coins(world: World, bitcoin_node: Node) -> None:
    async with deployed_on(world.pool, bitcoin_node, coins=2) as deployment:
        wallet = wallet_of(deployment)
        coin = bitcoin_node.rpc("listunspent", wallet=wallet)[0]
        bitcoin_node.rpc("lockunspent", False, [{"txid": coin["txid"], "vout": coin["vout"]}], wallet=wallet)
        report = await explained(deployment)
        assert named(report.wallet)["confirmed coins of the wallet"] == (BTC, 1)
        assert named(report.wallet)["coins that are locked on the node"] == (-BTC, 1)
        assert between(report) == {}
        bitcoin_node.rpc("lockunspent", True, wallet=wallet)
        assert "coins that are locked on the node" not in named((await explained(deployment)).wallet)


async def test_coins_that_cannot_be_signed_for(simulated: Deployment) -> None:
    """The chain has it unspent, but the list of what can be spent does not."""

    async def fewer() -> list[Coin]:
        return (await simulated.chain.coins())[1:]

    report = await explained(replace(simulated, node=altered(simulated.chain, "coins", fewer)))
    assert named(report.wallet)["coins that cannot be signed for"] == (-Decimal(5), 1)
    assert between(report) == {}


def altered(chain: Chain, name: str, call: Any) -> Any:
    """A chain, one of whose answers is another."""

    class Altered:
        def __getattr__(self, asked_for: str) -> Any:
            return call if asked_for == name else getattr(chain, asked_for)

    return Altered()


async def test_a_mempool_forgets_a_payment(world: World) -> None:
    """The wallet of a node holds its coins, until it is sent again; then it abandons it, and lists them."""
    with running() as node:
        alice = await Asker.create(world, node)
        async with deployed_on(world.pool, node, coins=2) as deployment:
            await alice.asks("0.05")
            (batch_id,) = (await run_later(world, deployment)).batches
            (txid,) = await txids(deployment, batch_id)
            node.stop()
            start_again(node, *FORGETS)
            assert (await deployment.chain.transaction(txid)).state == "absent"
            report = await explained(deployment)
            assert named(report.wallet)[HELD] == (-BTC, 1)
            assert named(report.wallet)[PAID] == (0, 0)
            assert between(report) == {}
            node.rpc("abandontransaction", txid, wallet=wallet_of(deployment))
            assert HELD not in named((await explained(deployment)).wallet)
            await processor.run(deployment)
            sent = await explained(deployment)
            assert MEMPOOL in between(sent)
            assert named(sent.wallet)[PAID][1] == 1
            node.mine(DEPTH)
            await processor.run(deployment)
            assert between(await explained(deployment)) == {}


async def test_a_simulated_mempool_forgets_a_payment(world: World, simulated: Deployment, alice: Asker) -> None:
    """It lists the coins again; what is posted and falls out of the chain is named until it is there again."""
    await sandbox(simulated).play("stuck")
    await alice.asks("0.05")
    (batch_id,) = (await run_later(world, simulated)).batches
    (txid,) = await txids(simulated, batch_id)
    await sandbox(simulated).evict(txid)
    assert between(await explained(simulated)) == {}
    await sandbox(simulated).play("confirm")
    await processor.run(simulated)
    await sandbox(simulated).mine(DEPTH)
    await processor.run(simulated)
    await sandbox(simulated).reorg(DEPTH + 1, drop=True)
    report = await explained(simulated)
    fee = await world.pool.fetchval("SELECT fee_btc FROM payout_transaction")
    assert between(report) == {"posted payments that neither chain nor mempool has now": (-Decimal("0.05") - fee, 1)}
    await processor.run(simulated)
    await sandbox(simulated).mine(1)
    assert between(await explained(simulated)) == {}


# What others paid, and what nobody knows


async def test_exported_and_recorded_with_a_node(
    world: World, alice: Asker, olga: Operator, bitcoin_node: Node
) -> None:
    """Another wallet paid: nothing moves in ours, whatever the books post."""
    async with deployed_on(world.pool, bitcoin_node) as deployment:
        made = await alice.asks("0.05")
        await exported(world, olga)
        txid = bitcoin_node.rpc("sendtoaddress", made.address, made.amount_btc, wallet="miner")
        await recorded(deployment, deployment.chain, olga, txid, made)
        assert between(await explained(deployment)) == {}
        bitcoin_node.mine(DEPTH)
        await processor.run(deployment)
        fee = -bitcoin_node.rpc("gettransaction", txid, wallet="miner")["fee"]
        report = await explained(deployment)
        assert between(report) == {ELSEWHERE: (-Decimal("0.05") - fee, 1)}
        assert named(report.wallet)[PAID] == named(report.wallet)[FOREIGN] == (0, 0)


async def test_exported_and_recorded_by_word(
    world: World, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    made = await alice.asks("0.05")
    await exported(world, olga)
    await recorded(deployment, None, olga, "ab" * 32, made)
    assert between(await explained(deployment)) == {ELSEWHERE: (-Decimal("0.05"), 1)}


@pytest.mark.parametrize("by_word", [False, True])
async def test_recorded_and_paid_by_this_wallet(
    world: World, alice: Asker, olga: Operator, bitcoin_node: Node, by_word: bool
) -> None:
    """By hand, and somebody else with it: what it paid besides is named, and a fee that nobody saw."""
    async with deployed_on(world.pool, bitcoin_node) as deployment:
        made = await alice.asks("0.05")
        await exported(world, olga)
        paid = {made.address: made.amount_btc, customer(bitcoin_node): Decimal("0.3")}
        txid = bitcoin_node.rpc("sendmany", "", paid, wallet=wallet_of(deployment))
        assert between(await explained(deployment))["spends that no batch knows, not acknowledged"][1] == 1
        await recorded(deployment, None if by_word else deployment.chain, olga, txid, made)
        fee = -bitcoin_node.rpc("gettransaction", txid, wallet=wallet_of(deployment))["fee"]
        besides = {BESIDES: (Decimal("0.3"), 1)}
        never = {"network fees of payments that were recorded without a node": (fee, 1)}
        waiting = never if by_word else {MEMPOOL: (made.amount_btc, 1), FEES_LATER: (fee, 1)}
        assert between(await explained(deployment)) == besides | waiting
        bitcoin_node.mine(DEPTH)
        await processor.run(deployment)
        assert between(await explained(deployment)) == besides | (never if by_word else {})


async def test_a_false_word(world: World, alice: Asker, olga: Operator, bitcoin_node: Node) -> None:
    """The transaction is ours and pays a satoshi less than was said: an alarm."""
    async with deployed_on(world.pool, bitcoin_node) as deployment:
        made = await alice.asks("0.05")
        await exported(world, olga)
        less = made.amount_btc - SATOSHI
        txid = bitcoin_node.rpc("sendtoaddress", made.address, less, wallet=wallet_of(deployment))
        await recorded(deployment, None, olga, txid, made)
        report = await reconciliation.reconcile(deployment.pool, deployment.chain)
        assert left_over(report) == (0, -SATOSHI, 0)
        assert report.alarm


async def test_what_somebody_else_spent(world: World, olga: Operator, bitcoin_node: Node) -> None:
    """Named while it waits, once it is mined, and once it is acknowledged; one that spends the other's change too."""
    async with deployed_on(world.pool, bitcoin_node, coins=1) as deployment:
        wallet = wallet_of(deployment)
        sent = [
            bitcoin_node.rpc("sendtoaddress", customer(bitcoin_node), Decimal("0.1"), wallet=wallet) for _ in range(2)
        ]
        fees = sum((bitcoin_node.rpc("gettransaction", txid, wallet=wallet)["fee"] for txid in sent), Decimal(0))
        waiting = await explained(deployment)
        assert named(waiting.wallet)[FOREIGN] == (-Decimal("0.2") + fees, 2)
        assert named(waiting.wallet)["confirmed coins of the wallet"] == (0, 0)
        bitcoin_node.mine(1)
        await processor.run(deployment)
        assert between(await explained(deployment)) == {
            "spends that no batch knows, not acknowledged": (Decimal("0.2") - fees, 2)
        }
        for txid in sent:
            await paying.acknowledged(deployment.pool, olga, txid, "cold storage")
        assert between(await explained(deployment)) == {
            "spends that no batch knows, acknowledged": (Decimal("0.2") - fees, 2)
        }


async def test_users_whom_the_books_do_not_know(world: World, bitcoin_node: Node) -> None:
    """A label of another deployment, or of a lost database; what lies at other addresses is the operator's."""
    async with deployed_on(world.pool, bitcoin_node, coins=1) as deployment:
        nobody = await deployment.chain.address_for(f"partner-{'7' * 8}-7777-7777-7777-{'7' * 12}/alice")
        bitcoin_node.pay(nobody, each_btc=QUARTER)
        bitcoin_node.mine(2)
        await watch.everything(deployment)
        report = await explained(deployment)
        assert between(report) == {"deposits of users whom the books do not know": (-QUARTER, 1)}
        assert named(report.wallet)[FUNDING] == (BTC, 1)


async def test_another_wallet(world: World, alice: Asker, bitcoin_node: Node) -> None:
    """After a move to other keys the old wallet's payments and deposits are looked up on the chain."""
    async with deployed_on(world.pool, bitcoin_node) as old:
        to = await deposit_addresses.of_user(world.pool, old.chain, world.partner.id, alice.user_id)
        bitcoin_node.pay(to, each_btc=QUARTER)
        await alice.asks("0.05")
        await run_later(world, old)
        bitcoin_node.mine(DEPTH)
        await processor.run(old)
        assert between(await explained(old)) == {}
    async with deployed_on(world.pool, bitcoin_node) as new:
        fee = await world.pool.fetchval("SELECT fee_btc FROM payout_transaction")
        moved = {
            "credited deposits that lie in another wallet": (QUARTER, 1),
            ELSEWHERE: (-Decimal("0.05") - fee, 1),
        }
        assert between(await explained(new)) == moved


# Books that somebody has changed

# What was done, and what is left over of the wallet, between it and the books, and of the books.
TAMPERED = {
    "a deposit's posting is gone": (
        "DELETE FROM transfer WHERE kind = 'deposit'",
        (0, -QUARTER, -QUARTER),
    ),
    "a withdrawal's posting is a satoshi more": (
        "UPDATE transfer SET amount = amount + 0.00000001 WHERE kind = 'withdrawal' AND leg = 3",
        (0, -SATOSHI, -SATOSHI),
    ),
    "a posting that belongs to nothing": (
        """INSERT INTO transfer SELECT partner_id, 'deposit', 99, 1, 1400, 5200, 1, 'posted', now(), now(),
                                       nextval('transfer_posted_seq') FROM deposit""",
        (0, BTC, BTC),
    ),
    "a posting of a fee is gone": (
        "DELETE FROM transfer WHERE kind = 'network_fee'",
        (0, "fee", "fee"),
    ),
    "a deposit is lost by the table alone": (
        "UPDATE deposit SET state = 'lost', legs = 2",
        (0, QUARTER, QUARTER),
    ),
    "a deposit is a satoshi more than the chain has, posted so": (
        """WITH d AS (UPDATE deposit SET amount_btc = amount_btc + 0.00000001)
           UPDATE transfer SET amount = amount + 0.00000001 WHERE kind = 'deposit'""",
        (0, SATOSHI, 0),
    ),
    "a deposit that the chain has never had": (
        "UPDATE deposit SET txid = repeat('ab', 32)",
        (0, QUARTER, 0),
    ),
    "a payment that the chain has never had": (
        """WITH b AS (UPDATE payout_batch SET txid = repeat('ab', 32))
           UPDATE payout_transaction SET txid = repeat('ab', 32)""",
        (0, "-paid", 0),
    ),
    "a withdrawal is a satoshi less than was paid, posted so": (
        """WITH w AS (UPDATE withdrawal SET amount_btc = amount_btc - 0.00000001)
           UPDATE transfer SET amount = amount - 0.00000001 WHERE kind = 'withdrawal' AND leg = 3""",
        (0, SATOSHI, 0),
    ),
    "a fee is a satoshi less than was paid, posted so": (
        """WITH t AS (UPDATE payout_transaction SET fee_btc = fee_btc - 0.00000001)
           UPDATE transfer SET amount = amount - 0.00000001 WHERE kind = 'network_fee'""",
        (0, SATOSHI, 0),
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_books_that_somebody_has_changed(world: World, simulated: Deployment, alice: Asker, name: str) -> None:
    """A deposit was credited and a payment posted: whatever is changed after that is left over in the right part."""
    to = await deposit_addresses.of_user(world.pool, simulated.chain, world.partner.id, alice.user_id)
    await sandbox(simulated).receive(to, QUARTER)
    await alice.asks("0.05")
    await run_later(world, simulated)
    await sandbox(simulated).mine(DEPTH)
    await processor.run(simulated)
    assert between(await explained(simulated)) == {}
    fee = await world.pool.fetchval("SELECT fee_btc FROM payout_transaction")
    statement, expected = TAMPERED[name]
    await world.pool.execute(statement)
    report = await reconciliation.reconcile(simulated.pool, simulated.chain)
    amounts = {"fee": fee, "-paid": -Decimal("0.05") - fee}
    assert left_over(report) == tuple(amounts[each] if isinstance(each, str) else each for each in expected)
    assert report.alarm


async def test_credited_by_the_table_alone(world: World, simulated: Deployment, alice: Asker) -> None:
    """Deposits on the chain beside deposits that the books say are credited, and nothing posted."""
    to = await deposit_addresses.of_user(world.pool, simulated.chain, world.partner.id, alice.user_id)
    for _ in range(200):
        await sandbox(simulated).receive(to, QUARTER)
    await sandbox(simulated).mine(1)
    await watch.everything(simulated)
    assert between(await explained(simulated)) == {NOT_CREDITED: (-Decimal(50), 200)}
    await world.pool.execute("UPDATE deposit SET state = 'credited', legs = 1, credited_at = now()")
    report = await reconciliation.reconcile(simulated.pool, simulated.chain)
    assert left_over(report) == (0, -50, -50)


async def test_a_withdrawal_is_changed_while_it_waits(world: World, simulated: Deployment, alice: Asker) -> None:
    await sandbox(simulated).play("stuck")
    await alice.asks("0.05")
    await run_later(world, simulated)
    await world.pool.execute("UPDATE withdrawal SET amount_btc = 0.04")
    report = await reconciliation.reconcile(simulated.pool, simulated.chain)
    assert left_over(report) == (0, Decimal("0.01"), 0)


async def test_coins_that_no_transaction_explains(simulated: Deployment) -> None:
    """The list of coins says more than the history does: an alarm of the wallet alone."""

    async def more() -> list[Coin]:
        first, *others = await simulated.chain.coins()
        return [structs.replace(first, amount_btc=first.amount_btc + SATOSHI), *others]

    report = await reconciliation.reconcile(simulated.pool, altered(simulated.chain, "coins", more))
    assert left_over(report) == (SATOSHI, 0, 0)


# What it costs, and how it is shown


async def test_what_it_costs(world: World, bitcoin_node: Node, alice: Asker) -> None:
    """Two calls for each spend, however many coins it spends, and the history twice."""
    async with deployed_on(world.pool, bitcoin_node, coins=6) as deployment:
        for _ in range(3):
            bitcoin_node.rpc("sendtoaddress", customer(bitcoin_node), Decimal("1.5"), wallet=wallet_of(deployment))
            bitcoin_node.mine(1)
        calls: Counter[str] = Counter()

        class Counted:
            def __getattr__(self, name: str) -> Any:
                calls[name] += 1
                return getattr(deployment.chain, name)

        counted: Any = Counted()
        assert not (await reconciliation.reconcile(deployment.pool, counted)).alarm
        asked_for = {"history": 2, "coins": 1, "locked": 1, "raw_transaction": 3, "decode": 3, "simulated": 1}
        assert calls == asked_for


async def run(dsn: str, *words: str) -> tuple[int, str]:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    facts = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "=", "HASHRAIL_MODE": "sandbox"}
    made = await asyncio.to_thread(CliRunner().invoke, main.app, ["payouts", "reconcile", *words], env=facts)
    return made.exit_code, made.stdout


async def test_how_it_is_shown(world: World, simulated: Deployment, alice: Asker, dsn: str) -> None:
    await alice.asks("0.05")
    await run_later(world, simulated)
    become(dsn, mode="sandbox")
    code, text = await run(dsn)
    titles = ("Wallet (simulated)", "From the wallet to the books (simulated)", "Books (simulated)")
    assert (code, [title in text for title in titles], text.count("unexplained")) == (0, [True] * 3, 3)
    code, text = await run(dsn, "--json")
    shown = json.loads(text)
    assert set(shown) == {
        *("wallet", "unexplainedBtc", "bridge", "bridgeUnexplainedBtc", "books", "booksUnexplainedBtc"),
        "simulated",
    }
    assert (code, shown["simulated"], shown["bridgeUnexplainedBtc"]) == (0, True, "0")
    assert {"what": FUNDING, "amountBtc": "-100", "count": 20} in shown["bridge"]
    await world.pool.execute("UPDATE withdrawal SET amount_btc = 0.04")
    code, text = await run(dsn, "--json")
    assert (code, json.loads(text)["bridgeUnexplainedBtc"]) == (1, "0.01")


async def test_how_withdrawals_stand(world: World, bitcoin_node: Node) -> None:
    """By state and speed, those on their way by the state of their batch."""
    alice = await Asker.create(world, bitcoin_node)
    async with deployed_on(world.pool, bitcoin_node) as deployment:
        await alice.asks("0.01")
        await run_later(world, deployment)
        await alice.asks("0.01")
        await alice.asks("0.02")
        await alice.asks("0.03", "daily")
        assert await batches.standing(world.pool) == [
            Standing("broadcast", "fast", 1, Decimal("0.01")),
            Standing("queued", "daily", 1, Decimal("0.03")),
            Standing("queued", "fast", 2, Decimal("0.03")),
        ]
        bitcoin_node.mine(1)
