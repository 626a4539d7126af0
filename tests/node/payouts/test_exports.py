"""Paying with another program: out of every batch for ever, recorded once, ended by nobody but the operator."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.audit import reconciliation
from hashrail.bitcoin.block_proofs import Body
from hashrail.bitcoin.evidence import Claim, Evidence
from hashrail.bitcoin.records import Outpoint, RawTransaction, TransactionState
from hashrail.books import fence
from hashrail.books.chart import Account
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Pool
from hashrail.deployment.opened import Deployment
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, exports, processor, recorded_payments, settlement, watch
from hashrail.payouts.batches import Batch, Due
from tests.support import bitcoin_node, paying
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node, running
from tests.support.books import booked
from tests.support.deployments import deployed
from tests.support.locks import until_blocked
from tests.support.patience import within
from tests.support.paying import DEPTH, Asker, customer, deployed_on, run_later, settings, wallet_of
from tests.support.payouts import EARNED, cancelled, held, spendable
from tests.support.world import START, World

TXID = "ab" * 32
RIVAL, BLOCK = "ef" * 32, "ab" * 32
COIN = "cd" * 32
DAY = dt.timedelta(days=1)
NOBODYS = RawTransaction(TXID, 100, (), (), ())


@pytest.fixture
async def deployment(world: World, node: Node) -> AsyncIterator[Deployment]:
    async with deployed_on(world.pool, node, coins=2) as made:
        yield made
    await check_books(world)


async def exported(world: World, olga: Operator) -> int | None:
    async with db.transaction(world.pool) as tx:
        return await exports.export(tx, olga)


async def recorded(world: World, deployment: Deployment | None, olga: Operator, txid: str, *made: Withdrawal) -> Batch:
    recording = deployed(world.pool, settings()) if deployment is None else deployment
    paid = [(world.partner.id, one.id) for one in made]
    return await paying.recorded(recording, olga, txid, paid)


async def attested(world: World, olga: Operator, number: int) -> Withdrawal:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await exports.cancel(tx, books, olga, number, "the other wallet shows nothing")


# Out of the queue


async def test_everything_is_exported(world: World, deployment: Deployment, alice: Asker, olga: Operator) -> None:
    """Both speeds at once, and no batch takes them any more; nobody can cancel them; nothing else is due."""
    fast, daily = await alice.asks("0.01"), await alice.asks("0.02", "daily")
    number = await exported(world, olga)
    assert number is not None
    lines = await exports.lines(world.pool, number)
    assert [(line.id, line.partner_user_id, line.amount_btc, line.address, line.state) for line in lines] == [
        (one.id, "alice", one.amount_btc, one.address, "exported") for one in (fast, daily)
    ]
    assert (await run_later(world, deployment)).batches == []
    with pytest.raises(withdrawals.WithdrawalUnderWayError):
        await cancelled(world, fast.id)
    assert await exported(world, olga) is None
    assert await held(world, alice.user_id) == Decimal("0.03006")
    with pytest.raises(exports.ExportNotFoundError):
        await exports.lines(world.pool, number + 1)


async def test_limits_hold_for_both_speeds_together(world: World, alice: Asker, olga: Operator) -> None:
    await alice.asks("0.03")
    daily = await alice.asks("0.03", "daily")
    await world.pool.execute("UPDATE payout_policy SET user_daily_btc = 0.05")
    number = await exported(world, olga)
    assert number is not None
    assert daily.id not in [line.id for line in await exports.lines(world.pool, number)]
    assert (await alice.got(daily.id)).state == "queued"


# Recorded


async def test_recorded_with_a_node(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The transaction is compared, watched like a batch, and posted at final depth; again is a no-op."""
    first, second = await alice.asks("0.01"), await alice.asks("0.02")
    await exported(world, olga)
    txid = node.rpc("sendmany", "", {one.address: one.amount_btc for one in (first, second)}, wallet="miner")
    batch = await recorded(world, deployment, olga, txid, first, second)
    assert (batch.kind, batch.state) == ("external", "broadcast")
    assert await recorded(world, deployment, olga, txid, second, first) == batch
    with pytest.raises(recorded_payments.AlreadyRecordedError):
        await recorded(world, deployment, olga, txid, first)
    assert (await alice.got(first.id)).txid == txid
    (version,) = await batches.versions(world.pool, batch.id)
    assert version.raw == node.rpc("getrawtransaction", txid)
    assert version.vsize == node.rpc("getrawtransaction", txid, 1)["vsize"]
    node.mine(DEPTH)
    done = await run_later(world, deployment)
    assert (done.findings, done.settled) == ([], 1)
    assert {(await alice.got(one.id)).state for one in (first, second)} == {"final"}
    fee = -node.rpc("gettransaction", txid, wallet="miner")["fee"]
    assert await booked(world, Account.BITCOIN_WALLET) == Decimal("0.03") + fee
    assert await booked(world, Account.NETWORK_FEES) == -fee


async def test_what_does_not_fit(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """A satoshi less, an unknown transaction, a withdrawal that does not exist or is signed."""
    made = await alice.asks("0.01")
    txid = node.rpc("sendtoaddress", made.address, Decimal("0.00999999"), wallet="miner")
    with pytest.raises(recorded_payments.PaymentMismatchError) as caught:
        await recorded(world, deployment, olga, txid, made)
    assert caught.value.details["withdrawalId"] == made.id
    with pytest.raises(recorded_payments.PaymentNotFoundError):
        await recorded(world, deployment, olga, TXID, made)
    with pytest.raises(withdrawals.WithdrawalNotFoundError):
        await paying.recorded(deployed(world.pool, settings()), olga, TXID, [(world.partner.id, 4711)])
    await run_later(world, deployment)
    with pytest.raises(recorded_payments.AlreadyRecordedError):
        await recorded(world, None, olga, TXID, made)
    node.mine(1)


async def test_recorded_without_a_node(world: World, deployment: Deployment, alice: Asker, olga: Operator) -> None:
    """The operator's word is final; a node that comes later does not question it."""
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch = await recorded(world, None, olga, TXID, made)
    assert (batch.state, batch.txid) == ("final", TXID)
    assert batch.settled_at is not None
    assert await settlement.settle_final(world.pool) == 0
    shown = await alice.got(made.id)
    assert (shown.state, shown.txid, shown.confirmations) == ("final", TXID, 0)
    assert await spendable(world, alice.user_id) == EARNED - Decimal("0.01006")
    assert await batches.watched(world.pool) == []
    assert (await run_later(world, deployment)).findings == []


async def test_one_transaction_pays_two_exports(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """Recorded for one and then for the other: one batch takes both in, and its fee is booked once."""
    first = await alice.asks("0.01")
    await exported(world, olga)
    second, third = await alice.asks("0.02"), await alice.asks("0.03")
    await exported(world, olga)
    txid = node.rpc("sendmany", "", {one.address: one.amount_btc for one in (first, second)}, wallet="miner")
    batch = await recorded(world, deployment, olga, txid, first)
    with pytest.raises(recorded_payments.PaymentMismatchError):
        await recorded(world, deployment, olga, txid, third)
    assert (await recorded(world, deployment, olga, txid, second)).id == batch.id
    assert (await recorded(world, deployment, olga, txid, first, second)).id == batch.id
    with pytest.raises(recorded_payments.AlreadyRecordedError):
        await recorded(world, deployment, olga, txid, second)
    node.mine(DEPTH)
    assert (await processor.run(deployment)).settled == 1
    assert [(await alice.got(one.id)).state for one in (first, second, third)] == ["final", "final", "exported"]
    fee = -node.rpc("gettransaction", txid, wallet="miner")["fee"]
    assert await booked(world, Account.BITCOIN_WALLET) == Decimal("0.03") + fee
    assert await booked(world, Account.NETWORK_FEES) == -fee


async def test_one_transaction_pays_two_exports_by_word(
    world: World, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    """Each is posted when it is said."""
    made = [await alice.asks("0.01")]
    await exported(world, olga)
    made.append(await alice.asks("0.02"))
    await exported(world, olga)
    batch = await recorded(world, None, olga, TXID, made[0])
    assert [(await alice.got(one.id)).state for one in made] == ["final", "exported"]
    assert (await recorded(world, None, olga, TXID, made[1])).id == batch.id
    assert (await batches.get(world.pool, batch.id)).settled_at is not None
    assert [(await alice.got(one.id)).state for one in made] == ["final", "final"]
    assert await held(world, alice.user_id) == 0
    assert await booked(world, Account.BITCOIN_WALLET) == Decimal("0.03")
    assert (await run_later(world, deployment)).findings == []


async def test_the_second_export_is_recorded_late(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The first is posted by then. An attested cancel would be a lie, so this is the only way out of `exported`."""
    first = await alice.asks("0.01")
    await exported(world, olga)
    second = await alice.asks("0.02")
    await exported(world, olga)
    txid = node.rpc("sendmany", "", {one.address: one.amount_btc for one in (first, second)}, wallet="miner")
    await recorded(world, deployment, olga, txid, first)
    node.mine(DEPTH)
    assert (await processor.run(deployment)).settled == 1

    async def killed(_: Pool) -> int:
        return 0

    with pytest.MonkeyPatch.context() as before_posting:
        before_posting.setattr(settlement, "settle_final", killed)
        await recorded(world, deployment, olga, txid, second)
        # Its fee is booked already, and not booked in part.
        assert not (await reconciliation.reconcile(world.pool, deployment.chain)).alarm
    await processor.run(deployment)
    assert [(await alice.got(one.id)).state for one in (first, second)] == ["final", "final"]
    fee = -node.rpc("gettransaction", txid, wallet="miner")["fee"]
    assert await booked(world, Account.NETWORK_FEES) == -fee


async def replaced(
    world: World, deployment: Deployment, olga: Operator, node: Node, other: str, made: Withdrawal
) -> tuple[Batch, str, str]:
    """Another wallet pays, that is recorded, and then it raises its fee: the batch and both transactions."""
    first = node.rpc("sendtoaddress", made.address, made.amount_btc, wallet=other)
    batch = await recorded(world, deployment, olga, first, made)
    return batch, first, node.rpc("bumpfee", first, wallet=other)["txid"]


async def test_the_other_wallet_raised_its_fee(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """What was recorded is never mined: told after a day, and what replaced it is a version of the same batch."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch, first, second = await replaced(world, deployment, olga, node, other, made)
    node.mine(1)
    assert (await run_later(world, deployment, DAY - dt.timedelta(minutes=1))).findings == []
    done = await run_later(world, deployment, dt.timedelta(minutes=2))
    assert [(each.code, first in each.message) for each in done.findings] == [("PAYMENT_UNCONFIRMED", True)]
    assert (await alice.got(made.id)).state == "broadcast"
    assert (await recorded(world, deployment, olga, second, made)).id == batch.id
    assert [each.txid for each in await batches.versions(world.pool, batch.id)] == [first, second]
    node.mine(DEPTH - 1)
    done = await processor.run(deployment)
    assert (done.findings, done.settled) == ([], 1)
    shown = await alice.got(made.id)
    assert (shown.state, shown.txid) == ("final", second)
    fee = -node.rpc("gettransaction", second, wallet=other)["fee"]
    assert fee > -node.rpc("gettransaction", first, wallet=other)["fee"]
    assert await booked(world, Account.NETWORK_FEES) == -fee
    assert await booked(world, Account.BITCOIN_WALLET) == made.amount_btc + fee


async def test_a_replacement_that_pays_more_and_is_not_mined(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The other wallet put a second withdrawal into its raised fee, and a miner took the first version all the same."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    first = await alice.asks("0.01")
    await exported(world, olga)
    second = await alice.asks("0.02")
    await exported(world, olga)
    (coin,) = node.rpc("listunspent", wallet=other)
    spent = [{"txid": coin["txid"], "vout": coin["vout"]}]
    paid = {first.address: first.amount_btc}
    txid = node.rpc("send", paid, None, "unset", 5, {"inputs": spent}, wallet=other)["txid"]
    before = node.rpc("getrawtransaction", txid)
    await recorded(world, deployment, olga, txid, first)
    paid |= {second.address: second.amount_btc, node.rpc("getnewaddress", wallet=other): Decimal("0.9695")}
    raw = node.rpc("createrawtransaction", spent, paid)
    raised = node.rpc("sendrawtransaction", node.rpc("signrawtransactionwithwallet", raw, wallet=other)["hex"])
    await recorded(world, deployment, olga, raised, first)
    with suppress(recorded_payments.AlreadyRecordedError, recorded_payments.PaymentMismatchError):
        await recorded(world, deployment, olga, raised, second)
    node.rpc("generateblock", "raw(51)", [before])
    node.mine(DEPTH)
    await processor.run(deployment)
    assert node.rpc("getreceivedbyaddress", second.address, 1, wallet="customers") == 0
    assert [(await alice.got(one.id)).state for one in (first, second)] == ["final", "exported"]


async def test_a_replacement_that_is_recorded_too_late(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """While it is being recorded a run finds the first version final: that stays, with what it was."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch, first, second = await replaced(world, deployment, olga, node, other, made)
    async with db.transaction(world.pool) as tx:
        await tx.execute("UPDATE payout_batch SET state = 'final', txid = $1, confirmations = 6", first)
        late = asyncio.ensure_future(recorded(world, deployment, olga, second, made))
        await until_blocked(world.pool, late)
    with pytest.raises(recorded_payments.AlreadyRecordedError):
        await late
    assert [each.txid for each in await batches.versions(world.pool, batch.id)] == [first]
    assert await settlement.settle_final(world.pool) == 1
    assert (await alice.got(made.id)).txid == first


async def test_a_replacement_must_spend_a_same_coin(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """Another payment to the same address would be a second one, not a version."""
    other = node.wallet(uuid.uuid4().hex, coins=2)
    made = await alice.asks("0.01")
    await exported(world, olga)
    coins = [{"txid": one["txid"], "vout": one["vout"]} for one in node.rpc("listunspent", wallet=other)]
    paid = {made.address: made.amount_btc}
    first, second = [
        node.rpc("send", paid, None, "unset", 5, {"inputs": [coin]}, wallet=other)["txid"] for coin in coins
    ]
    batch = await recorded(world, deployment, olga, first, made)
    with pytest.raises(recorded_payments.AlreadyRecordedError):
        await recorded(world, deployment, olga, second, made)
    assert len(await batches.versions(world.pool, batch.id)) == 1


async def test_what_the_node_would_forget(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index it knows another wallet's transaction only while it waits; its own wallet's for ever."""
    monkeypatch.setattr(bitcoin_node, "FLAGS", tuple(each for each in bitcoin_node.FLAGS if each != "-txindex=1"))
    with running() as node:
        assert node.rpc("getindexinfo") == {}
        alice = await Asker.create(world, node)
        async with db.transaction(world.pool) as tx:
            olga = await operators.add(tx, name="olga", role="admin", password="a long enough one")
        async with deployed_on(world.pool, node, coins=1) as deployment:
            made = [await alice.asks(), await alice.asks()]
            await exported(world, olga)
            wallets = ("miner", wallet_of(deployment))
            theirs, ours = [
                node.rpc("sendtoaddress", one.address, one.amount_btc, wallet=wallet)
                for one, wallet in zip(made, wallets, strict=True)
            ]
            with pytest.raises(recorded_payments.PaymentNotFollowedError):
                await recorded(world, deployment, olga, theirs, made[0])
            batch = await recorded(world, deployment, olga, ours, made[1])
            node.mine(DEPTH)
            assert (await processor.run(deployment)).findings == []
            assert (await batches.get(world.pool, batch.id)).state == "final"
            assert [(await alice.got(one.id)).state for one in made] == ["exported", "final"]
            with pytest.raises(recorded_payments.PaymentNotFoundError):
                await recorded(world, deployment, olga, theirs, made[0])
            assert (await recorded(world, None, olga, theirs, made[0])).state == "final"
    await check_books(world)


async def unmined(world: World, olga: Operator, made: Withdrawal) -> Batch:
    """A batch of a payment that the node has never seen; it spends COIN."""
    async with db.transaction(world.pool) as tx:
        seen = recorded_payments.Seen("00", NOBODYS, {}, Decimal(0))
        batch_id = await recorded_payments._keep(tx, olga, TXID, seen, [], DEPTH)
        await batches.put_in(tx, batch_id, [Due(world.partner.id, made.id, made.address, made.amount_btc)], START)
    await world.pool.execute("INSERT INTO payout_input VALUES ($1, $2, 0, 1, '0014', true, false)", batch_id, COIN)
    return await batches.get(world.pool, batch_id)


@pytest.fixture
async def narrow(deployment: Deployment, dsn: str) -> AsyncIterator[Deployment]:
    """The deployment with a single connection: whoever wants a second one waits for ever."""
    async with await db.open_pool(dsn, connections=1) as single:
        yield replace(deployment, pool=single)


async def test_recorded_and_double_spent(
    world: World, narrow: Deployment, alice: Asker, olga: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exported one goes back to where it came from, not into the queue; that takes one connection.

    Not before a block is shown that has the other one.
    """
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch = await unmined(world, olga, made)
    await world.pool.execute(
        "INSERT INTO payout_foreign_spend VALUES ($1, $2, '{}', 100, now(), false)", RIVAL, [f"{COIN}:0"]
    )
    told = await within(watch.everything(narrow))
    assert ([each.code for each in told], (await batches.get(world.pool, batch.id)).state) == (
        ["CONFLICT_UNPROVEN"],
        "broadcast",
    )
    known, spends = narrow.chain.transaction, frozenset({Outpoint(COIN, 0)})

    async def transaction(txid: str) -> TransactionState:
        return TransactionState("confirmed", 100, BLOCK) if txid == RIVAL else await known(txid)

    async def evidence(claims: list[Claim]) -> dict[str, Evidence]:
        assert claims == [Claim(RIVAL, BLOCK, narrow.settings.bitcoin_final_depth)]
        return {RIVAL: Evidence(Body(RIVAL, spends, (), coinbase=False), BLOCK, 1, (), 100)}

    monkeypatch.setattr(narrow.chain, "transaction", transaction)
    monkeypatch.setattr(narrow.chain, "evidence", evidence)
    await within(watch.everything(narrow))
    assert (await batches.get(world.pool, batch.id)).state == "conflicted"
    assert (await alice.got(made.id)).state == "exported"
    assert await batches.pinned(world.pool) == set()


async def test_a_coin_is_there_again_while_its_payment_is_given_up(
    world: World, narrow: Deployment, alice: Asker, olga: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reorg brings it back before the lock is taken: nothing ends, and it is forgotten that it was gone."""
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch = await unmined(world, olga, made)
    known, gone = narrow.chain.transaction, iter([True, True])

    async def transaction(txid: str) -> TransactionState:
        return TransactionState("confirmed", 1) if txid == COIN else await known(txid)

    async def is_unspent(outpoint: Outpoint) -> bool:
        assert outpoint.txid == COIN
        return not next(gone, False)

    monkeypatch.setattr(narrow.chain, "transaction", transaction)
    monkeypatch.setattr(narrow.chain, "is_unspent", is_unspent)
    show_a_rival(monkeypatch, narrow)
    await world.pool.execute("UPDATE payout_batch SET doomed_height = 1 WHERE id = $1", batch.id)
    await within(watch.everything(narrow))
    assert next(gone, None) is None
    row = await world.pool.fetchrow("SELECT state, doomed_height FROM payout_batch WHERE id = $1", batch.id)
    assert row is not None
    assert tuple(row) == ("broadcast", None)
    assert (await alice.got(made.id)).state == "broadcast"


async def test_what_was_mined_meanwhile_is_replaced_anew(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spent otherwise, then mined after all, then spent otherwise again: only the blocks since then count."""
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch = await unmined(world, olga, made)
    known = deployment.chain.transaction
    told = TransactionState("absent")

    async def transaction(txid: str) -> TransactionState:
        if txid == TXID:
            return told
        return TransactionState("confirmed", 1) if txid == COIN else await known(txid)

    async def is_unspent(outpoint: Outpoint) -> bool:
        del outpoint
        return False

    monkeypatch.setattr(deployment.chain, "transaction", transaction)
    monkeypatch.setattr(deployment.chain, "is_unspent", is_unspent)
    show_a_rival(monkeypatch, deployment)
    for state in ("broadcast", "confirmed", "broadcast", "broadcast", "conflicted"):
        told = TransactionState("confirmed", 1, "00" * 32) if state == "confirmed" else TransactionState("absent")
        await watch.everything(deployment)
        assert (await batches.get(world.pool, batch.id)).state == state
        node.mine(DEPTH - 1)


async def test_a_coin_that_is_only_said_to_be_spent_gives_nothing_up(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the node could have it paid again otherwise: the block that spends it has to be shown."""
    made = await alice.asks("0.01")
    await exported(world, olga)
    batch = await unmined(world, olga, made)
    known = deployment.chain.transaction

    async def transaction(txid: str) -> TransactionState:
        return TransactionState("confirmed", 1) if txid == COIN else await known(txid)

    async def is_unspent(outpoint: Outpoint) -> bool:
        del outpoint
        return False

    monkeypatch.setattr(deployment.chain, "transaction", transaction)
    monkeypatch.setattr(deployment.chain, "is_unspent", is_unspent)
    for expected in ([], ["CONFLICT_UNPROVEN"], ["CONFLICT_UNPROVEN"]):
        assert [each.code for each in await watch.everything(deployment)] == expected
        assert (await batches.get(world.pool, batch.id)).state == "broadcast"
        node.mine(DEPTH)


def show_a_rival(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> None:
    """A block is shown that spends the coin otherwise, deep enough."""

    async def spenders(outpoints: set[Outpoint], depth: int) -> dict[str, str]:
        assert outpoints == {Outpoint(COIN, 0)}
        return {RIVAL: BLOCK} if depth >= DEPTH else {}

    async def evidence(claims: list[Claim]) -> dict[str, Evidence]:
        body = Body(RIVAL, frozenset({Outpoint(COIN, 0)}), (), coinbase=False)
        return {claim.txid: Evidence(body, BLOCK, 1, (), claim.depth) for claim in claims}

    monkeypatch.setattr(deployment.chain, "spenders", spenders)
    monkeypatch.setattr(deployment.chain, "evidence", evidence)


async def test_recorded_and_never_mined(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The other wallet spent its coin otherwise, for good: exported again, to be paid anew or attested."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    made = await alice.asks("0.01")
    await exported(world, olga)
    (coin,) = node.rpc("listunspent", wallet=other)
    spent = [{"txid": coin["txid"], "vout": coin["vout"]}]
    paid = {made.address: made.amount_btc}
    first = node.rpc("send", paid, None, "unset", 5, {"inputs": spent}, wallet=other)["txid"]
    batch = await recorded(world, deployment, olga, first, made)
    raw = node.rpc("createrawtransaction", spent, {node.rpc("getnewaddress", wallet=other): Decimal("0.999")})
    node.rpc("sendrawtransaction", node.rpc("signrawtransactionwithwallet", raw, wallet=other)["hex"])
    node.mine(1)
    await run_later(world, deployment, 2 * DAY)
    node.mine(DEPTH - 2)
    await processor.run(deployment)
    assert (await batches.get(world.pool, batch.id)).state == "broadcast"
    node.mine(1)
    await processor.run(deployment)
    assert (await batches.get(world.pool, batch.id)).state == "conflicted"
    assert (await alice.got(made.id)).state == "exported"
    assert (await attested(world, olga, made.id)).state == "cancelled"


# Ended


async def test_an_attested_cancel(world: World, alice: Asker, olga: Operator) -> None:
    made = await alice.asks("0.01")
    with pytest.raises(exports.NotExportedError):
        await attested(world, olga, made.id)
    await exported(world, olga)
    gone = [await attested(world, olga, made.id) for _ in range(2)]
    assert [(one.state, one.reason) for one in gone] == [("cancelled", "the other wallet shows nothing")] * 2
    assert await spendable(world, alice.user_id) == EARNED
    actions = [each.action for each in await operators.actions(world.pool, 10)]
    assert actions == ["export attested unpaid", "withdrawals exported", "operator added"]


# Foreign spends


async def test_a_sweep_is_acknowledged(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    await alice.asks("0.01")
    wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
    sweep = node.rpc("sendtoaddress", customer(node), Decimal("0.1"), wallet=wallet)
    assert [each.code for each in (await run_later(world, deployment)).findings] == ["FOREIGN_SPEND"]
    with pytest.raises(recorded_payments.ForeignSpendNotFoundError):
        await paying.acknowledged(world.pool, olga, TXID, "?")
    await paying.acknowledged(world.pool, olga, sweep, "cold storage")
    assert len((await processor.run(deployment)).batches) == 1


async def test_a_spend_that_pays_a_withdrawal(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """It cannot be waved through; recorded, it settles the withdrawal and stands in nobody's way."""
    made = await alice.asks("0.01")
    wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
    foreign = node.rpc("sendtoaddress", made.address, made.amount_btc, wallet=wallet)
    await run_later(world, deployment)
    with pytest.raises(recorded_payments.ForeignSpendPaysError) as caught:
        await paying.acknowledged(world.pool, olga, foreign, "?")
    assert caught.value.details["withdrawalId"] == made.id
    await recorded(world, deployment, olga, foreign, made)
    node.mine(DEPTH)
    assert (await processor.run(deployment)).findings == []
    assert (await alice.got(made.id)).state == "final"


async def test_a_coin_that_is_in_no_block_yet_is_not_spent(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The other wallet paid with change that waits, and the mempool lost both: they may come back, so nothing ends."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    made = await alice.asks("0.01")
    change = node.rpc("sendtoaddress", node.rpc("getnewaddress", wallet=other), Decimal("0.5"), wallet=other)
    txid = node.rpc("sendtoaddress", made.address, made.amount_btc, wallet=other)
    batch = await recorded(world, deployment, olga, txid, made)
    both = [node.rpc("getrawtransaction", each) for each in (change, txid)]

    async def forgotten(asked: str) -> TransactionState:
        return TransactionState("unknown") if asked in (change, txid) else await known(asked)

    known = deployment.chain.transaction
    with pytest.MonkeyPatch.context() as lost:
        lost.setattr(deployment.chain, "transaction", forgotten)
        for _ in range(3):
            node.rpc("generateblock", "raw(51)", [])
            for _ in range(DEPTH):
                node.rpc("generateblock", f"raw({uuid.uuid4().hex[:16]}51)", [])
            await processor.run(deployment)
    assert (await batches.get(world.pool, batch.id)).state == "broadcast"
    node.rpc("generateblock", "raw(51)", both)
    node.mine(DEPTH)
    await processor.run(deployment)
    assert (await alice.got(made.id)).state == "final"


async def test_a_queued_one_that_was_recorded_is_never_paid_by_a_batch(
    world: World, deployment: Deployment, alice: Asker, olga: Operator, node: Node
) -> None:
    """The other wallet raised its fee, so what was recorded is never mined: an operator decides."""
    other = node.wallet(uuid.uuid4().hex, coins=1)
    made = await alice.asks("0.01")
    _, _, second = await replaced(world, deployment, olga, node, other, made)
    node.mine(1)
    await processor.run(deployment)
    node.mine(DEPTH)
    assert "PAYMENT_GIVEN_UP" in {each.code for each in (await run_later(world, deployment)).findings}
    done = await run_later(world, deployment)
    assert (done.batches, (await alice.got(made.id)).state) == ([], "exported")
    await recorded(world, deployment, olga, second, made)
    await processor.run(deployment)
    assert (await alice.got(made.id)).state == "final"
