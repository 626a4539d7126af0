"""Fetching days: from a node and exchanges to published figures, and what waits when one of them is at fault."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, db
from hashrail.clock import ONE_DAY
from hashrail.rewards import closing, day_sources, day_waits, entering, fetching, rates, tariffs
from hashrail.rewards.fetching import Fetched
from hashrail.rewards.rate_classes import DayNotOverError
from hashrail.rewards.tariffs import Tariff
from hashrail.settings import Settings
from tests.support.books import advance, deployment
from tests.support.exchanges import PAIRS, Exchanges, Fault, exchanges_open, settings_for
from tests.support.fake_chain import DIFFICULTY, FakeChain, days_of_blocks, fake_node, node_settings
from tests.support.world import World, inputs

FIRST = dt.date(2026, 3, 1)
SECOND, THIRD, FOURTH = (FIRST + ONE_DAY * count for count in (1, 2, 3))
PRICES = {FIRST: "78000", SECOND: "78862.65350442", THIRD: "79120.5", FOURTH: "77904.51"}
HALVED = {"difficulty": "95.67e12", "subsidy_btc": "1.5625", "fees_btc": "0.04", "pool_btc_per_th": "3.3697e-7"}
# 86400 * 1e12 * 3.165 / (95.67e12 * 2^32)
REWARD = Decimal("0.00000066550576")


@pytest.fixture
async def world(server: str, template: str) -> AsyncIterator[World]:
    """The first day was entered by hand and is closed; three more are over."""
    async with deployment(server, template) as made:
        await made.mine()
        await advance(made, 3 * ONE_DAY)
        yield made


@pytest.fixture
async def chain() -> AsyncIterator[FakeChain]:
    async with fake_node(days_of_blocks(FIRST, 5)) as made:
        yield made


@pytest.fixture
async def exchanges() -> AsyncIterator[Exchanges]:
    async with exchanges_open() as made:
        made.btc = dict(PRICES)
        yield made


@pytest.fixture
def settings(chain: FakeChain, exchanges: Exchanges) -> Settings:
    return Settings(**node_settings(chain), **settings_for(exchanges))


def with_changes(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


async def one(world: World, settings: Settings, day: dt.date) -> Fetched:
    [found] = [each async for each in fetching.days(world.pool, settings, [day])]
    return found


async def test_days_that_were_missed_are_filled_in_their_order_and_close(world: World, settings: Settings) -> None:
    made = await fetching.fetch_due(world.pool, settings)
    assert (made.entered, made.stopped, made.why) == ((SECOND, THIRD, FOURTH), None, None)
    for day in (SECOND, THIRD, FOURTH):
        found = await rates.of_day(world.pool, day)
        assert (found.pool_btc_per_th, found.btc_usd) == (REWARD, Decimal(PRICES[day]))
        assert (found.difficulty, found.subsidy_btc, found.fees_btc) == (DIFFICULTY, Decimal("3.125"), Decimal("0.04"))
        assert (found.kwh_usd, found.gomining_usd) == (settings.kwh_usd, settings.gomining_usd)
    assert found.source == "fetched: blocks 72 to 95 (24), BTC by 6 of 6 exchanges"
    assert (await closing.close_due(world.pool)).published_through == FOURTH
    again = await fetching.fetch_due(world.pool, settings)
    assert (again.entered, again.stopped) == ((), None)


async def test_each_figure_keeps_who_said_it_and_the_hash_of_the_answer(
    world: World, settings: Settings, exchanges: Exchanges
) -> None:
    """Those that are left out as well, for good."""
    exchanges.own = {"okx": {SECOND: "788.62"}}
    exchanges.faults = {"bitstamp": Fault.NO_DAY}
    await fetching.fetch_due(world.pool, settings)
    found = {(each.figure, each.source): each for each in await day_sources.of_day(world.pool, SECOND)}
    assert len(found) == 1 + 3 + 6 + 1
    kraken, okx = found["btc_usd", "kraken:BTC/USD"], found["btc_usd", "okx:BTC/USDT"]
    assert (kraken.value, kraken.left_out, kraken.url) == (
        Decimal(PRICES[SECOND]),
        None,
        f"{exchanges.url}/kraken/0/public/OHLC",
    )
    assert (okx.value, okx.left_out) == (Decimal("788.62"), "788.62 is more than 0.02 off 78862.65350442")
    assert found["btc_usd", "bitstamp:BTC/USD"].left_out == f"it has no price of {SECOND}"
    assert found["kwh_usd", "settings"].value == settings.kwh_usd
    hashes = [each.sha256 for each in found.values() if each.figure in ("chain", "btc_usd")]
    assert all(each is not None for each in hashes)
    assert found["chain", "node, blocks 24 to 47"].value is None


async def test_tariffs_count_in_place_of_the_settings(world: World, settings: Settings) -> None:
    """The pool keeps its fee of the reward, which is rounded once, after it."""
    async with db.transaction(world.pool) as tx:
        await tariffs.put(tx, Tariff("kwh_usd", THIRD, Decimal("0.041")))
        await tariffs.put(tx, Tariff("pool_fee", THIRD, Decimal("0.02")))
    await fetching.fetch_due(world.pool, settings)
    before, after = await rates.of_day(world.pool, SECOND), await rates.of_day(world.pool, THIRD)
    assert (before.kwh_usd, before.pool_btc_per_th) == (settings.kwh_usd, REWARD)
    assert (after.kwh_usd, after.pool_btc_per_th) == (Decimal("0.041"), Decimal("0.00000065219565"))
    assert "pool fee 0.02" in after.source
    told = {each.figure: each.source for each in await day_sources.of_day(world.pool, THIRD)}
    assert (told["kwh_usd"], told["pool_fee"]) == (f"tariff from {THIRD}", f"tariff from {THIRD}")
    assert told["service_usd_per_th"] == "settings"


async def test_below_the_quorum_the_day_waits_with_its_reason_until_enough_agree(
    world: World, settings: Settings, exchanges: Exchanges
) -> None:
    """Those after it are not asked for, and nothing is written of it."""
    exchanges.faults = dict.fromkeys(list(PAIRS)[:4], Fault.RATE_LIMITED)
    for attempts in (1, 2):
        made = await fetching.fetch_due(world.pool, settings)
        assert (made.entered, made.stopped) == ((), SECOND)
        [wait] = await day_waits.waiting(world.pool)
        assert (wait.day, wait.code, wait.attempts) == (SECOND, "MARKET_QUORUM", attempts)
    assert wait.reason.startswith(f"2 of 6 sources agree on btc_usd of {SECOND}, 3 have to: kraken:BTC/USD: ")
    assert not await rates.has_rates(world.pool, SECOND)
    exchanges.faults = {}
    assert (await fetching.fetch_due(world.pool, settings)).entered == (SECOND, THIRD, FOURTH)
    assert await day_waits.waiting(world.pool) == []
    assert await world.pool.fetchval("SELECT count(*) FROM day_wait") == 0


async def test_a_node_that_is_silent_or_short_lets_the_day_wait_and_no_exchange_is_asked(
    world: World, settings: Settings, chain: FakeChain, exchanges: Exchanges
) -> None:
    blocks, chain.blocks = chain.blocks, chain.blocks[:50]
    assert (await fetching.fetch_due(world.pool, settings)).stopped == SECOND
    [wait] = await day_waits.waiting(world.pool)
    assert wait.code == "CHAIN_NOT_READY"
    gone = with_changes(settings, bitcoin_rpc_url="http://127.0.0.1:9")
    await fetching.fetch_due(world.pool, gone)
    assert (await day_waits.waiting(world.pool))[0].code == "BITCOIN_NODE_UNREACHABLE"
    assert exchanges.asked == []
    chain.blocks = blocks[:90]
    made = await fetching.fetch_due(world.pool, settings)
    assert (made.entered, made.stopped) == ((SECOND, THIRD), FOURTH)


async def test_without_a_node_the_day_waits_for_somebody_who_enters_it(world: World, settings: Settings) -> None:
    nowhere = with_changes(settings, bitcoin_rpc_url=None)
    await fetching.fetch_due(world.pool, nowhere)
    assert (await day_waits.waiting(world.pool))[0].code == "BITCOIN_NODE_NOT_CONFIGURED"


async def test_what_somebody_entered_stays_and_has_no_sources(world: World, settings: Settings) -> None:
    """Entered by hand after a fetch, the sources of the fetch are no longer the day's; they stay in the table."""
    await fetching.fetch_due(world.pool, settings)
    async with db.transaction(world.pool) as tx:
        await rates.enter(tx, inputs(THIRD), at=await business_clock.now(tx))
    assert await day_sources.of_day(world.pool, THIRD) == []
    assert (await fetching.fetch_due(world.pool, settings)).entered == ()
    assert (await rates.of_day(world.pool, THIRD)).source == "entered"
    assert await world.pool.fetchval("SELECT count(*) FROM day_source WHERE day = $1", THIRD) > 0
    assert len(await day_sources.of_day(world.pool, FOURTH)) > 0


async def test_nothing_is_fetched_before_somebody_said_where_the_books_begin(
    server: str, template: str, settings: Settings, exchanges: Exchanges
) -> None:
    async with deployment(server, template) as fresh:
        await advance(fresh, 3 * ONE_DAY)
        assert (await fetching.fetch_due(fresh.pool, settings)).entered == ()
        assert exchanges.asked == []


async def test_a_day_that_is_not_over_has_no_figures(world: World, settings: Settings) -> None:
    with pytest.raises(DayNotOverError):
        await one(world, settings, FOURTH + ONE_DAY)


async def test_the_price_of_the_token_comes_from_exchanges_where_they_are_named(
    world: World, settings: Settings, exchanges: Exchanges
) -> None:
    """Here the same six with the pair that they have; with too few of them the day waits."""
    named = with_changes(settings, market_gomining_sources=settings.market_btc_sources[:3])
    found = await one(world, named, SECOND)
    assert found.inputs is not None
    assert found.inputs.gomining_usd == Decimal(PRICES[SECOND])
    assert found.inputs.source.endswith("GOMINING by 3 of 3")
    exchanges.own = {"kraken": {SECOND: "1"}}
    found = await one(world, named, SECOND)
    assert found.inputs is None
    assert found.waits is not None
    assert found.waits.details["field"] == "gomining_usd"


async def test_asked_again_later_it_says_the_same(world: World, settings: Settings, chain: FakeChain) -> None:
    before = await one(world, settings, SECOND)
    chain.blocks += days_of_blocks(FIRST + 6 * ONE_DAY, 2)
    assert (await one(world, settings, SECOND)).inputs == before.inputs


async def test_a_halving_passes_without_hands(world: World, settings: Settings, chain: FakeChain) -> None:
    """On its day, within which the mean falls, and on the next; a reward that falls for another reason is held."""
    for height in range(60, len(chain.blocks)):
        chain.change(height, subsidy_sat=156_250_000)
    made = await fetching.fetch_due(world.pool, settings)
    assert (made.entered, made.why) == ((SECOND, THIRD, FOURTH), None)
    assert (await rates.of_day(world.pool, FOURTH)).subsidy_btc == Decimal("1.5625")
    assert await rates.held(world.pool) == []
    assert (await closing.close_due(world.pool)).published_through == FOURTH


async def test_a_halving_that_is_looked_at_again_passes(
    world: World, settings: Settings, chain: FakeChain, exchanges: Exchanges
) -> None:
    """A day before it was held, and with it both; once that one is let go nothing is left of the halving to doubt."""
    for height in range(72, len(chain.blocks)):
        chain.change(height, subsidy_sat=156_250_000)
    exchanges.btc |= {SECOND: "120000", THIRD: "121000", FOURTH: "121500"}
    await fetching.fetch_due(world.pool, settings)
    assert [each.inputs.day for each in await rates.held(world.pool)] == [SECOND, THIRD, FOURTH]
    async with db.transaction(world.pool) as tx:
        await entering.confirm(tx, SECOND, today=FOURTH)
    assert await rates.held(world.pool) == []
    # Typed anew, without a word of the node, it is a halving like any other figure that falls.
    typed = inputs(FOURTH, **HALVED, btc_usd="121500")
    async with db.transaction(world.pool) as tx:
        await entering.enter(tx, typed, at=await business_clock.now(tx))
        await entering.judge_again(tx, after=SECOND, today=FOURTH)
    assert [each.inputs.day for each in await rates.held(world.pool)] == [FOURTH]


async def test_a_reward_that_falls_beyond_the_halving_is_held(
    world: World, settings: Settings, chain: FakeChain
) -> None:
    for height in range(72, len(chain.blocks)):
        chain.change(height, subsidy_sat=156_250_000, difficulty=DIFFICULTY * 2)
    await fetching.fetch_due(world.pool, settings)
    [held] = await rates.held(world.pool)
    assert (held.inputs.day, [each.split()[0] for each in held.held]) == (FOURTH, ["difficulty", "pool_btc_per_th"])
