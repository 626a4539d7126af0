# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Logins with a TON wallet."""

from collections.abc import Mapping

from hashrail_client.answers import Payload, Tokens
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class TonVerbs(Verbs):
    """Logins with a TON wallet. Its verbs block."""

    _rows = ROWS["ton"]

    def generate_payload(self, partner_id: str, *, idempotency_key: str | None = None) -> Payload:
        """A text for a user's TON wallet to sign: {payload}. partner_id is your public id. It opens one session."""
        answer: Payload = self._send("generate_payload", partner_id=partner_id, idempotency_key=idempotency_key)
        return answer

    def check_proof(self, ton_wallet: Mapping[str, object], *, idempotency_key: str | None = None) -> Tokens:
        """Register or log in the user whose wallet signed: {jwtToken, refreshToken, userId, partnerUserId}."""
        answer: Tokens = self._send("check_proof", ton_wallet=ton_wallet, idempotency_key=idempotency_key)
        return answer

    def refresh(self, refresh_token: str, *, idempotency_key: str | None = None) -> Tokens:
        """Change a refresh token for two new tokens, as users.refresh does, but the call needs no key."""
        answer: Tokens = self._send("refresh", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer


class AsyncTonVerbs(AsyncVerbs):
    """Logins with a TON wallet. Its verbs are awaited."""

    _rows = ROWS["ton"]

    async def generate_payload(self, partner_id: str, *, idempotency_key: str | None = None) -> Payload:
        """A text for a user's TON wallet to sign: {payload}. partner_id is your public id. It opens one session."""
        answer: Payload = await self._send("generate_payload", partner_id=partner_id, idempotency_key=idempotency_key)
        return answer

    async def check_proof(self, ton_wallet: Mapping[str, object], *, idempotency_key: str | None = None) -> Tokens:
        """Register or log in the user whose wallet signed: {jwtToken, refreshToken, userId, partnerUserId}."""
        answer: Tokens = await self._send("check_proof", ton_wallet=ton_wallet, idempotency_key=idempotency_key)
        return answer

    async def refresh(self, refresh_token: str, *, idempotency_key: str | None = None) -> Tokens:
        """Change a refresh token for two new tokens, as users.refresh does, but the call needs no key."""
        answer: Tokens = await self._send("refresh", refresh_token=refresh_token, idempotency_key=idempotency_key)
        return answer
