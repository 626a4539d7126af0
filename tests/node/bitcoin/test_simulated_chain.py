"""The simulated chain: each scenario, and one table of calls that it answers like a real node does."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Protocol

import pytest

from hashrail.bitcoin.addresses import from_script
from hashrail.bitcoin.chain import Chain, Payment
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.opening import open_for
from hashrail.bitcoin.records import Accepted, AlreadyKnown, FeeTerms, Refused
from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.bitcoin.signer import Signed, SigningRefusedError
from hashrail.bitcoin.simulated_chain import MAX_BTC, SandboxChain, Scenario
from hashrail.settings import Settings
from tests.support.bitcoin_node import Node, running
from tests.support.books import advance
from tests.support.paying import node_chain
from tests.support.world import World

FEES = FeeTerms(Decimal(10), Decimal(1), Decimal(200))
BUDGET = Decimal("0.01")
TEN_MINUTES = dt.timedelta(minutes=10)
STRANGER = from_script(b"\x00\x14" + b"\xff" * 20, "regtest")


@pytest.fixture
def chain(world: World) -> SandboxChain:
    return SandboxChain(world.pool, fees=FEES, network="regtest")


async def pay(chain: Chain, rate: str = "10", amount_btc: str = "1", coin: int = 0) -> Signed:
    """A signed payment of one coin, not sent yet."""
    coins = await chain.coins()
    return await chain.sign(Payment([coins[coin]], {STRANGER: Decimal(amount_btc)}, Decimal(rate), BUDGET))


async def sent(chain: Chain, rate: str = "10") -> Signed:
    signed = await pay(chain, rate)
    assert await chain.broadcast(signed.raw) == Accepted(signed.txid)
    return signed


async def told(chain: Chain, txid: str) -> tuple[str, int]:
    state = await chain.transaction(txid)
    return state.state, state.confirmations


# The same calls against both: what follows from them must be the same


class Hand(Protocol):
    """What the world does to a chain."""

    @property
    def chain(self) -> Chain: ...
    async def mine(self, blocks: int) -> None: ...
    async def reorg(self, depth: int) -> None: ...
    async def steal(self, signed: Signed) -> str: ...


class SandboxHand:
    def __init__(self, chain: SandboxChain) -> None:
        self.chain = chain

    async def mine(self, blocks: int) -> None:
        await self.chain.mine(blocks)

    async def reorg(self, depth: int) -> None:
        await self.chain.reorg(depth)

    async def steal(self, signed: Signed) -> str:
        return await self.chain.double_spend(signed.txid)


class NodeHand:
    def __init__(self, chain: NodeChain, node: Node, wallet: str) -> None:
        self.chain = chain
        self.node = node
        self.wallet = wallet

    async def mine(self, blocks: int) -> None:
        self.node.mine(blocks)

    async def reorg(self, depth: int) -> None:
        height = self.node.rpc("getblockcount")
        self.node.rpc("invalidateblock", self.node.rpc("getblockhash", height - depth + 1))

    async def steal(self, signed: Signed) -> str:
        """A block with a payment of the same coin to somebody else."""
        (spent,) = (await self.chain.decode(signed.raw)).inputs
        psbt = self.node.rpc(
            "walletcreatefundedpsbt",
            [{"txid": spent.txid, "vout": spent.vout}],
            [{STRANGER: Decimal("0.9")}],
            0,
            {"fee_rate": 50},
            wallet=self.wallet,
        )
        done = self.node.rpc("walletprocesspsbt", psbt["psbt"], wallet=self.wallet)
        raw = self.node.rpc("finalizepsbt", done["psbt"])["hex"]
        self.node.rpc("generateblock", "raw(51)", [raw])
        return str(self.node.rpc("decoderawtransaction", raw)["txid"])


@pytest.fixture(params=["sandbox", "node"])
async def hand(request: pytest.FixtureRequest, chain: SandboxChain) -> AsyncIterator[Hand]:
    if request.param == "sandbox":
        yield SandboxHand(chain)
        return
    with running() as alone:
        wallet = alone.wallet(uuid.uuid4().hex, coins=4, each_btc=Decimal(5))
        made = node_chain(alone, wallet)
        yield NodeHand(made, alone, wallet)
        await made.close()


async def test_the_life_of_a_payment(hand: Hand) -> None:
    """Sent twice, replaced by what pays enough, mined, taken back by a reorg and mined again."""
    chain = hand.chain
    assert await told(chain, "00" * 32) == ("unknown", 0)
    first = await pay(chain)
    assert (await chain.acceptance(first.raw)).allowed
    assert await told(chain, first.txid) == ("unknown", 0)
    assert [await chain.broadcast(first.raw) for _ in range(2)] == [Accepted(first.txid)] * 2
    assert await told(chain, first.txid) == ("mempool", 0)
    assert not (await chain.acceptance(first.raw)).allowed
    spent = (await chain.decode(first.raw)).inputs
    assert set(spent).isdisjoint(coin.outpoint for coin in await chain.coins())
    (amount,) = [out.amount_btc for out in (await chain.decode(first.raw)).outputs if out.address == STRANGER]
    assert amount == 1
    assert await chain.raw_transaction(first.txid) == first.raw
    await hand.mine(1)
    assert await told(chain, first.txid) == ("confirmed", 1)
    assert await chain.broadcast(first.raw) == AlreadyKnown(first.txid)
    await hand.mine(2)
    state = await chain.transaction(first.txid)
    assert (state.confirmations, len(state.block_hash or "")) == (3, 64)
    before = await chain.tip()
    await hand.reorg(3)
    assert await told(chain, first.txid) == ("mempool", 0)
    await hand.mine(4)
    assert (await told(chain, first.txid))[0] == "confirmed"
    assert (await chain.tip()).block_hash != before.block_hash


async def test_replacing(hand: Hand) -> None:
    """Too little more is refused; enough replaces, and the replaced one is absent."""
    chain = hand.chain
    coin = (await chain.coins())[0]
    versions = [
        await chain.sign(Payment([coin], {STRANGER: Decimal(1)}, Decimal(rate), BUDGET))
        for rate in ("10", "10.05", "20")
    ]
    assert await chain.broadcast(versions[0].raw) == Accepted(versions[0].txid)
    refused = await chain.broadcast(versions[1].raw)
    assert isinstance(refused, Refused)
    assert (refused.rpc_code, "insufficient fee" in refused.reason) == (-26, True)
    assert not (await chain.acceptance(versions[1].raw)).allowed
    assert (await chain.acceptance(versions[2].raw)).allowed
    assert await chain.broadcast(versions[2].raw) == Accepted(versions[2].txid)
    assert await told(chain, versions[0].txid) == ("absent", 0)
    assert isinstance(await chain.broadcast(versions[0].raw), Refused)
    await hand.mine(3)
    assert await told(chain, versions[2].txid) == ("confirmed", 3)
    assert await told(chain, versions[0].txid) == ("conflicted", -3)


async def test_a_double_spend(hand: Hand) -> None:
    """The chain has another spend: what was sent is conflicted, as deep as that is, and the wallet tells the other."""
    chain = hand.chain
    signed = await sent(chain)
    foreign = await hand.steal(signed)
    await hand.mine(2)
    assert await told(chain, signed.txid) == ("conflicted", -3)
    assert isinstance(await chain.broadcast(signed.raw), Refused)
    history = await chain.history(None, 1)
    assert foreign in {entry.txid for entry in history.entries if entry.category == "send"}
    raw = await chain.raw_transaction(foreign)
    assert raw is not None
    assert (await chain.decode(raw)).inputs == (await chain.decode(signed.raw)).inputs


async def test_the_history(hand: Hand) -> None:
    """What was mined after the cursor, and what waits; the cursor lies as deep as was asked."""
    chain = hand.chain
    signed = await sent(chain)
    start = await chain.history(None, 1)
    await hand.mine(1)
    fresh = await chain.history(start.last_block, 3)
    assert {entry.txid for entry in fresh.entries if entry.category == "send"} == {signed.txid}
    assert all(entry.amount_btc < 0 for entry in fresh.entries if entry.category == "send")
    await hand.mine(2)
    again = await chain.history(fresh.last_block, 1)
    assert {entry.confirmations for entry in again.entries if entry.txid == signed.txid} == {3}
    assert signed.txid not in {entry.txid for entry in (await chain.history(again.last_block, 1)).entries}


async def test_coins_that_do_not_suffice(hand: Hand) -> None:
    with pytest.raises(NodeRefusedError):
        await pay(hand.chain, amount_btc="5")
    with pytest.raises(SigningRefusedError):
        await hand.chain.sign(
            Payment([(await hand.chain.coins())[0]], {STRANGER: Decimal(1)}, Decimal(10), Decimal("0.00000100"))
        )


async def test_addresses_and_change(hand: Hand) -> None:
    chain = hand.chain
    first, second = await chain.address_for("alice"), await chain.address_for("bob")
    assert first != second
    assert await chain.address_for("alice") == first
    assert await chain.refused({first, STRANGER}) == set()
    before = sum(coin.amount_btc for coin in await chain.coins())
    signed = await sent(chain)
    await hand.mine(1)
    assert sum(coin.amount_btc for coin in await chain.coins()) == before - 1 - signed.fee_btc
    assert (await chain.findings(), (await chain.fee_rate(3)).sat_per_vb) == ([], 10)


# The clock and the scenarios


async def test_blocks_come_by_the_business_clock(world: World, chain: SandboxChain) -> None:
    """One every ten minutes, a year of them in no time."""
    assert (await chain.tip()).height == 0
    signed = await sent(chain)
    await advance(world, TEN_MINUTES - dt.timedelta(seconds=30))
    assert await told(chain, signed.txid) == ("mempool", 0)
    await advance(world, dt.timedelta(seconds=30))
    assert await told(chain, signed.txid) == ("confirmed", 1)
    await advance(world, dt.timedelta(days=365))
    assert await told(chain, signed.txid) == ("confirmed", 1 + 365 * 144)
    assert await chain.mine(5) == 6 + 365 * 144


async def play(world: World, chain: SandboxChain, scenario: Scenario) -> Signed:
    await chain.play(scenario)
    assert await chain.scenario() == scenario
    return await sent(chain)


async def test_stuck_until_it_pays_more(world: World, chain: SandboxChain) -> None:
    coin = (await chain.coins())[0]
    first = await play(world, chain, "stuck")
    await advance(world, TEN_MINUTES * 100)
    assert await told(chain, first.txid) == ("mempool", 0)
    second = await chain.sign(Payment([coin], {STRANGER: Decimal(1)}, Decimal(20), BUDGET))
    assert await chain.broadcast(second.raw) == Accepted(second.txid)
    await advance(world, TEN_MINUTES)
    assert await told(chain, second.txid) == ("confirmed", 1)


async def test_evicted_once(world: World, chain: SandboxChain) -> None:
    signed = await play(world, chain, "evicted")
    await advance(world, TEN_MINUTES)
    assert await told(chain, signed.txid) == ("absent", 0)
    assert await chain.mempool() == []
    assert await chain.broadcast(signed.raw) == Accepted(signed.txid)
    assert await chain.mempool() == [(signed.txid, signed.fee_btc)]
    await advance(world, TEN_MINUTES)
    assert await told(chain, signed.txid) == ("confirmed", 1)


async def test_a_reorg_once(world: World, chain: SandboxChain) -> None:
    signed = await play(world, chain, "reorg")
    await advance(world, 3 * TEN_MINUTES)
    block = (await chain.transaction(signed.txid)).block_hash
    seen = [await told(chain, signed.txid)]
    for _ in range(4):
        await advance(world, TEN_MINUTES)
        seen.append(await told(chain, signed.txid))
    assert [state for state, _ in seen].count("mempool") <= 1
    assert seen[-1][0] == "confirmed"
    assert await world.pool.fetchval("SELECT count(*) FROM sandbox_reorg") == 1
    assert (await chain.transaction(signed.txid)).block_hash != block or seen[0][0] == "mempool"


async def test_a_double_spend_by_the_clock(world: World, chain: SandboxChain) -> None:
    signed = await play(world, chain, "double_spend")
    await advance(world, 6 * TEN_MINUTES)
    assert await told(chain, signed.txid) == ("conflicted", -6)


async def test_what_depends_on_it_is_lost_with_it(chain: SandboxChain) -> None:
    """A payment out of change: evicted with its parent, conflicted with its parent."""
    first = await sent(chain)
    await chain.mine(1)
    change = next(coin for coin in await chain.coins() if coin.txid == first.txid)
    child = await chain.sign(Payment([change], {STRANGER: Decimal(1)}, Decimal(10), BUDGET))
    assert await chain.broadcast(child.raw) == Accepted(child.txid)
    await chain.reorg(1, drop=True)
    assert [await told(chain, each.txid) for each in (first, child)] == [("absent", 0)] * 2
    assert isinstance(await chain.broadcast(child.raw), Refused)
    assert await chain.broadcast(first.raw) == Accepted(first.txid)
    assert await chain.broadcast(child.raw) == Accepted(child.txid)
    await chain.evict(first.txid)
    await chain.double_spend(first.txid)
    await chain.mine(3)
    assert [await told(chain, each.txid) for each in (first, child)] == [("conflicted", -4)] * 2


async def test_somebody_pays_us(chain: SandboxChain) -> None:
    address = await chain.new_address()
    txid = await chain.receive(address, Decimal("0.25"))
    (entry,) = [each for each in (await chain.history(None, 1)).entries if each.txid == txid]
    assert (entry.category, entry.address, entry.amount_btc, entry.confirmations) == (
        "receive",
        address,
        Decimal("0.25"),
        0,
    )
    assert txid not in {coin.txid for coin in await chain.coins()}
    await chain.mine(1)
    assert Decimal("0.25") in {coin.amount_btc for coin in await chain.coins()}
    stranger = await chain.receive(STRANGER, Decimal("0.25"))
    assert stranger not in {each.txid for each in (await chain.history(None, 1)).entries}


async def test_nobody_pays_more_than_there_is(chain: SandboxChain) -> None:
    for amount in (MAX_BTC + Decimal("0.00000001"), Decimal(0), Decimal(-1)):
        with pytest.raises(AssertionError, match="nobody pays more than there is"):
            await chain.receive(STRANGER, amount)
    await chain.receive(STRANGER, MAX_BTC)
    assert len(await chain.mempool()) == 1


async def test_it_says_that_it_is_simulated(chain: SandboxChain) -> None:
    signed = await pay(chain)
    assert b'"simulated":true' in bytes.fromhex(signed.raw)
    assert chain.simulated
    assert not NodeChain.simulated


async def test_a_cursor_of_blocks_that_are_gone(chain: SandboxChain) -> None:
    """After a reorg everything since the fork is told again."""
    await chain.mine(5)
    signed = await sent(chain)
    await chain.mine(1)
    cursor = (await chain.history(None, 1)).last_block
    assert (await chain.history(cursor, 1)).entries == ()
    await chain.reorg(2)
    await chain.mine(3)
    assert signed.txid in {each.txid for each in (await chain.history(cursor, 1)).entries}


# Which chain a deployment has


async def test_the_chain_of_a_deployment(world: World, bitcoin_node: Node) -> None:
    def settings(**changes: object) -> Settings:
        return Settings.model_validate(changes)

    assert open_for(world.pool, settings(), "none", signs=True) is None
    assert isinstance(open_for(world.pool, settings(mode="sandbox"), "simulated", signs=True), SandboxChain)
    url = {"bitcoin_rpc_url": bitcoin_node.url, "bitcoin_rpc_cookie": bitcoin_node.cookie}
    for mode in ("sandbox", "production"):
        made = open_for(world.pool, settings(mode=mode, **url), "node", signs=False)
        assert isinstance(made, NodeChain)
        await made.close()
