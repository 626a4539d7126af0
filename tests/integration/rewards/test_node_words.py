"""What the node says of days that somebody types: which days it is asked, and what it does not know."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from hashrail.clock import ONE_DAY
from hashrail.rewards import node_words
from hashrail.rewards.node_words import MOST_DAYS
from hashrail.settings import Settings
from tests.support.fake_chain import FakeChain, days_of_blocks, fake_node, node_settings, witness_settings
from tests.support.world import inputs

FIRST = dt.date(2026, 3, 1)
ZERO = Decimal(0)


@pytest.fixture
async def chain() -> AsyncIterator[FakeChain]:
    async with fake_node(days_of_blocks(FIRST, MOST_DAYS + 4, a_day=12)) as made:
        yield made


@pytest.fixture
def settings(chain: FakeChain) -> Settings:
    return Settings(**node_settings(chain))


async def test_of_a_long_file_the_newest_days_are_asked_for(settings: Settings) -> None:
    days = [FIRST + ONE_DAY * count for count in range(1, MOST_DAYS + 3)]
    found = await node_words.ask(settings, days)
    assert sorted(found.told) == days[-MOST_DAYS:]
    [note] = found.notes
    assert note.startswith(f"days before {days[-MOST_DAYS]} are not compared")


async def test_a_day_that_it_cannot_tell_yet_does_not_hide_the_others(settings: Settings) -> None:
    ahead = FIRST + ONE_DAY * 99
    found = await node_words.ask(settings, [FIRST + ONE_DAY, ahead])
    assert list(found.told) == [FIRST + ONE_DAY]
    assert found.notes[0].startswith(f"{ahead}: not compared with the node: CHAIN_NOT_READY")


async def test_one_that_does_not_answer_is_asked_once(settings: Settings) -> None:
    gone = settings.model_copy(update={"bitcoin_rpc_url": "http://127.0.0.1:9"})
    found = await node_words.ask(gone, [FIRST, FIRST + ONE_DAY])
    assert not found.told
    assert [note.partition(":")[0] for note in found.notes] == ["2 days"]


async def test_without_a_node_there_is_nothing_to_tell() -> None:
    found = await node_words.ask(Settings(), [FIRST])
    assert (dict(found.told), found.notes) == ({}, ())


async def test_a_second_node_that_says_otherwise_leaves_the_day_unheard(settings: Settings) -> None:
    async with fake_node(days_of_blocks(FIRST, 6, a_day=12, fees_sat=5)) as other:
        found = await node_words.ask(settings.model_copy(update=witness_settings(other)), [FIRST + ONE_DAY])
    assert not found.told
    assert "NODE_DOUBTED" in found.notes[0]


async def test_the_limits_and_the_fee_of_the_pool(settings: Settings) -> None:
    """Beyond the wide limit it takes two; what a test network says is held against nothing."""
    day = FIRST + ONE_DAY
    told = (await node_words.ask(settings, [day])).told[day]
    given = inputs(day, difficulty="95.67e12", subsidy_btc="3.125", fees_btc="0.04")
    assert node_words.doubts(given, told, ZERO) == []
    far = replace(given, difficulty=Decimal("150e12"))
    assert [(each.field, each.two) for each in node_words.doubts(far, told, ZERO)] == [("difficulty", True)]
    near = replace(given, difficulty=Decimal("97e12"), fees_btc=Decimal("0.1"))
    assert node_words.doubts(near, told, ZERO) == []
    whole = inputs(day, pool_btc_per_th="5.4e-7")
    assert [each.field for each in node_words.doubts(whole, told, ZERO)] == ["pool_btc_per_th"]
    assert node_words.doubts(whole, told, Decimal("0.15")) == []
    assert node_words.doubts(far, replace(told, subsidy_btc=Decimal(50)), ZERO) == []
