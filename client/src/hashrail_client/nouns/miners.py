# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What users own."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.answers import Miner, MinerPage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class MinersVerbs(Verbs):
    """What users own. Its verbs block."""

    _rows = ROWS["miners"]

    def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> MinerPage:
        """The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH."""
        answer: MinerPage = self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> Iterator[Miner]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    def transfer(
        self, partner_user_id: str, nft_id: int, to_partner_user_id: str, *, idempotency_key: str | None = None
    ) -> bool:
        """Give a miner of the user to another of your users, who earns from tomorrow: True."""
        answer: bool = self._send(
            "transfer",
            partner_user_id=partner_user_id,
            nft_id=nft_id,
            to_partner_user_id=to_partner_user_id,
            idempotency_key=idempotency_key,
        )
        return answer


class AsyncMinersVerbs(AsyncVerbs):
    """What users own. Its verbs are awaited."""

    _rows = ROWS["miners"]

    async def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> MinerPage:
        """The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH."""
        answer: MinerPage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> AsyncIterator[Miner]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    async def transfer(
        self, partner_user_id: str, nft_id: int, to_partner_user_id: str, *, idempotency_key: str | None = None
    ) -> bool:
        """Give a miner of the user to another of your users, who earns from tomorrow: True."""
        answer: bool = await self._send(
            "transfer",
            partner_user_id=partner_user_id,
            nft_id=nft_id,
            to_partner_user_id=to_partner_user_id,
            idempotency_key=idempotency_key,
        )
        return answer


class UserMinersVerbs(Verbs):
    """What users own. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["miners"]

    def list(self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None) -> MinerPage:
        """The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH."""
        answer: MinerPage = self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[Miner]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)


class AsyncUserMinersVerbs(AsyncVerbs):
    """What users own. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["miners"]

    async def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> MinerPage:
        """The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH."""
        answer: MinerPage = await self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[Miner]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)
