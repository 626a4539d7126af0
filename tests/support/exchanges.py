"""Public exchanges to test against: one HTTP server that answers as ten of them document it, each under its name."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hashrail import clock

DAY_SECONDS = 86400
PAIRS = {
    "kraken": "BTC/USD",
    "coinbase": "BTC/USD",
    "bitstamp": "BTC/USD",
    "bitfinex": "BTC/USD",
    "binance": "BTC/USDT",
    "okx": "BTC/USDT",
}
SOURCES = [f"{name}:{pair}" for name, pair in PAIRS.items()]
# Where the token trades: the sources that the settings have by themselves.
TOKEN_PAIRS = dict.fromkeys(("mexc", "bitget", "gate", "kucoin"), "GOMINING/USDT")
TOKEN_SOURCES = [f"{name}:{pair}" for name, pair in TOKEN_PAIRS.items()]
Candle = tuple[int, str]


class Fault(Enum):
    """What an exchange does instead of answering."""

    SILENT = "it takes the request and says nothing"
    GONE = "it ends the connection"
    RATE_LIMITED = "it answers 429"
    NO_JSON = "it answers with a page"
    NO_MARKET = "it does not trade the pair"
    NO_DAY = "it has no candle of the day"
    SHIFTED = "its days begin at another hour"
    NO_PRICE = "its candle has no price"


@dataclass
class Exchanges:
    """The server: what a coin cost at the end of each day, at all or at one of them, and who is at fault."""

    btc: dict[date, str] = field(default_factory=dict)
    token: dict[date, str] = field(default_factory=dict)
    own: dict[str, dict[date, str]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    held: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def urls(self) -> dict[str, str]:
        """Where each stands."""
        return {name: f"{self.url}/{name}" for name in (*PAIRS, *TOKEN_PAIRS)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            # Whoever was about to ask was killed.
            writer.close()
            return
        target = head.split(" ")[1]
        self.asked.append(target)
        name, _, path = target.removeprefix("/").partition("/")
        fault = self.faults.get(name)
        if fault is Fault.SILENT:
            self.held.append(writer)
            return
        if fault is not Fault.GONE:
            status, body = self._answer(name, path, fault)
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
        writer.close()

    def _answer(self, name: str, path: str, fault: Fault | None) -> tuple[int, str]:
        if fault is Fault.RATE_LIMITED:
            return 429, json.dumps({"error": "slow down"})
        if fault is Fault.NO_JSON:
            return 200, "<html>maintenance</html>"
        parts = urlsplit(path)
        return 200, ANSWERS[name](parts.path, dict(parse_qsl(parts.query)), self._candles(name, fault), fault)

    def _candles(self, name: str, fault: Fault | None) -> list[Candle]:
        """The beginning of each day in seconds, and its last price, the oldest first."""
        if fault is Fault.NO_DAY:
            return []
        prices = (self.token if name in TOKEN_PAIRS else self.btc) | self.own.get(name, {})
        shift = 8 * 3600 if fault is Fault.SHIFTED else 0
        return [
            (int(clock.start_of(day).timestamp()) + shift, "" if fault is Fault.NO_PRICE else prices[day])
            for day in sorted(prices)
        ]


def _from(candles: list[Candle], seconds: int, count: int) -> list[Candle]:
    return [each for each in candles if each[0] >= seconds][:count]


def _kraken(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "0/public/AssetPairs":
        pair = {
            "altname": "XBTUSD",
            "wsname": "XBT/USD",
            "base": "XXBT",
            "quote": "ZUSD",
            "pair_decimals": 1,
            "lot_decimals": 8,
            "leverage_buy": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
            "ordermin": "0.00005",
            "costmin": "0.5",
            "tick_size": "0.1",
            "status": "online",
        }
        return json.dumps({"error": [], "result": {} if fault is Fault.NO_MARKET else {"XXBTZUSD": pair}})
    assert (path, query["interval"]) == ("0/public/OHLC", "1440")
    rows = [[at, price, price, price, price, price, "1.0", 9] for at, price in candles if at > int(query["since"])]
    return json.dumps({"error": [], "result": {"XXBTZUSD": rows, "last": candles[-1][0] if candles else 0}})


def _coinbase(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v3/brokerage/market/products":
        product = {
            "product_id": "BTC-USD",
            "product_type": "SPOT",
            "base_currency_id": "BTC",
            "trading_disabled": False,
            "quote_currency_id": "USD",
            "base_increment": "0.00000001",
            "price_increment": "0.01",
            "alias_to": [],
        }
        spot = "product_type" not in query and fault is not Fault.NO_MARKET
        return json.dumps({"products": [product] if spot else [], "num_products": 1})
    assert path == "api/v3/brokerage/market/products/BTC-USD/candles"
    assert query["granularity"] == "ONE_DAY"
    rows = [
        {"start": str(at), "low": price, "high": price, "open": price, "close": price, "volume": "1"}
        for at, price in candles
        if int(query["start"]) <= at <= int(query["end"])
    ]
    return json.dumps({"candles": rows[::-1]})


def _bitstamp(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v2/markets/":
        market = {
            "name": "BTC/USD",
            "market_symbol": "btcusd",
            "base_currency": "BTC",
            "base_decimals": 8,
            "counter_currency": "USD",
            "counter_decimals": 0,
            "minimum_order_value": "10",
            "trading": "Enabled",
            "market_type": "SPOT",
            "instant_order_counter_decimals": 2,
        }
        return json.dumps([] if fault is Fault.NO_MARKET else [market])
    assert (path, query["step"]) == ("api/v2/ohlc/btcusd/", "86400")
    rows = [
        {"timestamp": str(at), "open": price, "high": price, "low": price, "close": price, "volume": "1"}
        for at, price in _from(candles, int(query["start"]), int(query["limit"]))
    ]
    return json.dumps({"data": {"pair": "BTC/USD", "ohlc": rows}})


def _bitfinex(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path.startswith("v2/conf/"):
        pair = ["BTCUSD", [None, None, None, "0.00004", "2000.0", None, None, None, 0.1, 0.05]]
        return json.dumps([[] if fault is Fault.NO_MARKET else [pair], [], [], []])
    assert path == "v2/candles/trade:1D:tBTCUSD/hist"
    # Bare numbers, and the close before the high.
    rows = [
        f"[{at * 1000},{price or 'null'},{price or 'null'},{price or 'null'},{price or 'null'},1.5]"
        for at, price in _from(candles, int(query["start"]) // 1000, int(query["limit"]))
    ]
    return f"[{','.join(rows)}]"


def _binance(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v3/exchangeInfo":
        symbol = {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "isSpotTradingAllowed": True,
            "permissions": ["SPOT"],
            "isMarginTradingAllowed": False,
            "orderTypes": ["LIMIT"],
            "filters": [],
        }
        return json.dumps({"timezone": "UTC", "symbols": [] if fault is Fault.NO_MARKET else [symbol]})
    assert (path, query["symbol"], query["interval"]) == ("api/v3/klines", "BTCUSDT", "1d")
    rows = [
        [at * 1000, price, price, price, price, "1.0", (at + DAY_SECONDS) * 1000 - 1, "1.0", 9, "1.0", "1.0", "0"]
        for at, price in _from(candles, int(query["startTime"]) // 1000, int(query["limit"]))
    ]
    return json.dumps(rows)


def _okx(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v5/public/instruments":
        assert query["instType"] == "SPOT"
        instrument = {
            "instId": "BTC-USDT",
            "instType": "SPOT",
            "baseCcy": "BTC",
            "quoteCcy": "USDT",
            "state": "live",
            "tickSz": "0.1",
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "lever": "10",
            "uly": "",
            "settleCcy": "",
        }
        return json.dumps({"code": "0", "msg": "", "data": [] if fault is Fault.NO_MARKET else [instrument]})
    assert path in ("api/v5/market/candles", "api/v5/market/history-candles")
    assert (query["instId"], query["bar"]) == ("BTC-USDT", "1Dutc")
    rows = [
        [str(at * 1000), price, price, price, price, "1", "1", "1", "1"]
        for at, price in candles
        if int(query["before"]) < at * 1000 < int(query["after"])
    ]
    return json.dumps({"code": "0", "msg": "", "data": rows[::-1]})


def _mexc(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v1/contract/detail":
        return json.dumps({"success": True, "code": 0, "data": []})
    if path == "api/v3/exchangeInfo":
        symbol = {
            "symbol": "GOMININGUSDT",
            "status": "1",
            "baseAsset": "GOMINING",
            "baseAssetPrecision": 2,
            "quoteAsset": "USDT",
            "quotePrecision": 5,
            "quoteAssetPrecision": 5,
            "baseSizePrecision": "0",
            "quoteAmountPrecision": "1",
            "maxQuoteAmount": "2000000",
            "makerCommission": "0",
            "takerCommission": "0.0005",
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
            "permissions": ["SPOT"],
            "filters": [],
        }
        return json.dumps({"timezone": "CST", "symbols": [] if fault is Fault.NO_MARKET else [symbol]})
    assert (path, query["symbol"], query["interval"]) == ("api/v3/klines", "GOMININGUSDT", "1d")
    rows = [
        [at * 1000, price, price, price, price, "1.0", (at + DAY_SECONDS) * 1000, "1.0"]
        for at, price in _from(candles, int(query["startTime"]) // 1000, int(query["limit"]))
    ]
    return json.dumps(rows)


def _bitget(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    whole = {"code": "00000", "msg": "success", "requestTime": 1772323200000}
    if path == "api/v2/margin/currencies":
        return json.dumps({**whole, "data": []})
    if path == "api/v2/spot/public/symbols":
        symbol = {
            "symbol": "GOMININGUSDT",
            "baseCoin": "GOMINING",
            "quoteCoin": "USDT",
            "minTradeAmount": "0",
            "maxTradeAmount": "900000000000000000000",
            "takerFeeRate": "0.002",
            "makerFeeRate": "0.002",
            "pricePrecision": "5",
            "quantityPrecision": "2",
            "quotePrecision": "7",
            "status": "online",
            "minTradeUSDT": "1",
        }
        return json.dumps({**whole, "data": [] if fault is Fault.NO_MARKET else [symbol]})
    assert path in ("api/v2/spot/market/candles", "api/v2/spot/market/history-candles")
    assert (query["symbol"], query["granularity"]) == ("GOMININGUSDT", "1Dutc")
    rows = [
        [str(at * 1000), price, price, price, price, "1", "1", "1"]
        for at, price in candles
        if int(query["startTime"]) <= at * 1000 < int(query["endTime"])
    ]
    return json.dumps({**whole, "data": rows})


def _gate(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v4/margin/currency_pairs":
        return "[]"
    if path == "api/v4/spot/currency_pairs":
        pair = {
            "id": "GOMINING_USDT",
            "base": "GOMINING",
            "quote": "USDT",
            "fee": "0.2",
            "min_base_amount": "1",
            "min_quote_amount": "3",
            "amount_precision": 2,
            "precision": 5,
            "trade_status": "tradable",
            "sell_start": 0,
            "buy_start": 0,
        }
        return json.dumps([] if fault is Fault.NO_MARKET else [pair])
    assert path == "api/v4/spot/candlesticks"
    assert (query["currency_pair"], query["interval"]) == ("GOMINING_USDT", "1d")
    # Seconds, what was traded, and the close before the high.
    rows = [
        [str(at), "1.0", price, price, price, price, "1.0", "true"]
        for at, price in candles
        if int(query["from"]) <= at <= int(query["to"])
    ]
    return json.dumps(rows)


def _kucoin(path: str, query: dict[str, str], candles: list[Candle], fault: Fault | None) -> str:
    if path == "api/v1/market/allTickers":
        ticker = {"symbol": "GOMINING-USDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}
        return json.dumps({"code": "200000", "data": {"time": 1772323200000, "ticker": [ticker]}})
    if path in ("api/v1/symbols", "api/v2/symbols"):
        symbol = {
            "symbol": "GOMINING-USDT",
            "name": "GOMINING-USDT",
            "baseCurrency": "GOMINING",
            "quoteCurrency": "USDT",
            "feeCurrency": "USDT",
            "market": "USDS",
            "baseMinSize": "1",
            "quoteMinSize": "0.1",
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": "0.0001",
            "quoteIncrement": "0.0001",
            "priceIncrement": "0.0001",
            "isMarginEnabled": False,
            "enableTrading": True,
        }
        return json.dumps({"code": "200000", "data": [] if fault is Fault.NO_MARKET else [symbol]})
    assert path == "api/v1/market/candles"
    assert (query["symbol"], query["type"]) == ("GOMINING-USDT", "1day")
    # Seconds, the close behind the open, the newest first.
    rows = [
        [str(at), price, price, price, price, "1.0", "1.0"]
        for at, price in candles
        if int(query["startAt"]) <= at < int(query["endAt"])
    ]
    return json.dumps({"code": "200000", "data": rows[::-1]})


ANSWERS: dict[str, Callable[[str, dict[str, str], list[Candle], Fault | None], str]] = {
    "kraken": _kraken,
    "coinbase": _coinbase,
    "bitstamp": _bitstamp,
    "bitfinex": _bitfinex,
    "binance": _binance,
    "okx": _okx,
    "mexc": _mexc,
    "bitget": _bitget,
    "gate": _gate,
    "kucoin": _kucoin,
}


def settings_for(exchanges: Exchanges, **others: Any) -> dict[str, Any]:
    """Settings that ask these exchanges for bitcoin, and take the token's price from the settings."""
    asked = {"market_btc_sources": SOURCES, "market_gomining_sources": [], "market_urls": exchanges.urls}
    return {**asked, "market_timeout_seconds": 60, **others}


def moment(day: date) -> datetime:
    """Noon of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@asynccontextmanager
async def exchanges_open() -> AsyncIterator[Exchanges]:
    """The exchanges, listening."""
    made = Exchanges()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        for each in made.held:
            each.close()
        server.close()
        await server.wait_closed()
