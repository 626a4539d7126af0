# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What users gave to dashboards to read with."""

from hashrail_client.answers import NewReadToken, ReadTokenPage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class ReadTokensVerbs(Verbs):
    """What users gave to dashboards to read with. Its verbs block."""

    _rows = ROWS["read_tokens"]

    def list(self, partner_user_id: str) -> ReadTokenPage:
        """The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn."""
        answer: ReadTokenPage = self._send("list", partner_user_id=partner_user_id)
        return answer

    def revoke(self, partner_user_id: str, id: str, *, idempotency_key: str | None = None) -> bool:
        """Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing."""
        answer: bool = self._send("revoke", partner_user_id=partner_user_id, id=id, idempotency_key=idempotency_key)
        return answer


class AsyncReadTokensVerbs(AsyncVerbs):
    """What users gave to dashboards to read with. Its verbs are awaited."""

    _rows = ROWS["read_tokens"]

    async def list(self, partner_user_id: str) -> ReadTokenPage:
        """The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn."""
        answer: ReadTokenPage = await self._send("list", partner_user_id=partner_user_id)
        return answer

    async def revoke(self, partner_user_id: str, id: str, *, idempotency_key: str | None = None) -> bool:
        """Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing."""
        answer: bool = await self._send(
            "revoke", partner_user_id=partner_user_id, id=id, idempotency_key=idempotency_key
        )
        return answer


class UserReadTokensVerbs(Verbs):
    """What users gave to dashboards to read with. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["read_tokens"]

    def create(self, name: str, days: int, *, idempotency_key: str | None = None) -> NewReadToken:
        """Make a token that only reads, for a dashboard and some days: {id, name, token, expiresAt}; shown this
        once.
        """
        answer: NewReadToken = self._send("create", name=name, days=days, idempotency_key=idempotency_key)
        return answer

    def list(self) -> ReadTokenPage:
        """The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn."""
        answer: ReadTokenPage = self._send("list")
        return answer

    def revoke(self, id: str, *, idempotency_key: str | None = None) -> bool:
        """Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing."""
        answer: bool = self._send("revoke", id=id, idempotency_key=idempotency_key)
        return answer


class AsyncUserReadTokensVerbs(AsyncVerbs):
    """What users gave to dashboards to read with. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["read_tokens"]

    async def create(self, name: str, days: int, *, idempotency_key: str | None = None) -> NewReadToken:
        """Make a token that only reads, for a dashboard and some days: {id, name, token, expiresAt}; shown this
        once.
        """
        answer: NewReadToken = await self._send("create", name=name, days=days, idempotency_key=idempotency_key)
        return answer

    async def list(self) -> ReadTokenPage:
        """The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn."""
        answer: ReadTokenPage = await self._send("list")
        return answer

    async def revoke(self, id: str, *, idempotency_key: str | None = None) -> bool:
        """Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing."""
        answer: bool = await self._send("revoke", id=id, idempotency_key=idempotency_key)
        return answer
