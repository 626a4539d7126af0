"""What exchanges say of a day: real readers of the library on servers that answer as ten exchanges document it."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx
import pytest

from hashrail.clock import ONE_DAY
from hashrail.market import exchanges as market
from hashrail.market.quotes import Answer
from hashrail.settings import Settings
from tests.support.exchanges import (
    PAIRS,
    SOURCES,
    TOKEN_PAIRS,
    TOKEN_SOURCES,
    Exchanges,
    Fault,
    exchanges_open,
    settings_for,
)

DAY = dt.date(2026, 3, 1)
# More digits than a binary fraction holds.
PRICE = "78862.6535044212345678"
TOKEN = "0.412345678901234567"


@pytest.fixture
async def exchanges() -> AsyncIterator[Exchanges]:
    async with exchanges_open() as made:
        made.btc = {DAY + ONE_DAY * shift: f"{70000 + shift}.5" for shift in range(-3, 4)} | {DAY: PRICE}
        made.token = {DAY + ONE_DAY * shift: f"0.{40 + shift}" for shift in range(-3, 4)} | {DAY: TOKEN}
        yield made


async def asked(exchanges: Exchanges, sources: list[str] = SOURCES, day: dt.date = DAY, **others: Any) -> list[Answer]:
    settings = Settings(**settings_for(exchanges, **others))
    async with market.Exchanges(settings) as opened:
        return await opened.daily_closes(sources, day)


async def test_each_tells_the_close_of_the_day_to_the_last_digit(exchanges: Exchanges) -> None:
    """Also where its answer has bare numbers."""
    found = await asked(exchanges, [*SOURCES, *TOKEN_SOURCES])
    assert [(each.source, each.price_usd, each.left_out) for each in found] == [
        *((source, Decimal(PRICE), None) for source in SOURCES),
        *((source, Decimal(TOKEN), None) for source in TOKEN_SOURCES),
    ]


def test_the_token_is_asked_for_where_the_settings_say() -> None:
    assert Settings().market_gomining_sources == TOKEN_SOURCES


@pytest.mark.parametrize("fault", [Fault.SHIFTED, Fault.NO_MARKET, Fault.NO_DAY, Fault.NO_PRICE])
async def test_a_token_without_a_price_of_the_day_has_none(exchanges: Exchanges, fault: Fault) -> None:
    exchanges.faults = dict.fromkeys(TOKEN_PAIRS, fault)
    found = await asked(exchanges, TOKEN_SOURCES)
    assert all(each.price_usd is None and each.left_out for each in found)


async def test_the_answer_is_kept_by_its_hash_and_address(exchanges: Exchanges) -> None:
    [kraken] = await asked(exchanges, ["kraken:BTC/USD"])
    target = next(each for each in exchanges.asked if "OHLC" in each)
    assert kraken.url == f"{exchanges.url}{target.partition('?')[0]}"
    async with httpx.AsyncClient() as client:
        raw = (await client.get(f"{exchanges.url}{target}")).content
    assert kraken.sha256 == sha256(raw).hexdigest()


async def test_a_list_of_markets_is_read_once_for_several_days(exchanges: Exchanges) -> None:
    async with market.Exchanges(Settings(**settings_for(exchanges))) as opened:
        for shift in (-2, -1):
            [found] = await opened.daily_closes(["binance:BTC/USDT"], DAY + ONE_DAY * shift)
            assert found.price_usd == Decimal(f"{70000 + shift}.5")
    assert sum("exchangeInfo" in each for each in exchanges.asked) == 1


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.SILENT])
async def test_one_at_fault_is_named_and_the_others_are_heard(exchanges: Exchanges, fault: Fault) -> None:
    """Nothing that one says, or does not, is an error of ours."""
    exchanges.faults = dict.fromkeys(list(PAIRS)[1:], fault)
    kraken, *others = await asked(exchanges)
    assert (kraken.price_usd, kraken.left_out) == (Decimal(PRICE), None)
    assert all(each.price_usd is None and each.left_out for each in others)


async def test_those_that_are_silent_are_given_up_in_time(exchanges: Exchanges) -> None:
    exchanges.faults = dict.fromkeys(PAIRS, Fault.SILENT)
    found = await asked(exchanges, market_timeout_seconds=1)
    assert found == [Answer(source, left_out="no answer within 1 s") for source in SOURCES]


async def test_one_that_recovers_is_heard_by_the_same_run(exchanges: Exchanges) -> None:
    exchanges.faults = {"bitstamp": Fault.GONE}
    async with market.Exchanges(Settings(**settings_for(exchanges))) as opened:
        [found] = await opened.daily_closes(["bitstamp:BTC/USD"], DAY)
        assert found.price_usd is None
        exchanges.faults = {}
        [found] = await opened.daily_closes(["bitstamp:BTC/USD"], DAY)
        assert found.price_usd == Decimal(PRICE)


@pytest.mark.parametrize("price", ["0", "-1", "1e30", "NaN", "Infinity", "1.0000000000000000001"])
async def test_a_price_that_is_none_does_not_count(exchanges: Exchanges, price: str) -> None:
    exchanges.own = {"coinbase": {DAY: price}}
    [found] = await asked(exchanges, ["coinbase:BTC/USD"])
    assert (found.price_usd, found.left_out) == (None, f"it has no price of {DAY}")


async def test_a_server_that_is_not_there_is_named(exchanges: Exchanges) -> None:
    found = await asked(exchanges, market_urls=dict.fromkeys(PAIRS, "http://127.0.0.1:9"))
    assert all(each.price_usd is None and each.left_out for each in found)
