"""A user's client: it calls with the user's token, and gets new tokens when the old ones come to their end.

A token lives for minutes. It is renewed shortly before it ends, by its own `exp`, and where the server says that it has
ended; many callers at once renew it once. A refresh token is used up by that, so whoever keeps tokens is told of each
new pair (`on_change`).
"""

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from typing import Any, TypedDict

from hashrail_client.calls import Call
from hashrail_client.errors import AuthenticationError
from hashrail_client.nouns import AsyncUserNouns, UserNouns
from hashrail_client.sending import AsyncSender, Sender
from hashrail_client.tables import ROWS

EARLY_MS = 30_000
ENDED = "TOKEN_EXPIRED"
REFRESH = ROWS["ton"]["refresh"]


class TokenPair(TypedDict):
    """What a login answers, or as much of it as was kept."""

    jwtToken: str
    refreshToken: str


class Tokens:
    """The pair that is used now."""

    def __init__(
        self, pair: TokenPair, clock: Callable[[], int], on_change: Callable[[TokenPair], None] | None
    ) -> None:
        self.pair = pair
        self._clock = clock
        self._on_change = on_change
        self._ends_at_ms = ends_at_ms(pair["jwtToken"])

    @property
    def headers(self) -> dict[str, str]:
        """What a call carries."""
        return {"Authorization": f"Bearer {self.pair['jwtToken']}"}

    @property
    def are_ending(self) -> bool:
        """Whether the token has ended, or will in a moment. One that tells no end is used until it is refused."""
        return self._ends_at_ms is not None and self._clock() > self._ends_at_ms - EARLY_MS

    @property
    def renewal(self) -> Call:
        """The call that changes the refresh token for a new pair."""
        return Call.of(REFRESH, {"refresh_token": self.pair["refreshToken"]})

    def take(self, answer: TokenPair) -> None:
        """Use the new pair from now on, and tell whoever keeps it."""
        self.pair = {"jwtToken": answer["jwtToken"], "refreshToken": answer["refreshToken"]}
        self._ends_at_ms = ends_at_ms(answer["jwtToken"])
        if self._on_change is not None:
            self._on_change(self.pair)


def ends_at_ms(token: str) -> int | None:
    """When a token ends by its own words, in milliseconds since 1970 UTC; None where it does not say so."""
    try:
        claims = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return int(told["exp"]) * 1000
    except (IndexError, KeyError, TypeError, ValueError):
        return None


class UserHashrail(UserNouns):
    """What one user's client may do, for code that blocks; made by `Hashrail.as_user`."""

    def __init__(self, sender: Sender, tokens: Tokens) -> None:
        super().__init__(self._send)
        self._sender = sender
        self._tokens = tokens
        self._renewing = threading.Lock()

    @property
    def tokens(self) -> TokenPair:
        """The pair that is used now."""
        return self._tokens.pair

    def _send(self, call: Call) -> Any:
        if self._tokens.are_ending:
            self._renew(self.tokens)
        used = self.tokens
        try:
            return self._sender.send(call, self._tokens.headers, None)
        except AuthenticationError as error:
            if error.code != ENDED:
                raise
        self._renew(used)
        return self._sender.send(call, self._tokens.headers, None)

    def _renew(self, used: TokenPair) -> None:
        """Get a new pair, unless another thread has done so meanwhile."""
        with self._renewing:
            if self.tokens is used:
                self._tokens.take(self._sender.send(self._tokens.renewal, {}, None))


class AsyncUserHashrail(AsyncUserNouns):
    """What one user's client may do, awaited; made by `AsyncHashrail.as_user`."""

    def __init__(self, sender: AsyncSender, tokens: Tokens) -> None:
        super().__init__(self._send)
        self._sender = sender
        self._tokens = tokens
        self._renewing = asyncio.Lock()

    @property
    def tokens(self) -> TokenPair:
        """The pair that is used now."""
        return self._tokens.pair

    async def _send(self, call: Call) -> Any:
        if self._tokens.are_ending:
            await self._renew(self.tokens)
        used = self.tokens
        try:
            return await self._sender.send(call, self._tokens.headers, None)
        except AuthenticationError as error:
            if error.code != ENDED:
                raise
        await self._renew(used)
        return await self._sender.send(call, self._tokens.headers, None)

    async def _renew(self, used: TokenPair) -> None:
        """Get a new pair, unless another task has done so meanwhile."""
        async with self._renewing:
            if self.tokens is used:
                self._tokens.take(await self._sender.send(self._tokens.renewal, {}, None))
