"""A randomised life of payouts against a model: on the simulated chain for thousands of steps, on a node for fewer.

Users ask, cancel and deposit; blocks come, reorgs take them back, payments are evicted, stuck, replaced and
double-spent; runs are cut off at a random call, or their answers are lost. The model knows who asked for what. After
every step each user holds what the model says, nobody is paid twice in what the chain has by now, and every invariant
of the books holds; in the end everybody who did not cancel was paid exactly once. The same life each time.
"""

import inspect
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, get_args

import pytest

from hashrail import db
from hashrail.audit import invariants, reconciliation
from hashrail.bitcoin.addresses import from_script
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.records import Unknown
from hashrail.bitcoin.rpc import NodeUnknownError
from hashrail.bitcoin.simulated_chain import SandboxChain, Scenario
from hashrail.books import fence
from hashrail.custody import deposit_addresses, withdrawals
from hashrail.deployment.opened import Deployment
from hashrail.payouts import fee_bumps, processor
from hashrail.payouts.batches import PayoutsPausedError, PlanOutdatedError
from hashrail.payouts.fee_bumps import FeeNotRaisedError
from hashrail.payouts.sending import PaymentNotAcceptedError
from hashrail.payouts.stops import PASSING
from tests.support.bitcoin_node import Node, RpcError, running
from tests.support.books import advance
from tests.support.deployments import deployed
from tests.support.listening import Listener
from tests.support.paying import (
    FAST,
    FEES,
    deployed_on,
    settings,
)
from tests.support.payouts import EARNED, TERMS, funded, policy, spendable
from tests.support.world import World

ODDS = {
    "ask": 20,
    "cancel": 4,
    "deposit": 4,
    "run": 30,
    "time": 10,
    "mine": 15,
    "bump": 8,
    "evict": 5,
    "reorg": 4,
    "steal": 5,
    "weather": 4,
}
# Longer where new examples are looked for.
STEPS = 2_000 if "HASHRAIL_EXAMPLES" in os.environ else 400
# Never deeper than what counts as final.
DEEPEST_REORG = 5
NOT_NOW = (*PASSING, FeeNotRaisedError, PlanOutdatedError, PaymentNotAcceptedError, PayoutsPausedError)


class CutOffError(Exception):
    """The process is gone."""


class FragileChain:
    """A chain whose calls now and then end the process, or lose the answer, as the dice say."""

    def __init__(self, chain: Chain, dice: random.Random) -> None:
        self.chain = chain
        self.dice = dice
        self.fragile = False
        self.cuts = 0

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self.chain, name)

        async def perhaps(*args: object, **kwargs: object) -> object:
            fate = self.dice.random() if self.fragile else 1
            if fate < 0.01:
                self.cut_off()
            if name == "broadcast" and fate < 0.1:
                if fate < 0.05:
                    await call(*args, **kwargs)
                return Unknown("the dice")
            if fate < 0.02:
                raise NodeUnknownError("the dice")
            answer = await call(*args, **kwargs)
            if fate < 0.03:
                self.cut_off()
            return answer

        # What answers without awaiting asks no node, so nothing of it can be lost.
        return perhaps if inspect.iscoroutinefunction(call) else call

    def cut_off(self) -> None:
        self.cuts += 1
        raise CutOffError


class Hand(Protocol):
    """What the world does to a chain, and what everybody can see of it."""

    async def address(self, dice: random.Random) -> str:
        """A customer's fresh address."""

    async def mine(self, blocks: int) -> None:
        """Blocks with everything that waits."""

    async def reorg(self, depth: int) -> None:
        """Other blocks in place of the last ones; what they held waits again."""

    async def evict(self, txid: str) -> None:
        """The mempool forgets a payment."""

    async def steal(self, txid: str) -> None:
        """A block spends a payment's first input otherwise."""

    async def weather(self, dice: random.Random) -> None:
        """What comes is of another kind."""

    async def fair_weather(self) -> None:
        """Blocks take what waits, and whoever deposited sends it again where it was forgotten."""

    async def deposit(self, address: str, amount_btc: Decimal) -> None:
        """Somebody pays one of our addresses."""

    async def waiting(self) -> list[str]:
        """Txids in the mempool."""

    async def live(self, addresses: list[str]) -> Counter[str]:
        """In how many transactions, mined or waiting, each of the customers' addresses is paid."""

    async def arrived(self, address: str) -> Decimal:
        """BTC mined for a customer's address."""


class SimulatedHand:
    """The hand on the simulated chain."""

    def __init__(self, chain: SandboxChain, pool: db.Pool) -> None:
        self.chain = chain
        self.pool = pool
        self.deposits: list[str] = []

    async def address(self, dice: random.Random) -> str:
        return from_script(b"\x00\x14\xee\xee\xee\xee" + uuid.UUID(int=dice.getrandbits(128)).bytes, "regtest")

    async def mine(self, blocks: int) -> None:
        await self.chain.mine(blocks)

    async def reorg(self, depth: int) -> None:
        await self.chain.reorg(depth)

    async def evict(self, txid: str) -> None:
        await self.chain.evict(txid)

    async def steal(self, txid: str) -> None:
        await self.chain.double_spend(txid)

    async def weather(self, dice: random.Random) -> None:
        await self.chain.play(dice.choice([each for each in get_args(Scenario) if each != "double_spend"]))

    async def fair_weather(self) -> None:
        await self.chain.play("confirm")
        for txid in self.deposits:
            raw = await self.chain.raw_transaction(txid)
            assert raw is not None
            await self.chain.broadcast(raw)

    async def deposit(self, address: str, amount_btc: Decimal) -> None:
        self.deposits.append(await self.chain.receive(address, amount_btc))

    async def waiting(self) -> list[str]:
        return [txid for txid, _ in await self.chain.mempool()]

    async def live(self, addresses: list[str]) -> Counter[str]:
        rows = await self.pool.fetch(
            """SELECT o.address, count(*) AS times FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
               WHERE t.state <> 'absent' AND o.address = ANY($1) GROUP BY o.address""",
            addresses,
        )
        return Counter({row["address"]: row["times"] for row in rows})

    async def arrived(self, address: str) -> Decimal:
        total: Decimal = await self.pool.fetchval(
            """SELECT coalesce(sum(o.amount_btc), 0) FROM sandbox_output o JOIN sandbox_transaction t USING (txid)
               WHERE t.state = 'mined' AND o.address = $1""",
            address,
        )
        return total


class NodeHand:
    """The hand on a regtest node, with the keys of its wallets."""

    def __init__(self, node: Node, wallet: str) -> None:
        self.node = node
        self.wallet = wallet
        self.deposits: list[str] = []
        node.rpc("createwallet", "customers")

    async def address(self, dice: random.Random) -> str:
        return str(self.node.rpc("getnewaddress", "", dice.choice(["bech32", "bech32m"]), wallet="customers"))

    async def mine(self, blocks: int) -> None:
        self.node.mine(blocks)

    async def reorg(self, depth: int) -> None:
        height = self.node.rpc("getblockcount")
        self.node.rpc("invalidateblock", self.node.rpc("getblockhash", height - depth + 1))
        for _ in range(depth + 1):
            self.node.rpc("generateblock", f"raw({os.urandom(8).hex()}51)", [])

    async def evict(self, txid: str) -> None:
        """A node that starts anew without its mempool has forgotten everything that waits."""
        self.node.stop()
        self.node.start("-persistmempool=0", "-walletbroadcast=0")
        for wallet in {self.wallet, "customers", "miner"} - {*self.node.rpc("listwallets")}:
            self.node.rpc("loadwallet", wallet)

    async def steal(self, txid: str) -> None:
        spent = self.node.rpc("getrawtransaction", txid, 1)["vin"][0]
        value = self.node.rpc("gettxout", spent["txid"], spent["vout"], False)["value"]
        thief = self.node.rpc("getnewaddress", wallet="miner")
        outpoint = {"txid": spent["txid"], "vout": spent["vout"]}
        raw = self.node.rpc("createrawtransaction", [outpoint], {thief: value - Decimal("0.001")})
        signed = self.node.rpc("signrawtransactionwithwallet", raw, wallet=self.wallet)["hex"]
        self.node.rpc("generateblock", f"raw({os.urandom(8).hex()}51)", [signed])

    async def weather(self, dice: random.Random) -> None:
        """Blocks without anything, so that what waits is stuck."""
        for _ in range(dice.randint(1, 3)):
            self.node.rpc("generateblock", f"raw({os.urandom(8).hex()}51)", [])

    async def fair_weather(self) -> None:
        for raw in self.deposits:
            with suppress(RpcError):
                self.node.rpc("sendrawtransaction", raw)

    async def deposit(self, address: str, amount_btc: Decimal) -> None:
        txid = self.node.rpc("sendtoaddress", address, amount_btc, wallet="miner")
        self.deposits.append(self.node.rpc("gettransaction", txid, wallet="miner")["hex"])
        self.node.rpc("sendrawtransaction", self.deposits[-1])

    async def waiting(self) -> list[str]:
        return sorted(self.node.rpc("getrawmempool"))

    async def live(self, addresses: list[str]) -> Counter[str]:
        waiting = {*self.node.rpc("getrawmempool")}
        entries = self.node.rpc("listtransactions", "*", 100_000, wallet="customers")
        return Counter(
            each["address"]
            for each in entries
            if each["address"] in addresses and (each["confirmations"] > 0 or each["txid"] in waiting)
        )

    async def arrived(self, address: str) -> Decimal:
        return Decimal(self.node.rpc("getreceivedbyaddress", address, 1, wallet="customers"))


@dataclass(frozen=True)
class Asked:
    """What a user asked for."""

    user_id: int
    address: str
    amount_btc: Decimal
    commission_btc: Decimal


@dataclass
class Life:
    """Users who ask, a deployment that pays, a chain on which things happen, and the model of it all."""

    world: World
    deployment: Deployment
    fragile: FragileChain
    hand: Hand
    users: list[int]
    dice: random.Random
    asked: dict[int, Asked] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    deposited: Counter[int] = field(default_factory=Counter)

    @classmethod
    async def begin(cls, world: World, chain: Chain, hand: Hand, seed: int) -> "Life":
        dice = random.Random(seed)
        users = [(await world.user(f"user {number}")).id for number in range(4)]
        await funded(world, *users)
        await policy(world, 0)
        fragile = FragileChain(chain, dice)
        deployment: Any = deployed(world.pool, settings(payout_bump_minutes=20), fragile)
        return cls(world, deployment, fragile, hand, users, dice)

    async def step(self) -> None:
        """Something happens."""
        happening = self.dice.choices(list(ODDS), list(ODDS.values()))[0]
        if happening in ("bump", "evict", "steal"):
            payments = await self._payments()
            if payments:
                await self._to_a_payment(happening, self.dice.choice(payments))
        elif happening in ("mine", "weather", "reorg"):
            await self._to_the_chain(happening)
        else:
            await self._by_people(happening)
        await self._acknowledge()

    async def _to_a_payment(self, happening: str, txid: str) -> None:
        match happening:
            case "bump":
                await self._fragile(fee_bumps.bump(self.deployment, await self._batch_of(txid)))
            case "evict":
                await self.hand.evict(txid)
            case "steal":
                await self.hand.steal(txid)

    async def _to_the_chain(self, happening: str) -> None:
        match happening:
            case "mine":
                await self.hand.mine(self.dice.randint(1, 2))
            case "weather":
                await self.hand.weather(self.dice)
            case "reorg":
                await self.hand.reorg(self.dice.randint(1, DEEPEST_REORG))

    async def _by_people(self, happening: str) -> None:
        match happening:
            case "ask":
                await self._ask()
            case "cancel" if self.asked:
                await self._cancel(self.dice.choice(sorted(self.asked)))
            case "deposit":
                await self._deposit()
            case "run":
                await self._fragile(processor.run(self.deployment))
            case "time":
                await advance(self.world, self.dice.choice([FAST, FAST * 3]))

    async def settle_down(self) -> None:
        """Nothing bad happens any more, and time goes on until nothing is on its way."""
        await self.hand.fair_weather()
        for _ in range(60):
            await processor.run(self.deployment)
            await self._acknowledge()
            if not await processor.wait_for_time(self.world.pool):
                return
            await advance(self.world, FAST * 3)
            await self.hand.mine(1)
        raise AssertionError("something is on its way for ever")

    async def check(self) -> None:
        """The model, the books, and nobody paid twice."""
        async with db.snapshot(self.world.pool) as tx:
            assert [finding.name async for finding in invariants.audit(tx) if finding.rows] == []
            rows = await tx.fetch("SELECT id, state FROM withdrawal")
            accounts = await tx.fetch(
                "SELECT user_id, debits_pending FROM account WHERE user_id = ANY($1) AND currency = 'BTC'", self.users
            )
        ended = {row["id"] for row in rows if row["state"] in ("final", "cancelled")}
        assert {row["id"] for row in rows if row["state"] == "cancelled"} == self.cancelled
        held: Counter[int] = Counter()
        for number, one in self.asked.items():
            if number not in ended:
                held[one.user_id] += one.amount_btc + one.commission_btc  # type: ignore[assignment]
        assert {row["user_id"]: row["debits_pending"] for row in accounts} == {each: held[each] for each in self.users}
        live = await self.hand.live([one.address for one in self.asked.values()])
        assert [address for address, times in live.items() if times > 1] == []
        assert not live.keys() & {self.asked[number].address for number in self.cancelled}

    async def check_the_end(self) -> None:
        """Everybody who did not cancel was paid once, everything that was deposited is there, and all adds up."""
        for number, one in self.asked.items():
            assert await self.hand.arrived(one.address) == (0 if number in self.cancelled else one.amount_btc)
        for user_id in self.users:
            left = sum((one.amount_btc + one.commission_btc for one in self._of(user_id, self.cancelled)), Decimal(0))
            assert await spendable(self.world, user_id) == EARNED + self.deposited[user_id] - left
        await self.reconcile()

    async def reconcile(self) -> None:
        """Wallet, chain and books: every difference is explained."""
        report = await reconciliation.reconcile(self.world.pool, self.fragile.chain)
        assert not report.alarm, report

    async def seen(self) -> dict[str, int]:
        """How often what was to be shown has happened: a life in which nothing happened shows nothing."""
        row = await self.world.pool.fetchrow(
            """SELECT (SELECT count(*) FROM payout_batch WHERE state = 'conflicted') AS given_up,
                      (SELECT count(*) FROM payout_transaction WHERE version > 1) AS bumped,
                      (SELECT count(*) FROM payout_batch WHERE state = 'final') AS final,
                      (SELECT count(*) FROM deposit WHERE state = 'credited') AS deposits"""
        )
        assert row is not None
        return {**row, "cuts": self.fragile.cuts, "cancelled": len(self.cancelled)}

    def _of(self, user_id: int, without: set[int]) -> list[Asked]:
        return [one for number, one in self.asked.items() if one.user_id == user_id and number not in without]

    async def _ask(self) -> None:
        user_id, address = self.dice.choice(self.users), await self.hand.address(self.dice)
        amount = Decimal(self.dice.randint(5_000, 100_000)).scaleb(-8)
        speed: withdrawals.Speed = self.dice.choices(["fast", "daily"], [4, 1])[0]  # type: ignore[assignment]
        async with db.transaction(self.world.pool) as tx:
            books = await fence.share(tx, self.world.partner.id)
            facts: dict[str, Any] = {"speed": speed, "address": address, "amount_btc": amount}
            made = await withdrawals.request(tx, books, TERMS, user_id=user_id, **facts)
        self.asked[made.id] = Asked(user_id, address, amount, made.commission_btc)

    async def _cancel(self, number: int) -> None:
        with suppress(withdrawals.WithdrawalUnderWayError):
            async with db.transaction(self.world.pool) as tx:
                gone = await withdrawals.cancel(tx, await fence.share(tx, self.world.partner.id), number)
            assert gone.state == "cancelled"
            self.cancelled.add(number)

    async def _deposit(self) -> None:
        user_id, amount = self.dice.choice(self.users), Decimal(self.dice.randint(1_000, 100_000)).scaleb(-8)
        address = await deposit_addresses.of_user(self.world.pool, self.fragile.chain, self.world.partner.id, user_id)
        await self.hand.deposit(address, amount)
        self.deposited[user_id] += amount  # type: ignore[assignment]

    async def _fragile(self, work: Awaitable[object]) -> None:
        """What a process does that may be cut off anywhere."""
        self.fragile.fragile = True
        with suppress(CutOffError, *NOT_NOW):
            await work
        self.fragile.fragile = False

    async def _payments(self) -> list[str]:
        """What waits in the mempool and pays withdrawals, oldest first."""
        rows = await self.world.pool.fetch(
            "SELECT txid FROM payout_transaction WHERE txid = ANY($1) ORDER BY batch_id, version",
            await self.hand.waiting(),
        )
        return [row["txid"] for row in rows]

    async def _batch_of(self, txid: str) -> int:
        number: int = await self.world.pool.fetchval("SELECT batch_id FROM payout_transaction WHERE txid = $1", txid)
        return number

    async def _acknowledge(self) -> None:
        """A theft was looked at; that is all that a human adds."""
        await self.world.pool.execute(
            """UPDATE payout_foreign_spend SET acknowledged_at = now(), acknowledged_by = 'me', reason = 'seen'
               WHERE acknowledged_at IS NULL"""
        )


async def lived(life: Life, steps: int) -> dict[str, int]:
    """So many steps, each with its checks, and the end."""
    listener = Listener(life.world)
    for step in range(steps):
        await life.step()
        await life.check()
        if step % 25 == 0:
            await life.reconcile()
            await listener.hears()
            await listener.check_states()
    await life.settle_down()
    await life.check()
    await life.check_the_end()
    await listener.hears()
    await listener.check_states()
    await listener.check_balances()
    return await life.seen()


@pytest.mark.parametrize("seed", [1, 4, 7])
async def test_a_life_on_the_simulated_chain(world: World, seed: int) -> None:
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    await chain.tip()
    life = await Life.begin(world, chain, SimulatedHand(chain, world.pool), seed)
    seen = await lived(life, STEPS)
    # How often depends on the moment as well: the clock of the chain runs on while the steps are made.
    assert [name for name, count in seen.items() if count == 0] == []


@pytest.fixture
async def alone() -> AsyncIterator[Node]:
    """A node whose chain nobody else minds being reorganised."""
    with running() as node:
        yield node


async def test_a_life_on_a_node(world: World, alone: Node) -> None:
    async with deployed_on(world.pool, alone, coins=12) as deployment:
        wallet = deployment.chain._node.wallet  # type: ignore[attr-defined]
        # Deeper than any reorg, so that what pays for the payments is never taken back.
        alone.mine(DEEPEST_REORG + 1)
        life = await Life.begin(world, deployment.chain, NodeHand(alone, wallet), 5)
        seen = await lived(life, 150)
    # In so few steps not everything happens.
    assert all(seen[name] > 0 for name in ("bumped", "final", "deposits", "cuts")), seen
