# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Improving miners."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from hashrail_client.amounts import Amount
from hashrail_client.answers import PostPayment, PostPaymentPage, Price, Upgrade
from hashrail_client.arguments import EfficiencyUpgrade, PowerUpgrade
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class UpgradesVerbs(Verbs):
    """Improving miners. Its verbs block."""

    _rows = ROWS["upgrades"]

    def price(
        self, type: Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"], nft_id: int, from_: Amount, to: Amount
    ) -> Price:
        """What an upgrade costs now: {price in USD}. type is nftPowerUpgrade (TH) or nftEnergyEfficiencyUpgrade
        (W/TH).
        """
        answer: Price = self._send("price", type=type, nft_id=nft_id, from_=from_, to=to)
        return answer

    def create(self, data: EfficiencyUpgrade | PowerUpgrade, *, idempotency_key: str | None = None) -> Upgrade:
        """Improve a miner from tomorrow on; you owe the price: {id}. data is {type, nftId, fromPower, toPower} or
        {type, nftId, fromEnergyEfficiency, toEnergyEfficiency}, from its present value.
        """
        answer: Upgrade = self._send("create", data=data, idempotency_key=idempotency_key)
        return answer

    def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> PostPaymentPage:
        """What you owe for upgrades, newest first: {array, nextCursor}; value in USD."""
        answer: PostPaymentPage = self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[PostPayment]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)


class AsyncUpgradesVerbs(AsyncVerbs):
    """Improving miners. Its verbs are awaited."""

    _rows = ROWS["upgrades"]

    async def price(
        self, type: Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"], nft_id: int, from_: Amount, to: Amount
    ) -> Price:
        """What an upgrade costs now: {price in USD}. type is nftPowerUpgrade (TH) or nftEnergyEfficiencyUpgrade
        (W/TH).
        """
        answer: Price = await self._send("price", type=type, nft_id=nft_id, from_=from_, to=to)
        return answer

    async def create(self, data: EfficiencyUpgrade | PowerUpgrade, *, idempotency_key: str | None = None) -> Upgrade:
        """Improve a miner from tomorrow on; you owe the price: {id}. data is {type, nftId, fromPower, toPower} or
        {type, nftId, fromEnergyEfficiency, toEnergyEfficiency}, from its present value.
        """
        answer: Upgrade = await self._send("create", data=data, idempotency_key=idempotency_key)
        return answer

    async def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> PostPaymentPage:
        """What you owe for upgrades, newest first: {array, nextCursor}; value in USD."""
        answer: PostPaymentPage = await self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[PostPayment]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)
