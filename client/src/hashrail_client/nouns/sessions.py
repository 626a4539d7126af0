# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Where users are logged in."""

from hashrail_client.answers import Ended, SessionPage
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class SessionsVerbs(Verbs):
    """Where users are logged in. Its verbs block."""

    _rows = ROWS["sessions"]

    def list(self, partner_user_id: str) -> SessionPage:
        """The user's open sessions, the last renewed first: {array}; id, apiKey, createdAt, renewedAt, endsAt."""
        answer: SessionPage = self._send("list", partner_user_id=partner_user_id)
        return answer

    def end(self, partner_user_id: str, *, id: str | None = None, idempotency_key: str | None = None) -> Ended:
        """End all sessions of the user, or the one with that id: {ended}. Their tokens are refused from then on."""
        answer: Ended = self._send("end", partner_user_id=partner_user_id, id=id, idempotency_key=idempotency_key)
        return answer

    def log_out(self, refresh_token: str, *, idempotency_key: str | None = None) -> bool:
        """End the session of a refresh token; again changes nothing: True. The call needs no key."""
        answer: bool = self._send("log_out", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer


class AsyncSessionsVerbs(AsyncVerbs):
    """Where users are logged in. Its verbs are awaited."""

    _rows = ROWS["sessions"]

    async def list(self, partner_user_id: str) -> SessionPage:
        """The user's open sessions, the last renewed first: {array}; id, apiKey, createdAt, renewedAt, endsAt."""
        answer: SessionPage = await self._send("list", partner_user_id=partner_user_id)
        return answer

    async def end(self, partner_user_id: str, *, id: str | None = None, idempotency_key: str | None = None) -> Ended:
        """End all sessions of the user, or the one with that id: {ended}. Their tokens are refused from then on."""
        answer: Ended = await self._send("end", partner_user_id=partner_user_id, id=id, idempotency_key=idempotency_key)
        return answer

    async def log_out(self, refresh_token: str, *, idempotency_key: str | None = None) -> bool:
        """End the session of a refresh token; again changes nothing: True. The call needs no key."""
        answer: bool = await self._send("log_out", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer
