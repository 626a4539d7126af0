"""The figures of a UTC day out of its blocks, from a node that is made up: an epoch turns, and clocks are wrong."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.bitcoin.rpc import NodeRefusedError
from hashrail.clock import ONE_DAY
from hashrail.market import chain_days
from hashrail.market.chain_days import ChainDay, ChainNotReadyError, DayBlock, NoBlocksError, NodeDoubtedError
from hashrail.rewards.formula import full_pay_per_share
from hashrail.settings import Settings
from tests.support.fake_chain import DIFFICULTY, FakeChain, days_of_blocks, fake_node, node_settings, witness_settings

FIRST = dt.date(2026, 3, 1)
DAY = FIRST + ONE_DAY
HOUR = 3600


@pytest.fixture
async def chain() -> AsyncIterator[FakeChain]:
    """Three days and a half with a block an hour; the second day is the one that is asked for."""
    async with fake_node(days_of_blocks(FIRST, 4)[: 3 * 24 + 12]) as made:
        yield made


@pytest.fixture
async def second() -> AsyncIterator[FakeChain]:
    """The same chain at another node."""
    async with fake_node(days_of_blocks(FIRST, 4)[: 3 * 24 + 12]) as made:
        yield made


async def told(chain: FakeChain, day: dt.date = DAY, *, witness: FakeChain | None = None, depth: int = 6) -> ChainDay:
    second = {} if witness is None else witness_settings(witness)
    settings = Settings(**node_settings(chain, bitcoin_final_depth=depth), **second)
    async with chain_days.opened(settings) as (node, other):
        return await chain_days.told(node, other, day, settings)


def paid(blocks: list[DayBlock]) -> Decimal:
    """What a TH earned by the hour and block: the dull way, one block after the other."""
    each = [Fraction(one.subsidy_sat + one.fees_sat, 10**8) / Fraction(one.difficulty) for one in blocks]
    reward = sum(each) / len(each) * 86400 * 10**12 / 2**32
    return Decimal(round(reward * 10**14)).scaleb(-14)


async def test_a_day_has_the_blocks_of_its_hours(chain: FakeChain) -> None:
    found = await told(chain)
    assert (found.first_height, found.last_height, found.blocks, found.epochs) == (24, 47, 24, 1)
    assert found.last_hash == chain.hash_of(47)
    assert (found.difficulty, found.subsidy_btc, found.fees_btc) == (DIFFICULTY, Decimal("3.125"), Decimal("0.04"))


async def test_asked_later_it_says_the_same(chain: FakeChain) -> None:
    before = await told(chain)
    chain.blocks += days_of_blocks(FIRST + 5 * ONE_DAY, 3)
    assert await told(chain) == before


async def test_times_that_are_not_in_order_count_as_they_stand(chain: FakeChain) -> None:
    """A block of the day's last hour says the next day, one before the day's first says it, and one after its end."""
    chain.change(47, time=chain.blocks[48].time + 60)
    chain.change(22, time=chain.blocks[24].time + 60)
    chain.change(50, time=chain.blocks[48].time - 60)
    found = await told(chain)
    assert (found.blocks, found.first_height, found.last_height) == (25, 22, 50)
    assert (await told(chain, FIRST)).blocks == 23


async def test_the_last_second_belongs_to_the_day_and_the_first_to_the_next(chain: FakeChain) -> None:
    midnight = chain.blocks[48].time
    chain.change(47, time=midnight - 1)
    assert (await told(chain)).last_height == 47
    chain.change(47, time=midnight)
    assert (await told(chain)).last_height == 46


async def test_an_epoch_that_turns_within_the_day_pays_each_block_at_its_own_difficulty(chain: FakeChain) -> None:
    for height in range(31, len(chain.blocks)):
        chain.change(height, difficulty=Decimal("101231234567890.1234"), fees_sat=3_000_000 + height)
    found = await told(chain)
    assert found.epochs == 2
    assert DIFFICULTY < found.difficulty < Decimal("101231234567890.1234")
    blocks = [
        DayBlock(height, "", 0, each.difficulty, each.subsidy_sat, each.fees_sat)
        for height, each in enumerate(chain.blocks)
        if 24 <= height < 48
    ]
    assert full_pay_per_share(found.difficulty, found.subsidy_btc, found.fees_btc) == paid(blocks)


async def test_a_halving_within_the_day_counts_block_by_block(chain: FakeChain) -> None:
    for height in range(30, len(chain.blocks)):
        chain.change(height, subsidy_sat=156_250_000)
    found = await told(chain)
    assert found.subsidy_btc == (6 * Decimal("3.125") + 18 * Decimal("1.5625")) / 24
    assert found.difficulty == DIFFICULTY


async def test_a_day_waits_until_it_is_over_and_buried(chain: FakeChain) -> None:
    """The median of eleven headers reaches its end with the sixth block of the next day."""
    for tip, words in ((47, "not over"), (52, "not over"), (53, "5 blocks are missing"), (57, "1 blocks are missing")):
        short = FakeChain(chain.blocks[: tip + 1])
        chain.blocks, kept = short.blocks, chain.blocks
        with pytest.raises(ChainNotReadyError, match=words):
            await told(chain)
        chain.blocks = kept
    chain.blocks = chain.blocks[:59]
    assert (await told(chain)).blocks == 24


async def test_a_day_without_a_block_is_none(chain: FakeChain) -> None:
    chain.blocks = chain.blocks[:24] + chain.blocks[48:]
    with pytest.raises(NoBlocksError):
        await told(chain)


async def test_the_second_node_has_to_say_the_same(chain: FakeChain, second: FakeChain) -> None:
    assert await told(chain, witness=second) == await told(chain)
    second.change(40, fees_sat=4_000_001)
    with pytest.raises(NodeDoubtedError, match="fees_btc of 2026-03-02"):
        await told(chain, witness=second)
    second.change(40, fees_sat=4_000_000)
    second.salt = "another chain"
    with pytest.raises(NodeDoubtedError, match="last_hash"):
        await told(chain, witness=second)
    second.salt, second.blocks = "", second.blocks[:50]
    with pytest.raises(ChainNotReadyError):
        await told(chain, witness=second)


async def test_a_node_of_another_chain_is_not_believed(chain: FakeChain) -> None:
    chain.chain = "main"
    with pytest.raises(NodeDoubtedError, match="on main"):
        await told(chain)


async def test_blocks_that_are_pruned_are_told_in_the_nodes_words(chain: FakeChain) -> None:
    chain.refuses = {"getblockstats": "Block not available (pruned data)"}
    with pytest.raises(NodeRefusedError, match="pruned data"):
        await told(chain)


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from([Decimal("1.5"), Decimal("95670000000000.1234567"), DIFFICULTY]),
        st.integers(1_000_000, 5_000_000_000),
        st.integers(0, 10**9),
    ),
    min_size=1,
    max_size=30,
)


@given(BLOCKS)
def test_the_three_figures_pay_what_the_blocks_paid(drawn: list[tuple[Decimal, int, int]]) -> None:
    """Within the last decimal of a rate: each of the three is rounded once, and the rate once more."""
    blocks = [DayBlock(height, "", 0, *facts) for height, facts in enumerate(drawn)]
    found = chain_days.day_of(DAY, blocks)
    rate, dull = full_pay_per_share(found.difficulty, found.subsidy_btc, found.fees_btc), paid(blocks)
    assert abs(rate - dull) <= max(Decimal("1e-14"), dull * Decimal("1e-15"))
