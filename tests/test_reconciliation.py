"""Reconciliation: every satoshi of the wallet and of the books has a line, and what has none is told."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hashrail import deposits, payouts, reconciliation
from hashrail.gateways.sandbox import SandboxChain
from hashrail.payouts import Desk
from hashrail.reconciliation import Report, Standing
from tests.bitcoin import Node
from tests.desks import DEPTH, FEES, Asker, customer, desk_on, settings, turn_later
from tests.world import World

FUNDING = "the operator's own funding"
PAID = "payouts and their fees"
FOREIGN = "spends that no batch knows"


@pytest.fixture(params=["sandbox", "node"])
async def desk(request: pytest.FixtureRequest, world: World, bitcoin_node: Node) -> AsyncIterator[Desk]:
    if request.param == "sandbox":
        yield Desk(world.pool, SandboxChain(world.pool, fees=FEES, network="regtest"), settings(mode="sandbox"))
        return
    async with desk_on(world.pool, bitcoin_node) as made:
        yield made


async def mine(desk: Desk, node: Node, blocks: int) -> None:
    if isinstance(desk.chain, SandboxChain):
        await desk.chain.mine(blocks)
    else:
        node.mine(blocks)


async def reconciled(desk: Desk) -> tuple[Report, dict[str, Decimal]]:
    report = await reconciliation.reconcile(desk.pool, desk.chain)
    return report, {line.what: line.amount_btc for line in (*report.wallet, *report.books)}


async def test_at_every_moment_of_a_payment(world: World, desk: Desk, bitcoin_node: Node) -> None:
    """Nothing unexplained while it waits, is confirmed, and is posted; a deposit beside it."""
    alice = await Asker.create(world, bitcoin_node)
    to = await deposits.address_of(world.pool, desk.chain, world.partner.id, alice.user_id)
    if isinstance(desk.chain, SandboxChain):
        await desk.chain.receive(to, Decimal("0.25"))
    else:
        bitcoin_node.pay(to, each_btc=Decimal("0.25"))
    made = await alice.asks("0.05")
    before, lines = await reconciled(desk)
    funding = lines[FUNDING]
    assert (before.unexplained_btc, before.books_unexplained_btc) == (0, 0)
    await turn_later(world, desk)
    waiting, lines = await reconciled(desk)
    assert lines[PAID] <= -Decimal(1)
    await mine(desk, bitcoin_node, 2)
    await payouts.turn(desk)
    confirmed, lines = await reconciled(desk)
    (version,) = await world.pool.fetch("SELECT fee_btc FROM payout_transaction")
    assert lines[PAID] == -Decimal("0.05") - version["fee_btc"]
    assert lines["deposits on the chain"] == lines["deposits credited"] == Decimal("0.25")
    assert lines["withdrawals that are final"] == 0
    await mine(desk, bitcoin_node, DEPTH)
    await payouts.turn(desk)
    final, lines = await reconciled(desk)
    assert lines[FUNDING] == funding
    assert lines["withdrawals that are final"] == -made.amount_btc
    assert lines["network fees of settled batches"] == -version["fee_btc"]
    assert lines["the wallet in the partners' books"] == Decimal("0.2") - version["fee_btc"]
    for report in (waiting, confirmed, final):
        assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 0)


async def test_what_somebody_else_spent(world: World, bitcoin_node: Node) -> None:
    async with desk_on(world.pool, bitcoin_node) as desk:
        wallet = desk.chain._node.wallet  # type: ignore[attr-defined]
        bitcoin_node.rpc("sendtoaddress", customer(bitcoin_node), Decimal("0.1"), wallet=wallet)
        _, waiting = await reconciled(desk)
        bitcoin_node.mine(1)
        report, mined = await reconciled(desk)
        fee = bitcoin_node.rpc("listtransactions", "*", 1, wallet=wallet)[0]["fee"]
        assert (waiting[FOREIGN], mined[FOREIGN], report.unexplained_btc) == (-1, -Decimal("0.1") + fee, 0)


async def test_a_posting_that_nothing_explains(world: World, desk: Desk) -> None:
    await world.pool.execute(
        """INSERT INTO transfer VALUES ($1, 'deposit', 99, 1, 1400, 5200, 1, 'posted', now(), now(), 1)""",
        world.partner.id,
    )
    report, _ = await reconciled(desk)
    assert (report.unexplained_btc, report.books_unexplained_btc) == (0, 1)


async def test_how_withdrawals_stand(world: World, bitcoin_node: Node) -> None:
    """By state and speed, those on their way by the state of their batch."""
    alice = await Asker.create(world, bitcoin_node)
    async with desk_on(world.pool, bitcoin_node) as desk:
        await alice.asks("0.01")
        await turn_later(world, desk)
        await alice.asks("0.01")
        await alice.asks("0.02")
        await alice.asks("0.03", "daily")
        assert await reconciliation.standing(world.pool) == [
            Standing("broadcast", "fast", 1, Decimal("0.01")),
            Standing("queued", "daily", 1, Decimal("0.03")),
            Standing("queued", "fast", 2, Decimal("0.03")),
        ]
        bitcoin_node.mine(1)
