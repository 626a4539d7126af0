"""Deposits: an address of one's own, credited once at two confirmations, and who bears what a reorg takes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.audit import reconciliation
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.signer import KeySigner
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.books.chart import Account
from hashrail.custody import deposit_addresses, deposits
from hashrail.custody.deposit_addresses import DepositsNotAvailableError
from hashrail.custody.deposits import Deposit
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.payouts import watch
from tests.support.api_client import Api, answered, check_books, check_refused, open_api
from tests.support.bitcoin_node import Node, running
from tests.support.books import booked
from tests.support.copies import copied
from tests.support.deployments import deployed
from tests.support.keys import TPRV
from tests.support.paying import (
    DEPTH,
    FAST,
    FEES,
    deployed_on,
    node_chain,
    run_later,
    settings,
    wallet_of,
)
from tests.support.payouts import ADDRESSES, asked, policy, spendable
from tests.support.world import World

QUARTER = Decimal("0.25")


@pytest.fixture
async def deployment(world: World) -> AsyncIterator[Deployment]:
    """A deployment on the simulated chain."""
    yield deployed(world.pool, settings(mode="sandbox"), SandboxChain(world.pool, fees=FEES, network="regtest"))
    await check_books(world)


@pytest.fixture
async def alice(world: World) -> int:
    return (await world.user("alice")).id


def simulated(deployment: Deployment) -> SandboxChain:
    assert isinstance(deployment.chain, SandboxChain)
    return deployment.chain


async def address(world: World, deployment: Deployment, user_id: int) -> str:
    return await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, user_id)


async def every(world: World, user_id: int | None = None) -> list[Deposit]:
    return await deposits.of_partner(world.pool, world.partner.id, user_id=user_id, limit=100)


async def watched(deployment: Deployment, blocks: int = 0) -> None:
    if blocks:
        await simulated(deployment).mine(blocks)
    await watch.everything(deployment)


# Addresses


async def test_an_address_for_ever(world: World, deployment: Deployment, alice: int) -> None:
    """Of one's own, the same each time, also when asked for many times at once."""
    bob = await world.user("bob")
    found = await asyncio.gather(*(address(world, deployment, alice) for _ in range(10)))
    assert len(set(found)) == 1
    assert await address(world, deployment, bob.id) not in found
    assert await deposit_addresses.of_user(world.pool, None, world.partner.id, alice) == found[0]


async def test_who_gets_no_address(world: World, deployment: Deployment, alice: int) -> None:
    """Nobody without a chain; no new one for a blocked user, whose old one stays."""
    with pytest.raises(DepositsNotAvailableError):
        await deposit_addresses.of_user(world.pool, None, world.partner.id, alice)
    known = await address(world, deployment, alice)
    bob = await world.user("bob")
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
        await users.block(tx, world.partner.id, "bob")
    assert await address(world, deployment, alice) == known
    with pytest.raises(users.UserBlockedError):
        await address(world, deployment, bob.id)


# What arrives


async def test_credited_once_at_two_confirmations(world: World, deployment: Deployment, alice: int) -> None:
    """Pending in the mempool and in one block; posted at two; told again it changes nothing; then it can be spent."""
    txid = await simulated(deployment).receive(await address(world, deployment, alice), QUARTER)
    seen = []
    for _ in range(4):
        await watched(deployment)
        (one,) = await every(world)
        seen.append((one.state, one.confirmations, await spendable(world, alice)))
        await simulated(deployment).mine(1)
    assert seen == [
        ("pending", 0, 0),
        ("pending", 1, 0),
        ("credited", 2, QUARTER),
        ("credited", 3, QUARTER),
    ]
    assert (one.txid, one.vout, one.amount_btc, one.partner_user_id) == (txid, 0, QUARTER, "alice")
    assert one.credited_at is not None
    assert await booked(world, Account.BITCOIN_WALLET) == -QUARTER
    await watched(deployment, 100)
    assert (await every(world))[0].confirmations == 104
    await watched(deployment, 1)
    assert (await every(world))[0].confirmations == 104
    await policy(world, 0)
    await asked(world, alice, "0.2")
    assert await spendable(world, alice) == QUARTER - Decimal("0.2")


async def test_several_and_somebody_elses(world: World, deployment: Deployment, alice: int) -> None:
    """Each output is a deposit; what comes to other addresses of the wallet is the operator's."""
    bob = await world.user("bob")
    mine, bobs = await address(world, deployment, alice), await address(world, deployment, bob.id)
    for to in (mine, mine, bobs, await simulated(deployment).new_address()):
        await simulated(deployment).receive(to, QUARTER)
    await watched(deployment, 2)
    assert len(await every(world)) == 3
    assert [each.user_id for each in await every(world, alice)] == [alice, alice]
    assert [await spendable(world, each) for each in (alice, bob.id)] == [2 * QUARTER, QUARTER]
    newest, second, oldest = await every(world)
    page = await deposits.of_partner(world.pool, world.partner.id, limit=1, before=newest.id)
    assert page == [second]
    assert await deposits.of_partner(world.pool, world.partner.id, limit=1, offset=2) == [oldest]
    other = await world.another_partner("other")
    assert await every(other) == []


async def test_a_blocked_user_is_credited_too(world: World, deployment: Deployment, alice: int) -> None:
    to = await address(world, deployment, alice)
    async with db.transaction(world.pool) as tx:
        await users.block(tx, world.partner.id, "alice")
    await simulated(deployment).receive(to, QUARTER)
    await watched(deployment, 2)
    assert (await every(world))[0].state == "credited"


# Reorgs


async def test_a_reorg_after_the_credit_is_the_operators_loss(world: World, deployment: Deployment, alice: int) -> None:
    """The user keeps it; found again it is reversed; lost once more it is booked once more."""
    await simulated(deployment).receive(await address(world, deployment, alice), QUARTER)
    await watched(deployment, 2)
    expected = [("lost", -QUARTER, 0), ("credited", 0, -QUARTER), ("lost", -QUARTER, 0), ("credited", 0, -QUARTER)]
    for number, (state, loss, wallet) in enumerate(expected):
        if number % 2 == 0:
            await simulated(deployment).reorg(3)
            await watched(deployment)
        else:
            await watched(deployment, 1)
            assert (await every(world))[0].state == "lost"
            await watched(deployment, 1)
        (one,) = await every(world)
        found = (one.state, await booked(world, Account.REORG_LOSSES), await booked(world, Account.BITCOIN_WALLET))
        assert found == (state, loss, wallet)
        assert await spendable(world, alice) == QUARTER
    await watched(deployment)
    assert await world.pool.fetchval("SELECT count(*) FROM transfer WHERE kind = 'deposit'") == 5


async def test_a_lost_deposit_is_told_until_it_is_found(world: World, deployment: Deployment, alice: int) -> None:
    """By every run, and it keeps nobody from being paid."""
    await simulated(deployment).receive(await address(world, deployment, alice), QUARTER)
    await watched(deployment, 2)
    assert await watch.everything(deployment) == []
    await simulated(deployment).reorg(3)
    (one,) = await every(world)
    lost = Finding("DEPOSIT_LOST", f"a reorg took deposit {one.id}, 0.25 BTC")
    for _ in range(2):
        assert await watch.everything(deployment) == [lost]
    await policy(world, 0)
    await asked(world, alice, "0.2", speed="fast")
    done = await run_later(world, deployment, FAST)
    assert (done.findings, len(done.batches)) == ([lost], 1)
    await watched(deployment, 2)
    assert await watch.everything(deployment) == []


async def test_a_reorg_before_the_credit_costs_nobody(world: World, deployment: Deployment, alice: int) -> None:
    await simulated(deployment).receive(await address(world, deployment, alice), QUARTER)
    await watched(deployment, 1)
    await simulated(deployment).reorg(1, drop=True)
    await watched(deployment, 1)
    (one,) = await every(world)
    assert (one.state, one.confirmations) == ("pending", 0)
    assert await booked(world, Account.REORG_LOSSES) == 0


async def test_a_deposit_that_was_double_spent(world: World, alice: int) -> None:
    """On a real node: conflicted, and gone only at final depth; mined after all it is credited, once."""
    with running() as node:
        async with deployed_on(world.pool, node, coins=0) as deployment:
            to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice)
            node.pay(to, each_btc=QUARTER)
            await watch.everything(deployment)
            assert (await every(world))[0].confirmations == 1
            block = node.tip()
            (one,) = await every(world)
            raw = node.rpc("getrawtransaction", one.txid, 1)
            node.rpc("invalidateblock", block)
            spent = {"txid": raw["vin"][0]["txid"], "vout": raw["vin"][0]["vout"]}
            value = node.rpc("gettxout", spent["txid"], spent["vout"], False)["value"]
            other = node.rpc("createrawtransaction", [spent], {node.rpc("getnewaddress", wallet="miner"): value - 1})
            signed = node.rpc("signrawtransactionwithwallet", other, wallet="miner")["hex"]
            rival = node.rpc("generateblock", "raw(51)", [signed])["hash"]
            node.mine(4)
            await watch.everything(deployment)
            assert (await every(world))[0].state == "pending"
            node.mine(1)
            await watch.everything(deployment)
            assert (await every(world))[0].state == "gone"
            node.rpc("invalidateblock", rival)
            assert await watch.everything(deployment) == []
            assert (await every(world))[0].state == "gone"
            node.rpc("generateblock", "raw(51)", [raw["hex"]])
            await watch.everything(deployment)
            assert [(each.state, each.confirmations) for each in await every(world)] == [("pending", 1)]
            assert await spendable(world, alice) == 0
            node.mine(1)
            for _ in range(2):
                await watch.everything(deployment)
                assert [(each.state, each.confirmations) for each in await every(world)] == [("credited", 2)]
    assert await spendable(world, alice) == QUARTER
    await check_books(world)


async def test_a_deposit_on_a_real_node(world: World, alice: int, bitcoin_node: Node) -> None:
    async with deployed_on(world.pool, bitcoin_node, coins=0) as deployment:
        to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice)
        other = bitcoin_node.rpc("getnewaddress", wallet=deployment.chain._node.wallet)  # type: ignore[attr-defined]
        assert other != to
        bitcoin_node.pay(to, other, each_btc=QUARTER)
        await watch.everything(deployment)
        assert [each.state for each in await every(world)] == ["pending"]
        bitcoin_node.mine(1)
        await watch.everything(deployment)
        assert [(each.state, each.amount_btc) for each in await every(world)] == [("credited", QUARTER)]


async def test_a_block_that_pays_a_user(world: World, alice: int) -> None:
    """A coinbase cannot be spent before it is a hundred blocks deep, so nobody is credited before."""
    with running() as node:
        async with deployed_on(world.pool, node, coins=0) as deployment:
            to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice)
            node.mine(1, to)
            seen = []
            for blocks in (0, 1, 98, 1):
                if blocks:
                    node.rpc("generatetodescriptor", blocks, "raw(51)")
                assert await watch.everything(deployment) == []
                (one,) = await every(world)
                seen.append((one.state, one.confirmations, await spendable(world, alice)))
    assert seen == [
        ("pending", 1, Decimal(0)),
        ("pending", 2, Decimal(0)),
        ("pending", 100, Decimal(0)),
        ("credited", 101, Decimal(50)),
    ]
    await check_books(world)


# Over HTTP


async def test_what_the_api_tells(world: World, dsn: str) -> None:
    async with open_api(world, dsn) as api:
        user = await api.user("alice")
        first = answered(await api.server.call("s2s_deposit_address", partnerUserId="alice"))
        assert first == answered(await user.call("c2s_deposit_address"))
        assert first["simulated"] is True
        deposit = {"address": first["address"], "amount": QUARTER}
        shown = answered(await api.server.call("sandbox_chain", deposit=deposit, blocks=1))
        assert (shown["simulated"], shown["scenario"], shown["height"], shown["mempool"]) == (True, "confirm", 1, [])
        answered(await api.server.call("sandbox_advance", seconds=600))
        (one,) = answered(await api.server.call("s2s_deposits", partnerUserId="alice"))["array"]
        assert (one["state"], one["amount"], one["confirmations"], one["simulated"]) == ("credited", QUARTER, 2, True)
        assert answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"][0][
            "valueNumericAtSyncDate"
        ]
        for scenario in ("stuck", "evicted", "reorg", "double_spend", "confirm"):
            assert answered(await api.server.call("sandbox_chain", scenario=scenario))["scenario"] == scenario
        await _refusals(api)


async def _refusals(api: Api) -> None:
    dust = {"address": ADDRESSES[0], "amount": Decimal("0.00000293")}
    details = check_refused(
        await api.server.call("sandbox_chain", deposit=dust), 400, "AMOUNT_TOO_SMALL", "deposit.amount"
    )
    assert details["minimum"] == Decimal("0.00000294")
    bad = {"address": "nowhere", "amount": 1}
    check_refused(await api.server.call("sandbox_chain", deposit=bad), 400, "ADDRESS_INVALID", "deposit.address")
    response = await api.server.call("s2s_deposit_address", partnerUserId="nobody")
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


async def test_a_sandbox_with_a_node(world: World, dsn: str, bitcoin_node: Node) -> None:
    """Nobody tells a real chain what to do; without any chain there are no deposits."""
    node = {"bitcoin_rpc_url": bitcoin_node.url, "bitcoin_rpc_cookie": str(bitcoin_node.cookie)}
    async with open_api(world, dsn, **node) as api:
        check_refused(await api.server.call("sandbox_chain", blocks=1), 409, "CHAIN_IS_REAL")
    async with open_api(world, dsn, mode="production") as api:
        await api.user("alice")
        response = await api.server.call("s2s_deposit_address", partnerUserId="alice")
        check_refused(response, 503, "DEPOSITS_NOT_AVAILABLE")


# What an older copy of the books has forgotten


async def test_the_wallet_remembers_whose_an_address_is(
    world: World, deployment: Deployment, alice: int, bitcoin_node: Node
) -> None:
    """The user gets their address back, and what arrived meanwhile is theirs; a stranger's label raises an alarm."""
    async with deployed_on(world.pool, bitcoin_node, coins=0) as real:
        to = await address(world, real, alice)
        nobody = await real.chain.address_for(f"partner-{uuid.UUID(int=7)}/{alice}")
        bitcoin_node.pay(to, nobody, each_btc=QUARTER)
        await world.pool.execute("DELETE FROM deposit_address")
        assert [each.code for each in await watch.everything(real)] == ["DEPOSIT_OF_NOBODY"]
        assert [(each.address, each.user_id, each.state) for each in await every(world)] == [(to, alice, "pending")]
        assert await address(world, real, alice) == to
        bitcoin_node.mine(1)
        await watch.everything(real)
        assert await spendable(world, alice) == QUARTER
        report = await reconciliation.reconcile(world.pool, real.chain)
        assert [line.amount_btc for line in report.wallet][:3] == [2 * QUARTER, 0, 2 * QUARTER]
        assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)


async def test_a_user_number_that_is_given_again(
    server: str, dsn: str, world: World, alice: int, bitcoin_node: Node
) -> None:
    """An older copy does not know bob, and gives the next user bob's number: address and money stay bob's."""
    async with deployed_on(world.pool, bitcoin_node, coins=0) as real, copied(server, dsn, world, real) as copies:
        bob = await copies.now.user("bob")
        bobs = await address(copies.now, copies.deployment, bob.id)
        bitcoin_node.pay(bobs, each_btc=QUARTER)
        mallory = await copies.older.user("mallory")
        assert mallory.id == bob.id
        assert await address(copies.older, copies.restored, mallory.id) != bobs
        assert [each.code for each in await watch.everything(copies.restored)] == ["DEPOSIT_OF_NOBODY"]
        assert await every(copies.older) == []
        bitcoin_node.mine(2 * DEPTH)
        assert [each.code for each in await watch.everything(copies.restored)] == ["DEPOSIT_OF_NOBODY"]
        again = await copies.older.user("bob")
        assert await address(copies.older, copies.restored, again.id) == bobs
        # However deep it lies: it is told until it is somebody's.
        await watch.everything(copies.restored)
        assert [(each.user_id, each.state) for each in await every(copies.older)] == [(again.id, "credited")]
        assert [await spendable(copies.older, each.id) for each in (mallory, again)] == [0, QUARTER]


async def test_a_wallet_that_begins_again(world: World, alice: int, bitcoin_node: Node) -> None:
    """Made anew with the same keys it hands out addresses that others have: each keeps their own, with its label."""
    keys = "\n".join(f"wpkh({TPRV}/84h/1h/31h/{side}/*)" for side in (0, 1))
    signer = KeySigner(keys, "regtest")
    chains = []
    for name in (uuid.uuid4().hex, uuid.uuid4().hex):
        async with bitcoin_node.open(name) as btc:
            await btc.open_wallet(watch_only=True)
            await btc.import_descriptors(*signer.descriptors())
        chains.append(node_chain(bitcoin_node, name, signer))
    first, anew = (deployed(world.pool, settings(), chain) for chain in chains)
    ids = [alice, *[(await world.user(name)).id for name in ("bob", "carol", "dave")]]
    old = [await address(world, first, each) for each in ids[:2]]
    new = await asyncio.gather(*(address(world, anew, each) for each in ids))
    assert new[:2] == old
    assert len(set(new)) == 4
    wallet = wallet_of(anew)
    for name, to in zip(("alice", "bob", "carol", "dave"), new, strict=True):
        label = f"{world.partner.public_id}/{name}"
        assert list(bitcoin_node.rpc("getaddressesbylabel", label, wallet=wallet)) == [to]
    bitcoin_node.pay(*new, each_btc=QUARTER)
    # Together a block brings one bitcoin, so it has to be three deep.
    bitcoin_node.mine(2)
    await watch.everything(anew)
    assert {(each.user_id, each.address) for each in await every(world)} == set(zip(ids, new, strict=True))
    assert [await spendable(world, each) for each in ids] == [QUARTER] * 4
    for chain in chains:
        await chain.close()
