# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Addresses that users withdraw to."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.answers import Wallet, WalletPage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class WalletsVerbs(Verbs):
    """Addresses that users withdraw to. Its verbs block."""

    _rows = ROWS["wallets"]

    def bind(self, partner_user_id: str, address: str, *, idempotency_key: str | None = None) -> bool:
        """Bind a Bitcoin address to the user; again changes nothing: True."""
        answer: bool = self._send(
            "bind", partner_user_id=partner_user_id, address=address, idempotency_key=idempotency_key
        )
        return answer

    def unbind(self, partner_user_id: str, address: str, *, idempotency_key: str | None = None) -> bool:
        """Take a bound address off the user; again changes nothing, and what was asked for before is paid: True."""
        answer: bool = self._send(
            "unbind", partner_user_id=partner_user_id, address=address, idempotency_key=idempotency_key
        )
        return answer

    def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> WalletPage:
        """The user's bound addresses: {array, nextCursor}."""
        answer: WalletPage = self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> Iterator[Wallet]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)


class AsyncWalletsVerbs(AsyncVerbs):
    """Addresses that users withdraw to. Its verbs are awaited."""

    _rows = ROWS["wallets"]

    async def bind(self, partner_user_id: str, address: str, *, idempotency_key: str | None = None) -> bool:
        """Bind a Bitcoin address to the user; again changes nothing: True."""
        answer: bool = await self._send(
            "bind", partner_user_id=partner_user_id, address=address, idempotency_key=idempotency_key
        )
        return answer

    async def unbind(self, partner_user_id: str, address: str, *, idempotency_key: str | None = None) -> bool:
        """Take a bound address off the user; again changes nothing, and what was asked for before is paid: True."""
        answer: bool = await self._send(
            "unbind", partner_user_id=partner_user_id, address=address, idempotency_key=idempotency_key
        )
        return answer

    async def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> WalletPage:
        """The user's bound addresses: {array, nextCursor}."""
        answer: WalletPage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> AsyncIterator[Wallet]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)


class UserWalletsVerbs(Verbs):
    """Addresses that users withdraw to. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["wallets"]

    def bind(self, address: str, *, idempotency_key: str | None = None) -> bool:
        """Bind a Bitcoin address to the user; again changes nothing: True."""
        answer: bool = self._send("bind", address=address, idempotency_key=idempotency_key)
        return answer

    def unbind(self, address: str, *, idempotency_key: str | None = None) -> bool:
        """Take a bound address off the user; again changes nothing, and what was asked for before is paid: True."""
        answer: bool = self._send("unbind", address=address, idempotency_key=idempotency_key)
        return answer

    def list(self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None) -> WalletPage:
        """The user's bound addresses: {array, nextCursor}."""
        answer: WalletPage = self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[Wallet]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)


class AsyncUserWalletsVerbs(AsyncVerbs):
    """Addresses that users withdraw to. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["wallets"]

    async def bind(self, address: str, *, idempotency_key: str | None = None) -> bool:
        """Bind a Bitcoin address to the user; again changes nothing: True."""
        answer: bool = await self._send("bind", address=address, idempotency_key=idempotency_key)
        return answer

    async def unbind(self, address: str, *, idempotency_key: str | None = None) -> bool:
        """Take a bound address off the user; again changes nothing, and what was asked for before is paid: True."""
        answer: bool = await self._send("unbind", address=address, idempotency_key=idempotency_key)
        return answer

    async def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> WalletPage:
        """The user's bound addresses: {array, nextCursor}."""
        answer: WalletPage = await self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[Wallet]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)
