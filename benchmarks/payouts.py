"""Payouts on a regtest node: withdrawals asked for a second, a batch from plan to broadcast, a long queue."""

import itertools
import os
import statistics
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from cryptography.fernet import Fernet
from tests.support.bitcoin_node import Node, running

from benchmarks import dataset, load
from benchmarks.dataset import Shape
from benchmarks.measure import Table, milliseconds, seconds_of
from benchmarks.stage import Stage
from hashrail import business_clock, clock, db
from hashrail.bitcoin import addresses
from hashrail.bitcoin.node_chain import NodeChain
from hashrail.bitcoin.node_checks import Terms
from hashrail.bitcoin.records import FeeTerms
from hashrail.bitcoin.signer import KeySigner
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.custody import withdrawals
from hashrail.deployment.facts import Facts
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.payouts import planning, processor
from hashrail.settings import Settings
from hashrail.vault import Vault

AMOUNT_BTC = Decimal("0.0001")
TERMS = withdrawals.Terms(minimum_btc=AMOUNT_BTC, fast_commission_btc=Decimal(0), network="regtest")
FEES = FeeTerms(fallback=Decimal(5), minimum=Decimal(1), cap=Decimal(200))
MAX_SECONDS = 2
MAX_PLANNING_SECONDS = 10
QUEUE = """
    INSERT INTO withdrawal
        (partner_id, user_id, speed, address, amount_btc, commission_btc, state, created_at, changed_at)
    SELECT $1, u.id, 'fast', u.address, $4, 0, 'queued', $5, $5
    FROM unnest($2::bigint[], $3::text[]) AS u (id, address)"""
# Keys that are everybody's: regtest only.
TPRV = "tprv8ZgxMBicQKsPeDgjzdC36fs6bMjGApWDNLR9erAXMs5skhMv36j9MV5ecvfavji5khqjWaWSFhN3YcCUUdiKH6isR4Pwy3U5y5egddBr16m"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Withdrawals in a batch, in the long queue, and who asks for them."""

    batch: int = 500
    queued: int = 10_000
    planned: int = 100_000
    users: int = 200
    clients: int = 16


@dataclass(frozen=True, slots=True)
class Office:
    """Users with plenty, of one partner."""

    pool: db.Pool
    partner_id: int
    user_ids: list[int]


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The tables of requests and of batches."""
    with running(below=str(stage.folder)) as node:
        return [await _asking(stage, sizes), await _paying(stage, node, sizes)]


async def _asking(stage: Stage, sizes: Sizes) -> Table:
    """Requests a second."""
    rates = []
    async with _office(stage, sizes.users) as office:
        for number in range(stage.runs + 1):
            stage.tell(f"requests, run {number} of {stage.runs}")
            seconds = await seconds_of(lambda: _ask(office, sizes.batch, sizes.clients))
            rates.append(sizes.batch / seconds)
    table = Table(
        "Asking for withdrawals",
        ("what", "clients", "a second"),
        notes=["Verbs in one process, every commit flushed to disk: settled, checked and held. No target yet."],
    )
    table.add("requests", f"{sizes.clients:,}", f"{statistics.median(rates[1:]):,.0f}")
    return table


async def _paying(stage: Stage, node: Node, sizes: Sizes) -> Table:
    count = f"{sizes.batch:,}"
    table = Table(
        "Paying withdrawals",
        ("what", "withdrawals", "transactions", "time"),
        notes=[
            "From the queue to the mempool: plan, coins, PSBT, signatures, store and commit, broadcast.",
            "The baseline is the node alone: it funds, signs and sends the same outputs, and nothing is kept.",
            f"Each withdrawal goes to an address of its own; a transaction pays at most {count}.",
        ],
    )
    raw = await _raw(stage, node, sizes)
    table.add("the node alone", count, "1", milliseconds(raw))
    for name, opened in (("signed by the node", _signing_node), ("signed by keys beside it", _keys_beside)):
        async with (
            _office(stage, sizes.users) as office,
            opened(office, node, stage.runs + 1, sizes.batch) as deployment,
        ):
            seconds = await _batches(stage, office, deployment, sizes, name)
        target, verdict = (f"<= {MAX_SECONDS} s", seconds <= MAX_SECONDS)
        table.add(f"a batch, {name}", count, "1", milliseconds(seconds), target=target, verdict=verdict)
        table.add("times the node alone", "", "", f"{seconds / raw:.1f}")
    fewest = -(-sizes.queued // sizes.batch)
    async with _office(stage, sizes.users) as office, _signing_node(office, node, fewest, sizes.batch) as deployment:
        stage.tell(f"a queue of {sizes.queued:,}")
        await _ask(office, sizes.queued, sizes.clients)
        made: list[int] = []
        seconds = await seconds_of(partial(_pay_everything, deployment, made))
        target, verdict = f"{fewest} transactions", len(made) == fewest
        table.add(
            "a long queue", f"{sizes.queued:,}", f"{len(made)}", f"{seconds:.1f} s", target=target, verdict=verdict
        )
    table.notes.append(
        "Planning alone: the queue is read once, and coins are chosen for each batch; nothing is signed."
    )
    async with _office(stage, sizes.users) as office:
        batches, seconds = await _plan_everything(stage, office, node, sizes)
        target, verdict = f"at most {MAX_PLANNING_SECONDS} s", seconds <= MAX_PLANNING_SECONDS
        table.add(
            "planning alone", f"{sizes.planned:,}", f"{batches}", f"{seconds:.1f} s", target=target, verdict=verdict
        )
    return table


async def _plan_everything(stage: Stage, office: Office, node: Node, sizes: Sizes) -> tuple[int, float]:
    """How many batches a long queue makes, and how many seconds it takes to plan them."""
    stage.tell(f"planning a queue of {sizes.planned:,}")
    owners = [office.user_ids[number % len(office.user_ids)] for number in range(sizes.planned)]
    async with db.transaction(office.pool) as tx:
        # A transfer each would take longest, and no plan looks at them.
        await tx.execute("SET LOCAL session_replication_role = replica")
        now = await business_clock.now(tx)
        await tx.execute(QUEUE, office.partner_id, owners, [_address() for _ in owners], AMOUNT_BTC, now)
    await office.pool.execute("ANALYZE withdrawal")
    fewest, made = -(-sizes.planned // sizes.batch), 0
    async with _signing_node(office, node, fewest, sizes.batch) as deployment:
        started = clock.monotonic()
        outlook = await planning.look(deployment.pool, deployment.settings)
        while (plan := (await planning.plan(deployment, "fast", outlook)).plan) is not None:
            made += 1
            outlook = outlook.after(plan, made)
        seconds = clock.monotonic() - started
    assert made == fewest, "as few batches as there can be"
    return made, seconds


async def _batches(stage: Stage, office: Office, deployment: Deployment, sizes: Sizes, name: str) -> float:
    """Median seconds of one batch, after one that does not count."""
    series = []
    for number in range(stage.runs + 1):
        stage.tell(f"a batch {name}, run {number} of {stage.runs}")
        await _ask(office, sizes.batch, sizes.clients)
        made: list[int] = []
        series.append(await seconds_of(partial(_pay_everything, deployment, made)))
        assert len(made) == 1, "one transaction pays them all"
    return statistics.median(series[1:])


async def _pay_everything(deployment: Deployment, made: list[int]) -> None:
    done = await processor.run(deployment)
    assert not done.findings, done.findings
    made += done.batches


async def _raw(stage: Stage, node: Node, sizes: Sizes) -> float:
    """Median seconds that the node takes alone."""
    wallet = node.wallet(uuid.uuid4().hex, coins=stage.runs + 1)

    async def pay() -> None:
        async with node.open(wallet) as btc:
            outputs = dict.fromkeys((_address() for _ in range(sizes.batch)), AMOUNT_BTC)
            coin = (await btc.list_unspent())[0]
            funded = await btc.create_funded_psbt([coin.outpoint], outputs, sat_per_vb=FEES.fallback)
            final = await btc.finalize_psbt((await btc.process_psbt(funded.psbt)).psbt)
            assert final.raw is not None
            await btc.broadcast(final.raw)

    series = []
    for number in range(stage.runs + 1):
        stage.tell(f"the node alone, run {number} of {stage.runs}")
        series.append(await seconds_of(pay))
    return statistics.median(series[1:])


@asynccontextmanager
async def _office(stage: Stage, count: int) -> AsyncIterator[Office]:
    """Books of one partner, whose users hold a thousand bitcoin each."""
    async with stage.pool() as pool:
        made = await dataset.build(pool, Shape(efficiencies=1, levels=1))
        partner_id, user_ids = made.partner_ids[0], []
        async with db.transaction(pool) as tx:
            await tx.execute("UPDATE partner SET duplicate_seconds = 0")
            books = await fence.share(tx, partner_id)
            for number in range(count):
                user = await users.register(tx, books, partner_user_id=f"payee {number}", email=None)
                account = await ledger.user_account(tx, partner_id, user.id, "BTC")
                given = Transfer(TransferKind.SETTLEMENT, user.id, 0, Account.INCOME_CONTROL, account, Decimal(1_000))
                await ledger.post(tx, books, given)
                user_ids.append(user.id)
        yield Office(pool, partner_id, user_ids)


async def _ask(office: Office, count: int, clients: int) -> None:
    """So many fast withdrawals, each to an address of its own."""
    left = itertools.count()

    async def client() -> None:
        while (number := next(left)) < count:
            async with db.transaction(office.pool) as tx:
                books = await fence.share(tx, office.partner_id)
                await withdrawals.request(
                    tx,
                    books,
                    TERMS,
                    user_id=office.user_ids[number % len(office.user_ids)],
                    speed="fast",
                    address=_address(),
                    amount_btc=AMOUNT_BTC,
                )

    await load.together([client() for _ in range(clients)])


def _address() -> str:
    return addresses.from_script(b"\x00\x14" + os.urandom(20), "regtest")


def _settings(batch: int) -> Settings:
    facts = {"bitcoin_network": "regtest", "payout_fast_minutes": 0, "payout_most_outputs": batch}
    return Settings.model_validate(facts)


def _deployment(office: Office, batch: int, chain: NodeChain) -> Deployment:
    known = Facts("production", "regtest", "node", "hashrail", epoch="0" * 32, created_at=clock.wall_now())
    return Deployment(_settings(batch), known, office.pool, Vault([Fernet.generate_key().decode()]), chain)


@asynccontextmanager
async def _signing_node(office: Office, node: Node, coins: int, batch: int) -> AsyncIterator[Deployment]:
    """The node's own wallet signs."""
    wallet = node.wallet(uuid.uuid4().hex, coins=coins)
    chain = NodeChain(node.open(wallet), None, terms=Terms("regtest"), fees=FEES)
    yield _deployment(office, batch, chain)
    await chain.close()


@asynccontextmanager
async def _keys_beside(office: Office, node: Node, coins: int, batch: int) -> AsyncIterator[Deployment]:
    """The wallet on the node watches, and we sign."""
    signer = KeySigner(f"wpkh({TPRV}/84h/1h/9h/0/*)\nwpkh({TPRV}/84h/1h/9h/1/*)", "regtest")
    wallet = node.open(uuid.uuid4().hex, timeout_seconds=30)
    await wallet.open_wallet(watch_only=True)
    await wallet.import_descriptors(*signer.descriptors())
    node.pay(*[await wallet.new_address() for _ in range(coins)])
    chain = NodeChain(wallet, signer, terms=Terms("regtest"), fees=FEES)
    yield _deployment(office, batch, chain)
    await chain.close()
