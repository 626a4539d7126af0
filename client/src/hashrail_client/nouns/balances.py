# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What users can spend."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from hashrail_client.answers import Balance, BalancePage, Balances, UserBalance, WalletBalance, WalletBalancePage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class BalancesVerbs(Verbs):
    """What users can spend. Its verbs block."""

    _rows = ROWS["balances"]

    def list(self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None) -> WalletBalancePage:
        """The user's balances, one row a currency: {array}; amounts are decimal strings."""
        answer: WalletBalancePage = self._send("list", partner_user_id=partner_user_id, limit=limit, offset=offset)
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> Iterator[WalletBalance]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    def of_all(
        self,
        *,
        partner_user_id: str | None = None,
        currency: Literal["BTC", "GOMINING"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Balances:
        """What all your users can spend, a row a user and currency, newest users first: {array, position,
        nextCursor}.
        """
        answer: Balances = self._send(
            "of_all",
            partner_user_id=partner_user_id,
            currency=currency,
            changed_since=changed_since,
            limit=limit,
            offset=offset,
            cursor=cursor,
        )
        return answer

    def iterate_of_all(
        self,
        *,
        partner_user_id: str | None = None,
        currency: Literal["BTC", "GOMINING"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> Iterator[UserBalance]:
        """Each record of `of_all`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "of_all", partner_user_id=partner_user_id, currency=currency, changed_since=changed_since, limit=page_size
        )


class AsyncBalancesVerbs(AsyncVerbs):
    """What users can spend. Its verbs are awaited."""

    _rows = ROWS["balances"]

    async def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> WalletBalancePage:
        """The user's balances, one row a currency: {array}; amounts are decimal strings."""
        answer: WalletBalancePage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> AsyncIterator[WalletBalance]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    async def of_all(
        self,
        *,
        partner_user_id: str | None = None,
        currency: Literal["BTC", "GOMINING"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Balances:
        """What all your users can spend, a row a user and currency, newest users first: {array, position,
        nextCursor}.
        """
        answer: Balances = await self._send(
            "of_all",
            partner_user_id=partner_user_id,
            currency=currency,
            changed_since=changed_since,
            limit=limit,
            offset=offset,
            cursor=cursor,
        )
        return answer

    def iterate_of_all(
        self,
        *,
        partner_user_id: str | None = None,
        currency: Literal["BTC", "GOMINING"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[UserBalance]:
        """Each record of `of_all`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "of_all", partner_user_id=partner_user_id, currency=currency, changed_since=changed_since, limit=page_size
        )


class UserBalancesVerbs(Verbs):
    """What users can spend. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["balances"]

    def list(self, *, limit: int | None = None, offset: int | None = None) -> BalancePage:
        """The user's balances, one row a currency: {array}; BTC and tokens."""
        answer: BalancePage = self._send("list", limit=limit, offset=offset)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[Balance]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)


class AsyncUserBalancesVerbs(AsyncVerbs):
    """What users can spend. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["balances"]

    async def list(self, *, limit: int | None = None, offset: int | None = None) -> BalancePage:
        """The user's balances, one row a currency: {array}; BTC and tokens."""
        answer: BalancePage = await self._send("list", limit=limit, offset=offset)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[Balance]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)
