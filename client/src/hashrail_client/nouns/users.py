# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Your users."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from hashrail_client.answers import ListedUser, Statistics, Tokens, Users
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class UsersVerbs(Verbs):
    """Your users. Its verbs block."""

    _rows = ROWS["users"]

    def login(self, partner_user_id: str, *, email: str | None = None, idempotency_key: str | None = None) -> Tokens:
        """Register the user, or log an existing one in: {jwtToken, refreshToken, userId}."""
        answer: Tokens = self._send(
            "login", partner_user_id=partner_user_id, email=email, idempotency_key=idempotency_key
        )
        return answer

    def refresh(self, refresh_token: str, *, idempotency_key: str | None = None) -> Tokens:
        """Change a refresh token for two new tokens: {jwtToken, refreshToken}."""
        answer: Tokens = self._send("refresh", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer

    def statistics(self, partner_user_id: str) -> Statistics:
        """A user and their totals: {user, stats}; totalPowerTH in TH, totalIncome in BTC."""
        answer: Statistics = self._send("statistics", partner_user_id=partner_user_id)
        return answer

    def list(
        self,
        *,
        state: Literal["active", "blocked"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Users:
        """Your users, newest first: {array, position, nextCursor}. changed_since is the position of an earlier
        answer.
        """
        answer: Users = self._send(
            "list", state=state, changed_since=changed_since, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(
        self,
        *,
        state: Literal["active", "blocked"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> Iterator[ListedUser]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", state=state, changed_since=changed_since, limit=page_size)


class AsyncUsersVerbs(AsyncVerbs):
    """Your users. Its verbs are awaited."""

    _rows = ROWS["users"]

    async def login(
        self, partner_user_id: str, *, email: str | None = None, idempotency_key: str | None = None
    ) -> Tokens:
        """Register the user, or log an existing one in: {jwtToken, refreshToken, userId}."""
        answer: Tokens = await self._send(
            "login", partner_user_id=partner_user_id, email=email, idempotency_key=idempotency_key
        )
        return answer

    async def refresh(self, refresh_token: str, *, idempotency_key: str | None = None) -> Tokens:
        """Change a refresh token for two new tokens: {jwtToken, refreshToken}."""
        answer: Tokens = await self._send("refresh", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer

    async def statistics(self, partner_user_id: str) -> Statistics:
        """A user and their totals: {user, stats}; totalPowerTH in TH, totalIncome in BTC."""
        answer: Statistics = await self._send("statistics", partner_user_id=partner_user_id)
        return answer

    async def list(
        self,
        *,
        state: Literal["active", "blocked"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Users:
        """Your users, newest first: {array, position, nextCursor}. changed_since is the position of an earlier
        answer.
        """
        answer: Users = await self._send(
            "list", state=state, changed_since=changed_since, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(
        self,
        *,
        state: Literal["active", "blocked"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[ListedUser]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", state=state, changed_since=changed_since, limit=page_size)
