"""Payouts on a real node: what was asked for arrives once, is shown as the chain has it, and is posted when final."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hashrail import payout_batches, payouts
from hashrail.ledger import Chart
from hashrail.payouts import Desk
from tests.api import check_books
from tests.bitcoin import Node
from tests.books import booked
from tests.desks import DEPTH, Asker, desk_on, paid_once, received, turn_later, txids
from tests.payouts import EARNED, held, spendable
from tests.world import World

COMMISSION = Decimal("0.00006")


@pytest.fixture
def node(bitcoin_node: Node) -> Node:
    return bitcoin_node


@pytest.fixture
async def desk(world: World, node: Node) -> AsyncIterator[Desk]:
    async with desk_on(world.pool, node) as made:
        yield made
    await check_books(world)


@pytest.fixture
async def alice(world: World, node: Node) -> Asker:
    return await Asker.create(world, node)


async def test_a_withdrawal_on_its_way(world: World, desk: Desk, alice: Asker, node: Node) -> None:
    """Queued, then in the mempool, confirmed, and final at six: only then is anything posted."""
    made = await alice.asks("0.05")
    assert (await payouts.turn(desk)).batches == []
    done = await turn_later(world, desk)
    assert (done.findings, len(done.batches)) == ([], 1)
    sent = await alice.got(made.id)
    (txid,) = await txids(desk, done.batches[0])
    assert (sent.state, sent.txid, sent.confirmations) == ("broadcast", txid, 0)
    assert txid in node.rpc("getrawmempool")
    for depth in range(1, DEPTH):
        node.mine()
        await payouts.turn(desk)
        shown = await alice.got(made.id)
        assert (shown.state, shown.txid, shown.confirmations) == ("confirmed", txid, depth)
        assert await held(world, alice.user_id) == Decimal("0.05") + COMMISSION
        assert await booked(world, Chart.BITCOIN_WALLET) == 0
    node.mine()
    assert (await payouts.turn(desk)).settled == 1
    final = await alice.got(made.id)
    assert (final.state, final.txid, final.confirmations) == ("final", txid, DEPTH)
    assert await held(world, alice.user_id) == 0
    assert await spendable(world, alice.user_id) == EARNED - Decimal("0.05") - COMMISSION
    fee = node.rpc("gettransaction", txid, wallet=desk.chain._node.wallet)["fee"]  # type: ignore[attr-defined]
    assert await booked(world, Chart.NETWORK_FEES) == fee
    assert await booked(world, Chart.BITCOIN_WALLET) == Decimal("0.05") - fee
    assert await booked(world, Chart.PAYOUTS_IN_FLIGHT) == 0
    assert await booked(world, Chart.COMMISSION_REVENUE) == COMMISSION
    paid_once(node, {made.address: made.amount_btc})
