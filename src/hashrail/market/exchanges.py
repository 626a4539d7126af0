"""What public exchanges paid for a coin on a day.

The price of a day is the close of its daily candle: the last trade before 24:00 UTC. Every exchange keeps it for years
and tells the same of it whenever it is asked, while hourly prices are gone after a month. The candle has to begin at
00:00 UTC of that very day, and the day has to be over.

`ccxt` knows how each exchange is asked and how its answer reads. It takes about a second to import, so it is imported
when it is used. Prices are read from the text of the answer, never through a binary fraction.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import Any, Self

from hashrail import clock
from hashrail.market.quotes import Answer
from hashrail.money import is_amount
from hashrail.settings import Settings

HOST = re.compile(r"https?://[^/]+")
CLOSE = 4
MOST_TEXT = 200
MILLIS = 1000
# What an answer that is not as documented makes of the library's readers.
MISREAD = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError, OSError)


class Exchanges:
    """The exchanges that a run asks. Use it as an asynchronous context: it keeps connections and lists of markets."""

    def __init__(self, settings: Settings) -> None:
        self._urls, self._timeout_seconds = settings.market_urls, settings.market_timeout_seconds
        self._open: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        # Beside the loop, and not within the time that an exchange has.
        await asyncio.to_thread(_library)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # At once: each waits for its connections to end.
        await asyncio.gather(*(self._drop(name) for name in list(self._open)))

    async def daily_closes(self, sources: Iterable[str], day: date) -> list[Answer]:
        """What each source, like "kraken:BTC/USD", says of a day that is over, in their order.

        One that is silent, late, or says something else answers why; nothing is raised for it.
        """
        return list(await asyncio.gather(*(self._close_of(each, day) for each in sources)))

    async def _close_of(self, source: str, day: date) -> Answer:
        name, _, symbol = source.partition(":")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._ask(source, name, symbol, day)
        except TimeoutError:
            told = f"no answer within {self._timeout_seconds} s"
        except (_library().BaseError, *MISREAD) as error:
            told = _told(error)
        await self._drop(name)
        return Answer(source, left_out=told)

    async def _ask(self, source: str, name: str, symbol: str, day: date) -> Answer:
        exchange = self._open.get(name)
        if exchange is None:
            exchange = self._open[name] = _made(name, self._urls.get(name), self._timeout_seconds)
        if symbol not in await exchange.load_markets():
            return Answer(source, left_out=f"it tells no market of {symbol}")
        start = int(clock.start_of(day).timestamp()) * MILLIS
        candles = await exchange.fetch_ohlcv(symbol, "1d", since=start, limit=2)
        body, url = str(exchange.last_http_response or ""), str(exchange.last_request_url).partition("?")[0]
        digest, price = hashlib.sha256(body.encode()).hexdigest(), _price(candles, start)
        return Answer(source, price, url, digest, None if price is not None else f"it has no price of {day}")

    async def _drop(self, name: str) -> None:
        """Close what was opened; after a failure it is begun anew."""
        exchange = self._open.pop(name, None)
        if exchange is not None:
            await exchange.close()


def _made(name: str, url: str | None, timeout_seconds: int) -> Any:
    """An exchange of the library, asked at `url` where one is given, for spot markets only."""
    # Its own pace is kept by the library; whoever names another address has none to keep.
    exchange = getattr(_library(), name)({"timeout": timeout_seconds * MILLIS, "enableRateLimit": url is None})
    # Texts instead of binary fractions, also where the answer has bare numbers.
    exchange.number = str
    exchange.on_json_response = _read_exactly
    exchange.has["fetchCurrencies"] = False
    markets = exchange.options.get("fetchMarkets")
    if isinstance(markets, dict) and isinstance(markets.get("types"), list):
        markets["types"] = ["spot"]
    if url is not None:
        exchange.urls["api"] = _moved(exchange.urls["api"], url.rstrip("/"))
        if url.startswith("http://"):
            # A quarter of a second in which TLS ends.
            exchange.timeout_on_exit = 0
    return exchange


def _library() -> Any:
    """The library, imported when it is used."""
    import ccxt.async_support as library  # noqa: PLC0415

    return library


def _read_exactly(text: str) -> Any:
    return json.loads(text, parse_float=str)


def _moved(places: Any, url: str) -> Any:
    """The addresses of an exchange, at another host with the same paths."""
    if isinstance(places, Mapping):
        return {name: _moved(place, url) for name, place in places.items()}
    return HOST.sub(lambda _: url, places) if isinstance(places, str) else places


def _price(candles: Any, start: int) -> Decimal | None:
    """The close of the candle that begins at `start`; None where there is none, or no price."""
    for candle in candles:
        if int(candle[0]) == start:
            try:
                price = Decimal(str(candle[CLOSE]))
            except InvalidOperation:
                return None
            return price if is_amount(price) and price > 0 else None
    return None


def _told(error: Exception) -> str:
    """What went wrong, in a line that fits a table."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return f"{kind}: {text[:MOST_TEXT]}" if text else kind
