"""Payouts on a real node: what was asked for arrives once, is shown as the chain has it, and is posted when final."""

import datetime as dt
import stat
import uuid
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from hashrail import db
from hashrail.bitcoin import coin_selection
from hashrail.bitcoin.chain import Chain, Payment
from hashrail.bitcoin.coin_selection import PaymentTooLargeError
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node_chain import NodeChain, open_chain
from hashrail.bitcoin.node_checks import Terms
from hashrail.bitcoin.records import Outpoint, Refused, TransactionState
from hashrail.bitcoin.signer import Intent, KeySigner, Signed, SigningRefusedError
from hashrail.books.chart import Account
from hashrail.custody import deposit_addresses, withdrawals
from hashrail.deployment.opened import Deployment
from hashrail.money import round_half_even
from hashrail.parties import users
from hashrail.payouts import batches, fee_bumps, planning, processor, run_report, sending, stops
from hashrail.payouts.fee_bumps import FeeNotRaisedError
from hashrail.payouts.planning import Outlook
from hashrail.payouts.sending import PaymentNotAcceptedError
from hashrail.payouts.stops import ChainInDoubtError
from hashrail.settings import Settings
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node
from tests.support.books import advance, booked
from tests.support.deployments import deployed
from tests.support.keys import TPRV
from tests.support.paying import (
    DEPTH,
    FAST,
    FEES,
    Asker,
    customer,
    deployed_on,
    node_chain,
    paid_once,
    planned,
    run_later,
    settings,
    txids,
    wallet_of,
)
from tests.support.payouts import EARNED, asked, cancelled, held, spendable
from tests.support.world import World

COMMISSION = Decimal("0.00006")
HOUR = dt.timedelta(hours=1)


async def pause(world: World, reason: str | None) -> None:
    await world.pool.execute("UPDATE payout_policy SET paused_reason = $1", reason)


async def finish(world: World, deployment: Deployment, node: Node) -> None:
    """Blocks until everything that was sent is final."""
    node.mine(DEPTH)
    await processor.run(deployment)


# One withdrawal, from the queue to the books


async def test_a_withdrawal_on_its_way(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """Queued, then in the mempool, confirmed, and final at six: only then is anything posted."""
    made = await alice.asks("0.05")
    assert (await processor.run(deployment)).batches == []
    done = await run_later(world, deployment)
    assert (done.findings, len(done.batches)) == ([], 1)
    sent = await alice.got(made.id)
    (txid,) = await txids(deployment, done.batches[0])
    assert (sent.state, sent.txid, sent.confirmations) == ("broadcast", txid, 0)
    assert txid in node.rpc("getrawmempool")
    for depth in range(1, DEPTH):
        node.mine()
        await processor.run(deployment)
        shown = await alice.got(made.id)
        assert (shown.state, shown.txid, shown.confirmations) == ("confirmed", txid, depth)
        assert await held(world, alice.user_id) == Decimal("0.05") + COMMISSION
        assert await booked(world, Account.BITCOIN_WALLET) == 0
    node.mine()
    assert (await processor.run(deployment)).settled == 1
    final = await alice.got(made.id)
    assert (final.state, final.txid, final.confirmations) == ("final", txid, DEPTH)
    assert await held(world, alice.user_id) == 0
    assert await spendable(world, alice.user_id) == EARNED - Decimal("0.05") - COMMISSION
    (version,) = await batches.versions(world.pool, done.batches[0])
    fee = node.rpc("getrawtransaction", txid, 2)["fee"]
    assert version.fee_btc == fee
    assert await booked(world, Account.NETWORK_FEES) == -fee
    assert await booked(world, Account.BITCOIN_WALLET) == Decimal("0.05") + fee
    assert await booked(world, Account.PAYOUTS_IN_FLIGHT) == 0
    assert await booked(world, Account.COMMISSION_REVENUE) == COMMISSION
    paid_once(node, {made.address: made.amount_btc})


async def test_a_final_payment_is_watched_on(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """Confirmations grow until a hundred, and nothing is posted again."""
    await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    await finish(world, deployment, node)
    node.mine(3)
    assert (await processor.run(deployment)).settled == 0
    assert (await batches.get(world.pool, batch_id)).confirmations == DEPTH + 3
    node.mine(95)
    await processor.run(deployment)
    assert await batches.watched(world.pool) == []


@pytest.mark.parametrize("depth", [1, 3])
async def test_the_final_depth_is_a_setting(world: World, alice: Asker, node: Node, depth: int) -> None:
    async with deployed_on(world.pool, node, bitcoin_final_depth=depth) as deployment:
        made = await alice.asks()
        await run_later(world, deployment)
        for _ in range(depth):
            assert (await alice.got(made.id)).state != "final"
            node.mine()
            await processor.run(deployment)
        assert (await alice.got(made.id)).state == "final"


# One transaction pays many


async def test_one_transaction_pays_all_kinds_of_addresses(
    world: World, deployment: Deployment, alice: Asker, node: Node
) -> None:
    """P2WPKH, P2TR, P2SH, P2PKH and P2WSH, and an address that two withdrawals share is paid once with both."""
    kinds = ["bech32", "bech32m", "p2sh-segwit", "legacy"]
    payments = {customer(node, kind): Decimal("0.001") for kind in kinds}
    key = node.rpc("getaddressinfo", customer(node), wallet="customers")["pubkey"]
    witness_script = "5121" + key + "51ae"
    script_hash = node.rpc("decodescript", witness_script)["segwit"]["address"]
    for address in [*payments, script_hash]:
        await asked(world, alice.user_id, "0.001", address, "fast")
    shared = next(iter(payments))
    await asked(world, alice.user_id, "0.002", shared, "fast")
    payments[shared] += Decimal("0.002")
    done = await run_later(world, deployment)
    assert len(done.batches) == 1
    await finish(world, deployment, node)
    paid_once(node, payments)
    (txid,) = await txids(deployment, done.batches[0])
    outputs = {
        out["scriptPubKey"].get("address"): out["value"] for out in node.rpc("getrawtransaction", txid, 1)["vout"]
    }
    assert outputs[script_hash] == Decimal("0.001")
    assert len(outputs) == 6
    assert {len(await batches.members(world.pool, done.batches[0]))} == {6}


async def test_the_fee_is_shared_by_partners(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """Two withdrawals of one partner, one of another: each partner's books carry their part, to the satoshi."""
    other = await world.another_partner("other")
    bob = await Asker.create(other, node, "bob")
    made = [await alice.asks("0.01"), await alice.asks("0.02"), await bob.asks("0.03")]
    (batch_id,) = (await run_later(world, deployment)).batches
    await finish(world, deployment, node)
    (version,) = await batches.versions(world.pool, batch_id)
    fees = [-(await booked(each, Account.NETWORK_FEES)) for each in (world, other)]
    assert sum(fees) == version.fee_btc
    assert abs(fees[0] - 2 * fees[1]) <= Decimal("0.00000002")
    assert await booked(other, Account.BITCOIN_WALLET) == Decimal("0.03") + fees[1]
    paid_once(node, {one.address: one.amount_btc for one in made})


async def test_more_than_a_transaction_holds(world: World, alice: Asker, node: Node) -> None:
    """The fewest transactions that the size allows, each with coins of its own."""
    async with deployed_on(world.pool, node, coins=4, payout_most_outputs=2) as deployment:
        made = [await alice.asks("0.001") for _ in range(5)]
        done = await run_later(world, deployment)
        assert [len(await batches.members(world.pool, each)) for each in done.batches] == [2, 2, 1]
        await finish(world, deployment, node)
        paid_once(node, {one.address: one.amount_btc for one in made})
        spent = await world.pool.fetch("SELECT txid, vout FROM payout_input")
        assert len({tuple(row.values()) for row in spent}) == len(spent) == 3


async def test_a_queue_is_read_once_for_many_batches(
    world: World, alice: Asker, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once more at the end. Who is blocked after it was read is found when a batch is stored: then it is read anew,
    and the others are paid.
    """
    bob = await Asker.create(world, node, "bob")
    reads, look, send = [], planning.look, sending.send

    async def counted(pool: db.Pool, settings: Settings) -> Outlook:
        reads.append(await look(pool, settings))
        return reads[-1]

    async def sent(pool: db.Pool, *rest: Any) -> bool:
        async with db.transaction(pool) as tx:
            await users.block(tx, world.partner.id, "bob")
        return await send(pool, *rest)

    monkeypatch.setattr(planning, "look", counted)
    async with deployed_on(world.pool, node, coins=4, payout_most_outputs=1) as deployment:
        made = [await alice.asks("0.001") for _ in range(3)]
        assert len((await run_later(world, deployment)).batches) == len(made)
        assert len(reads) == 2
        reads.clear()
        monkeypatch.setattr(sending, "send", sent)
        later = [await each.asks("0.001") for each in (alice, bob, alice)]
        node.mine(1)
        assert len((await run_later(world, deployment)).batches) == 2
        assert len(reads) == 3
        assert (await bob.got(later[1].id)).state == "queued"
        await finish(world, deployment, node)
        paid_once(node, {one.address: one.amount_btc for one in (*made, later[0], later[2])})


# Who signs


async def test_keys_beside_the_program(world: World, alice: Asker, node: Node, tmp_path: Path) -> None:
    """The node watches; the keys stand in a file; fee bumps are signed by them too."""
    wallet = uuid.uuid4().hex
    key_file = tmp_path / "key"
    # Keys of the test's own: other tests must not see its coins.
    key_file.write_text(f"wpkh({TPRV}/84h/1h/77h/0/*)\nwpkh({TPRV}/84h/1h/77h/1/*)")
    key_file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    signer = KeySigner.from_file(key_file, "regtest")
    async with node.open(wallet) as btc:
        await btc.open_wallet(watch_only=True)
        await btc.import_descriptors(*signer.descriptors())
        node.pay(*[await btc.new_address() for _ in range(2)])
    configured = settings(
        bitcoin_rpc_url=node.url,
        bitcoin_rpc_cookie=node.cookie,
        bitcoin_wallet=wallet,
        bitcoin_signer_file=key_file,
        payout_bump_minutes=10,
    )
    deployment = deployed(world.pool, configured, open_chain(configured))
    assert await stops.findings(deployment) == []
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    assert (await run_later(world, deployment)).bumped == [batch_id]
    await finish(world, deployment, node)
    assert (await alice.got(made.id)).txid == (await txids(deployment, batch_id))[-1]
    paid_once(node, {made.address: made.amount_btc})
    await deployment.chain.close()
    await check_books(world)


async def test_coins_of_other_keys_are_left_alone(world: World, alice: Asker, node: Node) -> None:
    """The wallet watches an earlier signer's addresses too: its larger coins are not spent, its kind is not used."""
    earlier = KeySigner(f"wpkh({TPRV}/84h/1h/78h/0/*)\nwpkh({TPRV}/84h/1h/78h/1/*)", "regtest")
    signer = KeySigner(f"tr({TPRV}/86h/1h/78h/0/*)\ntr({TPRV}/86h/1h/78h/1/*)", "regtest")
    wallet = uuid.uuid4().hex
    async with node.open(wallet) as btc:
        await btc.open_wallet(watch_only=True)
        for each, amount in ((earlier, 3), (signer, 1)):
            await btc.import_descriptors(*each.descriptors())
            node.pay(*await btc.derive_addresses(each.descriptors()[0], 50, 50), each_btc=Decimal(amount))
        assert sorted(coin.amount_btc for coin in await btc.list_unspent()) == [1, 3]
        deployment = deployed(world.pool, settings(), node_chain(node, wallet, signer))
        assert [coin.amount_btc for coin in await deployment.chain.coins()] == [1]
        to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
        await alice.asks()
        done = await run_later(world, deployment)
        assert ([each.code for each in done.findings], done.batches) == (["WALLET_WATCHES_OTHERS"], [])
        for text, internal in zip(earlier.descriptors(), (False, True), strict=True):
            facts = {"active": False, "internal": internal, "range": [0, 999], "timestamp": "now"}
            assert node.rpc("importdescriptors", [{"desc": text, **facts}], wallet=wallet)[0]["success"]
        assert sorted(coin.amount_btc for coin in await btc.list_unspent()) == [1, 3]
        done = await run_later(world, deployment)
        assert (done.findings, len(done.batches)) == ([], 1)
        (coin,) = await batches.inputs(world.pool, done.batches[0], common=True)
        assert coin.amount_btc == 1
        (txid,) = await txids(deployment, done.batches[0])
        outputs = node.rpc("getrawtransaction", txid, 1)["vout"]
        (change,) = [each["scriptPubKey"]["address"] for each in outputs if each["value"] > Decimal("0.5")]
        for address in (to, change):
            assert address.startswith("bcrt1p")
            assert node.rpc("getaddressinfo", address, wallet=wallet)["parent_desc"].startswith("tr(")
    await deployment.chain.close()


class Refusing:
    """A signer that signs nothing."""

    async def sign(self, psbt: str, intent: Intent) -> Signed:
        del psbt, intent
        raise SigningRefusedError("the node built another payment", reason="payment")


async def test_refused_signatures_use_one_change_address(
    world: World, deployment: Deployment, alice: Asker, node: Node
) -> None:
    """A node that goes on for days does not run the wallet's range dry; what is sent has an address of its own."""
    chain = deployment.chain
    assert isinstance(chain, NodeChain)

    def next_change() -> int:
        address = node.rpc("getrawchangeaddress", "bech32", wallet=wallet_of(deployment))
        return int(node.rpc("getaddressinfo", address, wallet=wallet_of(deployment))["hdkeypath"].split("/")[-1])

    signer = chain._signer
    chain._signer = Refusing()  # type: ignore[assignment]
    await alice.asks()
    before = next_change()
    await advance(world, FAST)
    for _ in range(10):
        assert [each.code for each in (await processor.run(deployment)).findings] == ["SIGNING_REFUSED"]
    assert next_change() == before + 2
    chain._signer = signer
    changes = []
    for _ in range(2):
        (batch_id,) = (await run_later(world, deployment)).batches
        (txid,) = await txids(deployment, batch_id)
        outputs = node.rpc("gettransaction", txid, True, True, wallet=wallet_of(deployment))["decoded"]["vout"]
        changes += [each["scriptPubKey"]["address"] for each in outputs if each["value"] > Decimal("0.5")]
        await alice.asks()
    paths = [node.rpc("getaddressinfo", each, wallet=wallet_of(deployment))["hdkeypath"] for each in changes]
    assert [int(path.split("/")[-1]) for path in paths] == [before + 1, before + 3]


async def test_a_wallet_that_is_not_there(world: World, alice: Asker, node: Node) -> None:
    await alice.asks()
    deployment = deployed(world.pool, settings(), node_chain(node, "nobody's"))
    assert [each.code for each in (await run_later(world, deployment)).findings] == ["WALLET_NOT_LOADED"]
    assert await batches.newest(world.pool, 1) == []
    await deployment.chain.close()


# What stops a batch


async def test_the_kill_switch(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """Paused, nothing is signed and nothing sent, not even again; what is out is watched on."""
    first = await alice.asks()
    await run_later(world, deployment)
    second = await alice.asks()
    await pause(world, "drill")
    done = await run_later(world, deployment, HOUR * 2)
    assert [each.code for each in done.findings] == ["PAYOUTS_PAUSED"]
    assert (done.batches, done.bumped, (await alice.got(second.id)).state) == ([], [], "queued")
    node.mine(DEPTH)
    assert (await processor.run(deployment)).settled == 1
    assert (await alice.got(first.id)).state == "final"
    await pause(world, None)
    assert len((await processor.run(deployment)).batches) == 1


async def test_a_wallet_that_is_short(world: World, alice: Asker, node: Node) -> None:
    async with deployed_on(world.pool, node, coins=0) as deployment:
        made = await alice.asks("0.1")
        done = await run_later(world, deployment)
        assert [each.code for each in done.findings] == ["BITCOIN_WALLET_SHORT"]
        assert done.findings[0].message == "0.1 BTC are due, the wallet has 0, 0 more are on their way"
        assert await processor.pay(deployment, "fast") is None
        assert (await alice.got(made.id)).state == "queued"


async def test_what_is_covered_is_paid(world: World, alice: Asker, node: Node) -> None:
    """Oldest first; what the wallet does not cover waits, is told, and lets smaller ones pass.

    What is due tomorrow, and a blocked user's, keep nobody waiting.
    """
    bob = await Asker.create(world, node, "bob")
    async with deployed_on(world.pool, node, coins=0) as deployment:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        node.pay(node.rpc("getnewaddress", wallet=wallet), each_btc=Decimal("0.05"))
        made = [await alice.asks(amount) for amount in ("0.02", "0.04", "0.01")]
        await alice.asks("0.06", "daily")
        await bob.asks("0.1")
        async with db.transaction(world.pool) as tx:
            await users.block(tx, world.partner.id, "bob")
        done = await run_later(world, deployment)
        assert [each.code for each in done.findings] == ["BITCOIN_WALLET_SHORT"]
        assert [(await alice.got(each.id)).state for each in made] == ["broadcast", "queued", "broadcast"]
        node.pay(node.rpc("getnewaddress", wallet=wallet), each_btc=Decimal("0.1"))
        done = await processor.run(deployment)
        assert (done.findings, len(done.batches)) == ([], 1)


async def test_one_that_fits_in_no_transaction(world: World, alice: Asker, node: Node) -> None:
    """Its fee is above the budget because it needs many small coins; the others do not wait for it."""
    async with deployed_on(world.pool, node, coins=0, payout_fee_budget_btc="0.00003") as deployment:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        node.pay(*[node.rpc("getnewaddress", wallet=wallet) for _ in range(6)], each_btc=Decimal("0.01"))
        large, small = await alice.asks("0.04"), await alice.asks("0.001")
        done = await run_later(world, deployment)
        assert [each.code for each in done.findings] == ["PAYMENT_TOO_LARGE"]
        assert f"withdrawal {world.partner.id}:{large.id} waits" in done.findings[0].message
        assert [(await alice.got(each.id)).state for each in (large, small)] == ["queued", "broadcast"]


async def test_what_cannot_be_paid_takes_no_room(world: World, alice: Asker, node: Node) -> None:
    """More than the wallet has, or too many small coins: the limit of the day is there for the others."""
    wallet = node.wallet(uuid.uuid4().hex, coins=6, each_btc=Decimal("0.01"))
    chain = node_chain(node, wallet)
    deployment = deployed(world.pool, settings(payout_fee_budget_btc="0.00003"), chain)
    await world.pool.execute("UPDATE payout_policy SET deployment_daily_btc = 0.095")
    uncovered, large, small = await alice.asks("0.09"), await alice.asks("0.05"), await alice.asks("0.009")
    done = await run_later(world, deployment)
    assert {each.code for each in done.findings} == {"BITCOIN_WALLET_SHORT", "PAYMENT_TOO_LARGE"}
    shown = [(await alice.got(each.id)).state for each in (uncovered, large, small)]
    assert shown == ["queued", "queued", "broadcast"]
    await world.pool.execute("UPDATE payout_policy SET deployment_daily_btc = 0.055")
    second = await alice.asks("0.008")
    await run_later(world, deployment, dt.timedelta(days=1))
    assert (await alice.got(second.id)).state == "broadcast"
    await chain.close()


async def test_an_address_that_the_node_refuses(world: World, deployment: Deployment, alice: Asker) -> None:
    """It is told, and the others are paid."""
    refused, other = await alice.asks(), await alice.asks()

    async def invalid(addresses: Collection[str]) -> set[str]:
        return {refused.address} & set(addresses)

    deployment.chain.refused = invalid  # type: ignore[method-assign]
    done = await run_later(world, deployment)
    assert [(each.code, refused.address in each.message) for each in done.findings] == [("ADDRESS_REFUSED", True)]
    assert [(await alice.got(each.id)).state for each in (refused, other)] == ["queued", "broadcast"]
    report = await run_report.last(world.pool)
    assert report.findings == done.findings
    assert report.ended_at is not None


async def test_a_fee_above_the_budget(world: World, alice: Asker, node: Node) -> None:
    async with deployed_on(world.pool, node, payout_fee_budget_btc="0.00000100") as deployment:
        await alice.asks()
        assert [each.code for each in (await run_later(world, deployment)).findings] == ["PAYMENT_TOO_LARGE"]
        assert await processor.pay(deployment, "fast") is None
        assert await batches.newest(world.pool, 1) == []


async def test_an_unreachable_node(world: World, alice: Asker, node: Node) -> None:
    await alice.asks()
    chain = node_chain(node, "x", url="http://127.0.0.1:1")
    deployment = deployed(world.pool, settings(), chain)
    assert [each.code for each in (await run_later(world, deployment)).findings] == ["BITCOIN_NODE_UNREACHABLE"]
    assert [each.code for each in await stops.findings(deployment)] == ["BITCOIN_NODE_UNREACHABLE"]
    await chain.close()


async def test_a_cancelled_one_is_not_paid(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    kept, gone = await alice.asks(), await alice.asks()
    await cancelled(world, gone.id)
    await run_later(world, deployment)
    assert [(await alice.got(each.id)).state for each in (kept, gone)] == ["broadcast", "cancelled"]
    with pytest.raises(withdrawals.WithdrawalUnderWayError):
        await cancelled(world, kept.id)
    await finish(world, deployment, node)
    with pytest.raises(withdrawals.WithdrawalUnderWayError):
        await cancelled(world, kept.id)
    paid_once(node, {kept.address: kept.amount_btc})


async def test_a_blocked_users_is_not_paid(world: World, deployment: Deployment, alice: Asker) -> None:
    made = await alice.asks()
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    assert (await run_later(world, deployment)).batches == []
    async with db.transaction(world.pool) as tx:
        await users.unblock(tx, world.partner.id, "alice")
    assert len((await processor.run(deployment)).batches) == 1
    assert (await alice.got(made.id)).state == "broadcast"


# A plan that something overtook


async def test_a_plan_is_stored_once(world: World, deployment: Deployment, alice: Asker) -> None:
    """Two workers planned the same: the second is told, and what it signed is never sent."""
    await alice.asks()
    await advance(world, FAST)
    plan = await planned(deployment)
    assert plan is not None
    signed = [await sending.signed(deployment.chain, plan.payment) for _ in range(2)]
    async with db.transaction(world.pool) as tx:
        await batches.store(tx, plan, signed[0], now=dt.datetime.now(dt.UTC))
    with pytest.raises(batches.PlanOutdatedError, match="another batch"):
        async with db.transaction(world.pool) as tx:
            await batches.store(tx, plan, signed[1], now=dt.datetime.now(dt.UTC))


async def test_a_plan_of_what_is_gone(world: World, deployment: Deployment, alice: Asker) -> None:
    made = await alice.asks()
    await advance(world, FAST)
    plan = await planned(deployment)
    assert plan is not None
    signed = await sending.signed(deployment.chain, plan.payment)
    await cancelled(world, made.id)
    with pytest.raises(batches.PlanOutdatedError, match="cancelled"):
        async with db.transaction(world.pool) as tx:
            await batches.store(tx, plan, signed, now=dt.datetime.now(dt.UTC))
    await pause(world, "drill")
    with pytest.raises(batches.PayoutsPausedError):
        async with db.transaction(world.pool) as tx:
            await batches.store(tx, plan, signed, now=dt.datetime.now(dt.UTC))
    assert await batches.pinned(world.pool) == set()


# Raising fees


async def test_a_stuck_payment_costs_more(world: World, alice: Asker, node: Node) -> None:
    """After an hour without a block the fee is raised; the version that is mined is the one that counts."""
    async with deployed_on(world.pool, node) as deployment:
        made = await alice.asks()
        (batch_id,) = (await run_later(world, deployment)).batches
        assert (await run_later(world, deployment, HOUR - dt.timedelta(seconds=5))).bumped == []
        assert (await run_later(world, deployment, dt.timedelta(seconds=6))).bumped == [batch_id]
        first, second = await batches.versions(world.pool, batch_id)
        assert second.fee_btc >= first.fee_btc * Decimal("1.24")
        assert node.rpc("getrawmempool").count(second.txid) == 1
        assert first.txid not in node.rpc("getrawmempool")
        assert (await alice.got(made.id)).txid == second.txid
        await finish(world, deployment, node)
        paid_once(node, {made.address: made.amount_btc})
        assert await booked(world, Account.NETWORK_FEES) == -second.fee_btc
        with pytest.raises(FeeNotRaisedError, match="is final"):
            await fee_bumps.bump(deployment, batch_id)
    await check_books(world)


async def test_a_fee_is_raised_by_hand(world: World, alice: Asker, node: Node) -> None:
    """To the rate that was given, up to the cap, within the budget; a coin is added where the change does not do."""
    async with deployed_on(
        world.pool, node, coins=0, bitcoin_fee_cap="150", payout_fee_budget_btc="0.0003"
    ) as deployment:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        node.pay(*[node.rpc("getnewaddress", wallet=wallet) for _ in range(2)], each_btc=Decimal("0.0201"))
        made = await alice.asks("0.02")
        (batch_id,) = (await run_later(world, deployment)).batches
        with pytest.raises(FeeNotRaisedError, match="above the cap"):
            await fee_bumps.bump(deployment, batch_id, Decimal(151))
        with pytest.raises(FeeNotRaisedError) as caught:
            await fee_bumps.bump(deployment, batch_id, Decimal(12))
        (first,) = await batches.versions(world.pool, batch_id)
        least = round_half_even(first.sat_per_vb * Decimal("1.25"), 3)
        assert (caught.value.details, 12 < least < 13) == ({"leastSatPerVb": least}, True)
        # What it pays already, or less, is nothing to do; so the same may be asked twice.
        for rate in ("-1", "5", "10", str(first.sat_per_vb)):
            assert await fee_bumps.bump(deployment, batch_id, Decimal(rate)) == first
        second = await fee_bumps.bump(deployment, batch_id, Decimal(80))
        assert await fee_bumps.bump(deployment, batch_id, Decimal(80)) == second
        assert await batches.versions(world.pool, batch_id) == [first, second]
        assert abs(second.fee_btc.scaleb(8) / 80 - second.vsize) <= 1
        assert len(await batches.inputs(world.pool, batch_id, common=True)) == 1
        assert len(await batches.inputs(world.pool, batch_id, common=False)) == 2
        with pytest.raises(PaymentTooLargeError):
            await fee_bumps.bump(deployment, batch_id, Decimal(150))
        assert len(await batches.versions(world.pool, batch_id)) == 2
        await finish(world, deployment, node)
        paid_once(node, {made.address: made.amount_btc})
        assert first.txid != (await alice.got(made.id)).txid == second.txid
    await check_books(world)


async def test_no_fee_is_raised_through_a_node_in_doubt(world: World, deployment: Deployment, alice: Asker) -> None:
    """Neither by hand, nor when the doubt comes up in the middle of a run."""
    await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    asked_for: list[str] = []

    async def doubted_from_the_second_time_on() -> list[Finding]:
        asked_for.append("findings")
        return [Finding("NODE_TIP_OLD", "a drill")] if len(asked_for) > 1 else []

    deployment.chain.findings = doubted_from_the_second_time_on  # type: ignore[method-assign]
    done = await run_later(world, deployment, HOUR * 2)
    assert ([each.code for each in done.findings], done.bumped) == (["CHAIN_IN_DOUBT"], [])
    with pytest.raises(ChainInDoubtError, match="NODE_TIP_OLD"):
        await fee_bumps.bump(deployment, batch_id, Decimal(50))
    assert len(await batches.versions(world.pool, batch_id)) == 1


async def test_a_fee_that_can_be_raised_a_little(world: World, alice: Asker, node: Node) -> None:
    """The node thinks of more than the budget allows: the batch waits with what it allows, and the rest is told."""
    async with deployed_on(world.pool, node, payout_fee_budget_btc="0.00005") as deployment:
        await alice.asks()
        (batch_id,) = (await run_later(world, deployment)).batches
        fees = replace(FEES, minimum=Decimal(100))
        high = NodeChain(node.open(wallet_of(deployment)), None, terms=Terms("regtest"), fees=fees)
        wishes = replace(deployment, node=high)
        assert (await run_later(world, wishes, dt.timedelta(hours=2))).bumped == [batch_id]
        first, second = await batches.versions(world.pool, batch_id)
        spent = await batches.inputs(world.pool, batch_id, common=True)
        affordable = coin_selection.affordable_rate({"": Decimal(1)}, spent, Decimal("0.00005"))
        assert first.sat_per_vb < 11
        assert 25 < second.sat_per_vb <= affordable + Decimal("0.5")
        assert second.fee_btc <= Decimal("0.00005")
        done = await run_later(world, wishes, dt.timedelta(hours=2))
        assert ([each.code for each in done.findings], done.bumped) == (["FEE_NOT_RAISED"], [])
        await high.close()
    await check_books(world)


async def test_a_fee_is_raised_again(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """As often as it takes: each version follows the newest, and the last one arrives."""
    made = await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    sent = [(await fee_bumps.bump(deployment, batch_id, Decimal(rate))).txid for rate in (40, 60, 80)]
    versions = await batches.versions(world.pool, batch_id)
    assert [each.txid for each in versions[1:]] == sent
    assert [each.version for each in versions] == [1, 2, 3, 4]
    assert (await alice.got(made.id)).txid == sent[-1]
    await finish(world, deployment, node)
    assert (await alice.got(made.id)).txid == sent[-1]
    assert await booked(world, Account.NETWORK_FEES) == -versions[-1].fee_btc
    paid_once(node, {made.address: made.amount_btc})


async def test_a_payment_that_was_never_sent_costs_more(
    world: World, deployment: Deployment, alice: Asker, node: Node
) -> None:
    """The mempool has become fuller since it was signed: only the raised fee goes out."""
    made = await alice.asks()

    async def full(raw: str) -> Refused:
        return Refused(-26, f"mempool min fee not met, {len(raw)}")

    (batch_id,) = (await run_later(world, replace(deployment, node=altered(deployment.chain, broadcast=full)))).batches
    assert (await batches.get(world.pool, batch_id)).state == "signed"
    second = await fee_bumps.bump(deployment, batch_id)
    assert second.txid in node.rpc("getrawmempool")
    assert (await batches.get(world.pool, batch_id)).state == "broadcast"
    await finish(world, deployment, node)
    assert (await alice.got(made.id)).txid == second.txid
    paid_once(node, {made.address: made.amount_btc})


async def test_a_version_that_was_overtaken(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """Two raise the fee at once: the second is dropped."""
    await alice.asks()
    (batch_id,) = (await run_later(world, deployment)).batches
    newest = await fee_bumps.bump(deployment, batch_id)
    signed = Signed(newest.raw or "", newest.txid, newest.fee_btc, newest.vsize)
    with pytest.raises(batches.PlanOutdatedError, match="with version 2"):
        async with db.transaction(world.pool) as tx:
            await batches.add_version(tx, batch_id, 1, signed, [], now=dt.datetime.now(dt.UTC))
    node.mine()
    await processor.run(deployment)
    with pytest.raises(batches.PlanOutdatedError, match="is confirmed"):
        async with db.transaction(world.pool) as tx:
            await batches.add_version(tx, batch_id, 2, signed, [], now=dt.datetime.now(dt.UTC))


def spent_by_its_recipient(node: Node, txid: str, address: str, fee_btc: Decimal, outputs: int) -> str:
    """They spend what they were paid before it is confirmed, in a large transaction."""
    paid = next(
        each
        for each in node.rpc("getrawtransaction", txid, 1)["vout"]
        if each["scriptPubKey"].get("address") == address
    )
    small = {customer(node): Decimal("0.0001") for _ in range(outputs)}
    rest = {customer(node): paid["value"] - sum(small.values()) - fee_btc}
    raw = node.rpc("createrawtransaction", [{"txid": txid, "vout": paid["n"]}], small | rest)
    signed = node.rpc("signrawtransactionwithwallet", raw, wallet="customers")
    return str(node.rpc("sendrawtransaction", signed["hex"]))


async def test_a_payment_that_its_recipient_spent(world: World, alice: Asker, node: Node) -> None:
    """The node takes a higher fee only above what both pay together; the next one as usual again."""
    async with deployed_on(world.pool, node) as deployment:
        made = await alice.asks("0.05")
        (batch_id,) = (await run_later(world, deployment)).batches
        (first,) = await batches.versions(world.pool, batch_id)
        child = spent_by_its_recipient(node, first.txid, made.address, Decimal("0.0001"), 200)
        done = await run_later(world, deployment, HOUR)
        assert (done.findings, done.bumped) == ([], [batch_id])
        second = (await batches.versions(world.pool, batch_id))[-1]
        assert second.fee_btc > first.fee_btc + Decimal("0.0001")
        waiting = node.rpc("getrawmempool")
        assert [each in waiting for each in (first.txid, child, second.txid)] == [False, False, True]
        await finish(world, deployment, node)
        assert (await alice.got(made.id)).state == "final"
        assert await booked(world, Account.NETWORK_FEES) == -second.fee_btc
    await check_books(world)


async def test_a_child_that_is_too_large(world: World, alice: Asker, node: Node) -> None:
    """What would be needed is above the cap: it is told, the payment waits as it is, and the others are paid."""
    async with deployed_on(world.pool, node) as deployment:
        made = await alice.asks("0.05")
        (batch_id,) = (await run_later(world, deployment)).batches
        (first,) = await batches.versions(world.pool, batch_id)
        spent_by_its_recipient(node, first.txid, made.address, Decimal("0.0005"), 400)
        second = await alice.asks()
        done = await run_later(world, deployment, HOUR)
        ((code, message),) = [(each.code, each.message) for each in done.findings]
        assert code == "FEE_NOT_RAISED"
        assert message.startswith(f"batch {batch_id}: FEE_NOT_RAISED: ")
        assert message.endswith("are above the cap of 200")
        assert (done.bumped, len(done.batches)) == ([], 1)
        assert (await alice.got(second.id)).state == "broadcast"
        with pytest.raises(FeeNotRaisedError, match="above the cap"):
            await fee_bumps.bump(deployment, batch_id)
        assert await batches.versions(world.pool, batch_id) == [first]
        await finish(world, deployment, node)
        assert [(await alice.got(each.id)).state for each in (made, second)] == ["final", "final"]
    await check_books(world)


@pytest.mark.parametrize(("state", "unspent"), [("mempool", True), ("mempool", False), ("absent", True)])
async def test_a_raised_fee_is_not_given_up(
    world: World, alice: Asker, node: Node, state: Literal["mempool", "absent"], unspent: bool
) -> None:
    """A block comes or goes between two questions: the first version reads as conflicted, the second is not mined.

    It waits, or the coin is not spent in the chain: nothing is due again.
    """
    async with deployed_on(world.pool, node, bitcoin_final_depth=1) as deployment:
        made = await alice.asks()
        (batch_id,) = (await run_later(world, deployment)).batches
        second = (await fee_bumps.bump(deployment, batch_id)).txid
        first, _ = await txids(deployment, batch_id)
        told = {first: TransactionState("conflicted", -1, conflicts=(second,)), second: TransactionState(state)}

        async def transaction(txid: str) -> TransactionState:
            return told[txid]

        async def is_unspent(outpoint: Outpoint) -> bool:
            del outpoint
            return unspent

        between = replace(deployment, node=altered(deployment.chain, transaction=transaction, is_unspent=is_unspent))
        for _ in range(2):
            done = await run_later(world, between, dt.timedelta(minutes=1))
            assert (done.findings, done.batches) == ([], [])
            assert (await batches.get(world.pool, batch_id)).state == "broadcast"
            assert (await alice.got(made.id)).state == "broadcast"
        assert second in node.rpc("getrawmempool")
        await finish(world, deployment, node)
        assert (await alice.got(made.id)).txid == second
        paid_once(node, {made.address: made.amount_btc})
    await check_books(world)


def altered(chain: Chain, **answers: object) -> Any:
    """The chain, with other answers."""

    class Altered:
        def __getattr__(self, name: str) -> Any:
            return answers[name] if name in answers else getattr(chain, name)

    return Altered()


async def test_what_the_mempool_would_not_take(world: World, deployment: Deployment, alice: Asker) -> None:
    """A payment at no fee is dropped before it is stored."""
    await alice.asks()
    await advance(world, FAST)
    plan = await planned(deployment)
    assert plan is not None
    with pytest.raises(PaymentNotAcceptedError) as caught:
        await sending.signed(deployment.chain, replace(plan.payment, sat_per_vb=Decimal("0.05")))
    assert "fee" in str(caught.value.details["reason"])


async def test_a_batch_that_is_not_there(world: World, deployment: Deployment) -> None:
    with pytest.raises(batches.BatchNotFoundError):
        await fee_bumps.bump(deployment, 4711)


# Spends that nobody knows


async def test_a_foreign_spend_stops_everything_new(
    world: World, deployment: Deployment, alice: Asker, node: Node
) -> None:
    """Already in the mempool, and once mined; what was sent before goes on. Acknowledged, payouts go on."""
    first = await alice.asks()
    await run_later(world, deployment)
    second = await alice.asks()
    wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
    foreign = node.rpc("sendtoaddress", customer(node), Decimal("0.1"), wallet=wallet)
    done = await run_later(world, deployment)
    assert [(each.code, foreign in each.message) for each in done.findings] == [("FOREIGN_SPEND", True)]
    node.mine(DEPTH)
    done = await processor.run(deployment)
    assert [each.code for each in done.findings] == ["FOREIGN_SPEND"]
    assert [(await alice.got(each.id)).state for each in (first, second)] == ["final", "queued"]
    row = await world.pool.fetchrow("SELECT * FROM payout_foreign_spend")
    assert row is not None
    assert (row["txid"], row["confirmations"], row["dead"]) == (foreign, DEPTH, False)
    await world.pool.execute(
        "UPDATE payout_foreign_spend SET acknowledged_at = now(), acknowledged_by = 'me', reason = 'a sweep'"
    )
    assert len((await processor.run(deployment)).batches) == 1
    await finish(world, deployment, node)
    paid_once(node, {each.address: each.amount_btc for each in (first, second)})


async def test_a_coin_that_a_raised_fee_had_added(world: World, alice: Asker, node: Node) -> None:
    """The older version is mined: the coin is promised until nothing can change any more, and spent later."""
    async with deployed_on(world.pool, node, coins=0, payout_fee_budget_btc="0.001") as deployment:
        wallet = wallet_of(deployment)
        node.pay(*[node.rpc("getnewaddress", wallet=wallet) for _ in range(2)], each_btc=Decimal("0.0201"))
        await alice.asks("0.02")
        (batch_id,) = (await run_later(world, deployment)).batches
        await fee_bumps.bump(deployment, batch_id, Decimal(80))
        first, _ = await batches.versions(world.pool, batch_id)
        assert first.raw is not None
        node.rpc("generateblock", "raw(51)", [first.raw])
        node.mine(DEPTH)
        await alice.asks("0.01")
        assert [each.code for each in (await run_later(world, deployment)).findings] == ["BITCOIN_WALLET_SHORT"]
        node.mine(100)
        await processor.run(deployment)
        assert await batches.pinned(world.pool) <= {
            each.outpoint for each in await batches.inputs(world.pool, batch_id + 1, common=True)
        }
        assert len(await batches.newest(world.pool, 9)) == 2
    await check_books(world)


async def test_plans_that_are_always_overtaken(world: World, deployment: Deployment, alice: Asker) -> None:
    """A run ends all the same, and says so."""
    await alice.asks()
    await advance(world, FAST)
    sign = deployment.chain.sign

    async def overtaken(payment: Payment) -> Signed:
        await world.pool.execute("INSERT INTO payout_export (created_at, exported_by) VALUES (now(), 'me')")
        return await sign(payment)

    deployment.chain.sign = overtaken  # type: ignore[method-assign]
    assert [each.code for each in (await processor.run(deployment)).findings] == ["PAYOUT_PLAN_OUTDATED"]


async def test_what_goes_on_as_time_passes(world: World, deployment: Deployment, alice: Asker, node: Node) -> None:
    """What is due or on its way, not what was taken back or has arrived."""
    assert not await processor.wait_for_time(world.pool)
    gone = await alice.asks()
    assert await processor.wait_for_time(world.pool)
    await cancelled(world, gone.id)
    assert not await processor.wait_for_time(world.pool)
    await alice.asks()
    await run_later(world, deployment)
    assert await processor.wait_for_time(world.pool)
    await finish(world, deployment, node)
    assert not await processor.wait_for_time(world.pool)


async def test_a_run_that_does_not_end(world: World, deployment: Deployment) -> None:
    """Whatever it fails with, status says that no run has ended for minutes."""
    await processor.run(deployment)

    async def broken() -> NoReturn:
        raise RuntimeError("a bug")

    deployment.chain.findings = broken  # type: ignore[method-assign]
    for findings in ([], ["TURN_NOT_ENDED"]):
        with pytest.raises(RuntimeError):
            await processor.run(deployment)
        assert [each.code for each in (await run_report.last(world.pool)).findings] == findings
        await advance(world, dt.timedelta(minutes=6))
