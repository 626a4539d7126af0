# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Bitcoin that users sent to top up."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.answers import Deposit, DepositAddress, DepositPage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class DepositsVerbs(Verbs):
    """Bitcoin that users sent to top up. Its verbs block."""

    _rows = ROWS["deposits"]

    def address(self, partner_user_id: str) -> DepositAddress:
        """The address at which a user tops up with bitcoin, the same for ever: {address, simulated}."""
        answer: DepositAddress = self._send("address", partner_user_id=partner_user_id)
        return answer

    def list(
        self,
        *,
        partner_user_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> DepositPage:
        """Your deposits or one user's, newest first: {array, nextCursor}."""
        answer: DepositPage = self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, *, partner_user_id: str | None = None, page_size: int | None = None) -> Iterator[Deposit]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)


class AsyncDepositsVerbs(AsyncVerbs):
    """Bitcoin that users sent to top up. Its verbs are awaited."""

    _rows = ROWS["deposits"]

    async def address(self, partner_user_id: str) -> DepositAddress:
        """The address at which a user tops up with bitcoin, the same for ever: {address, simulated}."""
        answer: DepositAddress = await self._send("address", partner_user_id=partner_user_id)
        return answer

    async def list(
        self,
        *,
        partner_user_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> DepositPage:
        """Your deposits or one user's, newest first: {array, nextCursor}."""
        answer: DepositPage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, *, partner_user_id: str | None = None, page_size: int | None = None) -> AsyncIterator[Deposit]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)


class UserDepositsVerbs(Verbs):
    """Bitcoin that users sent to top up. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["deposits"]

    def address(self) -> DepositAddress:
        """The address at which the user tops up with bitcoin, the same for ever: {address, simulated}."""
        answer: DepositAddress = self._send("address")
        return answer


class AsyncUserDepositsVerbs(AsyncVerbs):
    """Bitcoin that users sent to top up. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["deposits"]

    async def address(self) -> DepositAddress:
        """The address at which the user tops up with bitcoin, the same for ever: {address, simulated}."""
        answer: DepositAddress = await self._send("address")
        return answer
