"""Books that were restored from an older copy, on a wallet that has paid since: nothing is paid twice, or to another.

The wallet may be the same one, or have been made anew on another machine; the copy lacks payments, raised fees, whole
withdrawals, and whose addresses are.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.audit import invariants
from hashrail.bitcoin import look_back, wallet_marks
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import WalletMark
from hashrail.bitcoin.signer import KeySigner
from hashrail.clock import from_seconds
from hashrail.custody import deposit_addresses, deposits, hot_wallet
from hashrail.custody.deposit_addresses import DepositsNotAvailableError
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, fee_bumps, processor, recorded_payments, stops, watch
from hashrail.payouts.stops import ChainInDoubtError
from tests.support import paying
from tests.support.bitcoin_node import Node, proxy, running
from tests.support.copies import Copies, copied, record
from tests.support.deployments import deployed
from tests.support.keys import TPRV
from tests.support.paying import (
    Asker,
    check_end,
    deployed_on,
    fee_of,
    node_chain,
    paid_once,
    received,
    run_later,
    settings,
    start_again,
    state,
    stored,
    txids,
    waits,
    wallet_of,
)
from tests.support.payouts import asked, cancelled, held, spendable
from tests.support.world import World

THREE = 3
COMMISSION = Decimal("0.00006")
FORGETS = ("-persistmempool=0", "-walletbroadcast=0")
LONG_AGO = dt.datetime(2011, 3, 1, tzinfo=dt.UTC)
QUARTER = Decimal("0.25")
# Keys of each test's own.
ACCOUNTS = itertools.count(7300)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """It loses its mempool, so it is nobody else's."""
    with running() as own:
        yield own


@pytest.fixture
async def deployment(world: World, node: Node) -> AsyncIterator[Deployment]:
    node.mine(1)
    async with deployed_on(world.pool, node, bitcoin_final_depth=THREE) as made:
        yield made


async def broken(world: World) -> list[str]:
    """Invariants that do not hold."""
    async with db.snapshot(world.pool) as tx:
        return [found.name async for found in invariants.audit(tx) if found.rows]


# The same wallet


async def check_stands_still(copies: Copies, txid: str, runs: int = 2) -> None:
    """The older copy pays nothing, whatever it thinks is due, and says why."""
    for _ in range(runs):
        done = await run_later(copies.older, copies.restored)
        assert (done.batches, done.bumped) == ([], [])
        # A batch whose version is not the one that was mined is given up once.
        told = [(each.code, txid in each.message) for each in done.findings if each.code != "PAYMENT_GIVEN_UP"]
        assert told == [("FOREIGN_SPEND", True)]


@pytest.mark.parametrize("blocks", [0, 1, THREE], ids=["mempool", "mined", "final"])
async def test_a_copy_from_before_a_payment(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator, blocks: int
) -> None:
    """It would pay again: it sees the spend, stands still, and is brought to the end by what an operator records."""
    made = [await alice.asks("0.01"), await alice.asks("0.02")]
    made.append(await asked(world, alice.user_id, "0.03", made[0].address, "fast"))
    await processor.run(deployment)
    async with copied(server, dsn, world, deployment) as copies:
        (batch_id,) = (await run_later(copies.now, copies.deployment)).batches
        (txid,) = await txids(copies.deployment, batch_id)
        node.mine(blocks)
        if blocks:
            await processor.run(copies.deployment)
        await check_stands_still(copies, txid)
        with pytest.raises(recorded_payments.ForeignSpendPaysError):
            await paying.acknowledged(copies.older.pool, olga, txid, "a sweep?")
        with pytest.raises(recorded_payments.PaymentMismatchError):
            await record(copies, olga, txid, *made[:2])
        await check_stands_still(copies, txid, 1)
        recorded = await record(copies, olga, txid, *made)
        assert await record(copies, olga, txid, *made) == recorded
        assert (await run_later(copies.older, copies.restored)).findings == []
        node.mine(THREE - blocks)
        assert (await state(copies.restored, recorded))[:2] == ("final", txid)
        fee_btc = await fee_of(copies.deployment, txid)
        await check_end(copies.older, copies.restored, node, *made, fee_btc=fee_btc)
        again = await alice_of(copies.older, alice).asks("0.01")
        assert len((await run_later(copies.older, copies.restored)).batches) == 1
        assert again.id not in [one.id for one in made]


async def paid_since(copies: Copies) -> str:
    """The transaction that has paid, since the copy was taken, everything that was due."""
    (batch_id,) = (await run_later(copies.now, copies.deployment)).batches
    (txid,) = await txids(copies.deployment, batch_id)
    return txid


def alice_of(world: World, alice: Asker) -> Asker:
    return Asker(world, alice.user_id, alice.node)


@pytest.mark.parametrize("blocks", [0, 1, THREE], ids=["mempool", "mined", "final"])
async def test_a_copy_from_before_a_raised_fee(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator, blocks: int
) -> None:
    """It knows the first version, the chain has the second: nothing more is paid, and it ends with that one.

    Recorded in time it is a version of the same batch; where that was given up, it pays what is due again.
    """
    made = [await alice.asks("0.01"), await alice.asks("0.02")]
    (batch_id,) = (await run_later(world, deployment)).batches
    async with copied(server, dsn, world, deployment) as copies:
        await fee_bumps.bump(copies.deployment, batch_id, Decimal(40))
        first, second = await txids(copies.deployment, batch_id)
        node.mine(blocks)
        await check_stands_still(copies, second)
        shown = await batches.get(copies.older.pool, batch_id)
        assert shown.state == ("conflicted" if blocks == THREE else "broadcast")
        with pytest.raises(recorded_payments.ForeignSpendPaysError):
            await paying.acknowledged(copies.older.pool, olga, second, "a sweep?")
        recorded = await record(copies, olga, second, *made)
        assert (recorded == batch_id) == (blocks < THREE)
        node.mine(THREE - blocks)
        assert (await state(copies.restored, recorded))[:2] == ("final", second)
        assert first != second
        assert (await processor.run(copies.restored)).findings == []
        fee_btc = await fee_of(copies.deployment, second)
        await check_end(copies.older, copies.restored, node, *made, fee_btc=fee_btc)


async def test_a_copy_whose_payment_the_mempool_lost(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    """Neither chain nor mempool has it, but the wallet remembers: somebody else may still mine it."""
    made = await alice.asks()
    async with copied(server, dsn, world, deployment) as copies:
        (batch_id,) = (await run_later(copies.now, copies.deployment)).batches
        (txid,) = await txids(copies.deployment, batch_id)
        (raw,) = await stored(copies.deployment, batch_id)
        node.stop()
        start_again(node, *FORGETS)
        assert not waits(node, txid)
        await check_stands_still(copies, txid)
        recorded = await record(copies, olga, txid, made)
        assert (await state(copies.restored, recorded))[0] == "broadcast"
        assert node.rpc("getrawtransaction", txid) == raw
        node.mine(THREE)
        assert (await state(copies.restored, recorded))[:2] == ("final", txid)
        await check_end(copies.older, copies.restored, node, made, fee_btc=await fee_of(copies.deployment, txid))
        node.stop()
        start_again(node)


async def test_a_copy_whose_user_takes_it_back(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker
) -> None:
    """In the copy it is queued, and the spend that pays it is known: it is not the user's again."""
    made = await alice.asks()
    async with copied(server, dsn, world, deployment) as copies:
        txid = await paid_since(copies)
        node.mine(1)
        await check_stands_still(copies, txid)
        with pytest.raises(ConflictError):
            await cancelled(copies.older, made.id)
        assert await held(copies.older, alice.user_id) == made.amount_btc + COMMISSION


async def test_what_a_recorded_payment_paid_besides(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    """One withdrawal of the payment is in the copy and is recorded, the other one is lost: asked again, two decide."""
    first = await alice.asks("0.01")
    await processor.run(deployment)
    async with copied(server, dsn, world, deployment) as copies:
        lost = await alice_of(copies.now, alice).asks("0.02")
        txid = await paid_since(copies)
        # Recorded before any run has looked.
        recorded = await record(copies, olga, txid, first)
        again = await asked(copies.older, alice.user_id, "0.02", lost.address, "fast")
        other = await asked(copies.older, alice.user_id, "0.02", first.address, "fast")
        assert (again.state, other.state) == ("awaiting_approval", "queued")
        node.mine(THREE)
        assert (await state(copies.restored, recorded))[0] == "final"
        done = await run_later(copies.older, copies.restored)
        assert (len(done.batches), done.findings) == (1, [])
        paid_once(node, {lost.address: lost.amount_btc})
        # Approved by nobody yet, it can be taken back; or it is what was paid.
        assert await cancelled(copies.older, again.id)


async def test_a_payment_is_recorded_whole(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    """What a batch would pay again is named with the rest, or said not to be paid by it."""
    made = [await alice.asks("0.01"), await alice.asks("0.02")]
    await processor.run(deployment)
    async with copied(server, dsn, world, deployment) as copies:
        txid = await paid_since(copies)
        for part, rest in ((made[:1], made[1]), (made[1:], made[0])):
            with pytest.raises(recorded_payments.ForeignSpendPaysError) as caught:
                await record(copies, olga, txid, *part)
            assert caught.value.details == {"partnerId": world.partner.id, "withdrawalId": rest.id}
        await check_stands_still(copies, txid)
        recorded = await record(copies, olga, txid, *made)
        node.mine(THREE)
        assert (await state(copies.restored, recorded))[0] == "final"
        fee_btc = await fee_of(copies.deployment, txid)
        await check_end(copies.older, copies.restored, node, *made, fee_btc=fee_btc)


async def test_what_is_not_paid_by_it_is_said(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker, olga: Operator
) -> None:
    """Somebody asks for more at an address that the lost part had: with the operator's word it is paid on top."""
    first = await alice.asks("0.01")
    await processor.run(deployment)
    async with copied(server, dsn, world, deployment) as copies:
        lost = await alice_of(copies.now, alice).asks("0.02")
        on_top = await asked(copies.older, alice.user_id, "0.03", lost.address, "fast")
        txid = await paid_since(copies)
        with pytest.raises(recorded_payments.ForeignSpendPaysError):
            await record(copies, olga, txid, first)
        await record(copies, olga, txid, first, unpaid=[on_top])
        node.mine(1)
        assert len((await run_later(copies.older, copies.restored)).batches) == 1
        assert received(node, [lost.address]) == {lost.address: Decimal("0.05")}


async def test_a_lost_version_that_spends_one_more_coin(
    server: str, dsn: str, world: World, node: Node, alice: Asker, olga: Operator
) -> None:
    """Its coin is known from then on, so that what the batch spends is what it pays."""
    chain = node_chain(node, node.wallet(uuid.uuid4().hex, coins=3, each_btc=Decimal("0.01012")))
    deployment = deployed(world.pool, settings(bitcoin_final_depth=THREE), chain)
    made = await alice.asks("0.01")
    (batch_id,) = (await run_later(world, deployment)).batches
    async with copied(server, dsn, world, deployment) as copies:
        await fee_bumps.bump(copies.deployment, batch_id, Decimal(100))
        _, second = await txids(copies.deployment, batch_id)
        await check_stands_still(copies, second)
        assert await record(copies, olga, second, made) == batch_id
        assert await broken(copies.older) == []
        node.mine(THREE)
        assert await state(copies.restored, batch_id) == ("final", second, THREE)
        assert await broken(copies.older) == []
    await chain.close()


# A wallet that was made anew


async def watching(node: Node, signer: KeySigner, *, since: dt.datetime | None = LONG_AGO, first_index: int = 0) -> str:
    """A new wallet of these keys, which looks through the chain from then on."""
    name = uuid.uuid4().hex
    async with node.open(name) as btc:
        await btc.open_wallet(watch_only=True)
        await look_back.watch(btc, "regtest", *signer.descriptors(), since=since, first_index=first_index)
    return name


def new_keys() -> KeySigner:
    account = next(ACCOUNTS)
    return KeySigner("\n".join(f"wpkh({TPRV}/84h/1h/{account}h/{side}/*)" for side in (0, 1)), "regtest")


async def test_a_wallet_that_has_not_seen_what_was_paid(
    server: str, dsn: str, world: World, node: Node, alice: Asker
) -> None:
    """Made anew from now on, and funded: nothing of it is believed until it has looked back."""
    signer = new_keys()
    chain = node_chain(node, await watching(node, signer), signer)
    deployment = deployed(world.pool, settings(bitcoin_final_depth=THREE), chain)
    node.pay(await chain.address_for("funding"))
    made = await alice.asks("0.01")
    await processor.run(deployment)
    async with copied(server, dsn, world, deployment) as copies:
        assert len((await run_later(copies.now, copies.deployment)).batches) == 1
        node.mine(1)
        name = await watching(node, signer, since=None)
        anew = replace(copies.restored, node=node_chain(node, name, signer))
        node.pay(await anew.chain.address_for("funding"))
        for _ in range(2):
            done = await run_later(copies.older, anew)
            assert ([each.code for each in done.findings], done.batches) == (["WALLET_IS_ANOTHER"], [])
        assert [each.code for each in await stops.findings(anew)] == ["WALLET_IS_ANOTHER"]
        with pytest.raises(ChainInDoubtError) as caught:
            await watch.everything_believed(anew)
        assert caught.value.details == {"codes": ["WALLET_IS_ANOTHER"]}
        with pytest.raises(DepositsNotAvailableError, match="in doubt"):
            await deposit_addresses.of_user(copies.older.pool, anew.chain, world.partner.id, alice.user_id)
        async with node.open(name) as btc:
            # The wallet tells that day from then on, whether it has come to the end of it or not.
            await btc.import_descriptors(*signer.descriptors(), since=LONG_AGO)
            assert [each.code for each in await stops.findings(anew)] == ["WALLET_IS_ANOTHER"]
            await wallet_marks.write(btc, "regtest", WalletMark(None, int(LONG_AGO.timestamp())))
            assert [each.code for each in await stops.findings(anew)] == ["WALLET_LOOK_BACK"]
            await look_back.watch(btc, "regtest", *signer.descriptors(), since=LONG_AGO)
        done = await run_later(copies.older, anew)
        assert ([each.code for each in done.findings], done.batches) == (["FOREIGN_SPEND"], [])
        paid_once(node, {made.address: made.amount_btc})
        await anew.chain.close()
    await chain.close()


async def test_a_wallet_with_keys_that_was_made_anew(
    server: str, dsn: str, world: World, node: Node, deployment: Deployment, alice: Asker
) -> None:
    """Its keys by hand, from a day on that it has not looked back to: not believed until it has."""
    made = await alice.asks("0.01")
    await processor.run(deployment)
    private = node.rpc("listdescriptors", True, wallet=wallet_of(deployment))["descriptors"]
    async with copied(server, dsn, world, deployment) as copies:
        assert len((await run_later(copies.now, copies.deployment)).batches) == 1
        node.mine(1)
        name = uuid.uuid4().hex
        node.rpc("createwallet", name, False, True)
        facts = ("desc", "active", "internal", "range")
        node.rpc(
            "importdescriptors",
            [{name: each[name] for name in facts if name in each} | {"timestamp": "now"} for each in private],
            wallet=name,
        )
        anew = replace(copies.restored, node=node_chain(node, name))
        done = await run_later(copies.older, anew)
        assert ([each.code for each in done.findings], done.batches) == (["WALLET_IS_ANOTHER"], [])
        async with node.open(name) as btc:
            await look_back.rescan(btc, "regtest", since=LONG_AGO)
        done = await run_later(copies.older, anew)
        assert ([each.code for each in done.findings], done.batches) == (["FOREIGN_SPEND"], [])
        paid_once(node, {made.address: made.amount_btc})
        await anew.chain.close()


async def test_a_wallet_is_known_by_its_mark(world: World, node: Node, deployment: Deployment) -> None:
    """It is written by the first run; whoever is killed before the books have it writes the same."""
    pool, chain = world.pool, deployment.chain
    first = await hot_wallet.mark(pool, chain)
    assert first is not None
    assert (await chain.mark(), await hot_wallet.mark(pool, chain)) == (WalletMark(first), first)
    assert await hot_wallet.look(pool, chain) == []
    assert (await processor.run(deployment)).findings == []
    await chain.put_mark(WalletMark(str(uuid.uuid4())))
    assert [each.code for each in await hot_wallet.look(pool, chain)] == ["WALLET_IS_ANOTHER"]
    await chain.put_mark(WalletMark())
    assert [each.code for each in await hot_wallet.look(pool, chain)] == ["WALLET_IS_ANOTHER"]
    await chain.put_mark(WalletMark(first))
    assert await hot_wallet.look(pool, chain) == []


async def test_the_wallet_looks_back_in_the_middle(world: World, node: Node, alice: Asker) -> None:
    """What is not believed any more after the watch is not exported either."""
    async with deployed_on(world.pool, node) as real, proxy(node) as before:
        chain = node_chain(node, wallet_of(real), url=before.url)
        await watch.everything_believed(replace(real, node=chain))
        before.instead["getwalletinfo"] = '{"walletname":"w","private_keys_enabled":true,"scanning":{"duration":7}}'
        with pytest.raises(ChainInDoubtError, match="WALLET_SCANNING"):
            await watch.everything_believed(replace(real, node=chain))
        await chain.close()


async def test_which_wallet_is_the_same(world: World, node: Node, deployment: Deployment, olga: Operator) -> None:
    """It has every key that was read, and looks for each since then or earlier; what it has more is remembered."""
    pool, chain = world.pool, deployment.chain
    assert await hot_wallet.look(pool, chain) == []
    keys = await chain.keys()
    assert len(keys) > 2
    some = dict(itertools.islice(sorted(keys.items()), 2))

    async def remembered(since: dict[str, dt.datetime]) -> list[Finding]:
        await pool.execute("DELETE FROM payout_wallet_key")
        async with db.transaction(pool) as tx:
            await hot_wallet.remember(tx, since, None)
        return await hot_wallet.look(pool, chain)

    second = dt.timedelta(seconds=1)
    assert await remembered(some) == []
    assert await remembered({name: since + second for name, since in some.items()}) == []
    (younger,) = await remembered({name: since - second for name, since in some.items()})
    assert (younger.code, "knows the chain since" in younger.message) == ("WALLET_IS_ANOTHER", True)
    (missing,) = await remembered(some | {"wpkh(other)": from_seconds(0)})
    assert (missing.code, "lacks 1 of 3 keys" in missing.message) == ("WALLET_IS_ANOTHER", True)
    assert [each.code for each in (await processor.run(deployment)).findings] == ["WALLET_IS_ANOTHER"]
    async with db.transaction(pool) as tx:
        await hot_wallet.adopt(tx, olga, "the old one is empty")
    assert (await processor.run(deployment)).findings == []
    assert dict(await pool.fetch("SELECT descriptor, since FROM payout_wallet_key")) == keys
    async with db.transaction(pool) as tx:
        await hot_wallet.remember(tx, {name: since + second for name, since in keys.items()}, None)
        assert dict(await tx.fetch("SELECT descriptor, since FROM payout_wallet_key")) == keys
        await hot_wallet.remember(tx, {name: since - second for name, since in some.items()}, None)
    assert [each.code for each in await hot_wallet.look(pool, chain)] == ["WALLET_IS_ANOTHER"]
    (action,) = [each for each in await operators.actions(pool, 9) if each.action == "wallet adopted"]
    assert (action.operator, action.reason) == ("olga", "the old one is empty")


async def test_an_address_that_only_the_label_knew(server: str, dsn: str, world: World, node: Node) -> None:
    """Once something has arrived there, the books know it again: it stays theirs when the wallet loses its labels."""
    signer = new_keys()
    chain = node_chain(node, await watching(node, signer), signer)
    deployment = deployed(world.pool, settings(), chain)
    bob = await world.user("bob")
    async with copied(server, dsn, world, deployment) as copies:
        bobs = await deposit_addresses.of_user(copies.now.pool, chain, world.partner.id, bob.id)
        node.pay(bobs, each_btc=QUARTER)
        node.mine(1)
        await watch.everything(copies.restored)
        assert await spendable(copies.older, bob.id) == QUARTER
        anew = replace(copies.restored, node=node_chain(node, await watching(node, signer), signer))
        node.pay(bobs, each_btc=QUARTER)
        node.mine(1)
        assert await watch.everything(anew) == []
        assert await spendable(copies.older, bob.id) == 2 * QUARTER
        # He is told the same, by a wallet that does not know it any more, and by one that does.
        for each in (copies.restored, anew):
            assert await deposit_addresses.of_user(copies.older.pool, each.chain, world.partner.id, bob.id) == bobs
        assert await broken(copies.older) == []
        await anew.chain.close()
    await chain.close()


async def test_addresses_that_are_somebodys_are_passed_over(server: str, dsn: str, world: World, node: Node) -> None:
    """Books and wallet are both lost: with the first index that nobody has, nobody gets what another one was told."""
    signer = new_keys()
    chain = node_chain(node, await watching(node, signer), signer)
    deployment = deployed(world.pool, settings(), chain)
    bob, carol = await world.user("bob"), await world.user("carol")
    async with copied(server, dsn, world, deployment) as copies:
        bobs = await deposit_addresses.of_user(copies.now.pool, chain, world.partner.id, bob.id)
        name = await watching(node, signer, first_index=1000)
        anew = replace(copies.restored, node=node_chain(node, name, signer))
        hers = await deposit_addresses.of_user(copies.older.pool, anew.chain, world.partner.id, carol.id)
        async with node.open(name) as btc:
            assert hers == (await btc.derive_addresses(signer.descriptors()[0], 1000, 1000))[0]
            # Looking back once more gives out nothing again, and forgets nothing.
            await btc.import_descriptors(*signer.descriptors(), since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
            assert await next_and_since(btc) == {(1001, int(LONG_AGO.timestamp())), (0, int(LONG_AGO.timestamp()))}
        node.pay(bobs, each_btc=QUARTER)
        node.mine(2)
        await watch.everything(anew)
        assert await deposits.of_partner(copies.older.pool, world.partner.id, limit=9) == []
        await anew.chain.close()
    await chain.close()


async def next_and_since(btc: BitcoinNode) -> set[tuple[int, int]]:
    """Where the wallet's descriptors go on, and since when they look."""
    return {(each.next_index, each.timestamp) for each in await btc.list_descriptors()}
