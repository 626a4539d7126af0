"""The figures of UTC days from a real node whose clock the test moves: fees, a halving, pruned blocks, a witness."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.clock import ONE_DAY, start_of
from hashrail.market import chain_days
from hashrail.market.chain_days import ChainDay, ChainNotReadyError, NodeDoubtedError
from hashrail.money import round_half_even
from hashrail.settings import Settings
from tests.support.bitcoin_node import Node, running, running_pruned

FIRST = dt.date(2026, 3, 1)
HALVED_AT = 150
# Blocks a day; the second day has the halving in it, the third pays fees.
BLOCKS = 100


def mine_day(node: Node, day: dt.date, blocks: int) -> None:
    """So many blocks over a day, the first a minute after midnight."""
    start = int(start_of(day).timestamp())
    for number in range(blocks):
        node.rpc("setmocktime", start + 60 + number * 86_000 // blocks)
        node.mine(1)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Four days of blocks, and a payment with a fee in the third."""
    with running() as made:
        made.rpc("setmocktime", int(start_of(FIRST).timestamp()) - 600)
        made.rpc("createwallet", "miner")
        made.mine(1, made.rpc("getnewaddress", wallet="miner"))
        for count in range(2):
            mine_day(made, FIRST + count * ONE_DAY, BLOCKS)
        third = FIRST + 2 * ONE_DAY
        made.rpc("setmocktime", int(start_of(third).timestamp()) + 30)
        made.rpc("sendtoaddress", made.rpc("getnewaddress", wallet="miner"), 1, wallet="miner")
        mine_day(made, third, 10)
        mine_day(made, third + ONE_DAY, 12)
        yield made


async def told(node: Node, day: dt.date, witness: Node | None = None) -> ChainDay:
    second = {} if witness is None else {"bitcoin_witness_url": witness.url, "bitcoin_witness_cookie": witness.cookie}
    settings = Settings(bitcoin_network="regtest", bitcoin_rpc_url=node.url, bitcoin_rpc_cookie=node.cookie, **second)
    async with chain_days.opened(settings) as (first, other):
        return await chain_days.told(first, other, day, settings)


async def test_a_day_without_a_turn_has_what_each_of_its_blocks_has(node: Node) -> None:
    found = await told(node, FIRST)
    assert (found.blocks, found.first_height, found.last_height) == (BLOCKS, 2, BLOCKS + 1)
    assert (found.subsidy_btc, found.fees_btc, found.epochs) == (50, 0, 1)
    # As the node writes it, 25 decimals, rounded to the 18 of an amount.
    assert found.difficulty == round_half_even(node.rpc("getblockheader", node.tip())["difficulty"], 18)


async def test_a_halving_in_the_middle_of_a_day_counts_block_by_block(node: Node) -> None:
    found = await told(node, FIRST + ONE_DAY)
    before = HALVED_AT - found.first_height
    assert (found.blocks, found.first_height) == (BLOCKS, BLOCKS + 2)
    assert found.subsidy_btc == (50 * before + 25 * (BLOCKS - before)) / Decimal(BLOCKS)


async def test_fees_are_the_mean_over_the_blocks_of_the_day(node: Node) -> None:
    found = await told(node, FIRST + 2 * ONE_DAY)
    stats = [node.rpc("getblockstats", height) for height in range(found.first_height, found.last_height + 1)]
    assert sum(each["totalfee"] for each in stats) > 0
    assert found.fees_btc == Decimal(sum(each["totalfee"] for each in stats)).scaleb(-8) / 10
    assert (found.blocks, found.subsidy_btc) == (10, 25)


async def test_the_newest_day_is_not_over(node: Node) -> None:
    with pytest.raises(ChainNotReadyError):
        await told(node, FIRST + 3 * ONE_DAY)


async def test_a_second_node_on_another_chain_is_heard(node: Node) -> None:
    """The same times and numbers of blocks, and other blocks."""
    assert await told(node, FIRST, node) == await told(node, FIRST)
    with running() as other:
        other.rpc("setmocktime", int(start_of(FIRST).timestamp()) - 600)
        other.mine(1)
        mine_day(other, FIRST, BLOCKS)
        mine_day(other, FIRST + ONE_DAY, 12)
        with pytest.raises(NodeDoubtedError, match="last_hash"):
            await told(node, FIRST, other)


async def test_days_whose_blocks_are_gone_are_told_so() -> None:
    """The headers stay, so the node refuses, and does not say that there were none."""
    with running_pruned() as node:
        header = node.rpc("getblockheader", node.rpc("getblockhash", 500))
        day = dt.datetime.fromtimestamp(header["time"], dt.UTC).date()
        with pytest.raises(NodeRefusedError, match="pruned"):
            await told(node, day)
