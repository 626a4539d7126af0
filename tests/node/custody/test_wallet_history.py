"""Reading the wallet's history: what a wallet finds late is believed, and read anew only when it has to be."""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.signer import KeySigner
from hashrail.books.chart import Account
from hashrail.custody import deposit_addresses, deposits, wallet_history
from hashrail.custody.withdrawals import Withdrawal
from hashrail.deployment.opened import Deployment
from hashrail.payouts import batches, fee_bumps, processor
from hashrail.payouts.run_report import Run
from tests.support import bitcoin_node
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node, proxy, running
from tests.support.books import booked
from tests.support.copies import copied
from tests.support.deployments import deployed
from tests.support.keys import TPRV
from tests.support.paying import (
    DEPTH,
    Asker,
    another_wallet,
    deployed_on,
    interrupted,
    node_chain,
    received,
    run_later,
    settings,
    txids,
    wallet_of,
)
from tests.support.payouts import spendable
from tests.support.world import World

QUARTER = Decimal("0.25")
THREE_HOURS = 3 * 3600
# Keys of each test's own.
ACCOUNTS = itertools.count(2100)
SCANNING = '{"walletname":"w","private_keys_enabled":true,"txcount":9,"scanning":{"duration":7,"progress":0.25}}'


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Its clock is moved, so it is nobody else's."""
    with running() as own:
        yield own


def codes(done: Run) -> list[str]:
    return [each.code for each in done.findings]


# A wallet that is made anew


class Wallets:
    """Wallets of the same keys: they stand in the wallet itself, or beside the program, and the wallet watches."""

    def __init__(self, node: Node, *, watching: bool) -> None:
        self.node = node
        account = next(ACCOUNTS)
        self.keys = [f"wpkh({TPRV}/84h/1h/{account}h/{side}/*)" for side in (0, 1)]
        self.signer = KeySigner("\n".join(self.keys), "regtest") if watching else None

    def look(self, name: str, since: int | str) -> None:
        """Let a wallet look through the chain from then on; "now" is two hours before the newest blocks."""
        texts = self.keys if self.signer is None else self.signer.descriptors()
        for text, internal in zip(texts, (False, True), strict=True):
            desc = f"{text.split('#')[0]}#{self.node.rpc('getdescriptorinfo', text)['checksum']}"
            facts = {"active": True, "internal": internal, "range": [0, 99], "timestamp": since}
            (answer,) = self.node.rpc("importdescriptors", [{"desc": desc, **facts}], wallet=name)
            assert answer["success"], answer

    def make(self, name: str) -> NodeChain:
        """A new wallet, which knows nothing of what was before it."""
        self.node.rpc("createwallet", name, self.signer is not None, True)
        self.look(name, "now")
        return node_chain(self.node, name, self.signer)

    def spends(self, name: str) -> list[str]:
        """What the wallet knows to have spent its coins."""
        entries = self.node.rpc("listtransactions", "*", 100, 0, True, wallet=name)
        return sorted({each["txid"] for each in entries if each["category"] == "send"})


def let_time_pass(node: Node) -> None:
    """Three hours, and more blocks than their median needs, so that a new wallet does not look behind them."""
    tip = node.rpc("getblockheader", node.tip())
    node.rpc("setmocktime", tip["time"] + THREE_HOURS)
    node.mine(11)


@dataclass
class Late:
    """An older copy of the books and a wallet made anew, below whose cursor lie a payment and a deposit of bob's."""

    world: World
    deployment: Deployment
    wallets: Wallets
    made: Withdrawal
    txid: str
    bob_id: int
    to: str

    def look_back(self) -> None:
        """The wallet finds everything."""
        self.wallets.look(wallet_of(self.deployment), 0)
        assert self.wallets.spends(wallet_of(self.deployment)) == [self.txid]

    def check_paid_once(self) -> None:
        """The payment that the copy has forgotten is the only one."""
        self.wallets.node.mine(1)
        assert received(self.wallets.node, [self.made.address]) == {self.made.address: self.made.amount_btc}


@asynccontextmanager
async def late(server: str, dsn: str, world: World, alice: Asker, *, watching: bool) -> AsyncIterator[Late]:
    """The new wallet was adopted, and runs have seen it, empty; what lies back it has not looked at yet."""
    node, wallets = alice.node, Wallets(alice.node, watching=watching)
    first, fresh = uuid.uuid4().hex, uuid.uuid4().hex
    bob = await world.user("bob")
    async with AsyncExitStack() as ends:
        chain = wallets.make(first)
        ends.push_async_callback(chain.close)
        deployment = deployed(world.pool, settings(), chain)
        node.pay(*[node.rpc("getnewaddress", wallet=first) for _ in range(2)])
        to = await deposit_addresses.of_user(world.pool, chain, world.partner.id, bob.id)
        made = await alice.asks("0.01")
        await processor.run(deployment)
        copies = await ends.enter_async_context(copied(server, dsn, world, deployment))
        (batch_id,) = (await run_later(copies.now, copies.deployment)).batches
        (txid,) = await txids(copies.deployment, batch_id)
        node.pay(to, each_btc=QUARTER)
        let_time_pass(node)
        anew = wallets.make(fresh)
        ends.push_async_callback(anew.close)
        restored = replace(copies.restored, node=anew)
        assert wallets.spends(fresh) == []
        assert codes(await run_later(copies.older, restored)) == ["WALLET_IS_ANOTHER"]
        await another_wallet(copies.older.pool)
        for _ in range(2):
            assert codes(await run_later(copies.older, restored)) == ["BITCOIN_WALLET_SHORT"]
        yield Late(copies.older, restored, wallets, made, txid, bob.id, to)


@pytest.mark.parametrize("watching", [True, False], ids=["watches", "has the keys"])
async def test_an_old_spend_is_found_late(server: str, dsn: str, world: World, alice: Asker, watching: bool) -> None:
    """Below the cursor, and found all the same: nothing is paid twice, and the deposit is credited once."""
    async with late(server, dsn, world, alice, watching=watching) as found:
        found.look_back()
        assert len(await found.deployment.chain.coins()) > 0
        for _ in range(3):
            done = await run_later(found.world, found.deployment)
            assert [(each.code, found.txid in each.message) for each in done.findings] == [("FOREIGN_SPEND", True)]
            assert done.batches == []
        found.check_paid_once()
        (one,) = await deposits.of_partner(found.world.pool, world.partner.id, limit=9)
        assert (one.user_id, one.address, one.amount_btc, one.state) == (found.bob_id, found.to, QUARTER, "credited")
        assert await spendable(found.world, found.bob_id) == QUARTER
        await check_books(found.world)


async def test_an_old_spend_is_found_in_the_middle_of_a_run(server: str, dsn: str, world: World, alice: Asker) -> None:
    """The run has read the history already, and then sees coins of which it does not know what became of others."""
    async with late(server, dsn, world, alice, watching=False) as found:

        async def look_back() -> None:
            found.look_back()

        deployment, chain = interrupted(found.deployment, "coins", "before", look_back)
        await run_later(found.world, deployment)
        assert chain.happened
        assert codes(await run_later(found.world, found.deployment)) == ["FOREIGN_SPEND"]
        found.check_paid_once()


async def test_a_wallet_that_looks_back_stops_everything(world: World, node: Node, alice: Asker) -> None:
    """Coins of old blocks are told before what has spent them: nothing is even read until it is through."""
    async with deployed_on(world.pool, node) as real, proxy(node) as before:
        chain = node_chain(node, wallet_of(real), url=before.url)
        deployment = replace(real, node=chain)
        made = await alice.asks()
        before.instead["getwalletinfo"] = SCANNING
        for _ in range(2):
            done = await run_later(world, deployment)
            assert (codes(done), done.batches) == (["WALLET_SCANNING"], [])
        assert "listsinceblock" not in before.asked
        assert await world.pool.fetchval("SELECT scanned_at FROM payout_scan") is None
        assert (await alice.got(made.id)).state == "queued"
        del before.instead["getwalletinfo"]
        assert len((await processor.run(deployment)).batches) == 1
        await chain.close()


# How much is read


def asked_since(deployment: Deployment) -> list[str | None]:
    """From which blocks on the wallet's history is asked for, from now on."""
    asked: list[str | None] = []
    tell = deployment.chain.history

    async def history(since: str | None, depth: int) -> object:
        asked.append(since)
        return await tell(since, depth)

    deployment.chain.history = history  # type: ignore[method-assign,assignment]
    return asked


async def cursor(world: World) -> str:
    return str(await world.pool.fetchval("SELECT block_hash FROM payout_scan"))


async def test_a_history_that_grows_is_read_from_where_it_ended(world: World, node: Node, alice: Asker) -> None:
    """Payments, raised fees, deposits, blocks, a reorg and a foreign spend: each is told once, from the cursor on."""
    async with deployed_on(world.pool, node, coins=4) as deployment:
        asked = asked_since(deployment)

        async def check_increment() -> Run:
            asked.clear()
            since = await cursor(world)
            done = await run_later(world, deployment)
            # Once more before each payment is stored.
            assert asked == [since] * (1 + len(done.batches))
            return done

        await processor.run(deployment)
        assert asked == [None]
        await check_increment()
        await alice.asks()
        (batch_id,) = (await check_increment()).batches
        await fee_bumps.bump(deployment, batch_id, Decimal(40))
        await check_increment()
        to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
        node.rpc("sendtoaddress", to, QUARTER, wallet="miner")
        await check_increment()
        for blocks in (1, 3, DEPTH, 2 * DEPTH):
            node.mine(blocks)
            await check_increment()
        await alice.asks()
        await check_increment()
        (block,) = node.mine(1)
        await check_increment()
        node.rpc("invalidateblock", block)
        await check_increment()
        node.mine(2)
        await check_increment()
        node.rpc("sendtoaddress", node.rpc("getnewaddress", wallet="miner"), QUARTER, wallet=wallet_of(deployment))
        assert codes(await check_increment()) == ["FOREIGN_SPEND"]
        node.mine(3 * DEPTH)
        assert codes(await check_increment()) == ["FOREIGN_SPEND"]
        assert {each.state for each in await batches.newest(world.pool, 9)} == {"final"}


async def test_a_cursor_that_the_node_does_not_know(world: World, node: Node) -> None:
    """Another node, or one that was made anew: everything is told, and the run goes on."""
    async with deployed_on(world.pool, node) as deployment:
        await processor.run(deployment)
        node.mine(3 * DEPTH)
        await processor.run(deployment)
        entries = (await wallet_history.read_history(world.pool, deployment.chain, DEPTH)).entries
        assert entries == ()
        await world.pool.execute("UPDATE payout_scan SET block_hash = $1", "ab" * 32)
        told = await wallet_history.read_history(world.pool, deployment.chain, DEPTH)
        assert len(told.entries) == 3
        assert (await processor.run(deployment)).findings == []
        assert await cursor(world) == told.last_block


async def test_another_wallet_of_the_same_size(world: World, node: Node) -> None:
    """The name counts too: what it has may be something else."""
    async with deployed_on(world.pool, node) as first, deployed_on(world.pool, node) as second:
        node.mine(2 * DEPTH)
        for each in (first, second, first):
            await another_wallet(world.pool)
            asked = asked_since(each)
            await processor.run(each)
            assert asked[-1] is None


# A wallet that is switched


async def test_what_another_wallet_cannot_say_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node has no index, so of the old wallet's transactions it knows nothing: nothing is lost by that."""
    monkeypatch.setattr(bitcoin_node, "FLAGS", tuple(each for each in bitcoin_node.FLAGS if each != "-txindex=1"))
    with running() as node:
        assert node.rpc("getindexinfo") == {}
        alice = await Asker.create(world, node)
        async with deployed_on(world.pool, node) as deployment, deployed_on(world.pool, node) as switched:
            to = await deposit_addresses.of_user(world.pool, deployment.chain, world.partner.id, alice.user_id)
            made = await alice.asks()
            (batch_id,) = (await run_later(world, deployment)).batches
            (txid,) = await txids(deployment, batch_id)
            node.pay(to, each_btc=QUARTER)
            node.mine(2)
            await processor.run(deployment)

            async def check_unchanged() -> None:
                batch = await batches.get(world.pool, batch_id)
                assert (batch.state, batch.txid, batch.confirmations) == ("confirmed", txid, 3)
                (deposit,) = await deposits.of_partner(world.pool, world.partner.id, limit=9)
                assert (deposit.state, deposit.confirmations) == ("credited", 3)
                assert await booked(world, Account.REORG_LOSSES) == 0

            await check_unchanged()
            second = await alice.asks("0.02")
            assert codes(await run_later(world, switched, dt.timedelta(hours=2))) == ["WALLET_IS_ANOTHER"]
            await another_wallet(world.pool)
            done = await processor.run(switched)
            assert codes(done) == ["PAYMENT_UNKNOWN", "DEPOSIT_UNKNOWN"]
            assert (len(done.batches), done.bumped) == (1, [])
            await check_unchanged()
            node.mine(DEPTH)
            assert codes(await processor.run(switched)) == ["PAYMENT_UNKNOWN", "DEPOSIT_UNKNOWN"]
            await check_unchanged()
            assert (await alice.got(second.id)).state == "final"
            await another_wallet(world.pool)
            await processor.run(deployment)
            assert (await alice.got(made.id)).state == "final"
            assert received(node, [made.address]) == {made.address: made.amount_btc}
        await check_books(world)
