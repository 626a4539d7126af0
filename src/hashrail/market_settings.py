"""Settings of what the worker asks the markets; `settings` has them beside all others."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, field_validator, model_validator

from hashrail import venues

# An exchange of ccxt with the pair that it is asked for.
SOURCE = re.compile("[a-z][a-z0-9]*:[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")


class MarketSettings(BaseModel):
    """Where the worker gets the price of a day, and when it is believed."""

    market_fetch: bool = True
    """Let the worker fetch each day's figures, where there is a node and a first day was entered."""

    market_btc_sources: list[str] = [
        *("kraken:BTC/USD", "coinbase:BTC/USD", "bitstamp:BTC/USD", "bitfinex:BTC/USD"),
        *("binance:BTC/USDT", "okx:BTC/USDT"),
    ]
    """Exchanges of the library ccxt with the pair that each is asked for, for the price of a bitcoin in USD."""

    market_gomining_sources: list[str] = [
        *("mexc:GOMINING/USDT", "bitget:GOMINING/USDT", "gate:GOMINING/USDT", "kucoin:GOMINING/USDT")
    ]
    """The same for the price of the token; with `[]` it is `gomining_usd`."""

    market_urls: dict[str, Annotated[str, Field(pattern="^https?://.")]] = Field(default_factory=dict)
    """Another address by exchange, for a proxy or a test: {"kraken": "http://127.0.0.1:8000"}; paths stay."""

    market_quorum: int = Field(default=3, ge=3, le=20)
    """How many sources must agree on a price; with fewer the day waits."""

    market_deviation: Decimal = Field(default=Decimal("0.02"), gt=0, le=Decimal("0.5"), decimal_places=4)
    """How far a source may lie from the median of all, a fraction; one further off is left out."""

    market_timeout_seconds: int = Field(default=30, ge=1, le=300)
    """How long an exchange may take to tell a price."""

    @field_validator("market_btc_sources", "market_gomining_sources")
    @classmethod
    def _sources(cls, value: list[str]) -> list[str]:
        """Each is an exchange that the library has with a pair, and none has two voices."""
        for text in value:
            if not SOURCE.fullmatch(text):
                raise ValueError(f"{text!r} is not an exchange and a pair, like kraken:BTC/USD")
        names = [text.partition(":")[0] for text in value]
        venues.check(names)
        if len({venues.of(name) for name in names}) < len(names):
            raise ValueError("an exchange is named twice: it would have two voices")
        return value

    @field_validator("market_urls")
    @classmethod
    def _urls(cls, value: dict[str, str]) -> dict[str, str]:
        """For exchanges that there are."""
        venues.check(value)
        return value

    @model_validator(mode="after")
    def _enough(self) -> "MarketSettings":
        """So many sources as have to agree; none for the token says its price is fixed."""
        for name in ("market_btc_sources", "market_gomining_sources"):
            count = len(getattr(self, name))
            if count < self.market_quorum and (count or name == "market_btc_sources"):
                raise ValueError(f"{name} has {count} sources, and {self.market_quorum} have to agree")
        return self
