# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Prices of the last closed day."""

from hashrail_client.answers import ExchangeRatePage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class ExchangeVerbs(Verbs):
    """Prices of the last closed day. Its verbs block."""

    _rows = ROWS["exchange"]

    def prices(self) -> ExchangeRatePage:
        """Prices of the last closed day: {array}; symbol and price in USD."""
        answer: ExchangeRatePage = self._send("prices")
        return answer


class AsyncExchangeVerbs(AsyncVerbs):
    """Prices of the last closed day. Its verbs are awaited."""

    _rows = ROWS["exchange"]

    async def prices(self) -> ExchangeRatePage:
        """Prices of the last closed day: {array}; symbol and price in USD."""
        answer: ExchangeRatePage = await self._send("prices")
        return answer


class UserExchangeVerbs(Verbs):
    """Prices of the last closed day. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["exchange"]

    def prices(self) -> ExchangeRatePage:
        """Prices of the last closed day: {array}; symbol and price in USD."""
        answer: ExchangeRatePage = self._send("prices")
        return answer


class AsyncUserExchangeVerbs(AsyncVerbs):
    """Prices of the last closed day. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["exchange"]

    async def prices(self) -> ExchangeRatePage:
        """Prices of the last closed day: {array}; symbol and price in USD."""
        answer: ExchangeRatePage = await self._send("prices")
        return answer
