"""Payouts to test with: a deployment on a real node, users with bitcoin, and what must hold after every step."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from hashrail import db
from hashrail.audit import reconciliation
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.node_checks import Terms
from hashrail.bitcoin.records import FeeTerms
from hashrail.bitcoin.signer import KeySigner
from hashrail.books.chart import Account
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Speed, Withdrawal
from hashrail.db import Pool
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Operator
from hashrail.payouts import batches, planning, processor, recorded_payments
from hashrail.payouts.batches import Batch, Number, Plan
from hashrail.payouts.recorded_payments import Payment
from hashrail.payouts.run_report import Run
from hashrail.settings import Settings
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node
from tests.support.books import advance, booked
from tests.support.deployments import deployed
from tests.support.payouts import asked, funded, policy
from tests.support.world import World

# The same whatever a node that others use as well thinks.
FEES = FeeTerms(fallback=Decimal(10), minimum=Decimal(10), cap=Decimal(200))
DEPTH = 6
FAST = dt.timedelta(minutes=11)


def settings(**changes: object) -> Settings:
    """Settings of a deployment on regtest."""
    return Settings.model_validate({"bitcoin_network": "regtest", **changes})


def node_chain(node: Node, wallet: str, signer: KeySigner | None = None, *, url: str | None = None) -> NodeChain:
    """The chain behind a node, or behind a proxy before it."""
    return NodeChain(node.open(wallet, url=url), signer, terms=Terms("regtest"), fees=FEES)


@asynccontextmanager
async def deployed_on(pool: Pool, node: Node, *, coins: int = 3, **changes: object) -> AsyncIterator[Deployment]:
    """A deployment whose wallet on the node has so many coins of one BTC."""
    wallet = node.wallet(uuid.uuid4().hex, coins=coins)
    chain = node_chain(node, wallet)
    yield deployed(pool, settings(**changes), chain)
    await chain.close()


async def recorded(
    deployment: Deployment, operator: Operator, txid: str, paid: Sequence[Number], *, unpaid: Sequence[Number] = ()
) -> Batch:
    """An operator says which transaction paid which withdrawals, and which not."""
    return await recorded_payments.record(deployment, operator, Payment(txid, paid, unpaid))


async def acknowledged(
    pool: Pool, operator: Operator, txid: str, reason: str, *, unpaid: Sequence[Number] = ()
) -> None:
    """An operator says that a transaction pays nobody of ours, in a transaction of its own."""
    async with db.transaction(pool) as tx:
        await recorded_payments.acknowledge(tx, operator, [txid], reason, unpaid=unpaid)


def customer(node: Node, kind: str = "bech32") -> str:
    """A fresh address of somebody else's wallet on the node."""
    if "customers" not in node.rpc("listwallets"):
        node.rpc("createwallet", "customers")
    return str(node.rpc("getnewaddress", "", kind, wallet="customers"))


def received(node: Node, addresses: Iterable[str]) -> dict[str, Decimal]:
    """What arrived at these addresses of the customers' wallet, confirmed or not."""
    return {address: node.rpc("getreceivedbyaddress", address, 0, wallet="customers") for address in addresses}


def paid_once(node: Node, payments: dict[str, Decimal]) -> None:
    """Each address has its amount, in exactly one transaction."""
    entries = node.rpc("listtransactions", "*", 100_000, wallet="customers")
    counts = Counter(each["address"] for each in entries if each["confirmations"] >= 0 and each["address"] in payments)
    assert counts == Counter(dict.fromkeys(payments, 1))
    assert received(node, payments) == payments


@dataclass
class Asker:
    """A user who has bitcoin and asks for it."""

    world: World
    user_id: int
    node: Node

    @classmethod
    async def create(cls, world: World, node: Node, name: str = "alice") -> "Asker":
        """Owns 0.16 BTC; may ask for the same twice."""
        user = await world.user(name)
        await funded(world, user.id)
        await policy(world, 0)
        return cls(world, user.id, node)

    async def asks(self, amount_btc: str = "0.01", speed: Speed = "fast") -> withdrawals.Withdrawal:
        """For so much, to a fresh address."""
        return await asked(self.world, self.user_id, amount_btc, customer(self.node), speed)

    async def got(self, withdrawal_id: int) -> withdrawals.Withdrawal:
        """The withdrawal as it is shown now."""
        return await withdrawals.get(self.world.pool, self.world.partner.id, withdrawal_id)


async def planned(deployment: Deployment, speed: Speed = "fast") -> Plan | None:
    """What a batch would pay now."""
    outlook = await planning.look(deployment.pool, deployment.settings)
    return (await planning.plan(deployment, speed, outlook)).plan


async def run_later(world: World, deployment: Deployment, later: dt.timedelta = FAST) -> Run:
    """Time passes, and a worker makes a run."""
    await advance(world, later)
    return await processor.run(deployment)


async def stored(deployment: Deployment, batch_id: int) -> list[str]:
    """The bytes of a batch's versions."""
    return [each.raw or "" for each in await batches.versions(deployment.pool, batch_id)]


async def state(deployment: Deployment, batch_id: int) -> tuple[str, str | None, int]:
    """A run, and how the batch stands after it."""
    await processor.run(deployment)
    batch = await batches.get(deployment.pool, batch_id)
    return batch.state, batch.txid, batch.confirmations


def waits(node: Node, txid: str) -> bool:
    return txid in node.rpc("getrawmempool")


async def check_end(world: World, deployment: Deployment, node: Node, *made: Withdrawal, fee_btc: Decimal) -> None:
    """Each is final and paid once, the fee is booked once, nothing is held or unexplained."""
    paid: dict[str, Decimal] = {}
    for one in made:
        paid[one.address] = paid.get(one.address, Decimal(0)) + one.amount_btc
    paid_once(node, paid)
    await check_posted(world, deployment, *made, fee_btc=fee_btc)


async def check_posted(world: World, deployment: Deployment, *made: Withdrawal, fee_btc: Decimal) -> None:
    """Each is final, amounts and fee are booked once, nothing is held or unexplained."""
    rows = await world.pool.fetch("SELECT state FROM withdrawal")
    assert [row["state"] for row in rows] == ["final"] * len(made)
    assert await booked(world, Account.NETWORK_FEES) == -fee_btc
    assert await booked(world, Account.BITCOIN_WALLET) == sum(one.amount_btc for one in made) + fee_btc
    assert await booked(world, Account.PAYOUTS_IN_FLIGHT) == 0
    report = await reconciliation.reconcile(world.pool, deployment.chain)
    assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)
    await check_books(world)


async def fee_of(deployment: Deployment, txid: str) -> Decimal:
    fee_btc: Decimal = await deployment.pool.fetchval("SELECT fee_btc FROM payout_transaction WHERE txid = $1", txid)
    return fee_btc


async def txids(deployment: Deployment, batch_id: int) -> list[str]:
    """The versions of a batch."""
    return [each.txid for each in await batches.versions(deployment.pool, batch_id)]


class Interrupted:
    """A chain beside which something happens once: before or after its first call of a name."""

    def __init__(
        self, chain: Chain, name: str, when: Literal["before", "after"], happens: Callable[[], Awaitable[object]]
    ) -> None:
        self.happened = False
        self._chain = chain
        self._step = (name, when)
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._chain, name)
        if name != self._step[0]:
            return call

        async def interrupted(*args: object, **kwargs: object) -> object:
            await self._perhaps("before")
            answer = await call(*args, **kwargs)
            await self._perhaps("after")
            return answer

        return interrupted

    async def _perhaps(self, when: str) -> None:
        if not self.happened and when == self._step[1]:
            self.happened = True
            await self._happens()


def interrupted(
    deployment: Deployment, name: str, when: Literal["before", "after"], happens: Callable[[], Awaitable[object]]
) -> tuple[Deployment, Interrupted]:
    """The deployment with an interrupted chain, and that chain."""
    chain: Any = Interrupted(deployment.chain, name, when, happens)
    return replace(deployment, node=chain), chain


async def another_wallet(pool: Pool) -> None:
    """The wallet that is read next is the right one, whatever stands in the books of the one before."""
    await pool.execute("DELETE FROM payout_wallet_key")
    await pool.execute("UPDATE hot_wallet SET marked = false")


def wallet_of(deployment: Deployment) -> str:
    """The name of the wallet that a deployment on a node pays from."""
    return str(deployment.chain._node.wallet)  # type: ignore[attr-defined]


def start_again(node: Node, *flags: str) -> list[str]:
    """Start a node that ended, and load what it does not load by itself; answers what it did."""
    node.start(*flags)
    loaded = [str(name) for name in node.rpc("listwallets")]
    for each in node.rpc("listwalletdir")["wallets"]:
        if each["name"] not in loaded:
            node.rpc("loadwallet", each["name"])
    return loaded
